//! What of an event's fields is written: those on a list, cleared of what looks like a secret. Of
//! any other only what kind it is and how long.
//!
//! So a new field is hidden until someone has thought about it, and what other crates log (bodies
//! of requests among it, at their finest levels) is never told. A message of our own is text from
//! our code; whatever it holds of elsewhere belongs in a field.

use serde_json::Number;
use std::{error::Error, fmt};
use tracing::field::{Field, Visit};

/// Names of fields whose values are written: ids, numbers, names from the configuration, and
/// sentences of our own code. Never prompts, answers, arguments, headers or what a vendor said.
const WRITTEN: [&str; 55] = [
    // Where it belongs.
    "trace_id",
    "span_id",
    "workflow",
    "intent",
    "step",
    "attempt",
    "agent",
    "node",
    "request_id",
    "shard",
    "escalation",
    "lesson",
    "account",
    "tenant",
    "key",
    "provider",
    "model",
    "tool",
    "role",
    "actor",
    "stream",
    "group",
    "peer",
    "url",
    // What was asked of the edge. The path is the client's; it is escaped and cleared like all.
    "protocol",
    "method",
    "path",
    "route",
    "status",
    "code",
    // How much, how long.
    "ms",
    "took_ms",
    "again_ms",
    "wait_ms",
    "frame",
    "frames",
    "replayed_frames",
    "events",
    "bytes",
    "count",
    "dropped",
    "term",
    "index",
    "attempts",
    "limit",
    // What our own code says.
    "error",
    "why",
    "rejected",
    "degraded",
    "name",
    "dir",
    "file",
    "location",
    "text",
    "log.target",
];

/// A line has no room for essays.
const LONGEST: usize = 2_000;

/// A field as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shown {
    /// Text.
    Text(String),
    /// A number.
    Number(Number),
    /// Yes or no.
    Bool(bool),
    /// What kind it is and how long, in place of what it is.
    Hidden(String),
}

/// The fields of one event or span.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) message: Option<String>,
    pub(super) all: Vec<(&'static str, Shown)>,
    /// Whether our own code wrote it.
    own: bool,
}

impl Fields {
    /// Those of an event or a span with this target.
    pub(super) fn of(target: &str) -> Self {
        let own =
            target == "autoos" || target.starts_with("autoos_") || target.starts_with("autoos::");
        Self { own, ..Self::default() }
    }

    fn put(&mut self, field: &Field, shown: impl FnOnce(bool) -> Shown) {
        let name = field.name();
        let shown = shown(self.own && WRITTEN.contains(&name) || name == "log.target");
        match self.all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, before)) => *before = shown,
            None => self.all.push((name, shown)),
        }
    }

    fn words(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            let cleared = cleared(value);
            self.message = Some(if self.own { cleared } else { hidden_text(value) });
            return;
        }
        self.put(field, |written| {
            if written { Shown::Text(cleared(value)) } else { Shown::Hidden(hidden_text(value)) }
        });
    }

    fn number(&mut self, field: &Field, value: impl Into<Number>) {
        self.put(field, |written| {
            if written { Shown::Number(value.into()) } else { Shown::Hidden("<number>".into()) }
        });
    }
}

/// Cleared of what looks like a secret, and not too long.
fn cleared(text: &str) -> String {
    let text = autoos_guard::redact(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

fn hidden_text(text: &str) -> String {
    format!("<text, {} bytes>", text.len())
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.words(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.words(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.words(field, &value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(
            field,
            |written| {
                if written { Shown::Bool(value) } else { Shown::Hidden("<bool>".into()) }
            },
        );
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match Number::from_f64(value) {
            Some(number) => self.number(field, number),
            None => self.words(field, &value.to_string()),
        }
    }
}
