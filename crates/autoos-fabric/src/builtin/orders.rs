//! The order of an answer: "highest first", "sorted by price", "rank regions by revenue", "in
//! ascending order".

use super::{
    asked::Asked,
    question::{Group, Key, Measure},
    ranking::{LARGEST, SMALLEST},
    sniff::Holds,
    unable::Unable,
    words::{Kind, Token},
};

/// "order by", but not "orders by".
pub(super) fn sorts(token: &Token) -> bool {
    [
        "sort", "sorted", "rank", "ranked", "order", "ordered", "ranking", "sorting", "arrange",
        "arranged",
    ]
    .contains(&token.low.as_str())
}

/// Takes the words of an order, before superlatives are looked for.
pub(super) fn read(asked: &mut Asked<'_>) {
    let mut falling = None;
    last(asked);
    for at in 0..asked.tokens.len() {
        if asked.used[at] {
            continue;
        }
        let large = asked.is(at, LARGEST) || asked.is(at, &["high", "large", "big"]);
        let small = asked.is(at, SMALLEST) || asked.is(at, &["low", "small"]);
        if (large || small) && asked.is(at + 1, &["first", "last", "to"]) {
            let last = asked.is(at + 1, &["last"]);
            falling = Some(large != last);
            let through = asked.is(at + 1, &["to"]);
            if through
                && !asked.is(
                    at + 2,
                    &[
                        "lowest", "highest", "low", "high", "smallest", "largest", "small",
                        "large", "least", "most", "oldest", "newest", "latest", "earliest",
                    ],
                )
            {
                continue;
            }
            asked.take(at..at + if through { 3 } else { 2 });
            if at > 0 && asked.is(at - 1, &["from", "with", "the"]) {
                asked.used[at - 1] = true;
            }
        }
        let down = ["descending", "desc", "decreasing", "falling"];
        let up = ["ascending", "asc", "increasing", "rising", "alphabetically"];
        if asked.free(at, &down) || asked.free(at, &up) {
            falling = Some(asked.is(at, &down));
            asked.used[at] = true;
            for beside in [at.wrapping_sub(1), at + 1] {
                if asked.is(beside, &["order", "sorted", "sort", "in"]) {
                    asked.used[beside] = true;
                }
            }
        }
    }
    for at in 0..asked.tokens.len() {
        let sorts = sorts(&asked.tokens[at]) && !asked.used[at];
        let begins = at == asked.clause.head;
        let by = (at + 1..asked.tokens.len()).find(|i| asked.is(*i, &["by", "on"]));
        let near = by.filter(|by| *by <= at + 1 || begins && sorts);
        let ordered =
            sorts && (near.is_some() || falling.is_some() && asked.tokens[at].low.ends_with("ed"));
        if !ordered {
            continue;
        }
        asked.used[at] = true;
        if asked.wanted.is_none() {
            asked.wanted =
                Some((falling.unwrap_or(asked.tokens[at].low.starts_with("rank")), None));
        }
        if let Some(by) = near {
            asked.used[by] = true;
            // "rank departments by average salary": departments are what is ranked.
            if by > at + 1 {
                let subject = (at + 1..by).find_map(|i| asked.column_at(i).cloned());
                if let Some(subject) =
                    subject.filter(|m| m.column.holds == Holds::Words && m.column.repeats)
                {
                    asked.take(subject.range.clone());
                    asked.group(Group { column: subject.column.name.clone(), unit: None });
                }
            }
            let mut key = by + 1;
            while asked.is(key, &["the", "their", "its"]) {
                key += 1;
            }
            let column = asked.column_at(key).cloned();
            if let Some(mention) = column {
                asked.wanted = Some((falling.unwrap_or(false), Some(mention.column.name.clone())));
                // A date or a word only orders; a figure may be what is added up too.
                if asked.query.groups.is_empty() || mention.column.holds != Holds::Numbers {
                    asked.take(mention.range);
                }
            }
        }
    }
    if let Some(falling) = falling {
        asked.wanted = Some((falling, asked.wanted.take().and_then(|(_, column)| column)));
    }
    subjects(asked);
}

