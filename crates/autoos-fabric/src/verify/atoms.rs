//! Cuts text into what can be compared: figures, dates, times, names and words.
//!
//! Used on the answer and on the evidence alike, so that both sides are written the same way
//! before they are compared: `1,234` is `1234`, `14/Jun/2024` is `2024-06-14`. Hand-written rather
//! than by patterns, since evidence may be a megabyte.

use super::moments::{date, time, written};

/// What an atom is; texts are in lower case.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// A figure: its value, digits after the point, and what is written behind it (`%`, `ms`).
    Figure { value: f64, decimals: u32, unit: String },
    /// A date, as far as it is written: year, month, day.
    Date { year: Option<u32>, month: u32, day: Option<u32> },
    /// A time of day with its seconds where they are written.
    Time { hour: u32, minute: u32, second: Option<u32> },
    /// Something with the shape of a name: an address, a version, a path, an identifier.
    Name,
    /// Letters.
    Word,
}

/// A piece of text and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Atom {
    /// First byte.
    pub(super) start: usize,
    /// The byte after its last.
    pub(super) end: usize,
    /// What it is.
    pub(super) what: What,
}

/// The atoms of `text`. With `parts`, compound ones are followed by what they are made of, which
/// only evidence wants: a name in the answer is there as a whole or not at all.
pub(super) fn atoms(text: &str, parts: bool) -> Vec<Atom> {
    let mut out = Vec::with_capacity(text.len() / 6);
    atoms_into(text, parts, &mut out);
    out
}

/// The same, behind what `out` holds already; places are those in `text`.
pub(super) fn atoms_into(text: &str, parts: bool, out: &mut Vec<Atom>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !in_chunk(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && bytes[at].is_ascii_alphabetic() {
            at += 1;
        }
        let letters = at;
        while at < bytes.len() && in_chunk(bytes[at]) {
            at += 1;
        }
        // Most of any text is plain words.
        let plain = letters > start
            && bytes[letters..at].iter().all(|b| matches!(b, b'.' | b',' | b':'))
            && !bytes[start + 1..letters].iter().any(u8::is_ascii_uppercase);
        if plain {
            out.push(Atom { start, end: letters, what: What::Word });
            continue;
        }
        chunk(text, start, at, parts, out);
    }
    written(text, out);
}

/// Bytes that may stand inside a figure, a name or a word; all beyond ASCII are letters here.
fn in_chunk(byte: u8) -> bool {
    IN_CHUNK[byte as usize]
}

static IN_CHUNK: [bool; 256] = {
    let signs = b"_.,:/@-+%'$#\\&~";
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte >= 0x80 || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < signs.len() {
        table[signs[at] as usize] = true;
        at += 1;
    }
    table
};

/// Signs beyond ASCII that are no letters and come up in prose.
const LOOSE: [&str; 14] = ["×", "…", "–", "—", "“", "”", "„", "«", "»", "≈", "•", "·", "→", "’"];

fn chunk(text: &str, start: usize, end: usize, parts: bool, out: &mut Vec<Atom>) {
    let slice = &text[start..end];
    if !slice.is_ascii()
        && let Some((at, sign)) =
            LOOSE.iter().filter_map(|s| Some((slice.find(s)?, s))).min_by_key(|(at, _)| *at)
    {
        chunk(text, start, start + at, parts, out);
        chunk(text, start + at + sign.len(), end, parts, out);
        return;
    }
    let trimmed =
        slice.trim_end_matches(['.', ',', ':', '-', '/', '+', '\'', '@', '#', '&', '\\', '~', '$']);
    let lead = |c: char| {
        matches!(c, '.' | ',' | ':' | '+' | '\'' | '@' | '#' | '&' | '%' | '~')
            || c == '-' && !trimmed[1..].starts_with(|d: char| d.is_ascii_digit())
    };
    let body = trimmed.trim_start_matches(lead);
    if body.is_empty() {
        return;
    }
    let start = start + (trimmed.len() - body.len());
    let end = start + body.len();
    if let Some(what) = whole(body) {
        let compound = matches!(what, What::Name);
        let hyphened = matches!(what, What::Word) && body.contains(['-', '\'', '&']);
        out.push(Atom { start, end, what });
        if parts && (compound || hyphened) {
            pieces(text, start, end, out);
        }
        return;
    }
    // Nothing as a whole: `10-20`, `57/100`, `a:b,c`. Its pieces, one by one.
    pieces_deep(text, start, end, parts, out);
}

