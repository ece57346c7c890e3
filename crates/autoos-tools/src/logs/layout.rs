//! The layout of a log's lines: where the time stands and which parts lead to the message.
//!
//! A layout is learned from a sample by what most lines share: the place and shape of the
//! timestamp, then one part after the other (level, bracketed group, process number, host, tag,
//! logger name), each accepted only if nearly all lines have it there. So the message begins where
//! the lines begin to differ in kind. A log may have several layouts (two programs writing into one
//! file). Left out: structured lines (`structured`), which say themselves what is what.

use super::level::Severity;
use super::scan::{self, Cut};
use super::stamp::{self, Kind, Stamp};

/// The parts of a line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head<'a> {
    /// The time, if there is one.
    pub(super) stamp: Option<Stamp>,
    /// The time as written.
    pub(super) stamp_text: &'a str,
    /// What the level column says.
    pub(super) severity: Option<Severity>,
    /// Program, logger or module.
    pub(super) source: Option<&'a str>,
    /// Machine.
    pub(super) host: Option<&'a str>,
    /// The message.
    pub(super) content: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Level,
    Letter,
    Bracket,
    Integer,
    Host,
    Tag,
    Name,
    Dash,
    UntilBracket,
    /// A token with two spaces or more behind it.
    Padded,
    /// So many tokens before the level.
    Skip(usize),
    /// So many fields by this delimiter.
    Fields(u8, usize),
}

/// Where a stamp stands: tokens before it, an opening bracket, its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    tokens: usize,
    open: bool,
    kind: Kind,
}

/// One layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    place: Option<Place>,
    /// A better stamp before the last one.
    primary: Option<Place>,
    parts: Vec<Part>,
}

/// Tokens and bytes within which a timestamp is looked for.
const HEAD_TOKENS: usize = 10;
const HEAD_BYTES: usize = 240;
/// Layouts that one log may have.
const MAX_LAYOUTS: usize = 4;

/// Learns the layouts of a sample, the most common first; at least one.
pub(super) fn learn(lines: &[&str]) -> Vec<Layout> {
    let mut left: Vec<Stamped<'_>> = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| (*line, stamps(line)))
        .collect();
    let total = left.len();
    let mut layouts = Vec::new();
    while layouts.len() < MAX_LAYOUTS {
        let Some(place) =
            common_place(&left, if layouts.is_empty() { 1 } else { 3.max(total / 50) })
        else {
            break;
        };
        let (fitting, rest): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|(_, found)| found.iter().any(|(p, ..)| *p == place));
        left = rest;
        let primary = best_before(&fitting, place);
        let rests: Vec<&str> = fitting
            .iter()
            .filter_map(|(line, found)| {
                let (_, _, end) = found.iter().find(|(p, ..)| *p == place)?;
                line.get(*end..)
            })
            .collect();
        layouts.push(Layout { place: Some(place), primary, parts: learn_parts(rests, true) });
    }
    if layouts.is_empty() {
        let rests = lines.iter().copied().filter(|l| !l.starts_with([' ', '\t'])).collect();
        layouts.push(Layout { place: None, primary: None, parts: learn_parts(rests, false) });
    }
    layouts
}

/// A line with the stamps in its head: place, start and end of each.
type Stamped<'a> = (&'a str, Vec<(Place, usize, usize)>);

