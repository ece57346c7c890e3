//! Superlatives and orders: "top 3 cities by revenue", "which product sold most", "the oldest".

use super::{
    asked::{Asked, whole},
    columns::{self, Mention},
    question::{Group, Key, Measure},
    sniff::{Column, Holds, split_words},
    unable::Unable,
    words::{Kind, Token},
};

/// Words for the largest and the smallest, and the column that some of them speak of.
pub(super) const LARGEST: &[&str] = &[
    "highest", "largest", "biggest", "greatest", "most", "top", "best", "longest", "oldest",
    "latest", "newest", "maximal", "heaviest", "hottest", "fastest", "slowest",
];
pub(super) const SMALLEST: &[&str] = &[
    "lowest", "smallest", "least", "fewest", "cheapest", "bottom", "worst", "shortest", "youngest",
    "earliest", "minimal", "coldest",
];

/// Reads the superlative or the order of a question, if it has one.
pub(super) fn read(asked: &mut Asked<'_>) -> Result<(), Unable> {
    let found =
        (0..asked.tokens.len()).find(|i| asked.free(*i, LARGEST) || asked.free(*i, SMALLEST));
    match found.filter(|i| !asked.mentions.iter().any(|m| m.range.contains(i) && m.exact)) {
        Some(at) => superlative(asked, at),
        None => {
            sorted(asked);
            Ok(())
        }
    }
}

/// "order by", but not "orders by".
pub(super) fn sorts(token: &Token) -> bool {
    ["sort", "sorted", "rank", "ranked", "order", "ordered"].contains(&token.low.as_str())
}

/// "sorted by price, highest first"
fn sorted(asked: &mut Asked<'_>) {
    for at in 0..asked.tokens.len() {
        if !sorts(&asked.tokens[at]) || !asked.free(at + 1, &["by"]) {
            continue;
        }
        let Some(mention) =
            asked.mentions.iter().find(|m| m.value.is_none() && m.range.start == at + 2).cloned()
        else {
            continue;
        };
        let falling = asked.tokens.iter().any(|t| t.is(&["descending", "desc", "decreasing"]));
        for i in 0..asked.tokens.len() {
            if asked.tokens[i].is(&[
                "descending",
                "desc",
                "decreasing",
                "ascending",
                "asc",
                "increasing",
                "order",
            ]) {
                asked.used[i] = true;
            }
        }
        asked.take(at..mention.range.end);
        asked.query.order = Some((Key::Column(mention.column.name.clone()), falling));
    }
}

fn superlative(asked: &mut Asked<'_>, at: usize) -> Result<(), Unable> {
    let word = asked.tokens[at].clone();
    let mut largest = word.is(LARGEST);
    asked.used[at] = true;
    let limit = count_beside(asked, at);
    let next = asked.tokens.get(at + 1).cloned();
    let adjective = next.filter(|n| {
        n.is(&[
            "expensive",
            "costly",
            "common",
            "frequent",
            "frequently",
            "often",
            "recent",
            "recently",
            "popular",
            "profitable",
            "valuable",
        ])
    });
    if adjective.is_some() {
        asked.used[at + 1] = true;
        largest = !word.is(&["least"]);
    }
    let counts = adjective
        .as_ref()
        .is_some_and(|a| a.is(&["common", "frequent", "frequently", "often", "popular"]));
    let hint = hint(&word.low, adjective.as_ref().map(|a| a.low.as_str()));
    let of_time = matches!(hint, Some("date"));
    let entity = entity(asked, at);
    if entity.is_none() {
        stretch_of_time(asked);
    }
    let key = match () {
        () if !asked.query.measures.is_empty() => None,
        () if counts => Some(Measured::Rows),
        () => Some(measured(
            asked,
            at,
            hint,
            of_time,
            entity.as_ref().map(|e| e.column.name.clone()),
        )?),
    };
    let repeated =
        !asked.query.groups.is_empty() || entity.as_ref().is_some_and(|e| e.column.repeats);
    place(asked, entity, key, repeated, largest, limit, word.is(&["top", "bottom"]))
}

/// "Which month had the highest sales": months are what is ranked.
fn stretch_of_time(asked: &mut Asked<'_>) {
    let which = |at: usize| at > 0 && asked.tokens[at - 1].is(&["which", "what"]);
    let found = (0..asked.tokens.len())
        .filter(|at| which(*at))
        .find_map(|at| Some((at, asked.stretch(at)?)));
    if let Some((at, (unit, column))) = found {
        asked.used[at] = true;
        asked.query.groups.push(Group { column, unit: Some(unit) });
    }
}

