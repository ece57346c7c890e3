//! Merging groups whose templates differ only where a variable stands.
//!
//! Masking knows variables by their shape; a user name has none. So groups of equal length that
//! agree in all words but one (or two) are looked at together: the words at that place are taken for
//! values of a variable if there are many of them, or few and the place is one where names stand
//! (`user …`, `key=…`), or some of them are masked already. Words that tell kinds of event apart
//! (exception names, states in capitals) are kept. Left out: templates of different length, which
//! stay apart.

use super::count::Counter;
use super::mask::{ANY, Class, WILD};
use super::piece;
use super::store::{self, Group, Variable};
use std::collections::HashMap;

/// How eagerly to merge: 0 as reports want it, more only to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Effort(pub(super) u8);

impl Effort {
    /// The effort that always makes room: one group per number of words.
    pub(super) const LAST: u8 = 3;
}

/// A word of a masked message.
type Word = Box<[u8]>;

/// Words of a template that are looked at as places of variables.
const MAX_PLACES: usize = 40;
/// Pairs of places are looked at among so many groups of equal length.
const MAX_PAIRED: usize = 1500;

/// Merges groups; returns the merged ones and the new index of each old one.
pub(super) fn merge(groups: Vec<Group>, effort: Effort) -> (Vec<Group>, Vec<u32>) {
    let n = groups.len();
    let mut by_length: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut work = Work {
        groups: groups.into_iter().map(Some).collect(),
        words: Vec::with_capacity(n),
        into: (0..n).collect(),
    };
    for i in 0..n {
        let words: Vec<Word> = work.groups[i]
            .as_ref()
            .map(|g| g.key.split(|c| *c == b' ').map(Box::from).collect())
            .unwrap_or_default();
        by_length.entry(words.len()).or_default().push(i);
        work.words.push(words);
    }
    let mut buckets: Vec<_> = by_length.into_iter().collect();
    buckets.sort_unstable_by_key(|(length, _)| *length);
    for (length, mut members) in buckets {
        match effort.0 {
            0 | 1 => work.bucket(length, &mut members, effort),
            2 => work.by_first_word(&members),
            _ => work.all(&members),
        }
    }
    work.finish()
}

struct Work {
    groups: Vec<Option<Group>>,
    words: Vec<Vec<Word>>,
    /// The group that each was merged into, itself at first.
    into: Vec<usize>,
}

impl Work {
    fn bucket(&mut self, length: usize, members: &mut Vec<usize>, effort: Effort) {
        for _round in 0..4 {
            let before = members.len();
            for place in 0..length.min(MAX_PLACES) {
                self.holes(members, &[place], effort);
            }
            if members.len() <= MAX_PAIRED && length <= 24 && members.len() > 2 {
                for a in 0..length {
                    for b in a + 1..length {
                        self.holes(members, &[a, b], effort);
                    }
                }
            }
            if members.len() == before {
                return;
            }
        }
    }

    /// Merges the members that agree but for these places, if the places hold variables.
    fn holes(&mut self, members: &mut Vec<usize>, places: &[usize], effort: Effort) {
        if members.len() < 2 {
            return;
        }
        let mut families: HashMap<Vec<&[u8]>, Vec<usize>> = HashMap::new();
        for member in members.iter() {
            let words = &self.words[*member];
            let frame = words
                .iter()
                .enumerate()
                .filter(|(i, _)| !places.contains(i))
                .map(|(_, w)| &**w)
                .collect();
            families.entry(frame).or_default().push(*member);
        }
        let mut merges: Vec<(Vec<usize>, Vec<Word>)> = families
            .into_values()
            .filter(|family| family.len() > places.len())
            .filter_map(|family| self.patterns(&family, places, effort).map(|p| (family, p)))
            .collect();
        if merges.is_empty() {
            return;
        }
        merges.sort_unstable();
        for (family, patterns) in merges {
            self.join(&family, places, &patterns);
        }
        members.retain(|m| self.groups[*m].is_some());
    }

