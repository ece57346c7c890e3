//! Answers about texts: their telling sentences, and texts as they are.

use super::{Part, count, figure, several, string, wrap};
use serde_json::{Value, json};
use std::fmt::Write as _;

const WIDTH: usize = 98;

/// The telling sentences, word for word.
pub(super) fn summary(part: &Part<'_>) -> String {
    let output = part.value;
    let sentences: Vec<&str> = match output.get("sentences").and_then(Value::as_array) {
        Some(list) => {
            list.iter().filter_map(|s| s.as_str().or_else(|| s.get("text")?.as_str())).collect()
        }
        None => vec![string(output, "/summary")],
    };
    if sentences.is_empty() {
        return format!("## Summary of {}\n\nThe text has no sentences.", part.label);
    }
    let mut out = format!("## Summary of {}\n", part.label);
    for sentence in &sentences {
        let _ = write!(out, "\n- {}", wrap(sentence, "  ", WIDTH).trim_start());
    }
    let all = count(output, "/total_sentences");
    if all > sentences.len() as u64 {
        let _ = write!(
            out,
            "\n\nTaken word for word out of {} {}.",
            figure(&json!(all)),
            several(all, "sentence", "sentences")
        );
    }
    let words: Vec<&str> = output["keywords"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|k| k.get("word")?.as_str())
        .take(8)
        .collect();
    if !words.is_empty() {
        let _ = write!(
            out,
            "\n{}",
            wrap(&format!("Words that carry it: {}.", words.join(", ")), "", WIDTH)
        );
    }
    if output["truncated"] == json!(true) {
        out.push_str("\nThe text is longer than what was read of it.");
    }
    out
}

/// A text as it is, up to a bound.
pub(super) fn content(part: &Part<'_>) -> String {
    const MOST: usize = 8_000;
    let output = part.value;
    let text = ["/text", "/content"]
        .iter()
        .map(|p| string(output, p))
        .find(|t| !t.is_empty())
        .unwrap_or_default();
    if text.is_empty() {
        return format!("## {}\n\nIt is empty.", part.label);
    }
    let cut: String = text.chars().take(MOST).collect();
    let more = cut.len() < text.len() || !output["next_offset"].is_null();
    let end = if more { "\n\n… and more; `fs.read` with an offset shows the rest." } else { "" };
    format!("## {}\n\n{}{end}", part.label, cut.trim_end())
}