/// What a superlative is about.
enum Measured {
    /// How many rows.
    Rows,
    /// A column.
    Column(String),
}

fn place(
    asked: &mut Asked<'_>,
    entity: Option<Mention<'_>>,
    key: Option<Measured>,
    repeated: bool,
    largest: bool,
    limit: Option<u64>,
    top: bool,
) -> Result<(), Unable> {
    let one = limit.or(if top { Some(10) } else { Some(1) });
    if let Some(entity) = &entity {
        asked.take(entity.range.clone());
    }
    let group = |asked: &mut Asked<'_>| {
        if let Some(entity) = &entity
            && !asked.query.groups.iter().any(|g| g.column == entity.column.name)
        {
            asked.query.groups.push(Group { column: entity.column.name.clone(), unit: None });
        }
    };
    match key {
        // "highest average price": the measure stands already.
        None => {
            group(asked);
            if asked.query.groups.is_empty() {
                return Err(asked.unclear("of which groups the first one is wanted"));
            }
            asked.query.order = Some((Key::Measure(0), largest));
            asked.query.limit = one;
        }
        Some(Measured::Rows) => {
            group(asked);
            if asked.query.groups.is_empty() {
                return Err(asked.unclear("which column's values are counted"));
            }
            asked.query.measures.push(Measure { what: "count", column: None });
            asked.query.order = Some((Key::Measure(0), largest));
            asked.query.limit = one;
        }
        Some(Measured::Column(column)) if repeated => {
            let what = if rate_like(&column) { if largest { "max" } else { "min" } } else { "sum" };
            group(asked);
            asked.query.measures.push(Measure { what, column: Some(column) });
            asked.query.order = Some((Key::Measure(0), largest));
            asked.query.limit = one;
        }
        Some(Measured::Column(column)) => {
            let rows = limit.is_some() || top || row_wanted(asked, entity.is_some());
            if rows {
                if let Some(entity) = &entity {
                    asked.query.select = vec![entity.column.name.clone(), column.clone()];
                }
                asked.query.order = Some((Key::Column(column), largest));
                asked.query.limit = one;
                // A row is the answer, not a figure over rows.
                asked.query.measures.clear();
                list_rows(asked);
            } else {
                asked.query.measures.push(Measure {
                    what: if largest { "max" } else { "min" },
                    column: Some(column),
                });
            }
        }
    }
    Ok(())
}

/// The nouns beside "top 3 orders" stand for rows.
fn list_rows(asked: &mut Asked<'_>) {
    for at in 0..asked.tokens.len() {
        let inexact =
            asked.column_at(at).is_some_and(|m| !m.exact && columns::identifies(m.column));
        if inexact {
            asked.used[at] = true;
        }
    }
}

/// "What is the highest price" wants the figure; "which order has the highest price" the row.
fn row_wanted(asked: &Asked<'_>, entity: bool) -> bool {
    let asks_which = asked.clause.has(&["which", "who"]);
    let what_noun = asked
        .tokens
        .windows(2)
        .any(|w| w[0].is(&["what"]) && !w[1].is(&["is", "was", "are", "were", "'s"]));
    let noun_of_rows = asked.tokens.iter().enumerate().any(|(i, t)| {
        asked.names_rows(t)
            && i > 0
            && !asked.used[i]
            && asked.tokens[i - 1].is(&[
                "recent",
                "recently",
                "expensive",
                "which",
                "latest",
                "oldest",
                "newest",
                "earliest",
                "cheapest",
                "biggest",
                "largest",
                "smallest",
                "highest",
                "lowest",
            ])
    });
    entity || asks_which || what_noun || noun_of_rows
}

/// "top 5", "5 largest", "the 3 most expensive".
fn count_beside(asked: &mut Asked<'_>, at: usize) -> Option<u64> {
    for i in [at + 1, at.wrapping_sub(1)] {
        let n = asked.tokens.get(i).filter(|_| !asked.used[i]).and_then(|t| match t.kind {
            Kind::Number(n) if (1.0..=10_000.0).contains(&n) => Some(n),
            _ => None,
        });
        if let Some(n) = n {
            asked.used[i] = true;
            return Some(whole(n));
        }
    }
    None
}

