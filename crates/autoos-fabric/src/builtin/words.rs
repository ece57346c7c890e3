//! The words of an intent: tokens, stems and spelling, for the reader of intents.
//!
//! Knows English alone, and only as much of it as the jobs of the built-in engine need. Left out:
//! grammar. What a clause asks for is decided by the words in it, in [`super::jobs`].

use regex::Regex;
use std::{collections::HashSet, sync::LazyLock};

/// What a token looks like.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Letters.
    Word,
    /// A figure, with its unit taken in: `1,200`, `12%`, `3k`.
    Number(f64),
    /// A date or a moment as it was written, or a time of day.
    Date,
    /// Something between quotes; the token's text is what stands between them.
    Quoted,
    /// An address to call.
    Url,
    /// A file or folder.
    Path,
    /// A comparison such as `>=`.
    Sign,
    /// What separates.
    Mark,
}

/// A token of an intent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    /// As it was written, quotes taken off.
    pub(super) text: String,
    /// In lower case and with its spelling put right.
    pub(super) low: String,
    /// What is left of `low` without its inflection.
    pub(super) stem: String,
    /// What it looks like.
    pub(super) kind: Kind,
    /// First byte in the intent.
    pub(super) at: usize,
    /// The byte after its last.
    pub(super) end: usize,
}

impl Token {
    /// Whether this is one of these words, in any inflection.
    pub(super) fn is(&self, words: &[&str]) -> bool {
        self.kind == Kind::Word && words.iter().any(|w| *w == self.low || stem(w) == self.stem)
    }
}

static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?P<url>https?://[^\s"'<>`]+|\b(?:localhost|\d{1,3}(?:\.\d{1,3}){3}):\d+(?:/[^\s"'<>`,;]*)?)"#,
        r#"|"(?P<q1>[^"\n]+)"|“(?P<q2>[^”\n]+)”|`(?P<q3>[^`\n]+)`|«(?P<q4>[^»\n]+)»"#,
        r"|(?P<date>\b\d{4}[-/]\d{1,2}(?:[-/]\d{1,2})?(?:[T ]\d{2}:\d{2}(?::\d{2})?Z?)?\b|\b\d{1,2}\.\d{1,2}\.\d{4}\b|\b\d{1,2}:\d{2}(?::\d{2})?\b)",
        r"|(?P<addr>\b\d{1,3}(?:\.\d{1,3}){3}\b)",
        r"|(?P<path>(?:~|\.{1,2})?(?:/[\w.@*+-]+)+/?|[\w@+-][\w.@+-]*(?:/[\w.@*+-]+)+/?|\*?[\w@+-][\w.@+-]*\.[A-Za-z][A-Za-z0-9]{0,5}\b|\*\.\w+)",
        r"|(?P<num>[$€£]?-?\d[\d,_]*(?:\.\d+)?(?:\s?%|[kKmM]\b|\s(?:thousand|million)\b)?)",
        r"|(?P<sign>>=|<=|!=|==|[<>=≥≤])",
        r"|(?P<word>(?i:tl;?dr)\b|[\p{L}_][\p{L}\p{N}_]*(?:['’-][\p{L}\p{N}_]+)*|%)",
        r"|(?P<mark>[,;:.?!()\n&—–-])",
    ))
    .expect("the pattern is constant")
});

/// Splits an intent into tokens. Spelling is left as it is; see [`correct`].
pub(super) fn tokens(intent: &str) -> Vec<Token> {
    let prepared = apart(&single_quotes(intent));
    let mut out = Vec::new();
    for found in TOKEN.captures_iter(&prepared) {
        let whole = found.get(0).expect("group 0 is the match");
        let group = |name: &str| found.name(name).map(|m| m.as_str());
        let quoted = group("q1").or(group("q2")).or(group("q3")).or(group("q4"));
        let (text, kind) = if let Some(text) = quoted {
            (text, Kind::Quoted)
        } else if let Some(text) = group("url") {
            (text.trim_end_matches(['.', ',', ';', ':', '!', '?', ')']), Kind::Url)
        } else if group("date").is_some() {
            (whole.as_str(), Kind::Date)
        } else if let Some(text) = group("addr") {
            // An address stands for itself, as what is quoted does.
            (text, Kind::Quoted)
        } else if let Some(text) = group("path") {
            (text, path_or_word(text))
        } else if let Some(text) = group("num") {
            match number(text) {
                Some(value) => (text, Kind::Number(value)),
                None => (text, Kind::Word),
            }
        } else if group("sign").is_some() {
            (whole.as_str(), Kind::Sign)
        } else if group("word").is_some() {
            (whole.as_str(), Kind::Word)
        } else {
            (whole.as_str(), Kind::Mark)
        };
        let low = text.to_lowercase().replace('’', "'").replace(';', "");
        let low = if low == "%" { "percent".to_owned() } else { low };
        let kind = match (&kind, spelled(&low)) {
            (Kind::Word, Some(value)) => Kind::Number(value),
            _ => kind,
        };
        let stem = stem(low.strip_suffix("'s").unwrap_or(&low));
        let trimmed = whole.as_str().len() - text.len();
        let end = if kind == Kind::Url { whole.end() - trimmed } else { whole.end() };
        out.push(Token { text: text.to_owned(), low, stem, kind, at: whole.start(), end });
    }
    out
}

