//! Links between nodes: requests and answers of all groups, in bytes.
//!
//! How they travel is behind the trait: over sockets in service, in memory in tests. A link
//! loses, delays and cuts; it never changes or repeats a request.

use crate::types::{NodeId, Peer};
use futures::future::BoxFuture;
use std::time::Duration;

/// What a request asks of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To take in entries, or to hear that the leader lives.
    Append = 1,
    /// For a vote.
    Vote = 2,
    /// Whether it would give its vote.
    PreVote = 3,
    /// To become the leader.
    Transfer = 4,
    /// To take in a piece of a copy of the shard.
    Copy = 5,
}

impl Kind {
    /// The kind of a number on the wire.
    #[must_use]
    pub fn of(number: u32) -> Option<Self> {
        let all = [Self::Append, Self::Vote, Self::PreVote, Self::Transfer, Self::Copy];
        all.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// A request to a peer.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which group: the number of its shard.
    pub group: u16,
    /// What it asks.
    pub kind: Kind,
    /// The rest, in the words of this crate.
    pub bytes: Vec<u8>,
}

/// Why there is no answer; whether the request arrived is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost(pub String);

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lost {}

/// The links of one node to its peers.
pub trait Links: Send + Sync + 'static {
    /// Sends a request and waits for its answer, at most for `deadline`.
    fn call(
        &self,
        to: NodeId,
        peer: &Peer,
        call: Call,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, Lost>>;
}
