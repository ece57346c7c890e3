//! The records of a log as cells, for whoever counts and filters them.
//!
//! The parts are those that the report on a log goes by: its layout is learned from the beginning.
//! Left out: JSON lines, which are tables as they are; guessing a level from the wording.

use super::{
    calendar,
    layout::{self, Layout},
    stamp::{Kind, Stamp},
    structured,
};

/// Lines that a layout is learned from.
const SAMPLE: usize = 500;

/// How the lines of a log are read.
pub(crate) struct Records {
    access: bool,
    logfmt: bool,
    layouts: Vec<Layout>,
}

impl Records {
    /// Learns from the first lines of a log.
    pub(crate) fn learn(sample: &str) -> Self {
        let lines: Vec<&str> =
            sample.lines().filter(|l| !l.trim().is_empty()).take(SAMPLE).collect();
        let most = |n: usize| n * 2 > lines.len();
        Self {
            access: most(lines.iter().filter(|l| structured::access(l).is_some()).count()),
            logfmt: most(lines.iter().filter(|l| structured::logfmt(l).is_some()).count()),
            layouts: layout::learn(&lines),
        }
    }

    /// The columns; the last one takes in lines that go on.
    pub(crate) fn columns(&self) -> &'static [&'static str] {
        match self.access {
            true => &["time", "clock", "ip", "method", "path", "status", "bytes"],
            false => &["time", "clock", "level", "source", "message"],
        }
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
        let (stamp, severity, source, content) = match structured::logfmt(line) {
            Some(fields) if self.logfmt => {
                (fields.stamp, fields.severity, fields.source, fields.content)
            }
            _ => {
                let (priority, text) = match structured::priority(line) {
                    Some((severity, rest)) => (Some(severity), rest),
                    None => (None, line),
                };
                let head = priority
                    .and_then(|_| structured::rfc5424(text))
                    .or_else(|| self.layouts.iter().find_map(|layout| layout.read(text)))?;
                let severity = head.severity.or(priority);
                (head.stamp, severity, head.source.map(str::to_owned), head.content.to_owned())
            }
        };
        let [time, clock] = times(stamp);
        let level = severity.map_or_else(String::new, |s| s.name().to_owned());
        Some(vec![time, clock, level, source.unwrap_or_default(), content])
    }
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
