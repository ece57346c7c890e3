//! The evidence, read once: where each figure, word and name stands, and in which record.
//!
//! A record is an element of a list, a row, a line of a text, or a piece of evidence as a whole.
//! Records of one list are siblings; a claim that names one of them is not borne out by another.
//! Reading is one pass over the data; a megabyte takes tens of milliseconds.

use super::{
    Evidence,
    atoms::{What, atoms, time_of},
};
use crate::builtin::stem;
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
};

/// No unit, no record.
pub(super) const NONE: u32 = u32::MAX;
/// A word in more places than this tells nothing apart.
pub(super) const COMMON: usize = 4096;
/// Longer texts are read line by line.
const LINE: usize = 300;

/// A place in the tree of the evidence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    parent: u32,
    /// The list that it is an element of.
    group: u32,
}

/// A single value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scalar {
    /// Where it stands.
    pub(super) unit: u32,
    /// Under which keys.
    pub(super) path: u32,
    /// How many words it has.
    pub(super) words: u32,
}

/// Figures and the places that they stand at, in order of value.
type Figures = Vec<(f64, u32)>;

/// Evidence, ready to check answers against.
#[derive(Debug)]
pub struct Index {
    pub(super) names: Vec<String>,
    units: Vec<Unit>,
    pub(super) scalars: Vec<Scalar>,
    /// Elements of each list.
    pub(super) groups: Vec<u32>,
    posts: HashMap<u64, Vec<u32>, BuildHasherDefault<Same>>,
    pub(super) words: Vec<String>,
    pub(super) figures: Figures,
    pub(super) paths: Vec<Vec<String>>,
    /// Paths of figures.
    pub(super) figure_paths: Vec<u32>,
    /// Sums and means over a field of a list, with what they are.
    pub(super) sums: Vec<(f64, String)>,
    pub(super) means: Vec<(f64, String)>,
    /// Lists by the stem of their name, and how long they are.
    pub(super) lengths: Vec<(String, usize)>,
    /// Everything that is said, in lower case and with single blanks.
    pub(super) text: String,
}

/// Keys are hashes already.
#[derive(Debug, Default)]
pub(super) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

/// FNV-1a of a kind and a text.
fn hash(kind: u8, text: &[u8]) -> u64 {
    let mut hasher = Same(0xcbf2_9ce4_8422_2325);
    hasher.write(&[kind]);
    hasher.write(text);
    // Spread, since the table takes the low bits.
    hasher.0 ^ (hasher.0 >> 29)
}

/// What is looked up.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Figure(f64),
    Word(String),
    Date(u32, u32, u32),
    DayOfYear(u32, u32),
    Month(u32, u32),
    Time(u32, u32, u32),
    Minute(u32, u32),
}

impl Key {
    fn hash(&self) -> u64 {
        let numbers = |kind, numbers: [u32; 3]| {
            let mut bytes = [0; 12];
            for (at, n) in numbers.iter().enumerate() {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&n.to_le_bytes());
            }
            hash(kind, &bytes)
        };
        match self {
            // Adding zero makes one zero of the two.
            Self::Figure(value) => hash(b'f', &(value + 0.0).to_bits().to_le_bytes()),
            Self::Word(word) => hash(b'w', word.as_bytes()),
            Self::Date(y, m, d) => numbers(b'd', [*y, *m, *d]),
            Self::DayOfYear(m, d) => numbers(b'y', [*m, *d, 0]),
            Self::Month(y, m) => numbers(b'm', [*y, *m, 0]),
            Self::Time(h, m, s) => numbers(b't', [*h, *m, *s]),
            Self::Minute(h, m) => numbers(b'h', [*h, *m, 0]),
        }
    }
}