/// The last place among those that are about as common as the most common.
fn common_place(lines: &[Stamped<'_>], at_least: usize) -> Option<Place> {
    let mut counts: Vec<(Place, usize)> = Vec::new();
    for (place, ..) in lines.iter().flat_map(|(_, found)| found) {
        match counts.iter_mut().find(|(p, _)| p == place) {
            Some((_, n)) => *n += 1,
            None => counts.push((*place, 1)),
        }
    }
    let most = counts.iter().map(|(_, n)| *n).max()?;
    // A few stamps in the messages of a log without times make no column.
    let flat = lines.iter().filter(|(line, _)| !line.starts_with([' ', '\t'])).count();
    if most < at_least || (at_least == 1 && most * 20 < flat) {
        return None;
    }
    counts.iter().filter(|(_, n)| n * 10 >= most * 9).max_by_key(|(p, _)| p.tokens).map(|(p, _)| *p)
}

fn best_before(lines: &[Stamped<'_>], place: Place) -> Option<Place> {
    let (_, found) = lines.first()?;
    let best = found
        .iter()
        .filter(|(p, ..)| p.tokens < place.tokens)
        .max_by_key(|(p, ..)| p.kind.rank())
        .filter(|(p, ..)| p.kind.rank() > place.kind.rank())?;
    let everywhere = lines.iter().filter(|(_, f)| f.iter().any(|(p, ..)| *p == best.0)).count();
    (everywhere * 10 >= lines.len() * 9).then_some(best.0)
}

/// The stamps in the head of a line: place, start and end.
fn stamps(line: &str) -> Vec<(Place, usize, usize)> {
    let b = line.as_bytes();
    let (mut found, mut at, mut tokens) = (Vec::new(), 0, 0);
    while tokens < HEAD_TOKENS && at < b.len().min(HEAD_BYTES) {
        if b[at] <= b' ' {
            at += 1;
            continue;
        }
        let open = matches!(b[at], b'[' | b'(' | b'<');
        let hit = stamp::uptime(&b[at..]).map(|s| (s, at, false)).or_else(|| {
            stamp::at(&b[at + usize::from(open)..]).map(|s| (s, at + usize::from(open), open))
        });
        if let Some((stamp, start, open)) = hit {
            found.push((Place { tokens, open, kind: stamp.kind }, start, start + stamp.len));
            at = start + stamp.len;
        }
        while at < b.len() && b[at] > b' ' {
            at += 1;
        }
        tokens += 1;
    }
    found
}

fn learn_parts(mut rests: Vec<&str>, stamped: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    if stamped && let Some(fields) = fields(&rests) {
        return vec![fields];
    }
    while parts.len() < 9 && !rests.is_empty() {
        for rest in &mut rests {
            *rest = scan::after_separators(rest);
        }
        rests.retain(|rest| !rest.is_empty());
        let Some(part) = next_part(&rests, &parts) else { break };
        for rest in &mut rests {
            *rest = &rest[taken(part, rest).map_or(0, |t| t.len)..];
        }
        parts.push(part);
    }
    parts
}

fn next_part(rests: &[&str], parts: &[Part]) -> Option<Part> {
    let n = rests.len();
    if n == 0 {
        return None;
    }
    let share = |part: Part, percent: usize| {
        rests.iter().filter(|rest| taken(part, rest).is_some()).count() * 100 >= n * percent
    };
    let levelled = parts.contains(&Part::Level) || parts.contains(&Part::Letter);
    let hosted = parts.contains(&Part::Host);
    let named = parts.iter().any(|p| {
        matches!(p, Part::Tag | Part::Name | Part::Dash | Part::UntilBracket | Part::Padded)
    });
    if named && levelled && share(Part::Bracket, 95) {
        return Some(Part::Bracket);
    }
    if !levelled {
        if share(Part::Level, 85) && is_column(rests.iter().copied()) {
            return Some(Part::Level);
        }
        if share(Part::Letter, 90) {
            return Some(Part::Letter);
        }
    }
    if share(Part::Bracket, 95) {
        return Some(Part::Bracket);
    }
    if !levelled && let Some(skip) = (1..=5).find(|k| level_after(rests, *k)) {
        return Some(Part::Skip(skip));
    }
    if parts.iter().filter(|p| **p == Part::Integer).count() < 3
        && !named
        && share(Part::Integer, 98)
    {
        return Some(Part::Integer);
    }
    if named {
        return None;
    }
    let hosts = rests.iter().filter(|rest| scan::host_and_tag(rest).is_some()).count();
    if !hosted && !levelled && hosts * 100 >= n * 70 {
        return Some(Part::Host);
    }
    if levelled && share(Part::Padded, 95) {
        return Some(Part::Padded);
    }
    [
        (Part::Tag, if hosted { 60 } else { 90 }),
        (Part::Dash, 95),
        (Part::Name, 95),
        (Part::UntilBracket, 95),
    ]
    .into_iter()
    .find(|(part, percent)| share(*part, *percent))
    .map(|(part, _)| part)
}

/// Whether nearly all lines have their level after `k` tokens.
fn level_after(rests: &[&str], k: usize) -> bool {
    let hits = rests.iter().filter(|rest| {
        let (_, after) = skip(rest, k);
        scan::level(after).is_some() || (k <= 3 && scan::letter(after).is_some())
    });
    hits.count() * 100 >= rests.len() * 90 && is_column(rests.iter().map(|rest| skip(rest, k).1))
}

/// Whether the levels at the starts of these texts are a column, and not a word that all messages
/// happen to share: they differ, or they are set apart by capitals or marks.
fn is_column<'a>(texts: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = None;
    for text in texts {
        let Some((severity, len)) = scan::level(text) else {
            // A letter at this place is a level like any other.
            if scan::letter(text).is_some() {
                return true;
            }
            continue;
        };
        let b = text.as_bytes();
        let marked =
            matches!(b.get(len), Some(b':' | b'|' | b',' | b']')) || b.get(len) == Some(&b'\t');
        if !b[0].is_ascii_lowercase() || marked || *seen.get_or_insert(severity) != severity {
            return true;
        }
    }
    false
}

/// The first `k` tokens and what follows them.
fn skip(text: &str, k: usize) -> (&str, &str) {
    let mut rest = text;
    for _ in 0..k {
        let Some(cut) = scan::token(rest) else { break };
        rest = scan::after_spaces(&rest[cut.len..]);
    }
    (&text[..text.len() - rest.len()], rest)
}

/// Fields by `|` or tab: as many as all lines have.
fn fields(rests: &[&str]) -> Option<Part> {
    let delimiter = [b'|', b'\t'].into_iter().find(|d| {
        let hits = rests
            .iter()
            .filter(|rest| rest.trim_start_matches(' ').as_bytes().first() == Some(d))
            .count();
        hits * 100 >= rests.len() * 95
    })?;
    let mut counts: Vec<usize> =
        rests.iter().map(|r| r.bytes().filter(|c| *c == delimiter).count()).collect();
    counts.sort_unstable();
    let common = counts.get(counts.len() / 50).copied().unwrap_or(1);
    Some(Part::Fields(delimiter, common.clamp(1, 8)))
}

/// What a part takes at the start of `rest`.
fn taken(part: Part, rest: &str) -> Option<Cut<'_>> {
    match part {
        Part::Level => scan::level(rest).map(|(_, len)| Cut { text: "", len }),
        Part::Letter => scan::letter(rest).map(|(_, len)| Cut { text: "", len }),
        Part::Bracket => scan::bracket(rest),
        Part::Integer => scan::integer(rest),
        Part::Host => scan::host_and_tag(rest)
            .or_else(|| scan::token(rest).filter(|t| !t.text.ends_with(':'))),
        Part::Tag => scan::tag(rest),
        Part::Name => scan::dotted_name(rest),
        Part::Dash => scan::until_dash(rest),
        Part::UntilBracket => scan::until_bracket(rest),
        Part::Padded => scan::padded(rest),
        Part::Skip(k) => {
            let (head, after) = skip(rest, k);
            let fits = scan::level(after).is_some() || scan::letter(after).is_some();
            fits.then(|| Cut {
                text: head.split_whitespace().next_back().unwrap_or(""),
                len: head.len(),
            })
        }
        Part::Fields(delimiter, n) => {
            let at = rest.bytes().enumerate().filter(|(_, c)| *c == delimiter).nth(n - 1)?.0;
            Some(Cut { text: "", len: at + 1 })
        }
    }
}

