//! The script: rules, tried in order; what none of them answers, the six-step example does.
//!
//! A script is a TOML or JSON file, named by `script` of a provider of the kind `scripted`. One
//! configuration may have several such providers, each with its own vendor, models, prices,
//! script and ledger. A rule says what it looks at and what it answers:
//!
//! ```toml
//! [[rule]]                      # whoever asks for the sales draft first is lied to
//! role = "executor"
//! contains = "sales"
//! times = 1
//! answer = { text = "Sales were 1204 EUR.", lie = true }
//!
//! [[rule]]                      # each fifth call breaks after two of eight pieces
//! every = 5
//! answer = { example = true, pieces = 8, cut_after = 2 }
//!
//! [[rule]]                      # the verifier is slow, but alive
//! role = "verifier"
//! answer = { example = true, pieces = 60, piece_ms = 1000 }
//! ```
//!
//! | field of `answer` | what happens |
//! |---|---|
//! | `text`, `value`, `example`, `tool_calls` | what is answered |
//! | `lie`, `keep`, `bytes` | a figure is changed; the rest is cut off; the text is repeated |
//! | `delay_ms`, `pieces`, `piece_ms` | when it comes, and in how many pieces |
//! | `hang`, `hang_after`, `cut_after`, `panic` | it never comes, stops, breaks, crashes |
//! | `fail`, `retry_after_ms` | it fails like this instead |
//! | `usage`, `cost_microusd` | what it is charged at, beyond all bounds if it says so |

use crate::{FailureClass, Request, Task, ToolCall, Usage};
use autoos_kernel::words::LlmRole;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// A script. Without rules, every request gets the example's answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// Tried in this order.
    #[serde(rename = "rule")]
    pub rules: Vec<Rule>,
}

/// What is answered, and to what. A rule that asks for nothing matches everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Only in this role.
    pub role: Option<LlmRole>,
    /// Only this model, by id.
    pub model: Option<String>,
    /// Only when the intent (of a planner) or the instruction (of the others) contains this.
    pub contains: Option<String>,
    /// Only the n-th time, from 1, that this provider is asked this text in this role; counted
    /// from the start of the process.
    pub attempt: Option<u64>,
    /// Only when the inputs, as JSON, contain this.
    pub input_contains: Option<String>,
    /// Only the n-th call, from 1, that this provider gets in all.
    pub nth: Option<u64>,
    /// Only each n-th call that this provider gets in all.
    pub every: Option<u64>,
    /// Only when the request does, or does not, complain of the answer before.
    pub complaint: Option<bool>,
    /// Only so many times; then the rules after it are looked at.
    pub times: Option<u64>,
    /// The answer.
    pub answer: Answer,
}

/// An answer; one that says nothing is an empty text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// The answer as text; garbage is said like this.
    pub text: Option<String>,
    /// The answer as data.
    pub value: Option<Value>,
    /// Without `text` and `value`: the answer that the six-step example gives.
    pub example: bool,
    /// The last figure of the answer is another one.
    pub lie: bool,
    /// Only so many bytes of the answer come.
    pub keep: Option<usize>,
    /// The answer is repeated until it is so many bytes long.
    pub bytes: Option<usize>,
    /// Calls that the model asks for.
    pub tool_calls: Vec<ToolCall>,
    /// Milliseconds before it comes, or before it fails.
    pub delay_ms: Option<u64>,
    /// It comes in so many pieces; by default in one.
    pub pieces: u32,
    /// Milliseconds before each piece.
    pub piece_ms: u64,
    /// After so many pieces nothing more comes.
    pub hang_after: Option<u32>,
    /// After so many pieces the connection breaks.
    pub cut_after: Option<u32>,
    /// Fail like this instead.
    pub fail: Option<FailureClass>,
    /// With `fail`, the vendor's Retry-After.
    pub retry_after_ms: Option<u64>,
    /// Never answer.
    pub hang: bool,
    /// Crash the call.
    pub panic: bool,
    /// Tokens; by default an estimate.
    pub usage: Option<Usage>,
    /// Micro-dollars; by default the model's price for the tokens.
    pub cost_microusd: Option<u64>,
}

impl Answer {
    /// An answer as text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    /// An answer as data.
    #[must_use]
    pub fn value(value: Value) -> Self {
        Self { value: Some(value), ..Self::default() }
    }

    /// A failure.
    #[must_use]
    pub fn fail(class: FailureClass) -> Self {
        Self { fail: Some(class), ..Self::default() }
    }
}

impl Rule {
    /// In this role, answer this.
    #[must_use]
    pub fn role(role: LlmRole, answer: Answer) -> Self {
        Self { role: Some(role), answer, ..Self::default() }
    }

    /// Whether it looks at the answer's count of attempts.
    pub(super) fn counts_attempts(&self) -> bool {
        self.attempt.is_some()
    }

    /// `attempt` counts this text in this role, `call` all calls of the provider; both from 1.
    pub(super) fn matches(&self, request: &Request, text: &str, attempt: u64, call: u64) -> bool {
        self.role.is_none_or(|role| role == request.role)
            && self.model.as_ref().is_none_or(|model| *model == request.model)
            && self.contains.as_ref().is_none_or(|part| text.contains(part.as_str()))
            && self.attempt.is_none_or(|n| n == attempt)
            && self.nth.is_none_or(|n| n == call)
            && self.every.is_none_or(|n| n > 0 && call.is_multiple_of(n))
            && self.input_contains.as_ref().is_none_or(|part| has_input(&request.task, part))
            && self.complaint.is_none_or(|any| any == request.complaint.is_some())
    }
}

fn has_input(task: &Task, part: &str) -> bool {
    match task {
        Task::Plan { contexts, .. } => contexts.iter().any(|context| context.head.contains(part)),
        Task::Execute { inputs, .. }
        | Task::Verify { inputs, .. }
        | Task::Synthesize { inputs, .. } => {
            serde_json::to_string(inputs).is_ok_and(|text| text.contains(part))
        }
    }
}

impl Script {
    /// Reads a script, TOML or JSON by the file's ending.
    ///
    /// # Errors
    /// What is wrong with the file, and where.
    pub fn read(path: &Path) -> Result<Self, String> {
        let told = |e: &dyn std::fmt::Display| format!("script {}: {e}", path.display());
        let text = std::fs::read_to_string(path).map_err(|e| told(&e))?;
        if path.extension().is_some_and(|e| e == "json") {
            serde_json::from_str(&text).map_err(|e| told(&e))
        } else {
            toml::from_str(&text).map_err(|e| told(&e))
        }
    }
}
