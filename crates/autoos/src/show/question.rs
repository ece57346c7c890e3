//! A question to a human: what failed, what was tried, what can be answered, and what happens
//! without an answer.

use super::{line, number, rows, tame, text, wrap::labelled};
use serde_json::Value;

/// A question in one line, for lists.
pub(crate) fn brief(question: &Value) -> String {
    let detail = tame(&text(question, "detail"));
    let mut first: String = detail.lines().next().unwrap_or_default().chars().take(100).collect();
    if first.chars().count() < detail.chars().count() {
        first.push('…');
    }
    format!(
        "question {}, step {} ({}): {first}",
        text(question, "number"),
        text(question, "step"),
        text(question, "exit"),
    )
}

/// Every open question of a workflow, whole.
pub(crate) fn questions(view: &Value) {
    let all = rows(view, "escalations");
    let open: Vec<&Value> = all.iter().filter(|q| q["open"] == Value::Bool(true)).collect();
    for question in &open {
        whole(view, question, open.len() > 1);
    }
}

fn whole(view: &Value, question: &Value, several: bool) {
    let (id, step) = (text(view, "id"), text(question, "step"));
    line(&format!("\na human is asked: question {} of {id}", text(question, "number")));
    let detail = tame(&text(question, "detail"));
    // Who cannot do something says what it would need in a paragraph of its own.
    let (happened, needed) = detail.split_once("Needed:").unwrap_or((&detail, ""));
    let exit = text(question, "exit");
    labelled("  what failed     ", &format!("step {step} ({exit}): {}", happened.trim()));
    if !needed.is_empty() {
        labelled("  what it needs   ", needed);
    }
    tried(view, &step);
    if let Some(proposed) = question.get("proposed").filter(|p| !p.is_null()) {
        let answer = proposed.as_str().map_or_else(|| format!("{proposed:#}"), str::to_owned);
        line("  the answer that was not sure enough:\n");
        line(&tame(&answer));
        line("");
    }
    unsupported(question, "  ");
    line("  you can answer");
    for answer in rows(question, "answers").iter().filter_map(Value::as_str) {
        let number = match several {
            true => format!(" --number {}", text(question, "number")),
            false => String::new(),
        };
        let (given, does) = meaning(answer, &step);
        line(&format!("    autoos escalation resolve {id} {given}{number}"));
        line(&format!("      {does}"));
    }
    let default = text(question, "default");
    let (_, does) = meaning(&default, &step);
    labelled(
        "  otherwise       ",
        &format!("at {} the answer is {default}: {does}", text(question, "due")),
    );
}

/// What an answer needs, and what it does.
fn meaning(answer: &str, step: &str) -> (String, String) {
    let does = match answer {
        "approve" => "takes that answer as it is".to_owned(),
        "edit" if autoos_kernel::workflow::is_planning(step) => {
            return ("edit --file PLAN.toml".into(), "runs this plan; it is checked first".into());
        }
        "edit" => {
            let does = format!("takes this as the output of step {step}: JSON, or text");
            return ("edit --file FILE".into(), does);
        }
        "retry" => "tries the step again from the first rung".to_owned(),
        "raise" => {
            let does = "lets it spend so many dollars more, and tries the step again".to_owned();
            return ("raise --budget USD".into(), does);
        }
        "skip" => format!("goes on without step {step}"),
        "abandon" => "gives the workflow up: it fails".to_owned(),
        other => format!("decides: {other}"),
    };
    (answer.to_owned(), does)
}

/// The attempts at a step, the last ones where there were many.
fn tried(view: &Value, step: &str) {
    const SHOWN: usize = 6;
    let found = rows(view, "steps").iter().find(|found| text(found, "id") == step);
    let attempts = found.map_or(&[][..], |found| rows(found, "attempts"));
    let first = attempts.len().saturating_sub(SHOWN);
    let mut label = "  what was tried  ";
    if first > 0 {
        labelled(label, &format!("… {first} earlier attempts"));
        label = "                  ";
    }
    for attempt in &attempts[first..] {
        let who = match text(attempt, "model") {
            model if model.is_empty() => found.map(|step| text(step, "tool")).unwrap_or_default(),
            model => model,
        };
        let exit = match text(attempt, "exit") {
            exit if exit.is_empty() => "answered".to_owned(),
            exit => exit,
        };
        let detail = tame(&text(attempt, "detail"));
        let brief: String = detail.chars().take(160).collect();
        // The last one's is what failed, said above.
        let said = if std::ptr::eq(attempt, &attempts[attempts.len() - 1]) {
            String::new()
        } else {
            format!(": {brief}")
        };
        labelled(label, &format!("attempt {} by {who}, {exit}{said}", number(attempt, "attempt")));
        label = "                  ";
    }
}

/// What an answer says that its evidence does not.
pub(super) fn unsupported(holder: &Value, indent: &str) {
    let Some(checked) = holder.get("verification").filter(|v| !v.is_null()) else { return };
    for claim in rows(checked, "unsupported").iter().filter_map(Value::as_str).take(10) {
        labelled(&format!("{indent}unsupported "), &tame(claim));
    }
}
