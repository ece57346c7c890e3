//! Is an answer borne out by its evidence? Checked by rule, with no model.
//!
//! [`ground`] takes every figure, name and quote of an answer and looks for it in the evidence:
//! as it stands, then in other notations, then as a plain computation on two figures of the same
//! sentence. Where the evidence has records, a figure must also belong to the record that the
//! sentence names: a true count beside the wrong name is found. Then each sentence is compared
//! with the sentences of the evidence: does one say the same in other words, or the contrary (a
//! negation, an opposite, another figure or name in the same place, two the wrong way round), or
//! do all of them say nothing of it? What cannot be checked so (an opinion, advice, another
//! language) is reported as unchecked, never as supported.
//!
//! Evidence is read into an [`Index`] once, and an answer into an [`Answer`]; indexes can be shared
//! and merged. [`agree`] compares answers with each other, and [`Consensus`]
//! takes one of several. [`Confidence`] turns all of it into a
//! number with its recipe, and [`Calibration`] that number into what such numbers were worth.
//!
//! Left out: inference over several sentences, what pronouns mean, and what is known of the world.

mod agreement;
mod atoms;
mod build;
mod calibration;
mod claims;
mod confidence;
mod consensus;
mod contradict;
mod derive;
mod grounding;
mod index;
mod judge;
mod labels;
mod last;
mod lexicon;
mod moments;
mod passages;
mod prose;
mod slots;
mod statements;
mod sums;
mod support;
mod tokens;

pub use agreement::{Agreement, agree};
pub use calibration::Calibration;
pub use confidence::{Basis, Cap, Confidence, Ingredient};
pub use consensus::{Consensus, Opinion};
pub use grounding::Answer;
pub use index::Index;
pub use last::Last;
pub use sums::{Sums, sums};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that an answer may rest on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is called: the step or context that it came from.
    pub name: String,
    /// The data; a text is a string.
    pub value: Value,
}

/// What a claim is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// A number, date, time, duration, percentage.
    Figure,
    /// Who or what: entities, identifiers, paths, hosts, addresses.
    Name,
    /// Words given as somebody else's.
    Quote,
    /// A sentence with none of these.
    Statement,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It stands in the evidence, or follows from it by a named computation.
    Supported,
    /// It does not.
    Unsupported,
    /// It cannot be checked by rule.
    Unchecked,
}

/// A checked piece of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// What it is made of.
    pub kind: ClaimKind,
    /// As it stands in the answer.
    pub text: String,
    /// First byte in the answer; always on a character's boundary.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// What became of it.
    pub status: Status,
    /// How far the evidence bears it out, in 0..=1.
    pub score: f64,
    /// How it was found, or why not: `exact`, `rounded`, `difference of 57 and 12` …
    pub how: String,
    /// The evidence that it was found in, or what comes nearest in it.
    pub nearest: Option<String>,
    /// Where that stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Place>,
}

/// A place in the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The name of the piece of evidence.
    pub name: String,
    /// The fields that lead to the text in it, joined by points; empty in a plain text. Elements of
    /// lists are not counted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// First byte in that text.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// What stands there, cut to some words; empty for a number.
    pub excerpt: String,
}

impl Claim {
    /// Whether the evidence says something else, rather than nothing.
    #[must_use]
    pub fn contradicted(&self) -> bool {
        self.status == Status::Unsupported && self.how.starts_with(CONTRADICTED)
    }

    /// Names an unsupported claim for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let kind = match self.kind {
            ClaimKind::Figure => "figure",
            ClaimKind::Name => "name",
            ClaimKind::Quote => "quote",
            ClaimKind::Statement => "statement",
        };
        let near = self.nearest.as_ref().map_or_else(String::new, |n| format!("; nearest: {n}"));
        format!("the {kind} “{}” is {}{near}", self.text, self.how)
    }
}

/// How the reasons of contradicted claims begin.
const CONTRADICTED: &str = "contradicted: ";

/// What came of checking an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Grounding {
    /// Every claim, in the order of the answer.
    pub claims: Vec<Claim>,
    /// How far the evidence bears the answer out as a whole, in 0..=1: below 0.5 something in it
    /// probably is not. Finer than the claims, since what is only partly said counts as well. None
    /// when there is nothing to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<f64>,
}

impl Grounding {
    /// The claims that the evidence does not bear out.
    pub fn unsupported(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(|c| c.status == Status::Unsupported)
    }

    /// How many claims could be checked.
    #[must_use]
    pub fn checked(&self) -> usize {
        self.claims.iter().filter(|c| c.status != Status::Unchecked).count()
    }

    /// The mean score of what could be checked; none when nothing could.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        let scores: Vec<f64> =
            self.claims.iter().filter(|c| c.status != Status::Unchecked).map(|c| c.score).collect();
        #[expect(clippy::cast_precision_loss, reason = "claims are far fewer than 2^52")]
        (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
    }
}

/// Checks `answer` against evidence that was read before; see [`Index::merge`].
#[must_use]
pub fn ground_in(answer: &str, parts: &[&Index]) -> Grounding {
    match parts {
        [one] => one.ground(answer),
        several => Index::merge(several).ground(answer),
    }
}

/// Checks `answer` against `evidence`. For several answers on the same evidence, make an
/// [`Index`] once.
#[must_use]
pub fn ground(answer: &str, evidence: &[Evidence]) -> Grounding {
    Index::new(evidence).ground(answer)
}
