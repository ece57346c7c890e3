//! What people are shown of a workflow: plain values, ready to become JSON.
//!
//! Money is in micro-dollars and says so in its name; points in time become RFC 3339 text. Texts
//! that were erased with their workflow are absent, and [`WorkflowView::erased`] says why.

use autoos_kernel::{
    budget::Budget,
    id::{AgentId, IntentId, WorkflowId},
    ladder::Rung,
    time::Timestamp,
    words::{EffectClass, LlmRole, RiskLevel, WorkflowState},
    workflow::{Purpose, Step, StepState},
};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use strum::{Display, IntoStaticStr};

/// Everything about one workflow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkflowView {
    /// Its id.
    pub id: WorkflowId,
    /// The intent that it runs.
    pub intent_id: IntentId,
    /// What was asked; none when it was erased.
    pub intent: Option<String>,
    /// Whether the texts of this workflow were destroyed.
    pub erased: bool,
    /// Whose key it came with.
    pub tenant: String,
    /// For whom.
    pub user: String,
    /// What came with the intent.
    pub contexts: Vec<ContextView>,
    /// Where it stands.
    pub state: WorkflowState,
    /// What a wrong answer would cost.
    pub risk: RiskLevel,
    /// When it was accepted.
    #[serde(serialize_with = "rfc3339")]
    pub created: Timestamp,
    /// When its last event was decided.
    #[serde(serialize_with = "rfc3339")]
    pub updated: Timestamp,
    /// When it ended.
    #[serde(serialize_with = "rfc3339_opt")]
    pub ended: Option<Timestamp>,
    /// When it fails if it is not done.
    #[serde(serialize_with = "rfc3339_opt")]
    pub deadline: Option<Timestamp>,
    /// From its acceptance to its end, or to its last event while it has none.
    pub duration_ms: u64,
    /// Its money.
    pub budget: BudgetView,
    /// The plan in force.
    pub plan: Option<PlanView>,
    /// What was wrong with the last plan that was refused, until one is adopted.
    pub refused: Vec<String>,
    /// The planning step, then those of the plan, each after those that it needs; the elements
    /// of a list follow it.
    pub steps: Vec<StepView>,
    /// Every question to a human, in order.
    pub escalations: Vec<EscalationView>,
    /// Who cancelled it, and why.
    pub cancelled: Option<CancelView>,
    /// What it brought.
    pub result: Option<ResultView>,
    /// Why it brought nothing.
    pub failure: Option<String>,
    /// Tokens of all calls.
    pub tokens: Tokens,
    /// How many calls were made.
    pub calls: Calls,
    /// How many events its stream holds: the sequence that the next one will get.
    pub seq: u64,
}

/// Something that came with an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContextView {
    /// How plans call it.
    pub name: String,
    /// The file's name, or what the client called it.
    pub label: String,
    /// Its length.
    pub bytes: u64,
}

/// The money of a workflow, in micro-dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BudgetView {
    /// What may be spent in all.
    pub granted_microusd: u64,
    /// Set aside for calls in flight.
    pub reserved_microusd: u64,
    /// Spent.
    pub spent_microusd: u64,
    /// Charged beyond the reservations.
    pub excess_microusd: u64,
}

impl From<Budget> for BudgetView {
    fn from(budget: Budget) -> Self {
        Self {
            granted_microusd: budget.granted,
            reserved_microusd: budget.reserved,
            spent_microusd: budget.spent,
            excess_microusd: budget.excess,
        }
    }
}

/// The plan in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanView {
    /// Its name; none when it was erased.
    pub name: Option<String>,
    /// The version of a plan that is kept as a file.
    pub version: Option<u32>,
    /// 1 for the first of this workflow.
    pub revision: u32,
    /// What it may cost at worst.
    pub worst_case_microusd: u64,
    /// The kind of work that the intent was read as.
    pub task_kind: Option<String>,
    /// The step whose output is the result.
    pub result: String,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepView {
    /// Unique in its workflow; an element of a list has the list's id and its number.
    pub id: String,
    /// What it does, in a line; none when nobody said, or it was erased.
    pub title: Option<String>,
    /// What kind of work it is.
    #[serde(flatten)]
    pub work: WorkView,
    /// Where it stands.
    pub state: StepStatus,
    /// When it goes on by itself: a backoff or a timer.
    #[serde(serialize_with = "rfc3339_opt")]
    pub due: Option<Timestamp>,
    /// When its first attempt or its timer began.
    #[serde(serialize_with = "rfc3339_opt")]
    pub started: Option<Timestamp>,
    /// When it was over.
    #[serde(serialize_with = "rfc3339_opt")]
    pub ended: Option<Timestamp>,
    /// From start to end; none while it has no end.
    pub duration_ms: Option<u64>,
    /// What all attempts cost.
    pub cost_microusd: u64,
    /// Why it was left out or failed, or what ended the last attempt.
    pub note: Option<String>,
    /// How sure its output is, in 0..=1; of an escalated step the output that was not sure enough.
    pub confidence: Option<f64>,
    /// The steps that must be over before it.
    pub needs: Vec<String>,
    /// Every attempt, in order.
    pub attempts: Vec<AttemptView>,
    /// Every climb of the ladder, in order.
    pub climbs: Vec<ClimbView>,
}

/// A climb of the recovery ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClimbView {
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// To which rung.
    pub rung: Rung,
    /// What for: an exit reason.
    pub exit: String,
    /// When the next attempt could start.
    #[serde(serialize_with = "rfc3339")]
    pub due: Timestamp,
}

