//! The dates of a question: "in March 2024", "since 2024-02-01", "from … to …", "before 2023".

use super::{
    asked::Asked,
    columns,
    question::Condition,
    sniff::Column,
    unable::Unable,
    words::{self, Kind, Token},
};
use serde_json::json;

/// "in March 2024", "since 2024-02-01", "from … to …", "before 2023", "on …".
pub(super) fn read(asked: &mut Asked<'_>) -> Result<(), Unable> {
    if asked.query.change {
        grown(asked)?;
    }
    for at in 0..asked.tokens.len() {
        let op = [
            "in", "on", "during", "since", "after", "before", "until", "from", "for", "by",
            "through", "of", "till",
        ]
        .iter()
        .position(|w| asked.free(at, &[w]));
        let Some(op) = op else { continue };
        let op =
            ["eq", "eq", "eq", "gte", "gt", "lt", "lte", "gte", "eq", "lte", "lte", "eq", "lte"]
                [op];
        let Some((period, mut end)) = period_at(asked, at + 1) else { continue };
        if op == "eq" && side_by_side(asked, at, &period, end)? {
            continue;
        }
        let Some(column) = asked.dates() else {
            let from = asked.is(at, &["from"]) && !asked.is(end, &["to", "until", "on", "onwards"]);
            let op = if from { "eq" } else { op };
            if let Some(year) = columns::year_column(asked.known) {
                let column = year.name.clone();
                let value = match &period {
                    Period::Written(text) => {
                        text.parse::<i64>().map_or_else(|_| json!(text), |n| json!(n))
                    }
                    Period::Month(_) => return Err(asked.unclear("which column holds months")),
                };
                asked.take(at..end);
                asked.condition(Condition { column, op, value }, at..end);
                continue;
            }
            return Err(asked.unclear("which column the date is compared with"));
        };
        let name = column.name.clone();
        // "from 2021" is in that year; "from 2021-03-04" begins there.
        let open = asked.is(end, &["to", "until", "through", "till", "on", "onwards", "onward"]);
        let coarse = matches!(&period, Period::Written(text) if text.len() <= 7)
            || matches!(period, Period::Month(_));
        let from = asked.is(at, &["from"]) && coarse && !open;
        let op = if from { "eq" } else { op };
        let to = asked.tokens.get(end).is_some_and(|t| t.is(&["to", "until", "through", "till"]));
        let upto = if to && op == "gte" { period_at(asked, end + 1) } else { None };
        let condition = match (period, upto) {
            (Period::Written(from), Some((Period::Written(upto), last))) => {
                end = last;
                Condition { column: name, op: "between", value: json!([from, upto]) }
            }
            (Period::Written(text), None) => written(name, op, &text),
            (Period::Month(month), None) if op == "eq" && iso(column) => {
                Condition { column: name, op: "contains", value: json!(format!("-{month:02}-")) }
            }
            (Period::Month(month), None) if op == "eq" && pointed(column) => {
                Condition { column: name, op: "contains", value: json!(format!(".{month:02}.")) }
            }
            _ => return Err(asked.unclear("which year is meant")),
        };
        asked.take(at..end);
        asked.condition(condition, at..end);
    }
    weekdays(asked);
    between(asked)?;
    bare(asked)
}

/// "between January and March 2025", "between 2019 and 2021" where a column holds years.
fn between(asked: &mut Asked<'_>) -> Result<(), Unable> {
    for at in 0..asked.tokens.len() {
        if !asked.free(at, &["between", "from"]) {
            continue;
        }
        let Some((from, middle)) = period_at(asked, at + 1) else { continue };
        if !asked.is(middle, &["and", "to", "until", "through", "till"]) {
            continue;
        }
        let Some((upto, end)) = period_at(asked, middle + 1) else { continue };
        let (from, upto) = match (from, upto) {
            (Period::Written(from), Period::Written(upto)) => (from, upto),
            // "January to March 2025": the year is said once.
            (Period::Month(month), Period::Written(upto)) if upto.len() >= 7 => {
                (format!("{}-{month:02}", &upto[..4]), upto)
            }
            _ => return Err(asked.unclear("which year is meant")),
        };
        let (column, value) = dated(asked, &from, &upto)?;
        asked.take(at..end);
        asked.condition(Condition { column, op: "between", value }, at..end);
    }
    Ok(())
}

/// "grow from January to February 2025", "change between 2024 and 2025": the two that are held
/// against each other, and not what lies between them.
fn grown(asked: &mut Asked<'_>) -> Result<(), Unable> {
    for at in 0..asked.tokens.len() {
        if !asked.free(at, &["between", "from", "in"]) {
            continue;
        }
        let Some((first, middle)) = period_at(asked, at + 1) else { continue };
        if asked.is(middle, &["and", "to", "until"]) && side_by_side(asked, at, &first, middle)? {
            return Ok(());
        }
    }
    Ok(())
}

