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
        let Some(column) = columns::date_column(asked.known) else {
            if let Some(year) =
                asked.known.columns.iter().find(|c| c.name.eq_ignore_ascii_case("year"))
            {
                asked.query.conditions.push(Condition {
                    column: year.name.clone(),
                    op,
                    value: json!(period),
                });
                asked.take(at..end);
                continue;
            }
            return Err(asked.unclear("which column the date is compared with"));
        };
        let name = column.name.clone();
        let to = asked.tokens.get(end).is_some_and(|t| t.is(&["to", "until", "through", "till"]));
        let upto = if to && op == "gte" { period_at(asked, end + 1) } else { None };
        let condition = match (period, upto) {
            (Period::Written(from), Some((Period::Written(upto), last))) => {
                end = last;
                Condition { column: name, op: "between", value: json!([from, upto]) }
            }
            (Period::Written(text), None) => Condition { column: name, op, value: json!(text) },
            (Period::Month(month), None) if op == "eq" && iso(column) => {
                Condition { column: name, op: "contains", value: json!(format!("-{month:02}-")) }
            }
            _ => return Err(asked.unclear("which year is meant")),
        };
        asked.take(at..end);
        asked.query.conditions.push(condition);
    }
    Ok(())
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
    while asked.tokens.get(at).is_some_and(|t| t.is(&["the", "year", "month", "of"])) {
        at += 1;
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
        token.kind == Kind::Word && token.text.starts_with(char::is_uppercase)
            || token.low.len() > 5
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
