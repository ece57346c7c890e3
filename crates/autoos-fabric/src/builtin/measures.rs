//! What a question computes: counts, sums, averages, medians, percentiles, ranges, shares.

use super::{
    asked::Asked, columns, lexicon as lex, question::Measure, sniff::Holds, unable::Unable,
    words::Kind,
};

/// Reads every measure and marks its words as placed.
pub(super) fn read(asked: &mut Asked<'_>) -> Result<(), Unable> {
    share(asked)?;
    range(asked)?;
    for at in 0..asked.tokens.len() {
        if asked.used[at]
            || asked.column_at(at).is_some_and(|m| m.exact && !measures_more(asked, at))
        {
            continue;
        }
        let Some((what, p, upto)) = measure_word(asked, at) else { continue };
        let counted = asked.query.measures.iter().any(|m| m.what == "count");
        let before = !asked.query.measures.is_empty();
        if what == "sum" && before && at > 0 && asked.is(at - 1, &["in"]) {
            // "How many … in total" counts, and adds nothing up.
            asked.used[at] = true;
        } else if what == "count" {
            count(asked, at, upto)?;
        } else if counted && at > 0 && asked.is(at - 1, &["on"]) {
            return Err(asked.unclear("over what the counts are averaged"));
        } else {
            let column = measured(asked, upto, what)?;
            asked.take(at..upto);
            asked.push(Measure { p, ..Measure::new(what, Some(column)) });
        }
    }
    Ok(())
}

/// A column called `total` beside another that is measured: "total hours".
fn measures_more(asked: &Asked<'_>, at: usize) -> bool {
    asked.is(at, &["total", "sum", "average", "median", "count", "number"])
        && asked.column_at(at + 1).is_some_and(|m| m.column.holds == Holds::Numbers && m.exact)
}

impl Asked<'_> {
    pub(super) fn push(&mut self, measure: Measure) {
        if !self.query.measures.contains(&measure) {
            self.query.measures.push(measure);
        }
    }
}

/// The measure that the words at `at` ask for, its percentile, and where they end.
fn measure_word(asked: &Asked<'_>, at: usize) -> Option<(&'static str, Option<u32>, usize)> {
    let token = &asked.tokens[at];
    let then = |words: &[&str]| asked.is(at + 1, words);
    if token.is(&["how"]) && then(&["many"]) {
        return Some(("count", None, at + 2));
    }
    if token.is(&["how"]) && then(&["much"]) {
        return Some(("sum", None, at + 2));
    }
    if token.is(&["headcount"]) {
        return Some(("count", None, at + 1));
    }
    if token.is(&["number", "count", "tally"]) && !then(&["above", "below", "over"]) {
        return Some(("count", None, if then(&["of"]) { at + 2 } else { at + 1 }));
    }
    let distinct = ["distinct", "unique", "different"];
    if token.is(&distinct) && then(&["count", "number"]) {
        return Some(("count", None, at));
    }
    if token.is(&["total", "sum", "overall", "combined"]) {
        if then(&["number", "count"]) {
            let of = asked.is(at + 2, &["of"]);
            return Some(("count", None, at + 2 + usize::from(of)));
        }
        // "total orders" counts them; "total order value" adds up.
        let rows = asked
            .tokens
            .get(at + 1)
            .is_some_and(|t| t.low.ends_with('s') && t.low != "sales" && asked.names_rows(t));
        let amount = [at + 1, at + 2].iter().any(|i| {
            asked
                .column_of(*i)
                .is_some_and(|c| c.holds == Holds::Numbers && !columns::identifies(c))
        });
        if token.is(&["total"]) && rows && !amount {
            return Some(("count", None, at + 1));
        }
        return Some(("sum", None, at + 1));
    }
    // "90th percentile", "p95".
    let digits: String = token.low.chars().filter(char::is_ascii_digit).collect();
    let p = digits.parse::<u32>().ok().filter(|p| *p <= 100);
    let after = at + 1 + usize::from(asked.is(at + 1, &["th", "st", "nd", "rd"]));
    if let Some(p) = p {
        if asked.is(after, &["percentile"]) {
            return Some(("percentile", Some(p), after + 1));
        }
        if token.low.strip_prefix('p') == Some(&digits) {
            return Some(("percentile", Some(p), at + 1));
        }
    }
    let words: [(&[&str], &str); 4] = [
        (&["average", "avg", "mean", "averaged"], "avg"),
        (&["median"], "median"),
        (&["maximum", "max"], "max"),
        (&["minimum", "min"], "min"),
    ];
    words.iter().find(|(w, _)| token.is(w)).map(|(_, what)| (*what, None, at + 1))
}

