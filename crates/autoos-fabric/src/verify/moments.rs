//! Dates, times and what is written in words, for [`super::atoms`]: `14/Jun/2024`, `June 14`,
//! `twelve`, `1.2 million`, `two thirds`.

use super::atoms::{Atom, What};

/// No word that is looked for here is longer, in bytes.
const LONGEST: usize = 9;

/// A short word in lower case; none when it is longer than all that are known.
fn lower(word: &str) -> Option<([u8; LONGEST], usize)> {
    let mut low = [0; LONGEST];
    let own = low.get_mut(..word.len())?;
    own.copy_from_slice(word.as_bytes());
    own.make_ascii_lowercase();
    Some((low, word.len()))
}

/// Number words that are read as figures. `one` is left out: it mostly is none.
fn number(low: &[u8]) -> Option<u32> {
    Some(match low {
        b"two" => 2,
        b"three" => 3,
        b"four" => 4,
        b"five" => 5,
        b"six" => 6,
        b"seven" => 7,
        b"eight" => 8,
        b"nine" => 9,
        b"ten" => 10,
        b"eleven" => 11,
        b"twelve" => 12,
        b"thirteen" => 13,
        b"fourteen" => 14,
        b"fifteen" => 15,
        b"sixteen" => 16,
        b"seventeen" => 17,
        b"eighteen" => 18,
        b"nineteen" => 19,
        b"twenty" => 20,
        b"thirty" => 30,
        b"forty" => 40,
        b"fifty" => 50,
        b"sixty" => 60,
        b"seventy" => 70,
        b"eighty" => 80,
        b"ninety" => 90,
        _ => return None,
    })
}

/// Whether a word begins like one that is looked for here. Most words do not.
fn may_be(word: &str) -> bool {
    let [a, b, c, ..] = *word.as_bytes() else { return false };
    let head = [a | 0x20, b | 0x20, c | 0x20];
    #[rustfmt::skip] // A list of words reads better as a block.
    let known = matches!(
        &head,
        b"two" | b"thr" | b"fou" | b"fiv" | b"six" | b"sev" | b"eig" | b"nin" | b"ten" | b"ele"
        | b"twe" | b"thi" | b"fif" | b"for" | b"jan" | b"feb" | b"mar" | b"apr" | b"may" | b"jun"
        | b"jul" | b"aug" | b"sep" | b"oct" | b"nov" | b"dec"
    );
    known
}

fn number_word(word: &str) -> Option<f64> {
    if let Some((low, n)) = lower(word)
        && let Some(value) = number(&low[..n])
    {
        return Some(f64::from(value));
    }
    let (tens, ones) = word.split_once('-')?;
    let plain = |word: &str| lower(word).and_then(|(low, n)| number(&low[..n]));
    let ones = if ones.eq_ignore_ascii_case("one") { Some(1) } else { plain(ones) };
    let (tens, ones) = (plain(tens)?, ones?);
    (tens >= 20 && ones < 10).then(|| f64::from(tens + ones))
}

/// The month that a word names, also by its first three letters.
pub(super) fn month(word: &str) -> Option<u32> {
    let (low, n) = lower(word)?;
    Some(match &low[..n] {
        b"jan" | b"january" => 1,
        b"feb" | b"february" => 2,
        b"mar" | b"march" => 3,
        b"apr" | b"april" => 4,
        b"may" => 5,
        b"jun" | b"june" => 6,
        b"jul" | b"july" => 7,
        b"aug" | b"august" => 8,
        b"sep" | b"september" => 9,
        b"oct" | b"october" => 10,
        b"nov" | b"november" => 11,
        b"dec" | b"december" => 12,
        _ => return None,
    })
}

