//! What is decided and not yet recorded, as one batch for the journal.

use super::{
    Order, Reply,
    learn::{self, Learned},
};
use autoos_journal::{Batch, Body, BodyKey, NewEvent, Standing, StreamWrite, Trace, seal_texts};
use autoos_kernel::{
    codec::Recorded,
    ladder::Exit,
    time::Timestamp,
    workflow::{Command, Decision, Effect, End, Event, Means, Purpose, Rejected, Workflow},
};
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};

/// The next append, as it grows.
pub(super) struct Draft<'a> {
    /// Under what texts are sealed.
    key: &'a BodyKey,
    events: Vec<NewEvent>,
    bodies: Vec<Body>,
    /// Who waits for it.
    pub(super) replies: Vec<Reply>,
    /// What it teaches, once it is recorded.
    pub(super) learned: Vec<Learned>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(key: &'a BodyKey) -> Self {
        let (events, bodies, replies, learned) = Default::default();
        Self { key, events, bodies, replies, learned }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many events it adds to the stream.
    pub(super) fn len(&self) -> u64 {
        self.events.len() as u64
    }

    /// Decides an order into this draft. Whoever asked for nothing new is answered at once.
    pub(super) fn take(
        &mut self,
        mut order: Order,
        workflow: &mut Workflow,
        outputs: &mut HashMap<String, Arc<Value>>,
        trace: Option<Trace>,
        now: Timestamp,
        means: &mut Means<'_>,
    ) {
        let command = std::mem::replace(&mut order.command, Command::Tick);
        let approved = approved(&command, workflow);
        let answered = answered(&command, workflow);
        let before = learn::before(&command, workflow);
        let human = learn::human(&command, workflow);
        let value = order.value.take().filter(|_| brings_value(&command));
        let events = match workflow.decide(command, now, means) {
            Ok(events) if events.is_empty() => return order.answer(Ok(None)),
            Ok(events) => events,
            // A late report of an agent that was given up is of no interest to anyone.
            Err(rejected @ Rejected::Stale(_)) if order.reply.is_none() => {
                return tracing::debug!(workflow = %workflow.id, %rejected, "ignored");
            }
            Err(rejected) => return order.answer(Err(rejected.into())),
        };
        if let Some((step, value)) = value {
            let stands = |e: &Event| {
                matches!(e, Event::AttemptCompleted { .. } | Event::EscalationResolved { .. })
            };
            let id = if events.iter().any(stands) { step } else { answer_name(&step, answered) };
            outputs.insert(id, value);
        }
        for event in &events {
            let (step, name) = match event {
                Event::AnswerTaken { step, .. } => (step, step.clone()),
                // Others that say the same speak for it.
                Event::AttemptFailed { step, exit: Exit::Vetoed, .. } => {
                    let refuted = workflow.steps.get(step).map_or(0, |s| s.refuted.len());
                    let Some(last) = refuted.checked_sub(1) else { continue };
                    (step, refuted_name(step, last))
                }
                _ => continue,
            };
            if let Some(value) = outputs.get(&doubtful_name(step)).cloned() {
                outputs.insert(name, value);
            }
        }
        self.learned.extend(learn::after(&before, &events, workflow));
        self.learned.extend(human);
        if let Some(step) = approved
            && let Some(value) = outputs.get(&doubtful_name(&step)).cloned()
        {
            outputs.insert(step, value);
        }
        self.events.extend(new_events(events, self.key, &order.by, trace, now));
        self.bodies.append(&mut order.bodies);
        self.replies.extend(order.reply);
    }

    /// The batch, and who waits for it.
    pub(super) fn finish(
        self,
        workflow: &Workflow,
        epoch: u64,
        expect: u64,
        standing: Standing,
    ) -> (Batch, Vec<Reply>) {
        let write =
            StreamWrite { stream: workflow.id.stream(), expect, events: self.events, standing };
        (Batch { epoch, writes: vec![write], bodies: self.bodies }, self.replies)
    }
}

/// Events as the journal takes them, their texts sealed under the workflow's key.
pub(crate) fn new_events<E: Recorded>(
    events: Vec<E>,
    key: &BodyKey,
    by: &str,
    trace: Option<Trace>,
    now: Timestamp,
) -> Vec<NewEvent> {
    let new = |mut event: E| {
        seal_texts(&mut event, key);
        NewEvent {
            at: now,
            actor: by.to_owned(),
            cause: None,
            trace,
            kind: event.kind().to_owned(),
            body: event.encode(),
        }
    };
    events.into_iter().map(new).collect()
}

/// How a workflow stands for whoever starts the next process.
pub(crate) fn standing(workflow: &Workflow, now: Timestamp) -> Standing {
    let outstanding = workflow.outstanding(now);
    if workflow.end.is_some() {
        Standing::Closed
    } else if outstanding.is_empty() {
        Standing::Waiting { wake: workflow.next_wake() }
    } else {
        debug_assert!(!outstanding.contains(&Effect::Finish));
        Standing::Running
    }
}

/// Outputs that are not believed yet are kept beside the others.
pub(crate) fn doubtful_name(step: &str) -> String {
    answer_name(step, 0)
}

/// The same for the answers of a step, counted from 0, that are being made sure of.
pub(crate) fn answer_name(step: &str, n: usize) -> String {
    if n == 0 { format!("{step}?") } else { format!("{step}?{n}") }
}

/// The same for answers that a verdict was against.
pub(crate) fn refuted_name(step: &str, n: usize) -> String {
    format!("{step}!{n}")
}

/// How many answers of the step that a command is about are there before it: a second answer is
/// kept beside the first, and what a review brings is the first once more.
fn answered(command: &Command, workflow: &Workflow) -> usize {
    let Command::Ended { step, .. } = command else { return 0 };
    let Some(step) = workflow.steps.get(step) else { return 0 };
    let second = step.purpose() == Purpose::Second;
    step.reviewing.as_ref().filter(|_| second).map_or(0, |r| r.answers.len())
}

fn brings_value(command: &Command) -> bool {
    matches!(
        command,
        Command::Ended { end: End::Done(_) | End::Failed { doubtful: Some(_), .. }, .. }
            | Command::Resolve { decision: Decision::Edit(_), .. }
    )
}

/// The step whose doubtful output a human approves.
fn approved(command: &Command, workflow: &Workflow) -> Option<String> {
    match command {
        Command::Resolve { escalation, decision: Decision::Approve, .. } => {
            workflow.escalations.get(escalation).map(|e| e.step.clone())
        }
        _ => None,
    }
}
