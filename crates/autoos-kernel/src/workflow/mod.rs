//! The workflow's machine: the run of an intent, from its planning step to its end.
//!
//! ```text
//! Planning  ── plan adopted ──────────────▶ Running ── result sure enough ─▶ Completed
//!    │  ▲                                   │ ▲│  └── a step fails for good ─▶ Failed
//!    │  └── plan refused: planned again     │ │└ a part fails: planned anew, the rest kept
//!    └────────── a human is asked ──▶ Escalated ── resolved ──▶ where it was
//! any of these ── pause ──▶ Paused ── resume ──▶ where it was
//! any of these ── cancel ─▶ Cancelling ── what was in flight is settled ──▶ Cancelled
//! ```
//!
//! [`Workflow::decide`] takes a command and gives the events that make it true; [`Workflow::fold`]
//! makes the state of them; [`Workflow::outstanding`] says what is to be done next, from the state
//! alone. So a restart needs no code of its own: fold the stream and do what is outstanding.
//! Left out: the texts (bodies), which this machine never reads, and doing anything.

mod advance;
mod climb;
mod command;
mod decide;
mod event;
mod fold;
mod judge;
mod outstanding;
mod review;
mod start;

pub use command::{Command, Decision, End, Rejected, Verdict};
pub use decide::Means;
pub use event::{Event, Seed};
pub use outstanding::Effect;

use crate::{
    assurance::Assurance,
    body::BodyRef,
    budget::Budget,
    id::{AgentId, WorkflowId},
    ladder::{Exit, Rung, Tried},
    plan::outline::{Candidate, Outline, StepOutline},
    time::Timestamp,
    words::{RiskLevel, WorkflowState},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The id of the step that makes the plan.
pub const PLANNING: &str = "planning";

/// Whether a step makes a plan. No step of a plan has such an id.
#[must_use]
pub fn is_planning(id: &str) -> bool {
    id.strip_prefix(PLANNING).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Revisions of a plan that are made because a part of it failed, before a human is asked.
pub const MUTATIONS_MAX: u32 = 2;

/// Changes when a snapshot of [`Workflow`] made by older code can no longer be read.
pub const FOLD_VERSION: u32 = 3;

/// The state of a workflow: the fold of its stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// When it began; none before its first event.
    pub created: Option<Timestamp>,
    /// When its last event was decided.
    pub updated: Timestamp,
    /// What a wrong answer would cost.
    pub risk: RiskLevel,
    /// When it fails if it is not done.
    pub deadline: Option<Timestamp>,
    /// How long a human has to answer before the default is taken, in milliseconds.
    pub patience_ms: u64,
    /// Its money.
    pub budget: Budget,
    /// The plan in force.
    pub plan: Option<AdoptedPlan>,
    /// What was wrong with the last plan that was refused.
    pub refused: Vec<String>,
    /// Every step, the planning step and the elements of lists included.
    pub steps: BTreeMap<String, Step>,
    /// Who waits for a human, by number.
    pub escalations: BTreeMap<u32, Escalation>,
    /// Whether someone paused it.
    pub paused: bool,
    /// Who cancelled it, and why.
    pub cancelled: Option<(String, String)>,
    /// The part that is being planned anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutation: Option<Mutation>,
    /// How often a part was planned anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mutations: u32,
    /// Where it was forked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Fork>,
    /// How it ended.
    pub end: Option<Ending>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A part of the plan that is planned anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mutation {
    /// The step that failed.
    pub step: String,
    /// How.
    pub exit: Exit,
    /// The revision that is being made.
    pub revision: u32,
    /// The step that makes it: `planning.2`, and so on.
    pub planning: String,
}

/// Where a workflow was forked from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fork {
    /// The workflow whose first events it took over.
    pub parent: WorkflowId,
    /// How many.
    pub at: u64,
    /// The model that is asked wherever it may be.
    pub model: Option<String>,
}

/// A plan in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdoptedPlan {
    /// 1 for the first.
    pub revision: u32,
    /// The document.
    pub body: BodyRef,
    /// Its shape.
    pub outline: Outline,
}

/// How a workflow ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// Completed, failed or cancelled.
    pub state: WorkflowState,
    /// When.
    pub at: Timestamp,
    /// The result, where there is one.
    pub output: Option<Output>,
    /// Why, where there is none.
    pub reason: Option<String>,
}

/// What a step brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The value, as a JSON document.
    pub body: BodyRef,
    /// How sure it is, in 0..=1, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// How the confidence came about and what was found unsupported, as a JSON document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<BodyRef>,
}

