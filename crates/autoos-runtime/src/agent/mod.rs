//! Agents: each works one attempt in one role, reports how it ended, and is gone.
//!
//! Parent: its workflow. Children: none; the call to a model or a tool runs in a task of its own,
//! so that the mailbox stays open and a stop is heard at once. Nothing survives a restart: the
//! workflow sees that the attempt has no end and starts another.

mod actor;
mod ask;
mod review;
mod shelf;
mod tool;
mod trust;
mod watch;

pub(crate) use actor::{Agent, Message, Report};
pub(crate) use ask::plan_once;
pub(crate) use shelf::Shelf;

use crate::{brief::Brief, inputs::Found, meters::Counts, parts::Parts, workflow::Order};
use autoos_journal::Body;
use autoos_kernel::{
    assurance::Assurance,
    id::AgentId,
    ladder::Exit,
    plan::{Plan, WorkflowStep, outline::Ceiling},
    time::Timestamp,
    tool::ToolSpec,
    workflow::{Command, End, Output},
};
use autoos_tools::{Outcome, Stop, ToolGateway};
use serde::Deserialize as _;
use serde_json::Value;
use std::sync::Arc;

/// Everything that an agent needs to know of its attempt.
pub(crate) struct Assignment {
    pub(crate) parts: Parts,
    pub(crate) brief: Arc<Brief>,
    /// What answers of the workflow were held against.
    pub(crate) shelf: Arc<Shelf>,
    /// What the runtime counts.
    pub(crate) counts: Arc<Counts>,
    /// The step's id.
    pub(crate) step: String,
    pub(crate) attempt: u32,
    pub(crate) agent: AgentId,
    /// When the attempt counts as stalled, and its effect may no longer be sent.
    pub(crate) deadline: Timestamp,
    /// The key of its call, or of its effect.
    pub(crate) key: String,
    pub(crate) timeout_ms: u64,
    /// Set once the workflow winds down: what has not begun does not any more.
    pub(crate) stop: Stop,
    /// What failed before.
    pub(crate) note: Option<String>,
    pub(crate) job: Job,
}

/// What the attempt is about.
pub(crate) enum Job {
    /// Make the plan.
    Plan {
        model: String,
        /// What the plan may call.
        tools: Arc<[ToolSpec]>,
        prompt_tokens: u32,
        output_tokens: u32,
        refused: Vec<String>,
        /// The plan in force, when a part of it failed and is to be planned anew, and what the new
        /// plan must look to.
        around: Option<(Arc<Plan>, Vec<String>)>,
        /// What was learned that plans should look to.
        lessons: Vec<String>,
    },
    /// Work a step of the plan.
    Step {
        written: Written,
        model: Option<String>,
        inputs: Vec<Input>,
        reads: Option<Found>,
        effectful: bool,
        /// What is asked for to be sure of the step's answer, beyond its grounding.
        reviewed: Option<Reviewed>,
    },
}

/// How a step's answer is made sure of.
pub(crate) struct Reviewed {
    /// The answers that are there: none before the first, and a second one where it is asked for.
    pub(crate) answers: Vec<Arc<Value>>,
    /// The model that gave the first.
    pub(crate) author: Option<String>,
    /// Independent answers that others gave to the same, and who: the second one, and those that a
    /// verdict was against.
    pub(crate) witnesses: Vec<(String, Arc<Value>)>,
    /// Whose verdict against it stands alone, and is put to another.
    pub(crate) overruled: Option<String>,
    /// How sure it must be made.
    pub(crate) assurance: Assurance,
    /// The most that its confidence may come to.
    pub(crate) ceiling: Option<Ceiling>,
    /// Whether it is to be judged; else the same is worked once more, by someone who does not know
    /// it.
    pub(crate) judge: bool,
}

/// A step as its plan has it.
pub(crate) struct Written {
    pub(crate) plan: Arc<Plan>,
    /// Which of the plan's steps.
    pub(crate) index: usize,
}

impl std::ops::Deref for Written {
    type Target = WorkflowStep;

    fn deref(&self) -> &WorkflowStep {
        &self.plan.steps[self.index]
    }
}

/// A named input of a step.
pub(crate) struct Input {
    pub(crate) name: String,
    /// None when the step that it comes from was left out.
    pub(crate) found: Option<Found>,
    /// Who made it.
    pub(crate) origin: Origin,
}

/// Who made an input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The client, or a tool: as good as evidence gets.
    Given,
    /// A model.
    Model,
    /// A verifier: not evidence, but a verdict on it.
    Verifier,
}

/// What an attempt brought.
pub(crate) struct Product {
    pub(crate) value: Value,
    /// The value as a plan, where it is one.
    pub(crate) plan: Option<Arc<Plan>>,
    /// How sure it is, and why, where that was measured.
    pub(crate) trust: Option<trust::Trust>,
}

/// Asks the tool what became of an effect whose end nobody saw.
pub(crate) async fn inquire(
    tools: &dyn ToolGateway,
    assignment: Option<Assignment>,
    step: String,
    attempt: u32,
) -> Order {
    let unknown = |detail: &str| End::Failed {
        exit: Exit::EffectUnknown,
        detail: detail.to_owned(),
        retry_after_ms: None,
        doubtful: None,
    };
    let mut order = Order::own(Command::Tick);
    let end = match assignment.as_ref().map(tool::call) {
        Some(Ok(call)) => match tools.outcome(call).await {
            Outcome::Done(result) => {
                let body = assignment
                    .map(|a| Body::new(&a.brief.key, result.output.to_string().into_bytes()));
                let reference = body.as_ref().map(|b| b.body);
                order.bodies.extend(body);
                order.value = Some((step.clone(), Arc::new(result.output)));
                match reference {
                    Some(body) => End::Done(Output { body, confidence: None, evidence: None }),
                    None => unknown("its step is gone"),
                }
            }
            Outcome::NotDone => End::NotDone,
            Outcome::Unknown => unknown("the tool cannot tell whether its effect took place"),
        },
        Some(Err(miss)) => unknown(&miss.detail),
        None => unknown("its step is gone"),
    };
    order.command = Command::Ended { step, attempt, end, cost: Some(0), tokens: (0, 0) };
    order
}

/// Reads a planner's answer.
pub(crate) fn read_plan(value: &Value) -> Result<Plan, String> {
    Plan::deserialize(value).map_err(|why| format!("the plan does not parse: {why}"))
}
