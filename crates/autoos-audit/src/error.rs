//! What can go wrong, by what one can do about it.

/// Why there is no checkpoint, no key or no export. What a verification finds is no error but a
/// [`Verdict`](crate::Verdict).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal did not give or take what was asked.
    #[error(transparent)]
    Journal(#[from] autoos_journal::Error),
    /// A file cannot be read or written.
    #[error("{what}: {error}")]
    Io {
        /// Which file, and what for.
        what: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The private key cannot be used.
    #[error("{0}")]
    Key(String),
    /// Events that a tree is over are not kept any more.
    #[error(
        "the events {from} to {to} of shard {shard} were archived after their retention: \
         what they were cannot be proven from this journal any more"
    )]
    Archived {
        /// The shard.
        shard: u16,
        /// The offset of the first of them.
        from: u64,
        /// The offset of the last.
        to: u64,
    },
    /// The journal is not what was signed before.
    #[error("{0}")]
    Contradicted(String),
    /// The node stops.
    #[error("the node is stopping")]
    Stopping,
}

impl Error {
    /// Whether trying again soon finds the same.
    pub(crate) fn stays(&self) -> bool {
        matches!(self, Self::Archived { .. } | Self::Contradicted(_))
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}
