//! The conditions of a question: comparisons, values, dates, what is empty.

use super::{
    asked::Asked,
    columns::{self, Mention},
    dates,
    question::{Condition, Group, Measure},
    sniff::Holds,
    unable::Unable,
    words::{Kind, Token},
};
use serde_json::{Value, json};

/// Reads every condition and marks its words as placed.
pub(super) fn read(asked: &mut Asked<'_>) -> Result<(), Unable> {
    let mut at = 0;
    while at < asked.tokens.len() {
        at = match comparison(asked, at)? {
            Some(end) => end,
            None => at + 1,
        };
    }
    dates::read(asked)?;
    empties(asked);
    values(asked);
    unseen_values(asked);
    Ok(())
}

/// The comparison whose words begin at `at`: its operator and where its value begins.
fn operator(tokens: &[Token], at: usize) -> Option<(&'static str, usize)> {
    let is = |i: usize, words: &[&str]| tokens.get(i).is_some_and(|t| t.is(words));
    let token = tokens.get(at)?;
    if token.kind == Kind::Sign {
        let op = match token.text.as_str() {
            ">" => "gt",
            "<" => "lt",
            ">=" | "≥" => "gte",
            "<=" | "≤" => "lte",
            "!=" => "ne",
            _ => "eq",
        };
        return Some((op, at + 1));
    }
    let no = at > 0 && is(at - 1, &["no", "not"]);
    let bigger = ["more", "greater", "higher", "larger", "bigger", "older", "longer", "heavier"];
    let smaller = ["less", "fewer", "lower", "smaller", "younger", "shorter", "cheaper", "lighter"];
    if is(at, &bigger) && is(at + 1, &["than"]) {
        return Some((if no { "lte" } else { "gt" }, at + 2));
    }
    if is(at, &smaller) && is(at + 1, &["than"]) {
        return Some((if no { "gte" } else { "lt" }, at + 2));
    }
    if is(at, &["at"]) && is(at + 1, &["least"]) {
        return Some(("gte", at + 2));
    }
    if is(at, &["at"]) && is(at + 1, &["most"]) {
        return Some(("lte", at + 2));
    }
    if is(at, &["up"]) && is(at + 1, &["to"]) {
        return Some(("lte", at + 2));
    }
    if is(at, &["equal", "equals"]) {
        return Some(("eq", if is(at + 1, &["to"]) { at + 2 } else { at + 1 }));
    }
    let plain: [(&[&str], &str); 5] = [
        (&["above", "over", "exceed", "exceeding", "beyond"], if no { "lte" } else { "gt" }),
        (&["below", "under"], if no { "gte" } else { "lt" }),
        (&["exactly"], "eq"),
        (&["between"], "between"),
        (&["is", "are", "was", "were", "of", "costing", "cost"], "eq"),
    ];
    plain.iter().find(|(w, _)| token.is(w)).map(|(_, op)| (*op, at + 1))
}

/// A comparison with a figure or a date. Returns where it ends.
fn comparison(asked: &mut Asked<'_>, at: usize) -> Result<Option<usize>, Unable> {
    if asked.used[at] {
        return Ok(None);
    }
    let Some((op, mut value_at)) = operator(asked.tokens, at) else { return Ok(None) };
    // "is above 3": the word after decides.
    if op == "eq" && operator(asked.tokens, value_at).is_some() {
        return Ok(None);
    }
    while asked.tokens.get(value_at).is_some_and(|t| t.is(&["than", "a", "the", "about", "value"]))
    {
        value_at += 1;
    }
    let Some(first) = asked.tokens.get(value_at).and_then(value_of) else { return Ok(None) };
    let mut end = value_at + 1;
    let value = if op == "between" {
        let joined = asked.tokens.get(end).is_some_and(|t| t.is(&["and", "to"]));
        let Some(second) = asked.tokens.get(end + 1).and_then(value_of).filter(|_| joined) else {
            return Ok(None);
        };
        end += 2;
        json!([first, second])
    } else {
        first
    };
    while asked.tokens.get(end).is_some_and(|t| t.is(UNITS) && asked.column_at(end).is_none()) {
        end += 1;
    }
    let date = asked.tokens[value_at].kind == Kind::Date;
    if let Some(end) = of_groups(asked, at, end, op, &value)? {
        return Ok(Some(end));
    }
    let loose = op == "eq"
        && !matches!(asked.tokens[at].kind, Kind::Sign)
        && !asked.tokens[at].is(&["exactly", "equal", "equals"]);
    let Some((column, used)) = column_for(asked, at, end, date, loose)? else { return Ok(None) };
    let from = if at > 0 && asked.tokens[at - 1].is(&["no", "not", "is", "are", "was", "were"]) {
        at - 1
    } else {
        at
    };
    let negated = loose && asked.tokens.get(at + 1).is_some_and(|t| t.is(&["not"]));
    asked.take(from..end);
    if let Some(range) = used {
        asked.take(range);
    }
    asked.query.conditions.push(Condition { column, op: if negated { "ne" } else { op }, value });
    Ok(Some(end))
}

