//! What a planner is told: the schema of plans, the rules, the tools, and one worked example.
//!
//! The schema is written out by hand, since planners read it; a test holds it against the
//! kernel's type.

use autoos_kernel::{tool::ToolSpec, words::RiskLevel};
use serde_json::Value;
use std::{fmt::Write, sync::LazyLock};

/// JSON schema of a plan, as planners are given it.
const PLAN: &str = include_str!("plan.schema.json");
/// JSON schema of a verdict.
const VERDICT: &str = include_str!("verdict.schema.json");
/// A plan that shows what most plans need.
pub(super) const EXAMPLE: &str = include_str!("plan.example.json");

/// [`PLAN`] as data.
pub(crate) static PLAN_SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(PLAN).expect("the schema of plans is JSON"));
/// [`VERDICT`] as data.
pub(crate) static VERDICT_SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(VERDICT).expect("the schema of verdicts is JSON"));

const RULES: &str = "\
You plan the work that meets an intent. You answer with one JSON document and nothing around it: \
a plan, or, when the tools and contexts cannot do it, {\"unable\": {\"reason\": \"…\", \"needs\": \
[\"…\"]}} with what you would need.

How plans work:
- A step calls a tool, asks a model in a role, or waits. Prefer a tool wherever one fits: tools \
count, search and read exactly, models do not.
- Steps that do not need each other run side by side. A step runs when every step that it takes \
inputs from, and every step in its \"after\", is over.
- \"reads\" gives a tool what it works on: a context by name, or the output of a step. Only tools \
that are said to read take it.
- \"inputs\" are named values: a tool gets them as arguments, a role as evidence. A source is \
{\"context\": name}, {\"step\": {\"id\": …, \"at\": JSON pointer}} or, in a step with \"each\", \
{\"item\": JSON pointer}.
- A context that is a file reaches a model only through a tool that reads it.
- What the result stands on is \"critical\", and every critical step is an input of a step with \
the role verifier.
- \"result\" names the step whose output is the answer: most often a synthesizer that takes the \
outputs and the verdict.
- Every goal is served by a step that names it.
- Use only the tools and contexts listed, with arguments that fit the tool's schema.
- Do what is asked and no more. Few steps are better than many.";

/// The system text of a planner.
pub(super) fn system() -> String {
    format!(
        "{RULES}\n\nThe JSON schema of a plan:\n{PLAN}\n\nAn example, for the intent \"Which \
         errors are in this log, and since when?\" with a context \"log\" (a file):\n{EXAMPLE}"
    )
}

/// The question to a planner, without its contexts.
pub(super) fn question(intent: &str, risk: RiskLevel, tools: &[ToolSpec]) -> String {
    let mut text = format!("The intent:\n{intent}\n\nWhat a wrong answer would cost: {risk}.\n\n");
    text.push_str("The tools:\n");
    if tools.is_empty() {
        text.push_str("none\n");
    }
    for tool in tools {
        let reads = if tool.reads { ", reads" } else { "" };
        writeln!(
            text,
            "- {} ({}{reads}): {} Arguments: {}",
            tool.name, tool.effect, tool.description, tool.arguments
        )
        .expect("a string takes what is written");
    }
    text.push_str("\nThe contexts that came with it follow as evidence; there are no others.");
    text
}
