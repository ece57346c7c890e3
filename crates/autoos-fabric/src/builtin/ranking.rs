//! Superlatives: "top 3 cities by revenue", "which product sold most", "the oldest", "2 regions
//! with the lowest revenue", "the best film of each genre".

use super::{
    asked::{Asked, whole},
    columns,
    decides::{Decides, hint, key, rate_like},
    question::{Group, Key, Measure},
    ranked::{Subject, earner, subject},
    relative,
    sniff::Holds,
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
pub(super) struct Found {
    /// The word itself.
    pub(super) low: String,
    /// The adjective after "most", which may name the key.
    pub(super) adjective: Option<usize>,
    pub(super) largest: bool,
    pub(super) limit: Option<u64>,
    /// Which of them, when it is not the first.
    pub(super) place: Option<u64>,
    /// Where what follows begins.
    pub(super) end: usize,
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
