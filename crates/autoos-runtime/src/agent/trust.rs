//! What an answer is worth: checked against its evidence, with the recipe kept.

use serde_json::Value;

/// A confidence and how it came about.
pub(crate) struct Trust {
    /// In 0..=1.
    pub(crate) confidence: f64,
    /// The recipe and what was found unsupported, for the journal.
    pub(crate) document: Value,
}

/// Placeholder until the grounding check is wired.
pub(super) fn assess(
    answer: &str,
    asked: &str,
    evidence: &serde_json::Map<String, Value>,
    verdicts: &serde_json::Map<String, Value>,
) -> Trust {
    let _ = (answer, asked, evidence, verdicts);
    Trust { confidence: 0.9, document: Value::Null }
}

/// What a verdict is worth: the verifier's own word.
pub(super) fn of_verdict(verdict: &autoos_fabric::Verdict) -> Trust {
    let document = serde_json::json!({
        "method": verdict.method,
        "problems": verdict.problems,
        "recipe": [{ "name": "verifier", "weight": 1.0, "value": verdict.confidence }],
    });
    Trust { confidence: verdict.confidence, document }
}
