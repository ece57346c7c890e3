//! What an analysis says: plain data, made for people and engines to build answers from.
//!
//! Every number is an exact count of the log that was read; where something could only be counted
//! in part, it is left out or marked as not `complete`. Times are written as the log writes them
//! (epoch numbers as ISO times in UTC). The JSON shape is that of the types here, fields by name.

use super::level::Severity;
use serde::Serialize;
use std::collections::BTreeMap;

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Input lines.
    pub lines: u64,
    /// Records: lines that begin one; stack traces and other continuations belong to theirs.
    pub records: u64,
    /// Records that were not looked at because of their time (`since`, `until`).
    pub skipped_records: u64,
    /// Lines that were longer than the limit, and cut.
    pub cut_lines: u64,
    /// What the log looks like.
    pub format: Format,
    /// From the earliest to the latest time; absent in a log without times.
    pub span: Option<Span>,
    /// Records per severity, by name, all seven.
    pub severities: BTreeMap<&'static str, u64>,
    /// Where severities come from: records per reason (`level field`, `http status`, `words`,
    /// `default`).
    pub severity_reasons: BTreeMap<&'static str, u64>,
    /// Distinct groups in the log, also those not listed.
    pub groups_total: u64,
    /// The groups, largest first; at most as many as asked for.
    pub groups: Vec<Group>,
    /// Everything of severity error and critical.
    pub errors: Families,
    /// Everything of severity warning.
    pub warnings: Families,
    /// When a stretch of time counts as a burst.
    pub burst_rule: &'static str,
    /// The group of each input line, in order, when asked for; `null` for lines that belong to no
    /// record that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignments: Option<Vec<Option<u32>>>,
}

/// What the lines look like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Format {
    /// Records per form: `text`, `json`, `logfmt`, `access` (HTTP), `syslog`.
    pub forms: BTreeMap<&'static str, u64>,
    /// The shape of the time, as `YYYY-MM-DD hh:mm:ss`; absent without times.
    pub timestamp: Option<&'static str>,
    /// The parts of text lines in order, as `time number level tag message`; one per layout found.
    pub layouts: Vec<String>,
    /// Where the level stands, counted in parts from 0 after the time; absent where none does.
    pub level_part: Option<usize>,
    /// Records that carry a time.
    pub timed_records: u64,
    /// Records that carry a level.
    pub leveled_records: u64,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// The earliest time.
    pub first: String,
    /// The latest time.
    pub last: String,
    /// Seconds between.
    pub seconds: f64,
}

/// A place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Line number, counted from 1.
    pub line: u64,
    /// Its time as written; absent without one.
    pub time: Option<String>,
}

/// Records that share a template.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Counted from 1, largest first; what `assignments` holds.
    pub id: u32,
    /// The message with `<*>` where it varies.
    pub template: String,
    /// Records.
    pub count: u64,
    /// The severity most of them have.
    pub severity: Severity,
    /// From what the severity is known: `level field`, `http status`, `words` or `default`.
    pub severity_reason: &'static str,
    /// Records per severity, where they have several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub severities: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub first: Place,
    /// The last of them.
    pub last: Place,
    /// The first of them as it stands in the log (long lines cut).
    pub example: String,
    /// The program or logger that wrote most of them, where lines name one.
    pub source: Option<String>,
    /// Stretches of time with far more of them than usual, the largest first, at most three.
    pub bursts: Vec<Burst>,
    /// The most telling variables, at most three.
    pub variables: Vec<Variable>,
}

/// A stretch of time with far more records than usual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Burst {
    /// Its beginning.
    pub from: String,
    /// Its end, exclusive.
    pub to: String,
    /// Records in it.
    pub count: u64,
}

/// A variable of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// The key or the word before it, or its kind.
    pub name: String,
    /// What it is: `address`, `host`, `path`, `number`, `word`, …
    pub kind: &'static str,
    /// Distinct values that were counted.
    pub distinct: u64,
    /// Whether all values were counted; if not, more exist, and what `top` says is still exact.
    pub complete: bool,
    /// The most frequent values.
    pub top: Vec<ValueCount>,
}

/// How often a value occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueCount {
    /// The value.
    pub value: String,
    /// Records with it.
    pub count: u64,
}

/// The error families, or the warnings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Families {
    /// Records of that severity in the whole log.
    pub total: u64,
    /// Distinct families, also those not listed.
    pub distinct: u64,
    /// The families: the gravest first, then the largest.
    pub families: Vec<Family>,
}

/// One distinct error: what the records of one group and this severity have in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Family {
    /// The group it belongs to.
    pub group: u32,
    /// The message with `<*>` where it varies.
    pub template: String,
    /// The gravest severity among its records.
    pub severity: Severity,
    /// From what the severity is known.
    pub severity_reason: &'static str,
    /// Records of this severity.
    pub count: u64,
    /// The first of them.
    pub first: Place,
    /// The last of them.
    pub last: Place,
    /// The first of them as it stands in the log (long lines cut).
    pub example: String,
    /// The program or logger that wrote most of the group.
    pub source: Option<String>,
    /// What kind of trouble the wording tells of, if it tells: `authentication`, `connectivity`, …
    pub kind: Option<&'static str>,
    /// One or two sentences drawn from the evidence alone.
    pub diagnosis: String,
    /// Bursts of the group.
    pub bursts: Vec<Burst>,
    /// The most telling variables of the group.
    pub variables: Vec<Variable>,
}
