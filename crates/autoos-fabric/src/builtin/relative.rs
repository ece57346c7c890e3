//! What is measured by the data itself: "above average", "in the last 24 hours", "the second
//! highest", "growth from January to February".
//!
//! The rules know no present: what came last is counted back from the last moment of the data, and
//! the answer says so. Left out, and asked back about: the last week or month as a calendar has it,
//! an average of which it is open of what, the growth of several figures at once.

use super::{
    asked::Asked,
    columns, decides,
    question::{Condition, Group, Measure},
    sniff::Holds,
    unable::Unable,
    words::Kind,
};
use serde_json::{Value, json};

const PLACES: [&str; 10] =
    ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
const GROWS: &[&str] = &[
    "growth",
    "grow",
    "grew",
    "grown",
    "increase",
    "increased",
    "decrease",
    "decreased",
    "change",
    "changed",
    "rise",
    "rose",
    "fall",
    "fell",
    "drop",
    "dropped",
    "decline",
    "declined",
];
const UNITS: [&str; 8] = ["minute", "hour", "day", "week", "month", "quarter", "year", "weekday"];

/// Reads what stands before conditions and dates, which use the same words.
pub(super) fn read(asked: &mut Asked<'_>) -> Result<(), Unable> {
    last(asked)?;
    growth(asked);
    averages(asked)
}

/// "in the last hour", "over the past 7 days".
fn last(asked: &mut Asked<'_>) -> Result<(), Unable> {
    for at in 0..asked.tokens.len() {
        if !asked.free(at, &["last", "past", "final"]) {
            continue;
        }
        let (n, unit_at) = match asked.tokens.get(at + 1).map(|t| &t.kind) {
            Some(Kind::Number(n)) => (*n, at + 2),
            _ => (1.0, at + 1),
        };
        let Some(unit) =
            asked.tokens.get(unit_at).and_then(|t| UNITS.into_iter().find(|u| t.is(&[u])))
        else {
            continue;
        };
        // "The last week" of a table with a column `week` may be its last value, or seven days.
        let named = unit_at == at + 1 && asked.column_at(unit_at).is_some_and(|m| m.exact);
        if named {
            return Err(asked.unclear(&format!(
                "whether the last value of `{unit}` is meant or a {unit} back from the end"
            )));
        }
        let calendar = ["month", "quarter", "year", "weekday"].contains(&unit)
            || unit == "week" && unit_at == at + 1 && asked.is(at, &["last"]);
        if calendar || !(1.0..=10_000.0).contains(&n) || n.fract() != 0.0 {
            return Err(asked.unclear(&format!(
                "which {unit} is meant: the rules know no present and count back minutes, hours, \
                 days and weeks from the end of the data; months and years are given by name"
            )));
        }
        let column = asked.dates().map(|c| c.name.clone());
        let column = column.ok_or_else(|| asked.unclear("which column says when that was"))?;
        let mut from = at;
        while from > 0
            && asked.is(from - 1, &["the", "in", "over", "during", "within", "of", "for", "from"])
        {
            from -= 1;
        }
        asked.take(from..unit_at + 1);
        let value = json!({"n": super::asked::whole(n), "unit": unit});
        asked.condition(Condition { column, op: "within_last", value }, from..unit_at + 1);
    }
    Ok(())
}

/// "revenue growth by month", "month over month", "how much did it grow".
fn growth(asked: &mut Asked<'_>) {
    for at in 0..asked.tokens.len() {
        let own = asked.mentions.iter().any(|m| m.exact && m.range.contains(&at));
        if !own && asked.free(at, GROWS) {
            asked.used[at] = true;
            asked.query.change = true;
        }
        let over = asked.is(at + 1, &["over", "on", "to", "by"]);
        let unit =
            |i: usize| asked.tokens.get(i).and_then(|t| UNITS.into_iter().find(|u| t.is(&[u])));
        if over
            && let (Some(first), Some(second)) = (unit(at), unit(at + 2))
            && first == second
            && let Some((unit, column)) = asked.stretch(at)
        {
            asked.take(at..at + 3);
            asked.group(Group { column, unit: Some(unit) });
            asked.query.change = true;
        }
    }
}

/// "above average", "salary below the average", "higher than the average price".
fn averages(asked: &mut Asked<'_>) -> Result<(), Unable> {
    for at in 0..asked.tokens.len() {
        let word = ["average", "avg", "mean"];
        if !asked.free(at, &word) || asked.column_at(at).is_some_and(|m| m.exact) {
            continue;
        }
        let mut from = at;
        while from > 0 && asked.is(from - 1, &["the", "an", "a", "overall"]) {
            from -= 1;
        }
        let Some((op, start)) = compared(asked, from) else { continue };
        let mut end = at + 1;
        // "above the average salary", "earn more than average", "salary is above average".
        let next = asked.column_of(end).filter(|c| figures(c)).map(|c| c.name.clone());
        let column = match next {
            Some(column) => {
                end = asked.column_at(end).map_or(end + 1, |m| m.range.end);
                column
            }
            None => before(asked, start)
                .ok_or_else(|| asked.unclear("which column is compared with its average"))?,
        };
        if asked.is(end, &["of", "for", "in", "per", "by", "within"]) {
            return Err(asked.unclear("of which rows the average is: it is taken over all of them"));
        }
        let place = start..end;
        asked.take(place.clone());
        match entity(asked, start) {
            Some((range, _)) if decides::rate_like(&column) => {
                asked.take(range);
                return Err(asked.unclear("whether rows or groups are held against the average"));
            }
            Some((range, name)) => {
                asked.take(range);
                asked.group(Group { column: name, unit: None });
                let name = format!("sum_{column}");
                asked.query.measures.push(Measure::new("sum", Some(column)));
                let having = Condition { column: name, op, value: Value::Null };
                asked.query.having.push(having);
            }
            None => asked.condition(Condition { column, op, value: Value::Null }, place),
        }
    }
    Ok(())
}