/// `2024-06-14`, `2024/06/14`, `2024-06`, with a time after `T`, and `14/Jun/2024:10:00:00`.
pub(super) fn date(body: &str) -> Option<What> {
    let part = body.split(['T', ' ']).next().unwrap_or(body);
    let day_first = body.len() >= 11
        && body.as_bytes().get(2) == Some(&b'/')
        && body.as_bytes().get(6) == Some(&b'/');
    if day_first && body.is_ascii() {
        let day = body[..2].parse().ok()?;
        let month = month(body.get(3..6)?)?;
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
pub(super) fn time(body: &str) -> Option<What> {
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
pub(super) fn written(text: &str, atoms: &mut Vec<Atom>) {
    let mut at = 0;
    while at < atoms.len() {
        let word = &text[atoms[at].start..atoms[at].end];
        if atoms[at].what == What::Word && word.len() <= 13 && may_be(word) {
            if let Some(value) = number_word(word) {
                atoms[at].what = What::Figure { value, decimals: 0, unit: String::new() };
            } else if let Some(month) = month(word) {
                at = written_date(text, atoms, at, month);
            }
        }
        at += 1;
    }
}

/// Puts what stands around a month's name together, and returns where it stands then.
fn written_date(text: &str, atoms: &mut Vec<Atom>, at: usize, month: u32) -> usize {
    let near = |a: &Atom, b: &Atom| {
        b.start >= a.end
            && text[a.end..b.start].chars().all(|c| c == ' ' || c == ',')
            && b.start - a.end <= 3
    };
    let day = |a: &Atom| whole_within(a, 1.0, 31.0);
    let year = |a: &Atom| whole_within(a, 1900.0, 2199.0).filter(|_| a.end - a.start == 4);
    let after = atoms.get(at + 1).filter(|a| near(&atoms[at], a));
    let before = at.checked_sub(1).map(|b| &atoms[b]).filter(|b| near(b, &atoms[at]));
    let (from, upto, day_value, year_at) = match (after.and_then(day), before.and_then(day)) {
        (Some(d), _) => (at, at + 1, Some(d), at + 2),
        (None, Some(d)) => (at - 1, at, Some(d), at + 1),
        (None, None) => (at, at, None, at + 1),
    };
    let year_value = atoms.get(year_at).filter(|a| near(&atoms[upto], a)).and_then(year);
    if day_value.is_none() && year_value.is_none() {
        return at;
    }
    let last = if year_value.is_some() { year_at } else { upto };
    let what = What::Date { year: year_value, month, day: day_value };
    let merged = Atom { start: atoms[from].start, end: atoms[last].end, what };
    atoms.splice(from..=last, [merged]);
    from
}

/// A plain whole figure between these.
fn whole_within(atom: &Atom, low: f64, high: f64) -> Option<u32> {
    match &atom.what {
        What::Figure { value, decimals: 0, unit }
            if unit.is_empty() && (low..=high).contains(value) =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 1 and 2200"
            )]
            let whole = *value as u32;
            Some(whole)
        }
        _ => None,
    }
}

/// What a figure is to be multiplied with for the word behind it: `1.2 million`.
pub(super) fn scale(text: &str, atoms: &[Atom], at: usize) -> Option<f64> {
    let next = atoms.get(at + 1).filter(|a| a.what == What::Word)?;
    if next.start > atoms[at].end + 1 {
        return None;
    }
    let word = &text[next.start..next.end];
    let is = |wanted: &str| word.eq_ignore_ascii_case(wanted);
    Some(match () {
        () if is("hundred") => 1e2,
        () if is("thousand") => 1e3,
        () if is("million") => 1e6,
        () if is("billion") => 1e9,
        () if is("trillion") => 1e12,
        () if is("dozen") => 12.0,
        () => return None,
    })
}

/// The share that words stand for, as a fraction and in percent: `half`, `a third`,
/// `three quarters`.
pub(super) fn share(text: &str, atoms: &[Atom], at: usize) -> Vec<f64> {
    let word = &text[atoms[at].start..atoms[at].end];
    let may_be =
        matches!(word.as_bytes(), [b'h' | b'H' | b't' | b'T' | b'q' | b'Q' | b'f' | b'F', ..]);
    if !(4..=8).contains(&word.len()) || !may_be {
        return Vec::new();
    }
    let is = |wanted: &str| word.eq_ignore_ascii_case(wanted);
    let parts = match () {
        () if is("half") => return vec![0.5, 50.0],
        () if is("third") || is("thirds") => 3.0,
        () if is("quarter") || is("quarters") => 4.0,
        () if is("fifth") || is("fifths") => 5.0,
        () if is("tenth") || is("tenths") => 10.0,
        () => return Vec::new(),
    };
    let Some(before) = at.checked_sub(1).map(|b| &atoms[b]) else { return Vec::new() };
    let count = match &before.what {
        What::Figure { value, decimals: 0, .. } if *value < parts => *value,
        What::Word if ["a", "one"].contains(&&*text[before.start..before.end].to_lowercase()) => {
            1.0
        }
        _ => return Vec::new(),
    };
    // As people write it: the nearest percentage, and with one digit more.
    let exact = count / parts;
    vec![exact, (exact * 100.0).round(), (exact * 1000.0).round() / 10.0]
}
