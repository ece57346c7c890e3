//! What can go wrong with keys, by what one can do about it.

use std::path::PathBuf;

/// Why a call with this key, or without one, is not let in. The texts are for the caller and tell
/// nothing that a guesser could use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// There is no key with the call.
    #[error("an API key is needed: send it in the header X-API-Key")]
    Missing,
    /// The key was never made here, or was revoked.
    #[error("this API key is not valid: ask the operator for one (autoos key create)")]
    Invalid,
    /// The list of keys cannot be read, so nobody is let in.
    #[error("API keys cannot be checked for now: the operator finds the reason in the log")]
    Unavailable,
}

/// Why keys could not be read, made or revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal failed. When its error [is unknown](autoos_journal::Error::is_unknown), list
    /// the keys to see what became of the change.
    #[error(transparent)]
    Journal(#[from] autoos_journal::Error),
    /// An event of the keys' stream is not what it says. Nobody is let in on a guess.
    #[error("the stream of API keys cannot be read: {0}; restore a backup of the journal")]
    Damaged(String),
    /// The file that the keys' hashes depend on is not usable.
    #[error("{path}: {what}", path = path.display())]
    Pepper {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        what: String,
    },
    /// A name or a tenant that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// There is no such key.
    #[error("there is no API key {0}: list them with autoos key list")]
    Missing(String),
    /// Others kept changing the keys in between.
    #[error("the API keys were changed by others at the same time: try again")]
    Contended,
}
