//! What a superlative ranks: the column after "which" or "top 3", rows, or stretches of time.

use super::{
    asked::Asked,
    columns,
    question::Group,
    ranking::Found,
    sniff::{Column, Holds, split_words},
    words::Kind,
};

/// What is ranked.
pub(super) enum Subject<'a> {
    /// The values of a column that several rows share, or stretches of time.
    Groups,
    /// Rows, told apart by this column when there is one.
    Rows(Option<&'a Column>),
    /// Nothing was named: the figure itself is wanted.
    Figure,
}

/// What is ranked: the column after "which", "top 3" or the superlative; else rows; else nothing.
pub(super) fn subject<'a>(asked: &mut Asked<'a>, at: usize, found: &Found) -> Subject<'a> {
    if !asked.query.groups.is_empty() {
        // "best film of each genre": rows within groups, or the groups themselves.
        if let Some(row) = row_noun(asked, at, found.end) {
            if asked.column_of(row.start).is_none() {
                asked.take(row);
            }
            return Subject::Rows(identity(asked));
        }
        if let Some((range, column)) = entity(asked, at, found.end)
            && !asked.query.groups.iter().any(|g| g.column == column.name)
        {
            asked.take(range);
            if column.repeats {
                let column = column.name.clone();
                asked.query.per = Some((
                    asked.query.groups.iter().map(super::table_args::group_name).collect(),
                    found.limit.unwrap_or(1),
                ));
                asked.group(Group { column, unit: None });
                return Subject::Groups;
            }
            return Subject::Rows(Some(column));
        }
        return Subject::Groups;
    }
    let which = (0..asked.tokens.len()).find(|i| {
        asked.is(*i, &["which", "what", "when"])
            || *i > 0 && asked.is(*i, &["on"]) && asked.is(*i + 1, &["which"])
    });
    // "month with the highest revenue", without "which".
    let with =
        at.checked_sub(2).filter(|_| asked.is(at - 1, &["the"])).unwrap_or(at.saturating_sub(1));
    if which.is_none()
        && with > 0
        && asked.is(with, &["with"])
        && let Some((unit, column)) = asked.stretch(with - 1)
    {
        asked.used[with - 1] = true;
        asked.group(Group { column, unit: Some(unit) });
        return Subject::Groups;
    }
    let period = ["busiest", "best", "worst", "strongest", "weakest", "top"];
    if which.is_none()
        && period.contains(&found.low.as_str())
        && let Some((unit, column)) = asked.stretch(found.end)
    {
        asked.used[found.end] = true;
        asked.group(Group { column, unit: Some(unit) });
        return Subject::Groups;
    }
    if let Some(i) = which {
        let unit =
            (i + 1..(i + 3).min(asked.tokens.len())).find_map(|j| Some((j, asked.stretch(j)?)));
        if let Some((j, (unit, column))) = unit {
            asked.used[j] = true;
            // "on which day was the biggest order": the row says the day.
            let row = row_noun(asked, at, found.end);
            if let Some(row) = row.filter(|r| !asked.tokens[r.start].low.ends_with('s')) {
                asked.take(row);
                return Subject::Rows(None);
            }
            asked.group(Group { column, unit: Some(unit) });
            return Subject::Groups;
        }
    }
    // "who closed the most tickets": somebody is ranked, not what was closed.
    let who = asked.tokens.iter().any(|t| t.low == "who");
    if let Some(column) = columns::people(asked.known).filter(|c| who && c.repeats) {
        let said =
            asked.mentions.iter().find(|m| m.value.is_none() && m.column.name == column.name);
        if let Some(said) = said.cloned() {
            asked.take(said.range);
        }
        asked.group(Group { column: column.name.clone(), unit: None });
        return Subject::Groups;
    }
    if let Some((range, column)) = entity(asked, at, found.end) {
        asked.take(range);
        if column.repeats {
            asked.group(Group { column: column.name.clone(), unit: None });
            return Subject::Groups;
        }
        return Subject::Rows(Some(column));
    }
    if let Some(row) = row_noun(asked, at, found.end) {
        asked.take(row);
        return Subject::Rows(identity(asked));
    }
    if asked.tokens.iter().any(|t| t.low == "who") {
        if let Some(column) = columns::people(asked.known) {
            if column.repeats {
                asked.group(Group { column: column.name.clone(), unit: None });
                return Subject::Groups;
            }
            return Subject::Rows(Some(column));
        }
        return Subject::Rows(identity(asked));
    }
    if asked.clause.has(&["when", "where", "which"]) || found.limit.is_some() {
        return Subject::Rows(identity(asked));
    }
    Subject::Figure
}

