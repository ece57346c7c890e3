//! The small closed vocabularies that everything else is said in.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

/// What a wrong answer would cost whoever asked; sets how much is verified before it is believed.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RiskLevel {
    /// A wrong answer costs a second look.
    Low,
    /// A wrong answer costs work.
    #[default]
    Medium,
    /// A wrong answer costs money or trust.
    High,
    /// A wrong answer must not happen.
    Critical,
}

impl RiskLevel {
    /// The confidence that a result needs, in 0..=1, before it counts as done.
    #[must_use]
    pub fn threshold(self) -> f64 {
        match self {
            Self::Low => 0.5,
            Self::Medium => 0.6,
            Self::High => 0.75,
            Self::Critical => 0.85,
        }
    }
}

/// How far the word of a source is believed.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum TrustLevel {
    /// Text from outside: files, web pages, other people's tools. It is data, never instructions.
    Untrusted,
    /// Built by us or vetted by the operator, working on data from outside.
    Vetted,
    /// The binary itself and what the operator wrote.
    Trusted,
}

/// What an agent or a model is asked to be.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LlmRole {
    /// Turns an intent into a plan.
    Planner,
    /// Does one step's work.
    Executor,
    /// Judges the outputs of other steps against their evidence.
    Verifier,
    /// Reads the journal for patterns.
    Auditor,
    /// Makes one answer of several outputs.
    Synthesizer,
}

/// What happens when a call is made twice.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EffectClass {
    /// Changes nothing; repeating it costs only the work.
    Pure,
    /// Changes something, and a second time changes nothing more.
    Idempotent,
    /// Changes something each time: made at most once, and *unknown* when its end was not seen.
    Effectful,
}

/// Where a workflow stands.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WorkflowState {
    /// Its planning step runs, or the intent judges what came of it.
    #[default]
    Planning,
    /// Steps run, or are about to.
    Running,
    /// What runs is finished; nothing starts until someone resumes it.
    Paused,
    /// It waits for a human.
    Escalated,
    /// Someone cancelled it; what was in flight is being settled.
    Cancelling,
    /// Done, with a result above the threshold of its risk.
    Completed,
    /// Ended without a result.
    Failed,
    /// Ended by whoever cancelled it.
    Cancelled,
}

impl WorkflowState {
    /// Whether nothing can happen any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}
