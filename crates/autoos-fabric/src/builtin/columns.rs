//! Which columns and values the words of a question name.

use super::{
    sniff::{Column, Holds, Known, split_words},
    words::{self, Kind, Token},
};
use std::ops::Range;

/// Words that name a column, or a value seen in one.
#[derive(Debug, Clone)]
pub(super) struct Mention<'a> {
    /// The tokens.
    pub(super) range: Range<usize>,
    /// The column.
    pub(super) column: &'a Column,
    /// The value, as the table writes it, when a value was named.
    pub(super) value: Option<String>,
    /// Whether the column's whole name was said, rather than a word of it.
    pub(super) exact: bool,
}

/// Everything in `tokens` that names a column or a value, the longest first where they overlap.
pub(super) fn mentions<'a>(tokens: &[Token], known: &'a Known<'_>) -> Vec<Mention<'a>> {
    let mut out: Vec<Mention<'a>> = Vec::new();
    let mut taken = vec![false; tokens.len()];
    for (width, exact) in [(4, true), (3, true), (2, true), (1, true), (1, false)] {
        for start in 0..tokens.len().saturating_sub(width - 1) {
            let range = start..start + width;
            if taken[range.clone()].iter().any(|t| *t) {
                continue;
            }
            let slice = &tokens[range.clone()];
            let found = if exact {
                by_name(slice, known).map(|c| (c, None)).or_else(|| by_value(tokens, &range, known))
            } else {
                by_part(&slice[0], known).map(|c| (c, None))
            };
            if let Some((column, value)) = found {
                taken[range.clone()].fill(true);
                out.push(Mention { range, column, value, exact });
            }
        }
    }
    out.sort_by_key(|m| m.range.start);
    out
}

fn sayable(token: &Token) -> bool {
    matches!(token.kind, Kind::Word | Kind::Quoted | Kind::Path)
}

fn by_name<'a>(tokens: &[Token], known: &'a Known<'_>) -> Option<&'a Column> {
    if !tokens.iter().all(sayable) {
        return None;
    }
    let said: Vec<String> =
        tokens.iter().flat_map(|t| split_words(&t.low)).map(|w| words::stem(&w)).collect();
    let exact = known
        .columns
        .iter()
        .find(|c| tokens.len() == 1 && c.name.eq_ignore_ascii_case(&tokens[0].text));
    exact.or_else(|| {
        known.columns.iter().find(|c| {
            let name: Vec<String> = split_words(&c.name).iter().map(|w| words::stem(w)).collect();
            !name.is_empty() && (name == said || name.concat() == said.concat())
        })
    })
}

/// A value that stands in the head, whole: "failed", "New York", 'A-17'.
fn by_value<'a>(
    tokens: &[Token],
    range: &Range<usize>,
    known: &'a Known<'_>,
) -> Option<(&'a Column, Option<String>)> {
    let slice = &tokens[range.clone()];
    if !slice.iter().all(|t| sayable(t) && t.text.len() > 1) {
        return None;
    }
    let said = slice.iter().map(|t| t.text.as_str()).collect::<Vec<_>>().join(" ");
    if slice.len() == 1
        && slice[0].kind == Kind::Word
        && super::lexicon::STOP.contains(&slice[0].low.as_str())
    {
        return None;
    }
    let strict = |c: &&Column| c.values.iter().any(|v| v.eq_ignore_ascii_case(&said));
    let loose = |v: &String| {
        slice.len() == 1
            && slice[0].kind == Kind::Word
            && !v.contains(' ')
            && words::stem(&v.to_lowercase()) == slice[0].stem
    };
    let holds = |c: &&'a Column| c.holds == Holds::Words;
    let mut columns: Vec<&'a Column> = known.columns.iter().filter(holds).filter(strict).collect();
    if columns.is_empty() {
        columns =
            known.columns.iter().filter(holds).filter(|c| c.values.iter().any(loose)).collect();
    }
    // The same value in two columns is left for a column said beside it.
    let beside = |c: &&&Column| {
        let near = range.start.saturating_sub(3)..(range.end + 2).min(tokens.len());
        near.clone().any(|i| {
            !range.contains(&i) && by_name(&tokens[i..=i], known).is_some_and(|n| n.name == c.name)
        })
    };
    let column = match columns.as_slice() {
        [one] => *one,
        several => *several.iter().find(beside)?,
    };
    let value = column
        .values
        .iter()
        .find(|v| v.eq_ignore_ascii_case(&said))
        .or_else(|| column.values.iter().find(|v| loose(v)))?;
    Some((column, Some(value.clone())))
}

