//! Is an answer borne out by its evidence? Checked by rule, with no model.
//!
//! [`ground`] takes every figure, name and quote of an answer and looks for it in the evidence:
//! as it stands, then in other notations, then as a plain computation on two figures of the same
//! sentence. Where the evidence has records, a figure must also belong to the record that the
//! sentence names: a true count beside the wrong name is found. What cannot be checked so (an
//! opinion, a cause) is reported as unchecked, never as supported. [`Confidence`] turns the
//! outcome into a number with its recipe.
//!
//! Left out: whether a sentence that holds true figures and names says something true about them
//! beyond that (negation, tense, cause).

mod atoms;
mod claims;
mod confidence;
mod derive;
mod index;
mod judge;
mod labels;
mod prose;

pub use confidence::{Basis, Confidence, Ingredient};
pub use index::Index;

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
}

impl Claim {
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

/// What came of checking an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Grounding {
    /// Every claim, in the order of the answer.
    pub claims: Vec<Claim>,
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

/// Checks `answer` against `evidence`. For several answers on the same evidence, make an
/// [`Index`] once.
#[must_use]
pub fn ground(answer: &str, evidence: &[Evidence]) -> Grounding {
    Index::new(evidence).ground(answer)
}