/// The column that is ranked: said after "which", or beside the superlative.
fn entity<'a>(
    asked: &Asked<'a>,
    at: usize,
    end: usize,
) -> Option<(std::ops::Range<usize>, &'a Column)> {
    let lead =
        asked.tokens.iter().position(|t| t.is(&["which", "what", "whose"]) || t.low == "who");
    let wordy = |c: &Column| c.holds == Holds::Words || columns::identifies(c);
    let fits = |i: usize| {
        let mention = asked.column_at(i).filter(|m| {
            wordy(m.column) && (m.exact || m.column.repeats || !columns::identifies(m.column))
        });
        let by = i > 0 && asked.is(i - 1, &["by", "per", "each"]);
        mention.filter(|_| !by).map(|m| (m.range.clone(), m.column))
    };
    let near = |from: usize, upto: usize| (from..upto.min(asked.tokens.len())).find_map(fits);
    // "which shop", "the top 3 shops", "2 shops with the lowest"; then anywhere before, then after.
    lead.and_then(|l| near(l + 1, l + 3))
        .or_else(|| near(end, end + 2))
        .or_else(|| near(0, at))
        .or_else(|| near(end, asked.tokens.len()))
        .or_else(|| {
            let places = lead.map(|l| l + 1).into_iter().chain([end, at.wrapping_sub(1)]);
            places.filter(|i| *i < asked.tokens.len()).find_map(|i| {
                let column = asked
                    .column_of(i)
                    .filter(|c| c.holds == Holds::Words && asked.column_at(i).is_none())?;
                let rows = asked.names_rows(&asked.tokens[i]);
                (!rows).then_some((i..i + 1, column))
            })
        })
}

/// "order", "film", "person" beside a superlative or after "which".
fn row_noun(asked: &Asked<'_>, at: usize, end: usize) -> Option<std::ops::Range<usize>> {
    let lead = asked.tokens.iter().position(|t| t.is(&["which", "what"]));
    let noun = |i: usize| {
        let named = asked
            .tokens
            .get(i)
            .is_some_and(|t| t.kind == Kind::Word && (asked.names_rows(t) || earner(&t.low)));
        let id = asked.column_at(i).is_some_and(|m| !m.exact && columns::identifies(m.column));
        let figure =
            asked.column_at(i).is_some_and(|m| m.exact && m.column.holds == Holds::Numbers);
        ((named || id) && !figure).then_some(i..i + 1)
    };
    let mut places: Vec<usize> = lead.map(|l| l + 1).into_iter().collect();
    // Words that were read as conditions may stand between: "oldest open ticket".
    let mut next = end;
    while next < asked.tokens.len() && asked.used[next] {
        next += 1;
    }
    places.push(next);
    places.extend((0..at).rev().take(3));
    places.into_iter().filter(|i| *i < asked.tokens.len()).find_map(noun)
}

pub(super) fn earner(low: &str) -> bool {
    ["earner", "earners", "performer", "performers", "seller", "sellers", "spender", "spenders"]
        .contains(&low)
}

/// The column that tells rows apart by name.
pub(super) fn identity<'a>(asked: &Asked<'a>) -> Option<&'a Column> {
    let names = ["name", "title", "id", "ticket", "key"];
    let named =
        asked.known.columns.iter().find(|c| {
            !c.repeats && split_words(&c.name).iter().any(|w| names.contains(&w.as_str()))
        });
    named.or_else(|| {
        asked
            .known
            .columns
            .iter()
            .find(|c| !c.repeats && c.holds == Holds::Words && c.values.len() > 1)
    })
}
