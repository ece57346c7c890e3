//! The state kept while a log streams by: one [`Group`] per template seen, never lines.
//!
//! Records with the same masked message share a group at once. When groups grow too many, they are
//! merged (see `refine`); merged groups hold learned wildcards, which later messages are matched
//! against. So the state is bounded whatever the log holds: at most [`Limits::groups`] groups of
//! bounded size. Left out: what makes two groups one (`refine`).

use super::count::{Counter, Rate, cut};
use super::level::Severity;
use super::mask::{ANY, Class, Masker, Slot, WILD};
use super::refine;
use std::collections::HashMap;

/// Bounds of the state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Groups held at any moment.
    pub(super) groups: usize,
    /// Values counted over all variables of all groups.
    pub(super) values: usize,
}

/// Variables tracked per group.
const MAX_SLOTS: usize = 24;
/// Bytes of an example that are kept.
pub(super) const MAX_EXAMPLE: usize = 600;

/// A line number, its time as written and in ms.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) line: u64,
    pub(super) time: String,
    pub(super) ms: Option<i64>,
}

/// From what a record's severity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A level in the line.
    Level,
    /// The status of an HTTP response.
    Status,
    /// The wording.
    Words,
    /// Nothing speaks for another.
    Default,
}

/// One variable of a template.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) class: Class,
    pub(super) values: Counter,
    /// The text that stood there first, and whether another one did later.
    pub(super) first: Box<str>,
    pub(super) varies: bool,
}

/// Records that share a template.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) key: Vec<u8>,
    pub(super) count: u64,
    pub(super) by_severity: [u64; 7],
    pub(super) by_reason: [u64; 4],
    pub(super) first: Seen,
    pub(super) last: Seen,
    pub(super) example: String,
    /// Of the records that are errors: first, last, an example.
    pub(super) errors: Option<Box<(Seen, Seen, String)>>,
    pub(super) sources: Counter,
    pub(super) variables: Vec<Variable>,
    pub(super) rate: Rate,
    /// The severity by the wording of the first message, and whether numbers decide it anew.
    pub(super) wording: (Option<Severity>, bool),
}

/// What is known of a record besides its message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meta<'a> {
    pub(super) line: u64,
    pub(super) time: &'a str,
    pub(super) ms: Option<i64>,
    pub(super) severity: Severity,
    pub(super) reason: Reason,
    pub(super) source: Option<&'a str>,
    /// The record's first line as it stands.
    pub(super) raw: &'a str,
}

/// All groups.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) groups: Vec<Group>,
    index: HashMap<Box<[u8]>, u32>,
    /// Groups with learned wildcards, by number of words.
    learned: HashMap<usize, Vec<u32>>,
    limits: Limits,
    values: usize,
}

