//! Another table's columns beside the rows of this one.
//!
//! The other table is small and comes whole, as the result of another query; this one is read as a
//! stream. Every row of this table stays: one without a partner gets empty cells, and is counted.
//! Left out: keys that several rows of the other table share, since rows would be counted twice.

use super::{
    cell::Cell,
    rows::{Columns, Sink},
};
use crate::Failure;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::HashMap, ops::ControlFlow};

/// The columns that say which rows belong together.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct On {
    pub(crate) column: String,
    pub(crate) key: String,
}

/// The other table.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Join {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    #[serde(default)]
    truncated: bool,
    #[serde(skip)]
    on: On,
    #[serde(skip)]
    by_key: HashMap<String, usize>,
    #[serde(skip)]
    key_at: usize,
}

impl Join {
    /// Makes it ready to be looked up in.
    ///
    /// # Errors
    /// A table that was cut, a key that is no column, and one that stands twice.
    pub(super) fn ready(mut self, on: On) -> Result<Self, Failure> {
        let invalid = |why: String| Err(Failure::Invalid(format!("join: {why}")));
        if self.truncated {
            return invalid("the other table was cut, so that rows would miss".to_owned());
        }
        let Some(key_at) = self.columns.iter().position(|column| *column == on.key) else {
            return invalid(format!("the other table has no column {:?}", on.key));
        };
        for (at, row) in self.rows.iter().enumerate() {
            let key = row.get(key_at).map(cell).unwrap_or_default();
            if key.is_empty() {
                continue;
            }
            if self.by_key.insert(folded(&key), at).is_some() {
                return invalid(format!(
                    "{:?} stands in several rows of the other table's column {:?}",
                    key.text, on.key
                ));
            }
        }
        self.on = on;
        self.key_at = key_at;
        Ok(self)
    }
}

/// Shows rows on with the other table's cells before their own.
pub(super) struct Joined<'j, S> {
    join: &'j Join,
    pub(super) sink: S,
    pub(super) columns: Columns,
    added: usize,
    cells: Vec<Cell>,
    /// Rows that have no partner.
    pub(super) alone: u64,
}

impl<'j, S: Sink> Joined<'j, S> {
    /// # Errors
    /// More columns than a table may have.
    pub(super) fn new(join: &'j Join, sink: S) -> Result<Self, Failure> {
        let mut columns = Columns::default();
        for (at, name) in join.columns.iter().enumerate() {
            if at != join.key_at {
                columns.push(name)?;
            }
        }
        let added = columns.names().len();
        Ok(Self { join, sink, columns, added, cells: Vec::new(), alone: 0 })
    }
}

impl<S: Sink> Sink for Joined<'_, S> {
    fn row(&mut self, columns: &Columns, cells: &[Cell]) -> Result<ControlFlow<()>, Failure> {
        for name in &columns.names()[(self.columns.names().len() - self.added)..] {
            if self.columns.find_exactly(name) {
                return Err(Failure::Invalid(format!("join: both tables have a column {name:?}")));
            }
            self.columns.push(name)?;
        }
        let Some(at) = columns.find(&self.join.on.column) else {
            return Err(columns.unknown(&self.join.on.column));
        };
        let partner = cells.get(at).and_then(|cell| self.join.by_key.get(&folded(cell)));
        self.alone += u64::from(partner.is_none());
        self.cells.clear();
        let row = partner.and_then(|at| self.join.rows.get(*at));
        for at in (0..self.join.columns.len()).filter(|at| *at != self.join.key_at) {
            self.cells.push(row.and_then(|row| row.get(at)).map(cell).unwrap_or_default());
        }
        self.cells.extend_from_slice(cells);
        self.sink.row(&self.columns, &self.cells)
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::default(),
        Value::String(text) => Cell { text: text.clone(), quoted: true },
        other => Cell::plain(other.to_string()),
    }
}

fn folded(cell: &Cell) -> String {
    cell.text.trim().to_lowercase()
}
