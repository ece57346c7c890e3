//! What decides who comes first: a figure that was asked for, how many rows, or a column.

use super::{
    asked::Asked,
    columns, lexicon as lex,
    ranked::Subject,
    ranking::Found,
    sniff::{Holds, split_words},
    unable::Unable,
    words::Kind,
};

/// What decides.
#[derive(Debug, PartialEq)]
pub(super) enum Decides {
    /// A measure that stands already.
    Measure,
    /// How many rows.
    Rows,
    /// A column.
    Column(String),
}

pub(super) fn key(
    asked: &mut Asked<'_>,
    at: usize,
    found: &Found,
    subject: &Subject<'_>,
) -> Result<Decides, Unable> {
    if !asked.query.measures.is_empty() {
        return Ok(Decides::Measure);
    }
    let adjective = found.adjective.map(|i| asked.tokens[i].low.clone());
    if adjective.as_deref().is_some_and(|a| {
        ["common", "frequent", "frequently", "often", "popular", "active"].contains(&a)
    }) || found.low == "busiest"
    {
        return Ok(Decides::Rows);
    }
    let serving = found.low == "longest"
        && asked.clause.has(&["serving", "standing", "serve", "running"])
        && columns::hinted("duration", asked.known).is_none();
    let hint = if serving { Some("age") } else { hint(&found.low, adjective.as_deref()) };
    let date = hint == Some("date");
    let chosen = |asked: &Asked<'_>, i: usize| -> Option<String> {
        let column = asked.column_of(i)?;
        let own = match subject {
            Subject::Rows(Some(c)) => c.name == column.name,
            _ => false,
        };
        let fits = match date {
            true => column.holds == Holds::Dates,
            false => column.holds == Holds::Numbers && !columns::identifies(column),
        };
        let noun =
            asked.names_rows(&asked.tokens[i]) && asked.column_at(i).is_none_or(|m| !m.exact);
        (fits && !own && !noun).then(|| column.name.clone())
    };
    // "by X" first, then the adjective, then what follows, then what stands before.
    let by = (0..asked.tokens.len())
        .find(|i| asked.free(*i, &["by", "in", "on"]) && chosen(asked, i + 1).is_some());
    let places: Vec<usize> = by
        .map(|by| by + 1)
        .into_iter()
        .chain(found.adjective)
        .chain(found.end..asked.tokens.len())
        .chain((0..at).rev())
        .collect();
    for i in places {
        if let Some(column) = chosen(asked, i) {
            let range = asked.column_at(i).map_or(i..i + 1, |m| m.range.clone());
            asked.take(range);
            if let Some(by) = by.filter(|by| by + 1 == i) {
                asked.used[by] = true;
            }
            return Ok(Decides::Column(column));
        }
    }
    if date
        && asked.dates().is_none()
        && let Some(column) = columns::year_column(asked.known)
    {
        return Ok(Decides::Column(column.name.clone()));
    }
    if date {
        let column = asked.dates().ok_or_else(|| asked.unclear("which column holds the date"))?;
        return Ok(Decides::Column(column.name.clone()));
    }
    if let Some(hint) = hint {
        if let Some(column) = columns::hinted(hint, asked.known) {
            return Ok(Decides::Column(column.name.clone()));
        }
        if hint == "age"
            && let Some(column) = asked.dates()
        {
            // The oldest is what began first.
            return Ok(Decides::Column(column.name.clone()));
        }
        if !["price", "revenue"].contains(&hint) {
            return Err(
                asked.unclear(&format!("which column says how “{}” something is", found.low))
            );
        }
    }
    let most =
        ["most", "least", "fewest", "highest", "top", "lowest"].contains(&found.low.as_str());
    let counts = ["most", "least", "fewest"].contains(&found.low.as_str());
    // "most orders", "most 404s": rows are counted.
    let noun = (found.end..asked.tokens.len()).find(|i| {
        !asked.used[*i]
            && (asked.names_rows(&asked.tokens[*i])
                || asked.column_at(*i).is_some_and(|m| columns::identifies(m.column)))
    });
    if matches!(subject, Subject::Groups) {
        let amount = columns::the_measure(asked.known).is_some();
        let counted = |noun: &usize| counts || !amount || asked.is(noun.wrapping_sub(1), &["by"]);
        if let Some(noun) = noun.filter(|noun| most && counted(noun)) {
            asked.used[noun] = true;
            return Ok(Decides::Rows);
        }
        let earned = asked.clause.has(&[
            "spend", "spent", "earn", "earned", "sell", "sold", "selling", "bring", "pay", "paid",
        ]);
        let word = asked.tokens.get(found.end).filter(|_| !asked.used[found.end]);
        let unknown = word.is_some_and(|t| {
            t.kind == Kind::Word && !t.is(lex::STOP) && !t.is(lex::ROWS) && !t.is(lex::TABLE)
        });
        if !earned && counts && !unknown {
            return Ok(Decides::Rows);
        }
        if !earned && columns::the_measure(asked.known).is_none() && (found.low == "top") {
            return Ok(Decides::Rows);
        }
    }
    let amount = columns::the_measure(asked.known)
        .ok_or_else(|| asked.unclear("which column decides the order"))?;
    Ok(Decides::Column(amount.name.clone()))
}

/// The kind of column that a superlative speaks of by itself.
pub(super) fn hint(word: &str, adjective: Option<&str>) -> Option<&'static str> {
    match (word, adjective) {
        (_, Some("expensive" | "costly")) | ("cheapest" | "priciest" | "dearest", _) => {
            Some("price")
        }
        (_, Some("recent" | "recently")) | ("latest" | "newest" | "earliest", _) => Some("date"),
        (_, Some("valuable" | "profitable" | "lucrative")) => Some("revenue"),
        ("oldest" | "youngest", _) => Some("age"),
        ("longest" | "shortest" | "slowest" | "fastest", _) => Some("duration"),
        ("warmest" | "hottest" | "coldest" | "coolest", _) => Some("temperature"),
        ("heaviest" | "lightest", _) => Some("weight"),
        ("tallest", _) => Some("height"),
        _ => None,
    }
}

/// Figures that are not added up over rows: prices, rates, ages, durations.
pub(super) fn rate_like(column: &str) -> bool {
    const RATES: &[&str] = &[
        "price",
        "rate",
        "score",
        "rating",
        "age",
        "temperature",
        "temp",
        "salary",
        "latency",
        "percent",
        "percentage",
        "ratio",
        "height",
        "weight",
        "grade",
        "speed",
        "wage",
        "cpu",
        "load",
        "ms",
        "elevation",
        "year",
        "humidity",
        "pressure",
        "margin",
        "fps",
        "stars",
        "level",
        "balance",
        "lat",
        "lon",
        "depth",
        "discount",
        "ph",
    ];
    split_words(column).iter().any(|w| RATES.contains(&w.as_str()))
}
