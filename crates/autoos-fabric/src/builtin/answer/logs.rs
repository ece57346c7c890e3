//! Answers about logs: the distinct errors, and logs set side by side.

use super::{Part, count, figure, line, several, string, wrap};
use crate::builtin::{lexicon as lex, words};
use serde_json::{Value, json};
use std::fmt::Write as _;

const WIDTH: usize = 98;
/// Families told in full; the gravest come first.
const LISTED: usize = 12;
/// Families told in a line each come after those, up to here.
const SHORT: usize = 60;
/// Warnings told when nobody asked for them.
const WARNINGS: usize = 3;

/// The report on one log.
pub(super) fn section(part: &Part<'_>, intent: &str) -> String {
    let report = part.value;
    let total = count(report, "/errors/total");
    let mut out = format!("## Errors in {}\n\n{}\n", part.label, wrap(&summary(part), "", WIDTH));
    let asks_warnings = asks(&[intent, part.asked], &["warning", "warn"]);
    let errors = families(report, "/errors/families");
    let (errors, note) = focus(&errors, &[intent, part.asked], &part.label);
    if let Some(note) = note {
        let _ = write!(out, "\n{note}\n");
    }
    for (at, family) in errors.iter().take(LISTED).enumerate() {
        let _ = write!(out, "\n{}", told(at + 1, family));
    }
    if errors.len() > LISTED {
        out.push('\n');
        for (at, family) in errors.iter().enumerate().take(SHORT).skip(LISTED) {
            let _ = writeln!(out, "{}", headline(at + 1, family));
        }
    }
    if count(report, "/errors/distinct") > errors.len().min(SHORT) as u64 {
        let _ = write!(out, "\nThe gravest are listed; there are more in the log.\n");
    }
    let warnings = families(report, "/warnings/families");
    let most = if asks_warnings { LISTED } else { WARNINGS };
    if !warnings.is_empty() && (asks_warnings || total == 0) {
        let _ = write!(out, "\nWarnings:\n");
        for (at, family) in warnings.iter().take(most).enumerate() {
            let _ = write!(out, "\n{}", told(at + 1, family));
        }
    }
    out.trim_end().to_owned()
}

/// How many, of how many, when.
fn summary(part: &Part<'_>) -> String {
    let report = part.value;
    let total = count(report, "/errors/total");
    let distinct = count(report, "/errors/distinct");
    let warnings = count(report, "/warnings/total");
    let records = count(report, "/records");
    let mut out = String::new();
    if total == 0 {
        let _ = write!(
            out,
            "No errors among the {} records of {}",
            figure(&json!(records)),
            part.label
        );
    } else {
        let _ = write!(
            out,
            "{} {} in {}: {} distinct {}, among {} records",
            figure(&json!(total)),
            several(total, "error", "errors"),
            part.label,
            figure(&json!(distinct)),
            several(distinct, "kind", "kinds"),
            figure(&json!(records)),
        );
    }
    let (first, last) = (string(report, "/span/first"), string(report, "/span/last"));
    if !first.is_empty() {
        let _ = write!(out, " from {first} to {last}");
    }
    let _ = match warnings {
        0 => write!(out, "; no warnings."),
        n => write!(out, "; {} {}.", figure(&json!(n)), several(n, "warning", "warnings")),
    };
    for (field, what) in [
        ("/cut_lines", "lines were too long and cut"),
        ("/skipped_records", "records were outside the time asked for"),
    ] {
        if count(report, field) > 0 {
            let _ = write!(out, " {} {what}.", figure(&json!(count(report, field))));
        }
    }
    out
}

