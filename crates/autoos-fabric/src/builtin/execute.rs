//! The few steps that need no understanding: counting, sorting, picking from one list.
//!
//! Everything else that an executor may be asked is work for a language model, and declined.

use super::{
    unable::{MODEL, Unable},
    words::{self, Kind, Token},
};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;

/// Does what the instruction says with the one list among the inputs.
pub(super) fn work(instruction: &str, inputs: &Map<String, Value>) -> Result<Value, Unable> {
    let tokens = words::tokens(instruction);
    let Some(list) = list(inputs) else { return Err(declined(instruction)) };
    let understood: &[&str] = &[
        "count",
        "how",
        "many",
        "number",
        "sort",
        "order",
        "rank",
        "sum",
        "add",
        "total",
        "average",
        "mean",
        "up",
        "first",
        "last",
        "take",
        "keep",
        "unique",
        "distinct",
        "different",
        "deduplicate",
        "duplicate",
        "remove",
        "largest",
        "highest",
        "smallest",
        "lowest",
        "maximum",
        "minimum",
        "max",
        "min",
        "the",
        "of",
        "in",
        "list",
        "element",
        "item",
        "entry",
        "entries",
        "line",
        "value",
        "number",
        "all",
        "them",
        "by",
        "descending",
        "ascending",
        "alphabetically",
        "reverse",
        "please",
        "and",
        "a",
        "is",
        "are",
        "there",
        "what",
        "return",
        "give",
        "me",
        "calculate",
        "compute",
        "input",
        "row",
        "from",
        "sorted",
        "drop",
        "find",
        "these",
        "this",
    ];
    let names = |t: &Token| inputs.keys().any(|k| k.to_lowercase() == t.low);
    if tokens.iter().any(|t| t.kind == Kind::Word && !t.is(understood) && !names(t)) {
        return Err(declined(instruction));
    }
    let has = |wanted: &[&str]| tokens.iter().any(|t| t.is(wanted));
    let figures =
        || list.iter().map(figure).collect::<Option<Vec<f64>>>().filter(|f| !f.is_empty());
    let number = tokens.iter().find_map(|t| {
        if let Kind::Number(n) = t.kind { Some(super::asked::whole(n)) } else { None }
    });
    let operations = [
        has(&["count", "how"])
            || has(&["number"]) && !has(&["sum", "sort", "largest", "smallest", "average"]),
        has(&["sum", "add", "total"]),
        has(&["average", "mean"]),
        has(&["sort", "sorted", "order", "rank"]),
        has(&["unique", "distinct", "deduplicate", "duplicate", "different"]),
        has(&["first", "last", "take", "keep"]),
        has(&["largest", "highest", "maximum", "max", "smallest", "lowest", "minimum", "min"]),
    ];
    match operations {
        [true, false, false, false, unique, false, false] => {
            Ok(json!(if unique { distinct(&list).len() } else { list.len() }))
        }
        [false, true, false, false, false, false, false] => exact_sum(&list)
            .or_else(|| figures().map(|f| json!(f.iter().sum::<f64>())))
            .ok_or_else(|| declined(instruction)),
        #[expect(clippy::cast_precision_loss, reason = "a list is shorter than 2^52")]
        [false, false, true, false, false, false, false] => figures()
            .map(|f| json!(f.iter().sum::<f64>() / f.len() as f64))
            .ok_or_else(|| declined(instruction)),
        [false, false, false, true, unique, false, false] => {
            let mut sorted = if unique { distinct(&list) } else { list };
            sorted.sort_by(order);
            if has(&["descending", "reverse"]) {
                sorted.reverse();
            }
            Ok(Value::Array(sorted))
        }
        [false, false, false, false, true, false, false] => Ok(Value::Array(distinct(&list))),
        [false, false, false, false, false, true, false] => {
            let n = usize::try_from(number.unwrap_or(1)).unwrap_or(usize::MAX).min(list.len());
            let from = if has(&["last"]) { list.len() - n } else { 0 };
            Ok(Value::Array(list[from..from + n].to_vec()))
        }
        [false, false, false, false, false, false, true] => {
            let largest = has(&["largest", "highest", "maximum", "max"]);
            let found = if largest {
                list.iter().max_by(|a, b| order(a, b))
            } else {
                list.iter().min_by(|a, b| order(a, b))
            };
            found.cloned().ok_or_else(|| declined(instruction))
        }
        _ => Err(declined(instruction)),
    }
}

fn declined(instruction: &str) -> Unable {
    Unable::new(
        format!(
            "“{}” is work for a language model; the built-in engine counts, sorts, adds up and picks from one list",
            super::answer::line(instruction, 160)
        ),
        [MODEL],
    )
}

/// The one list among the inputs; lines of a text are one.
fn list(inputs: &Map<String, Value>) -> Option<Vec<Value>> {
    let mut lists = inputs.values().filter_map(|v| match v {
        Value::Array(list) => Some(list.clone()),
        Value::String(text) if text.trim().contains('\n') => {
            Some(text.lines().filter(|l| !l.trim().is_empty()).map(|l| json!(l)).collect())
        }
        _ => None,
    });
    let first = lists.next()?;
    lists.next().is_none().then_some(first)
}

fn figure(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| words::number(value.as_str()?))
}

/// Whole figures are added without rounding.
fn exact_sum(list: &[Value]) -> Option<Value> {
    let sum = list
        .iter()
        .map(Value::as_i64)
        .collect::<Option<Vec<i64>>>()?
        .into_iter()
        .try_fold(0i64, i64::checked_add)?;
    Some(json!(sum))
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (figure(a), figure(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => {
            let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
            text(a).cmp(&text(b))
        }
    }
}

fn distinct(list: &[Value]) -> Vec<Value> {
    let mut seen = std::collections::HashSet::new();
    list.iter().filter(|v| seen.insert(v.to_string())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(instruction: &str, list: Value) -> Result<Value, Unable> {
        work(instruction, &Map::from_iter([("words".to_owned(), list)]))
    }

    #[test]
    fn lists_are_counted_sorted_and_picked_from() {
        assert_eq!(on("Count the items", json!(["a", "b", "a"])), Ok(json!(3)));
        assert_eq!(
            on("How many distinct entries are there?", json!(["a", "b", "a"])),
            Ok(json!(2))
        );
        assert_eq!(on("Sort the list descending", json!([2, 10, 1])), Ok(json!([10, 2, 1])));
        assert_eq!(on("Sum the values", json!([1, 2])), Ok(json!(3)));
        assert_eq!(on("What is the average of the numbers", json!([1, 2])), Ok(json!(1.5)));
        assert_eq!(on("Take the first 2 items", json!([1, 2, 3])), Ok(json!([1, 2])));
        assert_eq!(on("remove duplicates", json!("a\nb\na")), Ok(json!(["a", "b"])));
        assert_eq!(on("find the largest number", json!([3, 12, 5])), Ok(json!(12)));
    }

    #[test]
    fn the_rest_is_declined() {
        for instruction in [
            "Write a poem about the items",
            "Translate the list",
            "Sort by importance",
            "",
            "Classify each item",
        ] {
            let said = on(instruction, json!(["a", "b"])).expect_err(instruction);
            assert!(said.to_line().contains("a language model"), "{said:?}");
        }
        assert!(on("Sum the values", json!(["a"])).is_err());
    }
}
