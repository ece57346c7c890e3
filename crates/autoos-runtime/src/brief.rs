//! What everyone who works on a workflow is told of its intent, and how that is read back.

use autoos_journal::{BodyKey, Error, Event, Journal, SharedJournal, Trace, open_texts};
use autoos_kernel::{
    body::BodyRef,
    codec::Recorded,
    id::{IntentId, StreamId, WorkflowId},
    intent::{self, Content, Intent},
    plan::Plan,
    words::RiskLevel,
    workflow::{FOLD_VERSION, StepState, Workflow},
};
use serde_json::Value;
use std::{collections::HashMap, path::PathBuf, sync::Arc};
use uuid::Uuid;

/// How many events a fold reads at a time.
const PAGE: usize = 1_000;

/// An intent in plain text, as long as its workflow is open.
#[derive(Debug)]
pub(crate) struct Brief {
    /// The intent's id, and so the workflow's.
    pub(crate) uuid: Uuid,
    /// What is asked.
    pub(crate) text: String,
    /// What a wrong answer would cost.
    pub(crate) risk: RiskLevel,
    /// What came with it.
    pub(crate) contexts: Vec<Context>,
    /// The key of its bodies.
    pub(crate) key: BodyKey,
    /// The trace that it belongs to.
    pub(crate) trace: Option<Trace>,
}

/// A context in plain text.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) bytes: u64,
    pub(crate) content: Source,
}

/// Where a context's content is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Text(Arc<str>),
    File(PathBuf),
}

impl Brief {
    pub(crate) fn context(&self, name: &str) -> Option<&Context> {
        self.contexts.iter().find(|c| c.name == name)
    }

    /// The place of one of its spans, for what is below it; none outside of a kept trace.
    pub(crate) fn place(
        &self,
        span: impl FnOnce(u128) -> u64,
    ) -> Option<autoos_telemetry::Context> {
        let trace = self.trace.filter(|trace| trace.sampled && autoos_telemetry::is_on())?;
        let span = span(self.uuid.as_u128());
        Some(autoos_telemetry::Context { trace: trace.trace_id, span, sampled: true })
    }

    pub(crate) fn context_names(&self) -> Vec<String> {
        self.contexts.iter().map(|c| c.name.clone()).collect()
    }

    /// The files that tools may read for this intent.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let files = self.contexts.iter().filter_map(|c| match &c.content {
            Source::File(path) => Some(path.clone()),
            Source::Text(_) => None,
        });
        files.collect()
    }
}

/// Everything that a workflow's actors need to go on.
pub(crate) struct Loaded {
    pub(crate) brief: Arc<Brief>,
    pub(crate) intent: Intent,
    pub(crate) intent_next: u64,
    pub(crate) workflow: Workflow,
    pub(crate) workflow_next: u64,
    /// The plan in force, by the name of its document.
    pub(crate) plan: Option<(BodyRef, Arc<Plan>)>,
    pub(crate) outputs: HashMap<String, Arc<Value>>,
}

/// Folds the streams of an intent and its workflow; none when they do not exist.
pub(crate) async fn load(journal: &SharedJournal, uuid: Uuid) -> Result<Option<Loaded>, Error> {
    let (intent, intent_next) = load_intent(journal, IntentId(uuid)).await?;
    let Some(request) = &intent.request else { return Ok(None) };
    let (workflow, workflow_next) = load_workflow(journal, WorkflowId(uuid)).await?;
    let first = journal.read(IntentId(uuid).stream(), 0, 1).await?;
    let trace = first.first().and_then(|event| event.trace);
    let brief = match open_brief(journal, uuid, request, trace).await {
        // What was erased is not needed: an erased workflow has ended.
        Err(Error::Erased(_)) if workflow.end.is_some() => Brief {
            uuid,
            text: String::new(),
            risk: request.risk,
            contexts: Vec::new(),
            key: BodyKey { owner: uuid, secret: autoos_journal::Key([0; 32]) },
            trace,
        },
        other => other?,
    };
    let (mut plan, mut outputs) = (None, HashMap::new());
    if workflow.end.is_none() {
        if let Some(adopted) = &workflow.plan {
            let document = parse(&read(journal, uuid, adopted.body).await?)?;
            plan = Some((adopted.body, Arc::new(document)));
        }
        for (id, step) in &workflow.steps {
            if let StepState::Completed(output) = &step.state {
                let value = parse(&read(journal, uuid, output.body).await?)?;
                outputs.insert(id.clone(), Arc::new(value));
            }
            if let Some(output) = &step.doubtful {
                let value = parse(&read(journal, uuid, output.body).await?)?;
                outputs.insert(crate::workflow::doubtful_name(id), Arc::new(value));
            }
            let answers = step.reviewing.iter().flat_map(|r| &r.answers).enumerate();
            let answers = answers.map(|(n, answer)| (crate::workflow::answer_name(id, n), answer));
            let refuted = step.refuted.iter().enumerate();
            let refuted = refuted.map(|(n, answer)| (crate::workflow::refuted_name(id, n), answer));
            for (name, answer) in answers.chain(refuted) {
                let value = parse(&read(journal, uuid, answer.output.body).await?)?;
                outputs.insert(name, Arc::new(value));
            }
        }
    }
    let brief = Arc::new(brief);
    Ok(Some(Loaded { brief, intent, intent_next, workflow, workflow_next, plan, outputs }))
}

