//! Which model is asked: a pure rule over what is known of each.
//!
//! A candidate is out when it was tried already, its window or what is left of the grant is too
//! small for the worst case, it lacks what is needed, or its provider takes no calls now. Those
//! that are left are scored by
//!
//! > strength × cheapness^b × speed^c
//!
//! where strength is the expected quality, corrected by what answers turned out to be, times how
//! reliably it answers, and b and c shrink as the risk grows: cheap for routine, strong for
//! critical. Now and then, at low and medium risk alone, another good candidate is chosen to
//! learn how it does. The same wish, candidates and random numbers give the same choice.
//!
//! Left out: what the figures are ([`learned`](crate::learned)), when a provider takes calls
//! (its breaker and limits), and recording the choice (the workflow).

mod difficulty;
mod rules;
mod score;

pub use difficulty::{Difficulty, Prompt};

use crate::{Model, TaskKind, Usage, learned::Record};
use autoos_kernel::{
    rng::Rng,
    words::{LlmRole, RiskLevel},
};
use rules::{because, choice, eligible, explore, is_other, look, nobody};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Of a thousand choices at low or medium risk, so many are made to learn.
pub const EXPLORE_PER_MILLE: u64 = 50;

/// What a call needs of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The role it is asked in.
    pub role: LlmRole,
    /// What kind of work it is.
    pub kind: TaskKind,
    /// What a wrong answer would cost.
    pub risk: RiskLevel,
    /// Micro-dollars that the call may cost at most.
    pub remaining_microusd: u64,
    /// Tokens of the prompt at most.
    pub prompt_tokens: u32,
    /// Tokens of the answer at most.
    pub output_tokens: u32,
    /// The answer must fit a JSON schema.
    pub needs_schema: bool,
    /// The model must be able to call tools.
    pub needs_tools: bool,
    /// Models that are out of the question: tried already, or ruled out by a lesson.
    pub exclude: Vec<String>,
    /// Vendors that a second opinion is to be independent of. Another vendor's model is chosen
    /// where one may be asked, else one of these; [`Choice::other_vendor`] says which it was.
    pub other_vendor_than: Vec<String>,
}

impl Wish {
    /// A wish without bounds, for a call in this role whose answer is data or not.
    #[must_use]
    pub fn new(role: LlmRole, risk: RiskLevel, data: bool) -> Self {
        Self {
            role,
            kind: TaskKind::of(role, data),
            risk,
            remaining_microusd: u64::MAX,
            prompt_tokens: 0,
            output_tokens: 0,
            needs_schema: data,
            needs_tools: false,
            exclude: Vec::new(),
            other_vendor_than: Vec::new(),
        }
    }

    fn worst(&self) -> Usage {
        Usage { input: self.prompt_tokens.into(), output: self.output_tokens.into() }
    }
}

/// What came of a wish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routed {
    /// Ask this one.
    Chosen(Choice),
    /// Models would do, but their providers take no calls now.
    Later {
        /// When the first of them may be asked, in milliseconds from now.
        in_ms: u64,
        /// Why, in a sentence.
        reason: String,
        /// Everyone that was looked at.
        scores: Vec<Scored>,
    },
    /// No model will do, however long one waits.
    Nobody {
        /// Why, in a sentence.
        reason: String,
        /// Everyone that was looked at.
        scores: Vec<Scored>,
    },
}

impl Routed {
    /// The choice, if one was made.
    #[must_use]
    pub fn chosen(self) -> Option<Choice> {
        match self {
            Self::Chosen(choice) => Some(choice),
            Self::Later { .. } | Self::Nobody { .. } => None,
        }
    }
}

/// A choice and why it was made; small enough to be recorded with each call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The model.
    pub model: String,
    /// Who made it.
    pub vendor: String,
    /// What the call may cost at worst, in micro-dollars.
    pub reserve_microusd: u64,
    /// Whether its vendor is none of those that the wish wants to be independent of.
    pub other_vendor: bool,
    /// Whether it was chosen to learn how it does, rather than as the best.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explored: bool,
    /// Why, in a plain sentence.
    pub reason: String,
    /// Everyone that was looked at, in the order of preference of the configuration.
    pub scores: Vec<Scored>,
}

/// How one candidate fared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The model.
    pub model: String,
    /// In 0..=1; 0 for one that is out for good.
    pub score: f32,
    /// Why it was not eligible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<Out>,
}

/// Why a candidate is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Out {
    /// The wish excludes it.
    Excluded,
    /// Prompt and answer do not fit its window.
    Window,
    /// It cannot be had to answer as data.
    Schema,
    /// It cannot call tools.
    Tools,
    /// Its worst case costs more than what is left.
    Budget,
    /// Its provider takes no calls now.
    Shut,
}

impl fmt::Display for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Excluded => "it was tried or ruled out",
            Self::Window => "its window is too small",
            Self::Schema => "it gives no structured answers",
            Self::Tools => "it calls no tools",
            Self::Budget => "its worst case costs more than what is left",
            Self::Shut => "its provider takes no calls now",
        })
    }
}

/// Whether a provider takes a call now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gate {
    /// It does.
    #[default]
    Open,
    /// It does not.
    Shut {
        /// For so many milliseconds yet.
        for_ms: u64,
    },
}

/// A model as the rule sees it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its entry in the registry.
    pub model: &'a Model,
    /// What calls taught about it; none before the first.
    pub record: Option<&'a Record>,
    /// Whether it may be asked now.
    pub gate: Gate,
}

/// Chooses. `candidates` are in the order of preference, which decides between equals; `now_ms`
/// is the time since 1970, which old figures fade by.
#[must_use]
pub fn route(wish: &Wish, candidates: &[Candidate<'_>], now_ms: u64, rng: &mut dyn Rng) -> Routed {
    let (scores, reopens_ms) = look(wish, candidates, now_ms);
    let eligible = eligible(wish, candidates, &scores);
    let Some(&best) = eligible.first() else { return nobody(scores, reopens_ms) };
    let explored = explore(wish, candidates, &scores, &eligible, rng);
    let at = explored.unwrap_or(best);
    let reason = if explored.is_some() {
        let best = &candidates[best].model.id;
        format!("tried to learn how it does; {best} scores best")
    } else {
        because(wish, candidates, &scores, &eligible)
    };
    Routed::Chosen(choice(wish, candidates[at].model, explored.is_some(), reason, scores))
}

/// The first that may be asked at all, in the order of preference: for whoever has no figures.
#[must_use]
pub fn first(wish: &Wish, models: &[Model]) -> Routed {
    let open = |model| Candidate { model, record: None, gate: Gate::Open };
    let candidates: Vec<Candidate<'_>> = models.iter().map(open).collect();
    let (scores, reopens_ms) = look(wish, &candidates, 0);
    let ready = |at: &usize| scores[*at].out.is_none();
    let other = |at: &usize| is_other(wish, &models[*at]);
    let mut all = (0..models.len()).filter(ready);
    let at = (0..models.len()).filter(ready).find(other).or_else(|| all.next());
    match at {
        None => nobody(scores, reopens_ms),
        Some(at) => {
            let reason = "the first that may be asked".to_owned();
            Routed::Chosen(choice(wish, &models[at], false, reason, scores))
        }
    }
}

#[cfg(test)]
#[path = "router_test.rs"]
mod tests;
