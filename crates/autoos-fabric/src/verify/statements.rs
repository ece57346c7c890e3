//! Is a sentence as a whole borne out? By the words that it shares with a passage of the evidence,
//! by their order, and by what speaks against it.
//!
//! The measure is how much of the sentence one passage holds (rarer words count for more), how
//! many of its neighbouring words stand near each other in the evidence, and how many of its runs
//! of three words do. Words of one root or one meaning are the same. A sentence that is hedged,
//! judges, asks, or is in a language that is not known here is not checked.

use super::{
    CONTRADICTED, Status,
    claims::{Reading, Sentence},
    contradict::{Contrary, Why, contrary},
    index::{COMMON, Index},
    lexicon::{Leaning, leaning, root},
    passages::{KIN, Passages},
    tokens::{Kind, Reader, Token, running, runs},
};
use std::ops::Range;

/// What was found about a sentence.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) range: Range<usize>,
    pub(super) status: Status,
    /// How far it is borne out, in 0..=1.
    pub(super) score: f64,
    pub(super) how: String,
    /// The passage that comes nearest.
    pub(super) passage: Option<u32>,
    pub(super) measure: Measure,
    pub(super) contrary: Option<Contrary>,
}

/// How much of a sentence the evidence has; shares in 0..=1.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measure {
    /// Words that tell something.
    pub(super) words: f64,
    /// Of their weight, what stands in one passage.
    pub(super) best: f64,
    /// Of their weight, what stands anywhere.
    pub(super) anywhere: f64,
    /// Of neighbouring words, those that are near each other in the evidence.
    pub(super) pairs: f64,
    /// Of runs of three words, those that stand in the evidence.
    pub(super) runs: f64,
}

impl Measure {
    /// The three together.
    pub(super) fn support(&self) -> f64 {
        (self.best + self.pairs + self.runs) / 3.0
    }
}

/// Why a sentence in a language that is not known is not checked.
pub(super) const FOREIGN: &str = "no English sentence";
/// Longer than this is no sentence, in bytes.
const LONGEST: usize = 2_000;
/// From here on a sentence counts as borne out.
const BORNE_OUT: f64 = 0.6;
/// Up to here it counts as said by nobody.
const SAID_BY_NOBODY: f64 = 0.2;
/// What share of the rest of a sentence a passage must have to contradict it.
const SAME_MATTER: f64 = 0.55;
/// The same where one name or figure is left out of account.
const ALL_BUT_ONE: f64 = 0.8;
/// A passage is as near as the nearest from this share of its score on.
const AS_NEAR: f64 = 0.95;
/// Two words that are no further apart than this belong together.
const NEAR: u32 = 4;

