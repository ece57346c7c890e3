//! The intent's machine: accepts what is asked and keeps how it ended.
//!
//! | state | event | next |
//! |---|---|---|
//! | new | `accepted` | open |
//! | open | `settled` | settled |
//!
//! It shares its UUID, and so its shard, with its workflow, and writes that stream's first event
//! in the append that accepts it. It also judges the plans that come up for it, by
//! [`plan::check`](crate::plan::check); its verdict is recorded by the workflow, as the adoption or
//! refusal of the plan.

use crate::{
    body::BodyRef,
    id::IntentId,
    time::Timestamp,
    words::{RiskLevel, WorkflowState},
};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

/// What someone asks for, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Whose key it came with.
    pub tenant: String,
    /// For whom.
    pub user: String,
    /// The text.
    pub text: BodyRef,
    /// What came with it.
    pub contexts: Vec<Context>,
    /// What a wrong answer would cost.
    pub risk: RiskLevel,
    /// What it may cost, in micro-dollars.
    pub budget_microusd: u64,
    /// When it fails if it is not done.
    pub deadline: Option<Timestamp>,
    /// A hash of the whole request: the same idempotency key with another one is a conflict.
    pub fingerprint: [u8; 32],
}

/// Something that came with an intent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// How plans call it.
    pub name: String,
    /// The file's name, or what the client called it.
    pub label: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Where it is.
    pub content: Content,
}

/// Where a context is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// It came inline, as text.
    Inline(BodyRef),
    /// A file of the node, by its absolute path (a body, since a path can tell a lot).
    File(BodyRef),
}

/// An event of an intent's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// It is taken on.
    Accepted(Request),
    /// Its workflow ended.
    Settled {
        /// How.
        state: WorkflowState,
    },
}

/// The state of an intent: the fold of its stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Its id.
    pub id: IntentId,
    /// What is asked; none before it was accepted.
    pub request: Option<Request>,
    /// How its workflow ended.
    pub settled: Option<WorkflowState>,
}

impl Intent {
    /// An intent that has no events yet.
    #[must_use]
    pub fn new(id: IntentId) -> Self {
        Self { id, request: None, settled: None }
    }

    /// Folds one event.
    pub fn fold(&mut self, event: &Event) {
        match event {
            Event::Accepted(request) => self.request = Some(request.clone()),
            Event::Settled { state } => self.settled = Some(*state),
        }
    }
}
