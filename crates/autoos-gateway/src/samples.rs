//! Figures that others give the edge to show at `/metrics`: the journal's, the fabric's.

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name, `autoos_…`; a counter's ends in `_total`, and the unit comes before that.
    pub name: &'static str,
    /// What it says, in a line.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: Kind,
    /// What tells it from others of its name.
    pub labels: Vec<(&'static str, String)>,
    /// What it stands at.
    pub value: f64,
}

/// How a figure moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the process lives.
    Counter,
    /// It goes up and down.
    Gauge,
}
