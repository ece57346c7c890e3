//! The stretch of time that a clause about logs speaks of: "between 10:02 and 10:05",
//! "since 2024-05-01".
//!
//! Only where it can be said to `logs.analyze` without guessing: the log writes its times with
//! the year first, and a time of day has a day. Otherwise the clause is declined, since a report
//! on all of the log answers something else.

use super::{
    clause::Clause,
    job::Window,
    refs::Target,
    sniff::Known,
    unable::Unable,
    words::{self, Kind},
};
use regex::Regex;
use serde_json::{Value, json};
use std::sync::LazyLock;

impl Window {
    /// As arguments of `logs.analyze`.
    pub(super) fn args(&self) -> Value {
        let mut args = json!({});
        for (name, time) in [("since", &self.since), ("until", &self.until)] {
            if let Some(time) = time {
                args[name] = json!(time);
            }
        }
        args
    }
}

static ISO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(\d{4}-\d{2}-\d{2})[ T]\d{2}:\d{2}:\d{2}").expect("the pattern is constant")
});

/// Reads the stretch of a clause; everything, when it speaks of none.
pub(super) fn read(
    clause: &Clause,
    targets: &[Target],
    contexts: &[Known<'_>],
) -> Result<Window, Unable> {
    let tokens = &clause.tokens;
    let before = |at: usize, wanted: &[&str]| at > 0 && tokens[at - 1].is(wanted);
    let mut window = Window::default();
    for (at, token) in tokens.iter().enumerate() {
        let places = ["in", "on", "since", "after", "before", "until", "during", "from", "between"];
        let month = token.kind == Kind::Word && words::month(&token.low).is_some();
        if month && before(at, &places) {
            return Err(unclear(clause));
        }
        if token.kind != Kind::Date {
            continue;
        }
        let second = at > 1 && tokens[..at - 1].iter().any(|t| t.kind == Kind::Date);
        let (since, until) = if second && before(at, &["and", "to", "until", "till"]) {
            (false, true)
        } else if before(at, &["between", "from", "since", "after"]) {
            (true, false)
        } else if before(at, &["before", "until", "till", "to"]) {
            (false, true)
        } else {
            (true, true)
        };
        let day = day_of(targets, contexts);
        if since {
            window.since =
                Some(moment(&token.text, day.as_deref(), false).ok_or_else(|| unclear(clause))?);
        }
        if until {
            window.until =
                Some(moment(&token.text, day.as_deref(), true).ok_or_else(|| unclear(clause))?);
        }
    }
    let bounded = window != Window::default();
    let iso = |t: &Target| t.known(contexts).is_some_and(|k| ISO.is_match(&k.info.head));
    if bounded && !targets.iter().all(iso) { Err(unclear(clause)) } else { Ok(window) }
}

fn unclear(clause: &Clause) -> Unable {
    Unable::new(
        format!(
            "“{}” names a stretch of time that cannot be placed in this log without guessing",
            super::unable::gist(&clause.text)
        ),
        [
            "times with their day, as 2024-05-01 10:02, for logs that write theirs so; for others the whole log",
        ],
    )
}

/// The one day of logs that are shown whole.
fn day_of(targets: &[Target], contexts: &[Known<'_>]) -> Option<String> {
    let mut day: Option<&str> = None;
    for target in targets {
        let info = target.known(contexts)?.info;
        if (info.head.len() as u64) < info.bytes {
            return None;
        }
        for found in ISO.captures_iter(&info.head) {
            let this = found.get(1)?.as_str();
            if day.is_some_and(|day| day != this) {
                return None;
            }
            day = Some(this);
        }
    }
    day.map(str::to_owned)
}

/// A moment with day and seconds; a day or minute alone begins, or ends, with it.
fn moment(text: &str, day: Option<&str>, end: bool) -> Option<String> {
    let text = text.replace('/', "-").replace('T', " ");
    let text = text.trim_end_matches('Z');
    let (date, time) = match text.split_once(' ') {
        Some((date, time)) => (date, time),
        None if text.contains(':') => (day?, text),
        None => (text, ""),
    };
    let time = match time.len() {
        0 => if end { "23:59:59" } else { "00:00:00" }.to_owned(),
        4 | 5 => format!("{time:0>5}:{}", if end { "59" } else { "00" }),
        7 | 8 => format!("{time:0>8}"),
        _ => return None,
    };
    (date.len() == 10).then(|| format!("{date} {time}"))
}