/// The kind of column that a superlative speaks of by itself.
fn hint(word: &str, adjective: Option<&str>) -> Option<&'static str> {
    match (word, adjective) {
        (_, Some("expensive" | "costly")) | ("cheapest", _) => Some("price"),
        (_, Some("recent" | "recently")) | ("latest" | "newest" | "earliest", _) => Some("date"),
        (_, Some("valuable" | "profitable")) => Some("revenue"),
        ("oldest" | "youngest", _) => Some("age"),
        ("longest" | "shortest" | "slowest" | "fastest", _) => Some("duration"),
        _ => None,
    }
}

/// What is ranked: the column after "which" or "top 3", or the only one that is left.
fn entity<'a>(asked: &Asked<'a>, at: usize) -> Option<Mention<'a>> {
    let free: Vec<&Mention<'a>> = asked
        .mentions
        .iter()
        .filter(|m| {
            m.value.is_none()
                && !asked.used[m.range.start]
                && (m.column.holds == Holds::Words || columns::identifies(m.column))
        })
        .filter(|m| m.exact || !columns::identifies(m.column))
        .collect();
    let lead = asked.tokens.iter().position(|t| t.is(&["which", "what", "who"])).unwrap_or(at);
    free.iter().find(|m| m.range.start > lead).or(free.first()).map(|m| (*m).clone())
}

fn measured(
    asked: &mut Asked<'_>,
    at: usize,
    hint: Option<&str>,
    of_time: bool,
    entity: Option<String>,
) -> Result<Measured, Unable> {
    let free: Vec<Mention<'_>> = asked
        .mentions
        .iter()
        .filter(|m| {
            m.value.is_none()
                && !asked.used[m.range.start]
                && Some(&m.column.name) != entity.as_ref()
        })
        .filter(|m| {
            m.column.holds == if of_time { Holds::Dates } else { Holds::Numbers }
                && (m.exact || !columns::identifies(m.column))
        })
        .cloned()
        .collect();
    let by = (0..asked.tokens.len()).find(|i| asked.free(*i, &["by"]));
    let nearest = free.iter().find(|m| m.range.start > by.unwrap_or(at)).or(free.first());
    if let Some(mention) = nearest.cloned() {
        asked.take(mention.range.clone());
        if let Some(by) = by.filter(|b| *b < mention.range.start) {
            asked.used[by] = true;
        }
        return Ok(Measured::Column(mention.column.name.clone()));
    }
    if of_time {
        let column = columns::date_column(asked.known)
            .ok_or_else(|| asked.unclear("which column holds the date"))?;
        return Ok(Measured::Column(column.name.clone()));
    }
    if let Some(hint) = hint
        && let Some(column) = hinted(asked, hint)
    {
        return Ok(Measured::Column(column.name.clone()));
    }
    // "most orders" counts rows; "highest revenue" may be another word for a column.
    let after = by.unwrap_or(at) + 1;
    for i in after..asked.tokens.len() {
        let token = asked.tokens[i].clone();
        if asked.used[i] || token.kind != Kind::Word || token.is(super::lexicon::STOP) {
            continue;
        }
        if let Some(column) = columns::synonym(&token, asked.known)
            .filter(|c| c.holds == Holds::Numbers && Some(&c.name) != entity.as_ref())
        {
            asked.used[i] = true;
            return Ok(Measured::Column(column.name.clone()));
        }
        let inexact = asked.column_at(i).is_some_and(|m| columns::identifies(m.column));
        if asked.names_rows(&token) || inexact {
            asked.used[i] = true;
            if asked.tokens[at].is(&["most", "least", "fewest", "highest"]) || by.is_some() {
                return Ok(Measured::Rows);
            }
        }
    }
    let column = columns::the_measure(asked.known)
        .ok_or_else(|| asked.unclear("which column decides the order"))?;
    Ok(Measured::Column(column.name.clone()))
}

fn hinted<'a>(asked: &Asked<'a>, hint: &str) -> Option<&'a Column> {
    let token = super::words::tokens(hint).into_iter().next()?;
    let named = asked.known.columns.iter().find(|c| c.name.eq_ignore_ascii_case(hint));
    named.or_else(|| columns::synonym(&token, asked.known)).filter(|c| c.holds == Holds::Numbers)
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
        "duration",
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
    ];
    split_words(column).iter().any(|w| RATES.contains(&w.as_str()))
}
