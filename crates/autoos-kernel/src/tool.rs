//! What a plan may call, as the rules see it: the description of a tool, never the tool.

use crate::words::{EffectClass, TrustLevel};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The description of a tool that planners read and plans are checked against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// `area.verb`, for example `logs.analyze`.
    pub name: String,
    /// One or two sentences for whoever plans.
    pub description: String,
    /// JSON schema of the arguments; an object.
    pub arguments: Value,
    /// How far what it returns is believed.
    pub trust: TrustLevel,
    /// What a second call would do.
    pub effect: EffectClass,
    /// Whether it reads what it is given: `path` for a file, `text` for inline text.
    pub reads: bool,
    /// After so many milliseconds a call counts as hung.
    pub timeout_ms: u64,
}

/// The tools that exist, as far as a plan's check needs to know.
pub trait Catalog {
    /// The tool of that name.
    fn tool(&self, name: &str) -> Option<&ToolSpec>;

    /// Every tool, by name.
    fn tools(&self) -> Vec<&ToolSpec>;

    /// Whether `args` fit the tool's schema; the error says what does not and where.
    ///
    /// Arguments that only arrive with the run (a step's inputs) are named in `later` and are
    /// not missed.
    fn check_args(&self, name: &str, args: &Value, later: &[&str]) -> Result<(), String>;
}
