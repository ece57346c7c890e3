//! Reads evidence into an [`Index`]: one pass over the data.
//!
//! Two indexes make one by laying their tables end to end, which costs a small part of reading
//! the data again.

use super::{
    Evidence,
    atoms::{Atom, What, atoms_into},
    index::{COMMON, Hashed, Index, Key, NONE, Posts, Root, Scalar, Unit, filed, hash, word_hash},
    moments::{scale, share},
    passages::Passages,
};
use crate::builtin::stem;
use serde_json::Value;

/// Longer texts are read line by line.
const LINE: usize = 300;

impl Index {
    /// Reads the evidence.
    #[must_use]
    pub fn new(evidence: &[Evidence]) -> Self {
        Self::of(evidence.iter().map(|e| (e.name.as_str(), &e.value)))
    }

    /// Reads named values.
    #[must_use]
    pub fn of<'a>(values: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Self {
        let mut builder = Builder::new();
        for (name, value) in values {
            builder.root(name, value);
        }
        builder.finish()
    }

    /// One index over what several hold. The same as reading all of it at once, and far cheaper.
    #[must_use]
    pub fn merge(parts: &[&Self]) -> Self {
        let mut out = Self::default();
        out.groups.push(0);
        for part in parts {
            out.append(part);
        }
        out.finish_roots();
        out.posts = Posts::merge(parts.iter().map(|p| &p.posts), &offsets(parts));
        out.figures.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Sentences are read once by each part, and then kept there.
        if !parts.iter().any(|p| p.too_much_data()) {
            let _ = out.passages.set(Passages::merge(parts));
        }
        out
    }

    fn append(&mut self, part: &Self) {
        let size = |n: usize| u32::try_from(n).unwrap_or(NONE);
        let (units, scalars, paths) =
            (size(self.units.len()), size(self.scalars.len()), size(self.paths.len()));
        let raw = size(self.raw.len());
        // The list of the pieces of evidence is one list.
        let groups = size(self.groups.len()) - 1;
        let moved = |at: u32, by: u32| if at == NONE { NONE } else { at + by };
        let group = |g: u32| if g == NONE || g == 0 { g } else { g + groups };
        self.roots.extend(part.roots.iter().map(|r| Root {
            name: r.name.clone(),
            unit: r.unit + units,
            structured: r.structured,
        }));
        self.units.extend(
            part.units
                .iter()
                .map(|u| Unit { parent: moved(u.parent, units), group: group(u.group) }),
        );
        self.scalars.extend(part.scalars.iter().map(|s| Scalar {
            unit: moved(s.unit, units),
            path: s.path + paths,
            words: s.words,
            base: s.base + raw,
            start: s.start + raw,
            end: s.end + raw,
        }));
        self.groups.extend(part.groups.iter().skip(1));
        self.figures.extend(part.figures.iter().map(|(v, s)| (*v, s + scalars)));
        self.paths.extend(part.paths.iter().cloned());
        self.figure_paths.extend(part.figure_paths.iter().map(|p| p + paths));
        self.sums.extend(part.sums.iter().cloned());
        self.means.extend(part.means.iter().cloned());
        self.lengths.extend(part.lengths.iter().filter(|(n, _)| n != EVIDENCE).cloned());
        self.raw.push_str(&part.raw);
    }

    /// Structured pieces of evidence are siblings where there are several; a plain text, such as
    /// the question itself, is nobody's sibling.
    fn finish_roots(&mut self) {
        let several = self.roots.iter().filter(|r| r.structured).count();
        self.groups[0] = u32::try_from(several).unwrap_or(NONE);
        for root in &self.roots {
            let sibling = several > 1 && root.structured;
            self.units[root.unit as usize].group = if sibling { 0 } else { NONE };
        }
        self.lengths.push((EVIDENCE.into(), self.roots.len()));
    }
}

/// What the list of the pieces themselves is called.
const EVIDENCE: &str = "evidence";

/// By how much the scalars of each part move.
fn offsets(parts: &[&Index]) -> Vec<u32> {
    let mut at = 0;
    parts
        .iter()
        .map(|p| {
            let from = at;
            at += u32::try_from(p.scalars.len()).unwrap_or(NONE);
            from
        })
        .collect()
}

/// An index while it is read.
struct Builder<'a> {
    index: Index,
    path: Vec<&'a str>,
    path_id: u32,
    /// By the hash of the path before and the key.
    known_paths: Hashed<u32>,
    /// Paths that hold figures.
    figured: Vec<bool>,
    posts: Vec<(u64, u32)>,
    keys: Vec<Key>,
    atoms: Vec<Atom>,
}

impl<'a> Builder<'a> {
    fn new() -> Self {
        let index = Index { paths: vec![Vec::new()], groups: vec![0], ..Index::default() };
        Self {
            index,
            path: Vec::new(),
            path_id: 0,
            known_paths: Hashed::default(),
            figured: vec![false],
            posts: Vec::new(),
            keys: Vec::new(),
            atoms: Vec::new(),
        }
    }

    fn root(&mut self, name: &str, value: &'a Value) {
        let unit = self.unit(NONE, NONE);
        self.string(name, unit);
        let structured = !value.is_string();
        self.index.roots.push(Root { name: name.into(), unit, structured });
        self.walk(value, unit);
    }

    fn finish(mut self) -> Index {
        self.index.posts = Posts::new(self.posts);
        self.index.figures.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        self.index.finish_roots();
        self.index
    }