/// "customers with more than 3 orders": a condition on how many rows a group has. Returns where it
/// ends, when it is one.
fn of_groups(
    asked: &mut Asked<'_>,
    at: usize,
    end: usize,
    op: &'static str,
    value: &Value,
) -> Result<Option<usize>, Unable> {
    let Some(noun) = asked.tokens.get(end).filter(|_| !asked.used[end]) else { return Ok(None) };
    let row_id = asked.column_at(end).is_some_and(|m| !m.exact && columns::identifies(m.column));
    let rows = row_id || asked.column_at(end).is_none() && asked.names_rows(noun);
    let compares = !matches!(op, "eq") || asked.tokens[at].is(&["exactly"]);
    if !rows || !compares {
        return Ok(None);
    }
    let entity = asked.mentions.iter().rfind(|m| {
        m.value.is_none() && m.exact && m.range.end <= at && m.column.holds == Holds::Words
    });
    let Some(entity) = entity.cloned() else {
        return Err(asked.unclear("whose rows are counted"));
    };
    let verbs = ["with", "having", "have", "has", "had", "that", "who", "which", "placed", "made"];
    for i in entity.range.end..at {
        asked.used[i] |= asked.tokens[i].is(&verbs);
    }
    asked.take(entity.range.clone());
    asked.take(at..end + 1);
    let query = &mut asked.query;
    query.groups.push(Group { column: entity.column.name.clone(), unit: None });
    query.measures.push(Measure { what: "count", column: None });
    query.having.push(Condition { column: "count".into(), op, value: value.clone() });
    Ok(Some(end + 1))
}

/// Units said after a figure.
const UNITS: &[&str] = &[
    "euro",
    "euros",
    "dollar",
    "dollars",
    "usd",
    "eur",
    "gbp",
    "percent",
    "ms",
    "milliseconds",
    "seconds",
    "second",
    "minutes",
    "hours",
    "kg",
    "years",
    "days",
    "bytes",
    "points",
    "degrees",
    "celsius",
    "km",
    "cents",
    "pounds",
];

fn value_of(token: &Token) -> Option<Value> {
    match &token.kind {
        Kind::Number(n) => Some(figure(*n)),
        Kind::Date => Some(json!(token.text.replace('/', "-"))),
        _ => None,
    }
}

/// A whole figure as an integer, so that it reads as it was said.
#[expect(clippy::cast_possible_truncation, reason = "only whole figures below 2^53 are cast")]
fn figure(n: f64) -> Value {
    if n.fract() == 0.0 && n.abs() < 9e15 { json!(n as i64) } else { json!(n) }
}

type Placed = (String, Option<std::ops::Range<usize>>);

