//! The audit trail: every event of a workflow and its intent, in order of time, each with a
//! sentence and what it rests on; and the check that nothing in it was changed.

use crate::{
    Error,
    inputs::{self, AuditInput, Trace},
    sentence,
    story::{Story, decode, read_recorded},
    view::rfc3339,
};
use autoos_journal::{self as journal, Chain, SharedJournal, chain_next, chain_start, open_texts};
use autoos_kernel::{
    codec::Recorded,
    id::{Prefix, StreamId, WorkflowId},
    intent,
    time::Timestamp,
    workflow,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;

/// One event, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Whose event it is.
    pub stream: StreamId,
    /// Its place in that stream, from 0.
    pub seq: u64,
    /// When it was decided.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// Who decided it.
    pub actor: String,
    /// What became true, in one word.
    pub kind: String,
    /// What happened and why, in a sentence.
    pub what: String,
    /// What it follows from.
    pub cause: Option<String>,
    /// The trace that it belongs to, as 32 hex digits.
    pub trace_id: Option<String>,
    /// Under which epoch it was written.
    pub epoch: u64,
    /// The event itself; null when this version does not know its kind.
    pub data: Value,
}

/// An event of the trail with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditDecision {
    /// The event.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// The chain of its stream behind it, in hex: it names this event and all before it.
    pub chain: String,
    /// What it rests on: texts by their keyed hash and length, earlier events by their chain.
    pub inputs: Vec<AuditInput>,
}

/// What a check of both streams found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many events were read and match their chain.
    pub events: u64,
    /// The chain after the last event of the intent's stream, in hex.
    pub intent_chain: String,
    /// The chain after the last event of the workflow's stream, in hex: who keeps it elsewhere
    /// can tell later that nothing before it was changed.
    pub workflow_chain: String,
}

/// Every event of both streams. Events that cannot be read are shown as that; they end nothing.
pub(crate) async fn trail(
    journal: &SharedJournal,
    id: WorkflowId,
) -> Result<Option<Vec<AuditDecision>>, Error> {
    let (intents, mut chains) = chained(journal, id.intent().stream()).await?;
    let (events, of_workflow) = chained(journal, id.stream()).await?;
    if intents.is_empty() && events.is_empty() {
        return Ok(None);
    }
    chains.extend(of_workflow);
    let mut story = Story::new(id);
    let mut trace = Trace::default();
    let mut decisions = Vec::with_capacity(intents.len() + events.len());
    for event in merge(intents, events) {
        let inputs = inputs(&trace, &story, &event);
        let chain = chains.remove(&(event.stream, event.seq)).unwrap_or_default();
        let (entry, step) = tell(&mut story, &event);
        if let Some(step) = step {
            trace.note(&step, event.seq, &event.kind, &chain);
        }
        decisions.push(AuditDecision { entry, chain, inputs });
    }
    Ok(Some(decisions))
}

type Chains = HashMap<(StreamId, u64), String>;

/// The events of a stream with their texts opened, and the chains behind them.
async fn chained(
    journal: &SharedJournal,
    stream: StreamId,
) -> Result<(Vec<journal::Event>, Chains), Error> {
    let mut events = read_recorded(journal, stream, u64::MAX).await?;
    let mut chain = chain_start(stream);
    let mut chains = Chains::with_capacity(events.len());
    for event in &events {
        chain = chain_next(&chain, event);
        chains.insert((stream, event.seq), hex(&chain));
    }
    open_texts(&**journal, &mut events).await?;
    Ok((events, chains))
}

/// What an event rests on; nothing where it cannot be read.
fn inputs(trace: &Trace, story: &Story, event: &journal::Event) -> Vec<AuditInput> {
    if event.stream.prefix == Prefix::INTENT {
        let known = decode::<intent::Event>(event).ok().flatten();
        return known.as_ref().map(inputs::of_intent).unwrap_or_default();
    }
    let known = decode::<workflow::Event>(event).ok().flatten();
    known.map(|known| trace.of_workflow(&known, story)).unwrap_or_default()
}

