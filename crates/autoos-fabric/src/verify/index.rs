//! The evidence, read once: where each figure, word and name stands, and in which record.
//!
//! A record is an element of a list, a row, a line of a text, or a piece of evidence as a whole.
//! Records of one list are siblings; a claim that names one of them is not borne out by another.
//! Reading is one pass over the data; a megabyte takes tens of milliseconds. What only some
//! answers ask for (the sentences of the evidence, its text in lower case) is made at first need
//! and kept. An index can be shared between threads and merged with others.

use super::{atoms::What, moments::time_of, passages::Passages};
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::OnceLock,
};

/// No unit, no record.
pub(super) const NONE: u32 = u32::MAX;
/// A word in more places than this tells nothing apart.
pub(super) const COMMON: usize = 4096;

/// A piece of evidence as a whole.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) name: String,
    pub(super) unit: u32,
    /// Whether it is more than a plain text.
    pub(super) structured: bool,
}

/// A place in the tree of the evidence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    pub(super) parent: u32,
    /// The list that it is an element of.
    pub(super) group: u32,
}

/// A single value: a number, or a line of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scalar {
    /// Where it stands.
    pub(super) unit: u32,
    /// Under which keys.
    pub(super) path: u32,
    /// How many words it has.
    pub(super) words: u32,
    /// Where its text begins among all texts; a line's text is the whole that it belongs to.
    pub(super) base: u32,
    /// Its first byte among all texts.
    pub(super) start: u32,
    /// The byte after its last.
    pub(super) end: u32,
}

/// Figures and the places that they stand at, in order of value.
type Figures = Vec<(f64, u32)>;

/// Evidence, ready to check answers against.
#[derive(Debug, Default)]
pub struct Index {
    pub(super) roots: Vec<Root>,
    pub(super) units: Vec<Unit>,
    pub(super) scalars: Vec<Scalar>,
    /// Elements of each list; the first list is that of the pieces of evidence.
    pub(super) groups: Vec<u32>,
    pub(super) posts: Posts,
    pub(super) figures: Figures,
    pub(super) paths: Vec<Vec<String>>,
    /// Paths of figures.
    pub(super) figure_paths: Vec<u32>,
    /// Sums and means over a field of a list, with what they are.
    pub(super) sums: Vec<(f64, String)>,
    pub(super) means: Vec<(f64, String)>,
    /// Lists by the stem of their name, and how long they are.
    pub(super) lengths: Vec<(String, usize)>,
    /// Every text and key as it is, each behind a mark.
    pub(super) raw: String,
    pub(super) said: OnceLock<String>,
    pub(super) passages: OnceLock<Passages>,
}

/// Where each key is found: the keys in order, and a slice of places for each.
#[derive(Debug, Default)]
pub(super) struct Posts {
    keys: Vec<u64>,
    /// Where the places of each key begin; one more than there are keys.
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl Posts {
    pub(super) fn new(mut pairs: Vec<(u64, u32)>) -> Self {
        pairs.sort_unstable();
        Self::in_order(pairs)
    }

    fn in_order(mut pairs: Vec<(u64, u32)>) -> Self {
        pairs.dedup();
        let mut out = Self { places: Vec::with_capacity(pairs.len()), ..Self::default() };
        for (key, place) in pairs {
            if out.keys.last() != Some(&key) {
                out.keys.push(key);
                out.starts.push(u32::try_from(out.places.len()).unwrap_or(NONE));
            }
            out.places.push(place);
        }
        out.starts.push(u32::try_from(out.places.len()).unwrap_or(NONE));
        out
    }

    pub(super) fn merge<'a>(parts: impl Iterator<Item = &'a Self>, moved: &[u32]) -> Self {
        let mut pairs = Vec::new();
        for (part, by) in parts.zip(moved) {
            for (at, key) in part.keys.iter().enumerate() {
                let places = part.slice(at).iter();
                pairs.extend(places.map(|p| (*key, if *p == NONE { NONE } else { p + by })));
            }
        }
        // Each part is in order already, which this sort makes use of.
        pairs.sort();
        Self::in_order(pairs)
    }

    fn slice(&self, at: usize) -> &[u32] {
        let (from, upto) = (self.starts[at] as usize, self.starts[at + 1] as usize);
        &self.places[from..upto]
    }

    pub(super) fn get(&self, key: u64) -> &[u32] {
        self.keys.binary_search(&key).map_or(&[], |at| self.slice(at))
    }
}

/// A map whose keys are hashes already.
pub(super) type Hashed<V> = HashMap<u64, V, BuildHasherDefault<Same>>;

/// Takes a hash for what it is.
#[derive(Debug, Default, Clone)]
pub(super) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |h, b| h.rotate_left(8) ^ u64::from(*b));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

/// FNV-1a of a kind and a text.
pub(super) fn hash(kind: u8, text: &[u8]) -> u64 {
    fnv(kind, text.iter().copied())
}

fn fnv(kind: u8, bytes: impl Iterator<Item = u8>) -> u64 {
    let step = |h: u64, byte: u8| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = bytes.fold(step(0xcbf2_9ce4_8422_2325, kind), step);
    hash ^ (hash >> 29)
}

/// The hash of a word, in whatever case it is written.
pub(super) fn word_hash(word: &str) -> u64 {
    if word.is_ascii() {
        fnv(b'w', word.bytes().map(|b| b.to_ascii_lowercase()))
    } else {
        hash(b'w', word.to_lowercase().as_bytes())
    }
}

/// What is looked up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Key {
    Figure(f64),
    /// The hash of a word.
    Word(u64),
    Date(u32, u32, u32),
    DayOfYear(u32, u32),
    Month(u32, u32),
    Time(u32, u32, u32),
    Minute(u32, u32),
}

impl Key {
    pub(super) fn hash(&self) -> u64 {
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
            Self::Word(word) => *word,
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
        What::Name | What::Word => Key::Word(word_hash(text)),
    })
}

/// The keys that evidence is filed under: also the less exact ones.
pub(super) fn filed(what: &What, text: &str, out: &mut Vec<Key>) {
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
                // A year by itself is written as a figure.
                out.push(Key::Figure(f64::from(*y)));
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
    /// The scalars that hold what `key` names.
    pub(super) fn places(&self, key: Key) -> &[u32] {
        self.posts.get(key.hash())
    }

    /// The scalars that hold a word, in whatever case.
    pub(super) fn places_of(&self, word: &str) -> &[u32] {
        self.posts.get(word_hash(word))
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

    /// The piece of evidence that a unit stands in.
    pub(super) fn root_of(&self, unit: u32) -> Option<&Root> {
        let at = self.roots.partition_point(|r| r.unit <= unit);
        self.roots.get(at.checked_sub(1)?)
    }

    /// How much text it was made from, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.raw.len()
    }

    /// Everything that is said, the way quotes are compared.
    pub(super) fn said(&self) -> &str {
        self.said.get_or_init(|| {
            let mut out = String::with_capacity(self.raw.len());
            say(&self.raw, &mut out);
            out
        })
    }

    /// The sentences and records of the evidence.
    pub(super) fn passages(&self) -> &Passages {
        self.passages.get_or_init(|| Passages::of(self))
    }
}

/// Appends `text` the way quotes are compared: lower case, single blanks, plain quotation marks.
pub(super) fn say(text: &str, out: &mut String) {
    let mut blank = true;
    for c in text.chars() {
        if c == '\u{1}' {
            if blank && out.ends_with(' ') {
                out.pop();
            }
            out.push(c);
            blank = true;
            continue;
        }
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
