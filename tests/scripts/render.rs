//! How a script shows events, effects and states: one line each, short names for long ids.

use autoos_kernel::{
    codec::Recorded,
    time::Timestamp,
    workflow::{Effect, Event, Purpose, StepState, Workflow},
};
use autoos_tests::shape;
use serde_json::Value;
use std::collections::BTreeMap;

/// Short names, given in the order of appearance.
#[derive(Default)]
pub(crate) struct Names {
    bodies: BTreeMap<String, String>,
    agents: BTreeMap<String, String>,
}

impl Names {
    /// From now on the body of this name is shown by it.
    pub(crate) fn learn(&mut self, name: &str) {
        self.bodies.insert(shape::body(name).to_string(), format!("@{name}"));
    }

    fn text(&mut self, text: &str) -> String {
        if let Some(name) = self.bodies.get(text) {
            return name.clone();
        }
        if text.starts_with("ag-") {
            let next = format!("agent{}", self.agents.len() + 1);
            return self.agents.entry(text.to_owned()).or_insert(next).clone();
        }
        if text.contains(' ') { format!("{text:?}") } else { text.to_owned() }
    }

    fn value(&mut self, key: &str, value: &Value) -> String {
        match (key, value) {
            ("due" | "deadline" | "at", Value::Number(ms)) => moment(ms.as_u64().unwrap_or(0)),
            ("outline", outline) => {
                let steps = outline["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
                let ids: Vec<&str> = steps.iter().filter_map(|s| s["id"].as_str()).collect();
                format!("[{}]", ids.join(" "))
            }
            (_, Value::String(text)) => self.text(text),
            (_, Value::Object(fields)) => {
                let fields: Vec<String> = fields
                    .iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, value)| format!("{key}={}", self.value(key, value)))
                    .collect();
                format!("{{{}}}", fields.join(" "))
            }
            (_, other) => other.to_string(),
        }
    }

    pub(crate) fn event(&mut self, event: &Event) -> String {
        let value = serde_json::to_value(event).expect("events can be said in JSON");
        let kind = event.kind();
        if let Event::Created(seed) = event {
            let (granted, risk) = (seed.granted_microusd, seed.risk);
            return format!("{kind} risk={risk} granted={granted}");
        }
        let fields = value[kind].as_object().into_iter().flatten();
        let shown: Vec<String> = fields
            .filter(|(key, value)| key.as_str() != "tokens" && !value.is_null())
            .map(|(key, value)| format!("{key}={}", self.value(key, value)))
            .collect();
        format!("{kind} {}", shown.join(" "))
    }

    pub(crate) fn effect(&mut self, effect: &Effect) -> String {
        match effect {
            Effect::StartAgent { step, attempt } => format!("do start_agent {step}/{attempt}"),
            Effect::Inquire { step, attempt } => format!("do inquire {step}/{attempt}"),
            Effect::Judge { plan, .. } => format!("do judge {}", self.text(&plan.to_string())),
            Effect::Evaluate { step } => format!("do evaluate {step}"),
            Effect::Finish => "do finish".to_owned(),
        }
    }
}

/// `1.5s`
pub(crate) fn moment(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Where a workflow stands, in a line.
pub(crate) fn state(workflow: &Workflow, now: Timestamp) -> String {
    let budget = workflow.budget;
    let mut parts = vec![workflow.state().to_string()];
    let steps: Vec<String> = workflow
        .steps
        .iter()
        .map(|(id, step)| format!("{id}:{}", step_state(&step.state, now)))
        .collect();
    parts.push(steps.join(" "));
    parts.push(format!("reserved {} spent {}", budget.reserved, budget.spent));
    if budget.excess > 0 {
        parts.push(format!("excess {}", budget.excess));
    }
    if let Some(wake) = workflow.wake(now) {
        parts.push(format!("wake {}", moment(wake.0)));
    }
    format!("= {}", parts.join(" | "))
}

fn step_state(state: &StepState, now: Timestamp) -> String {
    match state {
        StepState::Blocked => "blocked".to_owned(),
        StepState::Ready => "ready".to_owned(),
        StepState::Answered => "answered".to_owned(),
        StepState::Mutating => "mutating".to_owned(),
        StepState::Dropped => "dropped".to_owned(),
        StepState::Running(run) if run.in_doubt && run.deadline <= now => "asked".to_owned(),
        StepState::Running(run) if run.in_doubt => "doubt".to_owned(),
        StepState::Running(run) if run.purpose == Purpose::Answer => {
            format!("running/{}", run.attempt)
        }
        StepState::Running(run) => format!("reviewing/{}", run.attempt),
        StepState::BackingOff { due, .. } => format!("back@{}", moment(due.0)),
        StepState::Waiting { due } => format!("waiting@{}", moment(due.0)),
        StepState::Expanded => "expanded".to_owned(),
        StepState::Escalated { escalation } => format!("escalated#{escalation}"),
        StepState::Completed(_) => "completed".to_owned(),
        StepState::Gathered => "gathered".to_owned(),
        StepState::Skipped { .. } => "skipped".to_owned(),
        StepState::Failed { .. } => "failed".to_owned(),
    }
}
