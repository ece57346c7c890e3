//! Where a workflow stands, and what it brought.

use super::{dollars, duration, line, number, rows, tame, text};
use crate::cli::{CANCELLED, COMPLETED, ERROR, ESCALATED, FAILED};
use serde_json::Value;

/// The exit code for how a workflow stands.
pub(crate) fn exit_code(view: &Value) -> u8 {
    match text(view, "state").as_str() {
        "completed" => COMPLETED,
        "failed" => FAILED,
        "escalated" => ESCALATED,
        "cancelled" => CANCELLED,
        _ => ERROR,
    }
}

/// Whether nothing more happens by itself.
pub(crate) fn is_settled(view: &Value) -> bool {
    exit_code(view) != ERROR
}

/// The result, or why there is none, and what it took.
pub(crate) fn result(view: &Value) {
    let id = text(view, "id");
    if let Some(result) = view.get("result").filter(|r| !r.is_null()) {
        line("");
        match result.get("text").and_then(Value::as_str) {
            Some(answer) => line(&tame(answer)),
            None => match result.get("value").filter(|v| !v.is_null()) {
                Some(value) => line(&format!("{value:#}")),
                None => line("(the result was erased)"),
            },
        }
        line("");
        confidence(result);
    }
    let failure = text(view, "failure");
    if !failure.is_empty() {
        line(&format!("\n{}: {}", text(view, "state"), tame(&failure)));
    }
    super::questions(view);
    let tokens = view.get("tokens").cloned().unwrap_or_default();
    line(&format!(
        "took        {}, {} of {}, {} tokens in and {} out",
        duration(number(view, "duration_ms")),
        dollars(view.pointer("/budget/spent_microusd").and_then(Value::as_u64).unwrap_or(0)),
        dollars(view.pointer("/budget/granted_microusd").and_then(Value::as_u64).unwrap_or(0)),
        number(&tokens, "input"),
        number(&tokens, "output"),
    ));
    line(&format!("workflow    {id} ({})", text(view, "state")));
    line(&format!("why         autoos why {id}"));
    line(&format!("audit       autoos audit show {id}"));
}

fn confidence(result: &Value) {
    let Some(confidence) = result.get("confidence").and_then(Value::as_f64) else {
        line("confidence  not measured: the result is a tool's own output");
        return;
    };
    line(&format!("confidence  {confidence:.2}"));
    let Some(checked) = result.get("verification").filter(|v| !v.is_null()) else { return };
    if let Some(summary) = checked.get("summary").and_then(Value::as_str) {
        line(&format!("verified    {summary}"));
    }
    for ingredient in rows(checked, "recipe") {
        line(&format!(
            "            {} {:.2} (weight {:.2})",
            text(ingredient, "name"),
            ingredient.get("value").and_then(Value::as_f64).unwrap_or(0.0),
            ingredient.get("weight").and_then(Value::as_f64).unwrap_or(0.0),
        ));
    }
    super::question::unsupported(result, "");
}
