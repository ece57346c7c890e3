//! A log seen as a table of its records, as `table.query` reads it in the format `log`.
//!
//! Only what the head shows for sure: an access log, lines that begin with a time and carry a
//! level, lines of `key=value`, or those of syslog, which name a machine and a program. Of others
//! the report on the log is all there is.

use super::{
    sniff::{Column, Form, Holds, Known, column},
    words::{Kind, Token},
};
use regex::Regex;
use std::sync::LazyLock;

static ACCESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^(\S+) .*?\[(\d\d?/\w{3}/\d{4}):(\d\d:\d\d:\d\d)[^\]]*\] "(\S+) (\S+)[^"]*" ([1-5]\d\d) (\d+|-)"#)
        .expect("a constant")
});
static LEVEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\[?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)\S*\s+\S{0,40}?\s*\[?\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b\]?")
        .expect("a constant")
});
static SYSLOG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ([A-Za-z][\w.-]*) ([A-Za-z][\w./-]*)(?:\([\w-]+\))?(?:\[\d+\])?: ")
        .expect("a constant")
});
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\b([A-Za-z_][\w.@-]*)=("(?:[^"\\]|\\.)*"|\S*)"#).expect("a constant")
});
const TIMES: &[&str] = &["time", "ts", "timestamp", "t", "datetime", "date"];
const LEVELS: &[&str] = &["level", "lvl", "severity", "loglevel", "log_level"];
const MESSAGES: &[&str] = &["message", "msg", "text", "event", "log", "body", "short_message"];
static SOURCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\]:\s-]*\[?([A-Za-z][\w.-]*)(\]|:)").expect("a constant"));

/// The log as a table; none where its head does not show how it is written.
pub(super) fn of<'a>(known: &Known<'a>) -> Option<Known<'a>> {
    if known.form != Form::Log {
        return None;
    }
    let lines: Vec<&str> =
        known.info.head.lines().filter(|l| !l.trim().is_empty()).take(200).collect();
    let columns = access(&lines)
        .or_else(|| logfmt(&lines))
        .or_else(|| levels(&lines))
        .or_else(|| syslog(&lines))?;
    Some(Known { columns, log_like: false, ..known.clone() })
}

fn access(lines: &[&str]) -> Option<Vec<Column>> {
    let hits: Vec<_> = lines.iter().filter_map(|l| ACCESS.captures(l)).collect();
    if hits.is_empty() || hits.len() * 10 < lines.len() * 9 {
        return None;
    }
    let part = |name: &str, at: usize| {
        column(name, hits.iter().filter_map(|h| h.get(at)).map(|m| m.as_str().to_owned()))
    };
    let mut all = vec![dates(hits.len()), clock()];
    for (name, at) in [("ip", 1), ("method", 4), ("path", 5), ("status", 6), ("bytes", 7)] {
        let mut one = part(name, at);
        // Codes are figures, and `-` is none; a name or address is never one.
        if ["status", "bytes"].contains(&name) {
            one.holds = Holds::Numbers;
            one.values.retain(|v| v != "-");
        } else {
            one.holds = Holds::Words;
            one.repeats = true;
        }
        all.push(one);
    }
    Some(all)
}

fn levels(lines: &[&str]) -> Option<Vec<Column>> {
    let found: Vec<_> = lines.iter().filter_map(|l| Some((*l, LEVEL.captures(l)?))).collect();
    if found.is_empty() || found.len() * 10 < lines.len() * 6 {
        return None;
    }
    let rest = |line: &str, end: usize| line.get(end..).map(str::to_owned).unwrap_or_default();
    let sources = found.iter().filter_map(|(line, caps)| {
        let after = rest(line, caps.get(0)?.end());
        Some(SOURCE.captures(&after)?.get(1)?.as_str().to_owned())
    });
    let sources: Vec<String> = sources.collect();
    let level = graveness();
    let mut message = column("message", std::iter::empty());
    message.holds = Holds::Words;
    let mut all = vec![dates(found.len()), clock(), level];
    // What is told apart must stand in most lines.
    if sources.len() * 10 >= found.len() * 8 {
        let mut source = column("source", sources.into_iter());
        source.holds = Holds::Words;
        source.repeats = true;
        all.push(source);
    }
    all.extend(keys(lines, &all));
    all.push(message);
    Some(all)
}

/// Lines that are pairs throughout; what says when and how grave has the name that every log gives
/// it, the rest its own.
fn logfmt(lines: &[&str]) -> Option<Vec<Column>> {
    let pairs: Vec<usize> = lines.iter().map(|line| PAIR.find_iter(line).count()).collect();
    let first = |line: &&str| PAIR.find(line).is_some_and(|found| found.start() == 0);
    let whole = lines.iter().filter(|line| first(line)).count();
    if lines.is_empty() || whole * 10 < lines.len() * 9 || pairs.iter().any(|n| *n < 3) {
        return None;
    }
    let said = |names: &[&str]| {
        lines.iter().all(|line| PAIR.captures_iter(line).any(|c| names.contains(&&c[1])))
    };
    let mut all = Vec::new();
    if said(TIMES) {
        all.extend([dates(lines.len()), clock()]);
    }
    if said(LEVELS) {
        all.push(graveness());
    }
    all.extend(keys(lines, &all));
    let mut message = column("message", std::iter::empty());
    message.holds = Holds::Words;
    all.push(message);
    Some(all)
}