/// What a chunk is as a whole, when it is one thing.
fn whole(body: &str) -> Option<What> {
    let first = body.as_bytes()[0];
    let digits = body.bytes().any(|b| b.is_ascii_digit());
    if digits {
        if let Some(date) = date(body) {
            return Some(date);
        }
        if let Some(time) = time(body) {
            return Some(time);
        }
        if let Some(figure) = figure(body) {
            return Some(figure);
        }
    }
    let letters = body.bytes().any(|b| b.is_ascii_alphabetic() || b >= 0x80);
    let dots = body.bytes().filter(|b| *b == b'.').count();
    let plain_dots = body.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain_dots && dots >= 2 {
        return Some(What::Name);
    }
    if !letters {
        return None;
    }
    if body.contains([',', ':']) && !body.contains("://") && !body.contains("::") {
        return None;
    }
    let inner_capital = body.char_indices().any(|(i, c)| i > 0 && c.is_uppercase())
        && body.chars().any(char::is_lowercase);
    let marked = body.contains(['_', '/', '@', '\\'])
        || dots > 0
        || body.contains("::")
        || digits
        || inner_capital && !body.contains(['-', '\''])
        || first == b'~';
    Some(if marked { What::Name } else { What::Word })
}

/// What stands between the separators of a chunk.
fn pieces(text: &str, start: usize, end: usize, out: &mut Vec<Atom>) {
    let mut from = start;
    for (i, c) in text[start..end].char_indices().chain([(end - start, '/')]) {
        if !matches!(c, '/' | '@' | ':' | ',' | '-' | '\'' | '\\' | '=' | '&' | '_' | '.') {
            continue;
        }
        let upto = start + i;
        if upto > from
            && let Some(what) = whole(&text[from..upto])
        {
            out.push(Atom { start: from, end: upto, what });
        }
        from = upto + c.len_utf8();
    }
    if text[start..end].contains('_') || text[start..end].matches('.').count() > 1 {
        // `10.0.0.7:443` and `a_b/c.d`: also what stands between the stronger separators.
        between(text, start, end, out);
    }
}

fn between(text: &str, start: usize, end: usize, out: &mut Vec<Atom>) {
    let mut from = start;
    for (i, c) in text[start..end].char_indices().chain([(end - start, '/')]) {
        if matches!(c, '/' | '@' | ':' | ',' | '\\') {
            let upto = start + i;
            if upto > from
                && upto - from < end - start
                && let Some(what @ What::Name) = whole(&text[from..upto])
            {
                out.push(Atom { start: from, end: upto, what });
            }
            from = upto + c.len_utf8();
        }
    }
}

/// The pieces of a chunk that is nothing as a whole, strong separators first.
fn pieces_deep(text: &str, start: usize, end: usize, parts: bool, out: &mut Vec<Atom>) {
    let slice = &text[start..end];
    let Some((at, sign)) =
        [',', ':', '/', '@', '-', '+', '%', '.'].iter().find_map(|s| Some((slice.find(*s)?, *s)))
    else {
        return;
    };
    let _ = sign;
    chunk(text, start, start + at, parts, out);
    chunk(text, start + at + 1, end, parts, out);
}

