//! Conditions on groups: how many rows they have, what is computed of them.

use super::{
    asked::Asked,
    columns,
    question::{Condition, Group, Measure},
    sniff::Holds,
    unable::Unable,
};
use serde_json::Value;

/// "customers with more than 3 orders": a condition on how many rows a group has. Returns where it
/// ends, when it is one.
pub(super) fn of_groups(
    asked: &mut Asked<'_>,
    at: usize,
    end: usize,
    op: &'static str,
    value: &Value,
) -> Result<Option<usize>, Unable> {
    let Some(noun) = asked.tokens.get(end).filter(|_| !asked.used[end]) else { return Ok(None) };
    let row_id = asked.column_at(end).is_some_and(|m| !m.exact && columns::identifies(m.column));
    let rows = row_id || asked.column_at(end).is_none() && asked.names_rows(noun);
    let each = asked
        .mentions
        .iter()
        .any(|m| m.value.is_none() && m.exact && m.column.repeats && m.range.end <= at);
    let rows = rows && each;
    let compares = !matches!(op, "eq") || asked.tokens[at].is(&["exactly"]);
    if !rows || !compares {
        return Ok(None);
    }
    let entity = asked.mentions.iter().rfind(|m| {
        m.value.is_none() && m.exact && m.range.end <= at && m.column.holds == Holds::Words
    });
    // "between 10 and 20 items": without somebody who has them they are no rows.
    let Some(entity) = entity.cloned() else { return Ok(None) };
    let verbs = ["with", "having", "have", "has", "had", "that", "who", "which", "placed", "made"];
    for i in entity.range.end..at {
        asked.used[i] |= asked.tokens[i].is(&verbs);
    }
    asked.take(entity.range.clone());
    asked.take(at..end + 1);
    let query = &mut asked.query;
    query.groups.push(Group { column: entity.column.name.clone(), unit: None });
    query.measures.push(Measure::new("count", None));
    query.having.push(Condition { column: "count".into(), op, value: value.clone() });
    Ok(Some(end + 1))
}

/// "cities with a total revenue above 2000": a condition on what is computed of each group.
pub(super) fn of_totals(
    asked: &mut Asked<'_>,
    at: usize,
    end: usize,
    op: &'static str,
    value: &Value,
) -> Option<usize> {
    let measure = (0..at).rev().take(4).find_map(|i| {
        let what = [
            (&["total", "sum", "combined", "overall"][..], "sum"),
            (&["average", "avg", "mean"][..], "avg"),
            (&["median"][..], "median"),
        ];
        let exact = asked.column_at(i).is_some_and(|m| m.exact);
        let found = what.iter().find(|(words, _)| asked.is(i, words) && !exact)?;
        let mut column = i + 1;
        while asked.is(column, &["of", "the"]) {
            column += 1;
        }
        let column = asked.column_of(column).filter(|c| c.holds == Holds::Numbers)?;
        Some((i, found.1, column.name.clone()))
    });
    let (from, what, column) = measure?;
    let entity = asked.mentions.iter().find(|m| {
        m.value.is_none()
            && m.exact
            && m.range.end <= from
            && m.column.repeats
            && m.column.holds == Holds::Words
    });
    let entity = entity.cloned()?;
    asked.take(entity.range.clone());
    asked.take(from..end);
    for i in entity.range.end..from {
        asked.used[i] |= asked.tokens[i].is(&["with", "having", "have", "has", "had", "that", "a"]);
    }
    asked.group(Group { column: entity.column.name.clone(), unit: None });
    asked.query.having.push(Condition {
        column: format!("{what}_{column}"),
        op,
        value: value.clone(),
    });
    asked.query.measures.push(Measure::new(what, Some(column)));
    Some(end)
}
