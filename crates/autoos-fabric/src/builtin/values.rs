//! Values that a question names: "failed", "not from Berlin", "Porto or Faro", "compare A and B".

use super::{
    asked::Asked,
    columns::Mention,
    lexicon as lex,
    question::{Condition, Group},
    sniff::Holds,
    unable::Unable,
    words::Kind,
};
use serde_json::{Value, json};

const NOT: &[&str] = &[
    "not",
    "except",
    "excluding",
    "without",
    "isn't",
    "aren't",
    "wasn't",
    "weren't",
    "non",
    "other",
    "than",
    "neither",
    "nor",
    "doesn't",
    "don't",
    "didn't",
    "never",
    "excludes",
    "ignoring",
    "ignore",
    "but",
    "apart",
];

pub(super) fn read(asked: &mut Asked<'_>) -> Result<(), Unable> {
    seen(asked);
    unseen(asked);
    // Of somebody who never did something, or did both, no single row tells.
    if let Some(word) =
        asked.tokens.iter().find(|t| ["never", "always", "both"].contains(&t.low.as_str()))
        && asked
            .query
            .conditions
            .iter()
            .any(|c| word.low != "both" || c.op == "in" && c.value.is_array())
        && (word.low != "both" || asked.clause.has(&["which", "who", "customers", "how", "list"]))
    {
        return Err(asked.unclear(&format!("how “{}” is told from single rows", word.text)));
    }
    Ok(())
}

/// Values seen in the head: "failed", "from Berlin", "status is not paid", "doesn't work in Rome".
fn seen(asked: &mut Asked<'_>) {
    let found: Vec<Mention<'_>> =
        asked.mentions.iter().filter(|m| m.value.is_some()).cloned().collect();
    for mention in found {
        if asked.used[mention.range.start] {
            continue;
        }
        let Some(value) = mention.value.clone() else { continue };
        let (before, negated) = before(asked, mention.range.start, &mention.column.name);
        let column = asked.mentions.iter().find(|m| {
            m.value.is_none() && m.range.end == before && m.column.name == mention.column.name
        });
        let place = match column.cloned() {
            Some(column) => column.range.start..mention.range.end,
            None if negated => before..mention.range.end,
            None => mention.range.clone(),
        };
        asked.take(place.clone());
        let after = asked.mentions.iter().find(|m| {
            m.value.is_none()
                && m.range.start == mention.range.end
                && m.column.name == mention.column.name
        });
        if let Some(after) = after.cloned() {
            asked.take(after.range);
        }
        add(asked, mention.column.name.clone(), json!(value), negated, place);
    }
}

/// Where what belongs to a value begins, and whether it is turned round.
fn before(asked: &Asked<'_>, at: usize, column: &str) -> (usize, bool) {
    let filler = [
        "is", "are", "was", "were", "the", "a", "of", "named", "called", "equal", "equals", "to",
        "as", "column", "with", "in", "from", "on", "by", "for", "at", "be", "been", "located",
        "based", "any", "those", "all", "than", "and", "or",
    ];
    let mut before = at;
    let mut last = at;
    let mut negated = false;
    while before > 0 {
        let token = &asked.tokens[before - 1];
        let not =
            token.kind == Kind::Word && NOT.contains(&token.low.as_str()) || token.text == "!=";
        // "but", "than" and "without" turn round only together with others.
        let weak = token.is(&["but", "than", "apart"]) && token.low != "apart";
        if not {
            negated |= !weak;
            last = before - 1;
        } else if token.is(&["and", "or"]) {
            // "neither A nor B", "not in A or B": the values before it are turned round too.
            let mine = |c: &Condition| c.column == column && ["ne", "not_in"].contains(&c.op);
            let listed = before > 1
                && asked
                    .places
                    .iter()
                    .zip(&asked.query.conditions)
                    .any(|(place, c)| place.end == before - 1 && mine(c));
            negated |= listed;
            break;
        } else if !(token.is(&filler)
            || token.is(lex::ROWS) && !asked.used[before - 1]
            || token.kind == Kind::Sign)
        {
            break;
        }
        before -= 1;
    }
    // "not in A, B": a comma goes on too.
    if !negated && before > 0 && asked.tokens[before - 1].text == "," {
        negated = asked.places.iter().zip(&asked.query.conditions).any(|(place, c)| {
            place.end == before - 1 && c.column == column && ["ne", "not_in"].contains(&c.op)
        });
    }
    let plain = asked
        .mentions
        .iter()
        .any(|m| m.value.is_none() && m.range.end == before && m.column.name == column);
    if plain { (before, negated) } else { (if negated { last.min(at) } else { at }, negated) }
}

