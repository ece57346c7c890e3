//! Conditions that look at the whole column first: above its average, within its last hour.
//!
//! They are turned into plain ones by a query of their own over the same table, so a table is then
//! read twice. The end is that of all rows, the average that of the rows that meet the other
//! conditions of `where`; what they came to stands in the answer, under `relative`. Left out:
//! months and years back from the end, which differ in length.

use super::{
    date::{Period, Unit},
    number::Number,
};
use crate::Failure;
use serde_json::{Value, json};

/// The arguments that say which table it is.
const TABLE: [&str; 7] = ["path", "text", "format", "delimiter", "header", "join", "on"];

/// The arguments with plain conditions only, and what the relative ones came to. `ask` answers a
/// query.
///
/// # Errors
/// Those of `ask`; a column that has no average, or no last moment.
pub(super) fn resolve(
    mut args: Value,
    ask: impl Fn(Value) -> Result<Value, Failure>,
) -> Result<(Value, Vec<Value>), Failure> {
    let all = args["where"].as_array().cloned().unwrap_or_default();
    let is = |one: &Value, ops: &[&str]| one["op"].as_str().is_some_and(|op| ops.contains(&op));
    let (last, rest): (Vec<Value>, Vec<Value>) =
        all.into_iter().partition(|one| is(one, &["within_last"]));
    let (averages, mut conditions): (Vec<Value>, Vec<Value>) =
        rest.into_iter().partition(|one| is(one, &["above_average", "below_average"]));
    if last.is_empty() && averages.is_empty() {
        return Ok((args, Vec::new()));
    }
    let mut told = Vec::new();
    // The data ends where its last row lies, whatever else is asked of the rows.
    for (one, end) in last.iter().zip(figures(&args, &last, "max", &[], &ask)?) {
        let column = one["column"].as_str().unwrap_or_default();
        if end.is_null() {
            return Err(Failure::Invalid(format!("there are no moments in {column:?}")));
        }
        let from = since(column, &end, &one["value"])?;
        told.push(json!({"column": column, "op": one["op"], "of": end, "from": from}));
        conditions.push(json!({"column": column, "op": "gte", "value": from}));
    }
    let plain = conditions.clone();
    for (one, average) in averages.iter().zip(figures(&args, &averages, "avg", &plain, &ask)?) {
        let column = one["column"].as_str().unwrap_or_default();
        if average.is_null() {
            return Err(Failure::Invalid(format!(
                "there are no numbers in {column:?} to average, of the rows that meet the rest"
            )));
        }
        let op = if is(one, &["above_average"]) { "gt" } else { "lt" };
        told.push(json!({"column": column, "op": one["op"], "of": average}));
        conditions.push(json!({"column": column, "op": op, "value": average}));
    }
    args["where"] = Value::Array(conditions);
    Ok((args, told))
}

/// What `op` makes of the columns of some conditions, over the rows that meet others.
fn figures(
    args: &Value,
    of: &[Value],
    op: &str,
    conditions: &[Value],
    ask: impl Fn(Value) -> Result<Value, Failure>,
) -> Result<Vec<Value>, Failure> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let name = |at: usize| format!("of {at}");
    let aggregates: Vec<Value> = of
        .iter()
        .enumerate()
        .map(|(at, one)| json!({"op": op, "column": one["column"], "as": name(at)}))
        .collect();
    let mut first = json!({"where": conditions, "aggregate": aggregates});
    for part in TABLE {
        if let Some(value) = args.get(part) {
            first[part] = value.clone();
        }
    }
    let found = ask(first)?;
    Ok(found["rows"][0].as_array().cloned().unwrap_or_default())
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
