//! Structured lines: JSON objects, logfmt, HTTP access logs and syslog of RFC 5424.
//!
//! These say themselves what is time, level and message, under one of the common names. Left out:
//! text lines, whose layout has to be learned (`layout`).

use super::layout::Head;
use super::level::Severity;
use super::scan;
use super::stamp::{self, Stamp};
use serde_json::{Map, Value};

/// A structured line with texts of its own, since they need not stand in the line as they are.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) stamp: Option<Stamp>,
    pub(super) stamp_text: String,
    pub(super) severity: Option<Severity>,
    /// Whether the severity comes from an HTTP status.
    pub(super) by_status: bool,
    pub(super) source: Option<String>,
    pub(super) content: String,
}

const MESSAGE: &[&str] =
    &["message", "msg", "@message", "text", "event", "log", "body", "short_message"];
const LEVEL: &[&str] = &[
    "level",
    "lvl",
    "severity",
    "log.level",
    "loglevel",
    "levelname",
    "@level",
    "log_level",
    "level_name",
    "severity_text",
];
const TIME: &[&str] = &[
    "time",
    "ts",
    "timestamp",
    "@timestamp",
    "t",
    "datetime",
    "date",
    "eventTime",
    "event_time",
    "asctime",
];
const SOURCE: &[&str] = &[
    "service",
    "logger",
    "component",
    "name",
    "module",
    "source",
    "app",
    "target",
    "logger_name",
    "caller",
    "service.name",
];
const ERROR: &[&str] = &["error", "err", "exception", "error.message", "reason"];
const STATUS: &[&str] =
    &["status", "status_code", "http_status", "statusCode", "http.status_code", "code"];

/// Reads a line that is one JSON object.
pub(super) fn json(line: &str) -> Option<Fields> {
    let Ok(Value::Object(map)) = serde_json::from_str::<Value>(line) else { return None };
    let mut fields = Fields::default();
    if let Some(time) = first(&map, TIME) {
        fields.take_time(&plain(time));
    }
    if let Some(level) = first(&map, LEVEL) {
        fields.severity = match level {
            Value::Number(n) => n.as_u64().and_then(Severity::of_number),
            other => Severity::of_word(plain(other).trim()),
        };
    }
    fields.source = first(&map, SOURCE).map(plain).filter(|s| !s.is_empty());
    let status = first(&map, STATUS).and_then(|v| plain(v).parse().ok());
    fields.take_status(status);
    fields.content = first(&map, MESSAGE).map(plain).unwrap_or_default();
    if let Some(error) =
        first(&map, ERROR).map(error_text).filter(|e| !e.is_empty() && *e != fields.content)
    {
        fields.add(&error);
    }
    if fields.content.is_empty() {
        fields.content = pairs(&map);
    }
    Some(fields)
}

/// The first of these keys that has a value; `a.b` also reaches into an object.
fn first<'a>(map: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().find_map(|key| {
        let found = map.get(*key).or_else(|| {
            let (outer, inner) = key.split_once('.')?;
            map.get(outer)?.get(inner)
        })?;
        (!found.is_null()).then_some(found)
    })
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) => first(map, MESSAGE).map(plain).unwrap_or_default(),
        Value::Array(_) => String::new(),
        other => other.to_string(),
    }
}

fn error_text(value: &Value) -> String {
    let Value::Object(map) = value else {
        return match value {
            Value::Bool(_) | Value::Number(_) => String::new(),
            other => plain(other),
        };
    };
    let kind = first(map, &["type", "name", "class", "kind"]).map(plain).unwrap_or_default();
    let message = plain(value);
    if kind.is_empty() { message } else { format!("{kind}: {message}") }
}

fn pairs(map: &Map<String, Value>) -> String {
    let known = |key: &str| TIME.contains(&key) || LEVEL.contains(&key) || SOURCE.contains(&key);
    let mut out = String::new();
    for (key, value) in map.iter().filter(|(k, v)| !known(k) && !v.is_object() && !v.is_array()) {
        out.push_str(if out.is_empty() { "" } else { " " });
        out.push_str(&format!("{key}={}", plain(value)));
    }
    out
}

