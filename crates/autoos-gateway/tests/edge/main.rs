//! The edge as clients see it: a node in this process, asked over a real port.

mod auth;
mod events;
mod grpc;
mod grpc_input;
mod input;
mod limits;
mod metrics;
mod quarantine;
mod rest;
mod support;
mod uploads;
mod webhook;