impl Layout {
    /// Reads a line by this layout; `None` if its time is not where this layout has it.
    pub(super) fn read<'a>(&self, line: &'a str) -> Option<Head<'a>> {
        let mut head = Head::default();
        let mut rest = line;
        if let Some(place) = self.place {
            let (start, stamp) = at_place(line, place)?;
            head.stamp = Some(stamp);
            head.stamp_text = line.get(start..start + stamp.len)?;
            rest = line.get(start + stamp.len..)?;
            if let Some((start, stamp)) = self.primary.and_then(|p| at_place(line, p)) {
                head.stamp = Some(stamp);
                head.stamp_text = line.get(start..start + stamp.len)?;
            }
            if place.kind == Kind::Glog {
                head.severity = line.as_bytes().get(start).and_then(|l| Severity::of_letter(*l));
            }
            if place.tokens > 0 {
                head.host = line[..start].split_whitespace().find(|t| {
                    t.len() > 1 && t.starts_with(|c: char| c.is_ascii_alphabetic()) && t.len() < 80
                });
            }
        }
        for part in &self.parts {
            if !matches!(part, Part::Fields(..)) {
                rest = scan::after_separators(rest);
            }
            rest = self.take(*part, rest, &mut head);
        }
        head.content = match self.parts.last() {
            Some(Part::Fields(..)) => rest,
            _ if self.place.is_some() || !self.parts.is_empty() => scan::after_separators(rest),
            _ => rest,
        }
        .trim();
        Some(head)
    }

    fn take<'a>(&self, part: Part, rest: &'a str, head: &mut Head<'a>) -> &'a str {
        let Some(cut) = taken(part, rest) else { return rest };
        match part {
            Part::Level => head.severity = scan::level(rest).map(|(s, _)| s),
            Part::Letter => head.severity = scan::letter(rest).map(|(s, _)| s),
            Part::Host => head.host = Some(cut.text),
            Part::Tag | Part::Name | Part::Dash | Part::Padded => head.source = Some(cut.text),
            Part::Bracket | Part::UntilBracket => {
                let who = ["pid ", "tid ", "client "].iter().any(|w| cut.text.starts_with(w));
                let named = cut.text.starts_with(|c: char| c.is_alphabetic() || c == '/');
                if head.source.is_none() && named && !who {
                    head.source = Some(scan::component(cut.text));
                }
            }
            Part::Skip(_) => {
                if cut.text.starts_with(|c: char| c.is_alphabetic()) {
                    head.source = Some(cut.text);
                }
            }
            Part::Fields(delimiter, _) => {
                for field in rest[..cut.len].split(delimiter as char).map(str::trim) {
                    if head.severity.is_none()
                        && let Some(severity) = Severity::of_word(field)
                    {
                        head.severity = Some(severity);
                    } else if head.source.is_none()
                        && field.starts_with(|c: char| c.is_alphabetic())
                    {
                        head.source = Some(field);
                    }
                }
            }
            Part::Integer => {}
        }
        &rest[cut.len..]
    }

    /// The parts by name, in order, for the report.
    pub(super) fn describe(&self) -> String {
        let mut words: Vec<&str> = Vec::new();
        if self.place.is_some_and(|p| p.tokens > 0) {
            words.push("columns");
        }
        words.extend(self.place.map(|_| "time"));
        for part in &self.parts {
            words.push(match part {
                Part::Level | Part::Letter => "level",
                Part::Bracket => "[group]",
                Part::Integer => "number",
                Part::Host => "host",
                Part::Tag => "tag",
                Part::Name | Part::Padded => "name",
                Part::Dash => "name -",
                Part::UntilBracket => "place",
                Part::Skip(_) => "columns",
                Part::Fields(..) => "fields",
            });
        }
        words.push("message");
        words.join(" ")
    }

    /// Which part is the level, counted from 0 after the time; `None` if no part is.
    pub(super) fn level_position(&self) -> Option<usize> {
        self.parts.iter().position(|p| matches!(p, Part::Level | Part::Letter))
    }
}

fn at_place(line: &str, place: Place) -> Option<(usize, Stamp)> {
    let b = line.as_bytes();
    let mut at = 0;
    for _ in 0..place.tokens {
        at += b[at..].iter().position(|c| *c > b' ')?;
        at += b[at..].iter().position(|c| *c <= b' ')?;
    }
    at += b[at..].iter().position(|c| *c > b' ')?;
    if place.kind == Kind::Uptime {
        return stamp::uptime(&b[at..]).map(|s| (at, s));
    }
    if place.open {
        at += 1;
    }
    let stamp = stamp::at(b.get(at..)?)?;
    (stamp.kind == place.kind).then_some((at, stamp))
}
