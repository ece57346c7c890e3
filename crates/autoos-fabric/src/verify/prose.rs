//! Where lines, quotes, sentences and clauses of an answer begin and end. Places only: what they
//! claim is read in [`super::claims`].

use super::atoms::{Atom, What};
use std::ops::Range;

pub(super) fn lines(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        out.push(start..start + content.len());
        start += line.len();
    }
    out
}

/// The length of `- `, `* ` or `12. ` at the beginning of a line.
pub(super) fn marker(line: &str) -> usize {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0
        && digits <= 3
        && (line[digits..].starts_with(". ") || line[digits..].starts_with(") "))
    {
        return digits + 2;
    }
    if line.starts_with("- ") || line.starts_with("* ") { 2 } else { 0 }
}

/// What stands between quotation marks or backticks in a line, without the marks.
pub(super) fn quotes(answer: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let text = &answer[range.clone()];
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some((open, mark)) =
        text[at..].char_indices().find(|(_, c)| matches!(c, '"' | '“' | '„' | '`' | '«'))
    {
        let from = at + open + mark.len_utf8();
        let ends = |c: char| match mark {
            '"' => c == '"',
            '`' => c == '`',
            '«' => c == '»',
            _ => matches!(c, '”' | '“' | '"'),
        };
        let Some(close) = text[from..].find(ends) else {
            at = from;
            continue;
        };
        let inner = &text[from..from + close];
        let lead = inner.len() - inner.trim_start().len();
        let trimmed = inner.trim();
        if trimmed.chars().any(char::is_alphanumeric) {
            let start = range.start + from + lead;
            out.push(start..start + trimmed.len());
        }
        at = from + close + text[from + close..].chars().next().map_or(1, char::len_utf8);
    }
    out
}

/// Where sentences end: at `.`, `!`, `?`, `;` before a blank, outside of quotes.
pub(super) fn sentences(
    answer: &str,
    range: Range<usize>,
    quotes: &[Range<usize>],
) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = range.start;
    let text = &answer[range.clone()];
    for (at, c) in text.char_indices() {
        if !matches!(c, '.' | '!' | '?' | ';') {
            continue;
        }
        let place = range.start + at;
        let end = place + c.len_utf8();
        let blank = text[at + c.len_utf8()..].starts_with([' ', '\t']);
        let quoted = quotes.iter().any(|q| q.contains(&place));
        if blank && !quoted && !abbreviates(&text[..at]) {
            out.push(start..end);
            start = end;
        }
    }
    if start < range.end {
        out.push(start..range.end);
    }
    out
}

fn abbreviates(before: &str) -> bool {
    let word = before.rsplit([' ', '(']).next().unwrap_or_default();
    is_one_of(word, &["e.g", "i.e", "etc", "vs", "approx", "no", "mr", "mrs", "dr", "st", "ca"])
}

/// Whether a word, in whatever case, is one of these, which are in lower case.
pub(super) fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// Where clauses end: at commas and at the words that set one thing against another.
pub(super) fn clauses(
    answer: &str,
    span: &Range<usize>,
    all: &[Atom],
    quotes: &[Range<usize>],
) -> Vec<Range<usize>> {
    let mut cuts: Vec<usize> = answer[span.clone()]
        .char_indices()
        .filter(|(_, c)| matches!(c, ',' | '—' | '–' | ')'))
        .map(|(at, _)| span.start + at)
        .filter(|at| {
            !all.iter().any(|a| a.start < *at && *at < a.end)
                && !quotes.iter().any(|q| q.contains(at))
        })
        .collect();
    let words = ["against", "versus", "vs", "while", "but", "whereas", "than", "and", "or"];
    let separate = |a: &&Atom| {
        a.what == What::Word
            && a.start > span.start
            && a.end < span.end
            && is_one_of(&answer[a.start..a.end], &words)
    };
    cuts.extend(
        all.iter()
            .filter(separate)
            .filter(|a| !quotes.iter().any(|q| q.contains(&a.start)))
            .map(|a| a.start),
    );
    cuts.sort_unstable();
    let mut out = Vec::new();
    let mut start = span.start;
    for cut in cuts.into_iter().chain([span.end]) {
        if cut > start {
            out.push(start..cut);
        }
        start = cut;
    }
    out
}
