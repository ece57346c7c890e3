//! The script: rules, tried in order; what none of them answers, the six-step example does.

use crate::{FailureClass, Request, ToolCall, Usage};
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
    /// Calls that the model asks for.
    pub tool_calls: Vec<ToolCall>,
    /// Milliseconds before it comes, or before it fails.
    pub delay_ms: Option<u64>,
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

    pub(super) fn matches(&self, request: &Request, text: &str, attempt: u64) -> bool {
        self.role.is_none_or(|role| role == request.role)
            && self.model.as_ref().is_none_or(|model| *model == request.model)
            && self.contains.as_ref().is_none_or(|part| text.contains(part.as_str()))
            && self.attempt.is_none_or(|n| n == attempt)
            && self.complaint.is_none_or(|any| any == request.complaint.is_some())
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
