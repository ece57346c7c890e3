//! A fork: another workflow that begins with the first events of one and goes on by itself.
//!
//! Events are taken over as they were decided, with their times and their actors; what they name is
//! copied under the fork's own key, so that erasing one leaves the other whole. One append writes
//! all of it. Left out: what came out differently (the views).

use crate::{
    accounts::{Accounts, Ask, Hold},
    brief::{load_intent, load_workflow},
    clock::SystemRng,
    hosts::new_uuid,
    parts::Parts,
    route::Fabrics,
    submission::{Refusal, Submitted},
    workflow::{new_events, standing},
};
use autoos_journal::{
    Batch, Body, BodyKey, Error, Journal, NewEvent, Standing, StreamWrite, open_texts, seal_texts,
};
use autoos_kernel::{
    body::BodyRef,
    budget::Budget,
    codec::Recorded,
    id::{IntentId, WorkflowId},
    intent::{self, Content, Intent},
    time::Timestamp,
    workflow::{Command, Event, Means, Workflow},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Events that a fork may take over: they are written in one append.
const EVENTS_MAX: u64 = 10_000;

/// Writes the streams of a fork.
pub(crate) async fn fork(
    parts: &Parts,
    accounts: &Accounts,
    parent: WorkflowId,
    at: u64,
    model: Option<String>,
    by: String,
) -> Result<Submitted, Refusal> {
    let (intent, _) = load_intent(&parts.journal, IntentId(parent.0)).await?;
    let Some(mut request) = intent.request else { return Err(Refusal::Missing(parent)) };
    let now = parts.clock.now();
    let uuid = new_uuid(parts)?;
    let key = parts.journal.body_key(uuid).await?;
    let mut copies =
        Copies { parts, parent: parent.0, key: &key, known: BTreeMap::new(), bodies: Vec::new() };
    let taken = taken(parts, parent, at).await?;

    let mut workflow = Workflow::new(WorkflowId(uuid));
    let mut events = Vec::with_capacity(taken.len() + 2);
    for (mut event, at, actor) in taken {
        for body in event.bodies_mut() {
            *body = copies.copy(*body).await?;
        }
        workflow.fold(&event, at);
        events.push(NewEvent {
            // A bill shows by this that it was paid for there.
            cause: Some(parent.to_string()),
            ..recorded(event, &key, at, actor)
        });
    }
    check(&workflow, model.as_deref())?;
    let command = Command::Fork { parent, at, model, by: by.clone() };
    let decided = {
        // Held over no wait: whoever asks for a fork may run on any thread.
        let router = Fabrics(&*parts.llm);
        workflow.decide(command, now, &mut Means { rng: &mut SystemRng, router: &router })?
    };
    events.extend(new_events(decided, &key, &by, None, now));

    request.text = copies.copy(request.text).await?;
    for context in &mut request.contexts {
        match &mut context.content {
            Content::Inline(body) | Content::File(body) => *body = copies.copy(*body).await?,
        }
    }
    request.user = by.clone();
    let tenant = request.tenant.clone();
    request.fingerprint = key.refer(uuid.as_bytes()).hash;
    let bodies = copies.bodies;
    let mut intent = Intent::new(IntentId(uuid));
    let accepted = intent
        .decide(intent::Command::Accept(request))
        .map_err(|why| Refusal::Invalid(vec![why.to_string()]))?;
    let shard = workflow.id.stream().shard(parts.journal.shards());
    let write = |stream, events, standing| StreamWrite { stream, expect: 0, events, standing };
    let accepted = new_events(accepted, &key, &by, None, now);
    let batch = Batch {
        epoch: parts.journal.epoch(shard),
        writes: vec![
            write(intent.id.stream(), accepted, Standing::Waiting { wake: None }),
            write(workflow.id.stream(), events, standing(&workflow, now)),
        ],
        bodies,
    };
    // It pays for what it spends itself; what it took over its parent has paid for.
    let Budget { granted, spent, excess, .. } = workflow.budget;
    let ask = Ask {
        workflow: workflow.id,
        microusd: granted.saturating_sub(spent),
        raise: None,
        before_microusd: spent.saturating_add(excess),
        call: false,
    };
    let holds = accounts.ask(&tenant, &by, ask).await?;
    let position = parts.journal.append(batch).await?;
    holds.into_iter().for_each(Hold::used);
    Ok(Submitted { intent: intent.id, workflow: workflow.id, position, existed: false })
}

/// The first events of a workflow, with when and by whom.
async fn taken(
    parts: &Parts,
    parent: WorkflowId,
    at: u64,
) -> Result<Vec<(Event, Timestamp, String)>, Refusal> {
    let (_, next) = load_workflow(&parts.journal, parent).await?;
    if at == 0 || at > next || at > EVENTS_MAX {
        let most = next.min(EVENTS_MAX);
        let why = format!("a fork takes over 1 to {most} events of this workflow, not {at}");
        return Err(Refusal::Invalid(vec![why]));
    }
    let count = usize::try_from(at).unwrap_or(usize::MAX);
    let mut taken = Vec::with_capacity(count);
    let mut events = parts.journal.read(parent.stream(), 0, count).await?;
    open_texts(&*parts.journal, &mut events).await?;
    for event in events {
        let known = Event::decode(&event.kind, &event.body)
            .map_err(|why| Error::Corrupt(format!("{} at {}: {why}", event.stream, event.seq)))?;
        taken.extend(known.map(|known| (known, event.at, event.actor)));
    }
    Ok(taken)
}

fn recorded(mut event: Event, key: &BodyKey, at: Timestamp, actor: String) -> NewEvent {
    seal_texts(&mut event, key);
    let (kind, body) = (event.kind().to_owned(), event.encode());
    NewEvent { at, actor, cause: None, trace: None, kind, body }
}

/// Whether a fork can go on from here, and may.
fn check(workflow: &Workflow, model: Option<&str>) -> Result<(), Refusal> {
    let invalid = |why: String| Err(Refusal::Invalid(vec![why]));
    if let Some(end) = &workflow.end {
        return invalid(format!("at this position it is {}: take fewer events", end.state));
    }
    let open = || workflow.steps.values().filter(|step| !step.state.is_over());
    let acts = |step: &autoos_kernel::workflow::Step| step.outline.is_effectful();
    if let Some(step) = open().find(|step| acts(step)) {
        return invalid(format!(
            "step {} changes something outside, and the fork would do it a second time: fork after \
             it, with a higher position",
            step.outline.id
        ));
    }
    let serves =
        |model: &str| open().any(|step| step.outline.models().iter().any(|c| c.model == model));
    match model {
        Some(model) if !serves(model) => invalid(format!(
            "{model} may be asked for none of the steps that are left at this position"
        )),
        _ => Ok(()),
    }
}

/// Bodies of the parent under the fork's key, each once.
struct Copies<'a> {
    parts: &'a Parts,
    parent: Uuid,
    key: &'a BodyKey,
    known: BTreeMap<[u8; 32], BodyRef>,
    bodies: Vec<Body>,
}

impl Copies<'_> {
    async fn copy(&mut self, body: BodyRef) -> Result<BodyRef, Refusal> {
        if let Some(known) = self.known.get(&body.hash) {
            return Ok(*known);
        }
        let journal = &self.parts.journal;
        let bytes = Journal::body(&**journal, self.parent, body).await?.ok_or_else(|| {
            Error::Corrupt(format!("the body {body} of {} is missing", self.parent))
        })?;
        let copy = Body::new(self.key, bytes);
        self.known.insert(body.hash, copy.body);
        let name = copy.body;
        self.bodies.push(copy);
        Ok(name)
    }
}
