//! The conditions of a question with figures and dates, and of what is empty.

use super::{
    asked::{Asked, figure},
    columns::{self, Mention},
    compared::column_for,
    of_groups::{of_groups, of_totals},
    question::Condition,
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
    Ok(())
}

/// Said before "than".
pub(super) const BIGGER: &[&str] = &[
    "more", "greater", "higher", "larger", "bigger", "older", "longer", "heavier", "better",
    "taller", "warmer", "hotter", "slower", "dearer", "faster", "newer", "later", "pricier",
    "costlier", "stronger", "wider", "deeper", "busier",
];

pub(super) const SMALLER: &[&str] = &[
    "less", "fewer", "lower", "smaller", "younger", "shorter", "cheaper", "lighter", "worse",
    "colder", "cooler", "earlier", "sooner", "weaker", "narrower",
];

/// Whether something is compared with a figure or a date: "older than 40", "at least 5".
pub(super) fn compares(tokens: &[Token]) -> bool {
    (0..tokens.len()).any(|at| {
        operator(tokens, at).is_some_and(|(op, value)| {
            !matches!(op, "eq" | "between") && tokens.get(value).and_then(value_of).is_some()
        })
    })
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
    if is(at, BIGGER) && is(at + 1, &["than"]) {
        return Some((if no { "lte" } else { "gt" }, at + 2));
    }
    if is(at, SMALLER) && is(at + 1, &["than"]) {
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
        (&["exactly", "precisely"], "eq"),
        (&["between"], "between"),
        (&["is", "are", "was", "were", "of", "costing", "cost", "rated", "with", "="], "eq"),
    ];
    if is(at, &["not"]) && is(at + 1, &["more"]) && is(at + 2, &["than"]) {
        return Some(("lte", at + 3));
    }
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
        // "between 2019 and 2021" is said of dates, where there are such.
        let years = [value_at, end + 1].iter().all(|i| {
            let token = &asked.tokens[*i];
            token.text.len() == 4
                && matches!(token.kind, Kind::Number(n) if (1900.0..2100.0).contains(&n))
        });
        let yearly = columns::date_column(asked.known).is_some()
            || columns::year_column(asked.known).is_some();
        let amount = at > 0
            && asked
                .column_of(at - 1)
                .is_some_and(|c| c.holds == Holds::Numbers && !columns::identifies(c));
        if years && yearly && !amount {
            return Ok(None);
        }
        end += 2;
        json!([first, second])
    } else {
        first
    };
    while asked.tokens.get(end).is_some_and(|t| t.is(UNITS) && asked.column_at(end).is_none()) {
        end += 1;
    }
    // "at least 50 years old": what is measured comes last.
    let measured = asked
        .tokens
        .get(end)
        .filter(|_| end > value_at + 1)
        .and_then(|t| columns::of_measured(t, asked.known).map(|column| column.name.clone()));
    if measured.is_some() {
        end += 1;
    }
    // "4 or more", "20 or below": the words after the figure decide.
    let (op, end) = match (op, asked.is(end, &["or", "and"])) {
        ("eq", true) if asked.is(end + 1, MORE) => ("gte", end + 2),
        ("eq", true) if asked.is(end + 1, LESS) => ("lte", end + 2),
        _ => (op, end),
    };
    let date = asked.tokens[value_at].kind == Kind::Date;
    if let Some(end) = of_groups(asked, at, end, op, &value)? {
        return Ok(Some(end));
    }
    let loose = op == "eq"
        && !matches!(asked.tokens[at].kind, Kind::Sign)
        && !asked.tokens[at].is(&["exactly", "equal", "equals"]);
    let first_at = value_at;
    if let Some(end) = of_totals(asked, at, end, op, &value) {
        return Ok(Some(end));
    }
    let placed = match measured.filter(|_| !loose) {
        Some(column) => Some((column, None)),
        None => column_for(asked, at, end, date, loose)?,
    };
    let Some((column, used)) = placed else { return Ok(None) };
    let op = if began(asked, &column) { turned(&asked.tokens[at], op) } else { op };
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
    // "delayed by more than 30 minutes": the deed says the column once more.
    let mut deed = from;
    while deed > 0 && asked.is(deed - 1, &["by", "for", "been", "a"]) {
        deed -= 1;
    }
    if deed > 0 && !loose && asked.column_of(deed - 1).is_some_and(|c| c.name == column) {
        asked.take(deed - 1..from);
    }
    let condition = Condition { column, op: if negated { "ne" } else { op }, value };
    asked.condition(condition, from.min(first_at)..end);
    Ok(Some(end))
}

/// Whether a column says when something began, so that what is older has less of it.
fn began(asked: &Asked<'_>, column: &str) -> bool {
    asked
        .known
        .columns
        .iter()
        .any(|c| c.name == column && (c.holds == Holds::Dates || columns::says_year(&c.name)))
}

/// "older than 2010" is before it.
fn turned(token: &Token, op: &'static str) -> &'static str {
    match op {
        "gt" if token.is(&["older"]) => "lt",
        "lt" if token.is(&["younger"]) => "gt",
        "gte" if token.is(&["younger"]) => "lte",
        "lte" if token.is(&["older"]) => "gte",
        other => other,
    }
}

/// Words that open a figure upwards and downwards.
const MORE: &[&str] =
    &["more", "above", "higher", "over", "up", "greater", "later", "better", "longer", "older"];
const LESS: &[&str] = &[
    "less", "below", "lower", "under", "fewer", "down", "smaller", "earlier", "shorter", "younger",
];

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
    "degree",
    "minute",
    "hour",
    "million",
    "k",
    "units",
    "pieces",
    "stars",
    "bucks",
];

fn value_of(token: &Token) -> Option<Value> {
    match &token.kind {
        Kind::Number(n) => Some(figure(*n)),
        Kind::Date => Some(json!(token.text.replace('/', "-"))),
        _ => None,
    }
}

/// "with no email", "where city is missing", "without a price".
pub(super) fn empties(asked: &mut Asked<'_>) {
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
        let no = before > 0
            && asked.free(
                before - 1,
                &["without", "no", "missing", "empty", "blank", "lack", "lacking", "lacks"],
            );
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
            let column = mention.column.name.clone();
            // "no delay" where every row has a figure is a figure of nothing.
            let figures = no
                && mention.column.holds == Holds::Numbers
                && !mention.column.empties
                && !asked.is(from, &["missing", "empty", "blank", "lack", "lacking", "lacks"]);
            let (op, value) = match (figures, not) {
                (true, _) => ("lte", json!(0)),
                (_, true) => ("not_empty", Value::Null),
                _ => ("empty", Value::Null),
            };
            asked.condition(Condition { column, op, value }, from..to);
        }
    }
}