impl Store {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            groups: Vec::new(),
            index: HashMap::new(),
            learned: HashMap::new(),
            limits,
            values: 0,
        }
    }

    /// The group of a masked message, if there is one.
    pub(super) fn find(&mut self, key: &[u8]) -> Option<u32> {
        if let Some(id) = self.index.get(key) {
            return Some(*id);
        }
        if self.learned.is_empty() {
            return None;
        }
        let words = key.split(|c| *c == b' ').count();
        let id = *self
            .learned
            .get(&words)?
            .iter()
            .find(|id| matches(&self.groups[**id as usize].key, key))?;
        // Remembering the way there spares the search next time, as long as there is room.
        if self.index.len() < self.limits.groups * 4 {
            self.index.insert(key.into(), id);
        }
        Some(id)
    }

    /// Whether a new group needs room first.
    pub(super) fn full(&self) -> bool {
        self.groups.len() >= self.limits.groups
    }

    /// Adds an empty group for this masked message.
    pub(super) fn insert(
        &mut self,
        masker: &Masker,
        content: &str,
        wording: (Option<Severity>, bool),
    ) -> u32 {
        let id = self.groups.len() as u32;
        let variables = masker.slots.iter().take(MAX_SLOTS).map(|slot| Variable {
            class: slot.class,
            values: Counter::default(),
            first: cut(text(content, slot.text), 96).into(),
            varies: false,
        });
        self.groups.push(Group {
            key: masker.key.clone(),
            count: 0,
            by_severity: [0; 7],
            by_reason: [0; 4],
            first: Seen::default(),
            last: Seen::default(),
            example: String::new(),
            errors: None,
            sources: Counter::default(),
            variables: variables.collect(),
            rate: Rate::default(),
            wording,
        });
        self.index.insert(masker.key.as_slice().into(), id);
        id
    }

    /// Counts a record into a group.
    pub(super) fn add(&mut self, id: u32, masker: &Masker, content: &str, meta: &Meta<'_>) {
        let room = self.values < self.limits.values;
        let group = &mut self.groups[id as usize];
        group.note(meta);
        let before = group.variables.iter().map(|v| v.values.len()).sum::<usize>();
        if group.key == masker.key {
            for (variable, slot) in group.variables.iter_mut().zip(&masker.slots) {
                variable.observe(text(content, slot.text), text(content, slot.value), room);
            }
        } else {
            group.observe_learned(masker, content, room);
        }
        let after = group.variables.iter().map(|v| v.values.len()).sum::<usize>();
        self.values = (self.values + after).saturating_sub(before);
    }

    /// Merges what belongs together and, if `force`, on until at most half of the room is taken.
    /// Returns the new id of each old one.
    pub(super) fn compact(&mut self, force: bool) -> Vec<u32> {
        let mut ids: Vec<u32> = (0..self.groups.len() as u32).collect();
        let last = if force { refine::Effort::LAST } else { 0 };
        for effort in 0..=last {
            let (groups, map) =
                refine::merge(std::mem::take(&mut self.groups), refine::Effort(effort));
            self.groups = groups;
            for id in &mut ids {
                *id = map[*id as usize];
            }
            if self.groups.len() * 2 <= self.limits.groups {
                break;
            }
        }
        self.reindex();
        ids
    }

    fn reindex(&mut self) {
        self.index.clear();
        self.learned.clear();
        self.values = 0;
        for (id, group) in self.groups.iter().enumerate() {
            self.values += group.variables.iter().map(|v| v.values.len()).sum::<usize>();
            self.index.insert(group.key.as_slice().into(), id as u32);
            if group.key.contains(&ANY) {
                let words = group.key.split(|c| *c == b' ').count();
                self.learned.entry(words).or_default().push(id as u32);
            }
        }
    }

    /// Bytes held, estimated.
    pub(super) fn bytes(&self) -> usize {
        let groups: usize = self.groups.iter().map(Group::bytes).sum();
        groups + self.index.keys().map(|k| k.len() + 40).sum::<usize>()
    }
}

impl Group {
    fn note(&mut self, meta: &Meta<'_>) {
        if self.count == 0 {
            self.first = Seen { line: meta.line, time: meta.time.to_owned(), ms: meta.ms };
            self.example = cut(meta.raw, MAX_EXAMPLE).to_owned();
        }
        self.count += 1;
        self.by_severity[meta.severity as usize] += 1;
        self.by_reason[meta.reason as usize] += 1;
        self.last.set(meta);
        if let Some(source) = meta.source {
            self.sources.add(source, 1, 16);
        }
        if let Some(ms) = meta.ms {
            self.rate.add(ms);
        }
        if meta.severity >= Severity::Error {
            match &mut self.errors {
                Some(errors) => errors.1.set(meta),
                None => {
                    let seen = Seen { line: meta.line, time: meta.time.to_owned(), ms: meta.ms };
                    let example = cut(meta.raw, MAX_EXAMPLE).to_owned();
                    self.errors = Some(Box::new((seen.clone(), seen, example)));
                }
            }
        }
    }

