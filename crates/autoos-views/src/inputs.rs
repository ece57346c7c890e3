//! What a decision rests on, by hash: the texts that went into it and the events that it follows.
//!
//! A text is named by its keyed hash, which says nothing to who has not the workflow's key; an
//! event by the chain behind it, which stands for all before it too.

use crate::story::Story;
use autoos_kernel::{
    body::BodyRef,
    intent,
    workflow::{self, Decision, Event, Output, StepState},
};
use serde::Serialize;
use std::collections::HashMap;

/// Something that a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditInput {
    /// What it is.
    pub what: String,
    /// Its hash.
    pub hash: String,
}

/// The newest event about each step, by the chain behind it.
#[derive(Default)]
pub(crate) struct Trace(HashMap<String, AuditInput>);

impl Trace {
    /// Notes that an event about a step was told.
    pub(crate) fn note(&mut self, step: &str, seq: u64, kind: &str, chain: &str) {
        let input = AuditInput { what: format!("event {seq} ({kind})"), hash: chain.to_owned() };
        self.0.insert(step.to_owned(), input);
    }

    /// What an event of a workflow's stream rests on; `story` is how things stood before it.
    pub(crate) fn of_workflow(&self, event: &Event, story: &Story) -> Vec<AuditInput> {
        let mut inputs = Vec::new();
        match event {
            Event::Created(seed) => {
                inputs.extend(seed.plan.as_ref().map(|(body, _)| named("the plan", body)));
            }
            Event::PlanAdopted { plan, .. } => inputs.push(named("the plan", plan)),
            Event::AttemptStarted { step, .. } => inputs.extend(given(step, story)),
            Event::AttemptCompleted { output, .. }
            | Event::AttemptAnswered { output, .. }
            | Event::AnswerTaken { output, .. }
            | Event::AttemptFailed { doubtful: Some(output), .. } => {
                inputs.extend(output_of("the answer", output));
            }
            Event::Completed { output } => inputs.extend(output_of("the result", output)),
            Event::EscalationResolved { decision: Decision::Edit(body), .. } => {
                inputs.push(named("the human's answer", body));
            }
            _ => {}
        }
        inputs.extend(story.step_of(event).and_then(|step| self.0.get(step)).cloned());
        inputs
    }
}

/// What an event of an intent's stream rests on.
pub(crate) fn of_intent(event: &intent::Event) -> Vec<AuditInput> {
    let intent::Event::Accepted(request) = event else { return Vec::new() };
    asked(request)
}

/// What a person gave.
fn asked(request: &intent::Request) -> Vec<AuditInput> {
    let contexts = request.contexts.iter().map(|context| match &context.content {
        intent::Content::Inline(body) => named(&format!("context {}", context.name), body),
        intent::Content::File(path) => {
            named(&format!("the path of context {}", context.name), path)
        }
    });
    std::iter::once(named("the intent", &request.text)).chain(contexts).collect()
}

/// What an attempt at a step is given.
fn given(id: &str, story: &Story) -> Vec<AuditInput> {
    if workflow::is_planning(id) {
        return story.intent.request.as_ref().map(asked).unwrap_or_default();
    }
    let steps = &story.workflow.steps;
    let needs = steps.get(id).map(|step| step.outline.needs.as_slice()).unwrap_or_default();
    let plan = story.workflow.plan.as_ref().map(|plan| named("the plan", &plan.body));
    let outputs = needs.iter().filter_map(|need| match &steps.get(need)?.state {
        StepState::Completed(output) => Some(named(&format!("what {need} brought"), &output.body)),
        _ => None,
    });
    plan.into_iter().chain(outputs).collect()
}

fn output_of(what: &str, output: &Output) -> Vec<AuditInput> {
    let evidence = output.evidence.as_ref().map(|body| named("its evidence", body));
    std::iter::once(named(what, &output.body)).chain(evidence).collect()
}

fn named(what: &str, body: &BodyRef) -> AuditInput {
    AuditInput { what: what.to_owned(), hash: body.to_string() }
}
