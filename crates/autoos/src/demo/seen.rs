//! What a scene left in the journal, looked at for what it was to show.

use crate::show;
use serde_json::Value;

/// A workflow that was played.
pub(super) struct Seen {
    /// Where it stands.
    pub(super) view: Value,
    /// Every event of its own, in order: its kind and what it says.
    pub(super) events: Vec<(String, Value)>,
    /// What the checks found in answers that did not stand, in their order.
    pub(super) found: Vec<String>,
    /// The lessons in force, a sentence each.
    pub(super) lessons: Vec<String>,
    /// What was written to the report, where there is one.
    pub(super) report: String,
}

impl Seen {
    /// The events of a kind.
    pub(super) fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |(k, _)| k == kind).map(|(_, said)| said)
    }

    /// The rungs that were climbed, in order.
    pub(super) fn rungs(&self) -> Vec<String> {
        let climbed = self.of("rung_climbed").map(|climb| show::text(climb, "rung"));
        let asked = self.of("escalated").map(|_| "escalate".to_owned());
        climbed.chain(asked).collect()
    }

    /// Whether it ended well.
    pub(super) fn completed(&self) -> Result<(), String> {
        match show::text(&self.view, "state").as_str() {
            "completed" => Ok(()),
            state => Err(format!("it is {state}")),
        }
    }

    /// Whether it ended well and climbed exactly these rungs.
    pub(super) fn climbed(&self, rungs: &[&str]) -> Result<(), String> {
        self.completed()?;
        if self.rungs() == rungs {
            return Ok(());
        }
        Err(format!("it climbed {:?} and not {rungs:?}", self.rungs()))
    }

    /// Who gave the answer of a step that was taken.
    pub(super) fn author(&self, step: &str) -> String {
        let answers = self.of("attempt_started").filter(|started| {
            show::text(started, "step") == step && show::text(started, "purpose").is_empty()
        });
        answers.last().map(|started| show::text(started, "model")).unwrap_or_default()
    }

    /// Who made sure of a step's answer in the end.
    pub(super) fn reviewer(&self, step: &str) -> String {
        let reviews = self.of("attempt_started").filter(|started| {
            show::text(started, "step") == step && show::text(started, "purpose") == "review"
        });
        reviews.last().map(|started| show::text(started, "model")).unwrap_or_default()
    }

    /// The confidence of a step's answer that was taken.
    pub(super) fn confidence(&self, step: &str) -> f64 {
        let done = self.of("attempt_completed").filter(|done| show::text(done, "step") == step);
        let confidence = done.last().and_then(|done| done.pointer("/output/confidence")?.as_f64());
        confidence.unwrap_or_default()
    }

    /// An amount of the workflow's budget, in micro-dollars.
    pub(super) fn money(&self, name: &str) -> u64 {
        self.view.get("budget").map_or(0, |budget| show::number(budget, name))
    }
}
