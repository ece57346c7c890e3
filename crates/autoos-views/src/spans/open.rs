//! A span that has not ended.

use autoos_kernel::time::Timestamp;
use autoos_telemetry::{Kind, Link, Origin, Span, SpanEvent, Status, Value, attribute};
use std::borrow::Cow;

/// A span that has not ended.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) id: u64,
    pub(super) parent: Option<u64>,
    pub(super) name: Cow<'static, str>,
    pub(super) start: Timestamp,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) events: Vec<SpanEvent>,
    pub(super) links: Vec<Link>,
}

impl Open {
    pub(super) fn new(
        id: u64,
        parent: Option<u64>,
        name: impl Into<Cow<'static, str>>,
        start: Timestamp,
    ) -> Self {
        let (attributes, events, links) = Default::default();
        Self { id, parent, name: name.into(), start, attributes, events, links }
    }

    pub(super) fn event(
        &mut self,
        name: &'static str,
        at: Timestamp,
        attributes: Vec<(&'static str, Value)>,
    ) {
        self.events.push(SpanEvent { name, at_ns: ns(at), attributes });
    }

    /// How one that failed ended, which its attributes say too.
    pub(super) fn failed(&mut self, why: String) -> Status {
        self.attributes.push(attribute("error.type", why.clone()));
        Status::Failed(why.into())
    }

    pub(super) fn close(self, trace: u128, at: Timestamp, status: Status) -> Span {
        let Self { id, parent, name, start, attributes, events, links } = self;
        Span {
            trace,
            id,
            parent,
            name,
            kind: Kind::Internal,
            start_ns: ns(start),
            // A clock that was set back makes no span end before it began.
            end_ns: ns(at.max(start)),
            attributes,
            events,
            links,
            status,
            origin: Origin::Journal,
        }
    }
}

/// Nanoseconds since 1970.
pub(super) fn ns(at: Timestamp) -> u64 {
    at.0.saturating_mul(1_000_000)
}
