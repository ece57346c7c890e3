//! What a context is, judged by its name, its ending and its beginning: a log, a table, text.
//!
//! Only the head is seen here, so what is learned is enough to choose a tool and to map words
//! onto columns; the tools read the whole.

use super::words;
use crate::ContextInfo;
use regex::Regex;
use serde_json::Value;
use std::{collections::HashSet, sync::LazyLock};

/// The kinds that the built-in engine tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines of a log.
    Log,
    /// Rows under a header, separated by this character.
    Table(char),
    /// One JSON document.
    Json,
    /// A JSON document on each line.
    JsonLines,
    /// Prose or anything else that has lines.
    Text,
    /// A word or a line: a setting rather than material.
    Setting,
}

/// A column or field as far as the head shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// As it is written there.
    pub(super) name: String,
    /// Distinct values of the first rows.
    pub(super) values: Vec<String>,
    /// Whether some value stands in several rows.
    pub(super) repeats: bool,
    /// Whether some row has no value.
    pub(super) empties: bool,
    /// What the values are.
    pub(super) holds: Holds,
}

/// What the values of a column look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Figures.
    Numbers,
    /// Dates or moments.
    Dates,
    /// Anything else.
    Words,
}

/// A context and what was found out about it.
#[derive(Debug, Clone)]
pub(super) struct Known<'a> {
    /// As the planner was told.
    pub(super) info: &'a ContextInfo,
    /// Its kind.
    pub(super) form: Form,
    /// Whether its lines have what log lines have; JSON lines can be both.
    pub(super) log_like: bool,
    /// Its columns, for tables and JSON.
    pub(super) columns: Vec<Column>,
    /// Where in a JSON document the rows are: the key of an array, when it is not the document.
    pub(super) rows_at: Option<String>,
}

impl Known<'_> {
    /// Whether questions over columns can be asked of it.
    pub(super) fn is_table(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Whether it can be read as a log.
    pub(super) fn is_log(&self) -> bool {
        self.form == Form::Log || self.log_like
    }

    /// The label without folders.
    pub(super) fn file_name(&self) -> &str {
        self.info.label.rsplit(['/', '\\']).next().unwrap_or(&self.info.label)
    }

    /// The words that name it: of its name and of its file's name without the ending.
    pub(super) fn names(&self) -> Vec<String> {
        let stem = self.file_name().split('.').next().unwrap_or_default();
        split_words(&self.info.name).into_iter().chain(split_words(stem)).collect()
    }
}

/// Looks at a context.
pub(super) fn look(info: &ContextInfo) -> Known<'_> {
    let head = info.head.trim_start_matches('\u{feff}');
    let label = info.label.to_lowercase();
    let ending = label.rsplit_once('.').map_or("", |(_, e)| e);
    let log_like = log_share(head) >= 0.5;
    let (rows, rows_at) = json_rows(head);
    let mut known = Known { info, form: Form::Text, log_like, columns: Vec::new(), rows_at: None };
    let first = head.trim_start().chars().next();
    if !rows.is_empty() && first.is_some_and(|c| "{[".contains(c)) {
        let lines = head.lines().filter(|l| !l.trim().is_empty()).take(2);
        let each =
            lines.clone().all(|l| serde_json::from_str::<Value>(l).is_ok_and(|v| v.is_object()));
        let by_line = each && (lines.count() > 1 || ["jsonl", "ndjson"].contains(&ending));
        known.form = if by_line { Form::JsonLines } else { Form::Json };
        known.rows_at = if by_line { None } else { rows_at };
        known.columns = columns_of_rows(&rows);
        known.log_like = known.columns.iter().any(|c| {
            ["level", "severity", "loglevel", "lvl", "msg", "message"]
                .contains(&c.name.to_lowercase().as_str())
        });
        return known;
    }
    let named_log = ["log", "out", "err", "syslog"].contains(&ending)
        || [info.name.to_lowercase(), label.clone()].iter().any(|n| {
            split_words(n).iter().any(|w| ["log", "logs", "syslog"].contains(&w.as_str()))
        });
    let table =
        if named_log && ending != "csv" && ending != "tsv" { None } else { table(head, ending) };
    if let Some((separator, columns)) = table {
        known.form = Form::Table(separator);
        known.columns = columns;
        known.log_like = false;
    } else if head.trim().lines().count() <= 1 && !info.file && !log_like {
        known.form = Form::Setting;
        known.log_like = false;
    } else if log_like || named_log {
        known.form = Form::Log;
    }
    known
}

/// The share of lines that look like a log's: they begin with a moment or carry a level.
fn log_share(head: &str) -> f64 {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            r"(?i)^\s*[\[<(]?(?:\w{3}\s+)?(?:\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{2,4}|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*\s+\d{1,2})[ T,:-]+\d\d?:\d\d",
            r"|^\s*\[?\d{9,}(?:\.\d+)?\]?\s|^\s*\[?\d\d:\d\d:\d\d|^\d{6}\s\d{6}\s",
            r"|\[\d\d?/\w{3}/\d{4}:\d\d:\d\d:\d\d|^\s*[-\w.]+(?:\[\d+\])?:\s",
            r"|\b(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|SEVERE|CRIT(?:ICAL)?|ALERT|EMERG|FATAL|PANIC)\b[\]:\s|]",
            r"|\blevel=\w+",
        ))
        .expect("the pattern is constant")
    });
    let lines: Vec<_> = head.lines().filter(|l| !l.trim().is_empty()).take(60).collect();
    if lines.is_empty() {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most sixty")]
    let share = lines.iter().filter(|l| LINE.is_match(l)).count() as f64 / lines.len() as f64;
    share
}

