//! What a table is: its columns, what they hold, some of their values.

use super::{
    cell::{Cell, Meaning, sorted},
    rows::{Columns, Format, Reading, Scan, Sink, scan},
};
use crate::{
    Failure,
    files::{Deadline, Source},
};
use serde::Serialize;
use serde_json::Value;
use std::{cmp::Ordering, ops::ControlFlow};

/// A column with up to so many values has all of them listed.
const LISTED: usize = 20;
const EXAMPLES: usize = 5;
/// Longest example, in characters.
const EXAMPLE: usize = 80;

/// A table, described.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// What it is written in.
    pub format: Format,
    /// Its columns in their order.
    pub columns: Vec<ColumnSummary>,
    /// Rows that were looked at.
    pub rows: u64,
    /// Whether those were all.
    pub complete: bool,
    /// Rows that had too many or too few cells, or were no JSON.
    pub malformed: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
}

/// A column, described.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// `integer`, `number`, `date`, `boolean`, `text`, or `empty`: what at least 95 of 100 of its
    /// cells are that are not empty, else `text`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Cells that are not of that type, without the empty ones.
    pub exceptions: u64,
    /// Empty cells.
    pub empty: u64,
    /// How many different values there are; none for more than 20.
    pub distinct: Option<usize>,
    /// All values where they are at most 20, else the first five.
    pub examples: Vec<String>,
    /// The smallest value of a column of numbers or dates.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub min: Value,
    /// The largest one.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub max: Value,
}

/// Describes a table by its first `rows` rows, or by all of them.
///
/// # Errors
/// Text that is no table; the deadline.
pub fn describe(
    source: Source,
    rows: Option<u64>,
    deadline: Deadline,
) -> Result<Description, Failure> {
    read(source, &Reading::default(), rows, deadline)
}

pub(super) fn read(
    source: Source,
    reading: &Reading,
    rows: Option<u64>,
    deadline: Deadline,
) -> Result<Description, Failure> {
    let mut look = Look { columns: Vec::new(), rows: 0, wanted: rows.unwrap_or(u64::MAX) };
    let scan = scan(source, reading, deadline, &mut look)?;
    Ok(look.finish(&scan))
}

struct Look {
    columns: Vec<Seen>,
    rows: u64,
    wanted: u64,
}

/// What was seen of a column.
#[derive(Default)]
struct Seen {
    empty: u64,
    integers: u64,
    decimals: u64,
    dates: u64,
    booleans: u64,
    texts: u64,
    values: Vec<String>,
    more_values: bool,
    /// Smallest and largest, of numbers and of dates.
    numbers: Option<(Cell, Cell)>,
    span: Option<(Cell, Cell)>,
}

impl Sink for Look {
    fn row(&mut self, columns: &Columns, cells: &[Cell]) -> Result<ControlFlow<()>, Failure> {
        if self.rows == self.wanted {
            return Ok(ControlFlow::Break(()));
        }
        while self.columns.len() < columns.names().len() {
            self.columns.push(Seen { empty: self.rows, ..Seen::default() });
        }
        self.rows += 1;
        for (seen, cell) in self.columns.iter_mut().zip(cells) {
            seen.add(cell);
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Look {
    fn finish(mut self, scan: &Scan) -> Description {
        let names = scan.columns.names();
        self.columns.resize_with(names.len(), Seen::default);
        let columns = self.columns.into_iter().zip(names);
        Description {
            format: scan.format,
            columns: columns.map(|(seen, name)| seen.summary(name)).collect(),
            rows: self.rows,
            complete: scan.complete,
            malformed: scan.malformed,
            bytes_read: scan.bytes,
        }
    }
}

impl Seen {
    fn add(&mut self, cell: &Cell) {
        match cell.meaning() {
            Meaning::Empty => {
                self.empty += 1;
                return;
            }
            Meaning::Number(number) => {
                match number.is_integer() {
                    true => self.integers += 1,
                    false => self.decimals += 1,
                }
                widen(&mut self.numbers, cell);
            }
            Meaning::Date(_) => {
                self.dates += 1;
                widen(&mut self.span, cell);
            }
            Meaning::Text("true" | "false" | "TRUE" | "FALSE" | "True" | "False") => {
                self.booleans += 1;
            }
            Meaning::Text(_) => self.texts += 1,
        }
        let text = cell.text.trim();
        if !self.more_values && !self.values.iter().any(|value| same(value, text)) {
            match self.values.len() < LISTED {
                true => self.values.push(text.chars().take(EXAMPLE).collect()),
                false => self.more_values = true,
            }
        }
    }

    fn summary(mut self, name: &str) -> ColumnSummary {
        let numbers = self.integers + self.decimals;
        let all = numbers + self.dates + self.booleans + self.texts;
        let (kind, of_kind) = [
            ("integer", if self.decimals == 0 { self.integers } else { 0 }),
            ("number", numbers),
            ("date", self.dates),
            ("boolean", self.booleans),
        ]
        .into_iter()
        .find(|(_, count)| all > 0 && count * 100 >= all * 95)
        .unwrap_or((if all == 0 { "empty" } else { "text" }, all));
        let range = match kind {
            "integer" | "number" => self.numbers.take(),
            "date" => self.span.take(),
            _ => None,
        };
        let (min, max) = range.map_or((Value::Null, Value::Null), |(a, b)| (a.json(), b.json()));
        if self.more_values {
            self.values.truncate(EXAMPLES);
        }
        ColumnSummary {
            name: name.to_owned(),
            kind,
            exceptions: all - of_kind,
            empty: self.empty,
            distinct: (!self.more_values).then_some(self.values.len()),
            examples: self.values,
            min,
            max,
        }
    }
}

fn same(value: &str, text: &str) -> bool {
    match text.len() > EXAMPLE {
        true => value.chars().eq(text.chars().take(EXAMPLE)),
        false => value == text,
    }
}

fn widen(range: &mut Option<(Cell, Cell)>, cell: &Cell) {
    match range {
        None => *range = Some((cell.clone(), cell.clone())),
        Some((min, max)) => {
            if sorted(cell, min, false) == Ordering::Less {
                *min = cell.clone();
            }
            if sorted(cell, max, false) == Ordering::Greater {
                *max = cell.clone();
            }
        }
    }
}
