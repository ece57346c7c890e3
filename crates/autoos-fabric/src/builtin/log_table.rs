//! A log seen as a table of its records, as `table.query` reads it in the format `log`.
//!
//! Only what the head shows for sure: an access log, or lines that begin with a time and carry a
//! level. Of others the report on the log is all there is.

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
static SOURCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\]:\s-]*\[?([A-Za-z][\w.-]*)(\]|:)").expect("a constant"));

/// The log as a table; none where its head does not show how it is written.
pub(super) fn of<'a>(known: &Known<'a>) -> Option<Known<'a>> {
    if known.form != Form::Log {
        return None;
    }
    let lines: Vec<&str> =
        known.info.head.lines().filter(|l| !l.trim().is_empty()).take(200).collect();
    let columns = access(&lines).or_else(|| levels(&lines))?;
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
    let mut level = column(
        "level",
        ["error", "warning", "info", "debug", "critical", "notice", "trace"]
            .map(str::to_owned)
            .into_iter(),
    );
    level.repeats = true;
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
    all.push(message);
    Some(all)
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
