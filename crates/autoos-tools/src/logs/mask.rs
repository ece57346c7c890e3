//! Masking: turning a message into its template by replacing what varies by a wildcard.
//!
//! One pass over the bytes, word by word: times, URLs, paths, `key=value` values, and the pieces
//! that [`super::piece`] judges variable become one [`WILD`] each, and the text that stood there is
//! remembered as a [`Slot`]. Neighbouring wildcards flow together, so that lists of different
//! length share a template. Words without any digit or other mark stay as they are: whether they
//! vary is learned later, from many messages (see `refine`).

use super::piece::{self, Found};
use super::stamp;

/// Stands in a key for text that was masked.
pub(super) const WILD: u8 = 1;
/// Stands in a key for text that was found to vary when templates were merged.
pub(super) const ANY: u8 = 2;
/// Longer messages are cut for masking; bytes.
const MAX_CONTENT: usize = 2048;
/// Parts of a request's path that tell requests apart.
const MAX_PATH_PARTS: usize = 8;

/// What kind of text stood where a wildcard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A number, size, duration or hexadecimal number.
    Number,
    /// An IP address, with or without port.
    Address,
    /// A host name or mail address.
    Host,
    /// A file path.
    Path,
    /// A URL.
    Url,
    /// An identifier.
    Id,
    /// Digits within a word; its value is the whole word.
    Part,
    /// The value of a `key=value` pair that is none of the above.
    Value,
    /// A date or time.
    Time,
    /// A word that was found to vary.
    Word,
}

/// Where in the message a wildcard's text stood; byte ranges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// The text that was replaced.
    pub(super) text: (usize, usize),
    /// The text that counts as its value; wider than `text` for [`Class::Part`].
    pub(super) value: (usize, usize),
    /// What it is.
    pub(super) class: Class,
}

/// Reusable buffers for masking one message after another.
#[derive(Debug, Default)]
pub(super) struct Masker {
    /// The masked message: words joined by one space.
    pub(super) key: Vec<u8>,
    /// One per wildcard in `key`, in order.
    pub(super) slots: Vec<Slot>,
    word_at: usize,
    word_slots: usize,
}

impl Masker {
    /// Masks `content`; the result is in `key` and `slots`.
    pub(super) fn mask(&mut self, content: &str) {
        self.key.clear();
        self.slots.clear();
        self.word_at = 0;
        self.word_slots = 0;
        let b = &content.as_bytes()[..content.len().min(MAX_CONTENT)];
        let mut at = 0;
        while let Some(skip) = b[at..].iter().position(|c| !is_space(*c)) {
            at += skip;
            at = self.word(b, at);
        }
    }

    /// Masks a request: its client, its path part by part, and not its status, which tells kinds of
    /// answers apart. Client, method and path are byte ranges of `line`.
    pub(super) fn request(&mut self, line: &str, parts: &[(usize, usize); 3], status: u16) {
        self.key.clear();
        self.slots.clear();
        (self.word_at, self.word_slots) = (0, 0);
        let text = |range: (usize, usize)| line.get(range.0..range.1).unwrap_or_default();
        let [client, method, path] = *parts;
        self.wild(client.0, client.1, Class::Address);
        self.key.push(b' ');
        self.key.extend(text(method).bytes().filter(|c| !is_space(*c)).take(12));
        self.key.push(b' ');
        let asked = text(path).split(['?', '#']).next().unwrap_or_default();
        let mut at = path.0;
        for part in asked.split('/').take(MAX_PATH_PARTS) {
            if at > path.0 {
                self.key.push(b'/');
            }
            match piece::judge(part.as_bytes()) {
                Found::Plain => self.key.extend(part.bytes().filter(|c| !is_space(*c))),
                _ => self.wild(at, at + part.len(), Class::Id),
            }
            at += part.len() + 1;
        }
        self.key.extend_from_slice(format!(" {status}").as_bytes());
    }

    /// Adds text that stands for itself, as one more word.
    pub(super) fn literal_word(&mut self, word: &str) {
        self.key.push(b' ');
        self.key.extend(word.bytes().filter(|c| !is_space(*c)));
    }

    /// Masks the word at `start`; returns where to go on.
    fn word(&mut self, b: &[u8], start: usize) -> usize {
        let mut end = word_end(b, start);
        if self.unit(b, start, end) {
            return end;
        }
        let (previous_at, previous_slots) = (self.word_at, self.word_slots);
        if !self.key.is_empty() {
            self.key.push(b' ');
        }
        self.word_at = self.key.len();
        self.word_slots = self.slots.len();
        let mut at = start;
        while at < end && matches!(b[at], b'[' | b'(' | b'"' | b'\'') {
            self.key.push(b[at]);
            at += 1;
        }
        if let Some(len) = time_at(b, at, end) {
            self.wild(at, at + len, Class::Time);
            at += len;
            end = word_end(b, at);
        }
        self.pieces(b, at, end);
        self.join_runs(previous_at, previous_slots);
        end
    }

