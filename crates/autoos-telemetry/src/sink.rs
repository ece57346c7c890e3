//! Where spans go: plugged in once for the process, as there is one node in it.

use crate::{Sampler, Sampling, Span};
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Takes finished spans. It never waits: what it has no room for is dropped and counted.
pub trait Sink: Send + Sync + 'static {
    /// Takes one.
    fn take(&self, span: Span);
}

struct Plugged {
    sink: Box<dyn Sink>,
    sampler: Sampler,
    content: bool,
}

static ON: AtomicBool = AtomicBool::new(false);
static PLUGGED: OnceLock<Plugged> = OnceLock::new();

/// Begins to hand spans to `sink`, for as long as the process lives; the first one stays. `content`
/// says whether texts of prompts and answers may be in them.
pub fn plug(sink: impl Sink, sampling: Sampling, content: bool) {
    let sampler = Sampler::new(sampling);
    if PLUGGED.set(Plugged { sink: Box::new(sink), sampler, content }).is_ok() {
        ON.store(true, Relaxed);
    }
}

/// Whether anybody takes spans.
#[must_use]
pub fn is_on() -> bool {
    ON.load(Relaxed)
}

/// Whether texts of prompts and answers may be in spans.
#[must_use]
pub fn content() -> bool {
    is_on() && PLUGGED.get().is_some_and(|plugged| plugged.content)
}

/// Decides whether a new trace is kept from its beginning. `wished` is what the client said, where
/// it brought a trace of its own.
#[must_use]
pub fn sampled(wished: Option<bool>) -> bool {
    is_on() && PLUGGED.get().is_some_and(|plugged| plugged.sampler.keeps(wished))
}

pub(crate) fn take(span: Span) {
    if let Some(plugged) = PLUGGED.get() {
        plugged.sink.take(span);
    }
}
