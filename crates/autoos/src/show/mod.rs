//! What people see: lines for results, lists and progress. Reads JSON as any client gets it.

mod accounts;
mod audit;
mod bill;
mod calls;
mod compare;
mod lists;
mod progress;
mod providers;
mod question;
mod result;
mod why;
mod wrap;

pub(crate) use accounts::{account, accounts};
pub(crate) use audit::{audit, audit_key, verdict, verified};
pub(crate) use bill::cost;
pub(crate) use calls::{call, calls};
pub(crate) use compare::comparison;
pub(crate) use lists::{escalations, keys, lessons, new_key, plan, tools, workflows};
pub(crate) use progress::{Progress, waits_for_human};
pub(crate) use providers::providers;
pub(crate) use question::{brief, questions};
pub(crate) use result::{exit_code, is_settled, result};
pub(crate) use why::{claims, why};
pub(crate) use wrap::labelled;

use serde_json::Value;
use std::io::Write as _;

/// Prints a line; whoever closed the pipe wants no more.
pub(crate) fn line(text: &str) {
    if writeln!(std::io::stdout().lock(), "{text}").is_err() {
        std::process::exit(i32::from(crate::cli::ERROR));
    }
}

/// Prints JSON, a page of it.
pub(crate) fn json(value: &Value) {
    line(&format!("{value:#}"));
}

/// A field as text; empty when it is not there.
pub(crate) fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

pub(crate) fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// The elements of a list field.
pub(crate) fn rows<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let list = value.get(name).or(Some(value)).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// Micro-dollars as people read them.
pub(crate) fn dollars(microusd: u64) -> String {
    autoos_kernel::plan::check::dollars(microusd)
}

/// A duration as people read it.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// Text from outside without what could move a terminal's cursor or change its colours.
pub(crate) fn tame(text: &str) -> String {
    let keep = |c: char| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c };
    text.chars().map(keep).collect()
}