/// What a date or time claim must find, the most exact key that its writing allows.
pub(super) fn key_of(what: &What, text: &str) -> Option<Key> {
    Some(match what {
        What::Figure { value, .. } => Key::Figure(*value),
        What::Date { year: Some(y), month, day: Some(d) } => Key::Date(*y, *month, *d),
        What::Date { year: None, month, day: Some(d) } => Key::DayOfYear(*month, *d),
        What::Date { year: Some(y), month, day: None } => Key::Month(*y, *month),
        What::Date { .. } => return None,
        What::Time { hour, minute, second: Some(s) } => Key::Time(*hour, *minute, *s),
        What::Time { hour, minute, second: None } => Key::Minute(*hour, *minute),
        What::Name | What::Word => Key::Word(text.to_lowercase()),
    })
}

/// The keys that evidence is filed under: also the less exact ones.
fn filed(what: &What, text: &str, out: &mut Vec<Key>) {
    match what {
        What::Date { year, month, day } => {
            if let (Some(y), Some(d)) = (year, day) {
                out.push(Key::Date(*y, *month, *d));
            }
            if let Some(d) = day {
                out.push(Key::DayOfYear(*month, *d));
            }
            if let Some(y) = year {
                out.push(Key::Month(*y, *month));
            }
            if let Some(time) = time_of(text) {
                filed(&time, text, out);
            }
        }
        What::Time { hour, minute, second } => {
            if let Some(s) = second {
                out.push(Key::Time(*hour, *minute, *s));
            }
            out.push(Key::Minute(*hour, *minute));
        }
        other => out.extend(key_of(other, text)),
    }
}

impl Index {
    /// Reads the evidence.
    #[must_use]
    pub fn new(evidence: &[Evidence]) -> Self {
        let mut builder = Builder::new();
        // A plain text, such as the question itself, is nobody's sibling.
        let structured = |one: &&Evidence| !one.value.is_string();
        let several = evidence.iter().filter(structured).count();
        let roots = builder.group(several);
        for one in evidence {
            let sibling = several > 1 && structured(&one);
            let unit = builder.unit(NONE, if sibling { roots } else { NONE });
            builder.string(&one.name, unit);
            builder.index.names.push(one.name.clone());
            builder.walk(&one.value, unit);
        }
        builder.index.lengths.push(("evidence".into(), evidence.len()));
        builder.index.figures.sort_by(|a, b| a.0.total_cmp(&b.0));
        builder.index
    }

    /// The scalars that hold what `key` names.
    pub(super) fn places(&self, key: &Key) -> &[u32] {
        self.posts.get(&key.hash()).map_or(&[], Vec::as_slice)
    }

    /// Figures from `low` to `high`, with their scalars.
    pub(super) fn between(&self, low: f64, high: f64) -> &[(f64, u32)] {
        let from = self.figures.partition_point(|(v, _)| *v < low);
        let upto = self.figures.partition_point(|(v, _)| *v <= high);
        self.figures.get(from..upto.max(from)).unwrap_or(&[])
    }

    /// The record of `group` that a unit stands in.
    pub(super) fn record_in(&self, unit: u32, group: u32) -> Option<u32> {
        self.records(unit).find(|(_, g)| *g == group).map(|(unit, _)| unit)
    }

    /// Every record that a unit stands in, the innermost first, each with its list.
    pub(super) fn records(&self, mut unit: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        std::iter::from_fn(move || {
            while let Some(found) = self.units.get(unit as usize) {
                let at = unit;
                unit = found.parent;
                if found.group != NONE {
                    return Some((at, found.group));
                }
            }
            None
        })
    }
}

/// An index while it is read.
struct Builder {
    index: Index,
    path: Vec<String>,
    path_id: u32,
    known_paths: HashMap<Vec<String>, u32>,
    known_words: HashSet<u64, BuildHasherDefault<Same>>,
    keys: Vec<Key>,
}