    /// Counts values where learned wildcards shift the variables.
    fn observe_learned(&mut self, masker: &Masker, content: &str, room: bool) {
        let (mut slot, mut variable) = (0, 0);
        let patterns = self.key.split(|c| *c == b' ');
        for (pattern, word) in patterns.zip(masker.key.split(|c| *c == b' ')) {
            let slots = word.iter().filter(|c| **c == WILD).count();
            let inside: &[Slot] = masker.slots.get(slot..slot + slots).unwrap_or_default();
            slot += slots;
            if pattern.contains(&ANY) {
                let shown = match inside.first() {
                    Some(s) => text(content, s.value).to_owned(),
                    None => String::from_utf8_lossy(core(pattern, word)).into_owned(),
                };
                if let Some(v) = self.variables.get_mut(variable) {
                    v.observe(&shown, &shown, room);
                }
                variable += 1;
            } else {
                for s in inside {
                    if let Some(v) = self.variables.get_mut(variable) {
                        v.observe(text(content, s.text), text(content, s.value), room);
                    }
                    variable += 1;
                }
            }
        }
    }

    /// Takes in the records of another group; `key` and `variables` are the caller's to set.
    pub(super) fn absorb(&mut self, other: Group) {
        self.count += other.count;
        for (a, b) in self.by_severity.iter_mut().zip(other.by_severity) {
            *a += b;
        }
        for (a, b) in self.by_reason.iter_mut().zip(other.by_reason) {
            *a += b;
        }
        if other.first.line < self.first.line {
            self.first = other.first;
            self.example = other.example;
        }
        if other.last.line > self.last.line {
            self.last = other.last;
        }
        self.errors = match (self.errors.take(), other.errors) {
            (Some(mut a), Some(b)) => {
                if b.0.line < a.0.line {
                    (a.0, a.2) = (b.0, b.2);
                }
                if b.1.line > a.1.line {
                    a.1 = b.1;
                }
                Some(a)
            }
            (a, b) => a.or(b),
        };
        self.sources.merge(other.sources, 16);
        self.rate.merge(other.rate);
        self.wording = (self.wording.0.max(other.wording.0), true);
    }

    fn bytes(&self) -> usize {
        let values: usize =
            self.variables.iter().map(|v| v.values.bytes() + v.first.len() + 96).sum();
        size_of::<Group>()
            + self.key.len()
            + self.example.len() * 2
            + values
            + self.rate.slices.len() * 16
            + self.sources.bytes()
    }
}

impl Seen {
    fn set(&mut self, meta: &Meta<'_>) {
        self.line = meta.line;
        self.ms = meta.ms;
        self.time.clear();
        self.time.push_str(meta.time);
    }
}

impl Variable {
    /// Values of a variable that are counted at most; few where they hardly tell anything.
    pub(super) fn cap(class: Class) -> usize {
        match class {
            Class::Number | Class::Time | Class::Id => 48,
            _ => 2000,
        }
    }

    fn observe(&mut self, text: &str, value: &str, room: bool) {
        self.varies = self.varies || cut(text, 96) != &*self.first;
        if self.values.overflowed && self.values.len() == 0 {
            return;
        }
        let cap = if room { Self::cap(self.class) } else { 0 };
        self.values.add(value, 1, cap);
        if self.values.overflowed && cap == 48 {
            self.values.give_up();
        }
    }
}

fn text(content: &str, range: (usize, usize)) -> &str {
    content.get(range.0..range.1).unwrap_or("")
}

/// Whether a masked message fits a key with learned wildcards.
fn matches(pattern: &[u8], key: &[u8]) -> bool {
    pattern.split(|c| *c == b' ').zip(key.split(|c| *c == b' ')).all(|(p, w)| {
        let Some(at) = p.iter().position(|c| *c == ANY) else { return p == w };
        let (before, after) = (&p[..at], &p[at + 1..]);
        w.len() >= before.len() + after.len() && w.starts_with(before) && w.ends_with(after)
    })
}

/// The part of a word that a learned wildcard stands for.
pub(super) fn core<'a>(pattern: &[u8], word: &'a [u8]) -> &'a [u8] {
    let Some(at) = pattern.iter().position(|c| *c == ANY) else { return word };
    word.get(at..word.len().saturating_sub(pattern.len() - at - 1)).unwrap_or(word)
}
