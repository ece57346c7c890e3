//! What comes in from the edge, and the answers to it.

use autoos_journal::{Position, Trace};
use autoos_kernel::{
    account::{self, Owner},
    id::{IntentId, WorkflowId},
    plan::{Plan, check::dollars},
    time::Timestamp,
    words::RiskLevel,
    workflow::Rejected,
};
use std::path::PathBuf;

/// An intent as someone submits it.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Whose key it came with.
    pub tenant: String,
    /// For whom.
    pub user: String,
    /// What is asked.
    pub text: String,
    /// What comes with it.
    pub contexts: Vec<NewContext>,
    /// What a wrong answer would cost.
    pub risk: RiskLevel,
    /// What it may cost, in micro-dollars; one dollar where nothing is said.
    pub budget_microusd: Option<u64>,
    /// When it fails if it is not done.
    pub deadline: Option<Timestamp>,
    /// The same key of the same tenant gives the same workflow, for ever.
    pub idempotency_key: Option<String>,
    /// A plan to run as it is; none has one made.
    pub plan: Option<Plan>,
    /// The trace that it belongs to.
    pub trace: Option<Trace>,
}

/// Something that comes with an intent.
#[derive(Debug, Clone, PartialEq)]
pub struct NewContext {
    /// How plans call it.
    pub name: String,
    /// The file's name, or what the client calls it; its ending tells its kind.
    pub label: String,
    /// What it is.
    pub content: NewContent,
}

/// The content of a context.
#[derive(Debug, Clone, PartialEq)]
pub enum NewContent {
    /// Text, kept with the workflow.
    Text(String),
    /// A file of this node, by its absolute path; read when a tool reads it.
    File(PathBuf),
}

/// The answer to a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submitted {
    /// The intent.
    pub intent: IntentId,
    /// The workflow that runs it.
    pub workflow: WorkflowId,
    /// Where its acceptance lies in the journal.
    pub position: Position,
    /// Whether an earlier submission with the same key had made it.
    pub existed: bool,
}

/// Why a submission or a command changed nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Too much is open; try again after so many milliseconds.
    #[error("the node is at its limit of {limit} open workflows: try again in {retry_after_ms} ms")]
    Overloaded {
        /// How many may be open.
        limit: usize,
        /// When to try again.
        retry_after_ms: u64,
    },
    /// Too little is left of what may be spent.
    #[error("{}", over_limit(account, rejected))]
    OverLimit {
        /// Whose account it is.
        account: Owner,
        /// What was asked for, and what is left.
        rejected: account::Rejected,
    },
    /// It cannot be taken on as it is.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// Another intent was submitted with this idempotency key.
    #[error("another intent was submitted with this idempotency key; it is {0}")]
    Conflict(WorkflowId),
    /// There is no such workflow.
    #[error("there is no workflow {0}")]
    Missing(WorkflowId),
    /// The workflow does not take this command now.
    #[error("{0}")]
    Rejected(#[from] Rejected),
    /// The journal did not record it; read the workflow to know what is so.
    #[error("not recorded: {0}")]
    Journal(String),
    /// The journal takes no appends for now.
    #[error("the node is read-only: {0}")]
    ReadOnly(String),
    /// The stream cannot be read, and is left alone until a human looks at it.
    #[error("the workflow is quarantined: {0}")]
    Quarantined(String),
    /// Another node leads the shard that it lies in: nothing took place here, ask that one.
    #[error("it lies with {}", leader.as_deref().map_or_else(|| "a node that is not known yet".to_owned(), |leader| format!("node {leader}")))]
    Elsewhere {
        /// The name of the node, if known.
        leader: Option<String>,
    },
    /// The node is going down.
    #[error("the node is stopping")]
    Stopping,
}

fn over_limit(account: &Owner, rejected: &account::Rejected) -> String {
    let left = dollars(rejected.left_microusd);
    let until = rejected.until.map(|at| format!(" until {at}")).unwrap_or_default();
    let asked = dollars(rejected.asked_microusd);
    format!("the limit of {account} leaves {left}{until}, and {asked} are asked for")
}

impl From<autoos_journal::Error> for Refusal {
    fn from(error: autoos_journal::Error) -> Self {
        match error {
            autoos_journal::Error::ReadOnly(why) => Self::ReadOnly(why),
            autoos_journal::Error::NotLeader { leader, .. } => Self::Elsewhere { leader },
            // Whoever holds the shard now may be this node once more.
            autoos_journal::Error::StaleEpoch { .. } => Self::Elsewhere { leader: None },
            autoos_journal::Error::Invalid(why) => Self::Invalid(vec![why]),
            other => Self::Journal(other.to_string()),
        }
    }
}
