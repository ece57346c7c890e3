//! Spans, and the port through which they leave.
//!
//! There are two kinds. What the journal says (intents, workflows, steps, attempts, climbs,
//! questions to humans) is folded from its events by the views, under [ids](id) that follow from
//! the events alone, so that anybody can make the same spans again. What the journal does not say
//! (requests, messages of actors, calls of models and tools, appends) is measured where it happens,
//! as a [`Live`] span below one of those.
//!
//! Whoever ships spans [plugs in](plug) a [`Sink`]. Without one a live span costs one atomic load.
//! Left out: how spans are shipped (`autoos-otlp`), and logs.

mod context;
pub mod id;
mod json;
mod live;
mod sample;
mod sink;
mod span;

pub use context::{Context, Within, current, traceparent};
pub use json::otlp_json;
pub use live::Live;
pub use sample::{Sampler, Sampling};
pub use sink::{Sink, content, is_on, plug, sampled};
pub use span::{Kind, Link, Origin, Span, SpanEvent, Status, Value, attribute, now_ns};
