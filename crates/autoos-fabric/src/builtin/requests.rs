//! What only records of logs have: status codes ("404s", "5xx"), addresses, times of day.

use super::{
    asked::Asked, log_table, question::Condition, sniff::Form, unable::Unable, words::Kind,
};
use serde_json::json;

pub(super) fn read(asked: &mut Asked<'_>) -> Result<(), Unable> {
    if asked.known.form != Form::Log {
        return Ok(());
    }
    if asked.clause.has(&["previous", "recent", "ago", "today", "yesterday"])
        && asked.clause.has(&[
            "second",
            "minute",
            "hour",
            "day",
            "week",
            "month",
            "today",
            "yesterday",
        ])
    {
        return Err(asked.unclear(
            "when that was: the rules know no present; give times as the log writes them",
        ));
    }
    if log_table::is_access(asked.known) {
        statuses(asked);
        addresses(asked);
    } else {
        levels(asked);
    }
    clocks(asked)
}

fn statuses(asked: &mut Asked<'_>) {
    for at in 0..asked.tokens.len() {
        if asked.used[at] {
            continue;
        }
        let token = &asked.tokens[at];
        let next = asked.tokens.get(at + 1);
        // "5xx" falls into a figure and a word.
        let class = match (&token.kind, next) {
            (Kind::Number(n), Some(next)) if next.low == "xx" && next.at == token.end => Some(*n),
            _ => token.low.strip_suffix("xx").and_then(|d| d.parse().ok()),
        };
        if let Some(class) = class.filter(|c| (1.0..=5.0).contains(c)) {
            let split = matches!(token.kind, Kind::Number(_));
            let value = json!([class as i64 * 100, class as i64 * 100 + 99]);
            take(
                asked,
                at..at + 1 + usize::from(split),
                Condition { column: "status".into(), op: "between", value },
            );
            continue;
        }
        let digits: String = token.low.chars().take_while(char::is_ascii_digit).collect();
        let rest = &token.low[digits.len()..];
        let Ok(code) = digits.parse::<i64>() else { continue };
        let compared = at > 0
            && asked.is(
                at - 1,
                &[
                    "than", "over", "above", "below", "under", "top", "first", "last", "between",
                    "and",
                ],
            )
            && !asked.is(at - 1, &["and"])
            || at > 1 && asked.is(at - 1, &["least", "most"]) && asked.is(at - 2, &["at"]);
        if (100..600).contains(&code) && ["", "s", "er", "ers"].contains(&rest) && !compared {
            take(
                asked,
                at..at + 1,
                Condition { column: "status".into(), op: "eq", value: json!(code) },
            );
        }
    }
}

/// The words beside a status say nothing more; a second status is one more of several.
fn take(asked: &mut Asked<'_>, mut place: std::ops::Range<usize>, condition: Condition) {
    let words = [
        "status",
        "code",
        "http",
        "with",
        "a",
        "returned",
        "response",
        "answered",
        "of",
        "failed",
        "that",
        "returning",
        "got",
    ];
    while place.start > 0 && asked.is(place.start - 1, &words) && !asked.used[place.start - 1] {
        place.start -= 1;
    }
    let after = ["status", "code", "error", "response", "s"];
    while asked.free(place.end, &after)
        || asked.tokens.get(place.end).is_some_and(|t| t.low == "s" || t.low == "'s")
    {
        place.end += 1;
    }
    asked.take(place.clone());
    let before = asked
        .query
        .conditions
        .iter()
        .position(|c| c.column == "status" && ["eq", "in"].contains(&c.op));
    if let Some(at) = before.filter(|_| condition.op == "eq") {
        let one = &mut asked.query.conditions[at];
        let mut all = match one.value.take() {
            serde_json::Value::Array(all) => all,
            other => vec![other],
        };
        all.push(condition.value);
        one.op = "in";
        one.value = serde_json::Value::Array(all);
        asked.places[at].end = place.end;
        return;
    }
    asked.condition(condition, place);
}

/// "from 10.0.0.7": an address stands for itself, whether or not the head shows it.
fn addresses(asked: &mut Asked<'_>) {
    for at in 0..asked.tokens.len() {
        let text = asked.tokens[at].text.trim_end_matches('.');
        if asked.used[at] || text.parse::<std::net::IpAddr>().is_err() {
            continue;
        }
        let value = json!(text);
        asked.take(at..at + 1);
        asked.condition(Condition { column: "ip".into(), op: "eq", value }, at..at + 1);
    }
}

/// "errors" are what is at least as grave as one.
fn levels(asked: &mut Asked<'_>) {
    for at in 0..asked.tokens.len() {
        if !asked.free(at, &["error", "failure"]) {
            continue;
        }
        asked.take(at..at + 1);
        let value = json!(["error", "critical"]);
        asked.condition(Condition { column: "level".into(), op: "in", value }, at..at + 1);
        asked.mentions.retain(|m| m.range.start != at);
        return;
    }
}

/// "between 10:00 and 11:00", "after 09:30": a time of day.
fn clocks(asked: &mut Asked<'_>) -> Result<(), Unable> {
    let clock = |asked: &Asked<'_>, at: usize| -> Option<String> {
        let token = asked.tokens.get(at).filter(|t| t.kind == Kind::Date && !asked.used[at])?;
        let text = &token.text;
        (text.len() <= 8 && text.contains(':')).then(|| format!("{text:0>5}"))
    };
    let mut at = 0;
    while at + 1 < asked.tokens.len() {
        let op = [
            ("between", "between"),
            ("from", "between"),
            ("after", "gte"),
            ("since", "gte"),
            ("before", "lt"),
            ("until", "lt"),
            ("at", "starts_with"),
        ];
        let Some((_, op)) = op.iter().find(|(word, _)| asked.free(at, &[word])) else {
            at += 1;
            continue;
        };
        let Some(first) = clock(asked, at + 1) else {
            at += 1;
            continue;
        };
        if *op == "between" {
            let joined = asked.is(at + 2, &["and", "to", "until", "till"]);
            let Some(second) = clock(asked, at + 3).filter(|_| joined) else {
                return Err(asked.unclear("when the stretch ends"));
            };
            // From the first moment to before the second.
            asked.take(at..at + 4);
            asked.condition(
                Condition { column: "clock".into(), op: "gte", value: json!(first) },
                at..at + 4,
            );
            asked.condition(
                Condition { column: "clock".into(), op: "lt", value: json!(second) },
                at..at + 4,
            );
        } else {
            asked.take(at..at + 2);
            asked.condition(
                Condition { column: "clock".into(), op, value: json!(first) },
                at..at + 2,
            );
        }
        at += 2;
    }
    Ok(())
}
