//! What the parts of AUTOOS count of themselves, and how Prometheus reads it.
//!
//! There is one way to a metric: a room keeps counts ([`Meter`], [`Tally`], or a fold that it has
//! anyway), and gives them as [`Family`]s when `/metrics` is asked. So nothing is registered, two
//! nodes in one process do not mix, what is folded from the journal survives restarts, and what is
//! on a hot path costs an atomic addition.
//!
//! Whoever adds a family keeps its labels closed: words of the code, or names from the
//! configuration. Nothing that a request brought is ever a label.
//! Left out: who serves it (the gateway), and summaries, which cannot be added up over nodes.

mod family;
mod meter;
mod text;

pub use family::{Family, Kind, Series, Value};
pub use meter::{Distribution, Exemplar, Meter, Meters, Tally};
pub use text::Format;