    /// Takes a unit into the number before it: `21.0 KB` is one value.
    fn unit(&mut self, b: &[u8], start: usize, end: usize) -> bool {
        let Some(last) = self.slots.last_mut() else { return false };
        let n = self.key.len();
        if last.class != Class::Number || self.key[n - 1] != WILD {
            return false;
        }
        let bare = n < 2 || matches!(self.key[n - 2], b' ' | b'(' | b'[' | b'=' | b':' | b'"');
        let mut core = end;
        while core > start && !b[core - 1].is_ascii_alphanumeric() {
            core -= 1;
        }
        if !bare || !piece::is_detached_unit(&b[start..core]) {
            return false;
        }
        last.text.1 = core;
        last.value.1 = core;
        self.key.extend_from_slice(&b[core..end]);
        true
    }

    fn pieces(&mut self, b: &[u8], start: usize, end: usize) {
        let mut at = start;
        while at < end {
            let c = b[at];
            if is_delimiter(c) {
                // `<1 sec` is a duration like any other.
                let below = c == b'<' && b.get(at + 1).is_some_and(u8::is_ascii_digit) && {
                    let digits = b[at + 1..end].iter().take_while(|d| d.is_ascii_digit()).count();
                    at + 1 + digits == end
                };
                at += 1;
                if below {
                    continue;
                }
                self.key.push(c);
                if c == b'=' {
                    at = self.value(b, start, at, end);
                }
                continue;
            }
            at = self.piece(b, start, at, end);
        }
    }

    /// Masks what follows the `=` before `at`, where it is a plain value.
    fn value(&mut self, b: &[u8], word: usize, at: usize, end: usize) -> usize {
        let keyed = at >= word + 2 && piece::is_name_byte(b[at - 2]);
        if !keyed || at >= end || is_delimiter(b[at]) {
            return at;
        }
        let mut stop = at;
        while stop < end
            && !matches!(
                b[stop],
                b',' | b';'
                    | b')'
                    | b']'
                    | b'}'
                    | b'&'
                    | b'|'
                    | b'"'
                    | b'\''
                    | b'<'
                    | b'>'
                    | b'('
                    | b'{'
                    | b'['
            )
        {
            stop += 1;
        }
        let mut core = stop;
        while core > at && matches!(b[core - 1], b'.' | b':') {
            core -= 1;
        }
        let value = &b[at..core];
        let flag = matches!(value, b"true" | b"false" | b"True" | b"False" | b"yes" | b"no");
        let marked = value
            .iter()
            .any(|c| c.is_ascii_digit() || matches!(c, b'/' | b'@' | b'\\' | b'.' | b':'))
            && value.iter().any(u8::is_ascii_alphanumeric)
            || (value.len() >= 6 && value.iter().all(u8::is_ascii_hexdigit));
        // `a=1,b=2` inside one value belongs to the next pair; an exception's name tells errors apart.
        if (flag || marked) && !value.contains(&b'=') && !piece::is_exception(value) {
            self.wild(at, core, piece::value_class(value));
            return core;
        }
        if flag || marked || value.is_empty() {
            return at;
        }
        self.key.extend_from_slice(value);
        core
    }

    /// Masks the run that begins at `at` and ends at a delimiter; returns where it ended.
    fn piece(&mut self, b: &[u8], word: usize, at: usize, end: usize) -> usize {
        if let Some(stop) = piece::url(&b[at..end]) {
            self.wild(at, at + stop, Class::Url);
            return at + stop;
        }
        if let Some(stop) = piece::path(&b[at..end]) {
            let class = if b.get(at + 1).is_some_and(u8::is_ascii_digit) {
                Class::Address
            } else {
                Class::Path
            };
            self.wild(at, at + stop, class);
            return at + stop;
        }
        // `false,` as a word of its own is a value wherever it stands.
        if at == word && word > 0 && matches!(b[at], b't' | b'f') {
            let len = b[at..end].iter().take_while(|c| piece::is_name_byte(**c)).count();
            if matches!(&b[at..at + len], b"true" | b"false") {
                self.wild(at, at + len, Class::Value);
                return at + len;
            }
        }
        let mut stop = at + 1;
        while stop < end && !is_delimiter(b[stop]) {
            if b[stop] == b'/'
                && matches!(b[stop - 1], b':' | b'@')
                && piece::path(&b[stop..end]).is_some()
            {
                break;
            }
            stop += 1;
        }
        let (from, to) = piece::core(b, at, stop);
        self.key.extend_from_slice(&b[at..from]);
        match piece::judge(&b[from..to]) {
            Found::Plain => self.key.extend_from_slice(&b[from..to]),
            Found::Whole(class) => self.wild(from, to, class),
            Found::Prefixed(len) => {
                self.key.extend_from_slice(&b[from..from + len]);
                self.wild(from + len, to, Class::Id);
                if let Some(slot) = self.slots.last_mut() {
                    slot.value = (from, to);
                }
            }
            Found::Leading(len) => {
                self.wild(from, from + len, Class::Address);
                self.key.extend_from_slice(&b[from + len..to]);
            }
            Found::Digits => self.digits(b, from, to),
        }
        self.key.extend_from_slice(&b[to..stop]);
        stop
    }

