//! From the state at the end of a log to its report: templates, families, diagnoses.
//!
//! A diagnosis says only what was counted or stands in the words: the kind of trouble by its
//! wording, a value that most records share, a burst. Left out: causes, which a log does not show.

use super::level::Severity;
use super::mask::{ANY, Class, WILD};
use super::report::{Burst, Families, Family, Group, Place, ValueCount, Variable};
use super::stamp::{self, Kind};
use super::store::{self, Seen};
use super::trouble::{self, Trouble};
use std::collections::BTreeMap;

/// How times are written in this log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) kind: Kind,
    pub(super) offset_min: i16,
    /// The earliest and the latest time, ms.
    pub(super) span: (i64, i64),
}

impl Clock {
    pub(super) fn show(&self, ms: i64) -> String {
        stamp::format(self.kind, ms, self.offset_min)
    }
}

pub(super) const REASONS: [&str; 4] = ["level field", "http status", "words", "default"];

/// The report's group for the state's group.
pub(super) fn group(id: u32, from: &store::Group, clock: Option<Clock>) -> Group {
    let most = |counts: &[u64]| (0..counts.len()).rev().max_by_key(|i| counts[*i]).unwrap_or(0);
    let severity = Severity::ALL[most(&from.by_severity)];
    let several = from.by_severity.iter().filter(|n| **n > 0).count() > 1;
    Group {
        id,
        template: template(from),
        count: from.count,
        severity,
        severity_reason: REASONS[most(&from.by_reason)],
        severities: if several { severities(&from.by_severity) } else { BTreeMap::new() },
        first: place(&from.first),
        last: place(&from.last),
        example: from.example.clone(),
        source: from.sources.top(1).first().map(|(source, _)| (*source).to_owned()),
        bursts: clock.map(|c| bursts(from, c)).unwrap_or_default(),
        variables: variables(from),
    }
}

/// Counts by the names of severities that occur.
pub(super) fn severities(counts: &[u64; 7]) -> BTreeMap<&'static str, u64> {
    Severity::ALL
        .iter()
        .filter(|s| counts[**s as usize] > 0)
        .map(|s| (s.name(), counts[*s as usize]))
        .collect()
}

/// The families of errors (`least` is error) or of warnings among the groups.
pub(super) fn families(groups: &[(&store::Group, Group)], errors: bool, top: usize) -> Families {
    let range = if errors {
        Severity::Error as usize..7
    } else {
        Severity::Warning as usize..Severity::Warning as usize + 1
    };
    let mut found: Vec<Family> = groups
        .iter()
        .filter(|(from, _)| from.by_severity[range.clone()].iter().sum::<u64>() > 0)
        .map(|(from, group)| family(from, group, range.clone()))
        .collect();
    let total = found.iter().map(|f| f.count).sum();
    found.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then(b.count.cmp(&a.count))
            .then(a.first.line.cmp(&b.first.line))
    });
    let distinct = found.len() as u64;
    found.truncate(top);
    Families { total, distinct, families: found }
}

fn family(from: &store::Group, group: &Group, range: std::ops::Range<usize>) -> Family {
    let counts = &from.by_severity[range.clone()];
    let count: u64 = counts.iter().sum();
    let gravest = range.start + counts.iter().rposition(|n| *n > 0).unwrap_or(0);
    let severity = Severity::ALL[gravest];
    let (first, last, example) =
        match (&from.errors, severity >= Severity::Error && count < from.count) {
            (Some(errors), true) => (
                Place { line: errors.0.line, time: shown(&errors.0) },
                Place { line: errors.1.line, time: shown(&errors.1) },
                errors.2.clone(),
            ),
            _ => (group.first.clone(), group.last.clone(), group.example.clone()),
        };
    // Words in the path of a request tell of what was asked for, not of what went wrong.
    let status = (group.severity_reason == "http status").then(|| answered(&group.template));
    let trouble = if status.is_some() { None } else { trouble::trouble(&group.template) };
    let status = status.flatten();
    Family {
        group: group.id,
        template: group.template.clone(),
        severity,
        severity_reason: group.severity_reason,
        count,
        first,
        last,
        example,
        source: group.source.clone(),
        kind: trouble.map(|t| t.kind).or(status.map(|(_, (kind, _))| kind)),
        diagnosis: diagnosis(group, severity, count, trouble, status),
        bursts: group.bursts.clone(),
        variables: group.variables.clone(),
    }
}

/// The status at the end of a request's template, and what it stands for.
fn answered(template: &str) -> Option<Answered> {
    let status: u16 = template.rsplit(' ').next()?.parse().ok()?;
    (100..600).contains(&status).then(|| (status, trouble::status(status)))
}

/// A status, the kind of trouble it stands for, and its words.
type Answered = (u16, (&'static str, &'static str));