/// Takes "second-highest", "above-average" and "month-over-month" apart, byte for byte.
fn apart(text: &str) -> String {
    static HYPHENS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(?:(above|below)-(average)|(second|third|fourth|fifth|2nd|3rd|4th|5th)-([a-z]+))\b")
            .expect("the pattern is constant")
    });
    static OVER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)\b(hour|day|week|month|quarter|year)-(over|on|to|by)-(hour|day|week|month|quarter|year)\b")
            .expect("the pattern is constant")
    });
    let once = HYPHENS.replace_all(text, "$1$3 $2$4").into_owned();
    OVER.replace_all(&once, "$1 $2 $3").into_owned()
}

/// Turns 'single quotes' around phrases into double ones, byte for byte, and leaves apostrophes.
fn single_quotes(text: &str) -> String {
    static SINGLE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(^|[\s(,:])'([^'"\n]+)'($|[\s).,;:?!])"#).expect("the pattern is constant")
    });
    // Twice, since a match takes in the blank that the next one begins with.
    let once = SINGLE.replace_all(text, "$1\"$2\"$3").into_owned();
    SINGLE.replace_all(&once, "$1\"$2\"$3").into_owned()
}

/// `and/or` and `e.g` look like paths and are words.
fn path_or_word(text: &str) -> Kind {
    let low = text.to_lowercase();
    if ["and/or", "e.g", "i.e", "n/a", "w/o", "he/she"].contains(&low.as_str()) {
        Kind::Word
    } else if number(text).is_some() {
        Kind::Number(number(text).unwrap_or_default())
    } else {
        Kind::Path
    }
}

/// The value of a figure as people write it; per cent stay per cent.
pub(super) fn number(text: &str) -> Option<f64> {
    let mut low = text.trim().to_lowercase();
    let mut factor = 1.0;
    for (unit, by) in [("thousand", 1e3), ("million", 1e6), ("k", 1e3), ("m", 1e6), ("%", 1.0)] {
        if let Some(rest) = low.strip_suffix(unit) {
            factor = by;
            low = rest.trim_end().to_owned();
            break;
        }
    }
    let low = low.trim_end_matches(['€', '£', '$']).trim_end();
    let low = ["eur", "usd", "gbp", "chf"]
        .iter()
        .find_map(|name| low.strip_suffix(name).or_else(|| low.strip_prefix(name)))
        .unwrap_or(low)
        .trim();
    // A comma before one or two last digits, or after points between thousands, is a decimal one.
    let low = match low.rsplit_once(',') {
        Some((whole, part))
            if (whole.contains('.') || part.len() < 3)
                && !part.contains('.')
                && !whole.contains(',') =>
        {
            format!("{}.{part}", whole.replace('.', ""))
        }
        _ => low.to_owned(),
    };
    let plain: String =
        low.trim_start_matches(['$', '€', '£']).chars().filter(|c| !",_".contains(*c)).collect();
    let value: f64 = plain.parse().ok()?;
    plain.chars().any(|c| c.is_ascii_digit()).then_some(value * factor)
}