pub(crate) async fn load_intent(
    journal: &SharedJournal,
    id: IntentId,
) -> Result<(Intent, u64), Error> {
    let mut intent = Intent::new(id);
    let mut next = 0;
    for event in read_events(journal, id.stream(), 0).await? {
        if let Some(decoded) = decode::<intent::Event>(&event)? {
            intent.fold(&decoded);
        }
        next = event.seq + 1;
    }
    Ok((intent, next))
}

pub(crate) async fn load_workflow(
    journal: &SharedJournal,
    id: WorkflowId,
) -> Result<(Workflow, u64), Error> {
    let mut workflow = Workflow::new(id);
    let mut next = 0;
    // A snapshot only saves time: one that does not read is as good as none.
    if let Some(snapshot) = journal.snapshot(id.stream()).await?
        && snapshot.version == FOLD_VERSION
        && let Ok(key) = journal.body_key(id.0).await
        && let Some(state) = key.open_state(&snapshot.state)
        && let Ok(state) = rmp_serde::from_slice(&state)
    {
        (workflow, next) = (state, snapshot.next);
    }
    loop {
        let page = read_events(journal, id.stream(), next).await?;
        for event in &page {
            if let Some(decoded) = decode::<autoos_kernel::workflow::Event>(event)? {
                workflow.fold(&decoded, event.at);
            }
            next = event.seq + 1;
        }
        if page.len() < PAGE {
            return Ok((workflow, next));
        }
    }
}

async fn open_brief(
    journal: &SharedJournal,
    uuid: Uuid,
    request: &intent::Request,
    trace: Option<Trace>,
) -> Result<Brief, Error> {
    let mut contexts = Vec::with_capacity(request.contexts.len());
    for context in &request.contexts {
        let content = match context.content {
            Content::Inline(body) => Source::Text(text(journal, uuid, body).await?.into()),
            Content::File(body) => Source::File(text(journal, uuid, body).await?.into()),
        };
        contexts.push(Context {
            name: context.name.clone(),
            label: context.label.clone(),
            bytes: context.bytes,
            content,
        });
    }
    Ok(Brief {
        uuid,
        text: text(journal, uuid, request.text).await?,
        risk: request.risk,
        contexts,
        key: journal.body_key(uuid).await?,
        trace,
    })
}

/// A page of events with their texts opened.
async fn read_events(
    journal: &SharedJournal,
    stream: StreamId,
    from: u64,
) -> Result<Vec<Event>, Error> {
    let mut page = journal.read(stream, from, PAGE).await?;
    open_texts(&**journal, &mut page).await?;
    Ok(page)
}

fn decode<E: Recorded>(event: &Event) -> Result<Option<E>, Error> {
    E::decode(&event.kind, &event.body)
        .map_err(|why| Error::Corrupt(format!("{} at {}: {why}", event.stream, event.seq)))
}

async fn read(journal: &SharedJournal, owner: Uuid, body: BodyRef) -> Result<Vec<u8>, Error> {
    let bytes = Journal::body(&**journal, owner, body).await?;
    bytes.ok_or_else(|| Error::Corrupt(format!("the body {body} of {owner} is missing")))
}

async fn text(journal: &SharedJournal, owner: Uuid, body: BodyRef) -> Result<String, Error> {
    let bytes = read(journal, owner, body).await?;
    String::from_utf8(bytes).map_err(|_| Error::Corrupt(format!("the body {body} is no text")))
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|why| Error::Corrupt(format!("a body: {why}")))
}