fn diagnosis(
    group: &Group,
    severity: Severity,
    count: u64,
    trouble: Option<Trouble<'_>>,
    status: Option<Answered>,
) -> String {
    let mut text = match (trouble, status) {
        (Some(t), _) => format!("{}: the message says \"{}\"", capital(t.kind), t.evidence),
        (None, Some((status, (kind, words)))) => {
            format!("{}: answered with HTTP status {status} ({words})", capital(kind))
        }
        (None, None) => format!(
            "Kind unclear from the wording; it is counted as {} by its {}",
            severity.name(),
            group.severity_reason
        ),
    };
    if count == 1 {
        text.push_str("; it occurs once");
        return text + ".";
    }
    let shared = group.variables.iter().find_map(|v| {
        let top = v.top.first()?;
        (v.kind != "number" && top.count * 2 > group.count && top.count < group.count)
            .then_some((v, top))
    });
    if let Some((variable, top)) = shared {
        text.push_str(&format!(
            "; in {} of {}: {} {}",
            top.count, group.count, variable.name, top.value
        ));
    } else if let Some(v) =
        group.variables.iter().find(|v| v.complete && v.kind != "number" && v.distinct > 1)
    {
        text.push_str(&match v.kind {
            "word" => format!("; {} different values of {}", v.distinct, v.name),
            "address" => format!("; {} different addresses", v.distinct),
            kind => format!("; {} different {kind}s", v.distinct),
        });
    }
    if let Some(burst) = group.bursts.first() {
        text.push_str(&format!(
            "; {} of {} fall between {} and {}",
            burst.count, group.count, burst.from, burst.to
        ));
    }
    text + "."
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The template for people: what never varied stands as it is.
fn template(group: &store::Group) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(group.key.len() + 16);
    let mut variables = group.variables.iter();
    for c in &group.key {
        if !matches!(*c, WILD | ANY) {
            out.push(*c);
            continue;
        }
        match variables.next() {
            Some(v)
                if !v.varies
                    && (group.count > 1 || v.class == Class::Part)
                    && !v.first.is_empty() =>
            {
                out.extend_from_slice(v.first.as_bytes());
            }
            _ => out.extend_from_slice(b"<*>"),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn place(seen: &Seen) -> Place {
    Place { line: seen.line, time: shown(seen) }
}

fn shown(seen: &Seen) -> Option<String> {
    (!seen.time.is_empty()).then(|| seen.time.clone())
}

fn bursts(group: &store::Group, clock: Clock) -> Vec<Burst> {
    let found = group.rate.bursts(clock.span, 3);
    found
        .into_iter()
        .map(|(from, to, count)| Burst { from: clock.show(from), to: clock.show(to), count })
        .collect()
}

/// The variables that tell most, at most three.
fn variables(group: &store::Group) -> Vec<Variable> {
    let mut found: Vec<(u64, Variable)> = Vec::new();
    let mut state = group.variables.iter();
    let mut before = String::new();
    for word in group.key.split(|c| *c == b' ') {
        for (at, _) in word.iter().enumerate().filter(|(_, c)| matches!(**c, WILD | ANY)) {
            let Some(v) = state.next() else { break };
            if !v.varies || v.values.len() < 2 {
                continue;
            }
            let top = v.values.top(5);
            // Values that hardly repeat tell little, addresses and names aside.
            let repeats = top.first().is_some_and(|(_, n)| *n * 5 >= group.count || *n >= 10);
            let weight = match v.class {
                Class::Address | Class::Host => 6,
                Class::Word | Class::Value => 5,
                Class::Url | Class::Path => 4,
                Class::Part => 3,
                Class::Number if v.values.overflowed => 0,
                Class::Number | Class::Id => 1,
                Class::Time => 0,
            };
            if weight == 0 || (weight < 4 && !repeats) {
                continue;
            }
            let kind = kind(v.class);
            let top = top
                .into_iter()
                .map(|(value, count)| ValueCount { value: value.to_owned(), count })
                .collect();
            let variable = Variable {
                name: name(&word[..at], &before).unwrap_or_else(|| kind.to_owned()),
                kind,
                distinct: v.values.len() as u64,
                complete: !v.values.overflowed,
                top,
            };
            found.push((weight * 2 + u64::from(repeats), variable));
        }
        before = letters(word);
    }
    found.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    found.truncate(3);
    found.into_iter().map(|(_, v)| v).collect()
}

/// What a variable is called: the key before `=` or `:`, or the word before it.
fn name(inside: &[u8], before: &str) -> Option<String> {
    let key = inside.strip_suffix(b"=").or_else(|| inside.strip_suffix(b":")).map(|k| {
        let start = k
            .iter()
            .rposition(|c| !(c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.')))
            .map_or(0, |p| p + 1);
        letters(&k[start..])
    });
    key.filter(|k| !k.is_empty())
        .or_else(|| (!before.is_empty() && inside.len() <= 1).then(|| before.to_owned()))
}

fn letters(word: &[u8]) -> String {
    let kept: Vec<u8> = word
        .iter()
        .copied()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
        .collect();
    String::from_utf8_lossy(&kept).trim_matches(['-', '.']).to_owned()
}

fn kind(class: Class) -> &'static str {
    match class {
        Class::Number => "number",
        Class::Address => "address",
        Class::Host => "host",
        Class::Path => "path",
        Class::Url => "url",
        Class::Id => "id",
        Class::Time => "time",
        Class::Part | Class::Value | Class::Word => "word",
    }
}