/// Reads a line of `key=value` pairs that names a message, a level or a time.
pub(super) fn logfmt(line: &str) -> Option<Fields> {
    let mut fields = Fields::default();
    let (mut found, mut known, mut error, mut status) = (0, 0, None, None);
    let mut rest_pairs = String::new();
    let mut rest = line.trim();
    while let Some((key, value, after)) = pair(rest) {
        found += 1;
        rest = after;
        let is = |names: &[&str]| names.contains(&key);
        if is(MESSAGE) && fields.content.is_empty() {
            fields.content = value;
            known += 1;
        } else if is(LEVEL) {
            fields.severity = Severity::of_word(&value);
            known += 1;
        } else if is(TIME) {
            fields.take_time(&value);
            known += 1;
        } else {
            if is(ERROR) && error.is_none() && value != "null" && value != "nil" {
                error = Some(value.clone());
            }
            if is(STATUS) && status.is_none() {
                status = value.parse().ok();
            }
            if is(SOURCE) && fields.source.is_none() {
                fields.source = Some(value);
            } else if rest_pairs.len() < 1000 {
                rest_pairs.push_str(&format!(" {key}={value}"));
            }
        }
    }
    if found < 3 || known < 2 || !rest.is_empty() {
        return None;
    }
    fields.take_status(status);
    if let Some(error) = error.filter(|e| !e.is_empty()) {
        fields.add(&error);
    }
    if fields.content.is_empty() {
        fields.content = rest_pairs.trim_start().to_owned();
    }
    Some(fields)
}

/// The `key=value` pairs of a line or message, wherever they stand in it, in order; a value may
/// stand between quotation marks, and loses what closes a sentence.
pub(super) fn values(text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let start = rest[..equals]
            .rfind(|c: char| !is_key(c))
            .map_or(0, |at| at + rest[at..].chars().next().map_or(1, char::len_utf8));
        let key = &rest[start..equals];
        let named = key.starts_with(|c: char| c.is_alphabetic() || c == '_');
        match pair(&rest[start..]).filter(|_| named) {
            Some((key, value, after)) => {
                let open = value.trim_end_matches([',', ';', ')', ']']);
                found.push((key, open.to_owned()));
                rest = after;
            }
            None => rest = &rest[equals + 1..],
        }
    }
    found
}

fn is_key(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@')
}

/// Whether a key says when, how grave or what: the columns that every log has say that already.
pub(super) fn is_common(key: &str) -> bool {
    TIME.contains(&key) || LEVEL.contains(&key) || MESSAGE.contains(&key)
}

fn pair(text: &str) -> Option<(&str, String, &str)> {
    let text = text.trim_start();
    let equals = text.find('=')?;
    let key = &text[..equals];
    if key.is_empty() || key.contains(|c: char| c.is_whitespace() || c == '"') {
        return None;
    }
    let value = &text[equals + 1..];
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find(' ').unwrap_or(value.len());
        return Some((key, value[..end].to_owned(), &value[end..]));
    };
    let mut out = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((key, out, &quoted[at + 1..])),
            '\\' => out.extend(chars.next().map(|(_, c)| if c == 'n' { ' ' } else { c })),
            c => out.push(c),
        }
    }
    None
}

impl Fields {
    fn take_time(&mut self, text: &str) {
        self.stamp = stamp::at(text.trim().as_bytes());
        if self.stamp.is_some() {
            self.stamp_text = text.trim().to_owned();
        }
    }

    fn take_status(&mut self, status: Option<u16>) {
        if let Some(status) = status.filter(|s| self.severity.is_none() && (100..600).contains(s)) {
            self.severity = Some(Severity::of_status(status));
            self.by_status = true;
        }
    }

    fn add(&mut self, error: &str) {
        let error = error.lines().next().unwrap_or_default();
        if !self.content.is_empty() {
            self.content.push_str(": ");
        }
        self.content.push_str(error);
    }
}

/// One request of an HTTP access log (common or combined format).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access<'a> {
    pub(super) client: &'a str,
    pub(super) stamp: Stamp,
    pub(super) stamp_text: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) status: u16,
    pub(super) bytes: Option<u64>,
}

/// Reads a line of an HTTP access log.
pub(super) fn access(line: &str) -> Option<Access<'_>> {
    let open = line.find(" [")?;
    let client = scan::token(line)?.text;
    let stamp = stamp::at(&line.as_bytes()[open + 2..])?;
    let end = open + 2 + stamp.len;
    let request = line.get(end..)?.strip_prefix("] \"")?;
    let close = request.find('"')?;
    let after = request.get(close + 1..)?.trim_start();
    let status: u16 = after.get(..3)?.parse().ok()?;
    let boundary = after.as_bytes().get(3).is_none_or(|c| *c == b' ');
    if !boundary || !(100..600).contains(&status) {
        return None;
    }
    let mut words = request[..close].split(' ');
    let method = words.next().unwrap_or(&request[..0]);
    let path = words.next().unwrap_or(&request[..0]);
    let bytes = after.get(3..)?.split_whitespace().next().and_then(|word| word.parse().ok());
    let stamp_text = line.get(open + 2..end)?;
    Some(Access { client, stamp, stamp_text, method, path, status, bytes })
}

