//! Which column a comparison is about: the one that is named beside it, or the one that its words
//! or its unit speak of.

use super::{
    asked::Asked,
    columns::{self, Mention},
    sniff::Holds,
    unable::Unable,
    words::Kind,
};

type Placed = (String, Option<std::ops::Range<usize>>);

/// The column that a comparison is about, and the words that name it. A loose `is` needs its
/// column beside it and is no comparison otherwise.
pub(super) fn column_for(
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
        let figures = |c: &super::sniff::Column| {
            c.holds == Holds::Numbers
                || m.exact && c.values.iter().any(|v| super::words::number(v).is_some())
        };
        match (date, loose) {
            (true, _) => m.column.holds == Holds::Dates,
            (false, true) => m.column.holds != Holds::Dates,
            // Names are neither above nor below a figure.
            (false, false) => m.column.holds != Holds::Dates && figures(m.column),
        }
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
    // "rated at least 7", "people", "longer than": a word beside that is not its name.
    let named = [end, before.wrapping_sub(1)].into_iter().find_map(|i| {
        let column = asked.column_of(i)?;
        (column.holds == Holds::Numbers
            && (!columns::identifies(column) || asked.column_at(i).is_some_and(|m| m.exact)))
        .then(|| (column.name.clone(), Some(i..i + 1)))
    });
    if named.is_some() {
        return Ok(named);
    }
    if let Some(column) = columns::of_comparison(&asked.tokens[at], asked.known) {
        return Ok(Some((column.name.clone(), None)));
    }
    if asked.is(at, &["newer", "later", "earlier", "sooner"])
        && let Some(column) = columns::date_column(asked.known)
    {
        return Ok(Some((column.name.clone(), None)));
    }
    if let Some(column) = unit_column(asked, end) {
        return Ok(Some((column, None)));
    }
    // "price over 5" with a word for the column that is not its name.
    if before > 0
        && let Some(column) = columns::synonym(&asked.tokens[before - 1], asked.known)
            .filter(|c| c.holds == Holds::Numbers)
    {
        return Ok(Some((column.name.clone(), Some(before - 1..before))));
    }
    // "more than 8 whistles": a noun that is no column must not be passed over.
    if let Some(noun) = asked.tokens.get(end).filter(|t| {
        t.kind == Kind::Word
            && !asked.used[end]
            && !t.is(super::lexicon::STOP)
            && !t.is(super::lexicon::POLITE)
            && !asked.known.names().iter().any(|n| super::words::stem(n) == t.stem)
            && asked.column_at(end).is_none()
            && !t.is(&[
                "order",
                "sale",
                "each",
                "descending",
                "ascending",
                "sorted",
                "count",
                "but",
            ])
            && !super::sniff::split_words(&asked.known.info.name).contains(&t.low)
    }) {
        return Err(asked.unclear(&format!("which column “{}” is", noun.text)));
    }
    let column = columns::the_measure(asked.known)
        .ok_or_else(|| asked.unclear("which column is compared"))?;
    Ok(Some((column.name.clone(), None)))
}

/// "longer than 120 minutes": the unit names the column.
fn unit_column(asked: &Asked<'_>, end: usize) -> Option<String> {
    let last = end.checked_sub(1)?;
    if let Some(column) = asked.column_of(last).filter(|c| c.holds == Holds::Numbers) {
        return Some(column.name.clone());
    }
    let unit = asked.tokens.get(last)?;
    let column = asked.known.columns.iter().find(|c| {
        c.holds == Holds::Numbers
            && super::sniff::split_words(&c.name).iter().any(|w| super::words::stem(w) == unit.stem)
    })?;
    Some(column.name.clone())
}