/// Holds one sentence of an answer against the evidence.
pub(super) struct Comparison<'a> {
    index: &'a Index,
    passages: &'a Passages,
    answer: &'a str,
    /// What is borne out by itself, perhaps in another notation.
    settled: Vec<Range<usize>>,
    reading: &'a Reading,
    reader: Reader,
    tokens: Vec<Token>,
    scores: Vec<f64>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(
        index: &'a Index,
        answer: &'a str,
        reading: &'a Reading,
        settled: Vec<Range<usize>>,
    ) -> Self {
        let passages = index.passages();
        Self {
            index,
            passages,
            answer,
            settled,
            reading,
            reader: Reader::default(),
            tokens: Vec::new(),
            scores: vec![0.0; passages.all.len()],
        }
    }

    /// What is found about a sentence; none when it says nothing.
    pub(super) fn statement(&mut self, sentence: &Sentence) -> Option<Statement> {
        self.tokens.clear();
        let range = sentence.range.clone();
        let text = &self.answer[range.clone()];
        if text.len() > LONGEST {
            return None;
        }
        let atoms = &self.reading.atoms[sentence.atoms.clone()];
        self.reader.tokens(self.answer, atoms, 0, &mut self.tokens);
        for token in self.tokens.iter_mut().filter(|t| t.kind.counted()) {
            let at = token.start as usize;
            if self.passages.places(token.id).is_empty()
                && self.settled.iter().any(|s| s.contains(&at))
            {
                token.kind = Kind::Function;
            }
        }
        let telling = self.tokens.iter().filter(|t| t.kind.tells()).count();
        // `Here is a summary:` says nothing of the matter.
        if telling < 2 || text.trim_end().ends_with(':') {
            return None;
        }
        let (measure, nearest, near) = self.measure();
        let unread = self.unread(text);
        // Only sentences are compared with sentences: two lines of data may well differ.
        // What is said word for word needs no such look.
        let verbatim = measure.runs >= 1.0 && measure.best >= 0.999;
        let contrary = if unread.is_none() && !verbatim && running(text, &self.tokens) {
            contrary(self.passages, &self.tokens, &near)
        } else {
            None
        };
        let passage = contrary.as_ref().map(|c| c.passage).or(nearest);
        let support = measure.support();
        let (status, score, how) = if let Some(found) = &contrary {
            (Status::Unsupported, 0.0, self.why(found))
        } else if let Some(why) = unread {
            (Status::Unchecked, 0.0, why.to_owned())
        } else if support >= BORNE_OUT {
            (Status::Supported, support.min(1.0), "the evidence says so".to_owned())
        } else if support <= SAID_BY_NOBODY && self.on_topic(&measure) {
            (Status::Unsupported, support, "not said by the evidence".to_owned())
        } else {
            (Status::Unchecked, support, "only partly in the words of the evidence".to_owned())
        };
        Some(Statement { range, status, score, how, passage, measure, contrary })
    }

    /// Whether silence of the evidence speaks against the sentence: all of it is prose, and enough,
    /// and it speaks of something of this. What tools found may be told in many words.
    fn on_topic(&self, measure: &Measure) -> bool {
        let prose = self.index.roots.iter().all(|r| !r.structured) && self.passages.prose >= 3;
        prose && measure.anywhere > 0.0 && measure.words >= 3.0
    }

    /// Why a sentence is not one to check.
    fn unread(&self, text: &str) -> Option<&'static str> {
        if text.trim_end().ends_with('?') {
            return Some("a question");
        }
        let words =
            || self.tokens.iter().filter_map(|t| self.answer.get(t.start as usize..t.end as usize));
        let small = self.tokens.iter().any(|t| matches!(t.kind, Kind::Function | Kind::Not));
        if !small && self.tokens.len() >= 5 {
            let low: Vec<String> = words().map(str::to_lowercase).collect();
            if !self.index.said().contains(&low.join(" ")) {
                return Some(FOREIGN);
            }
        }
        match words().filter_map(leaning).fold(None, strongest) {
            Some(Leaning::Hedges) => Some("hedged: no statement that something is so"),
            Some(Leaning::Judges) => Some("a judgement"),
            None => None,
        }
    }

    /// How much of the tokens the evidence has, the nearest passage, and those that speak of the
    /// same matter, the nearest first.
    fn measure(&mut self) -> (Measure, Option<u32>, Vec<u32>) {
        let passages = self.passages;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let total = (passages.all.len().max(3)) as f64;
        let mut found: Vec<(u64, f64)> = Vec::with_capacity(self.tokens.len());
        let (mut whole, mut anywhere) = (0.0, 0.0);
        let mut touched: Vec<u32> = Vec::new();
        for token in self.tokens.iter().filter(|t| t.kind.tells()) {
            let (id, share) = self.find(token);
            if let Some((_, weight)) = found.iter().find(|(i, _)| *i == id) {
                let weight = *weight;
                found.push((id, weight));
                continue;
            }
            let places = passages.places(id);
            if places.len() > COMMON {
                // It is everywhere, and tells nothing apart.
                found.push((id, 0.0));
                continue;
            }
            let mut last = None;
            let mut in_passages = 0.0;
            for place in places {
                let passage = passages.telling[*place as usize].1;
                if last != Some(passage) {
                    in_passages += 1.0;
                    last = Some(passage);
                }
            }
            let weight = (1.0 + total / f64::max(in_passages, 1.0)).ln();
            whole += weight;
            found.push((id, weight));
            if places.is_empty() {
                continue;
            }
            anywhere += weight * share;
            last = None;
            for place in places {
                let passage = passages.telling[*place as usize].1;
                if last != Some(passage) {
                    let score = &mut self.scores[passage as usize];
                    if *score == 0.0 {
                        touched.push(passage);
                    }
                    *score += weight * share;
                    last = Some(passage);
                }
            }
        }
        let whole = f64::max(whole, f64::EPSILON);
        // The scores are left as they were found: nought.
        let score = |p: u32| (p, std::mem::take(&mut self.scores[p as usize]));
        let mut scored: Vec<(u32, f64)> = touched.into_iter().map(score).collect();
        scored.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        scored.truncate(3);
        let best = scored.first().map_or(0.0, |(_, score)| score / whole);
        let nearest = scored.first().map(|(p, _)| *p);
        let close = |(p, score): &(u32, f64)| {
            let score = *score;
            let same = score >= whole * SAME_MATTER
                || score >= (whole - self.weight_of_one(*p, &found)) * ALL_BUT_ONE;
            passages.all[*p as usize].prose && same && score >= whole * best * AS_NEAR
        };
        let near = scored.iter().filter(|s| close(s)).map(|(p, _)| *p).collect();
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let words = found.len() as f64;
        let measure = Measure {
            words,
            best,
            anywhere: anywhere / whole,
            pairs: self.pairs(&found),
            runs: share_of(runs(&self.tokens).map(|run| passages.has_run(run)), best),
        };
        (measure, nearest, near)
    }

    /// The weight of the longest run of names and figures that a passage does not have.
    fn weight_of_one(&self, passage: u32, found: &[(u64, f64)]) -> f64 {
        let there = self.passages.tokens_of(passage);
        let telling = self.tokens.iter().filter(|t| t.kind.tells());
        let (mut run, mut most) = (0.0, 0.0);
        for (token, (id, weight)) in telling.zip(found) {
            let missing = !there.iter().any(|t| t.id == *id);
            let named = token.kind.named() || token.kind.counted();
            run = if missing && named { run + weight } else { 0.0 };
            most = f64::max(most, run);
        }
        most
    }

    /// The id that a token has in the evidence, or that of a word of its kin, and what it counts.
    fn find(&self, token: &Token) -> (u64, f64) {
        if !self.passages.places(token.id).is_empty() || token.kind.counted() {
            return (token.id, 1.0);
        }
        let word = self.answer.get(token.start as usize..token.end as usize).unwrap_or_default();
        if word.len() < KIN {
            return (token.id, 1.0);
        }
        match self.passages.kin(self.index, &root(&word.to_lowercase())) {
            Some(id) => (id, 0.8),
            None => (token.id, 1.0),
        }
    }

    /// Of neighbouring words, the share that stands near each other in the evidence.
    fn pairs(&self, found: &[(u64, f64)]) -> f64 {
        let near = |a: u64, b: u64| {
            let (mut left, mut right) = (self.passages.places(a), self.passages.places(b));
            if left.len().max(right.len()) > COMMON {
                return !left.is_empty() && !right.is_empty();
            }
            while let (Some(x), Some(y)) = (left.first(), right.first()) {
                if x != y && x.abs_diff(*y) <= NEAR {
                    return true;
                }
                if x < y {
                    left = &left[1..];
                } else {
                    right = &right[1..];
                }
            }
            false
        };
        share_of(found.windows(2).map(|w| near(w[0].0, w[1].0)), 0.0)
    }

    /// Says what contradicts a sentence.
    fn why(&self, found: &Contrary) -> String {
        let own = &self.tokens[found.token];
        let own = self.answer.get(own.start as usize..own.end as usize).unwrap_or_default();
        let instead = found
            .instead
            .and_then(|at| self.passages.tokens.get(at))
            .and_then(|t| self.index.raw.get(t.start as usize..t.end as usize))
            .filter(|t| !t.is_empty());
        match (found.why, instead) {
            (Why::Negation, _) => format!("{CONTRADICTED}“{own}” is denied on one side only"),
            (Why::Swapped, _) => {
                format!("{CONTRADICTED}the evidence has it the other way round at “{own}”")
            }
            (_, Some(other)) => {
                format!("{CONTRADICTED}the evidence has “{other}” where this has “{own}”")
            }
            (_, None) => format!("{CONTRADICTED}the evidence has something else for “{own}”"),
        }
    }
}

/// A hedge counts before a judgement.
fn strongest(known: Option<Leaning>, next: Leaning) -> Option<Leaning> {
    if known == Some(Leaning::Hedges) { known } else { Some(next) }
}

/// The share of what holds; `none` where there is nothing.
fn share_of(all: impl Iterator<Item = bool>, none: f64) -> f64 {
    let (mut n, mut held) = (0.0, 0.0);
    for one in all {
        n += 1.0;
        held += f64::from(u8::from(one));
    }
    if n > 0.0 { held / n } else { none }
}