/// The comparison before the token at `end`: its operator and where it begins.
fn compared(asked: &Asked<'_>, end: usize) -> Option<(&'static str, usize)> {
    let last = end.checked_sub(1)?;
    let (above, below) = ("above_average", "below_average");
    let no = |at: usize| at > 0 && asked.is(at - 1, &["not", "no"]);
    let found = if asked.is(last, &["above", "over", "exceed", "exceeding", "exceeds", "beyond"]) {
        (above, last)
    } else if asked.is(last, &["below", "under"]) {
        (below, last)
    } else if asked.is(last, &["than"]) && last > 0 {
        if asked.is(last - 1, super::conditions::BIGGER) {
            (above, last - 1)
        } else if asked.is(last - 1, super::conditions::SMALLER) {
            (below, last - 1)
        } else {
            return None;
        }
    } else {
        return None;
    };
    // "Not above" holds the average itself too; that is not read.
    (!no(found.1)).then_some(found)
}

fn figures(column: &super::sniff::Column) -> bool {
    column.holds == Holds::Numbers && !columns::identifies(column)
}

/// The column of figures that is named just before, which is then used.
fn before(asked: &mut Asked<'_>, start: usize) -> Option<String> {
    let mut at = start;
    let between = ["is", "are", "was", "were", "has", "have", "had", "that", "which", "being", "a"];
    while at > 0 && asked.is(at - 1, &between) && asked.column_at(at - 1).is_none() {
        at -= 1;
    }
    let mention = asked.mentions.iter().find(|m| m.value.is_none() && m.range.end == at).cloned();
    if let Some(m) = mention.filter(|m| figures(m.column) && !asked.used[m.range.start]) {
        asked.take(m.range.clone());
        return Some(m.column.name.clone());
    }
    let word = at.checked_sub(1)?;
    let name = asked.column_of(word).filter(|c| figures(c)).map(|c| c.name.clone())?;
    asked.used[word] = true;
    Some(name)
}

/// "which products have": values of a column that several rows share are compared as groups.
fn entity(asked: &Asked<'_>, upto: usize) -> Option<(std::ops::Range<usize>, String)> {
    let lead = (0..upto).find(|i| asked.is(*i, &["which", "what", "list", "show", "name"]))?;
    let mention = asked.mentions.iter().find(|m| {
        m.value.is_none()
            && m.range.start > lead
            && m.range.start <= lead + 2
            && m.range.end <= upto
    })?;
    let groups = mention.column.repeats
        && mention.column.holds == Holds::Words
        && !asked.names_rows(&asked.tokens[mention.range.start]);
    groups.then(|| (mention.range.clone(), mention.column.name.clone()))
}

/// "second", "3rd" before a superlative: the place that is wanted, and the tokens that say it.
pub(super) fn ordinal(
    asked: &Asked<'_>,
    superlative: usize,
) -> Option<(u64, std::ops::Range<usize>)> {
    let at = superlative.checked_sub(1)?;
    let low = asked.tokens[at].low.as_str();
    if let Some(n) = PLACES.iter().position(|word| *word == low) {
        return Some((n as u64 + 1, at..superlative));
    }
    let digits = low.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let ends = ["st", "nd", "rd", "th"];
    if let Some(n) = digits
        .parse()
        .ok()
        .filter(|n| (1..=100).contains(n) && ends.iter().any(|e| low.ends_with(e)))
    {
        return Some((n, at..superlative));
    }
    let number = at.checked_sub(1).filter(|_| ends.contains(&low))?;
    match asked.tokens[number].kind {
        Kind::Number(n) if (1.0..=100.0).contains(&n) && n.fract() == 0.0 => {
            Some((super::asked::whole(n), number..superlative))
        }
        _ => None,
    }
}

/// Holds what was read against the rest of the question.
pub(super) fn settle(asked: &mut Asked<'_>) -> Result<(), Unable> {
    let averages = |c: &Condition| c.op.ends_with("_average");
    let all = &asked.query.conditions;
    if all.iter().any(averages) && (all.len() > 1 || !asked.query.any.is_empty()) {
        return Err(
            asked.unclear("of which rows the average is: of all, or of those that meet the rest")
        );
    }
    if asked.query.having.iter().any(averages) && !all.is_empty() {
        return Err(asked.unclear("of which groups the average is"));
    }
    if asked.query.place.is_some() {
        let ordered = asked.query.order.is_some() && asked.query.per.is_none();
        if !ordered || asked.query.limit.is_some_and(|n| n > 1) {
            return Err(asked.unclear("who comes after the first, and of what order"));
        }
        asked.query.limit = None;
    }
    if asked.query.change {
        let stretches = matches!(asked.query.groups.as_slice(), [one] if one.unit.is_some_and(|u| u != "weekday"));
        let plain = asked.query.order.is_none()
            && asked.query.limit.is_none()
            && asked.query.per.is_none()
            && asked.query.measures.len() == 1;
        if !stretches || !plain {
            return Err(asked.unclear(
                "what grew from which stretch of time to which: name one figure, and two stretches \
                 or “per month”",
            ));
        }
    }
    Ok(())
}
