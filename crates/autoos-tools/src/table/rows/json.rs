//! Rows of JSON: the objects of an array, read one by one, or of JSON lines.
//!
//! The array may stand at the top or be a member of the top object; the first array that holds
//! objects is the table. An object without one is a single row.

use super::{
    Scan, Sink,
    bounded::{self, Bounded, Progress},
};
use crate::{
    Failure,
    files::{Deadline, Lines},
    table::cell::Cell,
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::{
    fmt,
    io::{BufRead, BufReader},
    ops::ControlFlow,
};

/// Longest line of JSON lines; as [`bounded`].
const LINE: usize = 16 * 1024 * 1024;
/// Deepest nesting that becomes columns of its own.
const DEPTH: usize = 8;

/// One object on each line. A line that is no JSON is counted and passed over.
pub(super) fn lines(
    input: BufReader<Bounded<impl BufRead>>,
    scan: &mut Scan,
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let progress = input.get_ref().progress.clone();
    let mut cells = Vec::new();
    // The deadline is kept below, in the bounded reader.
    let mut lines = Lines::new(input, LINE, Deadline::after(u64::from(u32::MAX)));
    loop {
        let line = lines.read()?;
        progress.row();
        let Some(line) = line else { break };
        if line.bytes.trim_ascii().is_empty() {
            continue;
        }
        scan.rows += 1;
        match serde_json::from_slice(line.bytes) {
            Ok(value) => {
                if show(&value, scan, &mut cells, sink)?.is_break() {
                    scan.complete = false;
                    break;
                }
            }
            Err(_) => scan.malformed_at(scan.rows),
        }
    }
    scan.bytes = progress.total();
    if scan.rows > 0 && scan.malformed == scan.rows {
        return Err(Failure::Invalid("no line of this is JSON; give the right format".to_owned()));
    }
    Ok(())
}

/// An array of objects, somewhere near the top.
pub(super) fn array(
    input: BufReader<Bounded<impl BufRead>>,
    scan: &mut Scan,
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let progress = input.get_ref().progress.clone();
    let mut input = input;
    skip_mark(&mut input)?;
    let mut walk = Walk { scan, sink, progress: &progress, cells: Vec::new(), stopped: None };
    let mut reader = serde_json::Deserializer::from_reader(input);
    let read = Top(&mut walk).deserialize(&mut reader);
    let stopped = walk.stopped.take();
    scan.bytes = progress.total();
    match (stopped, read) {
        (Some(Some(failure)), _) => return Err(failure),
        (Some(None), _) => {
            scan.complete = false;
            return Ok(());
        }
        (None, Err(error)) => return Err(syntax(error)),
        (None, Ok(())) => {}
    }
    reader.end().map_err(syntax)
}

fn skip_mark(input: &mut impl BufRead) -> Result<(), Failure> {
    let begin = input.fill_buf().map_err(|error| bounded::failure(&error))?;
    if begin.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    Ok(())
}

fn syntax(error: serde_json::Error) -> Failure {
    if error.is_io() {
        return bounded::failure(&std::io::Error::from(error));
    }
    Failure::Invalid(format!("this is no JSON: {error}"))
}

/// Hands one value over as a row.
fn show(
    value: &Value,
    scan: &mut Scan,
    cells: &mut Vec<Cell>,
    sink: &mut dyn Sink,
) -> Result<ControlFlow<()>, Failure> {
    cells.iter_mut().for_each(|cell| {
        cell.text.clear();
        cell.quoted = false;
    });
    flatten(value, "", 0, scan, cells)?;
    cells.resize(scan.columns.names().len(), Cell::default());
    sink.row(&scan.columns, cells)
}

fn flatten(
    value: &Value,
    name: &str,
    depth: usize,
    scan: &mut Scan,
    cells: &mut Vec<Cell>,
) -> Result<(), Failure> {
    if let Value::Object(members) = value
        && depth < DEPTH
    {
        for (member, value) in members {
            match name {
                "" => flatten(value, member, depth + 1, scan, cells)?,
                _ => flatten(value, &format!("{name}.{member}"), depth + 1, scan, cells)?,
            }
        }
        return Ok(());
    }
    let at = scan.columns.at(if name.is_empty() { "value" } else { name })?;
    if cells.len() <= at {
        cells.resize(at + 1, Cell::default());
    }
    let cell = &mut cells[at];
    match value {
        Value::Null => {}
        Value::String(text) => {
            cell.text.push_str(text);
            cell.quoted = true;
        }
        other => cell.text.push_str(&other.to_string()),
    }
    Ok(())
}

/// What is carried through the parser. `stopped` holds why parsing was broken off: with a failure,
/// or because no more rows are wanted.
struct Walk<'a> {
    scan: &'a mut Scan,
    sink: &'a mut dyn Sink,
    progress: &'a Progress,
    cells: Vec<Cell>,
    stopped: Option<Option<Failure>>,
}

impl Walk<'_> {
    fn row<E: serde::de::Error>(&mut self, value: &Value) -> Result<(), E> {
        self.progress.row();
        self.scan.rows += 1;
        let shown = show(value, self.scan, &mut self.cells, self.sink);
        self.stopped = match shown {
            Ok(ControlFlow::Continue(())) => return Ok(()),
            Ok(ControlFlow::Break(())) => Some(None),
            Err(failure) => Some(Some(failure)),
        };
        Err(E::custom("stopped"))
    }
}

/// The value at the top.
struct Top<'w, 'a>(&'w mut Walk<'a>);

impl<'de> DeserializeSeed<'de> for Top<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects, or an object that holds one")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some(row) = rows.next_element::<Value>()? {
            self.0.row(&row)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut rest = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if self.0.scan.rows > 0 {
                members.next_value::<serde::de::IgnoredAny>()?;
            } else if let Some(value) = members.next_value_seed(Member(self.0))? {
                rest.insert(name, value);
            }
        }
        if self.0.scan.rows == 0 && !rest.is_empty() {
            return self.0.row(&Value::Object(rest));
        }
        Ok(())
    }
}

/// A member of the object at the top: the table, or a value to keep.
struct Member<'w, 'a>(&'w mut Walk<'a>);

impl<'de> DeserializeSeed<'de> for Member<'_, '_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Option<Value>, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<Value>, A::Error> {
        let mut others = Vec::new();
        while let Some(item) = items.next_element::<Value>()? {
            if item.is_object() {
                self.0.row(&item)?;
            } else if self.0.scan.rows == 0 && others.len() < 1000 {
                others.push(item);
            }
        }
        Ok((self.0.scan.rows == 0).then_some(Value::Array(others)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<Value>, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            object.insert(name, value);
        }
        Ok(Some(Value::Object(object)))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<Value>, E> {
        Ok(Some(Value::from(text)))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Option<Value>, E> {
        Ok(Some(Value::from(value)))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Option<Value>, E> {
        Ok(Some(Value::from(value)))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Option<Value>, E> {
        Ok(Some(Value::from(value)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Option<Value>, E> {
        serde_json::Number::from_f64(value)
            .map(|number| Some(Value::Number(number)))
            .ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Option<Value>, E> {
        Ok(Some(Value::Null))
    }
}
