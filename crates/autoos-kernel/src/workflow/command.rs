//! What one may ask of a workflow, and why it may say no.

use super::{Output, event::Seed};
use crate::{body::BodyRef, id::WorkflowId, ladder::Exit, plan::outline::Outline};
use serde::{Deserialize, Serialize};

/// A command to a workflow.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The intent accepts it.
    Create(Seed),
    /// The intent judged the plan that the planning step made.
    Judged {
        /// The document.
        plan: BodyRef,
        /// Its shape, or what is wrong with it.
        verdict: Result<Outline, Vec<String>>,
    },
    /// The owner looked at a step's condition or list.
    Evaluated {
        /// The step.
        step: String,
        /// What came of it.
        verdict: Verdict,
    },
    /// An agent reports the end of its attempt.
    Ended {
        /// The step.
        step: String,
        /// The attempt's number.
        attempt: u32,
        /// How it ended.
        end: End,
        /// What it cost; none when that is unknown, which counts as all that was reserved.
        cost: Option<u64>,
        /// Tokens of prompts and answers.
        tokens: (u64, u64),
    },
    /// The owner was started anew: no agent of before is there any more.
    Recover,
    /// Time has passed.
    Tick,
    /// Its first events were taken over from another workflow, and it goes on by itself.
    Fork {
        /// That workflow.
        parent: WorkflowId,
        /// How many of its events were taken over.
        at: u64,
        /// The model to ask from here on wherever it may be.
        model: Option<String>,
        /// Who asks for it.
        by: String,
    },
    /// Someone wants it to hold.
    Pause {
        /// Who.
        by: String,
    },
    /// Someone wants it to go on.
    Resume {
        /// Who.
        by: String,
    },
    /// Someone wants it to end.
    Cancel {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// A human answers.
    Resolve {
        /// The number of the question.
        escalation: u32,
        /// The answer.
        decision: Decision,
        /// Who.
        by: String,
    },
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// With an output.
    Done(Output),
    /// Without.
    Failed {
        /// Why.
        exit: Exit,
        /// What happened, in a line.
        detail: String,
        /// The vendor's Retry-After in milliseconds.
        retry_after_ms: Option<u64>,
        /// An answer that a human may still approve.
        doubtful: Option<Output>,
    },
    /// An effect in doubt did not take place: the call may be made after all.
    NotDone,
}

/// What came of looking at a step's condition and list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It runs.
    Run,
    /// It is left out.
    Skip {
        /// Why.
        reason: String,
    },
    /// It runs once for each of so many elements.
    Each(u32),
    /// It cannot be looked at: a value is missing or of the wrong kind.
    Impossible {
        /// What is wrong.
        reason: String,
    },
}

/// What a human answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Take the answer that was not sure enough.
    Approve,
    /// Take this instead.
    Edit(BodyRef),
    /// Try again from the first rung.
    Retry,
    /// Grant so much more, in micro-dollars, and try again from the first rung.
    Raise(u64),
    /// Go on without the step.
    Skip,
    /// Give the workflow up.
    Abandon,
}

impl Decision {
    /// One word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Edit(_) => "edit",
            Self::Retry => "retry",
            Self::Raise(_) => "raise",
            Self::Skip => "skip",
            Self::Abandon => "abandon",
        }
    }
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// It has ended.
    #[error("the workflow has ended: it is {0}")]
    Ended(crate::words::WorkflowState),
    /// It exists already.
    #[error("the workflow exists already")]
    Exists,
    /// It does not exist.
    #[error("the workflow does not exist")]
    Missing,
    /// It is about something that is no longer so; a late report is no error of its sender.
    #[error("too late: {0}")]
    Stale(String),
    /// It asks for what there is not.
    #[error("{0}")]
    Impossible(String),
}
