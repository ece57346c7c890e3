//! Intents as they are read, and the goals that meet them.

use crate::words::RiskLevel;
use serde::{Deserialize, Serialize};

/// The structured reading of an intent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParsedIntent {
    /// What is asked for, in one line.
    pub summary: String,
    /// The kind of work, for example `logs.errors`; routing and lessons go by it.
    pub task_kind: String,
    /// Names of the contexts that the intent speaks of.
    #[serde(default)]
    pub contexts: Vec<String>,
    /// What a wrong answer would cost, where that is more than the client stated: a planner may
    /// only raise it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskLevel>,
}

/// One thing that must be true in the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoalNode {
    /// Unique in its graph.
    pub id: String,
    /// What must be true, in one line.
    pub statement: String,
    /// Goals that must be met before this one can be.
    #[serde(default)]
    pub after: Vec<String>,
}

/// The goals that, once met, meet the intent: a DAG, in any order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GoalGraph(pub Vec<GoalNode>);
