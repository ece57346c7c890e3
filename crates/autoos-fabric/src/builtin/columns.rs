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
                called(slice, known)
                    .map(|c| (c, None))
                    .or_else(|| by_value(tokens, &range, known, true))
                    .or_else(|| by_name(slice, known).map(|c| (c, None)))
                    .or_else(|| by_value(tokens, &range, known, false))
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

/// The column whose name one token is, letter for letter.
fn called<'a>(tokens: &[Token], known: &'a Known<'_>) -> Option<&'a Column> {
    let [token] = tokens else { return None };
    let found = known.columns.iter().find(|c| c.name.eq_ignore_ascii_case(&token.text));
    found.filter(|_| sayable(token))
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
    whole: bool,
) -> Option<(&'a Column, Option<String>)> {
    let slice = &tokens[range.clone()];
    if !slice.iter().all(|t| sayable(t) && t.text.len() > 1) {
        return None;
    }
    let said = slice.iter().map(|t| t.text.as_str()).collect::<Vec<_>>().join(" ");
    let said = said.trim_end_matches("'s").trim_end_matches("’s").to_owned();
    if slice.len() == 1
        && slice[0].kind == Kind::Word
        && super::lexicon::STOP.contains(&slice[0].low.as_str())
    {
        return None;
    }
    // "in transit" for `in_transit`.
    let same = |v: &str| {
        v.eq_ignore_ascii_case(&said) || v.replace(['_', '-'], " ").eq_ignore_ascii_case(&said)
    };
    let strict = |c: &&Column| c.values.iter().any(|v| same(v));
    let loose = |v: &String| {
        slice.len() == 1
            && slice[0].kind == Kind::Word
            && !v.contains(' ')
            && (words::stem(&v.to_lowercase()) == slice[0].stem
                || of_place(&v.to_lowercase(), &slice[0].low))
    };
    let holds = |c: &&'a Column| c.holds == Holds::Words;
    let mut columns: Vec<&'a Column> = known.columns.iter().filter(holds).filter(strict).collect();
    if columns.is_empty() && !whole {
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
        .find(|v| same(v))
        .or_else(|| column.values.iter().find(|v| loose(v)))?;
    Some((column, Some(value.clone())))
}

/// "Asian" for Asia, "European" for Europe.
fn of_place(value: &str, word: &str) -> bool {
    let ends = ["n", "an", "ian", "ean"];
    value.len() > 3
        && ends.iter().any(|end| {
            word.strip_suffix(end).is_some_and(|rest| {
                rest == value || value.strip_suffix(['a', 'e', 'o']) == Some(rest)
            })
        })
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
    let has = |c: &&Column| {
        let pieces = c.name.split([' ', '_', '.', '-']).map(str::to_lowercase);
        split_words(&c.name).into_iter().chain(pieces).any(|w| words::stem(&w) == token.stem)
    };
    let found: Vec<&Column> = known.columns.iter().filter(has).collect();
    match found.as_slice() {
        [one] => Some(*one),
        // "device" for `device.id` beside `device.site`.
        several => {
            let ids: Vec<_> = several
                .iter()
                .filter(|c| {
                    let words = split_words(&c.name);
                    words.len() == 2
                        && words::stem(&words[0]) == token.stem
                        && ["id", "name", "key", "no"].contains(&words[1].as_str())
                })
                .collect();
            if let [one] = ids.as_slice() { Some(**one) } else { None }
        }
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

/// "members" where each row has a `member_id` of its own.
pub(super) fn told_apart(token: &Token, known: &Known<'_>) -> bool {
    token.kind == Kind::Word
        && known.columns.iter().any(|c| {
            let words = split_words(&c.name);
            !c.repeats && identifies(c) && words.len() == 2 && words::stem(&words[0]) == token.stem
        })
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
        .filter(|c| {
            says(c, &["amount", "total", "value", "revenue", "sum", "sales", "price", "cost"])
        })
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
    const SAME: [&[&str]; 20] = [
        &[
            "revenue", "sales", "turnover", "amount", "total", "income", "earnings", "value",
            "spend", "spent", "money", "proceeds", "takings", "spending",
        ],
        &["price", "cost", "fee", "charge", "expensive"],
        &["quantity", "qty", "units", "pieces", "volume", "items", "articles", "copies"],
        &["customer", "client", "buyer", "shopper"],
        &["city", "town", "place", "location"],
        &["salary", "pay", "paid", "wage", "compensation", "earn", "earner", "income"],
        &[
            "duration", "latency", "elapsed", "ms", "seconds", "minutes", "hours", "runtime",
            "length",
        ],
        &["category", "type", "kind", "class"],
        &["date", "day", "when", "time", "timestamp"],
        &["population", "people", "inhabitants", "residents"],
        &["ip", "ips", "address", "addresses", "host", "client", "visitor"],
        &["path", "url", "page", "endpoint", "uri", "route"],
        &["status", "code", "response"],
        &["bytes", "size", "traffic", "transferred"],
        &["level", "severity"],
        &["source", "component", "module", "logger", "service", "subsystem"],
        &["temperature", "temp", "degrees", "warm", "cold", "hot"],
        &["department", "dept", "division", "unit"],
        &["assignee", "owner", "assigned"],
        &["company", "organisation", "organization", "firm"],
    ];
    // Of several groups of words, the one of which the table has a column.
    SAME.iter().filter(|g| token.is(g)).find_map(|group| {
        let found: Vec<&Column> = known.columns.iter().filter(|c| says(c, group)).collect();
        match found.as_slice() {
            [] => None,
            [one] => Some(*one),
            several => {
                let numbers: Vec<_> =
                    several.iter().filter(|c| c.holds == Holds::Numbers).collect();
                if let [one] = numbers.as_slice() { Some(**one) } else { None }
            }
        }
    })
}

/// The column whose name a word begins like: "temperature" for `temp_c`, "populous" for
/// `population`, "directed" for `director`.
pub(super) fn alike<'a>(token: &Token, known: &'a Known<'_>) -> Option<&'a Column> {
    if token.kind != Kind::Word
        || token.low.len() < 4
        || super::lexicon::ROWS.contains(&token.low.as_str())
    {
        return None;
    }
    let found: Vec<&Column> = known.columns.iter().filter(|c| begins_like(c, &token.low)).collect();
    match found.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// The column that a stem begins: "assign" for `assignee`.
pub(super) fn beginning<'a>(stem: &str, known: &'a Known<'_>) -> Option<&'a Column> {
    let found: Vec<&Column> = known
        .columns
        .iter()
        .filter(|c| split_words(&c.name).iter().any(|w| w.starts_with(stem)))
        .collect();
    if let [one] = found.as_slice() { Some(*one) } else { None }
}

fn begins_like(column: &Column, word: &str) -> bool {
    split_words(&column.name).iter().any(|name| {
        let shared = name.chars().zip(word.chars()).take_while(|(a, b)| a == b).count();
        // One is the beginning of the other, or they share nearly all of the shorter one.
        let shorter = name.chars().count().min(word.chars().count());
        shared >= 4 && shared == shorter && shorter >= 4
            || shared >= 5 && shared + 3 >= shorter.max(6)
    })
}

/// "older than", "longer than", "cheaper than": the column that the comparison itself speaks of.
pub(super) fn of_comparison<'a>(token: &Token, known: &'a Known<'_>) -> Option<&'a Column> {
    const SAYS: [(&[&str], &str); 6] = [
        (&["older", "younger"], "age"),
        (&["longer", "shorter", "slower", "faster"], "duration"),
        (&["cheaper", "dearer"], "price"),
        (&["warmer", "hotter", "colder", "cooler"], "temperature"),
        (&["heavier", "lighter"], "weight"),
        (&["taller"], "height"),
    ];
    if token.is(&["newer", "earlier", "later"])
        || token.is(&["older", "younger"]) && hinted("age", known).is_none()
    {
        return year_column(known);
    }
    let (_, hint) = SAYS.iter().find(|(words, _)| token.is(words))?;
    hinted(hint, known)
}

/// "years old", "kg heavy": the column that is measured so.
pub(super) fn of_measured<'a>(token: &Token, known: &'a Known<'_>) -> Option<&'a Column> {
    const SAYS: [(&str, &str); 7] = [
        ("old", "age"),
        ("long", "duration"),
        ("tall", "height"),
        ("high", "height"),
        ("heavy", "weight"),
        ("warm", "temperature"),
        ("hot", "temperature"),
    ];
    let (_, hint) = SAYS.iter().find(|(word, _)| token.low == *word)?;
    hinted(hint, known)
}

/// The one column of years as figures.
pub(super) fn year_column<'a>(known: &'a Known<'_>) -> Option<&'a Column> {
    let named = known.columns.iter().find(|c| c.name.eq_ignore_ascii_case("year"));
    let years: Vec<&Column> = known
        .columns
        .iter()
        .filter(|c| c.holds == Holds::Numbers && says_year(&c.name) && written_years(c))
        .collect();
    named.or(if let [one] = years.as_slice() { Some(*one) } else { None })
}

/// Four digits each: `revenue_per_year` holds none.
fn written_years(column: &Column) -> bool {
    column.values.iter().all(|v| v.len() == 4 && v.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a column is of years as figures: `year`, `Model Year`, `year_built`.
pub(super) fn says_year(name: &str) -> bool {
    split_words(name).iter().any(|w| w == "year")
}

/// The column of figures that a word like "duration" means.
pub(super) fn hinted<'a>(hint: &str, known: &'a Known<'_>) -> Option<&'a Column> {
    let token = words::tokens(hint).into_iter().next()?;
    let named = known.columns.iter().find(|c| c.name.eq_ignore_ascii_case(hint));
    named
        .or_else(|| synonym(&token, known))
        .or_else(|| alike(&token, known))
        .filter(|c| c.holds == Holds::Numbers)
}

/// Whether a column says how long something takes.
pub(super) fn says_duration(name: &str) -> bool {
    let words = [
        "duration", "latency", "elapsed", "ms", "seconds", "minutes", "hours", "runtime", "length",
        "time", "s", "sec", "min",
    ];
    split_words(name).iter().any(|w| words.contains(&w.as_str()))
}

/// The column of people, for "who".
pub(super) fn people<'a>(known: &'a Known<'_>) -> Option<&'a Column> {
    const WHO: &[&str] = &[
        "assignee",
        "person",
        "employee",
        "user",
        "username",
        "customer",
        "owner",
        "agent",
        "author",
        "member",
        "player",
        "student",
        "director",
        "seller",
        "rep",
        "driver",
        "patient",
        "client",
        "salesperson",
        "manager",
        "company",
        "name",
    ];
    let wordy = |c: &&Column| c.holds == Holds::Words || identifies(c);
    WHO.iter().find_map(|who| known.columns.iter().filter(wordy).find(|c| says(c, &[who])))
}

/// Whether each row is somebody.
pub(super) fn rows_are_people(known: &Known<'_>) -> bool {
    let names = [
        "staff",
        "employees",
        "people",
        "persons",
        "users",
        "members",
        "students",
        "team",
        "patients",
        "players",
        "customers",
    ];
    let called =
        known.names().iter().any(|n| names.iter().any(|w| words::stem(w) == words::stem(n)));
    let person = known.columns.iter().any(|c| {
        !c.repeats
            && c.holds == Holds::Words
            && says(c, &["name", "person", "employee", "fullname", "surname"])
    });
    let personal = known.columns.iter().any(|c| {
        says(c, &["salary", "age", "department", "wage", "birthday", "birth", "hired", "email"])
    });
    called || person && personal
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