/// Takes a syslog priority `<34>` off a line.
pub(super) fn priority(line: &str) -> Option<(Severity, &str)> {
    let rest = line.strip_prefix('<')?;
    let end = rest.find('>').filter(|n| (1..=3).contains(n))?;
    let value: u64 = rest[..end].parse().ok()?;
    (value <= 191).then(|| (Severity::of_syslog(value), &rest[end + 1..]))
}

/// Reads a syslog line of RFC 5424 after its priority: `1 TIME HOST APP PROC ID DATA MESSAGE`.
pub(super) fn rfc5424(line: &str) -> Option<Head<'_>> {
    let rest = line.strip_prefix("1 ")?;
    let stamp = stamp::at(rest.as_bytes())?;
    let mut head =
        Head { stamp: Some(stamp), stamp_text: rest.get(..stamp.len)?, ..Head::default() };
    let mut rest = rest.get(stamp.len..)?;
    let mut columns = [""; 4];
    for column in &mut columns {
        rest = scan::after_spaces(rest);
        let cut = scan::token(rest)?;
        *column = cut.text;
        rest = &rest[cut.len..];
    }
    head.host = Some(columns[0]).filter(|h| *h != "-");
    head.source = Some(columns[1]).filter(|a| *a != "-");
    rest = scan::after_spaces(rest);
    if let Some(after) = rest.strip_prefix('-') {
        rest = after;
    }
    while let Some(data) =
        scan::bracket(rest).filter(|d| d.text.contains('=') || d.text.contains('@'))
    {
        rest = &rest[data.len..];
    }
    head.content = rest.trim().trim_start_matches('\u{feff}');
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_by_common_names() {
        let f = json(
            r#"{"ts":1700000000.5,"level":"warn","msg":"disk low","service":"store","free":3}"#,
        )
        .expect("json");
        assert_eq!(
            (f.severity, f.content.as_str(), f.source.as_deref()),
            (Some(Severity::Warning), "disk low", Some("store"))
        );
        assert_eq!(f.stamp.map(|s| s.ms), Some(1_700_000_000_500));
        let f = json(r#"{"log":{"level":"error"},"message":"x","error":{"type":"IoError","message":"gone"}}"#).expect("json");
        assert_eq!((f.severity, f.content.as_str()), (Some(Severity::Error), "x: IoError: gone"));
        let f = json(r#"{"status":502,"path":"/a"}"#).expect("json");
        assert_eq!((f.severity, f.by_status), (Some(Severity::Error), true));
        assert!(json("{broken").is_none());
    }

    #[test]
    fn logfmt_with_quotes() {
        let f = logfmt(
            r#"time=2024-01-01T10:00:00Z level=error msg="could not \"sync\"" err="no route" id=7"#,
        )
        .expect("logfmt");
        assert_eq!(f.content, "could not \"sync\": no route");
        assert_eq!(f.severity, Some(Severity::Error));
        assert!(logfmt("connect a=1 b=2").is_none());
        assert!(logfmt("a=1 b=2 c=3").is_none());
    }

    #[test]
    fn access_lines() {
        let a = access(r#"10.0.0.1 - bob [10/Oct/2000:13:55:36 -0700] "GET /a/7?x=1 HTTP/1.0" 503 12 "-" "ua""#).expect("access");
        assert_eq!((a.client, a.method, a.path, a.status), ("10.0.0.1", "GET", "/a/7?x=1", 503));
        let empty = r#"10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "-" 408 0"#;
        assert_eq!(access(empty).map(|a| (a.method, a.path, a.status)), Some(("-", "", 408)));
        assert!(access("10.0.0.1 [10/Oct/2000:13:55:36 -0700] hello").is_none());
    }

    #[test]
    fn syslog_of_rfc5424() {
        let (severity, rest) =
            priority("<35>1 2024-10-11T22:14:15.003Z web su 12 ID47 [a@1 k=\"v\"] it failed")
                .expect("a priority");
        assert_eq!(severity, Severity::Error);
        let head = rfc5424(rest).expect("a head");
        assert_eq!((head.host, head.source, head.content), (Some("web"), Some("su"), "it failed"));
    }
}