fn families(report: &Value, pointer: &str) -> Vec<Value> {
    report.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The first line on a family.
fn headline(number: usize, family: &Value) -> String {
    format!(
        "{number}. {} × {}: {}",
        string(family, "/severity").to_uppercase(),
        figure(&json!(count(family, "/count"))),
        line(string(family, "/template"), WIDTH - 20)
    )
}

/// One family: count, times, example, diagnosis.
fn told(number: usize, family: &Value) -> String {
    let n = count(family, "/count");
    let mut out = headline(number, family) + "\n";
    let place = |which: &str| {
        let time = string(family, &format!("/{which}/time"));
        let at = format!("line {}", count(family, &format!("/{which}/line")));
        if time.is_empty() { at } else { format!("{time} ({at})") }
    };
    let mut when = if n > 1 {
        format!("First {}, last {}", place("first"), place("last"))
    } else {
        format!("Once, {}", place("first"))
    };
    if !string(family, "/source").is_empty() {
        let _ = write!(when, ", from {}", string(family, "/source"));
    }
    let _ = writeln!(out, "{}", wrap(&(when + "."), "   ", WIDTH));
    let example = line(string(family, "/example"), WIDTH - 14);
    if !example.is_empty() {
        let _ = writeln!(out, "   Example: {}", ticked(&example));
    }
    if !string(family, "/diagnosis").is_empty() {
        let _ = writeln!(out, "{}", wrap(string(family, "/diagnosis"), "   ", WIDTH));
    }
    out
}

/// A quote that may hold backticks itself.
pub(super) fn ticked(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

/// Words of the question that are no words of the job: they narrow it. The families that mention
/// one of them, and a sentence about that.
fn focus(families: &[Value], asked: &[&str], label: &str) -> (Vec<Value>, Option<String>) {
    let known = lex::all();
    let mut words: Vec<String> = Vec::new();
    for token in asked.iter().flat_map(|text| words::tokens(text)) {
        let plain =
            matches!(token.kind, words::Kind::Word | words::Kind::Quoted) && token.low.len() > 2;
        let meant = plain
            && !known.iter().any(|w| *w == token.low || words::stem(w) == token.stem)
            && token.low != label.trim_matches('`').to_lowercase();
        let near = known.iter().any(|w| w.len() > 4 && words::distance(w, &token.low) <= 1);
        if meant && !near && !words.contains(&token.low) {
            words.push(token.low);
        }
    }
    let text = |family: &Value| {
        let fields = ["/template", "/example", "/source", "/kind"];
        fields.iter().map(|f| string(family, f)).collect::<Vec<_>>().join(" ").to_lowercase()
    };
    let matching = |word: &String| families.iter().any(|f| text(f).contains(word.as_str()));
    let hits: Vec<&String> = words.iter().filter(|w| matching(w)).collect();
    if hits.is_empty() || families.is_empty() {
        return (families.to_vec(), None);
    }
    let (mut with, without): (Vec<Value>, Vec<Value>) =
        families.iter().cloned().partition(|f| hits.iter().any(|w| text(f).contains(w.as_str())));
    if without.is_empty() {
        return (with, None);
    }
    let named = hits.iter().map(|w| w.as_str()).collect::<Vec<_>>().join(", ");
    with.extend(without);
    (with, Some(format!("Those that mention {named} come first.")))
}

fn asks(texts: &[&str], wanted: &[&str]) -> bool {
    texts.iter().any(|t| words::tokens(t).iter().any(|w| w.is(wanted)))
}

/// Which of several logs has more errors, and each log's figures in a table.
pub(super) fn compare(parts: &[&Part<'_>], intent: &str) -> String {
    let warnings = asks(&[intent], &["warning", "warn"])
        && !asks(&[intent], &["error", "failure", "problem", "exception"]);
    let (pointer, one, many) = if warnings {
        ("/warnings/total", "warning", "warnings")
    } else {
        ("/errors/total", "error", "errors")
    };
    let mut ranked: Vec<(&str, u64)> =
        parts.iter().map(|p| (p.label.as_str(), count(p.value, pointer))).collect();
    ranked.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let word = |n: u64| format!("{} {}", figure(&json!(n)), several(n, one, many));
    let (most, n) = ranked[0];
    let verdict = match ranked.as_slice() {
        [(_, 0), ..] => format!("None of the logs has {many}."),
        [(_, first), (_, second), ..] if first == second => {
            let equal: Vec<&str> =
                ranked.iter().filter(|(_, m)| m == first).map(|(l, _)| *l).collect();
            format!(
                "{} have equally many {many}: {} each.",
                equal.join(" and "),
                figure(&json!(first))
            )
        }
        [_, (other, m)] => {
            format!("{most} had more {many}: {}, against {} in {other}.", word(n), word(*m))
        }
        [_, rest @ ..] => {
            let others: Vec<String> =
                rest.iter().map(|(l, m)| format!("{} in {l}", word(*m))).collect();
            format!("{most} had the most {many}: {}, against {}.", word(n), others.join(" and "))
        }
        [] => String::new(),
    };
    let header = ["log", "records", "errors", "distinct", "warnings"].map(str::to_owned).to_vec();
    let rows = parts.iter().map(|p| {
        let n = |pointer: &str| figure(&json!(count(p.value, pointer)));
        vec![
            p.label.trim_matches('`').to_owned(),
            n("/records"),
            n("/errors/total"),
            n("/errors/distinct"),
            n("/warnings/total"),
        ]
    });
    format!("{verdict}\n\n{}", super::table::grid(&header, &rows.collect::<Vec<_>>(), WIDTH))
}
