//! Everything that the journal has of one workflow: its events and the texts that they name. The
//! only part that reads.

use crate::{
    Error,
    assemble::Bodies,
    audit::{self, AuditEntry},
    story::{Story, decode, read_all},
};
use autoos_journal::{self as journal, SharedJournal};
use autoos_kernel::{
    body::BodyRef,
    id::{Prefix, WorkflowId},
    intent::{self, Content},
    plan::Plan,
    workflow,
};
use serde_json::Value;
use std::collections::HashMap;

/// The texts of one workflow take at most so many bytes here; what is beyond is told without them.
const TEXTS_MAX: u64 = 64 << 20;

/// What is known of one workflow.
pub(super) struct History {
    /// Every event of both streams, in order.
    pub(super) events: Vec<Told>,
    /// The fold of all of them.
    pub(super) story: Story,
    texts: HashMap<BodyRef, String>,
    /// Whether texts were destroyed.
    pub(super) erased: bool,
}

/// An event, told.
pub(super) struct Told {
    pub(super) entry: AuditEntry,
    /// The step that it is about.
    pub(super) step: Option<String>,
    pub(super) event: Known,
}

/// An event as this version knows it.
pub(super) enum Known {
    Intent(intent::Event),
    Workflow(Box<workflow::Event>),
    /// A kind of a newer version, or bytes that do not read.
    Unknown,
}

impl History {
    pub(super) async fn read(
        journal: &SharedJournal,
        id: WorkflowId,
    ) -> Result<Option<Self>, Error> {
        let intents = read_all(journal, id.intent().stream(), u64::MAX).await?;
        let events = read_all(journal, id.stream(), u64::MAX).await?;
        if intents.is_empty() && events.is_empty() {
            return Ok(None);
        }
        let mut story = Story::new(id);
        let mut told = Vec::with_capacity(intents.len() + events.len());
        for event in audit::merge(intents, events) {
            let known = known(&event);
            let (entry, step) = audit::tell(&mut story, &event);
            told.push(Told { entry, step, event: known });
        }
        let mut history = Self { events: told, story, texts: HashMap::new(), erased: false };
        history.read_texts(journal, id).await?;
        Ok(Some(history))
    }

    async fn read_texts(&mut self, journal: &SharedJournal, id: WorkflowId) -> Result<(), Error> {
        let bodies = Bodies { journal, owner: id.0 };
        let mut read = 0;
        for body in self.events.iter().flat_map(|told| told.event.bodies()) {
            if self.texts.contains_key(&body) || read >= TEXTS_MAX {
                continue;
            }
            let (bytes, erased) = bodies.fetch(body).await?;
            self.erased |= erased;
            read += u64::from(body.len);
            if let Some(bytes) = bytes {
                self.texts.insert(body, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        self.story.plan = self.story.workflow.plan.as_ref().and_then(|plan| self.plan(plan.body));
        Ok(())
    }

    /// A text as it is; none when it was erased.
    pub(super) fn text(&self, body: BodyRef) -> Option<&str> {
        self.texts.get(&body).map(String::as_str)
    }

    /// A text as a JSON value.
    pub(super) fn value(&self, body: BodyRef) -> Option<Value> {
        let text = self.text(body)?;
        Some(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
    }

    /// A plan's document.
    pub(super) fn plan(&self, body: BodyRef) -> Option<Plan> {
        serde_json::from_str(self.text(body)?).ok()
    }
}

/// A value as an answer has it: text as it is, data as JSON.
pub(super) fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn known(event: &journal::Event) -> Known {
    if event.stream.prefix == Prefix::INTENT {
        return decode(event).ok().flatten().map_or(Known::Unknown, Known::Intent);
    }
    let known = decode(event).ok().flatten();
    known.map_or(Known::Unknown, |known| Known::Workflow(Box::new(known)))
}

impl Known {
    /// The texts that it names.
    fn bodies(&self) -> Vec<BodyRef> {
        match self {
            Self::Intent(intent::Event::Accepted(request)) => {
                let inline = request.contexts.iter().filter_map(|context| match context.content {
                    Content::Inline(body) => Some(body),
                    // A path tells nothing of what was read there.
                    Content::File(_) => None,
                });
                std::iter::once(request.text).chain(inline).collect()
            }
            Self::Workflow(event) => {
                event.as_ref().clone().bodies_mut().into_iter().map(|body| *body).collect()
            }
            Self::Intent(intent::Event::Ended { .. } | intent::Event::Settled { .. })
            | Self::Unknown => Vec::new(),
        }
    }
}