/// `1,234.5`, `-3`, `12%`, `$5`, `250ms`, `1.2e3`, `3rd`.
fn figure(body: &str) -> Option<What> {
    let mut rest = body;
    let negative = rest.starts_with('-');
    rest = rest.trim_start_matches(['-', '+']).trim_start_matches(['$', '€', '£']);
    let upto =
        rest.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.').unwrap_or(rest.len());
    let (digits, mut unit) = rest.split_at(upto);
    let (digits, dot) = match digits.strip_suffix('.') {
        Some(d) => (d, true),
        None => (digits, false),
    };
    if dot && !unit.is_empty()
        || digits.is_empty()
        || digits.starts_with(['.', ','])
        || digits.ends_with(',')
    {
        return None;
    }
    let (int, frac) = digits.split_once('.').unwrap_or((digits, ""));
    if frac.contains(['.', ',']) {
        return None;
    }
    let groups: Vec<&str> = int.split(',').collect();
    if groups.len() > 1 && (groups[0].len() > 3 || groups[1..].iter().any(|g| g.len() != 3)) {
        return None;
    }
    let mut plain = int.replace(',', "");
    if !frac.is_empty() {
        plain.push('.');
        plain.push_str(frac);
    }
    let exponent = unit.strip_prefix(['e', 'E']).filter(|e| {
        e.trim_start_matches(['-', '+']).bytes().all(|b| b.is_ascii_digit())
            && e.bytes().any(|b| b.is_ascii_digit())
    });
    if let Some(exponent) = exponent {
        plain.push('e');
        plain.push_str(exponent);
        unit = "";
    }
    let ordinal = ["st", "nd", "rd", "th"].contains(&unit);
    // Words glued to a figure are its unit only when they are short: `blk123` is a name.
    let fits = unit.len() <= 4 && (unit == "%" || unit.bytes().all(|b| b.is_ascii_alphabetic()));
    if !fits {
        return None;
    }
    let value: f64 = plain.parse().ok().filter(|v: &f64| v.is_finite())?;
    Some(What::Figure {
        value: if negative { -value } else { value },
        decimals: u32::try_from(frac.len()).unwrap_or(u32::MAX),
        unit: if ordinal { String::new() } else { unit.to_lowercase() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> What {
        let found = atoms(text, false);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found[0].what.clone()
    }

    #[test]
    fn figures_in_their_forms() {
        for (text, wanted, unit_wanted) in [
            ("1,234", 1234.0, ""),
            ("1.234e3", 1234.0, ""),
            ("12%", 12.0, "%"),
            ("$5.50", 5.5, ""),
            ("-3", -3.0, ""),
            ("250ms,", 250.0, "ms"),
            ("3rd", 3.0, ""),
            ("(42)", 42.0, ""),
            ("×57", 57.0, ""),
            ("seven", 7.0, ""),
        ] {
            match one(text) {
                What::Figure { value, unit, .. } => {
                    assert_eq!((value, unit.as_str()), (wanted, unit_wanted), "{text}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        assert_eq!(atoms("10-20", false).len(), 2);
        assert_eq!(atoms("1,2,3", false).len(), 3);
    }

    #[test]
    fn dates_in_their_forms() {
        let full = What::Date { year: Some(2024), month: 6, day: Some(14) };
        for text in [
            "2024-06-14",
            "2024/06/14",
            "14 Jun 2024",
            "June 14, 2024",
            "14/Jun/2024:10:00:05",
            "2024-06-14T10:00:05Z",
        ] {
            assert_eq!(one(text), full, "{text}");
        }
        assert_eq!(one("Jun 14"), What::Date { year: None, month: 6, day: Some(14) });
        assert_eq!(one("March 2024"), What::Date { year: Some(2024), month: 3, day: None });
        assert_eq!(one("10:05:09.250"), What::Time { hour: 10, minute: 5, second: Some(9) });
    }

    #[test]
    fn names_and_words() {
        for text in [
            "10.0.0.7",
            "1.2.3",
            "app.log",
            "/var/log/x",
            "a@b.org",
            "max_size",
            "blk123",
            "getUser",
            "std::io",
        ] {
            assert_eq!(one(text), What::Name, "{text}");
        }
        assert_eq!(one("timeout"), What::Word);
        let parts = atoms("10.0.0.7:443", true);
        assert!(parts.iter().any(|a| &"10.0.0.7:443"[a.start..a.end] == "10.0.0.7"), "{parts:?}");
    }
}
