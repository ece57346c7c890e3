//! Superlatives: "top 3 cities by revenue", "which product sold most", "the oldest", "2 regions
//! with the lowest revenue", "the best film of each genre".

use super::{
    asked::{Asked, whole},
    columns, lexicon as lex,
    question::{Group, Key, Measure},
    relative,
    sniff::{Column, Holds, split_words},
    unable::Unable,
    words::Kind,
};

/// Words for the largest and the smallest, and the column that some of them speak of.
pub(super) const LARGEST: &[&str] = &[
    "highest",
    "largest",
    "biggest",
    "greatest",
    "most",
    "top",
    "best",
    "longest",
    "oldest",
    "latest",
    "newest",
    "maximal",
    "heaviest",
    "hottest",
    "fastest",
    "slowest",
    "warmest",
    "tallest",
    "busiest",
    "strongest",
    "dearest",
    "priciest",
    "wealthiest",
    "richest",
];
pub(super) const SMALLEST: &[&str] = &[
    "lowest", "smallest", "least", "fewest", "cheapest", "bottom", "worst", "shortest", "youngest",
    "earliest", "minimal", "coldest", "coolest", "lightest", "weakest", "poorest",
];

/// A superlative and what stands around it.
struct Found {
    /// The word itself.
    low: String,
    /// The adjective after "most", which may name the key.
    adjective: Option<usize>,
    largest: bool,
    limit: Option<u64>,
    /// Which of them, when it is not the first.
    place: Option<u64>,
    /// Where what follows begins.
    end: usize,
}

/// What is ranked.
enum Subject<'a> {
    /// The values of a column that several rows share, or stretches of time.
    Groups,
    /// Rows, told apart by this column when there is one.
    Rows(Option<&'a Column>),
    /// Nothing was named: the figure itself is wanted.
    Figure,
}

/// Reads the superlative of a question, if it has one.
pub(super) fn read(asked: &mut Asked<'_>) -> Result<(), Unable> {
    let at = (0..asked.tokens.len()).find(|i| {
        (asked.free(*i, LARGEST) || asked.free(*i, SMALLEST))
            && !asked.mentions.iter().any(|m| m.range.contains(i) && m.exact)
    });
    let Some(mut at) = at else { return Ok(()) };
    // "top 3 most expensive": the second word says what is first.
    let number = |i: usize| matches!(asked.tokens.get(i).map(|t| &t.kind), Some(Kind::Number(_)));
    let next = if number(at + 1) { at + 2 } else { at + 1 };
    let again = asked.is(at, &["top"]) && (asked.free(next, LARGEST) || asked.free(next, SMALLEST));
    if again {
        asked.used[at] = true;
        at = next;
    }
    if at > 0 && asked.tokens[at - 1].low == "next" {
        return Err(asked.unclear("after whom the next one comes"));
    }
    let nth = relative::ordinal(asked, at);
    if let Some((_, said)) = &nth {
        asked.take(said.clone());
    }
    let mut found = around(asked, at);
    found.place = nth.map(|(nth, _)| nth);
    asked.query.place = found.place;
    let groups_said = !asked.query.groups.is_empty();
    let subject = subject(asked, at, &found);
    let key = key(asked, at, &found, &subject)?;
    place(asked, &found, subject, key, groups_said)?;
    // A second one would be passed over.
    let second = (0..asked.tokens.len()).find(|i| {
        (asked.free(*i, LARGEST) || asked.free(*i, SMALLEST))
            && !asked.mentions.iter().any(|m| m.range.contains(i) && m.exact)
    });
    second.map_or(Ok(()), |at| {
        Err(asked.unclear(&format!("how “{}” goes with the rest", asked.tokens[at].text)))
    })
}

fn around(asked: &mut Asked<'_>, at: usize) -> Found {
    let low = asked.tokens[at].low.clone();
    let mut largest = asked.is(at, LARGEST);
    asked.used[at] = true;
    let limit = number_beside(asked, at);
    let mut end = at + 1;
    while asked.used.get(end) == Some(&true) && matches!(asked.tokens[end].kind, Kind::Number(_)) {
        end += 1;
    }
    let adjectives = [
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
        "active",
        "productive",
        "lucrative",
    ];
    let mut adjective = None;
    if asked.free(end, &adjectives) {
        asked.used[end] = true;
        adjective = Some(end);
        largest = low != "least";
        end += 1;
    } else if ["most", "least", "best", "worst", "highest", "lowest", "top", "longest", "shortest"]
        .contains(&low.as_str())
        && asked.tokens.get(end).is_some_and(|t| t.kind == Kind::Word)
        && !asked.used[end]
        && (asked.column_at(end).is_none_or(|m| !m.exact) || asked.tokens[end].low.ends_with("ed"))
        && !earner(&asked.tokens[end].low)
        && asked
            .column_of(end)
            .is_some_and(|c| c.holds == Holds::Numbers && !columns::identifies(c))
        && asked.tokens.get(end + 1).is_some_and(|t| t.kind == Kind::Word)
    {
        // "most populous", "best paid".
        adjective = Some(end);
        end += 1;
    }
    Found { low, adjective, largest, limit, place: None, end }
}

/// "top 5", "5 largest", "the 3 most expensive", "2 regions with the lowest".
fn number_beside(asked: &mut Asked<'_>, at: usize) -> Option<u64> {
    let near = [at + 1, at.wrapping_sub(1)];
    let before = (0..at).filter(|i| {
        // Only names and plain words stand between: no comparison, no condition.
        (*i + 1..at).all(|j| {
            asked.column_of(j).is_some()
                || asked.names_rows(&asked.tokens[j])
                || asked.is(
                    j,
                    &[
                        "with", "that", "have", "has", "had", "the", "of", "by", "which", "who",
                        "having", "in",
                    ],
                )
        })
    });
    let found = near.into_iter().chain(before).find_map(|i| {
        let token = asked.tokens.get(i).filter(|_| !asked.used[i])?;
        match token.kind {
            Kind::Number(n) if (1.0..=10_000.0).contains(&n) && n.fract() == 0.0 => Some((i, n)),
            _ => None,
        }
    });
    let (i, n) = found?;
    asked.used[i] = true;
    Some(whole(n))
}