/// "the last order", "last 3 orders": the latest ones, where rows have a date.
fn last(asked: &mut Asked<'_>) {
    for at in 0..asked.tokens.len() {
        if asked.tokens[at].low != "last" || asked.used[at] || at > 0 && asked.is(at - 1, LARGEST) {
            continue;
        }
        let number = match asked.tokens.get(at + 1).map(|t| &t.kind) {
            Some(Kind::Number(n)) if (1.0..=1000.0).contains(n) => Some(*n),
            _ => None,
        };
        let noun = at + 1 + usize::from(number.is_some());
        let rows = asked.tokens.get(noun).is_some_and(|t| asked.names_rows(t))
            || asked
                .column_at(noun)
                .is_some_and(|m| !m.exact && super::columns::identifies(m.column));
        let Some(column) = super::columns::date_column(asked.known).filter(|_| rows) else {
            continue;
        };
        asked.query.order = Some((Key::Column(column.name.clone()), true));
        asked.query.limit = Some(number.map_or(1, super::asked::whole));
        asked.take(at..noun + 1);
    }
}

/// "departments ordered by headcount", "directors by total gross, biggest first": what stands
/// before "by" is what is ordered.
fn subjects(asked: &mut Asked<'_>) {
    if asked.wanted.is_none() || !asked.query.groups.is_empty() {
        return;
    }
    let first = asked.tokens.iter().position(|t| {
        t.kind == Kind::Word && !t.is(&["the", "list", "show", "all", "give", "me", "our"])
    });
    let Some(mention) = first.and_then(|at| asked.column_at(at)).cloned() else { return };
    let after = mention.range.end;
    let by = asked.is(after, &["by"]) || asked.used.get(after).copied().unwrap_or(false);
    let measured = (after + 1..asked.tokens.len()).any(|i| {
        asked.is(
            i,
            &[
                "total",
                "average",
                "avg",
                "sum",
                "median",
                "mean",
                "number",
                "count",
                "headcount",
                "revenue",
            ],
        ) || asked.column_of(i).is_some_and(|c| c.holds == Holds::Numbers)
    });
    if by && measured && mention.column.holds == Holds::Words && mention.column.repeats {
        asked.take(mention.range.start..after);
        asked.group(Group { column: mention.column.name.clone(), unit: None });
        if asked.free(after, &["by"]) {
            asked.used[after] = true;
        }
        let wanted = asked.wanted.as_mut().and_then(|(_, column)| column.take());
        if let Some(column) = wanted {
            asked.query.measures.push(Measure::new("sum", Some(column)));
        }
    }
}

/// Gives the order its key, once it is known what is computed.
pub(super) fn place(asked: &mut Asked<'_>) -> Result<(), Unable> {
    let Some((falling, column)) = asked.wanted.clone() else { return Ok(()) };
    if asked.query.order.is_some() {
        return Ok(());
    }
    asked.implied();
    if !asked.query.groups.is_empty() {
        if asked.query.measures.is_empty() {
            asked.query.measures.push(Measure::new("count", None));
        }
        let key = match &column {
            Some(column)
                if asked.query.groups.iter().any(|g| g.column == *column && g.unit.is_none()) =>
            {
                Key::Column(column.clone())
            }
            _ => Key::Measure(0),
        };
        asked.query.order = Some((key, falling));
        return Ok(());
    }
    if !asked.query.measures.is_empty() {
        return Err(asked.unclear("what is to be sorted: one figure has no order"));
    }
    let column = match column {
        Some(column) => column,
        None => {
            let mention = asked.mentions.iter().find(|m| {
                m.value.is_none() && !asked.used[m.range.start] && m.column.holds != Holds::Words
            });
            match mention {
                Some(mention) => mention.column.name.clone(),
                None => super::columns::the_measure(asked.known)
                    .ok_or_else(|| asked.unclear("which column decides the order"))?
                    .name
                    .clone(),
            }
        }
    };
    asked.query.order = Some((Key::Column(column), falling));
    Ok(())
}
