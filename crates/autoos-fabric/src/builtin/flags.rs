//! Columns that say yes or no, and words that say of a column that it is empty: "remote people",
//! "not active", "offline", "unassigned".

use super::{
    asked::Asked,
    columns,
    question::Condition,
    sniff::{Column, split_words},
    words::{self, Kind},
};
use serde_json::{Value, json};

const YES: &[&str] = &["yes", "true", "y", "t", "on"];
const NO: &[&str] = &["no", "false", "n", "f", "off"];

/// The values of a column that only says yes or no, as it writes them.
fn flag(column: &Column) -> Option<(String, String)> {
    let find = |words: &[&str]| {
        column.values.iter().find(|v| words.contains(&v.to_lowercase().as_str())).cloned()
    };
    let all = column.values.iter().all(|v| {
        YES.contains(&v.to_lowercase().as_str()) || NO.contains(&v.to_lowercase().as_str())
    });
    let (yes, no) = (find(YES), find(NO));
    if !all || column.values.is_empty() {
        return None;
    }
    let other = |this: &str, from: &[&str], to: &[&str]| {
        let at = from.iter().position(|w| *w == this.to_lowercase()).unwrap_or(0);
        to[at].to_owned()
    };
    match (yes, no) {
        (Some(yes), Some(no)) => Some((yes, no)),
        (Some(yes), None) => Some((yes.clone(), other(&yes, YES, NO))),
        (None, Some(no)) => Some((other(&no, NO, YES), no)),
        (None, None) => None,
    }
}

pub(super) fn read(asked: &mut Asked<'_>) {
    for at in 0..asked.tokens.len() {
        if asked.used[at] || asked.tokens[at].kind != Kind::Word {
            continue;
        }
        said(asked, at);
        turned(asked, at);
        happened(asked, at);
    }
}

/// "remote", "is not remote", "remote is false", "with remote = yes".
fn said(asked: &mut Asked<'_>, at: usize) {
    let Some(mention) = asked.column_at(at).cloned() else { return };
    let Some((yes, no)) = flag(mention.column) else { return };
    let grouped = at > 0
        && asked.is(at - 1, &["by", "per", "each", "every", "which", "distinct", "different"]);
    if grouped {
        return;
    }
    let mut end = mention.range.end;
    while asked.is(end, &["is", "are", "was", "set", "to", "equals"])
        || asked.tokens.get(end).is_some_and(|t| ["=", "=="].contains(&t.text.as_str()))
    {
        end += 1;
    }
    let word = asked.tokens.get(end).map(|t| t.low.clone()).unwrap_or_default();
    let (mut positive, mut upto) = match word.as_str() {
        w if YES.contains(&w) => (true, end + 1),
        w if NO.contains(&w) => (false, end + 1),
        _ => (true, mention.range.end),
    };
    let mut from = at;
    while from > 0
        && asked.is(from - 1, &["not", "isn't", "aren't", "non", "never", "a", "be", "being", "no"])
    {
        from -= 1;
        positive ^= asked.is(from, &["not", "isn't", "aren't", "non", "never", "no"]);
    }
    if upto == mention.range.end && asked.is(upto, &["only"]) {
        upto += 1;
    }
    let value = if positive { yes } else { no };
    asked.take(from..upto);
    let column = mention.column.name.clone();
    asked.condition(Condition { column, op: "eq", value: truth(&value) }, from..upto);
}

/// "cancelled", "not cancelled" where `cancelled_on` is empty in some rows: it happened, or not.
fn happened(asked: &mut Asked<'_>, at: usize) {
    let Some(mention) = asked.column_at(at).cloned() else { return };
    let column = mention.column;
    if column.holds != super::sniff::Holds::Dates
        || !column.empties
        || !asked.tokens[at].low.ends_with("ed")
    {
        return;
    }
    let places = [
        "in", "on", "since", "after", "before", "until", "between", "during", "from", "per", "by",
        "each", "is", "first", "last",
    ];
    let dated = asked.is(at + 1, &places)
        && asked.tokens.get(at + 2).is_some_and(|t| {
            !matches!(t.kind, Kind::Word)
                || words::month(&t.low).is_some()
                || t.is(&["the", "each"])
        })
        || asked.is(at + 1, &["per", "by", "each"])
        || at > 0 && asked.is(at - 1, &["by", "per", "each", "recently", "most", "last"]);
    if dated {
        return;
    }
    let (mut from, mut not) = (at, false);
    while from > 0
        && asked.is(
            from - 1,
            &[
                "not", "never", "have", "has", "haven't", "hasn't", "been", "were", "weren't",
                "is", "isn't", "are", "aren't", "yet",
            ],
        )
    {
        from -= 1;
        not |= asked.is(from, &["not", "never", "haven't", "hasn't", "weren't", "isn't", "aren't"]);
    }
    asked.take(from..mention.range.end);
    let op = if not { "empty" } else { "not_empty" };
    asked.condition(
        Condition { column: column.name.clone(), op, value: Value::Null },
        from..mention.range.end,
    );
}

/// "offline" where a column is `online`; "unassigned" where one is `assignee`.
fn turned(asked: &mut Asked<'_>, at: usize) {
    if asked.used[at] || asked.column_at(at).is_some() {
        return;
    }
    let token = &asked.tokens[at];
    let opposites = [("off", "on"), ("in", ""), ("un", ""), ("dis", ""), ("non", "")];
    for (prefix, instead) in opposites {
        let Some(rest) = token.low.strip_prefix(prefix).filter(|r| r.len() > 3) else { continue };
        let rest = rest.trim_start_matches('-');
        let positive = words::stem(&format!("{instead}{rest}"));
        let same = |c: &&Column| split_words(&c.name).iter().any(|w| words::stem(w) == positive);
        let found = asked.known.columns.iter().find(same).cloned();
        if let Some(column) = &found
            && let Some((_, no)) = flag(column)
        {
            let condition = Condition { column: column.name.clone(), op: "eq", value: truth(&no) };
            asked.take(at..at + 1);
            return asked.condition(condition, at..at + 1);
        }
        if prefix == "un"
            && token.low.ends_with("ed")
            && let Some(column) = columns::beginning(&positive, asked.known)
        {
            let condition =
                Condition { column: column.name.clone(), op: "empty", value: Value::Null };
            asked.take(at..at + 1);
            return asked.condition(condition, at..at + 1);
        }
    }
}

fn truth(text: &str) -> Value {
    match text {
        "true" => json!(true),
        "false" => json!(false),
        other => json!(other),
    }
}
