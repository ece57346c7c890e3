//! Progress: a line for each thing that happened, and on a terminal a spinner for what runs.

use super::{dollars, duration, line, number, rows, tame, text};
use crate::cli::Output;
use autoos_kernel::workflow::is_planning;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::{collections::BTreeSet, io::IsTerminal as _, time::Duration};

/// The display of one workflow.
pub(crate) struct Progress {
    quiet: bool,
    spinner: Option<ProgressBar>,
    running: BTreeSet<String>,
    planned: bool,
}

impl Progress {
    pub(crate) fn new(output: Output, intent: &str, workflow: &str) -> Self {
        let quiet = output == Output::Json;
        let spinner = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::default_spinner());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let progress = Self { quiet, spinner, running: BTreeSet::new(), planned: false };
        let first = tame(intent.lines().next().unwrap_or(""));
        progress.say(&format!("intent    {first}"));
        progress.say(&format!("workflow  {workflow}"));
        progress
    }

    /// A line that stays.
    pub(crate) fn say(&self, text: &str) {
        if self.quiet {
            return;
        }
        match &self.spinner {
            Some(bar) => bar.suspend(|| line(text)),
            None => line(text),
        }
    }

    /// Whether this change brings the plan, which is to be shown once.
    pub(crate) fn new_plan(&mut self, change: &Value) -> bool {
        let brings = match text(change, "kind").as_str() {
            "plan_adopted" => true,
            "created" => change.pointer("/data/plan").is_some_and(|plan| !plan.is_null()),
            _ => false,
        };
        brings && !self.quiet && !std::mem::replace(&mut self.planned, true)
    }

    /// The plan in force.
    pub(crate) fn plan(&self, view: &Value) {
        let worst = view.pointer("/plan/worst_case_microusd").and_then(Value::as_u64).unwrap_or(0);
        let steps: Vec<&Value> =
            rows(view, "steps").iter().filter(|s| !is_planning(&text(s, "id"))).collect();
        self.say(&format!("plan      {} steps, at most {}", steps.len(), dollars(worst)));
        for step in steps {
            let needs: Vec<String> =
                rows(step, "needs").iter().filter_map(|n| n.as_str().map(str::to_owned)).collect();
            let after = if needs.is_empty() || step.get("needs").is_none() {
                String::new()
            } else {
                format!("  (after {})", needs.join(", "))
            };
            let title = tame(&text(step, "title"));
            self.say(&format!("  · {:<18} {title}{after}", text(step, "id")));
        }
    }

    /// One change.
    pub(crate) fn change(&mut self, change: &Value) {
        let step = change.get("step").filter(|s| !s.is_null());
        let id = step.map(|s| text(s, "id")).unwrap_or_default();
        let what = tame(&text(change, "what"));
        match text(change, "kind").as_str() {
            "attempt_started" => {
                self.running.insert(id);
            }
            "attempt_answered" => {
                self.running.remove(&id);
                self.say(&format!("  … {id:<18} {}", brief(&what)));
            }
            "attempt_completed" | "timer_fired" | "answer_taken" => {
                self.running.remove(&id);
                let took = step.map(|s| number(s, "duration_ms")).unwrap_or(0);
                self.say(&format!(
                    "  ✓ {id:<18} {:>8}  {}",
                    duration(took),
                    step.map(done_by).unwrap_or_default()
                ));
            }
            "attempt_failed" => {
                self.running.remove(&id);
                self.say(&format!("  ✗ {id:<18} {}", brief(&what)));
            }
            "rung_climbed" | "step_skipped" | "plan_refused" | "step_failed" | "models_awaited"
            | "forked" => self.say(&format!("  ↻ {what}")),
            // The question itself is shown once all that happens by itself has happened.
            "escalated" => self.say(&format!("  ? a human is asked about step {id}")),
            "escalation_resolved" | "paused" | "resumed" | "cancel_requested" => {
                self.say(&format!("  · {what}"));
            }
            _ => {}
        }
        if let Some(bar) = &self.spinner {
            let running: Vec<&str> = self.running.iter().map(String::as_str).collect();
            let over = number(change, "steps_over");
            bar.set_message(format!(
                "{over}/{} steps, {} spent  {}",
                number(change, "steps"),
                dollars(number(change, "spent_microusd")),
                running.join(", ")
            ));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.spinner {
            bar.finish_and_clear();
        }
    }
}

/// The beginning of a long sentence: what a human is asked shows it whole.
fn brief(what: &str) -> String {
    const MOST: usize = 160;
    match what.char_indices().nth(MOST) {
        Some((cut, _)) => format!("{}…", what[..cut].trim_end()),
        None => what.to_owned(),
    }
}

/// Who did a step: the tool, or the model in its role.
pub(super) fn done_by(step: &Value) -> String {
    let parts = ["tool", "role", "model"].map(|name| text(step, name));
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether a change leaves the workflow waiting for a human. One before the last of `known` events
/// does not: what it waited for was answered.
pub(crate) fn waits_for_human(change: &Value, known: u64) -> bool {
    text(change, "state") == "escalated" && number(change, "seq") + 1 >= known
}