impl Output {
    /// The same with a confidence that can be compared and stored: what is not a number in 0..=1
    /// was not measured well, and is no confidence at all.
    fn sane(mut self) -> Self {
        let measured = |c: f64| if (0.0..=1.0).contains(&c) { c } else { 0.0 };
        self.confidence = self.confidence.map(measured);
        self
    }
}

/// A step's run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its shape.
    pub outline: StepOutline,
    /// Where it stands.
    pub state: StepState,
    /// Attempts so far; also the number of the last one.
    pub attempts: u32,
    /// What the ladder has used up.
    pub tried: Tried,
    /// Which of the candidates is asked.
    pub model: usize,
    /// The agent of the last attempt.
    pub agent: Option<AgentId>,
    /// What the next attempt is told of the last failure.
    pub note: Option<String>,
    /// The last answer that was not sure enough, which a human may approve.
    pub doubtful: Option<Output>,
    /// What all attempts cost, in micro-dollars.
    pub spent: u64,
    /// Of a list: how many elements it has.
    pub items: Option<u32>,
    /// Of an element: the step of the list, and which element.
    pub parent: Option<(String, u32)>,
    /// Candidates that are not asked again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// What of its answer is being made sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewing: Option<Reviewing>,
    /// Answers that a verdict was against: one that says the same without knowing of them speaks for
    /// both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refuted: Vec<Answer>,
    /// Since when it waits for a model that can be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaiting: Option<Timestamp>,
}

/// An answer on its way to being believed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reviewing {
    /// The answer, and an independent second one where one is asked for.
    pub answers: Vec<Answer>,
    /// What the ladder has used up for the attempt that is due now.
    pub tried: Tried,
    /// Candidates for it that are not asked again.
    pub without: Vec<String>,
    /// Which one is asked; none before the first.
    pub model: Option<String>,
    /// Whose verdict against it stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contested: Option<Contested>,
}

/// A verifier whose verdict stands alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contested {
    /// Its model.
    pub model: String,
    /// Its vendor.
    pub vendor: String,
}

/// An answer and who gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The attempt that brought it.
    pub attempt: u32,
    /// The model.
    pub model: String,
    /// Its vendor.
    pub vendor: String,
    /// The answer, with the confidence that it had by itself.
    pub output: Output,
}

/// What an attempt is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The step's work.
    #[default]
    Answer,
    /// The same work once more by another vendor, without knowing the first answer.
    Second,
    /// A verdict on the answer.
    Review,
}

impl Purpose {
    /// Whether it is the step's own work.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        *self == Self::Answer
    }
}

impl Step {
    /// What its next attempt is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        let Some(reviewing) = &self.reviewing else { return Purpose::Answer };
        let quorum = self.outline.review().is_some_and(|r| r.assurance == Assurance::Quorum);
        if quorum && reviewing.answers.len() < 2 { Purpose::Second } else { Purpose::Review }
    }

    /// The candidate that works its attempts.
    #[must_use]
    pub fn candidate(&self) -> Option<&Candidate> {
        self.outline.models().get(self.model)
    }
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Others must be over first, or its condition is to be looked at.
    Blocked,
    /// Its condition held; it starts as soon as it may.
    Ready,
    /// An agent works on it.
    Running(Running),
    /// It has an answer, and what is to be made sure of it starts as soon as it may.
    Answered,
    /// Starts again when the time comes.
    BackingOff {
        /// When.
        due: Timestamp,
        /// On which rung.
        rung: Rung,
    },
    /// A timer runs.
    Waiting {
        /// Until when.
        due: Timestamp,
    },
    /// Its elements run.
    Expanded,
    /// A human is asked.
    Escalated {
        /// The number of the escalation.
        escalation: u32,
    },
    /// Done.
    Completed(Output),
    /// All elements of its list are done.
    Gathered,
    /// It failed, and the plan is made anew around it.
    Mutating,
    /// A later revision of the plan goes without it.
    Dropped,
    /// Left out.
    Skipped {
        /// Why.
        reason: String,
    },
    /// Given up.
    Failed {
        /// Why.
        exit: Exit,
    },
}

impl StepState {
    /// Whether the steps that need it may go on.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Completed(_) | Self::Gathered | Self::Skipped { .. } | Self::Dropped)
    }
}

