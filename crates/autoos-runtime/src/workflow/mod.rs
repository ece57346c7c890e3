//! The workflow's actor: owner of one `wf-…` stream.
//!
//! | | |
//! |---|---|
//! | parent | the intent's actor |
//! | children | one agent for each attempt in flight |
//! | takes | orders from its intent, its agents and itself; the journal's answers; ticks |
//! | survives a restart | everything that it was told to be recorded; agents do not |
//!
//! It decides, records, acts: an order is decided by the kernel's rule, its events are appended,
//! and only when the append has come back is done what is outstanding. One append is in flight at
//! a time; what arrives meanwhile is decided into the next one. When recording fails, memory is
//! ahead of the journal, so the actor dies and is folded anew.

mod actor;
mod assign;
mod learn;
mod record;

pub(crate) use actor::{Arguments, WorkflowActor};
pub(crate) use record::{answer_name, doubtful_name, new_events, refuted_name, standing};

use crate::submission::Refusal;
use autoos_journal::{Body, Error, Position};
use autoos_kernel::{plan::Plan, workflow::Command};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Messages to a workflow.
pub(crate) enum Message {
    /// Something is asked of it.
    Order(Box<Order>),
    /// From the journal: the append in flight came back.
    Recorded(Result<Position, Error>),
    /// From its own timer.
    Tick,
    /// From itself: it is time to record what was gathered.
    Turn,
    /// From its intent: end if there is nothing to do for now.
    Retire,
}

/// A command with everything that it brings along.
pub(crate) struct Order {
    /// What is asked.
    pub(crate) command: Command,
    /// Who asks, for the events' `actor`.
    pub(crate) by: String,
    /// Bodies that its events will refer to.
    pub(crate) bodies: Vec<Body>,
    /// The value of an output in plain, by its step.
    pub(crate) value: Option<(String, Arc<Value>)>,
    /// That value as a plan, where whoever made it read it as one.
    pub(crate) plan: Option<Arc<Plan>>,
    /// Who waits for it to be recorded.
    pub(crate) reply: Option<Reply>,
}

/// Where the answer to an order goes: the position of what was recorded, or none when there was
/// nothing to record.
pub(crate) type Reply = oneshot::Sender<Result<Option<Position>, Refusal>>;

impl Order {
    /// A command of the runtime's own.
    pub(crate) fn own(command: Command) -> Self {
        Self {
            command,
            by: "workflow".into(),
            bodies: Vec::new(),
            value: None,
            plan: None,
            reply: None,
        }
    }

    /// Answers whoever waits; who has gone is not told.
    pub(crate) fn answer(self, answer: Result<Option<Position>, Refusal>) {
        if let Some(reply) = self.reply {
            let _ = reply.send(answer);
        }
    }
}
