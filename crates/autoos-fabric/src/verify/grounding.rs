//! Checks an answer as a whole: its figures, names and quotes, then its sentences, then how far all
//! of it is borne out.
//!
//! A wrong figure is one claim, though its sentence is contradicted as well; a sentence is a claim
//! of its own where nothing in it is, or where it says what no figure or name in it shows.

use super::{
    Claim, ClaimKind, Grounding, Place, Status,
    claims::{self, Draft, Reading},
    index::Index,
    judge::Judge,
    statements::{Comparison, FOREIGN, Statement},
    support,
};
use std::{collections::HashMap, ops::Range};

/// An answer, read once, to be held against any evidence.
#[derive(Debug)]
pub struct Answer<'a> {
    text: &'a str,
    reading: Reading,
}

impl<'a> Answer<'a> {
    /// Reads an answer.
    #[must_use]
    pub fn read(text: &'a str) -> Self {
        Self { text, reading: claims::read(text) }
    }

    /// Checks it.
    #[must_use]
    pub fn ground(&self, index: &Index) -> Grounding {
        let (answer, reading) = (self.text, &self.reading);
        let mut judge = self.judge(index);
        let mut claims: Vec<Claim> = Vec::with_capacity(reading.drafts.len());
        for draft in reading.drafts.iter().filter(|d| d.kind != ClaimKind::Statement) {
            claims.extend(judge.claim(draft));
        }
        let statements = index.statements(answer, reading, &claims);
        for foreign in statements.iter().filter(|s| s.how == FOREIGN) {
            unread(&mut claims, &foreign.range);
        }
        let support = support::of(&claims, &statements);
        for statement in statements {
            index.add(answer, reading, statement, &mut claims);
        }
        claims.sort_by_key(|c| (c.start, c.end));
        Grounding { claims, support }
    }

    /// Changes what is unsupported so far to what `other` makes of it, where that bears it out and
    /// `may` agrees. `how` is what such claims then say. Checks no more of the answer than these.
    pub fn allow(
        &self,
        grounding: &mut Grounding,
        other: &Index,
        how: &str,
        may: impl Fn(&Claim) -> bool,
    ) {
        let open = |c: &Claim| c.status == Status::Unsupported && may(c);
        let Some(first) = grounding.claims.iter().position(open) else { return };
        let rest = grounding.claims[first..].iter_mut().filter(|c| open(c));
        let mut judge = self.judge(other);
        // Sentences are seldom in doubt; where one is, all are looked at.
        let mut whole: Option<Grounding> = None;
        for claim in rest {
            let same = |c: &Claim| (c.start, c.end, c.kind) == (claim.start, claim.end, claim.kind);
            let found = if claim.kind == ClaimKind::Statement {
                let whole = whole.get_or_insert_with(|| self.ground(other));
                whole.claims.iter().find(|c| same(c)).cloned()
            } else {
                let place = (claim.start, claim.end);
                let key = |d: &Draft| (d.range.start, d.range.end);
                let from = self.reading.drafts.partition_point(|d| key(d) < place);
                let here = self.reading.drafts[from..].iter().take_while(|d| key(d) == place);
                here.filter(|d| d.kind == claim.kind).find_map(|d| judge.claim(d))
            };
            if let Some(found) = found.filter(|c| c.status == Status::Supported) {
                *claim = Claim { how: how.to_owned(), ..found };
            }
        }
    }

    fn judge<'b>(&'b self, index: &'b Index) -> Judge<'b> {
        let mut judge = Judge {
            index,
            answer: self.text,
            reading: &self.reading,
            lists: index.groups.iter().any(|size| *size > 1),
            labels: HashMap::new(),
            found: Vec::new(),
        };
        // Figures that stand in the evidence come first: others may be computed from them.
        let figures = self.reading.drafts.iter().filter(|d| d.kind == ClaimKind::Figure);
        judge.found = figures
            .filter_map(|d| Some((d.sentence, d.range.clone(), judge.standing(d)?)))
            .collect();
        judge
    }
}

impl Index {
    /// Checks an answer; see [`Answer::ground`].
    #[must_use]
    pub fn ground(&self, answer: &str) -> Grounding {
        Answer::read(answer).ground(self)
    }

