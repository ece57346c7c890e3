//! Spans of attempts: who was asked, what that brought, and which attempt each one follows.

use super::open::{Open, ns};
use autoos_kernel::{
    ladder::{Exit, Rung},
    plan::outline::StepKind,
    time::Timestamp,
    workflow::{Event, Output, Purpose, Step, Workflow, is_planning},
};
use autoos_telemetry::{Link, Span, SpanEvent, Status, attribute, id};
use std::collections::BTreeMap;

/// The attempts of one workflow.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempts {
    open: BTreeMap<(String, u32), (Open, Purpose)>,
    steps: BTreeMap<String, Last>,
}

/// What the next attempt of a step follows.
#[derive(Debug, Clone, Default)]
struct Last {
    /// The span of its last attempt.
    span: Option<u64>,
    /// Why there is another.
    why: Option<&'static str>,
}

impl Attempts {
    /// An attempt began; `workflow` is as of then.
    pub(super) fn started(
        &mut self,
        trace: u128,
        workflow: &Workflow,
        event: &Event,
        at: Timestamp,
    ) {
        let Event::AttemptStarted {
            step, attempt, agent, model, reserved, purpose, choice, ..
        } = event
        else {
            return;
        };
        let uuid = workflow.id.0.as_u128();
        let known = workflow.steps.get(step);
        let role = known.map_or("executor", |known| role(step, known, *purpose));
        let span = id::attempt(uuid, step, *attempt);
        let name = format!("invoke_agent {role}");
        let mut open = Open::new(span, Some(id::step(uuid, step)), name, at);
        open.attributes = vec![
            attribute("gen_ai.operation.name", "invoke_agent"),
            attribute("gen_ai.agent.id", agent.to_string()),
            attribute("gen_ai.agent.name", role),
            attribute("autoos.workflow.id", workflow.id.to_string()),
            attribute("autoos.step.id", step.clone()),
            attribute("autoos.attempt", *attempt),
            attribute("autoos.purpose", purpose_word(*purpose)),
            attribute("autoos.reserved_microusd", *reserved),
        ];
        if let Some(StepKind::Tool { name, effect }) = known.map(|known| &known.outline.kind) {
            open.attributes.push(attribute("gen_ai.tool.name", name.clone()));
            open.attributes.push(attribute("autoos.tool.effect", effect.to_string()));
        }
        if let Some(model) = model {
            let vendor = known.and_then(|known| vendor(known, model));
            open.attributes.push(attribute("gen_ai.provider.name", provider(model, vendor)));
            open.attributes.push(attribute("gen_ai.request.model", short(model)));
            open.attributes.push(attribute("autoos.model", model.clone()));
        }
        if choice.as_ref().is_some_and(|choice| choice.explored) {
            open.attributes.push(attribute("autoos.route.explored", true));
        }
        let last = self.steps.entry(step.clone()).or_default();
        let why = last.why.take().unwrap_or(match purpose {
            Purpose::Answer => "after",
            Purpose::Second => "second_answer",
            Purpose::Review => "cross_verification",
        });
        if let Some(before) = last.span.replace(span) {
            open.links.push(link(trace, before, why));
        }
        self.open.insert((step.clone(), *attempt), (open, *purpose));
    }

    /// An attempt came to an end; one whose effect is in doubt only said so.
    pub(super) fn ended(&mut self, trace: u128, event: &Event, at: Timestamp) -> Option<Span> {
        let (step, attempt) = match event {
            Event::AttemptCompleted { step, attempt, .. }
            | Event::AttemptAnswered { step, attempt, .. }
            | Event::AttemptFailed { step, attempt, .. } => (step, *attempt),
            Event::AttemptInDoubt { step, attempt, exit } => {
                let (open, _) = self.open.get_mut(&(step.clone(), *attempt))?;
                let exit = vec![attribute("autoos.exit", exit.to_string())];
                open.event("autoos.effect_in_doubt", at, exit);
                return None;
            }
            _ => return None,
        };
        let (mut open, purpose) = self.open.remove(&(step.clone(), attempt))?;
        let status = match event {
            Event::AttemptCompleted { output, cost, tokens, .. } => {
                usage(&mut open, *cost, *tokens);
                evaluated(&mut open, output, purpose, "passed", at);
                Status::Good
            }
            Event::AttemptAnswered { output, cost, tokens, .. } => {
                usage(&mut open, *cost, *tokens);
                evaluated(&mut open, output, purpose, "to_be_reviewed", at);
                Status::Good
            }
            Event::AttemptFailed { exit, cost, tokens, doubtful, .. } => {
                usage(&mut open, *cost, *tokens);
                if let Some(output) = doubtful {
                    let label = if *exit == Exit::Vetoed { "vetoed" } else { "unsure" };
                    evaluated(&mut open, output, purpose, label, at);
                }
                open.failed(exit.to_string())
            }
            _ => Status::Unset,
        };
        Some(open.close(trace, at, status))
    }