    /// The words with wildcards for these places, if all of them hold variables.
    fn patterns(&self, family: &[usize], places: &[usize], effort: Effort) -> Option<Vec<Word>> {
        let words = &self.words[family[0]];
        let constant =
            words.iter().enumerate().filter(|(i, w)| !places.contains(i) && has_letters(w)).count();
        places
            .iter()
            .map(|place| {
                let mut values: Vec<&[u8]> =
                    family.iter().map(|m| &*self.words[*m][*place]).collect();
                values.sort_unstable();
                values.dedup();
                let before = place.checked_sub(1).map_or(&b""[..], |p| &*words[p]);
                Place { values, before, first: *place == 0, constant, paired: places.len() > 1 }
                    .pattern(effort)
            })
            .collect()
    }

    fn join(&mut self, family: &[usize], places: &[usize], patterns: &[Word]) {
        let target = family[0];
        let mut words = self.words[target].clone();
        for (place, pattern) in places.iter().zip(patterns) {
            words[*place] = pattern.clone();
        }
        let mut merged: Option<Group> = None;
        for member in family {
            let Some(mut group) = self.groups[*member].take() else { continue };
            group.variables = variables(&group, &self.words[*member], &words);
            self.into[*member] = target;
            match &mut merged {
                None => merged = Some(group),
                Some(into) => {
                    let theirs = std::mem::take(&mut group.variables);
                    for (mine, other) in into.variables.iter_mut().zip(theirs) {
                        mine.merge(other);
                    }
                    into.absorb(group);
                }
            }
        }
        if let Some(group) = &mut merged {
            group.key = words.join(&b' ');
        }
        self.groups[target] = merged;
        self.words[target] = words;
    }

    /// Merges all members that share their first word.
    fn by_first_word(&mut self, members: &[usize]) {
        let mut families: HashMap<Word, Vec<usize>> = HashMap::new();
        for member in members {
            families
                .entry(self.words[*member].first().cloned().unwrap_or_default())
                .or_default()
                .push(*member);
        }
        let mut families: Vec<_> = families.into_values().collect();
        families.sort_unstable();
        for family in families {
            self.all(&family);
        }
    }

    /// Merges all members into one, whatever they hold.
    fn all(&mut self, members: &[usize]) {
        if members.len() < 2 {
            return;
        }
        let words = &self.words[members[0]];
        let places: Vec<usize> = (0..words.len())
            .filter(|i| members.iter().any(|m| self.words[*m][*i] != words[*i]))
            .collect();
        let patterns = vec![Box::from(&[ANY][..]); places.len()];
        self.join(members, &places, &patterns);
    }

    fn finish(self) -> (Vec<Group>, Vec<u32>) {
        let mut ids = vec![0u32; self.groups.len()];
        let mut kept = Vec::new();
        for (i, group) in self.groups.into_iter().enumerate() {
            if let Some(group) = group {
                ids[i] = kept.len() as u32;
                kept.push(group);
            }
        }
        let map = (0..self.into.len())
            .map(|i| {
                let mut at = i;
                while self.into[at] != at {
                    at = self.into[at];
                }
                ids[at]
            })
            .collect();
        (kept, map)
    }
}

/// The variables of a group once its words are replaced by those of a merged template.
fn variables(group: &Group, words: &[Word], merged: &[Word]) -> Vec<Variable> {
    let mut old = group.variables.iter();
    let mut out = Vec::new();
    for (word, pattern) in words.iter().zip(merged) {
        let wilds = word.iter().filter(|c| matches!(**c, WILD | ANY)).count();
        let inside: Vec<&Variable> = old.by_ref().take(wilds).collect();
        if word == pattern {
            out.extend(inside.into_iter().cloned());
            continue;
        }
        out.push(match inside.first() {
            Some(first) => Variable { varies: true, ..(*first).clone() },
            None => {
                let value = String::from_utf8_lossy(store::core(pattern, word)).into_owned();
                let mut values = Counter::default();
                if wilds == 0 {
                    values.add(&value, group.count, Variable::cap(Class::Word));
                } else {
                    values.give_up();
                }
                Variable { class: Class::Word, values, first: value.into(), varies: true }
            }
        });
    }
    out
}

