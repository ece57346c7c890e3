//! What can go wrong with reading, by what one can do about it.

use autoos_kernel::id::{StreamId, WorkflowId};

/// Why a view cannot be shown.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal could not be read: retry, or call the operator; its text says which.
    #[error(transparent)]
    Journal(#[from] autoos_journal::Error),
    /// An event's kind is known and its bytes are not of it. The audit still shows the rest.
    #[error("{stream} cannot be read: {detail}")]
    Damaged {
        /// Which stream.
        stream: StreamId,
        /// Which event, and what is wrong with it.
        detail: String,
    },
    /// There is no such workflow.
    #[error("there is no workflow {0}")]
    Missing(WorkflowId),
    /// The page token is not one that a list gave: start again without one.
    #[error("the page token is not valid: list again without one")]
    BadToken,
    /// What follows the journal has ended with it: nothing new will come.
    #[error("the node is stopping")]
    Stopped,
}