/// Number words that stand for a figure in a question.
fn spelled(low: &str) -> Option<f64> {
    const WORDS: [&str; 13] = [
        "zero", "", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    #[expect(clippy::cast_precision_loss, reason = "at most twelve")]
    WORDS.iter().position(|w| !w.is_empty() && *w == low).map(|at| at as f64)
}

/// The month that a word names, 1 to 12; short forms too, but not `may` and `march` as verbs.
pub(super) fn month(low: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
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
    let at = MONTHS.iter().position(|m| {
        *m == low || (low.len() >= 3 && m[..3] == *low) || low == "sept" && *m == "september"
    })?;
    u32::try_from(at + 1).ok()
}

/// What is left of a lower-case word without its inflection. Crude, and the same for both sides
/// of every comparison, which is all that is asked of it.
pub(crate) fn stem(low: &str) -> String {
    let n = low.len();
    if n <= 3 || !low.is_ascii() {
        return low.to_owned();
    }
    let base = if let Some(rest) = low.strip_suffix("ies").filter(|r| r.len() >= 2) {
        return format!("{rest}i");
    } else if let Some(rest) = ["sses", "shes", "ches", "xes", "zes"]
        .iter()
        .find_map(|s| low.ends_with(s).then(|| &low[..n - 2]))
    {
        rest
    } else if low.ends_with('s')
        && !low.ends_with("ss")
        && !low.ends_with("us")
        && !low.ends_with("is")
    {
        &low[..n - 1]
    } else {
        low
    };
    let cut = base
        .strip_suffix("ing")
        .or_else(|| base.strip_suffix("ed"))
        .filter(|r| r.len() >= 3 && r.contains(['a', 'e', 'i', 'o', 'u', 'y']))
        .map_or(base, undouble);
    let cut = cut.strip_suffix('e').filter(|r| r.len() >= 3).unwrap_or(cut);
    // `analyse` and `analyze`, `summarise` and `summarize`.
    let cut = cut
        .strip_suffix("ys")
        .map(|r| format!("{r}yz"))
        .or_else(|| cut.strip_suffix("is").filter(|r| r.len() >= 5).map(|r| format!("{r}iz")))
        .unwrap_or_else(|| cut.to_owned());
    match cut.strip_suffix('y') {
        Some(rest) if rest.len() >= 3 => format!("{rest}i"),
        _ => cut,
    }
}

/// `mapp` to `map`, but `call` stays.
fn undouble(rest: &str) -> &str {
    let bytes = rest.as_bytes();
    match bytes {
        [.., a, b] if a == b && !b"lsz".contains(b) => &rest[..rest.len() - 1],
        _ => rest,
    }
}

/// Puts right words that are one slip away from exactly one known word: a letter missing, added,
/// changed or two swapped; two slips in long words. Words that the contexts use stay as they are.
pub(super) fn correct(tokens: &mut [Token], known: &[&str], context_words: &HashSet<String>) {
    let exact: HashSet<&str> = known.iter().copied().collect();
    let stems: HashSet<String> = known.iter().map(|w| stem(w)).collect();
    for token in tokens.iter_mut().filter(|t| t.kind == Kind::Word) {
        let low = token.low.clone();
        if low.len() < 5
            || !low.is_ascii()
            || exact.contains(low.as_str())
            || stems.contains(&token.stem)
            || context_words.contains(&low)
            || context_words.contains(&token.stem)
            || SOUND.contains(&low.as_str())
            || month(&low).is_some()
        {
            continue;
        }
        let slips = if low.len() >= 8 { 2 } else { 1 };
        // The plural is as near as the word itself.
        let slipped = |word: &str| distance(word, &low).min(distance(&format!("{word}s"), &low));
        let near = |word: &&&str| {
            // Of short words only a letter too many is a slip: too much is near to them.
            (word.len() >= 5 || word.len() == 4 && low.len() == 5)
                && word.as_bytes()[0] == low.as_bytes()[0]
                && slipped(word) <= slips
        };
        if let Some(word) = known.iter().filter(near).min_by_key(|w| slipped(w)) {
            token.low = (*word).to_owned();
            token.stem = stem(word);
        }
    }
}

/// Sound words that are one slip away from a job's word.
const SOUND: [&str; 26] = [
    "county", "country", "counts", "report", "reports", "sender", "spend", "spent", "shore",
    "stories", "story", "store", "score", "scores", "cloud", "check", "checks", "while", "where",
    "there", "these", "those", "other", "issued", "total", "whole",
];

/// Damerau's distance with adjacent swaps, on ASCII words.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > 2 {
        return 3;
    }
    let width = b.len() + 1;
    let mut table = vec![0usize; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i * width + j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (table[(i - 1) * width + j] + 1)
                    .min(table[i * width + j - 1] + 1)
                    .min(table[(i - 1) * width + j - 1] + change);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(table[(i - 2) * width + j - 2] + 1);
                }
                best
            };
        }
    }
    table[a.len() * width + b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_tokens() {
        let found = tokens(
            "check https://a.b/c?d=1. Count 'not found' in ./x/sales.csv above 1,200 since 2024-01-31, ok?",
        );
        let kinds: Vec<_> = found.iter().map(|t| (t.text.as_str(), &t.kind)).collect();
        assert!(kinds.contains(&("https://a.b/c?d=1", &Kind::Url)), "{kinds:?}");
        assert!(kinds.contains(&("not found", &Kind::Quoted)), "{kinds:?}");
        assert!(kinds.contains(&("./x/sales.csv", &Kind::Path)), "{kinds:?}");
        assert!(kinds.contains(&("1,200", &Kind::Number(1200.0))), "{kinds:?}");
        assert!(kinds.contains(&("2024-01-31", &Kind::Date)), "{kinds:?}");
    }

    #[test]
    fn inflections_share_a_stem() {
        for (a, b) in [
            ("errors", "error"),
            ("analyse", "analyzing"),
            ("summaries", "summary"),
            ("summarises", "summarize"),
            ("mapped", "map"),
            ("queries", "query"),
            ("matches", "match"),
            ("counting", "count"),
            ("averages", "average"),
        ] {
            assert_eq!(stem(a), stem(b), "{a} {b}");
        }
        assert_ne!(stem("status"), stem("state"));
    }

    #[test]
    fn slips_are_put_right_and_sound_words_are_left() {
        let mut found = tokens("analize the erors by county");
        correct(&mut found, &["analyze", "errors", "count"], &HashSet::new());
        let low: Vec<_> = found.iter().map(|t| t.low.as_str()).collect();
        assert_eq!(low, ["analyze", "the", "errors", "by", "county"]);
    }

    #[test]
    fn distances() {
        assert_eq!(distance("errors", "erors"), 1);
        assert_eq!(distance("errors", "erorrs"), 1);
        assert_eq!(distance("abcdef", "ab"), 3);
    }
}