impl Variable {
    fn merge(&mut self, other: Variable) {
        self.varies |= other.varies || self.first != other.first;
        if self.class != other.class {
            // A name among numbers makes all of them names.
            self.class = Class::Word;
        }
        self.values.merge(other.values, Variable::cap(self.class));
    }
}

/// The words found at one place of otherwise equal templates.
struct Place<'a> {
    /// Distinct, sorted.
    values: Vec<&'a [u8]>,
    before: &'a [u8],
    first: bool,
    /// Words with letters in the rest of the template.
    constant: usize,
    paired: bool,
}

impl Place<'_> {
    /// The word with a wildcard that stands for all of them, if they are values of a variable.
    fn pattern(&self, effort: Effort) -> Option<Word> {
        let prefix = self.prefix();
        let suffix = self.suffix(prefix);
        let cores: Vec<&[u8]> = self.values.iter().map(|v| &v[prefix..v.len() - suffix]).collect();
        let first = self.values.first()?;
        if self.values.len() > 1 && !self.is_variable(&cores, &first[..prefix], effort) {
            return None;
        }
        if self.values.len() == 1 {
            // Of a pair of places this one does not vary after all: the other was judged alone.
            return (!self.paired).then(|| Box::from(*first));
        }
        let mut pattern = first[..prefix].to_vec();
        pattern.push(ANY);
        pattern.extend_from_slice(&first[first.len() - suffix..]);
        Some(pattern.into())
    }

    /// Bytes that all values begin with, up to a mark that separates a name from a value.
    fn prefix(&self) -> usize {
        let Some((first, rest)) = self.values.split_first() else { return 0 };
        let common = rest.iter().fold(first.len(), |n, v| {
            first.iter().zip(v.iter()).take(n).take_while(|(a, b)| a == b).count()
        });
        first[..common]
            .iter()
            .rposition(|c| {
                matches!(c, b'=' | b':' | b'(' | b'[' | b'{' | b'"' | b'\'' | b'<' | b',' | b'/')
            })
            .map_or(0, |at| at + 1)
    }

    /// Punctuation that all values end with.
    fn suffix(&self, prefix: usize) -> usize {
        let Some((first, rest)) = self.values.split_first() else { return 0 };
        let mut n = first[prefix..]
            .iter()
            .rev()
            .take_while(|c| c.is_ascii_punctuation() && **c != WILD)
            .count();
        while n > 0
            && !rest.iter().all(|v| v.len() >= prefix + n && v.ends_with(&first[first.len() - n..]))
        {
            n -= 1;
        }
        n
    }

    fn is_variable(&self, cores: &[&[u8]], prefix: &[u8], effort: Effort) -> bool {
        if self.constant == 0 {
            return false;
        }
        if cores.iter().any(|c| c.contains(&ANY)) {
            return true;
        }
        // The same but for how many numbers there are, none included: `()` and `(<*>)`.
        if cores.iter().all(|c| !has_letters(c)) && cores.iter().any(|c| c.contains(&WILD)) {
            return true;
        }
        if cores.iter().any(|c| tells_apart(c)) {
            return false;
        }
        let distinct = cores.len();
        if effort.0 == 1 {
            return distinct >= 3;
        }
        let names: Vec<&&[u8]> = cores.iter().filter(|c| !c.contains(&WILD)).collect();
        let shouted = names.iter().filter(|c| is_shouted(c)).count();
        if shouted * 2 > names.len() {
            return distinct >= 16;
        }
        let thin = if self.constant == 1 { 2 } else { 1 };
        let dotted = cores.iter().all(|c| is_dotted(c));
        let masked = cores.iter().any(|c| is_masked(c));
        let least = match self.cue(prefix) {
            _ if dotted && !self.first => 2,
            // A number in one record and `null` in another; `eth<*>` here and `wlan<*>` there.
            _ if masked && names.iter().all(|name| is_nothing(name)) => 2,
            _ if names.is_empty() && self.constant >= 3 => 2,
            Cue::Person => 2,
            Cue::Key if masked => 2,
            Cue::Thing => 3,
            Cue::Key | Cue::Quote => 4,
            _ if names.len() < distinct => 3 * thin,
            Cue::Preposition => 5 * thin,
            Cue::None if self.first => 24,
            Cue::None => 8 * thin,
        };
        distinct >= least
    }

    fn cue(&self, prefix: &[u8]) -> Cue {
        if prefix.ends_with(b"\"") || prefix.ends_with(b"'") {
            return Cue::Quote;
        }
        let key = prefix.ends_with(b"=");
        let word = if key { prefix } else { self.before };
        let lower: Vec<u8> =
            word.iter().filter(|c| c.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect();
        match lower.as_slice() {
            _ if key => Cue::Key,
            b"user" | b"username" | b"account" | b"login" | b"host" | b"hostname" => Cue::Person,
            b"users" | b"node" | b"server" | b"client" | b"peer" | b"file" | b"directory"
            | b"device" | b"interface" | b"module" | b"package" | b"process" | b"thread"
            | b"table" | b"database" | b"queue" | b"topic" | b"job" | b"container" | b"pod"
            | b"image" | b"volume" | b"domain" | b"group" | b"member" | b"named" | b"called"
            | b"key" | b"class" | b"service" | b"name" | b"tenant" | b"customer" | b"app"
            | b"application" | b"plugin" | b"worker" => Cue::Thing,
            b"for" | b"from" | b"to" | b"by" | b"of" | b"on" | b"at" | b"in" | b"with" | b"via"
            | b"as" => Cue::Preposition,
            _ => Cue::None,
        }
    }
}

