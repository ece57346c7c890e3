//! What the runtime stands on, and how it is tuned.

use crate::{accounts::Accounts, clock::Clock, lessons::Lessons, meters::Counts};
use autoos_fabric::SharedLlm;
use autoos_journal::SharedJournal;
use autoos_kernel::{
    plan::{check, outline::Candidate},
    tool::ToolSpec,
    words::LlmRole,
};
use autoos_tools::Registry;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The ports that the runtime runs on.
#[derive(Clone)]
pub struct Parts {
    /// Where everything is recorded.
    pub journal: SharedJournal,
    /// Who answers.
    pub llm: SharedLlm,
    /// What agents may call.
    pub tools: Arc<Registry>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// How the runtime is tuned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Workflows that may be open at once; more are refused with a hint when to try again.
    /// One that waits for a timer or a human is put away and does not count.
    pub max_open: usize,
    /// What an intent may cost where it does not say, in micro-dollars.
    pub budget_microusd: u64,
    /// How long a human has to answer before a workflow is given up, in milliseconds.
    pub patience_ms: u64,
    /// A planning attempt may take so long, in milliseconds.
    pub planning_timeout_ms: u64,
    /// A planner's prompt may have so many tokens.
    pub planning_prompt_tokens: u32,
    /// A planner's answer may have so many tokens.
    pub planning_output_tokens: u32,
    /// A workflow that waits for less than this is kept in memory, in milliseconds.
    pub linger_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_open: 1_024,
            budget_microusd: 1_000_000,
            patience_ms: 24 * 3_600_000,
            planning_timeout_ms: 120_000,
            planning_prompt_tokens: 16_000,
            planning_output_tokens: 4_000,
            linger_ms: 5_000,
        }
    }
}

/// What the runtime was started with, and what follows from it once and for all.
pub(crate) struct Setup {
    pub(crate) options: Options,
    /// The tools as planners read them, shared by all who are asked for a plan.
    pub(crate) tools: Arc<[ToolSpec]>,
    /// What was learned from failures.
    pub(crate) lessons: Arc<Lessons>,
    /// What tenants and users may spend.
    pub(crate) accounts: Arc<Accounts>,
    /// What it counts of itself.
    pub(crate) counts: Arc<Counts>,
}

/// The fabric's models as the check of plans sees them.
pub(crate) struct Book<'a>(pub(crate) &'a SharedLlm);

impl check::Models for Book<'_> {
    fn candidates(&self, role: LlmRole, prompt_tokens: u32, output_tokens: u32) -> Vec<Candidate> {
        let usage =
            autoos_fabric::Usage { input: prompt_tokens.into(), output: output_tokens.into() };
        let models = self.0.candidates(role).into_iter();
        let candidate = |m: autoos_fabric::Model| Candidate {
            reserve_microusd: m.price.cost(usage),
            model: m.id,
            vendor: m.vendor,
            fixed: !m.language_model,
            lesson: None,
        };
        models.map(candidate).collect()
    }
}