/// The separator and columns of a table whose rows agree on how many fields they have.
fn table(head: &str, ending: &str) -> Option<(char, Vec<Column>)> {
    let lines: Vec<_> = head.lines().filter(|l| !l.trim().is_empty()).take(60).collect();
    let named = ["csv", "tsv"].contains(&ending);
    let candidates: &[char] = if ending == "tsv" { &['\t', ','] } else { &[',', '\t', ';', '|'] };
    for &separator in candidates {
        let header = fields(lines.first()?, separator);
        let agreeing =
            lines.iter().skip(1).filter(|l| fields(l, separator).len() == header.len()).count();
        let enough = if named {
            agreeing * 2 >= lines.len() - 1
        } else {
            lines.len() > 2 && agreeing == lines.len() - 1
        };
        let plain = header
            .iter()
            .all(|h| h.len() <= 60 && !h.trim().is_empty() && words::number(h).is_none());
        if (header.len() > 1 || named && ending == "csv" && separator == ',') && enough && plain {
            let rows: Vec<_> = lines.iter().skip(1).map(|l| fields(l, separator)).collect();
            let column = |(at, name): (usize, &String)| {
                let values = rows.iter().filter_map(|r| r.get(at).cloned());
                column(name.trim(), values)
            };
            return Some((separator, header.iter().enumerate().map(column).collect()));
        }
    }
    None
}

/// The fields of a line, quotes taken off.
fn fields(line: &str, separator: char) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    for c in line.trim_end_matches('\r').chars() {
        match c {
            '"' => quoted = !quoted,
            c if c == separator && !quoted => out.push(String::new()),
            c => out.last_mut().expect("never empty").push(c),
        }
    }
    out
}

pub(super) fn column(name: &str, values: impl Iterator<Item = String>) -> Column {
    let mut distinct: Vec<String> = Vec::new();
    let (mut repeats, mut empties) = (false, false);
    for value in values.map(|v| v.trim().to_owned()) {
        if value.is_empty() {
            empties = true;
        } else if distinct.contains(&value) {
            repeats = true;
        } else if distinct.len() < 60 {
            distinct.push(value);
        }
    }
    static DATE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\d{4}[-/]\d{2}([-/]\d{2})?([T ]|$)|^\d{1,2}\.\d{1,2}\.\d{4}([T ]|$)|^\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}$")
            .expect("constant")
    });
    let all =
        |test: &dyn Fn(&str) -> bool| !distinct.is_empty() && distinct.iter().all(|v| test(v));
    let holds = if all(&|v| DATE.is_match(v)) {
        Holds::Dates
    } else if all(&|v| words::number(v).is_some()) {
        Holds::Numbers
    } else {
        Holds::Words
    };
    Column { name: name.to_owned(), values: distinct, repeats, empties, holds }
}

/// The objects that a JSON head shows whole, and the key of the array that they are in.
fn json_rows(head: &str) -> (Vec<Value>, Option<String>) {
    if let Ok(whole) = serde_json::from_str::<Value>(head) {
        return match whole {
            Value::Array(rows) => (rows.into_iter().filter(Value::is_object).collect(), None),
            Value::Object(map) => {
                let found = map.iter().find_map(|(key, value)| {
                    let rows = value
                        .as_array()?
                        .iter()
                        .filter(|v| v.is_object())
                        .cloned()
                        .collect::<Vec<_>>();
                    (!rows.is_empty()).then(|| (rows, Some(key.clone())))
                });
                found.unwrap_or_else(|| (vec![Value::Object(map)], None))
            }
            _ => (Vec::new(), None),
        };
    }
    // Cut, or one document on each line: take the innermost array's objects, or each line's.
    let start = head.trim_start();
    let (body, key) = if let Some(body) = start.strip_prefix('[') {
        (body, None)
    } else if let Some(at) = cut_array(start) {
        at
    } else {
        (start, None)
    };
    let mut rows = Vec::new();
    let mut rest = body;
    while let Some(open) = rest.find('{') {
        let mut stream = serde_json::Deserializer::from_str(&rest[open..]).into_iter::<Value>();
        let Some(Ok(value)) = stream.next() else { break };
        let end = open + stream.byte_offset();
        if value.is_object() {
            rows.push(value);
        }
        rest = &rest[end..];
    }
    (rows, key)
}

