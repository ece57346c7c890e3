//! One cell of a table, and what it means when compared, sorted and put out.
//!
//! A cell keeps its text; what it means is read where it is needed, cell by cell, so that one odd
//! cell does not change what a whole column is.

use super::{date::Period, number::Number};
use serde_json::Value;
use std::cmp::Ordering;

/// A cell. Empty text is an empty cell, also where it was null or missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// It was a string in JSON, and so is put out as one.
    pub(crate) quoted: bool,
}

/// What a cell means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning<'a> {
    Empty,
    Number(Number),
    Date(Period),
    Text(&'a str),
}

impl Cell {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), quoted: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    pub(crate) fn meaning(&self) -> Meaning<'_> {
        let text = self.text.trim();
        if text.is_empty() {
            return Meaning::Empty;
        }
        // Most text begins with a letter, where neither a number nor most dates do.
        if let Some(number) = Number::read(text) {
            return Meaning::Number(number);
        }
        Period::read(text).map_or(Meaning::Text(text), Meaning::Date)
    }

    /// As data: numbers and truth values as such unless they were strings, the rest as text.
    pub(crate) fn json(&self) -> Value {
        let text = self.text.trim();
        if text.is_empty() && !self.quoted {
            return Value::Null;
        }
        if self.quoted {
            return Value::from(self.text.as_str());
        }
        match text {
            "true" => return Value::Bool(true),
            "false" => return Value::Bool(false),
            _ => {}
        }
        Number::read(text).map_or_else(|| Value::from(text), Number::json)
    }
}

impl Meaning<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Date(_) => 1,
            Self::Text(_) => 2,
            Self::Empty => 3,
        }
    }

    /// Numbers, then dates, then text, each among themselves; empty cells last.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.order(*b),
            (Self::Date(a), Self::Date(b)) => a.start.cmp(&b.start).then(a.end.cmp(&b.end)),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

/// The order of two cells in a column that is sorted; empty ones last either way.
pub(crate) fn sorted(a: &Cell, b: &Cell, descending: bool) -> Ordering {
    let (a, b) = (a.meaning(), b.meaning());
    match (a == Meaning::Empty, b == Meaning::Empty) {
        (false, false) if descending => b.order(&a),
        _ => a.order(&b),
    }
}
