//! Where in a trace one is: handed over in messages, and set around the work of a task or thread.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

/// A span that others can be below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The trace.
    pub trace: u128,
    /// The span.
    pub span: u64,
    /// Whether the trace is kept whatever becomes of it.
    pub sampled: bool,
}

thread_local! {
    static CURRENT: Cell<Option<Context>> = const { Cell::new(None) };
}

/// Where the work on this thread is; none outside of a trace.
#[must_use]
pub fn current() -> Option<Context> {
    CURRENT.get()
}

/// The header that tells a server of it, as W3C Trace Context writes it; none outside of a trace.
#[must_use]
pub fn traceparent() -> Option<String> {
    current().map(Context::traceparent)
}

impl Context {
    /// As W3C Trace Context writes it.
    #[must_use]
    pub fn traceparent(self) -> String {
        let flags = u8::from(self.sampled);
        format!("00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

/// Sets a place, and puts the one before back.
struct Set(Option<Context>);

impl Set {
    fn to(context: Option<Context>) -> Self {
        Self(CURRENT.replace(context))
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

pin_project_lite::pin_project! {
    /// Work at a place of a trace.
    pub struct Within<F> {
        context: Option<Context>,
        #[pin]
        work: F,
    }
}

impl<F> Within<F> {
    /// `work` at that place.
    pub fn new(context: Option<Context>, work: F) -> Self {
        Self { context, work }
    }
}

impl<T, F: FnOnce() -> T> Within<F> {
    /// Does it on this thread.
    pub fn call(self) -> T {
        let _set = Set::to(self.context);
        (self.work)()
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _set = Set::to(*this.context);
        this.work.poll(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_ends_with_its_work() {
        let context = Context { trace: 1 << 100, span: 5, sampled: true };
        assert_eq!(traceparent(), None);
        let inside = Within::new(Some(context), traceparent).call();
        let header = "00-00000010000000000000000000000000-0000000000000005-01";
        assert_eq!(inside.as_deref(), Some(header));
        assert_eq!(current(), None);
    }
}
