//! Plans: what a planner writes, a person may write, and a workflow runs.
//!
//! A [`Plan`] is the whole document, texts and arguments included; it is stored as a body. Its
//! [`Outline`](outline::Outline) is what the workflow's machine decides by, and rides in events.
//! [`check`](check::check) stands between the two: nothing runs that was not checked.

pub mod check;
mod graph;
pub mod outline;
mod stakes;

use crate::{
    goal::{GoalGraph, ParsedIntent},
    words::LlmRole,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A revision of a workflow: typed steps and what they need, as a document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// A name for people, for example `weekly-report`.
    pub name: String,
    /// The version of a plan that is kept as a file; a running workflow keeps the one it has.
    #[serde(default = "one")]
    pub version: u32,
    /// How the intent was read.
    #[serde(default)]
    pub intent: ParsedIntent,
    /// What the steps are for.
    #[serde(default)]
    pub goals: GoalGraph,
    /// The steps, in any order.
    pub steps: Vec<WorkflowStep>,
    /// The step whose output is the result.
    pub result: String,
}

fn one() -> u32 {
    1
}

/// A node of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowStep {
    /// Unique in the plan; letters, digits, `-` and `_`.
    pub id: String,
    /// What the step does, in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The goal that it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// What is to be done.
    pub work: Work,
    /// Named inputs. A tool gets them as arguments, a role as evidence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Source>,
    /// Steps that must be over before this one, beyond those that it takes inputs from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// Run only when this holds; otherwise the step is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Run once for each element of this list; the outputs make a list in the same order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<Source>,
    /// Whether the result must not stand without it: a critical step is verified by another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub critical: bool,
    /// How a failed attempt is tried again.
    #[serde(default)]
    pub retry: RetryConfig,
    /// What the last rung before a human does.
    #[serde(default)]
    pub fallback: FallbackStrategy,
    /// Bounds; a step without bounds has no worst case and is not run.
    #[serde(default)]
    pub limits: Limits,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Work {
    /// Calls a tool.
    Tool {
        /// Its name in the registry.
        name: String,
        /// Arguments known when the plan was written; inputs are added when the step runs.
        #[serde(default)]
        args: Map<String, Value>,
        /// What the tool reads: becomes the argument `path` for a file, `text` for inline text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reads: Option<Source>,
    },
    /// Asks a model in a role.
    Ask {
        /// In which role.
        role: LlmRole,
        /// What it is asked.
        instruction: String,
        /// JSON schema that the answer must fit; none asks for text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schema: Option<Value>,
    },
    /// Waits, at no cost, across restarts.
    Wait {
        /// How long, in milliseconds from when the step became ready.
        ms: u64,
    },
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// The output of a step, or the part of it that a JSON pointer names.
    Step {
        /// The step.
        id: String,
        /// RFC 6901 pointer into its output; empty for all of it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        at: String,
    },
    /// What came with the intent under this name.
    Context(String),
    /// The element that a step with `each` is at, or the part that a JSON pointer names.
    Item(String),
}

/// A test on a value; a value that is not there fails every test but `exists = false`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What is tested.
    pub value: Source,
    /// How.
    pub is: Test,
}

/// How a value is tested. Numbers compare as numbers, everything else for equality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Test {
    /// Is there (and not null), or is not.
    Exists(bool),
    /// Equals.
    Equals(Value),
    /// Differs, or is not there.
    Differs(Value),
    /// Is a number above this one.
    Above(f64),
    /// Is a number below this one.
    Below(f64),
}

impl Test {
    /// Whether `value` passes.
    #[must_use]
    pub fn holds(&self, value: Option<&Value>) -> bool {
        let value = value.filter(|v| !v.is_null());
        let number = || value.and_then(Value::as_f64);
        match self {
            Self::Exists(wanted) => value.is_some() == *wanted,
            Self::Equals(other) => value.is_some_and(|v| same(v, other)),
            Self::Differs(other) => value.is_none_or(|v| !same(v, other)),
            Self::Above(bound) => number().is_some_and(|n| n > *bound),
            Self::Below(bound) => number().is_some_and(|n| n < *bound),
        }
    }
}

/// Equality that does not tell 1 from 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// How often a step is tried, and how long a retry on the first rung waits: exponential backoff
/// with full jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Attempts in all, over all models. One is kept for each model that was not tried yet, so
    /// that a stubborn model does not use up what another could do.
    pub attempts: u32,
    /// The first retry waits a random time up to this, the next up to twice that, and so on.
    pub base_ms: u64,
    /// No wait is longer, unless the vendor's Retry-After asks for it.
    pub cap_ms: u64,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { attempts: 4, base_ms: 200, cap_ms: 10_000 }
    }
}

/// What is done for a step when every attempt, agent and model has failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FallbackStrategy {
    /// A human is asked.
    #[default]
    Escalate,
    /// The step is skipped and those after it see that it is missing.
    Skip,
    /// The workflow fails.
    Fail,
}

/// The bounds of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// One attempt may take so long.
    pub timeout_ms: u64,
    /// A prompt may have so many tokens; longer evidence is cut, and said to be.
    pub prompt_tokens: u32,
    /// An answer may have so many tokens.
    pub output_tokens: u32,
    /// A step with `each` may have so many elements.
    pub items: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout_ms: 120_000, prompt_tokens: 8_000, output_tokens: 2_000, items: 100 }
    }
}
