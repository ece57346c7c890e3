//! The edge as clients see it: a node in this process, asked over a real port.

mod rest;
mod support;
