//! The account of a workflow, as a document: plain values, ready to become JSON.
//!
//! Money is in micro-dollars; texts that were erased are absent, and [`Why::erased`] says so.

use crate::view::{ContextView, StepStatus, Tokens, rfc3339, rfc3339_opt};
use autoos_kernel::{
    id::{AgentId, StreamId, WorkflowId},
    ladder::Rung,
    route::Choice,
    time::Timestamp,
    words::{RiskLevel, WorkflowState},
    workflow::Purpose,
};
use serde::Serialize;
use serde_json::Value;

/// Why a workflow came out as it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Why {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Where it stands.
    pub state: WorkflowState,
    /// Whether its texts were destroyed: then what is told is told without them.
    pub erased: bool,
    /// What was asked.
    pub asked: Asked,
    /// How it was read; none before there is a plan, or when that was erased.
    pub reading: Option<Reading>,
    /// Where it was forked from.
    pub forked: Option<ForkedFrom>,
    /// Every plan that came up, in order, the refused ones included.
    pub plans: Vec<PlanTold>,
    /// Every step, in the order in which they came to be.
    pub steps: Vec<StepTold>,
    /// Every question to a human.
    pub questions: Vec<Question>,
    /// Lessons that changed something here, and those that it taught.
    pub lessons: Vec<LessonTold>,
    /// How it ended, or that it has not.
    pub outcome: Outcome,
    /// What the result says, claim by claim, and what each rests on.
    pub claims: Vec<ClaimTold>,
    /// What it cost.
    pub costs: Costs,
    /// Everything that happened, in order.
    pub timeline: Vec<Moment>,
}

/// What was asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Asked {
    /// In words.
    pub intent: Option<String>,
    /// Whose key it came with.
    pub tenant: String,
    /// For whom.
    pub user: String,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// What came with it.
    pub contexts: Vec<ContextView>,
    /// What a wrong answer would cost, as it was stated.
    pub risk: RiskLevel,
    /// What it may cost.
    pub budget_microusd: u64,
    /// When it fails if it is not done.
    #[serde(serialize_with = "rfc3339_opt")]
    pub deadline: Option<Timestamp>,
}

/// How an intent was read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// In one line.
    pub summary: String,
    /// The kind of work.
    pub task_kind: String,
    /// The goals that meet it: id and statement.
    pub goals: Vec<(String, String)>,
    /// The risk that counts; a planner may have raised it.
    pub risk: RiskLevel,
}

/// Where a fork comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForkedFrom {
    /// The workflow whose first events it took over.
    pub parent: WorkflowId,
    /// How many.
    pub events: u64,
    /// The model that is asked wherever it may be.
    pub model: Option<String>,
    /// Who asked for it.
    pub by: String,
}

/// A plan that came up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanTold {
    /// The revision that it became; none when it was refused.
    pub revision: Option<u32>,
    /// When it was judged.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// Who made it: a model, whoever answered a question, or the client.
    pub by: String,
    /// Why there had to be one, when it is not the first.
    pub because: Option<String>,
    /// What is wrong with it, when it was refused.
    pub problems: Vec<String>,
    /// Its steps in order: id and what each does.
    pub steps: Vec<(String, String)>,
    /// What it may cost at worst.
    pub worst_case_microusd: u64,
    /// What changed; none for the first.
    pub changes: Option<PlanDiff>,
}

/// What a revision of a plan changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlanDiff {
    /// Steps that were done or under way and stay as they are.
    pub kept: Vec<String>,
    /// Steps that are there again, to be done anew.
    pub again: Vec<String>,
    /// Steps that are there again and do something else.
    pub changed: Vec<String>,
    /// Steps that it goes without.
    pub dropped: Vec<String>,
    /// Steps that were not there before.
    pub new: Vec<String>,
}

/// A step's way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepTold {
    /// Its id.
    pub id: String,
    /// What it does, in a line.
    pub title: Option<String>,
    /// What does it: a tool's name, a role, or a wait.
    pub work: String,
    /// The kind of work, as lessons and learned figures tell kinds apart.
    pub task: String,
    /// Where it stands.
    pub state: StepStatus,
    /// How its condition or list was judged, where it has one.
    pub evaluated: Option<String>,
    /// How its answer is made sure of, where its own grounding is not enough.
    pub review: Option<ReviewTold>,
    /// Every attempt, those of reviewers included.
    pub attempts: Vec<AttemptTold>,
    /// Every rung of the ladder that was climbed.
    pub climbs: Vec<ClimbTold>,
    /// Every wait for a model that could be asked.
    pub waits: Vec<WaitTold>,
    /// Why its answer counts although nobody reviewed it.
    pub taken: Option<String>,
    /// Why it was left out or given up.
    pub given_up: Option<String>,
    /// How sure its output is, in 0..=1.
    pub confidence: Option<f64>,
}

/// How an answer is made sure of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReviewTold {
    /// How much is asked for: `verified`, `other_vendor` or `quorum`.
    pub assurance: String,
    /// Who may review.
    pub reviewers: Vec<String>,
    /// The most that its confidence may come to.
    pub ceiling: Option<f64>,
    /// Why no more.
    pub ceiling_reason: Option<String>,
    /// The number of the lesson that made it stricter.
    pub lesson: Option<u32>,
}

