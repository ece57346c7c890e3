//! A metric as it is told: its name, what it says, and its series.

use crate::Distribution;

/// All series of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Its name, with its unit; a counter's ends in `_total` after that.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub help: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// What there is of it. One without series is announced all the same.
    pub series: Vec<Series>,
}

/// How a figure moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the process ends.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It is a distribution, whose counts only grow.
    Histogram,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What tells it from the others.
    pub labels: Vec<(&'static str, String)>,
    /// What it stands at.
    pub value: Value,
}

/// What a series stands at.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A figure.
    Number(f64),
    /// A distribution.
    Distribution(Distribution),
}

impl Family {
    /// What only grows. The name ends in `_total`.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str) -> Self {
        debug_assert!(name.ends_with("_total"), "{name}");
        Self { name, help, kind: Kind::Counter, series: Vec::new() }
    }

    /// What goes up and down.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge, series: Vec::new() }
    }

    /// A distribution.
    #[must_use]
    pub fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Histogram, series: Vec::new() }
    }

    /// With its only series.
    #[must_use]
    pub fn of(self, value: impl Into<Value>) -> Self {
        self.with([], value)
    }

    /// With one more series.
    #[must_use]
    pub fn with<const N: usize>(
        mut self,
        labels: [(&'static str, &str); N],
        value: impl Into<Value>,
    ) -> Self {
        let labels = labels.map(|(name, value)| (name, value.to_owned())).to_vec();
        self.series.push(Series { labels, value: value.into() });
        self
    }

    /// With a series for each key, which is the value of this label.
    #[must_use]
    pub fn by<K: AsRef<str>, V: Into<Value>>(
        self,
        label: &'static str,
        series: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        series
            .into_iter()
            .fold(self, |family, (key, value)| family.with([(label, key.as_ref())], value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Number(value as f64)
    }
}

impl From<&u64> for Value {
    fn from(value: &u64) -> Self {
        Self::from(*value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Number(value as f64)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Number(f64::from(u8::from(value)))
    }
}

impl From<Distribution> for Value {
    fn from(value: Distribution) -> Self {
        Self::Distribution(value)
    }
}
