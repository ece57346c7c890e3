//! Conditions that look at the whole column first: above its average, within its last hour.
//!
//! They are turned into plain ones by a query of their own over the same table, so a table is then
//! read twice. The average and the end are those of the rows that meet the other conditions of
//! `where`; what they came to stands in the answer, under `relative`. Left out: months and years
//! back from the end, which differ in length.

use super::{
    date::{Period, Unit},
    number::Number,
};
use crate::Failure;
use serde_json::{Value, json};

/// What takes part in finding the rows, beside `where`.
const KEPT: [&str; 8] =
    ["path", "text", "format", "delimiter", "header", "join", "on", "case_sensitive"];

/// The arguments with plain conditions only, and what the relative ones came to. `ask` answers a
/// query.
///
/// # Errors
/// Those of `ask`; a column that has no average, or no last moment.
pub(super) fn resolve(
    mut args: Value,
    ask: impl FnOnce(Value) -> Result<Value, Failure>,
) -> Result<(Value, Vec<Value>), Failure> {
    let all = args["where"].as_array().cloned().unwrap_or_default();
    let (relative, plain): (Vec<Value>, Vec<Value>) =
        all.into_iter().partition(|one| looks_at_all(&one["op"]));
    if relative.is_empty() {
        return Ok((args, Vec::new()));
    }
    let aggregates: Vec<Value> = relative
        .iter()
        .enumerate()
        .map(|(at, one)| {
            let op = if one["op"] == "within_last" { "max" } else { "avg" };
            json!({"op": op, "column": one["column"], "as": format!("of {at}")})
        })
        .collect();
    let mut first = json!({"where": plain, "aggregate": aggregates});
    for name in KEPT {
        if let Some(value) = args.get(name) {
            first[name] = value.clone();
        }
    }
    let found = ask(first)?;
    let (mut conditions, mut told) = (plain, Vec::new());
    for (one, value) in relative.iter().zip(found["rows"][0].as_array().into_iter().flatten()) {
        let column = one["column"].as_str().unwrap_or_default();
        if value.is_null() {
            // No row meets the other conditions, so none is left to compare.
            conditions.push(json!({"column": column, "op": "in", "value": [""]}));
            conditions.push(json!({"column": column, "op": "not_empty"}));
            continue;
        }
        let (op, bound) = match one["op"].as_str() {
            Some("within_last") => ("gte", json!(since(column, value, &one["value"])?)),
            Some(op) => {
                let number = value.is_number().then_some(value.clone());
                let number = number.ok_or_else(|| {
                    Failure::Invalid(format!("there are no numbers in {column:?} to average"))
                })?;
                (if op == "above_average" { "gt" } else { "lt" }, number)
            }
            None => continue,
        };
        told.push(json!({"column": column, "op": one["op"], "of": value, "from": bound}));
        conditions.push(json!({"column": column, "op": op, "value": bound}));
    }
    args["where"] = Value::Array(conditions);
    Ok((args, told))
}

fn looks_at_all(op: &Value) -> bool {
    matches!(op.as_str(), Some("above_average" | "below_average" | "within_last"))
}

/// The moment that lies so far before the last one. Days are counted whole where the column holds
/// days: the last seven end with the last day.
fn since(column: &str, last: &Value, stretch: &Value) -> Result<String, Failure> {
    let wrong = |why: &str| Failure::Invalid(format!("within_last on {column:?}: {why}"));
    let text = last.as_str().unwrap_or_default();
    let end = Period::read(text).ok_or_else(|| wrong("it does not hold dates with their year"))?;
    let n = stretch["n"].as_i64().filter(|n| (1..=100_000).contains(n));
    let n = n.ok_or_else(|| wrong("n is a whole number from 1 to 100000"))?;
    let unit = stretch["unit"].as_str().and_then(Unit::of);
    let length = match unit {
        Some(Unit::Week) => 7 * 86_400,
        Some(Unit::Day) => 86_400,
        Some(Unit::Hour) => 3_600,
        Some(Unit::Minute) => 60,
        _ => return Err(wrong("unit is minute, hour, day or week")),
    };
    let back = n * length * 1_000_000;
    let days = end.end - end.start == 86_400 * 1_000_000;
    if days && length < 86_400 {
        return Err(wrong("it holds days, and no times of day"));
    }
    Ok(Period::moment(if days { end.end - back } else { end.start - back }, days))
}

/// The average of the figures of a column of rows; none when there are none.
pub(super) fn average<'a>(cells: impl Iterator<Item = &'a str>) -> Option<Number> {
    let (mut sum, mut count) = (Number::ZERO, 0);
    for number in cells.filter_map(Number::read) {
        sum = sum.plus(number);
        count += 1;
    }
    (count > 0).then(|| sum.over(count))
}