/// The column that a comparison is about, and the words that name it. A loose `is` needs its
/// column beside it and is no comparison otherwise.
fn column_for(
    asked: &Asked<'_>,
    at: usize,
    end: usize,
    date: bool,
    loose: bool,
) -> Result<Option<Placed>, Unable> {
    let between = [
        "is", "are", "was", "were", "of", "value", "that", "has", "have", "a", "the", "not", "no",
        "being", "with", "column", "field", "costs",
    ];
    let mut before = at;
    while before > 0
        && (asked.tokens[before - 1].is(&between) && asked.column_at(before - 1).is_none())
    {
        before -= 1;
    }
    let named = |m: &Mention<'_>| m.exact || !columns::identifies(m.column);
    let fits = |m: &Mention<'_>| {
        if date { m.column.holds == Holds::Dates } else { m.column.holds != Holds::Dates }
    };
    let left =
        asked.mentions.iter().find(|m| m.value.is_none() && m.range.end == before && named(m));
    let noun = |m: &Mention<'_>| m.exact && m.column.holds == Holds::Words;
    if let Some(m) = left.filter(|m| fits(m) && !noun(m)) {
        return Ok(Some((m.column.name.clone(), Some(m.range.clone()))));
    }
    if loose {
        return Ok(None);
    }
    let mut after = end;
    while asked.tokens.get(after).is_some_and(|t| t.is(&["in", "of", "for", "the"]))
        && asked.column_at(after).is_none()
    {
        after += 1;
    }
    let right =
        asked.column_at(after).filter(|m| fits(m) && m.column.holds == Holds::Numbers && named(m));
    if let Some(m) = right {
        return Ok(Some((m.column.name.clone(), Some(m.range.clone()))));
    }
    if date {
        let column = columns::date_column(asked.known)
            .ok_or_else(|| asked.unclear("which column the date is compared with"))?;
        return Ok(Some((column.name.clone(), None)));
    }
    // "price over 5" with a word for the column that is not its name.
    if before > 0
        && let Some(column) = columns::synonym(&asked.tokens[before - 1], asked.known)
            .filter(|c| c.holds == Holds::Numbers)
    {
        return Ok(Some((column.name.clone(), Some(before - 1..before))));
    }
    let column = columns::the_measure(asked.known)
        .ok_or_else(|| asked.unclear("which column is compared"))?;
    Ok(Some((column.name.clone(), None)))
}

/// "with no email", "where city is missing", "without a price".
fn empties(asked: &mut Asked<'_>) {
    let mentions: Vec<Mention<'_>> =
        asked.mentions.iter().filter(|m| m.value.is_none()).cloned().collect();
    for mention in mentions {
        if asked.used[mention.range.start] {
            continue;
        }
        let start = mention.range.start;
        let mut before = start;
        while before > 0 && asked.tokens[before - 1].is(&["a", "an", "the", "any"]) {
            before -= 1;
        }
        let no =
            before > 0 && asked.free(before - 1, &["without", "no", "missing", "empty", "blank"]);
        let mut after = mention.range.end;
        while asked.tokens.get(after).is_some_and(|t| t.is(&["is", "are", "not", "was"])) {
            after += 1;
        }
        let word = ["missing", "empty", "blank", "null", "unset"];
        let gone = asked.free(after, &word) && after > mention.range.end;
        if no || gone {
            let not = gone && asked.tokens[mention.range.end..after].iter().any(|t| t.is(&["not"]));
            let (from, to) = if no { (before - 1, mention.range.end) } else { (start, after + 1) };
            asked.take(from..to);
            let op = if not { "not_empty" } else { "empty" };
            asked.query.conditions.push(Condition {
                column: mention.column.name.clone(),
                op,
                value: Value::Null,
            });
        }
    }
}

/// Values seen in the head: "failed", "from Berlin", "status is not paid".
fn values(asked: &mut Asked<'_>) {
    let found: Vec<Mention<'_>> =
        asked.mentions.iter().filter(|m| m.value.is_some()).cloned().collect();
    for mention in found {
        if asked.used[mention.range.start] {
            continue;
        }
        let Some(value) = mention.value.clone() else { continue };
        let mut before = mention.range.start;
        let filler = [
            "is", "are", "was", "were", "the", "a", "of", "named", "called", "equal", "equals",
            "to", "=", "as", "column", "with",
        ];
        let mut negated = false;
        while before > 0
            && (asked.tokens[before - 1].is(&filler)
                || asked.tokens[before - 1].kind == Kind::Sign
                || asked.tokens[before - 1].is(NOT))
        {
            negated |= asked.tokens[before - 1].is(NOT) || asked.tokens[before - 1].text == "!=";
            before -= 1;
        }
        let column = asked
            .mentions
            .iter()
            .find(|m| {
                m.value.is_none() && m.range.end == before && m.column.name == mention.column.name
            })
            .cloned();
        // Only what belongs to the condition: "list the failed ones" keeps its "the".
        if let Some(column) = &column {
            asked.take(column.range.start..mention.range.end);
        } else {
            let from = if negated { before } else { mention.range.start };
            asked.take(from..mention.range.end);
        }
        let after = asked
            .mentions
            .iter()
            .find(|m| {
                m.value.is_none()
                    && m.range.start == mention.range.end
                    && m.column.name == mention.column.name
            })
            .cloned();
        if let Some(after) = after {
            asked.take(after.range);
        }
        add_value(asked, mention.column.name.clone(), json!(value), negated);
    }
}