/// Several values of one column are any of them.
fn add(
    asked: &mut Asked<'_>,
    column: String,
    value: Value,
    negated: bool,
    place: std::ops::Range<usize>,
) {
    let (one, many) = if negated { ("ne", "not_in") } else { ("eq", "in") };
    let before = asked.query.conditions.iter().position(|c| {
        c.column == column
            && (c.op == one || c.op == many)
            && (c.value.is_string() || c.value.is_array())
    });
    let Some(at) = before else {
        return asked.condition(Condition { column, op: one, value }, place);
    };
    let condition = &mut asked.query.conditions[at];
    let mut all = match condition.value.take() {
        Value::Array(all) => all,
        other => vec![other],
    };
    if !all.contains(&value) {
        all.push(value);
    }
    let single = all.len() == 1;
    condition.op = if single { one } else { many };
    condition.value = if single { all.swap_remove(0) } else { Value::Array(all) };
    asked.places[at].end = place.end;
}

/// "where city is Paris", "customer 'Bob'", "name contains 'x'": a value that the head does not
/// show, beside its column.
fn unseen(asked: &mut Asked<'_>) {
    let named = |m: &&Mention<'_>| m.value.is_none() && (m.exact || m.column.holds == Holds::Words);
    let mentions: Vec<Mention<'_>> = asked.mentions.iter().filter(named).cloned().collect();
    for mention in mentions {
        if asked.used[mention.range.start] {
            continue;
        }
        let mut at = mention.range.end;
        let mut op = None;
        let mut negated = false;
        while let Some(token) = asked.tokens.get(at) {
            if token.is(NOT) && !token.is(&["with", "than", "but"]) || token.text == "!=" {
                negated = true;
                op = op.or(Some("eq"));
            } else if token.is(&["is", "are", "was", "were", "equals", "named", "called"])
                || token.kind == Kind::Sign && token.text.contains('=')
            {
                op = op.or(Some("eq"));
            } else if token.is(&["contain", "containing", "include", "including", "mention"]) {
                op = Some("contains");
            } else if token.is(&["start", "begin", "starting", "beginning"])
                && asked.is(at + 1, &["with", "in"])
            {
                op = Some("starts_with");
                at += 1;
            } else if token.is(&["end", "ending"]) && asked.is(at + 1, &["with", "in"]) {
                op = Some("ends_with");
                at += 1;
            } else if leads_to_part(asked, at) {
                // "whose name starts with": the words between say nothing more.
            } else if !(token.is(&["that", "which", "whose", "name", "do", "does"])
                && asked.is(
                    at + 1,
                    &["contain", "start", "begin", "end", "include", "start", "not", "is"],
                ))
            {
                break;
            }
            at += 1;
        }
        let tokens = asked.tokens;
        let Some(token) = tokens.get(at).filter(|_| !asked.used[at]) else { continue };
        let proper = token.kind == Kind::Word
            && token.text.starts_with(char::is_uppercase)
            && asked.column_at(at).is_none();
        // "Which products were sold": what was done to them is no value; "where status is
        // cancelled" names one.
        let stated = asked.clause.has(&["where", "whose", "with", "is"]);
        let deed = token.low.ends_with("ed") && !stated || token.is(lex::ROWS);
        let word = op.is_some()
            && !deed
            && token.kind == Kind::Word
            && asked.column_at(at).is_none()
            && !token.is(lex::STOP)
            && !token.is(lex::TABLE)
            && !token.is(super::ranking::LARGEST)
            && !token.is(super::ranking::SMALLEST);
        let value = match token.kind {
            Kind::Quoted | Kind::Path => token.text.clone(),
            _ if proper || word => {
                let mut upto = at + 1;
                while asked.tokens.get(upto).is_some_and(|t| {
                    t.kind == Kind::Word
                        && t.text.starts_with(char::is_uppercase)
                        && proper
                        && !asked.used[upto]
                }) {
                    upto += 1;
                }
                let text = asked.tokens[at..upto]
                    .iter()
                    .map(|t| t.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" ");
                asked.take(at..upto);
                text
            }
            _ => continue,
        };
        asked.take(mention.range.start..at + 1);
        let op = match (op.unwrap_or("eq"), negated) {
            ("eq", true) => "ne",
            ("contains", true) => "not_contains",
            ("starts_with" | "ends_with", true) => continue,
            (op, _) => op,
        };
        let op = match op {
            "eq" if only_part(mention.column, &value) => "contains",
            "ne" if only_part(mention.column, &value) => "not_contains",
            op => op,
        };
        let column = mention.column.name.clone();
        asked.condition(Condition { column, op, value: json!(value) }, mention.range.start..at + 1);
    }
}

