//! Where sentences begin and end.
//!
//! A sentence ends at a full stop, a question or an exclamation mark, at an empty line, and at the
//! end of a line that is a heading or an item of a list. A dot after an abbreviation, an initial
//! or a number in front of a list item ends nothing. Known abbreviations are English and a few
//! that most languages share.

/// A stretch of the text, in bytes, without the space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sentence {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Which paragraph it stands in, counted from 0.
    pub(super) paragraph: usize,
    /// Whether it is the first of its paragraph.
    pub(super) first: bool,
}

/// Longest sentence, in bytes; what goes on longer is cut at a space.
const LONGEST: usize = 2_000;

const ABBREVIATIONS: [&str; 58] = [
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "vs", "etc", "e.g", "i.e", "eg", "ie", "cf",
    "al", "ca", "approx", "no", "nos", "vol", "fig", "figs", "eq", "sec", "ch", "pp", "ed", "eds",
    "inc", "ltd", "co", "corp", "dept", "univ", "gen", "col", "lt", "sgt", "rev", "hon", "gov",
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "u.s",
    "u.k", "a.m", "p.m",
];

/// The sentences of a text, in order.
pub(super) fn split(text: &str) -> Vec<Sentence> {
    let mut found = Vec::new();
    for (paragraph, (start, end)) in blocks(text).into_iter().enumerate() {
        let mut first = true;
        for (start, end) in within(text, start, end) {
            if text[start..end].chars().any(char::is_alphanumeric) {
                found.push(Sentence { start, end, paragraph, first });
                first = false;
            }
        }
    }
    found
}

/// Paragraphs: lines up to an empty one; each list item and each heading is its own.
fn blocks(text: &str) -> Vec<(usize, usize)> {
    let mut blocks: Vec<(usize, usize)> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let (start, end) = (offset, offset + line.len());
        offset = end;
        if line.trim().is_empty() {
            blocks.extend(open.take());
            continue;
        }
        if begins_item(line) || is_heading(line) {
            blocks.extend(open.take());
        }
        open = Some((open.map_or(start, |(start, _)| start), end));
        if is_heading(line) {
            blocks.extend(open.take());
        }
    }
    blocks.extend(open);
    blocks
}

fn begins_item(line: &str) -> bool {
    let line = line.trim_start();
    let bullet = ["- ", "* ", "+ ", "• ", "– "].iter().any(|mark| line.starts_with(mark));
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let numbered = (1..=3).contains(&digits)
        && (line[digits..].starts_with(". ") || line[digits..].starts_with(") "));
    bullet || numbered
}

fn is_heading(line: &str) -> bool {
    line.starts_with('#') || line.trim_end().chars().all(|c| matches!(c, '=' | '-' | '~' | '*'))
}

/// The sentences of one paragraph.
fn within(text: &str, from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = from;
    let mut chars = text[from..to].char_indices().map(|(at, c)| (from + at, c)).peekable();
    while let Some((at, c)) = chars.next() {
        let mut end = at + c.len_utf8();
        let too_long = end - start > LONGEST && c.is_whitespace();
        if !too_long && !ends_sentence(text, start, at, c, to) {
            continue;
        }
        // Closing marks belong to the sentence that they close.
        while let Some((at, c)) = chars.peek().copied() {
            if !matches!(c, '.' | '!' | '?' | '"' | '\'' | ')' | ']' | '”' | '’' | '»') {
                break;
            }
            end = at + c.len_utf8();
            chars.next();
        }
        found.extend(trimmed(text, start, end));
        start = end;
    }
    found.extend(trimmed(text, start, to));
    found
}

fn trimmed(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let inside = &text[start..end];
    let start = start + (inside.len() - inside.trim_start().len());
    let end = end - (inside.len() - inside.trim_end().len());
    (start < end).then_some((start, end))
}

fn ends_sentence(text: &str, start: usize, at: usize, c: char, to: usize) -> bool {
    if matches!(c, '。' | '！' | '？') {
        return true;
    }
    if !matches!(c, '.' | '!' | '?' | '…') {
        return false;
    }
    let rest = text[at + c.len_utf8()..to]
        .trim_start_matches(['.', '!', '?', '"', '\'', ')', ']', '”', '’', '»']);
    let Some(next) = rest.chars().next() else { return true };
    if !next.is_whitespace() {
        return false;
    }
    // A sentence does not begin with a small letter.
    let follows = rest.trim_start().chars().next();
    if c != '.' {
        return !follows.is_some_and(char::is_lowercase) || c != '…';
    }
    !follows.is_some_and(char::is_lowercase) && !is_abbreviation(&text[start..at])
}

/// Whether what stands before a dot is an abbreviation, an initial or the number of an item.
fn is_abbreviation(before: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '"')).next();
    let word = word.unwrap_or_default();
    let lower = word.to_lowercase();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I";
    let item = before.trim() == word && word.chars().all(|c| c.is_ascii_digit());
    initial || item || ABBREVIATIONS.contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        split(text).iter().map(|sentence| &text[sentence.start..sentence.end]).collect()
    }

    #[test]
    fn ends() {
        assert_eq!(
            sentences(
                "Dr. Smith paid $3.50 to J. Doe, e.g. for tea. Was it much? \"No!\" he said. Release 1.2 is out."
            ),
            [
                "Dr. Smith paid $3.50 to J. Doe, e.g. for tea.",
                "Was it much?",
                "\"No!\"",
                "he said.",
                "Release 1.2 is out."
            ]
            .to_vec()
        );
        assert_eq!(
            sentences("It was 5 p.m. on Jan. 3. Done... Next"),
            ["It was 5 p.m. on Jan. 3.", "Done...", "Next"]
        );
        assert_eq!(sentences("今日は晴れ。明日は雨。"), ["今日は晴れ。", "明日は雨。"]);
    }

    #[test]
    fn lists_headings_and_wrapped_lines() {
        let text = "# Title\nOne line\ngoes on. Two.\n\n- first item\n- second item. With more\n1. a\n2. b\n\n---\n";
        assert_eq!(
            sentences(text),
            [
                "# Title",
                "One line\ngoes on.",
                "Two.",
                "- first item",
                "- second item.",
                "With more",
                "1. a",
                "2. b"
            ]
        );
        let firsts: Vec<bool> = split(text).iter().map(|sentence| sentence.first).collect();
        assert_eq!(firsts, [true, true, false, true, true, false, true, true]);
    }

    #[test]
    fn a_text_without_end_is_cut() {
        let text = "word ".repeat(2_000);
        let found = split(&text);
        assert!(found.len() >= 5 && found.iter().all(|one| one.end - one.start <= LONGEST + 10));
    }
}