/// An attempt and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptTold {
    /// Its number, from 1.
    pub attempt: u32,
    /// What it was for: the step's own work, a second answer, or a verdict on the answer.
    pub purpose: Purpose,
    /// Who worked it.
    pub agent: AgentId,
    /// Who was asked; none for a tool.
    pub model: Option<String>,
    /// Why this model, and how the others did.
    pub choice: Option<Choice>,
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    pub started: Timestamp,
    /// From its start to its recorded end; none while it runs.
    pub took_ms: Option<u64>,
    /// `completed`, `answered` (others look at it first), `failed`, `in_doubt` or `running`.
    pub outcome: &'static str,
    /// How it failed.
    pub exit: Option<String>,
    /// What happened, in a line.
    pub detail: Option<String>,
    /// How sure its output is, in 0..=1.
    pub confidence: Option<f64>,
    /// How the confidence came about and what was found against the answer.
    pub verification: Option<Value>,
    /// What was set aside for it.
    pub reserved_microusd: u64,
    /// What it cost.
    pub cost_microusd: u64,
    /// Tokens of prompt and answer.
    pub tokens: Tokens,
}

/// A rung that was climbed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClimbTold {
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// Which.
    pub rung: Rung,
    /// What for.
    pub exit: String,
    /// How long it waited before it began.
    pub wait_ms: u64,
    /// The model that is not asked again.
    pub without: Option<String>,
    /// What was tried before, in a line.
    pub tried: String,
    /// The attempt that followed.
    pub attempt: Option<u32>,
    /// What came of it, in a line.
    pub came_of_it: String,
}

/// A wait for models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitTold {
    /// When it was found that none can be asked.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// When it is looked again.
    #[serde(serialize_with = "rfc3339")]
    pub until: Timestamp,
    /// Why none can.
    pub reason: String,
}

/// A question to a human.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question {
    /// Its number in the workflow.
    pub number: u32,
    /// The step that could not go on.
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
    /// The answer, in one word.
    pub answer: Option<&'static str>,
    /// Who gave it; `timeout` when the default was taken.
    pub by: Option<String>,
    /// When.
    #[serde(serialize_with = "rfc3339_opt")]
    pub answered: Option<Timestamp>,
}

/// A lesson that has to do with the workflow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LessonTold {
    /// Its number.
    pub number: u32,
    /// The step that it changed something for; none for one that was taught here.
    pub step: Option<String>,
    /// What it does there, or that it was taught here.
    pub does: String,
    /// The lesson in a sentence; none when the book has it no longer.
    pub sentence: Option<String>,
}

/// How a workflow ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// The step whose output is the result.
    pub step: Option<String>,
    /// The result; none where there is none, or it was erased.
    pub value: Option<Value>,
    /// How sure it is, in 0..=1, where that was measured.
    pub confidence: Option<f64>,
    /// The recipe of the confidence and what was found unsupported, as recorded.
    pub verification: Option<Value>,
    /// Why there is no result.
    pub failure: Option<String>,
}

/// A claim and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClaimTold {
    /// Its number, from 1, in the order of the answer.
    pub number: usize,
    /// The step whose answer makes it.
    pub step: String,
    /// As it stands there.
    pub text: String,
    /// `figure`, `name`, `quote` or `statement`.
    pub kind: String,
    /// The sentence around it.
    pub within: String,
    /// First byte in the answer.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// `supported`, `unsupported` or `unchecked`.
    pub status: String,
    /// How it was found, or why not.
    pub how: String,
    /// What comes nearest in the evidence.
    pub nearest: Option<String>,
    /// From the answer's own evidence back to where it was first said.
    pub rests_on: Vec<Ground>,
}

/// A place that a claim rests on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Ground {
    /// What the evidence is called where it was used.
    pub input: String,
    /// The step whose output it is.
    pub step: Option<String>,
    /// The context that it is.
    pub context: Option<String>,
    /// The tool that said so: the end of the chain.
    pub tool: Option<String>,
    /// The model that said so, which in turn rests on the next ground.
    pub model: Option<String>,
    /// The attempt that brought it.
    pub attempt: Option<u32>,
    /// The fields that lead to it.
    pub path: String,
    /// What stands there.
    pub excerpt: String,
    /// The record around it, of a tool's output or a context.
    pub record: Option<Value>,
}

/// What a workflow cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Costs {
    /// What could be spent in all.
    pub granted_microusd: u64,
    /// What was spent.
    pub spent_microusd: u64,
    /// Of it, on attempts that failed.
    pub failed_microusd: u64,
    /// Of it, on second answers and verdicts.
    pub review_microusd: u64,
    /// By step.
    pub by_step: Vec<CostOf>,
    /// By model.
    pub by_model: Vec<CostOf>,
}

/// A part of the cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CostOf {
    /// The step or model.
    pub key: String,
    /// Attempts that ended.
    pub attempts: u64,
    /// Of them, those that failed.
    pub failed: u64,
    /// What all cost.
    pub cost_microusd: u64,
    /// Of it, on those that failed.
    pub failed_microusd: u64,
    /// Tokens.
    pub tokens: Tokens,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// In which stream.
    pub stream: StreamId,
    /// Its place there.
    pub seq: u64,
    /// Who decided it.
    pub actor: String,
    /// What became true, in one word.
    pub kind: String,
    /// The step that it is about.
    pub step: Option<String>,
    /// What happened and why, in a sentence.
    pub what: String,
}