/// What is ranked: the column after "which", "top 3" or the superlative; else rows; else nothing.
fn subject<'a>(asked: &mut Asked<'a>, at: usize, found: &Found) -> Subject<'a> {
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

fn earner(low: &str) -> bool {
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

/// What decides.
#[derive(Debug, PartialEq)]
enum Decides {
    /// A measure that stands already.
    Measure,
    /// How many rows.
    Rows,
    /// A column.
    Column(String),
}

fn key(
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

fn place(
    asked: &mut Asked<'_>,
    found: &Found,
    subject: Subject<'_>,
    key: Decides,
    groups_said: bool,
) -> Result<(), Unable> {
    let top = ["top", "bottom"].contains(&found.low.as_str());
    let limit = found.limit.or(if top && !singular(asked, found) { Some(10) } else { Some(1) });
    let oldest = ["oldest", "youngest"].contains(&found.low.as_str())
        || found.low == "longest" && asked.clause.has(&["serving", "standing", "serve"]);
    let mut largest = found.largest;
    if let Decides::Column(column) = &key {
        let date = asked.known.columns.iter().any(|c| c.name == *column && c.holds == Holds::Dates);
        if date && oldest {
            largest = found.low == "youngest";
        }
        // Fast is what takes little time.
        let lasts = columns::says_duration(column);
        if lasts && found.low == "fastest" {
            largest = false;
        }
        if !lasts && found.low == "slowest" {
            largest = false;
        }
    }
    match (subject, key) {
        // "highest salary in each department", "highest average price per shop".
        (Subject::Groups, Decides::Measure) => {
            if groups_said
                && asked.query.per.is_none()
                && found.limit.is_none()
                && figure_per_group(asked)
            {
                return Err(asked.unclear("whether the first group or all are wanted"));
            }
            asked.query.order = Some((Key::Measure(0), largest));
            asked.query.limit = limit.filter(|_| asked.query.per.is_none());
        }
        (Subject::Groups, Decides::Rows) => {
            asked.query.measures.push(Measure::new("count", None));
            asked.query.order = Some((Key::Measure(0), largest));
            asked.query.limit = limit.filter(|_| asked.query.per.is_none());
        }
        (Subject::Groups, Decides::Column(column)) => {
            let extreme = if largest { "max" } else { "min" };
            let whole_figure = groups_said && asked.query.per.is_none();
            let priced = hint(&found.low, None) == Some("price");
            let what = if whole_figure || priced || rate_like(&column) { extreme } else { "sum" };
            asked.query.measures.push(Measure::new(what, Some(column)));
            if whole_figure {
                // Each group has its own highest; none of them is left out.
                return Ok(());
            }
            asked.query.order = Some((Key::Measure(0), largest));
            asked.query.limit = limit.filter(|_| asked.query.per.is_none());
        }
        (Subject::Rows(_), Decides::Measure) => {
            return Err(asked.unclear("of which groups the first one is wanted"));
        }
        (Subject::Figure, Decides::Measure) => {
            return Err(asked.unclear("of which groups the first one is wanted"));
        }
        (Subject::Rows(named), Decides::Rows) => {
            let column = named
                .filter(|c| c.repeats)
                .ok_or_else(|| asked.unclear("which column's values are counted"))?;
            asked.group(Group { column: column.name.clone(), unit: None });
            asked.query.measures.push(Measure::new("count", None));
            asked.query.order = Some((Key::Measure(0), largest));
            asked.query.limit = limit;
        }
        (Subject::Figure, Decides::Rows) => {
            return Err(asked.unclear("which column's values are counted"));
        }
        (Subject::Rows(_), Decides::Column(column)) => {
            if groups_said {
                let units = asked.query.groups.iter().any(|g| g.unit.is_some());
                if units {
                    return Err(asked.unclear("how rows are picked from stretches of time"));
                }
                let by = asked.query.groups.drain(..).map(|g| g.column).collect();
                asked.query.per = Some((by, found.limit.unwrap_or(1)));
                asked.query.limit = None;
            } else {
                asked.query.limit = limit;
            }
            asked.query.order = Some((Key::Column(column), largest));
        }
        (Subject::Figure, Decides::Column(column)) => {
            let date =
                asked.known.columns.iter().any(|c| c.name == column && c.holds == Holds::Dates);
            let row = found.place.is_some()
                || date
                || hint(&found.low, None).is_some()
                || found.adjective.is_some()
                || top;
            if row {
                asked.query.order = Some((Key::Column(column), largest));
                asked.query.limit = limit;
            } else {
                asked
                    .query
                    .measures
                    .push(Measure::new(if largest { "max" } else { "min" }, Some(column)));
            }
        }
    }
    Ok(())
}

/// "top earner" is one; "top earners" are some.
fn singular(asked: &Asked<'_>, found: &Found) -> bool {
    asked
        .tokens
        .get(found.end)
        .is_some_and(|t| t.kind == Kind::Word && !t.low.ends_with('s') && t.low != "people")
}

/// "highest average price per shop": the average of each, or the shop of the highest?
fn figure_per_group(asked: &Asked<'_>) -> bool {
    !asked.clause.has(&["which", "who", "what", "top", "bottom"])
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