/// Whether the words from `at` only lead to "starts with", "contains" or "ends with".
fn leads_to_part(asked: &Asked<'_>, at: usize) -> bool {
    let leads =
        ["that", "which", "whose", "name", "names", "title", "with", "a", "the", "do", "does"];
    let part = ["contain", "start", "begin", "end", "include"];
    let mut next = at;
    while asked.is(next, &leads) {
        next += 1;
    }
    next > at && next < at + 5 && asked.is(next, &part)
}

/// "named Abel" where values are full names: one of their words, and no value whole.
fn only_part(column: &super::sniff::Column, value: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
    };
    let said = words(value);
    column.holds == Holds::Words
        && !column.values.iter().any(|v| v.eq_ignore_ascii_case(value))
        && column.values.iter().any(|v| words(v).windows(said.len()).any(|w| w == said))
}

/// "in Porto or about Toys": conditions on two columns of which one is enough.
pub(super) fn either(asked: &mut Asked<'_>) -> Result<(), Unable> {
    for at in 0..asked.tokens.len() {
        if asked.used[at] || asked.tokens[at].low != "or" {
            continue;
        }
        let left = asked
            .places
            .iter()
            .position(|p| p.end <= at && (p.end..at).all(|i| asked.used[i] || filler(asked, i)));
        let right = asked.places.iter().position(|p| {
            p.start > at && (at + 1..p.start).all(|i| asked.used[i] || filler(asked, i))
        });
        // "Porto or Faro" became one condition already.
        if asked.places.iter().any(|p| p.start < at && at < p.end) {
            asked.used[at] = true;
            continue;
        }
        let (Some(left), Some(right)) = (left, right) else { continue };
        let negative = |c: &Condition| ["ne", "not_in", "not_contains"].contains(&c.op);
        let pair = [left, right].map(|i| asked.query.conditions[i].clone());
        if pair.iter().any(negative) || asked.query.conditions.len() > 2 {
            return Err(asked.unclear("how far “or” reaches"));
        }
        asked.used[at] = true;
        asked.query.conditions.clear();
        asked.places.clear();
        asked.query.any.push(pair.to_vec());
    }
    Ok(())
}

fn filler(asked: &Asked<'_>, at: usize) -> bool {
    asked.tokens[at].is(lex::STOP)
        || asked.tokens[at].is(lex::ROWS)
        || asked.names_rows(&asked.tokens[at])
}

/// "compare Porto and Lisbon", "did A or B make more": each value has a figure of its own.
pub(super) fn side_by_side(asked: &mut Asked<'_>) {
    let compares = asked.clause.has(&["compare", "comparison", "versus", "vs", "contrast"]);
    let or = asked.tokens.iter().any(|t| t.low == "or");
    let more = [
        "more", "less", "fewer", "higher", "lower", "better", "worse", "bigger", "larger",
        "greater",
    ];
    let chooses = or && asked.clause.has(&more);
    if !compares && !chooses {
        return;
    }
    let several = asked.query.conditions.iter().find(|c| {
        c.op == "in"
            && c.value.as_array().is_some_and(|v| v.len() > 1)
            && asked.known.columns.iter().any(|k| k.name == c.column && k.holds == Holds::Words)
    });
    let Some(column) = several.map(|c| c.column.clone()) else { return };
    asked.group(Group { column, unit: None });
    for at in 0..asked.tokens.len() {
        let compares = ["compare", "comparison", "versus", "vs", "contrast"];
        if asked.free(at, &compares) || chooses && asked.free(at, &more) {
            asked.used[at] = true;
        }
    }
}