/// "how many orders", "number of distinct cities".
fn count(asked: &mut Asked<'_>, at: usize, mut upto: usize) -> Result<(), Unable> {
    let skip = [
        "the",
        "all",
        "of",
        "total",
        "different",
        "distinct",
        "unique",
        "separate",
        "various",
        "count",
        "number",
    ];
    let mut distinct = false;
    while asked.tokens.get(upto).is_some_and(|t| t.is(&skip) && !asked.used[upto]) {
        distinct |= asked.is(upto, &["different", "distinct", "unique", "separate", "various"]);
        upto += 1;
    }
    asked.take(at..upto);
    let names_table = asked
        .tokens
        .get(upto)
        .is_some_and(|t| asked.known.names().iter().any(|n| super::words::stem(n) == t.stem));
    let noun = asked.column_at(upto).cloned();
    let rows = names_table && !distinct;
    let grouped = !asked.query.groups.is_empty();
    let wordy = |c: &super::sniff::Column| c.holds == Holds::Words || columns::identifies(c);
    if let Some(mention) = &noun
        && (distinct && wordy(mention.column)
            || !rows
                && mention.exact
                && mention.column.holds == Holds::Words
                && mention.column.repeats
                && !columns::identifies(mention.column))
    {
        asked.take(mention.range.clone());
        asked.push(Measure::new("count_distinct", Some(mention.column.name.clone())));
        return Ok(());
    }
    // "How many hours did each team spend" adds up, though it says many.
    let amount = noun
        .as_ref()
        .map(|m| m.column)
        .filter(|c| c.holds == Holds::Numbers && !columns::identifies(c));
    if let (Some(column), Some(mention), false) = (amount, &noun, rows || distinct) {
        asked.take(mention.range.clone());
        asked.push(Measure::new("sum", Some(column.name.clone())));
        return Ok(());
    }
    let shared = noun.as_ref().is_some_and(|m| !m.exact && m.column.repeats && wordy(m.column));
    if distinct || !rows && (noun.is_none() && !grouped || shared) {
        // "how many devices", "distinct IPs": other words for a column of things.
        let column = asked.column_of(upto).filter(|c| wordy(c) && (c.repeats || distinct));
        let plain = asked.tokens.get(upto).is_some_and(|t| asked.names_rows(t));
        if let Some(column) = column.filter(|_| !plain || distinct) {
            asked.used[upto] = true;
            asked.push(Measure::new("count_distinct", Some(column.name.clone())));
            return Ok(());
        }
    }
    // "how many people live in …" where a column says how many they are.
    let figures = asked
        .column_of(upto)
        .filter(|c| c.holds == Holds::Numbers && !columns::identifies(c) && noun.is_none());
    if let Some(column) = figures
        .filter(|_| !distinct && !asked.tokens.get(upto).is_some_and(|t| asked.names_rows(t)))
    {
        asked.used[upto] = true;
        asked.push(Measure::new("sum", Some(column.name.clone())));
        return Ok(());
    }
    if distinct {
        return Err(asked.unclear(&format!(
            "which column the distinct {} are",
            asked.tokens.get(upto).map_or("values", |t| t.text.as_str())
        )));
    }
    // The noun stands for the rows, whatever they are called; adjectives before it were read as
    // values.
    let noun = (upto..asked.tokens.len()).find(|i| !asked.used[*i]);
    if let Some(noun) = noun.filter(|i| {
        asked.tokens[*i].kind == Kind::Word
            && (*i == upto || asked.used[upto..*i].iter().all(|u| *u))
    }) {
        let inexact = asked
            .column_at(noun)
            .is_none_or(|m| !m.exact || columns::identifies(m.column) || rows || !m.column.repeats);
        let known = asked.names_rows(&asked.tokens[noun]) || asked.column_at(noun).is_some();
        // What the rows are is not said anywhere; some nouns can only mean them.
        let invented =
            asked.column_of(noun).is_none() && (asked.tokens[noun].is(RECORDS) || noun > upto);
        if inexact && !asked.tokens[noun].is(lex::STOP) && (known || invented) {
            asked.used[noun] = true;
        }
    }
    asked.push(Measure::new("count", None));
    Ok(())
}

