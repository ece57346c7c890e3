//! Ships spans to a collector, over OTLP, as gRPC or as protobuf over HTTP.
//!
//! ```text
//! live spans ──────────────┐
//!                          ▼
//! journal ─ Heard ─ fold ─ queue ─ shipper (a thread) ─ collector
//! ```
//!
//! [`Heard`] stands before the journal of the runtime: it hears of each append of a workflow whose
//! trace is kept, and has its events folded into spans. The queue is bounded and nobody waits for
//! it: what it has no room for is dropped and counted. The shipper sends batches, and pauses ever
//! longer while the collector is away. Left out: what spans are made of (`autoos-telemetry`, the
//! views), and metrics and logs over OTLP.

mod convert;
mod heard;
mod settings;
mod ship;
mod wire;

pub use convert::{Resource, request_of_json};
pub use heard::{Folding, Heard};
pub use settings::{Options, Protocol, Settings};
pub use ship::{Queue, Shipper, Stats};
pub use wire::{Error, Wire};
