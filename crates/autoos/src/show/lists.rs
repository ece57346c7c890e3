//! Lists: workflows, events, questions, keys, lessons, tools.

use super::{dollars, line, number, rows, tame, text};
use serde_json::Value;

pub(crate) fn workflows(page: &Value) {
    let all = rows(page, "items");
    for row in all {
        line(&format!(
            "{}  {:<10} {}  {:>9}  {}",
            text(row, "id"),
            text(row, "state"),
            text(row, "created"),
            dollars(number(row, "cost_microusd")),
            tame(text(row, "intent").lines().next().unwrap_or_default()),
        ));
    }
    if all.is_empty() {
        line("no workflows");
    }
    more(page, "autoos workflow list");
}

pub(crate) fn escalations(open: &Value) {
    let all = rows(open, "items");
    for row in all {
        line(&format!("{}  {}", text(row, "workflow"), super::brief(row)));
    }
    if all.is_empty() {
        return line("nobody waits for an answer");
    }
    line("autoos escalation show ID shows a question whole, and how to answer it");
    more(open, "autoos escalation list");
}

/// How to see the rest of a list.
pub(super) fn more(page: &Value, command: &str) {
    let next = text(page, "next");
    if !next.is_empty() {
        line(&format!("more with the same filters: {command} --page {next}"));
    }
    if page.get("complete") == Some(&Value::Bool(false)) {
        line("the list is not whole yet: the node is still reading its journal");
    }
}

pub(crate) fn plan(planned: &Value) {
    let Some(plan) = planned.get("plan") else { return };
    line(&format!("plan      {}", text(plan, "name")));
    for goal in rows(plan, "goals") {
        line(&format!("goal      {}: {}", text(goal, "id"), tame(&text(goal, "statement"))));
    }
    for step in rows(plan, "steps") {
        let work = step.get("work").cloned().unwrap_or_default();
        line(&format!("  · {:<18} {}", text(step, "id"), tame(&text(step, "title"))));
        line(&format!("    {work}"));
    }
    let worst = number(planned, "worst_case_microusd");
    line(&format!("at most   {} (nothing was spent)", dollars(worst)));
}

pub(crate) fn tools(specs: &[Value]) {
    for spec in specs {
        line(&format!(
            "{:<16} {:<11} {:<10} {}",
            text(spec, "name"),
            text(spec, "effect"),
            text(spec, "trust"),
            text(spec, "description"),
        ));
    }
}

pub(crate) fn lessons(all: &Value) {
    let lessons = rows(all, "lessons");
    for lesson in lessons {
        let state = match lesson.get("reverted").filter(|reverted| reverted.is_object()) {
            Some(reverted) => format!("reverted by {}", text(reverted, "by")),
            None => "in force".to_owned(),
        };
        line(&format!(
            "{:>3}  {}  {state:<10}  {}",
            number(lesson, "number"),
            text(lesson, "learned"),
            tame(&text(lesson, "sentence")),
        ));
    }
    if lessons.is_empty() {
        line("nothing was learned yet");
    }
}

pub(crate) fn keys(all: &Value) {
    for row in rows(all, "keys") {
        let state = if row.get("revoked").is_some_and(|r| !r.is_null() && r != &Value::Bool(false))
        {
            "revoked"
        } else {
            "active"
        };
        line(&format!(
            "{}  {:<8} {:<12} {}",
            text(row, "id"),
            state,
            text(row, "tenant"),
            text(row, "name")
        ));
    }
}

pub(crate) fn new_key(answer: &Value) {
    line(&format!("id   {}", text(answer, "id")));
    line(&format!("key  {}", text(answer, "secret")));
    line("It is shown only now. From now on every request needs a key.");
}