impl Builder {
    fn new() -> Self {
        let index = Index {
            names: Vec::new(),
            units: Vec::new(),
            scalars: Vec::new(),
            groups: Vec::new(),
            posts: HashMap::default(),
            words: Vec::new(),
            figures: Vec::new(),
            paths: vec![Vec::new()],
            figure_paths: Vec::new(),
            sums: Vec::new(),
            means: Vec::new(),
            lengths: Vec::new(),
            text: String::new(),
        };
        Self {
            index,
            path: Vec::new(),
            path_id: 0,
            known_paths: HashMap::from([(Vec::new(), 0)]),
            known_words: HashSet::default(),
            keys: Vec::new(),
        }
    }

    fn group(&mut self, size: usize) -> u32 {
        self.index.groups.push(u32::try_from(size).unwrap_or(NONE));
        u32::try_from(self.index.groups.len() - 1).unwrap_or(NONE)
    }

    fn unit(&mut self, parent: u32, group: u32) -> u32 {
        self.index.units.push(Unit { parent, group });
        u32::try_from(self.index.units.len() - 1).unwrap_or(NONE)
    }

    fn walk(&mut self, value: &Value, unit: u32) {
        match value {
            Value::Object(map) => {
                let columns: Vec<&str> = map
                    .get("columns")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                for (key, value) in map {
                    let columns = if key == "rows" { columns.as_slice() } else { &[] };
                    self.under(key, |me| me.field(value, unit, columns));
                }
            }
            Value::Array(list) => self.list(list, unit, &[]),
            Value::String(text) => self.string(text, unit),
            Value::Number(number) => self.number(number.as_f64().unwrap_or(f64::NAN), unit),
            Value::Bool(value) => self.string(if *value { "true" } else { "false" }, unit),
            Value::Null => {}
        }
    }

    fn field(&mut self, value: &Value, unit: u32, columns: &[&str]) {
        match value {
            Value::Object(_) => {
                let inner = self.unit(unit, NONE);
                self.walk(value, inner);
            }
            Value::Array(list) => self.list(list, unit, columns),
            scalar => self.walk(scalar, unit),
        }
    }

    fn list(&mut self, list: &[Value], unit: u32, columns: &[&str]) {
        let group = self.group(list.len());
        if let Some(name) = self.path.last() {
            self.index.lengths.push((stem(name), list.len()));
        }
        self.totals(list, columns);
        for element in list {
            let record = self.unit(unit, group);
            match element {
                Value::Array(cells) if !columns.is_empty() => {
                    for (at, cell) in cells.iter().enumerate() {
                        let key = columns.get(at).copied().unwrap_or("cell");
                        self.under(key, |me| me.field(cell, record, &[]));
                    }
                }
                other => self.walk(other, record),
            }
        }
    }

    /// What the figures of each field of a list add up to.
    fn totals(&mut self, list: &[Value], columns: &[&str]) {
        if list.len() < 2 {
            return;
        }
        let mut fields: Vec<(&str, f64, u32)> = Vec::new();
        for element in list {
            let mut add = |name, value: Option<f64>| {
                let Some(value) = value else { return };
                match fields.iter_mut().find(|(field, ..)| *field == name) {
                    Some((_, sum, n)) => {
                        *sum += value;
                        *n += 1;
                    }
                    None => fields.push((name, value, 1)),
                }
            };
            match element {
                Value::Object(map) => map.iter().for_each(|(k, v)| add(k.as_str(), v.as_f64())),
                Value::Array(cells) => {
                    columns.iter().zip(cells).for_each(|(c, v)| add(*c, v.as_f64()))
                }
                scalar => add("", scalar.as_f64()),
            }
        }
        let at = self.path.join(".");
        for (field, sum, n) in fields {
            let field = if field.is_empty() { at.clone() } else { format!("{at}.{field}") };
            self.index.sums.push((sum, field.clone()));
            self.index.means.push((sum / f64::from(n), field));
        }
    }

