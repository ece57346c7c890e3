//! What the built-in engine says when it declines.

use serde_json::{Value, json};

/// The need of a language model, and how to have one.
pub(super) const MODEL: &str = "a language model: set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, or configure an OpenAI-compatible server, and run it again";

/// How a part of an intent is pointed at: by its first two words. Reasons stay in events, which
/// outlive the intent's text when a workflow is erased.
pub(super) fn gist(text: &str) -> String {
    let mut words = text.split_whitespace();
    let first: Vec<&str> = words.by_ref().take(2).collect();
    let rest = if words.next().is_some() { " …" } else { "" };
    format!("{}{rest}", first.join(" "))
}

/// Why nothing was planned or done, and what would change that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unable {
    /// In a sentence.
    pub(super) reason: String,
    /// Each thing that is missing, and how to give it.
    pub(super) needs: Vec<String>,
}

impl Unable {
    pub(super) fn new<S: Into<String>>(
        reason: impl Into<String>,
        needs: impl IntoIterator<Item = S>,
    ) -> Self {
        Self { reason: reason.into(), needs: needs.into_iter().map(Into::into).collect() }
    }

    /// As the planner's answer.
    pub(super) fn to_value(&self) -> Value {
        json!({"unable": {"reason": self.reason, "needs": self.needs}})
    }

    /// In a line, for a failure.
    pub(super) fn to_line(&self) -> String {
        format!("{}; it would need {}", self.reason, self.needs.join(", or "))
    }
}
