//! Cuts text into what can be compared: figures, dates, times, names and words.
//!
//! Used on the answer and on the evidence alike, so that both sides are written the same way
//! before they are compared: `1,234` is `1234`, `14/Jun/2024` is `2024-06-14`. Hand-written rather
//! than by patterns, since evidence may be a megabyte.

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

/// Months by their first three letters.
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH_NAMES: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// Number words that are read as figures. `one` is left out: it mostly is none.
const NUMBERS: [&str; 11] =
    ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/// The month that a lower-case word names.
pub(super) fn month(word: &str) -> Option<u32> {
    let at = MONTHS
        .iter()
        .position(|m| *m == word)
        .or_else(|| MONTH_NAMES.iter().position(|m| *m == word))?;
    u32::try_from(at + 1).ok()
}

/// The atoms of `text`. With `parts`, compound ones are followed by what they are made of, which
/// only evidence wants: a name in the answer is there as a whole or not at all.
pub(super) fn atoms(text: &str, parts: bool) -> Vec<Atom> {
    let mut out = Vec::with_capacity(text.len() / 6);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !in_chunk(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && in_chunk(bytes[at]) {
            at += 1;
        }
        chunk(text, start, at, parts, &mut out);
    }
    written_dates(text, &mut out);
    out
}

/// Bytes that may stand inside a figure, a name or a word; all beyond ASCII are letters here.
fn in_chunk(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_.,:/@-+%'$#\\&~".contains(&byte)
}

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

/// `2024-06-14`, `2024/06/14`, `2024-06`, with a time after `T`, and `14/Jun/2024:10:00:00`.
fn date(body: &str) -> Option<What> {
    let part = body.split(['T', ' ']).next().unwrap_or(body);
    let day_first = body.len() >= 11
        && body.as_bytes().get(2) == Some(&b'/')
        && body.as_bytes().get(6) == Some(&b'/');
    if day_first && body.is_ascii() {
        let day = body[..2].parse().ok()?;
        let month = month(&body[3..6].to_lowercase())?;
        let year = body[7..11].parse().ok()?;
        return real(Some(year), month, Some(day));
    }
    let separator = if part.contains('-') { '-' } else { '/' };
    let mut fields = part.split(separator);
    let (year, month) = (fields.next()?, fields.next()?);
    let day = fields.next();
    if year.len() != 4
        || month.len() > 2
        || fields.next().is_some()
        || day.is_some_and(|d| d.len() > 2)
    {
        return None;
    }
    if part.len() < body.len() && time(body[part.len() + 1..].trim_end_matches('Z')).is_none() {
        return None;
    }
    let day = match day {
        Some(day) => Some(day.parse().ok()?),
        None if separator == '/' => return None,
        None => None,
    };
    real(Some(year.parse().ok()?), month.parse().ok()?, day)
}

fn real(year: Option<u32>, month: u32, day: Option<u32>) -> Option<What> {
    let fits = (1..=12).contains(&month) && day.is_none_or(|d| (1..=31).contains(&d));
    fits.then_some(What::Date { year, month, day })
}

/// `10:05`, `10:05:09`, `10:05:09.250`, also with a zone.
fn time(body: &str) -> Option<What> {
    let body = body.trim_end_matches(['Z', 'z']);
    let body = body.split_once('+').map_or(body, |(t, _)| t);
    let mut fields = body.split(':');
    let (hour, minute) = (fields.next()?, fields.next()?);
    let second = fields.next();
    if fields.next().is_some() || hour.is_empty() || hour.len() > 2 || minute.len() != 2 {
        return None;
    }
    let second = match second {
        Some(second) => {
            let whole = second.split(['.', ',']).next()?;
            let rest = &second[whole.len()..];
            let zone = |r: &str| r.bytes().all(|b| b.is_ascii_digit() || b".,-:".contains(&b));
            if whole.len() != 2 || !zone(rest) {
                return None;
            }
            Some(whole.parse().ok().filter(|s| *s < 61)?)
        }
        None => None,
    };
    let hour = hour.parse().ok().filter(|h| *h < 25)?;
    let minute = minute.parse().ok().filter(|m| *m < 60)?;
    Some(What::Time { hour, minute, second })
}

/// The time inside of a date's chunk: `2024-06-14T10:00:05Z`, `14/Jun/2024:10:00:05`.
pub(super) fn time_of(body: &str) -> Option<What> {
    let at = body.find('T').or_else(|| {
        (body.len() > 12 && body.is_char_boundary(11) && body.as_bytes()[11] == b':').then_some(11)
    })?;
    time(body.get(at + 1..)?)
}

/// Puts `Jun 14`, `14 June 2024` and `March 2024` together, and turns number words into figures.
fn written_dates(text: &str, atoms: &mut Vec<Atom>) {
    let day = |a: &Atom| match &a.what {
        What::Figure { value, decimals: 0, unit }
            if unit.is_empty() && (1.0..=31.0).contains(value) =>
        {
            Some(*value)
        }
        _ => None,
    };
    let year = |a: &Atom| match &a.what {
        What::Figure { value, decimals: 0, unit }
            if unit.is_empty() && (1900.0..2200.0).contains(value) && a.end - a.start == 4 =>
        {
            Some(*value)
        }
        _ => None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 2200"
    )]
    let int = |v: f64| v as u32;
    let near = |a: &Atom, b: &Atom| {
        b.start >= a.end
            && text[a.end..b.start].chars().all(|c| c == ' ' || c == ',')
            && b.start - a.end <= 3
    };
    let mut at = 0;
    while at < atoms.len() {
        if !matches!(atoms[at].what, What::Word) {
            at += 1;
            continue;
        }
        let word = text[atoms[at].start..atoms[at].end].to_lowercase();
        if let Some(n) = NUMBERS.iter().position(|n| *n == word) {
            #[expect(clippy::cast_precision_loss, reason = "at most twelve")]
            let value = (n + 2) as f64;
            atoms[at].what = What::Figure { value, decimals: 0, unit: String::new() };
        } else if let Some(month) = month(&word) {
            let after = atoms.get(at + 1).filter(|a| near(&atoms[at], a));
            let before = at.checked_sub(1).map(|b| &atoms[b]).filter(|b| near(b, &atoms[at]));
            let (from, upto, day_value, year_at) =
                match (after.and_then(&day), before.and_then(&day)) {
                    (Some(d), _) => (at, at + 1, Some(d), at + 2),
                    (None, Some(d)) => (at - 1, at, Some(d), at + 1),
                    (None, None) => (at, at, None, at + 1),
                };
            let year_value = atoms.get(year_at).filter(|a| near(&atoms[upto], a)).and_then(&year);
            if day_value.is_some() || year_value.is_some() {
                let last = if year_value.is_some() { year_at } else { upto };
                let what = What::Date { year: year_value.map(int), month, day: day_value.map(int) };
                let merged = Atom { start: atoms[from].start, end: atoms[last].end, what };
                atoms.splice(from..=last, [merged]);
                at = from;
            }
        }
        at += 1;
    }
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
