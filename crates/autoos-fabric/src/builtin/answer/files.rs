//! Answers about files and addresses: what was found, listed, asked, written.

use super::{Part, count, figure, line, logs::ticked, several, string};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Matches and entries that are shown.
const SHOWN: usize = 40;

/// Where a pattern stands.
pub(super) fn matches(part: &Part<'_>) -> String {
    let output = part.value;
    let results: Vec<&Value> = output["results"]
        .as_array()
        .or(output["matches"].as_array())
        .into_iter()
        .flatten()
        .collect();
    let all = output["matches"].as_u64().unwrap_or(results.len() as u64);
    let mut out = format!("## Search in {}\n\n", part.label);
    if all == 0 {
        let _ = write!(
            out,
            "No line matches, of {} searched.",
            figure(&json!(count(output, "/lines_searched")))
        );
    } else {
        let _ =
            write!(out, "{} {}", figure(&json!(all)), several(all, "line matches", "lines match"));
        if count(output, "/files_searched") > 1 {
            let _ = write!(
                out,
                ", in {} files searched",
                figure(&json!(count(output, "/files_searched")))
            );
        }
        let _ =
            writeln!(out, ", of {} lines read.", figure(&json!(count(output, "/lines_searched"))));
    }
    let one_file = results.windows(2).all(|w| w[0]["path"] == w[1]["path"])
        && count(output, "/files_searched") < 2;
    for result in results.iter().take(SHOWN) {
        let path = if one_file { "" } else { string(result, "/path") };
        let at = figure_plain(count(result, "/line"));
        let place = if path.is_empty() { format!("line {at}") } else { format!("{path}:{at}") };
        let _ = write!(
            out,
            "\n- {place}: {}",
            ticked(&line(
                string(result, "/text"),
                90usize.saturating_sub(place.chars().count().min(50))
            ))
        );
    }
    if results.len() > SHOWN || output["truncated"] == json!(true) {
        out.push_str("\n… and more in the tool's output.");
    }
    for (field, what) in [
        ("/unreadable", "could not be read"),
        ("/binary_skipped", "are no text and were passed over"),
    ] {
        if count(output, field) > 0 {
            let _ = write!(out, "\n{} files {what}.", figure(&json!(count(output, field))));
        }
    }
    out
}

/// Line numbers are not set apart by thousands: `app.log:12345` is meant to be clicked.
fn figure_plain(n: u64) -> String {
    n.to_string()
}

/// A folder's entries.
pub(super) fn listing(part: &Part<'_>) -> String {
    let output = part.value;
    let entries: Vec<&Value> = output["entries"].as_array().into_iter().flatten().collect();
    let all = output["matched"].as_u64().unwrap_or(entries.len() as u64);
    let mut out = format!(
        "## {}\n\n{} {}.\n",
        part.label,
        figure(&json!(all)),
        several(all, "entry", "entries")
    );
    for entry in entries.iter().take(SHOWN) {
        let name = entry.as_str().unwrap_or_else(|| string(entry, "/name"));
        let size = match entry.get("size").and_then(Value::as_u64) {
            Some(size) if string(entry, "/kind") == "file" => {
                format!(", {} bytes", figure(&json!(size)))
            }
            _ => String::new(),
        };
        let kind = string(entry, "/kind");
        let kind = if kind.is_empty() { String::new() } else { format!(" ({kind}{size})") };
        let _ = write!(out, "\n- {}{kind}", line(name, 80));
    }
    if entries.len() > SHOWN || output["truncated"] == json!(true) {
        out.push_str("\n… and more in the tool's output.");
    }
    out
}

/// How an address answered.
pub(super) fn response(part: &Part<'_>) -> String {
    let output = part.value;
    let url = string(output, "/url");
    let Some(status) = output["status"].as_u64() else {
        let error = string(output, "/error");
        let why = if error.is_empty() { String::new() } else { format!(": {}", line(error, 200)) };
        return format!("{url} does not answer{why}.");
    };
    let passed = output["passed"].as_bool().unwrap_or(status < 400);
    let reason = string(output, "/reason");
    let reason = if reason.is_empty() { String::new() } else { format!(" {reason}") };
    let latency = match output["latency_ms"].as_u64() {
        Some(ms) => format!(" after {} ms", figure(&json!(ms))),
        None => String::new(),
    };
    let mut out = format!(
        "{url} {}: status {status}{reason}{latency}.",
        if passed { "is up" } else { "answers, and not as it should" }
    );
    let last = string(output, "/final_url");
    if !last.is_empty() && last.trim_end_matches('/') != url.trim_end_matches('/') {
        let _ = write!(out, " It redirects to {last}.");
    }
    for check in
        output["checks"].as_array().into_iter().flatten().filter(|c| c["passed"] == json!(false))
    {
        let shown = |v: &Value| v.as_str().map_or_else(|| v.to_string(), |t| line(t, 100));
        let _ = write!(
            out,
            "\n- check {} failed: expected {}, was {}",
            string(check, "/check"),
            shown(&check["expected"]),
            shown(&check["actual"])
        );
    }
    out
}

/// What was written where.
pub(super) fn written(part: &Part<'_>) -> String {
    let output = part.value;
    format!(
        "Written to {}: {} bytes.",
        string(output, "/path"),
        figure(&json!(count(output, "/bytes_written").max(count(output, "/written"))))
    )
}
