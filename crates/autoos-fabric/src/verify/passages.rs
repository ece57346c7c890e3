//! The evidence as sentences: what a statement of an answer is compared with.
//!
//! A passage is a sentence of a text, or a record of data with the names of its fields. Its words
//! are kept as ids that are the same for words that mean the same. Built at the first need, since
//! many answers hold nothing but figures and names.

use super::{
    index::{Hashed, Index, NONE, Posts, Same, Scalar},
    lexicon::{Part, known, root},
    prose::{lines, marker, quotes, sentences},
    tokens::{Kind, Reader, Token, running, runs},
};
use std::{collections::HashSet, hash::BuildHasherDefault, sync::OnceLock};

/// What two words of one kin share at least, in bytes.
pub(super) const KIN: usize = 5;

/// A sentence or a record: a range of tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passage {
    pub(super) from: u32,
    pub(super) upto: u32,
    /// The first byte among all texts, for prose; a record has none.
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) unit: u32,
    /// The first byte of the text that it stands in.
    pub(super) base: u32,
    pub(super) path: u32,
    pub(super) prose: bool,
}

/// The passages of some evidence.
#[derive(Debug, Default)]
pub(super) struct Passages {
    pub(super) tokens: Vec<Token>,
    pub(super) all: Vec<Passage>,
    /// Places of each id among `telling`.
    pub(super) posts: Posts,
    /// Tokens that tell something, in order: id, passage.
    pub(super) telling: Vec<(u64, u32)>,
    /// Hashes of every three tokens in a row, in order.
    runs: Vec<u64>,
    /// Roots of the words, in order, with their ids.
    vocabulary: OnceLock<Vec<(String, u64)>>,
    /// What is surely a name somewhere.
    pub(super) names: HashSet<u64, BuildHasherDefault<Same>>,
    /// Sentences of running text.
    pub(super) prose: usize,
}

impl Passages {
    pub(super) fn of(index: &Index) -> Self {
        let mut out = Self::default();
        let mut reader = Reader::default();
        let mut at = 0;
        while let Some(first) = index.scalars.get(at) {
            // Short values of one record are read together; texts sentence by sentence.
            let together = |s: &&Scalar| s.unit == first.unit && is_value(index, s);
            let record = index.scalars[at..].iter().take_while(together).count();
            if record > 0 {
                out.record(index, &index.scalars[at..at + record], &mut reader);
            } else {
                out.text(index, first, &mut reader);
            }
            let record = record.max(1);
            at += record;
        }
        out.names = out.tokens.iter().filter(|t| t.kind == Kind::Name).map(|t| t.id).collect();
        for (n, passage) in out.all.iter().enumerate() {
            let passage_at = u32::try_from(n).unwrap_or(NONE);
            for token in &out.tokens[passage.from as usize..passage.upto as usize] {
                if token.kind.tells() {
                    out.telling.push((token.id, passage_at));
                }
            }
        }
        let places = out.telling.iter().enumerate();
        out.posts = Posts::new(
            places.map(|(at, (id, _))| (*id, u32::try_from(at).unwrap_or(NONE))).collect(),
        );
        out.runs = runs(&out.tokens).collect();
        out.runs.sort_unstable();
        out.prose = out.all.iter().filter(|p| p.prose).count();
        out
    }

    /// The passages of several indexes that are laid end to end.
    pub(super) fn merge(parts: &[&Index]) -> Self {
        let small = |n: usize| u32::try_from(n).unwrap_or(NONE);
        let mut out = Self::default();
        let mut moved = Vec::with_capacity(parts.len());
        let (mut raw, mut units, mut paths) = (0, 0, 0);
        for part in parts {
            let one = part.passages();
            let (tokens, passages) = (small(out.tokens.len()), small(out.all.len()));
            moved.push(small(out.telling.len()));
            out.tokens.extend(one.tokens.iter().map(|t| {
                // What has no place is the name of a field.
                let by = if t.end > t.start { raw } else { 0 };
                Token { start: t.start + by, end: t.end + by, ..*t }
            }));
            out.all.extend(one.all.iter().map(|p| Passage {
                from: p.from + tokens,
                upto: p.upto + tokens,
                start: p.start + raw,
                end: p.end + raw,
                unit: p.unit + units,
                base: p.base + raw,
                path: p.path + paths,
                prose: p.prose,
            }));
            out.telling.extend(one.telling.iter().map(|(id, p)| (*id, p + passages)));
            out.runs.extend(&one.runs);
            out.names.extend(&one.names);
            out.prose += one.prose;
            raw += small(part.raw.len());
            units += small(part.units.len());
            paths += small(part.paths.len());
        }
        out.posts = Posts::merge(parts.iter().map(|p| &p.passages().posts), &moved);
        out.runs.sort();
        out
    }