/// What stands before a place.
enum Cue {
    Person,
    Thing,
    Key,
    Quote,
    Preposition,
    None,
}

fn has_letters(word: &[u8]) -> bool {
    word.iter().any(|c| c.is_ascii_alphabetic() || *c >= 0x80)
}

fn is_shouted(word: &[u8]) -> bool {
    // Of a dotted name the last part counts: `app.action.SCREEN_ON`.
    let word = word.rsplit(|c| *c == b'.').find(|part| !part.is_empty()).unwrap_or(word);
    word.len() >= 3
        && word.iter().any(u8::is_ascii_uppercase)
        && !word.iter().any(u8::is_ascii_lowercase)
}

/// Masked as a whole, punctuation aside.
fn is_masked(word: &[u8]) -> bool {
    word.contains(&WILD) && !has_letters(word)
}

/// A word for there being no value.
fn is_nothing(word: &[u8]) -> bool {
    let bare: Vec<u8> =
        word.iter().filter(|c| c.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect();
    matches!(bare.as_slice(), b"null" | b"none" | b"nil" | b"undefined" | b"unknown" | b"na")
}

fn is_dotted(word: &[u8]) -> bool {
    let word = word.strip_suffix(b".").or_else(|| word.strip_suffix(b",")).unwrap_or(word);
    word.iter().filter(|c| **c == b'.').count() >= 1
        && word.split(|c| *c == b'.').all(|label| {
            !label.is_empty()
                && label.iter().all(|c| piece::is_name_byte(*c) || matches!(*c, b'$' | WILD))
        })
        && has_letters(word)
}

/// Words by which events differ in kind.
fn tells_apart(word: &[u8]) -> bool {
    let bare: Vec<u8> = word.iter().filter(|c| c.is_ascii_alphabetic()).copied().collect();
    if piece::is_exception(&bare) && bare.len() > 5 {
        return true;
    }
    matches!(
        bare.to_ascii_lowercase().as_slice(),
        b"failed"
            | b"succeeded"
            | b"success"
            | b"failure"
            | b"ok"
            | b"error"
            | b"started"
            | b"stopped"
            | b"opened"
            | b"closed"
            | b"open"
            | b"close"
            | b"up"
            | b"down"
            | b"enabled"
            | b"disabled"
            | b"connected"
            | b"disconnected"
            | b"accepted"
            | b"rejected"
            | b"refused"
            | b"denied"
            | b"timeout"
            | b"not"
            | b"starting"
            | b"stopping"
            | b"start"
            | b"stop"
            | b"created"
            | b"deleted"
            | b"added"
            | b"removed"
    )
}