/// By time, each stream in its own order; at the same time what begins comes first and what
/// settles last.
pub(crate) fn merge(
    intents: Vec<journal::Event>,
    events: Vec<journal::Event>,
) -> Vec<journal::Event> {
    let mut merged = Vec::with_capacity(intents.len() + events.len());
    let mut intents = intents.into_iter().peekable();
    let mut events = events.into_iter().peekable();
    while let Some(intent) = intents.peek() {
        let first = match events.peek() {
            None => true,
            Some(event) => intent.seq == 0 || intent.at < event.at,
        };
        merged.extend(if first { intents.next() } else { events.next() });
    }
    merged.extend(events);
    merged
}

/// Folds one event into the story and tells it, with the step that it is about.
pub(crate) fn tell(story: &mut Story, event: &journal::Event) -> (AuditEntry, Option<String>) {
    let mut step = None;
    let told = if event.stream.prefix == Prefix::INTENT {
        decode::<intent::Event>(event).map(|known| {
            known.map(|known| {
                let what = sentence::of_intent(&known);
                story.intent.fold(&known);
                (what, data(&known))
            })
        })
    } else {
        story.next = event.seq + 1;
        decode::<workflow::Event>(event).map(|known| {
            known.map(|known| {
                let what = sentence::of_workflow(&known, event.at, story);
                step = story.step_of(&known).map(str::to_owned);
                story.fold_known(&known, event.at);
                (what, data(&known))
            })
        })
    };
    let (what, data) = match told {
        Ok(Some(told)) => told,
        Ok(None) => {
            let what = format!("{}: a newer version of autoos knows what this is", event.kind);
            (what, Value::Null)
        }
        Err(error) => (error.to_string(), Value::Null),
    };
    let entry = AuditEntry {
        stream: event.stream,
        seq: event.seq,
        at: event.at,
        actor: event.actor.clone(),
        kind: event.kind.clone(),
        what,
        cause: event.cause.clone(),
        trace_id: event.trace.map(|trace| format!("{:032x}", trace.trace_id)),
        epoch: event.epoch,
        data,
    };
    (entry, step)
}

fn data<E: Recorded>(event: &E) -> Value {
    serde_json::to_value(event).unwrap_or(Value::Null)
}

/// Reads both streams from their start and computes their chains anew.
pub(crate) async fn verify(
    journal: &SharedJournal,
    id: WorkflowId,
) -> Result<Option<Verified>, Error> {
    let intent = chain_of(journal, id.intent().stream()).await?;
    let workflow = chain_of(journal, id.stream()).await?;
    if intent.0 + workflow.0 == 0 {
        return Ok(None);
    }
    Ok(Some(Verified {
        events: intent.0 + workflow.0,
        intent_chain: hex(&intent.1),
        workflow_chain: hex(&workflow.1),
    }))
}

/// How many events a stream holds, and the chain over them. The journal checks each page against
/// the chain that is stored with it; that the pages follow each other, and that the last event
/// is the newest that was acknowledged, is checked here against the stream's head.
async fn chain_of(journal: &SharedJournal, stream: StreamId) -> Result<(u64, Chain), Error> {
    // The head first: what is appended while the stream is read then lies behind it.
    let Some(head) = journal.head(stream).await? else { return Ok((0, chain_start(stream))) };
    let mut chain = chain_start(stream);
    let events = read_recorded(journal, stream, head.next).await?;
    for event in &events {
        chain = chain_next(&chain, event);
    }
    let read = events.len() as u64;
    if read != head.next || chain != head.chain {
        return Err(Error::Journal(journal::Error::Corrupt(format!(
            "{stream} was acknowledged up to {} events with chain {}, and reads as {read} events \
             with chain {}: stop the node and restore a backup",
            head.next,
            hex(&head.chain),
            hex(&chain)
        ))));
    }
    Ok((read, chain))
}

fn hex(chain: &Chain) -> String {
    chain.iter().map(|byte| format!("{byte:02x}")).collect()
}
