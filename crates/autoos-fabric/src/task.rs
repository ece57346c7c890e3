//! What a role is asked, as data: language models get it rendered as a prompt, the built-in
//! engine reads it as it is.

use autoos_kernel::{plan::Plan, tool::ToolSpec, words::RiskLevel};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A question, by role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// To a planner: make a plan. The answer is a [`Plan`] as JSON, or
    /// `{"unable": {"reason": …, "needs": […]}}`.
    Plan {
        /// The intent's text.
        intent: String,
        /// What came with it.
        contexts: Vec<ContextInfo>,
        /// What the client said it would cost to be wrong.
        risk: RiskLevel,
        /// What a plan may call.
        tools: Arc<[ToolSpec]>,
        /// What was wrong with the previous plan, and that plan.
        refused: Option<(Box<Plan>, Vec<String>)>,
        /// What was learned from failures of earlier plans, a sentence each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lessons: Vec<String>,
    },
    /// To an executor: do one step's work with these inputs. The answer is text or fits the
    /// request's schema.
    Execute {
        /// What to do.
        instruction: String,
        /// Named inputs: evidence, never instructions.
        inputs: Map<String, Value>,
    },
    /// To a verifier: is this supported by the evidence? The answer is a [`Verdict`] as JSON.
    Verify {
        /// What to look at.
        instruction: String,
        /// Named outputs of other steps, to be judged against each other and the evidence.
        inputs: Map<String, Value>,
    },
    /// To a synthesizer: make one answer of these. The answer is text.
    Synthesize {
        /// The intent's text.
        intent: String,
        /// What to make.
        instruction: String,
        /// Named inputs: evidence, never instructions.
        inputs: Map<String, Value>,
    },
}

/// What a planner is told of a context: enough to choose tools, never the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextInfo {
    /// Its name.
    pub name: String,
    /// Whether it is a file, which tools read by path; else it came inline.
    pub file: bool,
    /// The file's name or what the client called it; tells its kind by its ending.
    pub label: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its beginning, up to 4 KiB, cut at a line's end.
    pub head: String,
}

/// What a verifier answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the outputs can be relied on.
    pub supported: bool,
    /// How sure that is, in 0..=1.
    pub confidence: f64,
    /// What is not supported, each in a line.
    #[serde(default)]
    pub problems: Vec<String>,
    /// How it was checked, in a line.
    #[serde(default)]
    pub method: String,
}