const NOT: &[&str] =
    &["not", "except", "excluding", "without", "isn't", "aren't", "non", "other", "than"];

/// Several values of one column are any of them.
fn add_value(asked: &mut Asked<'_>, column: String, value: Value, negated: bool) {
    let (one, many) = if negated { ("ne", "not_in") } else { ("eq", "in") };
    let before = asked.query.conditions.iter_mut().find(|c| {
        c.column == column
            && (c.op == one || c.op == many)
            && (c.value.is_string() || c.value.is_array())
    });
    match before {
        Some(condition) => {
            let mut all = match condition.value.take() {
                Value::Array(all) => all,
                other => vec![other],
            };
            if !all.contains(&value) {
                all.push(value);
            }
            let single = all.len() == 1;
            condition.op = if single { one } else { many };
            condition.value = if single { all.swap_remove(0) } else { Value::Array(all) };
        }
        None => asked.query.conditions.push(Condition { column, op: one, value }),
    }
}

/// "where city is Paris", "customer 'Bob'", "name contains 'x'": a value that the head does not
/// show, beside its column.
fn unseen_values(asked: &mut Asked<'_>) {
    let named = |m: &&Mention<'_>| m.value.is_none() && (m.exact || !columns::identifies(m.column));
    let mentions: Vec<Mention<'_>> = asked.mentions.iter().filter(named).cloned().collect();
    for mention in mentions {
        if asked.used[mention.range.start] {
            continue;
        }
        let mut at = mention.range.end;
        let mut op = None;
        let mut negated = false;
        while let Some(token) = asked.tokens.get(at) {
            if token.is(NOT) || token.text == "!=" {
                negated = true;
                op = op.or(Some("eq"));
            } else if token.is(&["is", "are", "was", "were", "equals", "named", "called"])
                || token.kind == Kind::Sign && token.text.contains('=')
            {
                op = op.or(Some("eq"));
            } else if token.is(&["contain", "containing", "include", "including"]) {
                op = Some("contains");
            } else if token.is(&["start", "begin", "starting"])
                && asked.tokens.get(at + 1).is_some_and(|t| t.is(&["with"]))
            {
                op = Some("starts_with");
                at += 1;
            } else if token.is(&["end", "ending"])
                && asked.tokens.get(at + 1).is_some_and(|t| t.is(&["with", "in"]))
            {
                op = Some("ends_with");
                at += 1;
            } else {
                break;
            }
            at += 1;
        }
        let tokens = asked.tokens;
        let Some(token) = tokens.get(at).filter(|_| !asked.used[at]) else { continue };
        let proper = token.kind == Kind::Word
            && token.text.starts_with(char::is_uppercase)
            && asked.column_at(at).is_none();
        // "Which products were sold": what was done to them is no value; "where status is
        // cancelled" names one.
        let stated = asked.clause.has(&["where", "whose", "with", "is"]);
        let deed = token.low.ends_with("ed") && !stated || token.is(super::lexicon::ROWS);
        let word = op.is_some()
            && !deed
            && token.kind == Kind::Word
            && asked.column_at(at).is_none()
            && !token.is(super::lexicon::STOP)
            && !token.is(super::lexicon::TABLE);
        let value = match token.kind {
            Kind::Quoted | Kind::Path => token.text.clone(),
            _ if proper || word => {
                let mut upto = at + 1;
                while asked.tokens.get(upto).is_some_and(|t| {
                    t.kind == Kind::Word
                        && t.text.starts_with(char::is_uppercase)
                        && proper
                        && !asked.used[upto]
                }) {
                    upto += 1;
                }
                let text = asked.tokens[at..upto]
                    .iter()
                    .map(|t| t.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" ");
                asked.take(at..upto);
                text
            }
            _ => continue,
        };
        asked.take(mention.range.start..at + 1);
        let op = match (op.unwrap_or("eq"), negated) {
            ("eq", true) => "ne",
            ("contains", true) => "not_contains",
            (op, _) => op,
        };
        asked.query.conditions.push(Condition {
            column: mention.column.name.clone(),
            op,
            value: json!(value),
        });
    }
}