/// The column that a measure is of: named after it, or the only one that can be measured.
fn measured(asked: &mut Asked<'_>, upto: usize, what: &str) -> Result<String, Unable> {
    let mut at = upto;
    while asked.tokens.get(at).is_some_and(|t| {
        let column = asked.column_at(at);
        asked.used[at]
            || column.is_none_or(|m| !m.exact && columns::identifies(m.column))
                && (t.is(&[
                    "of", "the", "value", "all", "and", "in", "a", "our", "order", "amount",
                    "number", "average", "avg", "mean", "total", "sum", "maximum", "minimum",
                    "median", "max", "min", "highest", "lowest", "for",
                ]) || t.text == ",")
    }) {
        at += 1;
    }
    let fits = |m: &columns::Mention<'_>| {
        (m.exact || !columns::identifies(m.column))
            && (m.column.holds == Holds::Numbers || m.column.values.is_empty())
    };
    if let Some(mention) = asked.column_at(at).cloned().filter(fits) {
        asked.take(mention.range.clone());
        return Ok(mention.column.name.clone());
    }
    // "average temperature" before "the number of days": the word itself, not one further on.
    let near = asked.column_of(at).filter(|c| {
        c.holds == Holds::Numbers && !columns::identifies(c) && asked.column_at(at).is_none()
    });
    let rows = asked.tokens.get(at).is_some_and(|t| asked.names_rows(t));
    if let Some(column) = near.filter(|_| !rows || columns::the_measure(asked.known).is_none()) {
        asked.used[at] = true;
        return Ok(column.name.clone());
    }
    let later = asked.mentions.iter().find(|m| {
        m.value.is_none()
            && m.range.start >= upto
            && m.column.holds == Holds::Numbers
            && !columns::identifies(m.column)
    });
    if let Some(mention) = later.cloned() {
        asked.take(mention.range.clone());
        return Ok(mention.column.name.clone());
    }
    // "how much does Ann earn", "what do we pay in total".
    let verb = (0..asked.tokens.len()).find(|i| {
        asked.column_of(*i).is_some_and(|c| c.holds == Holds::Numbers && !columns::identifies(c))
    });
    if let Some(i) = verb {
        let name = asked.column_of(i).map(|c| c.name.clone()).unwrap_or_default();
        asked.used[i] = true;
        return Ok(name);
    }
    let noun = asked
        .tokens
        .get(at)
        .filter(|t| t.kind == Kind::Word && !asked.used[at] && !t.is(lex::STOP) && !t.is(lex::ROWS))
        .cloned();
    if let Some(noun) = noun.filter(|n| !asked.names_rows(n)) {
        return Err(asked.unclear(&format!("which column “{}” is", noun.text)));
    }
    // "the warmest on average": the superlative says what the average is of.
    let hinted = asked
        .tokens
        .iter()
        .find_map(|t| columns::hinted(super::decides::hint(&t.low, None)?, asked.known));
    if let Some(column) = hinted {
        return Ok(column.name.clone());
    }
    if let Some(column) = columns::the_measure(asked.known) {
        if asked.tokens.get(at).is_some_and(|t| asked.names_rows(t)) {
            asked.used[at] = true;
        }
        return Ok(column.name.clone());
    }
    Err(asked.unclear(&format!("which column the {} is of", in_words(what))))
}

/// "difference between the highest and the lowest price", "range of prices".
fn range(asked: &mut Asked<'_>) -> Result<(), Unable> {
    let at =
        (0..asked.tokens.len()).find(|i| asked.free(*i, &["difference", "gap", "spread", "range"]));
    let Some(at) = at else { return Ok(()) };
    let large = (at..asked.tokens.len())
        .find(|i| asked.free(*i, super::ranking::LARGEST) || asked.free(*i, &["max", "maximum"]));
    let small = (at..asked.tokens.len())
        .find(|i| asked.free(*i, super::ranking::SMALLEST) || asked.free(*i, &["min", "minimum"]));
    let plain = asked.is(at, &["range", "spread"]) && asked.is(at + 1, &["of"]);
    match (large, small) {
        (Some(large), Some(small)) => {
            let (first, last) = (large.min(small), large.max(small));
            let column = measured(asked, last + 1, "range")?;
            asked.take(at..first + 1);
            asked.take(first..last + 1);
            asked.push(Measure::new("range", Some(column)));
        }
        _ if plain => {
            let column = measured(asked, at + 2, "range")?;
            asked.take(at..at + 2);
            asked.push(Measure::new("range", Some(column)));
        }
        _ => return Err(asked.unclear("what the difference is between")),
    }
    Ok(())
}

/// Nouns for what is recorded row by row.
const RECORDS: &[&str] = &[
    "order",
    "sale",
    "purchase",
    "payment",
    "invoice",
    "booking",
    "reservation",
    "visit",
    "trip",
    "ride",
    "flight",
    "incident",
    "ticket",
    "issue",
    "bug",
    "task",
    "job",
    "run",
    "build",
    "test",
    "event",
    "request",
    "transaction",
    "shipment",
    "delivery",
    "measurement",
    "reading",
    "sample",
    "observation",
    "experiment",
    "movie",
    "film",
    "book",
    "song",
    "game",
    "match",
    "country",
    "city",
    "product",
    "employee",
    "student",
    "customer",
    "user",
    "patient",
    "player",
    "vote",
    "response",
    "review",
    "comment",
    "message",
    "email",
    "call",
    "session",
    "login",
    "access",
    "accident",
    "claim",
    "loan",
    "property",
    "house",
    "car",
    "vehicle",
    "animal",
    "species",
];

