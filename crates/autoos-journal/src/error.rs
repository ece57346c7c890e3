//! What can go wrong with the journal, by what one can do about it.

use autoos_kernel::id::{Shard, StreamId};

/// Each variant tells the caller to retry, to read again, to wait, or to call a human.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Someone else wrote first: read the stream and decide again.
    #[error("{stream} is at sequence {actual}, not {expected}")]
    Sequence {
        /// Which stream.
        stream: StreamId,
        /// What the batch expected the next sequence to be.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// This process no longer holds the shard: stop acting for it.
    #[error("epoch {offered} is stale, the shard is at {current}")]
    StaleEpoch {
        /// The epoch of the batch.
        offered: u64,
        /// The epoch that may write.
        current: u64,
    },
    /// Another node leads the shard: nothing was recorded, ask that one.
    #[error("shard {} is led by {}", shard.0, leader.as_deref().unwrap_or("no node that is known"))]
    NotLeader {
        /// Which shard.
        shard: Shard,
        /// The name of the node that leads it, if known.
        leader: Option<String>,
    },
    /// The append was under way when this process lost the shard, or waited too long for the
    /// others: read the stream to know whether it was recorded.
    #[error("the append was not confirmed: {0}")]
    Unconfirmed(String),
    /// The request itself cannot be met, whatever the journal's state: fix the caller.
    #[error("invalid request to the journal: {0}")]
    Invalid(String),
    /// A group's cursor would go back.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The bodies of this owner were erased.
    #[error("the bodies of {0} were erased")]
    Erased(uuid::Uuid),
    /// The events of this stream were dropped after their retention; its head is kept.
    #[error("the events of {0} were archived after their retention")]
    Archived(StreamId),
    /// No room, or over a limit: wait, free some, and try again. Nothing was recorded.
    #[error("the journal takes no appends: {0}")]
    ReadOnly(String),
    /// What was read is not what was written. It is never skipped: see the text for what to do.
    #[error("the journal is damaged: {0}")]
    Corrupt(String),
    /// A newer version of autoos wrote this. It is left as it is.
    #[error("{0}")]
    TooNew(String),
    /// A file system error. Whether a pending append was recorded is unknown.
    #[error("journal storage failed: {0}")]
    Io(String),
    /// The journal halted and takes no more requests in this process.
    #[error("the journal has halted: {0}")]
    Halted(String),
}

impl Error {
    /// Whether an append that got this may have been recorded all the same.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Halted(_) | Self::Unconfirmed(_))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}