/// The column that a stretch is of: dates, or years as figures.
fn dated(asked: &Asked<'_>, from: &str, upto: &str) -> Result<(String, serde_json::Value), Unable> {
    if let Some(column) = asked.dates() {
        return Ok((column.name.clone(), json!([from, upto])));
    }
    let year = columns::year_column(asked.known);
    match (year, from.parse::<i64>(), upto.parse::<i64>()) {
        (Some(year), Ok(from), Ok(upto)) => Ok((year.name.clone(), json!([from, upto]))),
        _ => Err(asked.unclear("which column the date is compared with")),
    }
}

/// A year, a month with its year or a day that stands alone: "March 2025 revenue", "2024 orders".
fn bare(asked: &mut Asked<'_>) -> Result<(), Unable> {
    for at in 0..asked.tokens.len() {
        if asked.used[at] || asked.column_at(at).is_some() {
            continue;
        }
        let Some((period @ Period::Written(_), end)) = period_at(asked, at) else { continue };
        // "top 2000 orders": a count is no year; nor is what a comparison takes.
        let counted = asked.tokens[at].text.len() == 4
            && (at > 0
                && asked.is(
                    at - 1,
                    &[
                        "top", "first", "last", "than", "over", "above", "below", "under", "least",
                        "most", "limit",
                    ],
                ));
        if counted || end == at || asked.dates().is_none() {
            continue;
        }
        if side_by_side(asked, at, &period, end)? {
            continue;
        }
        let Period::Written(text) = period else { continue };
        let column = asked.dates().map(|c| c.name.clone()).unwrap_or_default();
        asked.take(at..end);
        let condition = written(column, "eq", &text);
        asked.condition(condition, at..end);
    }
    Ok(())
}

/// "January 2025 and February 2025", "2024 vs 2025": each stretch has a figure of its own.
fn side_by_side(
    asked: &mut Asked<'_>,
    at: usize,
    period: &Period,
    end: usize,
) -> Result<bool, Unable> {
    let joined = asked.is(end, &["and", "vs", "versus", "with", "or", "to"])
        || asked.tokens.get(end).is_some_and(|t| t.text == ",");
    if !joined {
        return Ok(false);
    }
    let mut next = end + 1;
    while asked.is(next, &["in", "of", "that", "the", "with"]) {
        next += 1;
    }
    let Some((second, end)) = period_at(asked, next) else { return Ok(false) };
    let (first, second) = match (period, second) {
        (Period::Written(first), Period::Written(second)) => (first.clone(), second),
        (Period::Month(month), Period::Written(second)) if second.len() == 7 => {
            (format!("{}-{month:02}", &second[..4]), second)
        }
        _ => return Err(asked.unclear("which years are meant")),
    };
    let Some(column) = asked.dates().map(|c| c.name.clone()) else {
        return Err(asked.unclear("which column the dates are compared with"));
    };
    let unit = match (first.len(), second.len()) {
        (4, 4) => "year",
        (7, 7) => "month",
        (7, 6) | (6, 7) => {
            return Err(asked.unclear("stretches of which length are set side by side"));
        }
        (10, 10) => "day",
        _ => return Err(asked.unclear("stretches of which length are set side by side")),
    };
    asked.take(at..end);
    for i in 0..asked.tokens.len() {
        if asked.free(i, &["compare", "comparison", "versus", "vs", "contrast"]) {
            asked.used[i] = true;
        }
    }
    let compares = asked.query.change
        || asked.clause.has(&["compare", "comparison", "versus", "vs", "contrast", "difference"])
        || asked.tokens.iter().any(|t| t.low == "or");
    if compares {
        asked.group(super::question::Group { column: column.clone(), unit: Some(unit) });
    }
    asked.condition(Condition { column, op: "in", value: json!([first, second]) }, at..end);
    Ok(true)
}

/// "on weekends", "on Mondays", "on weekdays": days that every week has.
fn weekdays(asked: &mut Asked<'_>) {
    const DAYS: [&str; 7] =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let Some(column) = asked.dates().map(|c| c.name.clone()) else { return };
    for at in 0..asked.tokens.len() {
        if asked.used[at] || asked.mentions.iter().any(|m| m.range.contains(&at)) {
            continue;
        }
        let on = at > 0 && asked.is(at - 1, &["on", "during", "at", "the", "over"]);
        let low = asked.tokens[at].low.as_str();
        let day = DAYS.iter().position(|d| low.trim_end_matches('s').eq_ignore_ascii_case(d));
        let days = match (low, day) {
            ("weekend" | "weekends", _) => &DAYS[5..],
            ("weekdays" | "workdays", _) if on => &DAYS[..5],
            (_, Some(day)) => &DAYS[day..=day],
            _ => continue,
        };
        let from = if on { at - 1 } else { at };
        asked.take(from..at + 1);
        let condition = Condition { column: column.clone(), op: "on_weekday", value: json!(days) };
        asked.condition(condition, from..at + 1);
    }
}

