//! A span as data.

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

/// What was done from then to then, and below what.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace: u128,
    /// Its id.
    pub id: u64,
    /// The span that it is below.
    pub parent: Option<u64>,
    /// What was done; few different ones.
    pub name: Cow<'static, str>,
    /// Whether others were asked.
    pub kind: Kind,
    /// Nanoseconds since 1970.
    pub start_ns: u64,
    /// Nanoseconds since 1970.
    pub end_ns: u64,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Value)>,
    /// What happened meanwhile.
    pub events: Vec<SpanEvent>,
    /// What it follows from, beside its parent.
    pub links: Vec<Link>,
    /// How it ended.
    pub status: Status,
    /// Who tells of it.
    pub origin: Origin,
}

/// Who tells of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The journal: it is the same whoever reads it, and belongs to no node.
    Journal,
    /// The node where it happened.
    Node,
}

/// Whether others were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It stays inside.
    Internal,
    /// It answers a client.
    Server,
    /// It asks somebody outside.
    Client,
}

/// How a span ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Nothing is said.
    Unset,
    /// Well.
    Good,
    /// In a failure, with a word or two on it.
    Failed(Cow<'static, str>),
}

/// Something that happened during a span.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanEvent {
    /// What.
    pub name: &'static str,
    /// Nanoseconds since 1970.
    pub at_ns: u64,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Value)>,
}

/// Another span that one follows from.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Its trace.
    pub trace: u128,
    /// Its id.
    pub span: u64,
    /// How they belong together.
    pub attributes: Vec<(&'static str, Value)>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A count or an amount.
    Int(i64),
    /// A measure.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Several texts.
    List(Vec<String>),
}

/// A pair for [`Span::attributes`].
pub fn attribute(key: &'static str, value: impl Into<Value>) -> (&'static str, Value) {
    (key, value.into())
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u64> for Value {
    fn from(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(n: u32) -> Self {
        Self::Int(n.into())
    }
}

impl From<f64> for Value {
    fn from(n: f64) -> Self {
        Self::Float(n)
    }
}

impl From<Vec<String>> for Value {
    fn from(texts: Vec<String>) -> Self {
        Self::List(texts)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl Span {
    /// The attribute of that name, where it is a text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find_map(|(k, value)| match value {
            Value::Text(text) if *k == key => Some(&**text),
            _ => None,
        })
    }
}

/// Nanoseconds since 1970.
#[must_use]
pub fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