const SHARE: &[&str] =
    &["percentage", "percent", "share", "proportion", "fraction", "ratio", "pct", "portion"];

/// "what percentage of tickets is closed", "share of revenue per category".
fn share(asked: &mut Asked<'_>) -> Result<(), Unable> {
    let Some(at) = (0..asked.tokens.len()).find(|i| asked.free(*i, SHARE)) else { return Ok(()) };
    if asked.column_at(at).is_some_and(|m| m.exact)
        || at > 0 && matches!(asked.tokens[at - 1].kind, Kind::Number(_))
    {
        return Ok(());
    }
    asked.used[at] = true;
    for i in 0..asked.tokens.len() {
        // "as a percentage", "in percent".
        if asked.free(i, SHARE) && i > 0 && asked.is(i - 1, &["in", "as", "a"]) {
            asked.used[i] = true;
        }
    }
    // "of total revenue", "of the salaries": a sum; of the rows otherwise.
    let amount = (at + 1..asked.tokens.len()).take(4).find(|i| {
        asked.column_of(*i).is_some_and(|c| c.holds == Holds::Numbers && !columns::identifies(c))
            && !asked.names_rows(&asked.tokens[*i])
    });
    let column = amount.and_then(|i| asked.column_of(i).map(|c| c.name.clone()));
    if let Some(i) = amount {
        asked.used[i] = true;
        for j in at + 1..i {
            asked.used[j] |= asked.is(j, &["total", "overall", "all", "the", "of", "sum"]);
        }
        // "total revenue" where a column is called total: the same words once.
        if let Some(next) = asked.column_of(i + 1).filter(|c| Some(&c.name) == column.as_ref()) {
            let _ = next;
            asked.used[i + 1] = true;
        }
    }
    let mut only = Vec::new();
    if asked.query.groups.is_empty() || !asked.query.conditions.is_empty() {
        let verbs = [
            "is", "are", "was", "were", "come", "came", "live", "have", "has", "had", "that",
            "which", "who", "belong", "go", "went", "get", "got", "work", "do", "does", "did",
            "end", "ended", "made", "make", "fall", "contain", "cost", "earn",
        ];
        let verb = (at + 1..asked.tokens.len()).find(|i| {
            asked.is(*i, &verbs)
                || asked
                    .places
                    .iter()
                    .any(|p| p.start == *i && i > &(at + 1) && asked.is(*i, &verbs))
        });
        let after: Vec<usize> = (0..asked.places.len())
            .filter(|c| {
                verb.is_some_and(|v| asked.places[*c].end > v && asked.places[*c].start + 1 >= v)
            })
            .collect();
        let chosen = match (after.is_empty(), asked.query.conditions.len()) {
            (false, _) => after,
            (true, 0) => Vec::new(),
            // "closed tickets of the web team": what stands before the noun is the part.
            (true, _)
                if asked
                    .query
                    .conditions
                    .iter()
                    .any(|c| c.op == "not_empty" || c.op == "empty")
                    && asked.query.conditions.len() == 1 =>
            {
                vec![0]
            }
            (true, _) if asked.query.groups.is_empty() || asked.query.conditions.len() == 1 => {
                vec![0]
            }
            _ => return Err(asked.unclear("which part is meant, and of what whole")),
        };
        if !asked.query.any.is_empty() {
            return Err(asked.unclear("which part is meant, and of what whole"));
        }
        for index in chosen.into_iter().rev() {
            only.insert(0, asked.query.conditions.remove(index));
            asked.places.remove(index);
        }
    }
    if only.is_empty() && asked.query.groups.is_empty() {
        // "what percentage of orders by city" has its group; else the part is missing.
        return Err(asked.unclear("which part is meant, and of what whole"));
    }
    asked.push(Measure { only, ..Measure::new("share", column) });
    let rows = (at + 1..asked.tokens.len())
        .find(|i| !asked.used[*i] && asked.names_rows(&asked.tokens[*i]));
    if let Some(rows) = rows {
        asked.used[rows] = true;
    }
    Ok(())
}

fn in_words(what: &str) -> &str {
    match what {
        "sum" => "total",
        "avg" => "average",
        "min" => "minimum",
        "max" => "maximum",
        other => other,
    }
}
