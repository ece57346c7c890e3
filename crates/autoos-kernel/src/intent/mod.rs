//! The intent's machine: accepts what is asked and keeps how it ended.
//!
//! | state | command | event | next |
//! |---|---|---|---|
//! | new | accept | `accepted` | open |
//! | open, settled | accept the same again | | as before |
//! | open | end | `ended` | ended |
//! | open, ended | settle | `settled` | settled |
//! | settled | settle the same again | | settled |
//!
//! Everything else is [`Rejected`]. The end is recorded in the append that ends the workflow: an intent
//! that is ended and not settled has work outstanding, which a restart takes up again.
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
    /// Its workflow ended; its accounts are to be settled.
    Ended {
        /// How.
        state: WorkflowState,
    },
    /// Its workflow ended, and nothing is left to be done.
    Settled {
        /// How.
        state: WorkflowState,
    },
}

impl Event {
    /// Every text in it that came from outside; the journal keeps these sealed, so that they go
    /// with the workflow's key. Whose it is and for whom stays: bills and audits need it.
    pub fn texts_mut(&mut self, f: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Accepted(request) => {
                for context in &mut request.contexts {
                    f(&mut context.name);
                    f(&mut context.label);
                }
            }
            Self::Ended { .. } | Self::Settled { .. } => {}
        }
    }
}

/// A command to an intent.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Someone asks.
    Accept(Request),
    /// Its workflow ends.
    End {
        /// How.
        state: WorkflowState,
    },
    /// Its workflow ended, and its accounts are settled.
    Settle {
        /// How.
        state: WorkflowState,
    },
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Nothing was asked yet.
    #[error("the intent does not exist")]
    Missing,
    /// Something else was asked under the same idempotency key.
    #[error("this idempotency key was used for another request: send a new key")]
    Conflict,
    /// Its workflow has ended, otherwise than said now.
    #[error("the intent is settled: its workflow is {0}")]
    Settled(WorkflowState),
    /// Its workflow has not ended.
    #[error("a workflow that is {0} goes on")]
    Open(WorkflowState),
}

/// The state of an intent: the fold of its stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Its id.
    pub id: IntentId,
    /// What is asked; none before it was accepted.
    pub request: Option<Request>,
    /// How its workflow ended.
    #[serde(default)]
    pub ended: Option<WorkflowState>,
    /// The same, once nothing is left to be done.
    pub settled: Option<WorkflowState>,
}

impl Intent {
    /// An intent that has no events yet.
    #[must_use]
    pub fn new(id: IntentId) -> Self {
        Self { id, request: None, ended: None, settled: None }
    }

    /// Decides a command, folds what it decides, and gives the events to record; none when what
    /// it asks for is so already.
    ///
    /// # Errors
    /// [`Rejected`], and then nothing has changed.
    pub fn decide(&mut self, command: Command) -> Result<Vec<Event>, Rejected> {
        let ended = self.settled.or(self.ended);
        let event = match (command, &self.request, self.settled) {
            (Command::Accept(request), None, _) => Event::Accepted(request),
            (Command::Accept(request), Some(known), _) => {
                let same = request.fingerprint == known.fingerprint;
                return if same { Ok(Vec::new()) } else { Err(Rejected::Conflict) };
            }
            (Command::End { .. } | Command::Settle { .. }, None, _) => {
                return Err(Rejected::Missing);
            }
            (Command::End { state } | Command::Settle { state }, ..) if !state.is_terminal() => {
                return Err(Rejected::Open(state));
            }
            (Command::End { state } | Command::Settle { state }, ..)
                if ended.is_some_and(|known| known != state) =>
            {
                return Err(Rejected::Settled(ended.unwrap_or(state)));
            }
            (Command::End { .. }, ..) if ended.is_some() => return Ok(Vec::new()),
            (Command::End { state }, ..) => Event::Ended { state },
            (Command::Settle { .. }, _, Some(_)) => return Ok(Vec::new()),
            (Command::Settle { state }, _, None) => Event::Settled { state },
        };
        self.fold(&event);
        Ok(vec![event])
    }

    /// Folds one event.
    pub fn fold(&mut self, event: &Event) {
        match event {
            Event::Accepted(request) => self.request = Some(request.clone()),
            Event::Ended { state } => self.ended = Some(*state),
            Event::Settled { state } => self.settled = Some(*state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fingerprint: u8) -> Request {
        Request {
            tenant: "acme".into(),
            user: "ann".into(),
            text: BodyRef { hash: [1; 32], len: 5 },
            contexts: Vec::new(),
            risk: RiskLevel::Medium,
            budget_microusd: 1_000_000,
            deadline: None,
            fingerprint: [fingerprint; 32],
        }
    }

    fn new() -> Intent {
        Intent::new(IntentId(uuid::Uuid::from_u128(1)))
    }

    fn open() -> Intent {
        let mut intent = new();
        assert_eq!(intent.decide(Command::Accept(request(1))).map(|e| e.len()), Ok(1));
        intent
    }

    #[test]
    fn the_same_request_twice_is_one_intent_and_another_is_a_conflict() {
        let mut intent = open();
        assert_eq!(intent.decide(Command::Accept(request(1))), Ok(Vec::new()));
        assert_eq!(intent.decide(Command::Accept(request(2))), Err(Rejected::Conflict));
        assert_eq!(intent, open());
    }

    #[test]
    fn it_is_settled_once_and_only_by_an_end() {
        let settle = |state| Command::Settle { state };
        assert_eq!(new().decide(settle(WorkflowState::Failed)), Err(Rejected::Missing));
        let mut intent = open();
        let running = WorkflowState::Running;
        assert_eq!(intent.decide(settle(running)), Err(Rejected::Open(running)));
        let done = Event::Settled { state: WorkflowState::Completed };
        assert_eq!(intent.decide(settle(WorkflowState::Completed)), Ok(vec![done]));
        assert_eq!(intent.decide(settle(WorkflowState::Completed)), Ok(Vec::new()));
        let settled = Err(Rejected::Settled(WorkflowState::Completed));
        assert_eq!(intent.decide(settle(WorkflowState::Failed)), settled);
        assert_eq!(intent.decide(Command::Accept(request(1))), Ok(Vec::new()));
    }

    #[test]
    fn an_end_is_told_once_and_settled_as_it_was_told() {
        let end = |state| Command::End { state };
        assert_eq!(new().decide(end(WorkflowState::Failed)), Err(Rejected::Missing));
        let mut intent = open();
        let told = Event::Ended { state: WorkflowState::Failed };
        assert_eq!(intent.decide(end(WorkflowState::Failed)), Ok(vec![told]));
        assert_eq!((intent.ended, intent.settled), (Some(WorkflowState::Failed), None));
        assert_eq!(intent.decide(end(WorkflowState::Failed)), Ok(Vec::new()));
        let other = Command::Settle { state: WorkflowState::Completed };
        assert_eq!(intent.decide(other), Err(Rejected::Settled(WorkflowState::Failed)));
        let settle = Command::Settle { state: WorkflowState::Failed };
        assert_eq!(intent.decide(settle).map(|events| events.len()), Ok(1));
        assert_eq!(intent.decide(end(WorkflowState::Failed)), Ok(Vec::new()));
    }

    #[test]
    fn its_state_is_the_fold_of_its_events() {
        let mut intent = new();
        let mut events = intent.decide(Command::Accept(request(1))).expect("accepted");
        let settle = Command::Settle { state: WorkflowState::Cancelled };
        events.extend(intent.decide(settle).expect("settled"));
        let mut folded = new();
        events.iter().for_each(|event| folded.fold(event));
        assert_eq!(folded, intent);
    }
}
