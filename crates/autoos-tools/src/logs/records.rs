//! The records of a log as cells, for whoever counts and filters them.
//!
//! The parts are those that the report on a log goes by: its layout is learned from the beginning.
//! Beside time, level, source and message a log has a column `host` where its lines name one, and
//! one for each `key=value` that stands in a tenth of the sample. Left out: JSON lines, which are
//! tables as they are; guessing a level from the wording.

use super::{
    calendar,
    layout::{self, Head, Layout},
    level::Severity,
    stamp::{Kind, Stamp},
    structured,
};

/// Lines that a layout is learned from.
const SAMPLE: usize = 500;
/// Most columns of `key=value`.
const KEYS: usize = 40;

/// How the lines of a log are read.
pub(crate) struct Records {
    access: bool,
    logfmt: bool,
    layouts: Vec<Layout>,
    /// Whether lines name a machine.
    host: bool,
    keys: Vec<String>,
}

/// The parts of a record that is no access to a server.
struct Parts<'a> {
    stamp: Option<Stamp>,
    severity: Option<Severity>,
    source: Option<String>,
    host: Option<&'a str>,
    content: String,
    /// Where its pairs stand.
    pairs: &'a str,
}

impl Records {
    /// Learns from the first lines of a log.
    pub(crate) fn learn(sample: &str) -> Self {
        let lines: Vec<&str> =
            sample.lines().filter(|l| !l.trim().is_empty()).take(SAMPLE).collect();
        let most = |n: usize| n * 2 > lines.len();
        let mut records = Self {
            access: most(lines.iter().filter(|l| structured::access(l).is_some()).count()),
            logfmt: most(lines.iter().filter(|l| structured::logfmt(l).is_some()).count()),
            layouts: layout::learn(&lines),
            host: false,
            keys: Vec::new(),
        };
        if !records.access {
            let read: Vec<_> = lines.iter().filter_map(|line| records.parts(line)).collect();
            let hosts = read.iter().filter(|parts| parts.host.is_some()).count();
            let keys = keys(&read);
            records.host = hosts * 2 > read.len();
            records.keys = keys;
        }
        records
    }

    /// The columns; the last one takes in lines that go on.
    pub(crate) fn columns(&self) -> Vec<&str> {
        if self.access {
            return vec!["time", "clock", "ip", "method", "path", "status", "bytes"];
        }
        let mut all = vec!["time", "clock", "level", "source"];
        all.extend(self.host.then_some("host"));
        all.extend(self.keys.iter().map(String::as_str));
        all.push("message");
        all
    }

    /// Whether lines that are no record go on the one before.
    pub(crate) fn goes_on(&self) -> bool {
        !self.access
    }

    /// The cells of the record that a line begins; none when it begins none.
    pub(crate) fn read(&self, line: &str) -> Option<Vec<String>> {
        if self.access {
            let hit = structured::access(line)?;
            let [time, clock] = times(Some(hit.stamp));
            let bytes = hit.bytes.map_or_else(String::new, |bytes| bytes.to_string());
            return Some(vec![
                time,
                clock,
                hit.client.to_owned(),
                hit.method.to_owned(),
                hit.path.to_owned(),
                hit.status.to_string(),
                bytes,
            ]);
        }
        let parts = self.parts(line)?;
        let [time, clock] = times(parts.stamp);
        let level = parts.severity.map_or_else(String::new, |s| s.name().to_owned());
        let mut cells = vec![time, clock, level, parts.source.unwrap_or_default()];
        cells.extend(self.host.then(|| parts.host.unwrap_or_default().to_owned()));
        if !self.keys.is_empty() {
            let pairs = structured::values(parts.pairs);
            // A key that comes twice has said it the first time.
            cells.extend(self.keys.iter().map(|key| {
                let said = pairs.iter().find(|(other, _)| other == key);
                said.map_or_else(String::new, |(_, value)| value.clone())
            }));
        }
        cells.push(parts.content);
        Some(cells)
    }

    fn parts<'a>(&self, line: &'a str) -> Option<Parts<'a>> {
        if self.logfmt
            && let Some(fields) = structured::logfmt(line)
        {
            let structured::Fields { stamp, severity, source, content, .. } = fields;
            return Some(Parts { stamp, severity, source, host: None, content, pairs: line });
        }
        let (priority, text) = match structured::priority(line) {
            Some((severity, rest)) => (Some(severity), rest),
            None => (None, line),
        };
        let head: Head<'a> = priority
            .and_then(|_| structured::rfc5424(text))
            .or_else(|| self.layouts.iter().find_map(|layout| layout.read(text)))?;
        Some(Parts {
            stamp: head.stamp,
            severity: head.severity.or(priority),
            source: head.source.map(str::to_owned),
            host: head.host,
            content: head.content.to_owned(),
            pairs: head.content,
        })
    }
}

/// The keys that stand in a tenth of the records or more, in the order in which they come up.
fn keys(records: &[Parts<'_>]) -> Vec<String> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for record in records {
        for (key, _) in structured::values(record.pairs) {
            match counts.iter().position(|(other, _)| *other == key) {
                Some(at) => counts[at].1 += 1,
                None if counts.len() < 10 * KEYS => counts.push((key, 1)),
                None => {}
            }
        }
    }
    let taken = ["time", "clock", "level", "source", "host", "message"];
    counts
        .into_iter()
        .filter(|(key, n)| n * 10 >= records.len() && !taken.contains(key))
        .filter(|(key, _)| !structured::is_common(key))
        .map(|(key, _)| key.to_owned())
        .take(KEYS)
        .collect()
}

/// A time with its day, as far as the log says it, and the time of day alone, in the log's zone.
fn times(stamp: Option<Stamp>) -> [String; 2] {
    let Some(stamp) = stamp else { return [String::new(), String::new()] };
    let time = calendar::format(stamp.kind, stamp.ms, stamp.offset_min);
    if stamp.kind == Kind::Uptime {
        return [time, String::new()];
    }
    let local = stamp.ms + i64::from(stamp.offset_min) * 60_000;
    let seconds = local.rem_euclid(86_400_000) / 1000;
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    [time, clock]
}