    /// The sentences of a line of text.
    fn text(&mut self, index: &Index, scalar: &Scalar, reader: &mut Reader) {
        let line = &index.raw[scalar.start as usize..scalar.end as usize];
        for span in lines(line) {
            let skip = marker(line[span.clone()].trim_start());
            let lead = line[span.clone()].len() - line[span.clone()].trim_start().len();
            let span = span.start + lead + skip..span.end;
            let quotes = quotes(line, span.clone());
            for sentence in sentences(line, span, &quotes) {
                let from = self.tokens.len();
                let offset = scalar.start as usize + sentence.start;
                reader.read(&line[sentence.clone()], offset, &mut self.tokens);
                let (start, end) = trimmed(line, &sentence);
                let running = running(&line[start..end], &self.tokens[from..]);
                let base = scalar.start as usize;
                self.close(from, scalar, base + start..base + end, running);
            }
        }
    }

    /// The short values of one record, with the names of their fields.
    fn record(&mut self, index: &Index, scalars: &[Scalar], reader: &mut Reader) {
        let from = self.tokens.len();
        for scalar in scalars {
            if let Some(key) = index.paths.get(scalar.path as usize).and_then(|p| p.last()) {
                for word in key.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
                    let known = known(word);
                    let kind =
                        if known.part == Part::Content { Kind::Content } else { Kind::Function };
                    self.tokens.push(Token { id: known.id, kind, start: 0, end: 0, head: 0 });
                }
            }
            let text = &index.raw[scalar.start as usize..scalar.end as usize];
            reader.read(text, scalar.start as usize, &mut self.tokens);
        }
        // A record has its place by the first of its texts.
        let Some(first) = scalars.iter().find(|s| s.end > s.start).or(scalars.first()) else {
            return;
        };
        self.close(from, first, first.start as usize..first.end as usize, false);
    }

    fn close(&mut self, from: usize, scalar: &Scalar, bytes: std::ops::Range<usize>, prose: bool) {
        if self.tokens.len() == from {
            return;
        }
        let small = |n: usize| u32::try_from(n).unwrap_or(NONE);
        self.all.push(Passage {
            from: small(from),
            upto: small(self.tokens.len()),
            start: small(bytes.start),
            end: small(bytes.end),
            unit: scalar.unit,
            base: scalar.base,
            path: scalar.path,
            prose,
        });
    }

    /// The tokens of a passage.
    pub(super) fn tokens_of(&self, passage: u32) -> &[Token] {
        self.all
            .get(passage as usize)
            .map_or(&[], |p| &self.tokens[p.from as usize..p.upto as usize])
    }

    /// Where an id stands among what tells something.
    pub(super) fn places(&self, id: u64) -> &[u32] {
        self.posts.get(id)
    }

    /// Whether these three stand in a row somewhere.
    pub(super) fn has_run(&self, run: u64) -> bool {
        self.runs.binary_search(&run).is_ok()
    }

    /// Every word once.
    fn words(&self, index: &Index) -> Vec<(String, u64)> {
        let mut seen: Hashed<()> = Hashed::default();
        let words = self.tokens.iter().filter(|t| {
            !t.kind.counted()
                && t.kind.tells()
                && t.end > t.start
                && seen.insert(t.id, ()).is_none()
        });
        let own = |t: &Token| &index.raw[t.start as usize..t.end as usize];
        let mut out: Vec<(String, u64)> =
            words.map(|t| (root(&own(t).to_lowercase()), t.id)).collect();
        out.sort_unstable();
        out
    }

    /// The word of the evidence that begins like `root` for long enough to be its kin.
    pub(super) fn kin(&self, index: &Index, root: &str) -> Option<u64> {
        if root.len() < KIN || !root.is_ascii() {
            return None;
        }
        let vocabulary = self.vocabulary.get_or_init(|| self.words(index));
        let from = vocabulary.partition_point(|(word, _)| word.as_str() < &root[..4]);
        let near = vocabulary[from..].iter().take_while(|(w, _)| w.starts_with(&root[..4]));
        let shared =
            |word: &str| word.bytes().zip(root.bytes()).take_while(|(a, b)| a == b).count();
        near.map(|(word, id)| (shared(word), word.len().max(root.len()), *id))
            .filter(|(shared, longest, _)| *shared >= KIN && shared * 3 >= longest * 2)
            .max_by_key(|(shared, ..)| *shared)
            .map(|(.., id)| id)
    }
}

/// Whether this is the short value of a field, and no text.
fn is_value(index: &Index, scalar: &Scalar) -> bool {
    const MOST_WORDS: u32 = 12;
    let own = &index.raw[scalar.start as usize..scalar.end as usize];
    scalar.path != 0
        && scalar.base == scalar.start
        && (scalar.words < 5 || scalar.words <= MOST_WORDS && !own.ends_with(['.', '!', '?']))
}

fn trimmed(text: &str, span: &std::ops::Range<usize>) -> (usize, usize) {
    let own = &text[span.clone()];
    let start = span.start + (own.len() - own.trim_start().len());
    (start, start.max(span.start + own.trim_end().len()))
}