/// The work of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WorkView {
    /// Calls a tool.
    Tool {
        /// Its name.
        tool: String,
        /// What a second call would do.
        effect: EffectClass,
    },
    /// Asks a model.
    Ask {
        /// In this role.
        role: LlmRole,
        /// The one that was asked last, or will be asked first.
        model: Option<String>,
    },
    /// Waits.
    Wait {
        /// How long.
        wait_ms: u64,
    },
}

/// Where a step stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Display, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum StepStatus {
    /// Others must be over first, or its condition is to be looked at.
    Blocked,
    /// It starts as soon as it may.
    Ready,
    /// An agent works on it.
    Running,
    /// It has an answer, and others look at it.
    InReview,
    /// Its effect may have taken place; the tool is asked.
    InDoubt,
    /// It is tried again when its time comes.
    BackingOff,
    /// No model can be asked for it now; it goes on when one can.
    AwaitingModels,
    /// A timer runs.
    Waiting,
    /// The elements of its list run.
    Expanded,
    /// A human is asked.
    Escalated,
    /// It failed, and the plan is made anew around it.
    Mutating,
    /// A later revision of the plan goes without it.
    Dropped,
    /// Done.
    Completed,
    /// Left out.
    Skipped,
    /// Given up.
    Failed,
}

impl StepStatus {
    /// Where a step stands.
    pub(crate) fn of(step: &Step) -> Self {
        match &step.state {
            StepState::BackingOff { rung: Rung::SwapLlm, .. } if step.awaiting.is_some() => {
                Self::AwaitingModels
            }
            state => Self::from(state),
        }
    }
}

impl From<&StepState> for StepStatus {
    fn from(state: &StepState) -> Self {
        match state {
            StepState::Blocked => Self::Blocked,
            StepState::Ready => Self::Ready,
            StepState::Running(run) if run.in_doubt => Self::InDoubt,
            StepState::Running(run) if run.purpose != Purpose::Answer => Self::InReview,
            StepState::Running(_) => Self::Running,
            StepState::Answered => Self::InReview,
            StepState::Mutating => Self::Mutating,
            StepState::Dropped => Self::Dropped,
            StepState::BackingOff { .. } => Self::BackingOff,
            StepState::Waiting { .. } => Self::Waiting,
            StepState::Expanded => Self::Expanded,
            StepState::Escalated { .. } => Self::Escalated,
            StepState::Completed(_) | StepState::Gathered => Self::Completed,
            StepState::Skipped { .. } => Self::Skipped,
            StepState::Failed { .. } => Self::Failed,
        }
    }
}

/// One attempt at a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptView {
    /// Its number, from 1.
    pub attempt: u32,
    /// Who worked it.
    pub agent: AgentId,
    /// Who was asked; none for a tool.
    pub model: Option<String>,
    /// What it was for: an answer, a second one, or a review of one.
    pub purpose: Purpose,
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    pub started: Timestamp,
    /// When its end was recorded; none while it runs.
    #[serde(serialize_with = "rfc3339_opt")]
    pub ended: Option<Timestamp>,
    /// What ended it, other than success: an exit reason, for example `rate_limit`.
    pub exit: Option<String>,
    /// What happened, in a line.
    pub detail: Option<String>,
    /// What it cost.
    pub cost_microusd: u64,
    /// Tokens of prompt and answer.
    pub tokens: Tokens,
}

/// A question to a human.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EscalationView {
    /// Its number in the workflow, from 1.
    pub number: u32,
    /// The step that cannot go on.
    pub step: String,
    /// What ended its last attempt.
    pub exit: String,
    /// What happened and what is needed.
    pub detail: String,
    /// When it was asked.
    #[serde(serialize_with = "rfc3339")]
    pub asked: Timestamp,
    /// When the default is taken.
    #[serde(serialize_with = "rfc3339")]
    pub due: Timestamp,
    /// What the default is.
    pub default: &'static str,
    /// The answers that can be given.
    pub answers: Vec<&'static str>,
    /// The answer that was not sure enough and can be approved.
    pub proposed: Option<Value>,
    /// How the confidence of that answer came about, and what was found unsupported in it.
    pub verification: Option<Value>,
    /// Whether an answer is still awaited.
    pub open: bool,
    /// The answer, once there is one.
    pub resolved: Option<ResolvedView>,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolvedView {
    /// In one word: `approve`, `edit`, `retry`, `raise`, `skip` or `abandon`.
    pub decision: &'static str,
    /// Who gave it; `timeout` when the default was taken.
    pub by: String,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
}

/// Who cancelled a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CancelView {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What a workflow brought.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultView {
    /// The answer, where it is text.
    pub text: Option<String>,
    /// The answer, where it is data. Neither is there when it was erased.
    pub value: Option<Value>,
    /// How sure it is, in 0..=1, where that was measured.
    pub confidence: Option<f64>,
    /// How the confidence came about, and what was found unsupported.
    pub verification: Option<Value>,
}

/// Tokens of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Of prompts.
    pub input: u64,
    /// Of answers.
    pub output: u64,
}

impl Tokens {
    /// Adds those of one call; saturates.
    pub fn add(&mut self, (input, output): (u64, u64)) {
        self.input = self.input.saturating_add(input);
        self.output = self.output.saturating_add(output);
    }
}

/// Calls that were begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// To models.
    pub model: u64,
    /// To tools.
    pub tool: u64,
}

pub(crate) fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

pub(crate) fn rfc3339_opt<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}
