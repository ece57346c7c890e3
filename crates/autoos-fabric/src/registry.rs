//! The capability registry: what each model is, can do and costs, before it was ever asked.
//!
//! Entries are shipped ([`models`](crate::models)) and overridden by configuration. What calls
//! taught about a model stands beside it, in [`learned`](crate::learned), and never in here.

use crate::{Request, Usage};
use autoos_kernel::words::LlmRole;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// An entry of the capability registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// How plans and people call it, `provider/model`, for example `anthropic/claude-sonnet-4-5`.
    pub id: String,
    /// Who made it; a second opinion comes from another vendor.
    pub vendor: String,
    /// The provider that serves it.
    pub provider: String,
    /// Tokens that prompt and answer may have together.
    pub context_tokens: u32,
    /// What its work costs.
    pub price: Price,
    /// Whether it is a language model; the built-in engine is not.
    pub language_model: bool,
    /// What it can do, and how well that is expected to be done.
    #[serde(default)]
    pub abilities: Arc<Abilities>,
}

impl Model {
    /// Whether a client means it by this name: its id, or its provider's name for it.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let bare = self.id.strip_prefix(&*self.provider).and_then(|id| id.strip_prefix('/'));
        self.id == name || bare == Some(name)
    }
}

/// What a model can do. The default is a model of which nothing is known: it may be asked for
/// anything, and is expected to do it middlingly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Abilities {
    /// Whether it can be had to answer as JSON that fits a schema.
    pub structured: bool,
    /// Whether it can call tools.
    pub tools: bool,
    /// Whether it reads images.
    pub images: bool,
    /// Whether it makes vectors of texts, and nothing else.
    pub embeddings: bool,
    /// How good its answers are expected to be.
    pub quality: Quality,
    /// The day or month of this entry, for example `2026-02`; empty when nobody said.
    pub as_of: String,
}

impl Default for Abilities {
    fn default() -> Self {
        let (quality, as_of) = (Quality::default(), String::new());
        Self { structured: true, tools: true, images: false, embeddings: false, quality, as_of }
    }
}

/// How good a model's answers are expected to be, each in 0..=1, where 1 is always right. An
/// opinion that outcomes correct, not a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quality {
    /// For everything that is not named below.
    pub general: f64,
    /// In a role.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<LlmRole, f64>,
    /// For a kind of task; it outranks the role.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<TaskKind, f64>,
}

impl Default for Quality {
    fn default() -> Self {
        Self::of(0.5)
    }
}

impl Quality {
    /// The same for everything.
    #[must_use]
    pub fn of(general: f64) -> Self {
        Self { general, roles: BTreeMap::new(), kinds: BTreeMap::new() }
    }

    /// What is expected of this kind of task in this role.
    #[must_use]
    pub fn at(&self, role: LlmRole, kind: TaskKind) -> f64 {
        let named = self.kinds.get(&kind).or_else(|| self.roles.get(&role));
        *named.unwrap_or(&self.general)
    }

    /// The figure that is none, if there is one.
    pub(crate) fn wrong(&self) -> Option<f64> {
        let all = self.roles.values().chain(self.kinds.values()).chain([&self.general]);
        all.copied().find(|q| !(0.0..=1.0).contains(q))
    }
}

/// What kind of work a call is. Closed, since figures are kept for each; it follows from the
/// call itself and never from a text that a model wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Make a plan.
    Plan,
    /// Take data out of evidence, in a given form.
    Extract,
    /// Work on evidence and say what comes of it, as text.
    Analyze,
    /// Make one text of several outputs.
    Write,
    /// Judge outputs against their evidence.
    Verify,
}

impl TaskKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Plan, Self::Extract, Self::Analyze, Self::Write, Self::Verify];

    /// The kind of a call in this role; `data` says whether it must answer as data of a given
    /// schema.
    #[must_use]
    pub fn of(role: LlmRole, data: bool) -> Self {
        match role {
            LlmRole::Planner => Self::Plan,
            LlmRole::Executor if data => Self::Extract,
            LlmRole::Executor => Self::Analyze,
            LlmRole::Verifier | LlmRole::Auditor => Self::Verify,
            LlmRole::Synthesizer => Self::Write,
        }
    }

    /// The kind of a request.
    #[must_use]
    pub fn of_request(request: &Request) -> Self {
        Self::of(request.role, request.schema.is_some())
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plan => "plan",
            Self::Extract => "extract",
            Self::Analyze => "analyze",
            Self::Write => "write",
            Self::Verify => "verify",
        })
    }
}

/// Price of a model, in micro-dollars per million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Of the prompt.
    pub input: u64,
    /// Of the answer.
    pub output: u64,
}

impl Price {
    /// Micro-dollars for so many tokens, rounded up; saturates.
    #[must_use]
    pub fn cost(&self, usage: Usage) -> u64 {
        let parts = u128::from(self.input) * u128::from(usage.input)
            + u128::from(self.output) * u128::from(usage.output);
        u64::try_from(parts.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}