    /// The ladder was climbed for a step: the next attempt is by that.
    pub(super) fn climbed(&mut self, step: &str, rung: Rung) {
        self.steps.entry(step.to_owned()).or_default().why = Some(rung.into());
    }

    /// A human wants another attempt.
    pub(super) fn asked_again(&mut self, step: &str) {
        self.steps.entry(step.to_owned()).or_default().why = Some("escalation");
    }

    /// A link to the last attempt of a step.
    pub(super) fn link(&self, trace: u128, step: &str, why: &'static str) -> Option<Link> {
        Some(link(trace, self.steps.get(step)?.span?, why))
    }

    /// Everything that has not ended.
    pub(super) fn all(&mut self) -> Vec<Open> {
        std::mem::take(&mut self.open).into_values().map(|(open, _)| open).collect()
    }
}

fn link(trace: u128, span: u64, why: &'static str) -> Link {
    Link { trace, span, attributes: vec![attribute("autoos.link", why)] }
}

fn usage(open: &mut Open, cost: u64, (input, output): (u64, u64)) {
    if (input, output) != (0, 0) {
        open.attributes.push(attribute("gen_ai.usage.input_tokens", input));
        open.attributes.push(attribute("gen_ai.usage.output_tokens", output));
    }
    open.attributes.push(attribute("autoos.cost_microusd", cost));
}

/// What was measured of an answer.
fn evaluated(
    open: &mut Open,
    output: &Output,
    purpose: Purpose,
    label: &'static str,
    at: Timestamp,
) {
    let Some(confidence) = output.confidence else { return };
    let name = if purpose == Purpose::Review { "verification" } else { "confidence" };
    open.events.push(SpanEvent {
        name: "gen_ai.evaluation.result",
        at_ns: ns(at),
        attributes: vec![
            attribute("gen_ai.evaluation.name", name),
            attribute("gen_ai.evaluation.score.value", confidence),
            attribute("gen_ai.evaluation.score.label", label),
        ],
    });
}

/// What kind of work a step is.
pub(super) fn kind(step: &Step) -> &'static str {
    match step.outline.kind {
        StepKind::Tool { .. } => "tool",
        StepKind::Ask { .. } => "ask",
        StepKind::Wait { .. } => "wait",
    }
}

fn role(id: &str, step: &Step, purpose: Purpose) -> &'static str {
    match &step.outline.kind {
        _ if purpose == Purpose::Review => "verifier",
        _ if is_planning(id) => "planner",
        StepKind::Ask { role, .. } => (*role).into(),
        StepKind::Tool { .. } | StepKind::Wait { .. } => "executor",
    }
}

fn purpose_word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Answer => "answer",
        Purpose::Second => "second",
        Purpose::Review => "review",
    }
}

fn vendor<'a>(step: &'a Step, model: &str) -> Option<&'a str> {
    let review = step.outline.review().map(|review| review.models.as_slice()).unwrap_or_default();
    let mut all = step.outline.models().iter().chain(review);
    all.find(|c| c.model == model).map(|c| c.vendor.as_str()).filter(|vendor| !vendor.is_empty())
}

/// The provider as the conventions name it; the part before the slash where no vendor is known.
fn provider(model: &str, vendor: Option<&str>) -> String {
    let named = vendor.or_else(|| model.split_once('/').map(|(provider, _)| provider));
    match named.unwrap_or(model) {
        "google" | "gemini" => "gcp.gemini".to_owned(),
        other => other.to_owned(),
    }
}

/// A model as its vendor calls it.
fn short(model: &str) -> String {
    model.split_once('/').map_or(model, |(_, name)| name).to_owned()
}