/// An attempt in flight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Its number.
    pub attempt: u32,
    /// When it began.
    pub since: Timestamp,
    /// When it counts as stalled; of an effectful call also when it may no longer be sent.
    pub deadline: Timestamp,
    /// What it may cost.
    pub reserved: u64,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Purpose::is_answer")]
    pub purpose: Purpose,
    /// It is over, and whether its effect took place is to be asked after the deadline.
    pub in_doubt: bool,
    /// How it came to be in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Exit>,
}

/// A question to a human.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    /// The step that cannot go on.
    pub step: String,
    /// What ended its last attempt.
    pub exit: Exit,
    /// What happened and what is needed, in a line or two.
    pub detail: String,
    /// When it was asked.
    pub at: Timestamp,
    /// When the default is taken.
    pub due: Timestamp,
    /// The answer, once there is one.
    pub resolved: Option<(Decision, String)>,
}

impl Workflow {
    /// A workflow that has no events yet.
    #[must_use]
    pub fn new(id: WorkflowId) -> Self {
        Self {
            id,
            created: None,
            updated: Timestamp::default(),
            risk: RiskLevel::default(),
            deadline: None,
            patience_ms: 0,
            budget: Budget::default(),
            plan: None,
            refused: Vec::new(),
            steps: BTreeMap::new(),
            escalations: BTreeMap::new(),
            paused: false,
            cancelled: None,
            mutation: None,
            mutations: 0,
            fork: None,
            end: None,
        }
    }

    /// Where it stands, derived from everything else.
    #[must_use]
    pub fn state(&self) -> WorkflowState {
        if let Some(end) = &self.end {
            return end.state;
        }
        let running = self.steps.values().any(|s| matches!(s.state, StepState::Running(_)));
        if self.cancelled.is_some() {
            WorkflowState::Cancelling
        } else if self.paused {
            WorkflowState::Paused
        } else if !running && self.escalations.values().any(|e| e.resolved.is_none()) {
            WorkflowState::Escalated
        } else if self.plan.is_none() {
            WorkflowState::Planning
        } else {
            WorkflowState::Running
        }
    }

    /// The next moment at which something is due by itself, as of its last event; none while
    /// nothing is. What an append says of an owner that is put away.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.wake(self.updated)
    }

    /// The next moment at which the owner must look again, seen from `now`; none when only others
    /// can bring anything on.
    ///
    /// A moment that is past means that a [`Command::Tick`] is due: after a tick at `now`,
    /// everything that this gives lies after `now`, so a timer set to it never spins.
    #[must_use]
    pub fn wake(&self, now: Timestamp) -> Option<Timestamp> {
        if self.end.is_some() {
            return None;
        }
        let ending = self.is_winding_down();
        let starts = !ending && !self.paused;
        let steps = self.steps.values().filter_map(|step| match &step.state {
            // Once the tool may be asked, only its answer brings it on.
            StepState::Running(run) if run.in_doubt && run.deadline <= now => None,
            StepState::Running(run) => Some(run.deadline),
            StepState::BackingOff { due, .. } | StepState::Waiting { due } if starts => Some(*due),
            _ => None,
        });
        let asked = self.escalations.values().filter(|e| !ending && e.resolved.is_none());
        let deadline = self.deadline.filter(|_| self.cancelled.is_none());
        steps.chain(asked.map(|e| e.due)).chain(deadline).min()
    }

    /// Whether it is to end as soon as what is in flight is settled: it was cancelled, or a step
    /// was given up.
    #[must_use]
    pub fn is_winding_down(&self) -> bool {
        self.cancelled.is_some()
            || self.steps.values().any(|s| matches!(s.state, StepState::Failed { .. }))
    }

    /// The step whose plan is wanted; none while the plan in force stands.
    #[must_use]
    pub fn planning_step(&self) -> Option<&str> {
        match (&self.mutation, &self.plan) {
            (Some(mutation), _) => Some(&mutation.planning),
            (None, None) => Some(PLANNING),
            (None, Some(_)) => None,
        }
    }

    /// The key of a step's effectful call: the same for every attempt, so that a tool can tell
    /// whether it took place.
    #[must_use]
    pub fn effect_key(&self, step: &str) -> String {
        format!("{}/{step}", self.id)
    }

    /// The key of an attempt's call to a model.
    #[must_use]
    pub fn call_key(&self, step: &str, attempt: u32) -> String {
        format!("{}/{step}/{attempt}", self.id)
    }
}

#[cfg(test)]
#[path = "workflow_gen.rs"]
mod generate;
#[cfg(test)]
#[path = "workflow_test.rs"]
mod tests;
