//! A question in the arguments of `table.query`.

use super::{
    question::{self, Group, Key, Measure, Query},
    sniff::{Form, Known},
    unable::Unable,
};
use serde_json::{Map, Value, json};

/// The arguments, without what the tool reads.
pub(super) fn args(query: &Query, known: Option<&Known<'_>>) -> Result<Map<String, Value>, Unable> {
    let mut args = Map::new();
    if let Some(known) = known {
        if let Some(format) = question::format_of(known) {
            args.insert("format".into(), json!(format));
        }
        if let Form::Table(separator) = known.form
            && ![',', '\t'].contains(&separator)
        {
            args.insert("delimiter".into(), json!(separator.to_string()));
        }
    }
    let conditions: Vec<Value> = query.conditions.iter().map(condition).collect();
    if !conditions.is_empty() {
        args.insert("where".into(), Value::Array(conditions));
    }
    if !query.groups.is_empty() {
        let groups = query.groups.iter().map(group).collect::<Result<Vec<_>, _>>()?;
        args.insert("group_by".into(), Value::Array(groups));
    }
    if !query.measures.is_empty() {
        let measures = query.measures.iter().map(measure).collect::<Result<Vec<_>, _>>()?;
        args.insert("aggregate".into(), Value::Array(measures));
    } else if !query.select.is_empty() {
        args.insert("select".into(), json!(query.select));
    }
    if !query.having.is_empty() {
        args.insert("having".into(), Value::Array(query.having.iter().map(condition).collect()));
    }
    let sort = sort(query);
    if !sort.is_empty() {
        args.insert("sort".into(), Value::Array(sort));
    }
    let lists = query.measures.is_empty() && !query.describes;
    if let Some(limit) = query.limit.or(lists.then_some(50)) {
        args.insert("limit".into(), json!(limit));
    }
    Ok(args)
}

fn condition(condition: &question::Condition) -> Value {
    let mut out = json!({"column": condition.column, "op": condition.op});
    if !condition.value.is_null() {
        out["value"] = condition.value.clone();
    }
    out
}

fn group(group: &Group) -> Result<Value, Unable> {
    match group.unit {
        None => Ok(json!(group.column)),
        Some(unit @ ("year" | "month" | "day" | "hour")) => {
            Ok(json!({"column": group.column, "unit": unit, "as": unit}))
        }
        Some(other) => Err(Unable::new(
            format!("table.query gathers dates by year, month, day and hour, not by {other}"),
            ["one of these in the question"],
        )),
    }
}

fn op(what: &str) -> &str {
    if what == "count_distinct" { "distinct" } else { what }
}

fn measure(measure: &Measure) -> Result<Value, Unable> {
    let what = op(measure.what);
    if what == "median" {
        return Err(Unable::new(
            "table.query has no median",
            ["a question for an average, a smallest or a largest value"],
        ));
    }
    Ok(match &measure.column {
        Some(column) => json!({"op": what, "column": column}),
        None => json!({"op": what}),
    })
}

/// The name of a measure in the tool's answer.
pub(super) fn name_of(measure: &Measure) -> String {
    match &measure.column {
        Some(column) => format!("{}_{column}", op(measure.what)),
        None => op(measure.what).to_owned(),
    }
}

/// The order asked for; groups without one come by their stretch of time or by the measure.
fn sort(query: &Query) -> Vec<Value> {
    let by = |column: String, descending: bool| json!({"column": column, "descending": descending});
    match &query.order {
        Some((Key::Column(column), largest)) => vec![by(column.clone(), *largest)],
        Some((Key::Measure(at), largest)) => {
            query.measures.get(*at).map(|m| by(name_of(m), *largest)).into_iter().collect()
        }
        None => match (
            query.groups.iter().find_map(|g| g.unit),
            query.groups.first(),
            query.measures.first(),
        ) {
            (Some(unit), ..) => vec![by(unit.to_owned(), false)],
            (None, Some(_), Some(measure)) => vec![by(name_of(measure), true)],
            _ => Vec::new(),
        },
    }
}