    /// The sentences of running text, each as a whole.
    fn statements(&self, answer: &str, reading: &Reading, claims: &[Claim]) -> Vec<Statement> {
        if reading.sentences.is_empty() || self.roots.is_empty() || self.too_much_data() {
            return Vec::new();
        }
        let settled = claims
            .iter()
            .filter(|c| c.status == Status::Supported)
            .map(|c| c.start..c.end)
            .collect();
        let mut comparison = Comparison::new(self, answer, reading, settled);
        let running = reading.sentences.iter().filter(|s| !s.table && !s.heading);
        running.filter_map(|s| comparison.statement(s)).collect()
    }

    /// Adds a sentence to the claims where it says more than its figures and names do.
    fn add(&self, answer: &str, reading: &Reading, found: Statement, claims: &mut Vec<Claim>) {
        let within = |c: &Claim| c.start >= found.range.start && c.end <= found.range.end;
        // A wrong figure or name is one claim: the sentence only tells where it is right.
        let wrong = found.contrary.as_ref().and_then(|c| c.bytes.clone());
        if let Some(wrong) = wrong
            && let Some(claim) = claims.iter_mut().find(|c| {
                c.status == Status::Unsupported && c.start < wrong.end && wrong.start < c.end
            })
        {
            claim.nearest.get_or_insert(found.how);
            claim.evidence = found.passage.and_then(|p| self.place_of(p)).or(claim.evidence.take());
            return;
        }
        let asked = || {
            let from = reading.drafts.partition_point(|d| d.range.start < found.range.start);
            let here = &reading.drafts[from..];
            let mut here = here.iter().take_while(|d| d.range.start == found.range.start);
            here.any(|d| d.kind == ClaimKind::Statement && d.range == found.range)
        };
        let alone = || !claims.iter().any(within);
        if found.status != Status::Unsupported && !(asked() && alone()) {
            return;
        }
        let place = found.passage.and_then(|p| self.place_of(p));
        let text = &answer[found.range.clone()];
        let lead = text.len() - text.trim_start().len();
        let text = text.trim();
        let start = found.range.start + lead;
        claims.push(Claim {
            kind: ClaimKind::Statement,
            text: text.to_owned(),
            start,
            end: start + text.len(),
            status: found.status,
            score: found.score,
            how: found.how,
            nearest: place.as_ref().map(|p| p.excerpt.clone()),
            evidence: place,
        });
    }

    /// Where a passage stands, for people.
    fn place_of(&self, passage: u32) -> Option<Place> {
        let passage = self.passages().all.get(passage as usize)?;
        self.place_at(passage.unit, passage.path, passage.base, passage.start..passage.end)
    }

    pub(super) fn place_at(
        &self,
        unit: u32,
        path: u32,
        base: u32,
        bytes: Range<u32>,
    ) -> Option<Place> {
        let own = self.raw.get(bytes.start as usize..bytes.end as usize)?;
        let cut = own.char_indices().nth(EXCERPT).map_or(own.len(), |(at, _)| at);
        Some(Place {
            name: self.root_of(unit)?.name.clone(),
            path: self.paths.get(path as usize)?.join("."),
            start: (bytes.start - base) as usize,
            end: (bytes.end - base) as usize,
            excerpt: own[..cut].to_owned(),
        })
    }

    /// Sentences are not compared with long data that has no prose in it: reading it once more
    /// would cost much and bring nothing.
    pub(super) fn too_much_data(&self) -> bool {
        const MOST_SCALARS: usize = 20_000;
        self.scalars.len() > MOST_SCALARS && !self.scalars.iter().any(|s| s.words > 8)
    }
}

/// How much of a place is shown, in characters.
const EXCERPT: usize = 160;

/// In other languages capitals mean other things: words that the evidence does not have are not
/// taken for names there.
fn unread(claims: &mut [Claim], range: &Range<usize>) {
    let words = |c: &Claim| c.text.chars().all(|c| c.is_alphabetic() || c == ' ');
    let inside = |c: &Claim| c.start >= range.start && c.end <= range.end;
    for claim in claims.iter_mut().filter(|c| c.kind == ClaimKind::Name && inside(c) && words(c)) {
        if claim.status == Status::Unsupported {
            claim.status = Status::Unchecked;
            claim.how = FOREIGN.into();
        }
    }
}