/// A year-less time, a machine, a program: no day can be told from it, and no level.
fn syslog(lines: &[&str]) -> Option<Vec<Column>> {
    let found: Vec<_> = lines.iter().filter_map(|line| SYSLOG.captures(line)).collect();
    if found.is_empty() || found.len() * 10 < lines.len() * 9 {
        return None;
    }
    let words = |name: &str, at: usize| {
        let mut one = column(name, found.iter().map(|caps| caps[at].to_owned()));
        one.holds = Holds::Words;
        one.repeats = true;
        one
    };
    let mut all = vec![clock(), words("host", 1), words("source", 2)];
    all.extend(keys(lines, &all));
    let mut message = column("message", std::iter::empty());
    message.holds = Holds::Words;
    all.push(message);
    Some(all)
}

/// A column for each key that stands in a tenth of the lines: so the tool has it too.
fn keys(lines: &[&str], have: &[Column]) -> Vec<Column> {
    let mut found: Vec<(String, Vec<String>, usize)> = Vec::new();
    for line in lines {
        let mut seen: Vec<&str> = Vec::new();
        for pair in PAIR.captures_iter(line) {
            let (key, value) = (pair.get(1).map_or("", |m| m.as_str()), pair[2].trim_matches('"'));
            let value = value.trim_end_matches([',', ';', ')', ']']).to_owned();
            let common = [TIMES, LEVELS, MESSAGES].iter().any(|names| names.contains(&key));
            if common || seen.contains(&key) || have.iter().any(|c| c.name == key) {
                continue;
            }
            seen.push(key);
            match found.iter_mut().find(|(other, ..)| other == key) {
                Some((_, values, n)) => {
                    values.push(value);
                    *n += 1;
                }
                None => found.push((key.to_owned(), vec![value], 1)),
            }
        }
    }
    // The tool learns from more lines than the head shows: what is rare here may be no column there.
    found.retain(|(_, _, n)| n * 8 >= lines.len());
    let mut columns: Vec<Column> =
        found.into_iter().map(|(key, values, _)| column(&key, values.into_iter())).collect();
    // A log goes on after its head, and what stands there once may come again.
    columns.iter_mut().filter(|c| c.holds == Holds::Words).for_each(|c| c.repeats = true);
    columns
}

fn graveness() -> Column {
    let words = ["error", "warning", "info", "debug", "critical", "notice", "trace"];
    let mut level = column("level", words.map(str::to_owned).into_iter());
    level.repeats = true;
    level
}

fn dates(lines: usize) -> Column {
    Column {
        name: "time".into(),
        values: Vec::new(),
        repeats: lines > 1,
        empties: false,
        holds: Holds::Dates,
    }
}

fn clock() -> Column {
    Column {
        name: "clock".into(),
        values: Vec::new(),
        repeats: true,
        empties: false,
        holds: Holds::Words,
    }
}

/// Whether a clause asks of single records what the report on a log does not say.
pub(super) fn asks(tokens: &[Token], access: bool) -> bool {
    let has =
        |words: &[&str]| tokens.iter().any(|t| t.is(words) || words.contains(&t.low.as_str()));
    let narrows = has(&[
        "per",
        "by",
        "each",
        "every",
        "hourly",
        "daily",
        "distinct",
        "unique",
        "different",
        "hour",
        "minute",
        "level",
        "percentage",
        "percent",
        "share",
        "busiest",
        "top",
        "most",
        "fewest",
        "average",
        "avg",
        "median",
        "total",
        "sum",
        "highest",
        "lowest",
        "slowest",
        "longest",
        "largest",
        "last",
        "past",
    ]) || tokens.iter().any(|t| t.kind == Kind::Date);
    let status = tokens.iter().any(|t| {
        matches!(t.kind, Kind::Number(n) if (100.0..600.0).contains(&n)) || t.low.ends_with("xx")
    });
    narrows
        || access
            && (status
                || has(&[
                    "ip",
                    "ips",
                    "path",
                    "paths",
                    "url",
                    "urls",
                    "page",
                    "pages",
                    "status",
                    "method",
                    "bytes",
                    "get",
                    "post",
                    "put",
                    "delete",
                    "request",
                    "requests",
                    "hits",
                    "client",
                    "clients",
                    "visitor",
                    "visitors",
                    "traffic",
                    "address",
                    "addresses",
                    "endpoint",
                    "endpoints",
                    "slowest",
                    "fastest",
                    "response",
                ]))
}

/// Whether a table of a log is one of requests.
pub(super) fn is_access(known: &Known<'_>) -> bool {
    known.form == Form::Log && known.columns.iter().any(|c| c.name == "status")
}