    /// Masks the runs of digits and the values within a word and keeps its letters.
    fn digits(&mut self, b: &[u8], from: usize, to: usize) {
        let begin = self.key.len();
        let mut at = from;
        while at < to {
            let opens = at == from || !b[at - 1].is_ascii_alphanumeric();
            let segment = b[at..to].iter().take_while(|c| c.is_ascii_alphanumeric()).count();
            let run = if opens && piece::is_value(&b[at..at + segment]) {
                segment
            } else {
                b[at..to].iter().take_while(|c| c.is_ascii_digit()).count()
            };
            if run == 0 {
                self.key.push(b[at]);
                at += 1;
                continue;
            }
            // `1_0`, `1_m_0` and `1.0` within a word are one value.
            let mut k = self.key.len();
            if k > begin && is_joint(self.key[k - 1]) {
                k -= 1;
                if k > begin + 1
                    && self.key[k - 1].is_ascii_alphabetic()
                    && is_joint(self.key[k - 2])
                {
                    k -= 2;
                }
            }
            if k > begin && self.key[k - 1] == WILD {
                self.key.truncate(k);
                if let Some(slot) = self.slots.last_mut() {
                    slot.text.1 = at + run;
                }
            } else {
                let sign = usize::from(self.key.len() > begin + 1 && self.key.ends_with(b"_-"));
                self.key.truncate(self.key.len() - sign);
                self.key.push(WILD);
                self.slots.push(Slot {
                    text: (at - sign, at + run),
                    value: (from, to),
                    class: Class::Part,
                });
            }
            at += run;
        }
    }

    fn wild(&mut self, from: usize, to: usize, class: Class) {
        // `10.0.0.1,10.0.0.2`: a list is one value.
        let n = self.key.len();
        if n >= 2 && self.key[n - 1] == b',' && self.key[n - 2] == WILD && n > self.word_at + 1 {
            self.key.pop();
            if let Some(slot) = self.slots.last_mut() {
                slot.text.1 = to;
                slot.value.1 = to;
            }
            return;
        }
        self.key.push(WILD);
        self.slots.push(Slot { text: (from, to), value: (from, to), class });
    }

    /// Lets a word that masks like the one before flow into it.
    fn join_runs(&mut self, previous_at: usize, previous_slots: usize) {
        if self.word_at == 0
            || self.slots.len() == self.word_slots
            || previous_slots == self.word_slots
        {
            return;
        }
        let previous = &self.key[previous_at..self.word_at - 1];
        let current = &self.key[self.word_at..];
        let class = |at: usize| self.slots.get(at).map(|slot| slot.class);
        // `10.0.0.1: 11: …` is an address and a code, no list.
        let alike = class(previous_slots) == class(self.word_slots);
        if !alike || !previous.contains(&WILD) || trim_comma(previous) != trim_comma(current) {
            return;
        }
        let end = self.slots.last().map_or(0, |slot| slot.text.1);
        self.slots.truncate(self.word_slots);
        if let Some(slot) = self.slots.last_mut() {
            slot.text.1 = end;
            slot.value.1 = end;
        }
        self.key.drain(previous_at..self.word_at);
        self.word_at = previous_at;
        self.word_slots = previous_slots;
    }
}

fn trim_comma(word: &[u8]) -> &[u8] {
    word.strip_suffix(b",").unwrap_or(word)
}

fn is_joint(c: u8) -> bool {
    matches!(c, b'.' | b'_' | b'-' | b':' | b'/' | b'x' | b'#' | b'+' | b'~')
}

fn is_space(c: u8) -> bool {
    c <= b' ' || c == 0x7f
}

fn is_delimiter(c: u8) -> bool {
    matches!(
        c,
        b',' | b';'
            | b'='
            | b'('
            | b')'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'<'
            | b'>'
            | b'"'
            | b'\''
            | b'|'
            | b'&'
            | b'`'
    )
}

fn word_end(b: &[u8], at: usize) -> usize {
    b[at..].iter().position(|c| is_space(*c)).map_or(b.len(), |n| at + n)
}

/// The length of a date or time that begins at `at`; plain numbers do not count.
fn time_at(b: &[u8], at: usize, end: usize) -> Option<usize> {
    let word = b.get(at..end)?;
    let likely = match word.first()? {
        c if c.is_ascii_digit() => {
            word.len() >= 2 && word.iter().take(5).any(|c| matches!(c, b'-' | b'/' | b':' | b'.'))
        }
        c if c.is_ascii_uppercase() => word.len() == 3 || (word.len() == 4 && word[3] == b','),
        _ => false,
    };
    if !likely {
        return None;
    }
    stamp::at(&b[at..])
        .filter(|s| s.kind != stamp::Kind::Epoch && s.kind != stamp::Kind::Glog)
        .map(|s| s.len)
}

#[cfg(test)]
mod tests;