/// `31.12.2024`, always with two digits of the month.
fn pointed(column: &Column) -> bool {
    column.values.iter().all(|v| {
        let mut parts = v.split('.');
        parts.next().is_some_and(|day| day.len() <= 2)
            && parts.next().is_some_and(|month| month.len() == 2)
    })
}

fn iso(column: &Column) -> bool {
    column
        .values
        .iter()
        .all(|v| v.len() >= 10 && v.as_bytes()[4] == b'-' && v.as_bytes()[7] == b'-')
}

/// A stretch of time: as it is written in dates, or a month of any year.
#[derive(Debug, PartialEq)]
enum Period {
    Written(String),
    Month(u32),
}

impl serde::Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Written(text) => text.serialize(serializer),
            Self::Month(month) => month.serialize(serializer),
        }
    }
}

/// The period that the tokens at `at` name, and where it ends.
fn period_at(asked: &Asked<'_>, mut at: usize) -> Option<(Period, usize)> {
    while asked.tokens.get(at).is_some_and(|t| t.is(&["the", "year", "month", "of", "in"])) {
        at += 1;
    }
    if let Some(found) = quarter(asked, at) {
        return Some(found);
    }
    let token = asked.tokens.get(at).filter(|_| !asked.used[at])?;
    let year = |t: &Token| match t.kind {
        Kind::Number(n)
            if (1900.0..2100.0).contains(&n) && n.fract() == 0.0 && t.text.len() == 4 =>
        {
            Some(n)
        }
        _ => None,
    };
    // A time of day alone is no period.
    if token.kind == Kind::Date && (!token.text.contains(':') || token.text.len() > 8) {
        return Some((Period::Written(token.text.replace('/', "-")), at + 1));
    }
    if let Some(year) = year(token) {
        return Some((Period::Written(format!("{year}")), at + 1));
    }
    let month = words::month(&token.low).filter(|_| {
        let dated = asked.tokens.get(at + 1).and_then(year).is_some();
        token.kind == Kind::Word
            && (token.text.starts_with(char::is_uppercase) || token.low.len() > 5 || dated)
    })?;
    // "5 March 2024" and "March 5, 2024" are rarer; a day is only read in ISO form.
    let mut next = at + 1;
    if asked.tokens.get(next).is_some_and(|t| t.text == "," || t.is(&["of"])) {
        next += 1;
    }
    match asked.tokens.get(next).and_then(year) {
        Some(year) => Some((Period::Written(format!("{year}-{month:02}")), next + 1)),
        None => Some((Period::Month(month), at + 1)),
    }
}

/// A condition on a stretch; a quarter is from its first month to its last.
fn written(column: String, op: &'static str, text: &str) -> Condition {
    let Some((year, quarter)) = text.split_once("-Q") else {
        return Condition { column, op, value: json!(text) };
    };
    let last = 3 * quarter.parse::<u32>().unwrap_or(1);
    let (from, upto) = (format!("{year}-{:02}", last - 2), format!("{year}-{last:02}"));
    match op {
        "eq" => Condition { column, op: "between", value: json!([from, upto]) },
        "lt" | "gte" => Condition { column, op, value: json!(from) },
        _ => Condition { column, op, value: json!(upto) },
    }
}

/// "the first quarter of 2025", "Q1 2025": three months, as a stretch of one value is not.
fn quarter(asked: &Asked<'_>, at: usize) -> Option<(Period, usize)> {
    const NAMES: [&[&str]; 4] = [
        &["first", "1st", "q1"],
        &["second", "2nd", "q2"],
        &["third", "3rd", "q3"],
        &["fourth", "last", "4th", "q4"],
    ];
    let token = asked.tokens.get(at).filter(|_| !asked.used[at])?;
    let n = NAMES.iter().position(|words| words.contains(&token.low.as_str()))?;
    let mut end = at + 1;
    if !token.low.starts_with('q') {
        if !asked.is(end, &["quarter"]) {
            return None;
        }
        end += 1;
    }
    while asked.is(end, &["of", "in", "the", "year"])
        || asked.tokens.get(end).is_some_and(|t| t.text == ",")
    {
        end += 1;
    }
    let year = asked.tokens.get(end).and_then(|t| match t.kind {
        Kind::Number(n) if (1900.0..2100.0).contains(&n) && t.text.len() == 4 => {
            Some(t.text.clone())
        }
        _ => None,
    })?;
    Some((Period::Written(format!("{year}-Q{}", n + 1)), end + 1))
}
