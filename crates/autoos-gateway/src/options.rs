//! How the edge is tuned.

use crate::openai::OpenaiOptions;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Limits and times of the edge. Every limit is refused above, at once and with a hint; nothing
/// queues without bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Requests that are worked on at once.
    pub max_requests: usize,
    /// Places kept beyond those for health, cancelling and answers to escalations.
    pub reserved_requests: usize,
    /// Watches, subscriptions and event streams that are open at once.
    pub max_streams: usize,
    /// Connections that are open at once; more wait in the listener's backlog.
    pub max_connections: usize,
    /// Bytes of the body of a request.
    pub max_body_bytes: usize,
    /// Bytes of the body of a submission, whose contexts can be inline.
    pub max_intent_bytes: usize,
    /// Bytes of all bodies that are in memory at once.
    pub max_bodies_bytes: usize,
    /// Bytes of one upload.
    pub max_upload_bytes: u64,
    /// Uploads that run at once.
    pub max_uploads: usize,
    /// A request may take so long, in milliseconds; a client can ask for less. Streams and
    /// uploads are bounded between their pieces instead.
    pub request_timeout_ms: u64,
    /// An upload that sends nothing for so long is given up, in milliseconds.
    pub upload_idle_ms: u64,
    /// A connection that is silent for so long is asked whether it lives, in milliseconds; half
    /// of it later it is closed.
    pub keepalive_ms: u64,
    /// Requests that run when the node stops may take so long to end, in milliseconds.
    pub drain_ms: u64,
    /// Where uploads are kept; none takes no uploads.
    pub uploads: Option<PathBuf>,
    /// Clients may name files of the node as contexts below these folders, and nowhere else.
    pub file_roots: Vec<PathBuf>,
    /// Calls in OpenAI's format.
    pub openai: OpenaiOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_requests: 1_024,
            reserved_requests: 64,
            max_streams: 4_096,
            max_connections: 8_192,
            max_body_bytes: 1 << 20,
            max_intent_bytes: 32 << 20,
            max_bodies_bytes: 256 << 20,
            max_upload_bytes: 4 << 30,
            max_uploads: 16,
            request_timeout_ms: 60_000,
            upload_idle_ms: 30_000,
            keepalive_ms: 20_000,
            drain_ms: 10_000,
            uploads: None,
            file_roots: Vec::new(),
            openai: OpenaiOptions::default(),
        }
    }
}