/// `{"orders": [{…}, {…` cut somewhere: what follows the bracket, and the key.
fn cut_array(head: &str) -> Option<(&str, Option<String>)> {
    static KEY: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"^\{[^\[\]{}]*?"([^"]+)"\s*:\s*\[\s*"#).expect("constant"));
    let found = KEY.captures(head)?;
    let whole = found.get(0)?;
    Some((&head[whole.end()..], found.get(1).map(|m| m.as_str().to_owned())))
}

/// The fields of objects; those of objects within are named as `table.query` names them.
fn columns_of_rows(rows: &[Value]) -> Vec<Column> {
    let mut names: Vec<String> = Vec::new();
    let mut cells: Vec<Vec<(String, String)>> = Vec::new();
    for row in rows.iter().filter_map(Value::as_object) {
        let mut flat = Vec::new();
        flatten("", row, 0, &mut flat);
        for (name, _) in &flat {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        cells.push(flat);
    }
    let of = |name: &String| -> Vec<String> {
        let cells = cells.iter().flatten();
        cells.filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect()
    };
    names.iter().map(|name| column(name, of(name).into_iter())).collect()
}

fn flatten(
    prefix: &str,
    row: &serde_json::Map<String, Value>,
    depth: usize,
    out: &mut Vec<(String, String)>,
) {
    for (key, value) in row {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) if depth < 8 && !inner.is_empty() => {
                flatten(&name, inner, depth + 1, out);
            }
            Value::String(text) => out.push((name, text.clone())),
            Value::Number(_) | Value::Bool(_) => out.push((name, value.to_string())),
            _ => out.push((name, String::new())),
        }
    }
}

/// The words of an identifier: `orderTotal_usd` is order, total, usd.
pub(super) fn split_words(name: &str) -> Vec<String> {
    let mut out: Vec<String> = vec![String::new()];
    let mut last_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            out.push(String::new());
        } else {
            if c.is_uppercase() && last_lower {
                out.push(String::new());
            }
            out.last_mut().expect("never empty").extend(c.to_lowercase());
        }
        last_lower = c.is_lowercase();
    }
    out.retain(|w| !w.is_empty());
    out
}

/// Every word that the contexts use as a name, a column or a value: spelled as meant.
pub(super) fn vocabulary(contexts: &[Known<'_>]) -> HashSet<String> {
    let mut out = HashSet::new();
    for context in contexts {
        let mut add = |text: &str| {
            for word in split_words(text) {
                out.insert(words::stem(&word));
                out.insert(word);
            }
        };
        add(&context.info.name);
        add(context.file_name());
        for column in &context.columns {
            add(&column.name);
            column.values.iter().for_each(|v| add(v));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(label: &str, head: &str) -> ContextInfo {
        ContextInfo {
            name: "c".into(),
            file: true,
            label: label.into(),
            bytes: head.len() as u64,
            head: head.into(),
        }
    }

    #[test]
    fn forms() {
        for (label, head, form) in [
            ("a.log", "hello there\nsecond line\n", Form::Log),
            ("a", "2024-01-02 10:00:00 INFO up\n2024-01-02 10:00:01 ERROR down\n", Form::Log),
            (
                "a",
                "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: failure\nJun 14 15:16:02 combo x: y\n",
                Form::Log,
            ),
            ("a", "id,name,price\n1,x,2.5\n2,y,3\n", Form::Table(',')),
            ("a.tsv", "id\tname\n1\tx\n", Form::Table('\t')),
            ("a", "[{\"a\":1},{\"a\":2}]", Form::Json),
            ("a", "{\"orders\": [{\"a\":1},\n{\"a\":2},\n{\"a\"", Form::Json),
            ("a", "{\"a\":1}\n{\"a\":2}\n", Form::JsonLines),
            (
                "notes.md",
                "We met on Monday, and Ann spoke.\nThen, we went home, all of us.\n",
                Form::Text,
            ),
        ] {
            let info = info(label, head);
            assert_eq!(look(&info).form, form, "{label} {head:?}");
        }
        let inline = ContextInfo { file: false, label: "priority".into(), ..info("", "high") };
        assert_eq!(look(&inline).form, Form::Setting);
    }

    #[test]
    fn columns_and_what_they_hold() {
        let info = info(
            "a.csv",
            "id,When,\"unit price\",city\n1,2024-01-02,\"1,200.50\",Rome\n2,2024-02-03,7,Oslo\n",
        );
        let known = look(&info);
        let held: Vec<_> = known.columns.iter().map(|c| (c.name.as_str(), c.holds)).collect();
        assert_eq!(
            held,
            [
                ("id", Holds::Numbers),
                ("When", Holds::Dates),
                ("unit price", Holds::Numbers),
                ("city", Holds::Words)
            ]
        );
        let cut = super::super::sniff::tests::info(
            "o.json",
            "{\"n\": 2, \"orders\": [\n{\"city\":\"Rome\"},\n{\"ci",
        );
        let known = look(&cut);
        assert_eq!(known.rows_at.as_deref(), Some("orders"));
        assert_eq!(known.columns[0].values, ["Rome"]);
    }

    #[test]
    fn identifiers_fall_into_words() {
        assert_eq!(split_words("orderTotal_usd-2"), ["order", "total", "usd", "2"]);
    }
}