    /// Reads something under a key; keys are words that an answer may use as well.
    fn under(&mut self, key: &str, read: impl FnOnce(&mut Self)) {
        let before = self.path_id;
        self.path.push(key.to_owned());
        self.path_id = match self.known_paths.get(&self.path) {
            Some(id) => *id,
            None => {
                let id = u32::try_from(self.index.paths.len()).unwrap_or(NONE);
                self.index.paths.push(self.path.iter().map(|k| plain(k)).collect());
                self.known_paths.insert(self.path.clone(), id);
                say(key, &mut self.index.text);
                for word in key.split(|c: char| !c.is_alphanumeric()).chain([key]) {
                    self.post(&Key::Word(word.to_lowercase()), NONE);
                }
                id
            }
        };
        read(self);
        self.path.pop();
        self.path_id = before;
    }

    fn post(&mut self, key: &Key, scalar: u32) {
        let hash = key.hash();
        if let Key::Word(word) = key
            && self.known_words.insert(hash)
        {
            self.index.words.push(word.clone());
        }
        let places = self.index.posts.entry(hash).or_default();
        if places.last() != Some(&scalar) && places.len() <= COMMON {
            places.push(scalar);
        }
    }

    fn scalar(&mut self, unit: u32) -> u32 {
        self.index.scalars.push(Scalar { unit, path: self.path_id, words: 0 });
        u32::try_from(self.index.scalars.len() - 1).unwrap_or(NONE)
    }

    fn number(&mut self, value: f64, unit: u32) {
        let scalar = self.scalar(unit);
        self.index.figures.push((value, scalar));
        if !self.index.figure_paths.contains(&self.path_id)
            && self.index.figure_paths.len() < COMMON
        {
            self.index.figure_paths.push(self.path_id);
        }
        self.post(&Key::Figure(value), scalar);
    }

    fn string(&mut self, text: &str, unit: u32) {
        if text.len() > LINE || text.contains('\n') {
            let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
            // Lines are no records: what one of them says may go on in the next.
            let group = self.group(0);
            for line in lines {
                let record = self.unit(unit, group);
                self.line(line, record);
            }
            // A quote may run over the end of a line.
            if text.contains('\n') {
                say(text, &mut self.index.text);
            }
        } else {
            self.line(text, unit);
        }
    }

    fn line(&mut self, text: &str, unit: u32) {
        let scalar = self.scalar(unit);
        let mut words = 0;
        let mut end = 0;
        let mut keys = std::mem::take(&mut self.keys);
        for atom in atoms(text, true) {
            keys.clear();
            filed(&atom.what, &text[atom.start..atom.end], &mut keys);
            for key in &keys {
                self.post(key, scalar);
            }
            if let What::Figure { value, .. } = atom.what {
                self.index.figures.push((value, scalar));
            }
            // Pieces of a compound lie inside of it and are not counted again.
            if atom.start >= end {
                words += u32::from(matches!(atom.what, What::Word | What::Name));
                end = atom.end;
            }
        }
        self.keys = keys;
        if let Some(scalar) = self.index.scalars.get_mut(scalar as usize) {
            scalar.words = words;
        }
        say(text, &mut self.index.text);
    }
}

/// A key as it is compared with words; compound ones keep their ending, which may be a unit.
fn plain(key: &str) -> String {
    let low = key.to_lowercase();
    if low.chars().all(char::is_alphabetic) { stem(&low) } else { low }
}

/// Appends `text` the way quotes are compared: lower case, single blanks, plain quotation marks.
pub(super) fn say(text: &str, out: &mut String) {
    out.push('\u{1}');
    let mut blank = true;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            if !blank {
                out.push(' ');
            }
            blank = true;
            continue;
        }
        blank = false;
        match c {
            '`' | '’' | '‘' => out.push('\''),
            '“' | '”' => out.push('"'),
            c if c.is_ascii() => out.push(c.to_ascii_lowercase()),
            c => out.extend(c.to_lowercase()),
        }
    }
    if blank && out.ends_with(' ') {
        out.pop();
    }
}
