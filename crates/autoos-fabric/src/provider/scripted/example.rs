//! The example that a scripted provider plays when its script says nothing else: a plan of six
//! steps (the planning, three that run side by side, a verification and a synthesis), each
//! answer 500 bytes long.

use super::script::Answer;
use crate::{Task, Verdict};
use autoos_kernel::{
    goal::{GoalGraph, GoalNode, ParsedIntent},
    plan::{Plan, Source, Work, WorkflowStep},
    words::{LlmRole, RiskLevel},
};
use serde_json::json;
use std::{collections::BTreeMap, sync::LazyLock};

/// The bytes of an answer of the example.
const BYTES: usize = 500;

/// The plan as a planner would write it.
static PLAN: LazyLock<String> = LazyLock::new(|| json!(six_steps()).to_string());

static VERDICT: LazyLock<String> = LazyLock::new(verdict);

/// The example's plan: `one`, `two` and `three` side by side, `verify` on all of them, and
/// `answer` of what was verified.
#[must_use]
pub fn six_steps() -> Plan {
    let parts = ["one", "two", "three"];
    let mut steps: Vec<WorkflowStep> =
        parts.iter().map(|id| step(id, LlmRole::Executor, &format!("do part {id}"), &[])).collect();
    steps.push(step("verify", LlmRole::Verifier, "check the parts against each other", &parts));
    let last = ["one", "two", "three", "verify"];
    steps.push(step("answer", LlmRole::Synthesizer, "make one answer of the parts", &last));
    Plan {
        name: "six-steps".into(),
        version: 1,
        intent: ParsedIntent {
            summary: "an example of six steps".into(),
            task_kind: "example".into(),
            contexts: Vec::new(),
            risk: Some(RiskLevel::Low),
        },
        goals: GoalGraph(vec![GoalNode {
            id: "done".into(),
            statement: "the parts are done and agree".into(),
            after: Vec::new(),
        }]),
        steps,
        result: "answer".into(),
    }
}

fn step(id: &str, role: LlmRole, instruction: &str, inputs: &[&str]) -> WorkflowStep {
    let output =
        |of: &&str| ((*of).to_owned(), Source::Step { id: (*of).into(), at: String::new() });
    WorkflowStep {
        id: id.into(),
        title: instruction.into(),
        goal: Some("done".into()),
        work: Work::Ask { role, instruction: instruction.into(), schema: None },
        inputs: inputs.iter().map(output).collect::<BTreeMap<_, _>>(),
        after: Vec::new(),
        when: None,
        each: None,
        critical: false,
        retry: Default::default(),
        fallback: Default::default(),
        limits: Default::default(),
    }
}

/// The example's answer to a task, as text.
pub(super) fn text(task: &Task) -> String {
    let answer = answer(task);
    let value = answer.value.map(|value| value.to_string());
    answer.text.or(value).unwrap_or_default()
}

/// The example's answer to a task.
pub(super) fn answer(task: &Task) -> Answer {
    match task {
        Task::Plan { .. } => Answer::text(PLAN.as_str()),
        Task::Execute { instruction, .. } => {
            Answer::text(filled(&format!("{instruction}: done. ")))
        }
        Task::Synthesize { .. } => Answer::text(filled("The parts are done and agree. ")),
        Task::Verify { .. } => Answer::text(VERDICT.as_str()),
    }
}

/// A verdict as a verifier would write it, in favour.
fn verdict() -> String {
    let written = |method: &str| {
        json!(Verdict {
            supported: true,
            confidence: 0.95,
            problems: Vec::new(),
            method: method.to_owned(),
        })
        .to_string()
    };
    let rest = BYTES.saturating_sub(written("").len());
    let mut method = filled("compared part by part; ");
    method.truncate(rest);
    written(&method)
}

/// A sentence over and over, to the length of an answer.
fn filled(sentence: &str) -> String {
    let ascii: String = sentence.chars().filter(char::is_ascii).collect();
    let mut text = ascii.repeat(BYTES / ascii.len().max(1) + 1);
    text.truncate(BYTES);
    text
}
