//! Counts for dashboards: a pure fold of the journal. How they are written for Prometheus is the
//! gateway's.

use crate::{index::Seen, view::Tokens};
use autoos_kernel::{time::Timestamp, words::WorkflowState, workflow::Event};
use serde::Serialize;
use std::collections::BTreeMap;

/// Upper bounds of [`Histogram`]'s buckets, in milliseconds; a last one without bound follows.
pub const BOUNDS_MS: [u64; 14] =
    [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 120_000, 600_000];

/// Counts since the journal began. All but [`Self::workflows`] only grow.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Workflows by the state that they are in now.
    pub workflows: BTreeMap<&'static str, u64>,
    /// Workflows that were accepted.
    pub created: u64,
    /// Workflows that ended, by how.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// From acceptance to end.
    pub workflow_ms: Histogram,
    /// Steps that were over.
    pub steps: u64,
    /// Attempts that began, by what they called: `model` or `tool`.
    pub attempts: BTreeMap<&'static str, u64>,
    /// Attempts that failed, by exit reason.
    pub failures: BTreeMap<String, u64>,
    /// From an attempt's start to its recorded end, by what it called: `model` or `tool`.
    pub attempt_ms: BTreeMap<&'static str, Histogram>,
    /// Rungs that were climbed, by name; `escalate` counts the questions to humans.
    pub rungs: BTreeMap<&'static str, u64>,
    /// Answers to those questions, by decision.
    pub resolved: BTreeMap<&'static str, u64>,
    /// Plans that were adopted and refused.
    pub plans: BTreeMap<&'static str, u64>,
    /// What was spent, in micro-dollars.
    pub cost_microusd: u64,
    /// Tokens of all calls.
    pub tokens: Tokens,
}

/// A distribution of durations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Histogram {
    /// How many fell into each bucket, not counting those below; one more than [`BOUNDS_MS`].
    pub buckets: [u64; BOUNDS_MS.len() + 1],
    /// All durations added up, in milliseconds.
    pub sum_ms: u64,
    /// How many there were.
    pub count: u64,
}

impl Histogram {
    fn add(&mut self, ms: u64) {
        let bucket = BOUNDS_MS.partition_point(|bound| *bound < ms);
        self.buckets[bucket] += 1;
        self.sum_ms = self.sum_ms.saturating_add(ms);
        self.count += 1;
    }
}

fn called(model: &Option<String>) -> &'static str {
    if model.is_some() { "model" } else { "tool" }
}

impl Metrics {
    /// A workflow went from one state to another, or came to be.
    pub(crate) fn count_state(
        &mut self,
        before: Option<WorkflowState>,
        after: Option<WorkflowState>,
    ) {
        if before == after {
            return;
        }
        if let Some(count) = before.and_then(|state| self.workflows.get_mut(state.into())) {
            *count -= 1;
        }
        if let Some(state) = after {
            *self.workflows.entry(state.into()).or_default() += 1;
            if state.is_terminal() {
                *self.outcomes.entry(state.into()).or_default() += 1;
            }
        }
    }

    /// Folds an event that was decided at `at`, of a workflow that was accepted at `created`.
    pub(crate) fn fold(&mut self, event: &Event, seen: &Seen, at: Timestamp, created: Timestamp) {
        self.steps += u64::from(seen.over);
        match event {
            Event::Created(_) => self.created += 1,
            Event::PlanAdopted { .. } => *self.plans.entry("adopted").or_default() += 1,
            Event::PlanRefused { .. } => *self.plans.entry("refused").or_default() += 1,
            Event::AttemptStarted { model, .. } => {
                *self.attempts.entry(called(model)).or_default() += 1;
            }
            Event::AttemptCompleted { cost, tokens, .. } => self.ended(seen, *cost, *tokens, at),
            Event::AttemptFailed { exit, cost, tokens, .. } => {
                *self.failures.entry(exit.to_string()).or_default() += 1;
                self.ended(seen, *cost, *tokens, at);
            }
            Event::RungClimbed { rung, .. } => *self.rungs.entry(rung.into()).or_default() += 1,
            Event::Escalated { .. } => *self.rungs.entry("escalate").or_default() += 1,
            Event::EscalationResolved { decision, .. } => {
                *self.resolved.entry(decision.name()).or_default() += 1;
            }
            Event::Completed { .. } | Event::Failed { .. } | Event::Cancelled { .. } => {
                self.workflow_ms.add(at.since_ms(created));
            }
            _ => {}
        }
    }

    fn ended(&mut self, seen: &Seen, cost: u64, tokens: (u64, u64), at: Timestamp) {
        self.cost_microusd = self.cost_microusd.saturating_add(cost);
        self.tokens.add(tokens);
        if let Some(attempt) = &seen.attempt {
            let histogram = self.attempt_ms.entry(called(&attempt.model)).or_default();
            histogram.add(at.since_ms(attempt.since));
        }
    }
}
