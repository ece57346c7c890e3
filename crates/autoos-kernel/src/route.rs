//! Who is asked: the port through which the workflow's machine has a model chosen.
//!
//! The choice is made while a command is decided and rides in the event that it leads to, so that
//! a fold never chooses. Left out: what makes a good choice (the fabric's router).

use crate::{
    plan::outline::Candidate,
    words::{LlmRole, RiskLevel},
};
use serde::{Deserialize, Serialize};

/// Chooses models.
pub trait Router {
    /// Chooses among the candidates of a wish.
    fn route(&self, wish: &Wish<'_>) -> Route;
}

/// What a model is wanted for.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// In which role.
    pub role: LlmRole,
    /// The kind of work, as lessons and learned figures tell kinds apart.
    pub task: &'a str,
    /// Whether the answer is data of a given schema.
    pub data: bool,
    /// What a wrong answer would cost.
    pub risk: RiskLevel,
    /// What is left of the grant, in micro-dollars.
    pub remaining_microusd: u64,
    /// Those that may be asked, never empty; what was tried in vain is not among them.
    pub candidates: Vec<&'a Candidate>,
    /// The one that is to be kept if it can be had: it was just asked, or someone chose it.
    pub keep: Option<&'a str>,
    /// Random bits: the same wish with the same bits is answered the same.
    pub bits: u64,
}

/// What a router says.
#[derive(Debug, Clone, PartialEq)]
pub enum Route {
    /// Ask this one.
    Ask {
        /// The model's id.
        model: String,
        /// Why, where there was a choice.
        choice: Option<Choice>,
    },
    /// None of them can be asked now.
    Wait {
        /// When to look again, in milliseconds.
        ms: u64,
        /// Why, in a line.
        reason: String,
    },
}

/// How a choice came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Why this one, in a line.
    pub reason: String,
    /// Everyone who was looked at, the best first.
    pub scores: Vec<Scored>,
    /// Whether it was asked to learn about it rather than because it is the best.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explored: bool,
}

/// How a candidate did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The model's id.
    pub model: String,
    /// In 0..=1; zero for one that cannot be asked.
    pub score: f64,
    /// What spoke for or against it, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Takes them in their order: the one to keep, or the first that the grant covers.
#[derive(Debug, Clone, Copy, Default)]
pub struct InOrder;

impl Router for InOrder {
    fn route(&self, wish: &Wish<'_>) -> Route {
        let kept = wish.candidates.iter().find(|c| Some(c.model.as_str()) == wish.keep);
        let covered = |c: &&&Candidate| c.reserve_microusd <= wish.remaining_microusd;
        let taken = kept.or_else(|| wish.candidates.iter().find(covered));
        match taken.or(wish.candidates.first()) {
            Some(candidate) => Route::Ask { model: candidate.model.clone(), choice: None },
            None => Route::Wait { ms: 1_000, reason: "there is nobody to ask".into() },
        }
    }
}
