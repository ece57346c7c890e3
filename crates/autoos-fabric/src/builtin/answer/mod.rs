//! Writes the answer from the tools' outputs, and from nothing else.
//!
//! An output is recognised by its fields, so that a plan written by a person or a model is served
//! too. Every figure, name and quote in the text is taken from an output; the text around them is
//! made so that the grounding check finds each at its place. Left out: causes and advice.

mod files;
mod logs;
mod table;
mod text;

use super::unable::{MODEL, Unable};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// A part of the answer for one input: what was asked of it, and what came.
pub(super) struct Part<'a> {
    /// The input's name without the tool's verb, marked as a name.
    pub(super) label: String,
    /// The words that asked for it.
    pub(super) asked: &'a str,
    /// The output.
    pub(super) value: &'a Value,
}

/// What an output is, by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Log,
    Table,
    Summary,
    Matches,
    Listing,
    Content,
    Response,
    Verdict,
    Written,
}

/// The kind of an output, when a tool of this node makes such ones.
pub(super) fn shape(value: &Value) -> Option<Shape> {
    let has = |fields: &[&str]| fields.iter().all(|f| value.get(f).is_some());
    let any = |fields: &[&str]| fields.iter().any(|f| value.get(f).is_some());
    Some(match () {
        () if has(&["records", "errors", "severities"]) => Shape::Log,
        () if has(&["columns", "rows", "matched"]) => Shape::Table,
        () if has(&["supported", "confidence"]) => Shape::Verdict,
        () if any(&["sentences", "summary"]) => Shape::Summary,
        () if has(&["matches"]) => Shape::Matches,
        () if has(&["entries"]) => Shape::Listing,
        () if has(&["status"]) && any(&["url", "headers", "body"]) => Shape::Response,
        () if any(&["written", "bytes_written"]) => Shape::Written,
        () if any(&["text", "content", "lines"]) => Shape::Content,
        () => return None,
    })
}

/// One answer of all inputs.
pub(super) fn write(
    intent: &str,
    instruction: &str,
    inputs: &Map<String, Value>,
) -> Result<String, Unable> {
    if inputs.is_empty() {
        return Err(Unable::new(
            "there is nothing to answer from",
            ["the output of a tool as an input"],
        ));
    }
    let parts: Vec<Part<'_>> = inputs
        .iter()
        .map(|(name, value)| Part {
            label: format!("`{}`", label(name)),
            asked: asked(instruction, name).unwrap_or(intent),
            value,
        })
        .collect();
    let mut sections = Vec::new();
    let logs: Vec<&Part<'_>> =
        parts.iter().filter(|p| shape(p.value) == Some(Shape::Log)).collect();
    if logs.len() > 1 {
        sections.push(logs::compare(&logs, intent));
    }
    for part in &parts {
        let section = match shape(part.value) {
            Some(Shape::Log) => logs::section(part, intent),
            Some(Shape::Table) => table::section(part),
            Some(Shape::Summary) => text::summary(part),
            Some(Shape::Matches) => files::matches(part),
            Some(Shape::Listing) => files::listing(part),
            Some(Shape::Content) => text::content(part),
            Some(Shape::Response) => files::response(part),
            Some(Shape::Written) => files::written(part),
            Some(Shape::Verdict) => continue,
            None => plain(part)?,
        };
        sections.push(section);
    }
    if sections.is_empty() {
        return Err(Unable::new(
            "the inputs hold only verdicts, and no output to answer from",
            ["the outputs that were verified as inputs too"],
        ));
    }
    Ok(sections.join("\n\n"))
}

/// The context's name in a step's: `analyze-web` is about `web`.
fn label(name: &str) -> &str {
    const VERBS: [&str; 7] =
        ["analyze-", "query-", "summarize-", "search-", "list-", "read-", "get-"];
    VERBS.iter().find_map(|v| name.strip_prefix(v)).filter(|l| !l.is_empty()).unwrap_or(name)
}

/// What the instruction says was asked of this input: a line `- NAME: …`.
fn asked<'a>(instruction: &'a str, name: &str) -> Option<&'a str> {
    instruction
        .lines()
        .find_map(|line| line.strip_prefix("- ")?.strip_prefix(name)?.strip_prefix(": "))
}

/// An output that no rule knows, as it is, when it is short enough to be read.
fn plain(part: &Part<'_>) -> Result<String, Unable> {
    let text = match part.value {
        Value::String(text) => text.clone(),
        Value::Null => "nothing".into(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    if text.len() > 20_000 {
        return Err(Unable::new(format!("no rule here reads the output {}", part.label), [MODEL]));
    }
    Ok(format!("## {}\n\n{text}", part.label))
}

/// A figure as it is read: thousands apart, at most two decimals unless it is small.
pub(super) fn figure(value: &Value) -> String {
    if let Some(n) = value.as_u64() {
        return thousands(&n.to_string());
    }
    if let Some(n) = value.as_i64() {
        return format!("-{}", thousands(&n.unsigned_abs().to_string()));
    }
    match value {
        Value::Number(n) => {
            let n = n.as_f64().unwrap_or_default();
            if n.abs() < 0.01 && n != 0.0 || n.abs() >= 1e15 {
                return n.to_string();
            }
            // Half of a cent goes up, as people round.
            let text = format!("{:.2}", (n.abs() * 100.0).round() / 100.0);
            let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
            let part = part.trim_end_matches('0');
            let sign = if n < 0.0 { "-" } else { "" };
            let dot = if part.is_empty() { "" } else { "." };
            format!("{sign}{}{dot}{part}", thousands(whole))
        }
        Value::String(text) => text.clone(),
        Value::Null => "–".into(),
        other => other.to_string(),
    }
}

fn thousands(digits: &str) -> String {
    if digits.len() <= 3 {
        return digits.to_owned();
    }
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// The words that follow a figure: `1 error`, `2 errors`.
pub(super) fn several<'a>(n: u64, one: &'a str, many: &'a str) -> &'a str {
    if n == 1 { one } else { many }
}

/// One line of at most `most` characters, control characters shown as blanks; what is cut is said
/// to be by `…`.
pub(super) fn line(text: &str, most: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if clean.chars().count() <= most {
        return clean;
    }
    clean.chars().take(most.saturating_sub(1)).collect::<String>().trim_end().to_owned() + "…"
}

/// Breaks `text` at blanks, every line after `indent`.
pub(super) fn wrap(text: &str, indent: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in unbroken(text) {
        let long = word.chars().count();
        if used == 0 {
            let _ = write!(out, "{indent}{word}");
            used = indent.len() + long;
        } else if used + 1 + long > width {
            let _ = write!(out, "\n{indent}{word}");
            used = indent.len() + long;
        } else {
            let _ = write!(out, " {word}");
            used += 1 + long;
        }
    }
    out
}

/// The words of a text; what stands between quotation marks stays in one piece while it is short.
fn unbroken(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut open = false;
    for word in text.split_whitespace() {
        let marks = word.matches(['"', '`', '“', '”']).count();
        match out.last_mut().filter(|last| open && last.len() < 70) {
            Some(last) => {
                last.push(' ');
                last.push_str(word);
            }
            None => out.push(word.to_owned()),
        }
        open ^= marks % 2 == 1;
    }
    out
}

/// A number at `pointer`, zero when there is none.
pub(super) fn count(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// A text at `pointer`, empty when there is none.
pub(super) fn string<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}
