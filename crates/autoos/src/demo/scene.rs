//! What a scene is made of.

use super::{seen::Seen, vendor::Vendor};
use autoos_runtime::Answer;
use serde_json::{Value, json};

/// A scene.
pub(super) struct Scene {
    /// Its title.
    pub(super) title: &'static str,
    /// What goes wrong, before it does.
    pub(super) tells: &'static str,
    /// Who is there.
    pub(super) vendors: Vec<Vendor>,
    /// What is asked.
    pub(super) intent: &'static str,
    /// How it is worked, where no planner says so.
    pub(super) plan: Option<Value>,
    /// What comes with it, by name.
    pub(super) contexts: Value,
    /// What it may cost, in dollars.
    pub(super) budget_usd: f64,
    /// What the human answers who is asked, and why.
    pub(super) human: Option<(Answer, &'static str)>,
    /// What must have happened: a sentence about it, or what is missing.
    pub(super) shows: fn(&Seen) -> Result<String, String>,
}

/// What the scenes ask about.
pub(super) const FIGURES: &str = "In March 1204 orders came in and 17 were returned.";

impl Scene {
    /// A scene with one question that is asked of the vendors there.
    pub(super) fn question(
        title: &'static str,
        tells: &'static str,
        vendors: Vec<Vendor>,
        shows: fn(&Seen) -> Result<String, String>,
    ) -> Self {
        let ask = json!({"ask": {
            "role": "executor",
            "instruction": "How many orders came in in March, and how many were returned?",
        }});
        let step = json!({
            "id": "answer", "title": "answer from the notes", "work": ask,
            "inputs": {"notes": {"context": "notes"}},
            "limits": {"timeout_ms": 20_000, "prompt_tokens": 2_000, "output_tokens": 500},
            "retry": {"attempts": 4, "base_ms": 200, "cap_ms": 1_000},
        });
        Self {
            title,
            tells,
            vendors,
            intent: "How many orders came in in March?",
            plan: Some(json!({"name": "orders", "result": "answer", "steps": [step]})),
            contexts: json!({ "notes": FIGURES }),
            budget_usd: 1.0,
            human: None,
            shows,
        }
    }
}
