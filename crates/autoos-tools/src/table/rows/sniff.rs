//! Finding out what a table is written in, from its beginning.

use super::{Format, bounded};
use crate::Failure;
use std::io::BufRead;

/// Rows that are looked at.
const ROWS: usize = 30;

/// The beginning of the input, which stays to be read.
pub(super) fn sample(input: &mut impl BufRead) -> Result<Vec<u8>, Failure> {
    let begin = input.fill_buf().map_err(|error| bounded::failure(&error))?;
    let begin = &begin[..begin.len().min(64 * 1024)];
    if begin.contains(&0) {
        return Err(Failure::Invalid(
            "this is no text: it holds NUL bytes; give CSV, TSV, JSON or JSON lines in UTF-8"
                .to_owned(),
        ));
    }
    Ok(begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin).to_owned())
}

/// The format by what the text looks like, and by the file's name only between CSV and TSV.
pub(super) fn format(name: Option<&str>, sample: &[u8]) -> Format {
    let text = String::from_utf8_lossy(sample);
    let trimmed = text.trim_start();
    if trimmed.starts_with('{') {
        return if first_line_is_a_value(trimmed) { Format::Jsonl } else { Format::Json };
    }
    // A CSV file may begin with a bracket too; JSON goes on with a value or the end.
    if let Some(inside) = trimmed.strip_prefix('[') {
        let next = inside.trim_start().chars().next();
        let json = matches!(next, Some('{' | '[' | ']' | '"' | '-' | '0'..='9' | 't' | 'f' | 'n'));
        let lines = first_line_is_a_value(trimmed) && trimmed.trim_end().contains('\n');
        if json && !lines {
            return Format::Json;
        }
    }
    let extension = name.and_then(|name| name.rsplit('.').next()).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("tsv" | "tab") => Format::Tsv,
        Some("csv") => Format::Csv,
        _ if delimiter(sample) == b'\t' => Format::Tsv,
        _ => Format::Csv,
    }
}

/// Whether the first line is a whole value, and not the first of a value spread over lines.
fn first_line_is_a_value(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let more = text.trim_end().contains('\n');
    more && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
}

/// The delimiter that splits the most of the first rows into as many cells as the first one.
pub(super) fn delimiter(sample: &[u8]) -> u8 {
    let mut best = (b',', 0);
    for candidate in [b',', b'\t', b';', b'|'] {
        let widths = widths(sample, candidate);
        let first = widths.first().copied().unwrap_or(1);
        if first < 2 {
            continue;
        }
        let alike = widths.iter().filter(|width| **width == first).count();
        // Agreement first; among equals the one that splits further.
        let score = alike * 1000 / widths.len() * 1000 + first.min(999);
        if score > best.1 {
            best = (candidate, score);
        }
    }
    best.0
}

fn widths(sample: &[u8], delimiter: u8) -> Vec<usize> {
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(sample);
    let mut widths: Vec<usize> =
        reader.byte_records().take(ROWS).map_while(Result::ok).map(|row| row.len()).collect();
    // The last one may be cut by the end of the sample.
    if widths.len() > 1 && widths.len() < ROWS && !sample.ends_with(b"\n") {
        widths.pop();
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (text, wanted) in [
            ("a,b\n1,2\n", Format::Csv),
            ("a\tb\n1\t2\n", Format::Tsv),
            ("[{\"a\":1}]", Format::Json),
            ("[\n  {\"a\":1}\n]", Format::Json),
            ("{\"a\":1}", Format::Json),
            ("{\n\"rows\":[{\"a\":1}]}", Format::Json),
            ("{\"a\":1}\n{\"a\":2}\n", Format::Jsonl),
            ("[level],[text]\n[info],[x]\n", Format::Csv),
        ] {
            assert_eq!(format(None, text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn delimiters() {
        for (text, wanted) in [
            ("a;b\n1,5;2,5\n3;4\n", b';'),
            ("a|b\n1|2", b'|'),
            ("name,note\nx,\"a;b;c\"\ny,\"d;e\"\n", b','),
            ("one\ntwo\n", b','),
        ] {
            assert_eq!(delimiter(text.as_bytes()), wanted, "{text}");
        }
    }
}
