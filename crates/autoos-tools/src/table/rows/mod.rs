//! The rows of a table, one after the other, whatever it is written in.
//!
//! No more than one row is in memory. A row is a list of cells beside the list of columns, which
//! grows as JSON rows bring new names. Left out: what is asked about the rows.

mod bounded;
mod csv;
mod json;
mod log;
mod sniff;

use super::cell::Cell;
use crate::{
    Failure,
    files::{Deadline, Source},
};
use bounded::Bounded;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, io::BufReader, ops::ControlFlow};

/// Most columns of a table.
const COLUMNS: usize = 2_000;

/// What a table is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma, or another delimiter, with quotes as in RFC 4180.
    Csv,
    /// Tab between cells.
    Tsv,
    /// A JSON array of objects, at the top or in an object.
    Json,
    /// One JSON object on each line.
    Jsonl,
    /// The records of a log.
    Log,
}

/// How to read; what is not given is found out.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Reading {
    pub(crate) format: Option<Format>,
    pub(crate) delimiter: Option<char>,
    pub(crate) header: Option<bool>,
}

/// The names of the columns, in the order in which they came up.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    names: Vec<String>,
    index: HashMap<String, usize>,
}

/// Who is shown the rows.
pub(crate) trait Sink {
    /// Breaks where no more rows are wanted.
    fn row(&mut self, columns: &Columns, cells: &[Cell]) -> Result<ControlFlow<()>, Failure>;
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) format: Format,
    pub(crate) columns: Columns,
    pub(crate) rows: u64,
    /// Rows that had too many or too few cells, or were no JSON.
    pub(crate) malformed: u64,
    /// The first of them, counted from 1.
    pub(crate) first_malformed: Option<u64>,
    pub(crate) bytes: u64,
    /// Whether the end was reached.
    pub(crate) complete: bool,
}

impl Scan {
    fn new(format: Format) -> Self {
        Self {
            format,
            columns: Columns::default(),
            rows: 0,
            malformed: 0,
            first_malformed: None,
            bytes: 0,
            complete: true,
        }
    }

    fn malformed_at(&mut self, row: u64) {
        self.malformed += 1;
        self.first_malformed.get_or_insert(row);
    }
}

/// Shows each row of `source` to `sink`.
///
/// # Errors
/// Text that is no table; a row without end; the deadline; an error of the sink.
pub(crate) fn scan(
    source: Source,
    reading: &Reading,
    deadline: Deadline,
    sink: &mut dyn Sink,
) -> Result<Scan, Failure> {
    let name = source.name();
    let mut input = BufReader::with_capacity(256 * 1024, Bounded::new(source.reader(), deadline));
    let sample = sniff::sample(&mut input)?;
    let format = match reading.format {
        Some(format) => format,
        None => sniff::format(name.as_deref(), &sample),
    };
    let mut scan = Scan::new(format);
    match format {
        Format::Csv => {
            let delimiter = match reading.delimiter {
                Some(given) => u8::try_from(given).ok().filter(u8::is_ascii).ok_or_else(|| {
                    Failure::Invalid("delimiter: expected one ASCII character".to_owned())
                })?,
                None => sniff::delimiter(&sample),
            };
            csv::scan(input, delimiter, reading.header.unwrap_or(true), &mut scan, sink)?;
        }
        Format::Tsv => {
            csv::scan(input, b'\t', reading.header.unwrap_or(true), &mut scan, sink)?;
        }
        Format::Json => json::array(input, &mut scan, sink)?,
        Format::Jsonl => json::lines(input, &mut scan, sink)?,
        Format::Log => log::scan(input, &sample, &mut scan, sink)?,
    }
    Ok(scan)
}

impl Columns {
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The place of a column by its name, or by what is left of it without case and punctuation
    /// where only one column reads so.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        if let Some(at) = self.index.get(name) {
            return Some(*at);
        }
        let wanted = plain(name);
        let mut alike = (0..self.names.len()).filter(|at| plain(&self.names[*at]) == wanted);
        match (alike.next(), alike.next()) {
            (Some(at), None) => Some(at),
            _ => None,
        }
    }

    /// Whether a column has exactly this name.
    pub(crate) fn find_exactly(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    /// A column more.
    pub(crate) fn push(&mut self, name: &str) -> Result<(), Failure> {
        self.at(name).map(|_| ())
    }

    pub(crate) fn unknown(&self, name: &str) -> Failure {
        let known: Vec<&str> = self.names.iter().take(50).map(String::as_str).collect();
        Failure::Invalid(format!("there is no column {name:?}; there are: {}", known.join(", ")))
    }

    /// The place of a column, new if need be.
    fn at(&mut self, name: &str) -> Result<usize, Failure> {
        if let Some(at) = self.index.get(name) {
            return Ok(*at);
        }
        if self.names.len() == COLUMNS {
            return Err(Failure::Invalid(format!(
                "the table has more than {COLUMNS} columns; is it one?"
            )));
        }
        self.names.push(name.to_owned());
        self.index.insert(name.to_owned(), self.names.len() - 1);
        Ok(self.names.len() - 1)
    }

    /// A column for the header cell `name`, under another name where that is empty or taken.
    fn add(&mut self, name: &str) -> Result<(), Failure> {
        let name = match name.trim() {
            "" => format!("column_{}", self.names.len() + 1),
            name => name.to_owned(),
        };
        let mut free = name.clone();
        let mut count = 1;
        while self.index.contains_key(&free) {
            count += 1;
            free = format!("{name}_{count}");
        }
        self.at(&free).map(|_| ())
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