/// A word that is part of exactly one column's name: "price" for `unit_price`.
fn by_part<'a>(token: &Token, known: &'a Known<'_>) -> Option<&'a Column> {
    const WEAK: &[&str] = &[
        "id", "name", "no", "number", "is", "of", "the", "in", "at", "by", "per", "total", "count",
        "average", "has", "how", "many", "what", "which",
    ];
    if token.kind != Kind::Word
        || token.low.len() < 3
        || WEAK.contains(&token.low.as_str())
        || super::lexicon::STOP.contains(&token.low.as_str())
    {
        return None;
    }
    let has = |c: &&Column| split_words(&c.name).iter().any(|w| words::stem(w) == token.stem);
    let found: Vec<&Column> = known.columns.iter().filter(has).collect();
    match found.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// Whether a column tells rows apart rather than measuring or sorting them.
pub(super) fn identifies(column: &Column) -> bool {
    let words = split_words(&column.name);
    let last = words.last().map_or("", String::as_str);
    let named = [
        "id", "uuid", "guid", "key", "no", "nr", "number", "index", "code", "zip", "postcode",
        "phone", "port", "pid",
    ]
    .contains(&last);
    named || ["year", "month", "day", "hour", "row"].contains(&column.name.to_lowercase().as_str())
}

/// Columns of figures that mean an amount.
pub(super) fn measurable<'a>(known: &'a Known<'_>) -> Vec<&'a Column> {
    known.columns.iter().filter(|c| c.holds == Holds::Numbers && !identifies(c)).collect()
}

/// The column that figures are of when a question names none: the only amount, or the only one
/// whose name says that it is the row's amount.
pub(super) fn the_measure<'a>(known: &'a Known<'_>) -> Option<&'a Column> {
    let all = measurable(known);
    if let [one] = all.as_slice() {
        return Some(one);
    }
    let amounts: Vec<&&Column> = all
        .iter()
        .filter(|c| says(c, &["amount", "total", "value", "revenue", "sum", "sales"]))
        .collect();
    match amounts.as_slice() {
        [one] => Some(**one),
        _ => None,
    }
}

fn says(column: &Column, names: &[&str]) -> bool {
    split_words(&column.name).iter().any(|w| names.iter().any(|n| words::stem(n) == words::stem(w)))
}

/// Another word for exactly one column.
pub(super) fn synonym<'a>(token: &Token, known: &'a Known<'_>) -> Option<&'a Column> {
    const SAME: [&[&str]; 9] = [
        &[
            "revenue", "sales", "turnover", "amount", "total", "income", "earnings", "value",
            "spend", "spent", "money",
        ],
        &["price", "cost", "fee", "charge", "rate"],
        &["quantity", "qty", "units", "pieces", "volume"],
        &["customer", "client", "buyer", "shopper"],
        &["city", "town", "place", "location"],
        &["salary", "pay", "wage", "compensation"],
        &["duration", "latency", "time", "elapsed", "ms", "seconds"],
        &["category", "type", "kind", "class"],
        &["date", "day", "when", "time", "timestamp"],
    ];
    let group = SAME.iter().find(|g| token.is(g) && known.columns.iter().any(|c| says(c, g)))?;
    let found: Vec<&Column> = known.columns.iter().filter(|c| says(c, group)).collect();
    match found.as_slice() {
        [one] => Some(*one),
        several => {
            let numbers: Vec<_> = several.iter().filter(|c| c.holds == Holds::Numbers).collect();
            if let [one] = numbers.as_slice() { Some(**one) } else { None }
        }
    }
}

/// The one column of dates.
pub(super) fn date_column<'a>(known: &'a Known<'_>) -> Option<&'a Column> {
    let found: Vec<&Column> = known.columns.iter().filter(|c| c.holds == Holds::Dates).collect();
    match found.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// "list the orders": `order_id` is not what is wanted of them.
pub(super) fn is_noun_for_rows(mention: &Mention<'_>) -> bool {
    !mention.exact && identifies(mention.column)
}