    fn group(&mut self, size: usize) -> u32 {
        self.index.groups.push(u32::try_from(size).unwrap_or(NONE));
        u32::try_from(self.index.groups.len() - 1).unwrap_or(NONE)
    }

    fn unit(&mut self, parent: u32, group: u32) -> u32 {
        self.index.units.push(Unit { parent, group });
        u32::try_from(self.index.units.len() - 1).unwrap_or(NONE)
    }

    fn walk(&mut self, value: &'a Value, unit: u32) {
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

    fn field(&mut self, value: &'a Value, unit: u32, columns: &[&'a str]) {
        match value {
            Value::Object(_) => {
                let inner = self.unit(unit, NONE);
                self.walk(value, inner);
            }
            Value::Array(list) => self.list(list, unit, columns),
            scalar => self.walk(scalar, unit),
        }
    }

    fn list(&mut self, list: &'a [Value], unit: u32, columns: &[&'a str]) {
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
    fn under(&mut self, key: &'a str, read: impl FnOnce(&mut Self)) {
        let before = self.path_id;
        self.path.push(key);
        let place = hash(b'p', key.as_bytes()) ^ u64::from(before).wrapping_mul(0x9e37_79b9);
        self.path_id = match self.known_paths.get(&place) {
            Some(id) => *id,
            None => self.new_path(place, key),
        };
        read(self);
        self.path.pop();
        self.path_id = before;
    }

    fn new_path(&mut self, place: u64, key: &str) -> u32 {
        let id = u32::try_from(self.index.paths.len()).unwrap_or(NONE);
        self.index.paths.push(self.path.iter().map(|k| plain(k)).collect());
        self.figured.push(false);
        self.known_paths.insert(place, id);
        self.say(key);
        for word in key.split(|c: char| !c.is_alphanumeric()).chain([key]) {
            self.posts.push((word_hash(word), NONE));
        }
        id
    }

    /// Keeps a text as it is, behind a mark that parts it from the one before.
    fn say(&mut self, text: &str) -> u32 {
        self.index.raw.push('\u{1}');
        let at = u32::try_from(self.index.raw.len()).unwrap_or(NONE);
        self.index.raw.push_str(text);
        at
    }

    fn scalar(&mut self, unit: u32, base: u32, start: u32, end: u32) -> u32 {
        let scalar = Scalar { unit, path: self.path_id, words: 0, base, start, end };
        self.index.scalars.push(scalar);
        u32::try_from(self.index.scalars.len() - 1).unwrap_or(NONE)
    }

    fn number(&mut self, value: f64, unit: u32) {
        let at = u32::try_from(self.index.raw.len()).unwrap_or(NONE);
        let scalar = self.scalar(unit, at, at, at);
        self.index.figures.push((value, scalar));
        let figured = &mut self.figured[self.path_id as usize];
        if !*figured && self.index.figure_paths.len() < COMMON {
            *figured = true;
            self.index.figure_paths.push(self.path_id);
        }
        self.posts.push((Key::Figure(value).hash(), scalar));
    }

    fn string(&mut self, text: &str, unit: u32) {
        let base = self.say(text);
        if text.len() <= LINE && !text.contains('\n') {
            self.line(text, unit, base, 0);
            return;
        }
        // Lines are no records: what one of them says may go on in the next.
        let group = self.group(0);
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if !line.trim().is_empty() {
                let record = self.unit(unit, group);
                self.line(line.trim_end_matches(['\n', '\r']), record, base, at);
            }
            at += line.len();
        }
    }

    /// Reads a line that begins at byte `at` of the text that begins at `base`.
    fn line(&mut self, text: &str, unit: u32, base: u32, at: usize) {
        let start = base.saturating_add(u32::try_from(at).unwrap_or(NONE));
        let end = start.saturating_add(u32::try_from(text.len()).unwrap_or(NONE));
        let scalar = self.scalar(unit, base, start, end);
        let mut words = 0;
        let mut upto = 0;
        let mut keys = std::mem::take(&mut self.keys);
        let mut atoms = std::mem::take(&mut self.atoms);
        atoms.clear();
        atoms_into(text, true, &mut atoms);
        for (i, atom) in atoms.iter().enumerate() {
            let own = &text[atom.start..atom.end];
            if matches!(atom.what, What::Word | What::Name) {
                self.posts.push((word_hash(own), scalar));
                for value in share(text, &atoms, i) {
                    self.figure(value, scalar);
                }
            } else {
                keys.clear();
                filed(&atom.what, own, &mut keys);
                self.posts.extend(keys.iter().map(|key| (key.hash(), scalar)));
            }
            if let What::Figure { value, .. } = atom.what {
                self.index.figures.push((value, scalar));
                if let Some(factor) = scale(text, &atoms, i) {
                    self.figure(value * factor, scalar);
                }
            }
            // Pieces of a compound lie inside of it and are not counted again.
            if atom.start >= upto {
                words += u32::from(matches!(atom.what, What::Word | What::Name));
                upto = atom.end;
            }
        }
        self.keys = keys;
        self.atoms = atoms;
        self.index.scalars[scalar as usize].words = words;
    }

    /// Files a figure that is meant and not written as one.
    fn figure(&mut self, value: f64, scalar: u32) {
        self.index.figures.push((value, scalar));
        self.posts.push((Key::Figure(value).hash(), scalar));
    }
}

/// A key as it is compared with words; compound ones keep their ending, which may be a unit.
fn plain(key: &str) -> String {
    let low = key.to_lowercase();
    if low.chars().all(char::is_alphabetic) { stem(&low) } else { low }
}
