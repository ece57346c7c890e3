//! Spans of what happens on this node now. Each is below a span that is known already, and goes to
//! the sink when it ends, which is when it is dropped.

use crate::{
    Context, Kind, Origin, Span, Status, Value, now_ns,
    sink::{self, is_on},
};
use std::{
    borrow::Cow,
    hash::{BuildHasher as _, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// A span under way; nothing outside of a trace that is kept.
#[derive(Debug, Default)]
pub struct Live(Option<Box<Span>>);

impl Live {
    /// A span that is none.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Begins a span below another, in a trace that is kept. The name is made only then.
    pub fn below<N: Into<Cow<'static, str>>>(
        parent: Option<Context>,
        kind: Kind,
        name: impl FnOnce() -> N,
    ) -> Self {
        if !is_on() {
            return Self(None);
        }
        let Some(parent) = parent.filter(|parent| parent.sampled) else { return Self(None) };
        Self::begin(parent.trace, Some(parent.span), kind, name().into())
    }

    /// Begins the first span of a trace on this node, below the client's where it brought one.
    #[must_use]
    pub fn first(trace: Option<(u128, u64)>, kind: Kind, name: Cow<'static, str>) -> Self {
        let (trace, parent) = match trace {
            Some((trace, parent)) => (trace, Some(parent)),
            None => (u128::from(fresh()) << 64 | u128::from(fresh()), None),
        };
        Self::begin(trace, parent, kind, name)
    }

    fn begin(trace: u128, parent: Option<u64>, kind: Kind, name: Cow<'static, str>) -> Self {
        let start_ns = now_ns();
        Self(Some(Box::new(Span {
            trace,
            id: fresh(),
            parent,
            name,
            kind,
            start_ns,
            end_ns: start_ns,
            attributes: Vec::with_capacity(8),
            events: Vec::new(),
            links: Vec::new(),
            status: Status::Unset,
            origin: Origin::Node,
        })))
    }

    /// Whether it will be told of: what is dear to find out need not be, else.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Says something about it.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.attributes.push((key, value.into()));
        }
    }

    /// It began earlier than it was made, by so many nanoseconds.
    pub fn began_before(&mut self, ns: u64) {
        if let Some(span) = &mut self.0 {
            span.start_ns = span.start_ns.saturating_sub(ns);
        }
    }

    /// It ended in a failure of this class.
    pub fn fail(&mut self, class: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.0 {
            let class = class.into();
            span.attributes.push(("error.type", Value::Text(class.clone())));
            span.status = Status::Failed(class);
        }
    }

    /// Its place, for what is below it.
    #[must_use]
    pub fn context(&self) -> Option<Context> {
        let span = self.0.as_ref()?;
        Some(Context { trace: span.trace, span: span.id, sampled: true })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(mut span) = self.0.take() {
            // A clock that was set back makes no span end before it began.
            span.end_ns = now_ns().max(span.start_ns);
            sink::take(*span);
        }
    }
}

/// An id that no other span has: a counter that begins anywhere, its bits mixed.
fn fresh() -> u64 {
    static NEXT: LazyLock<AtomicU64> =
        LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one(now_ns())));
    let mut id = NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
    id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (id ^ (id >> 31)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_sink_nothing_is_made() {
        let context = Context { trace: 1, span: 2, sampled: true };
        let live = Live::below(Some(context), Kind::Internal, || -> &str { unreachable!() });
        assert!(!live.is_on() && live.context().is_none());
    }

    #[test]
    fn ids_do_not_come_twice() {
        let ids: std::collections::BTreeSet<u64> = (0..10_000).map(|_| fresh()).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
