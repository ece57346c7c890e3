//! The edge as clients see it: a node in this process, asked over a real port.

mod accounts;
mod auth;
mod events;
mod explain;
mod grpc;
mod grpc_input;
mod input;
mod limits;
mod metrics;
mod nodes;
mod openai;
mod quarantine;
mod rest;
mod support;
mod uploads;
mod webhook;
