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
    let any =
        query.any.iter().map(|any| json!({"any": any.iter().map(condition).collect::<Vec<_>>()}));
    let conditions: Vec<Value> = query.conditions.iter().map(condition).chain(any).collect();
    if !conditions.is_empty() {
        args.insert("where".into(), Value::Array(conditions));
    }
    if !query.groups.is_empty() {
        let groups: Vec<Value> = query.groups.iter().map(group).collect();
        args.insert("group_by".into(), Value::Array(groups));
    }
    if !query.measures.is_empty() {
        let measures: Vec<Value> = query.measures.iter().map(measure).collect();
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
    if let Some((by, rows)) = &query.per {
        args.insert("per".into(), json!({"by": by, "rows": rows}));
    }
    // Who is first must not hang on the order of the file.
    if (query.order.is_some() && query.limit.is_some() || query.per.is_some()) && !lists_time(query)
    {
        args.insert("ties".into(), json!(true));
    }
    if let Some(place) = query.place {
        args.insert("place".into(), json!(place));
    }
    if let Some(measure) = query.measures.first().filter(|_| query.change) {
        args.insert("change".into(), json!(name_of(measure)));
    }
    if let Some(join) = &query.join {
        args.insert("on".into(), json!({"column": join.column, "key": join.key}));
    }
    Ok(args)
}

/// Rows by their time: so many of them, whatever else came at that moment.
fn lists_time(query: &Query) -> bool {
    query.measures.is_empty() && query.limit.is_some_and(|n| n > 10)
}

fn condition(condition: &question::Condition) -> Value {
    let mut out = json!({"column": condition.column, "op": condition.op});
    if !condition.value.is_null() {
        out["value"] = condition.value.clone();
    }
    out
}

fn group(group: &Group) -> Value {
    match group.unit {
        None => json!(group.column),
        Some(unit) => json!({"column": group.column, "unit": unit, "as": unit}),
    }
}

fn op(what: &str) -> &str {
    if what == "count_distinct" { "distinct" } else { what }
}

fn measure(measure: &Measure) -> Value {
    let mut out = json!({"op": op(measure.what)});
    if let Some(column) = &measure.column {
        out["column"] = json!(column);
    }
    if let Some(p) = measure.p {
        out["p"] = json!(p);
    }
    if !measure.only.is_empty() {
        out["where"] = Value::Array(measure.only.iter().map(condition).collect());
    }
    out
}

/// The name of a group's column in the tool's answer.
pub(super) fn group_name(group: &Group) -> String {
    group.unit.map_or_else(|| group.column.clone(), str::to_owned)
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
