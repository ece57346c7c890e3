//! Counts for dashboards: a pure fold of the journal. How they are written for Prometheus is the
//! gateway's.

use crate::{index::Seen, view::Tokens};
use autoos_kernel::{
    ladder::{Exit, Rung, is_doubt},
    time::Timestamp,
    words::WorkflowState,
    workflow::{Event, Purpose},
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// Upper bounds of [`Histogram`]'s buckets, in milliseconds; a last one without bound follows.
pub const BOUNDS_MS: [u64; 14] =
    [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 120_000, 600_000];

/// What is counted by: a word of the kernel's vocabularies.
pub type Word = Cow<'static, str>;

/// Counts since the journal began. All but [`Self::workflows`] only grow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Workflows by the state that they are in now.
    pub workflows: BTreeMap<Word, u64>,
    /// Workflows that were accepted.
    pub created: u64,
    /// Workflows that ended, by how.
    pub outcomes: BTreeMap<Word, u64>,
    /// From acceptance to end.
    pub workflow_ms: Histogram,
    /// Steps that were over.
    pub steps: u64,
    /// Attempts that began, by what they called: `model` or `tool`.
    pub attempts: BTreeMap<Word, u64>,
    /// Attempts that failed, by exit reason.
    pub failures: BTreeMap<Word, u64>,
    /// From an attempt's start to its recorded end, by what it called: `model` or `tool`.
    pub attempt_ms: BTreeMap<Word, Histogram>,
    /// Rungs that were climbed, by name; `escalate` counts the questions to humans.
    pub rungs: BTreeMap<Word, u64>,
    /// The same by name and exit reason, with a space between them.
    pub climbs: BTreeMap<Word, u64>,
    /// Verdicts on answers: `for`, `against`, `failed` when the reviewer brought none, and
    /// `nobody` when an answer counts without.
    pub reviews: BTreeMap<Word, u64>,
    /// Times that none of the models for a step could be asked.
    pub models_awaited: u64,
    /// Answers to those questions, by decision.
    pub resolved: BTreeMap<Word, u64>,
    /// Plans that were adopted and refused; `revised` counts those of the adopted that came after
    /// a first one.
    pub plans: BTreeMap<Word, u64>,
    /// What was spent, in micro-dollars.
    pub cost_microusd: u64,
    /// Tokens of all calls.
    pub tokens: Tokens,
}

/// A distribution of durations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

    fn merge(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
        self.sum_ms = self.sum_ms.saturating_add(other.sum_ms);
        self.count += other.count;
    }
}

fn called(model: Option<&str>) -> &'static str {
    if model.is_some() { "model" } else { "tool" }
}

fn count(counts: &mut BTreeMap<Word, u64>, word: &'static str, more: u64) {
    *counts.entry(Cow::Borrowed(word)).or_default() += more;
}

fn merge(counts: &mut BTreeMap<Word, u64>, more: &BTreeMap<Word, u64>) {
    for (word, count) in more {
        *counts.entry(word.clone()).or_default() += count;
    }
}

impl Metrics {
    /// Adds the counts of other workflows.
    pub(crate) fn merge(&mut self, other: &Self) {
        merge(&mut self.workflows, &other.workflows);
        self.created += other.created;
        merge(&mut self.outcomes, &other.outcomes);
        self.workflow_ms.merge(&other.workflow_ms);
        self.steps += other.steps;
        merge(&mut self.attempts, &other.attempts);
        merge(&mut self.failures, &other.failures);
        for (word, durations) in &other.attempt_ms {
            self.attempt_ms.entry(word.clone()).or_default().merge(durations);
        }
        merge(&mut self.rungs, &other.rungs);
        merge(&mut self.climbs, &other.climbs);
        merge(&mut self.reviews, &other.reviews);
        self.models_awaited += other.models_awaited;
        merge(&mut self.resolved, &other.resolved);
        merge(&mut self.plans, &other.plans);
        self.cost_microusd = self.cost_microusd.saturating_add(other.cost_microusd);
        self.tokens.add((other.tokens.input, other.tokens.output));
    }

    /// A workflow went from one state to another, or came to be.
    pub(crate) fn count_state(
        &mut self,
        before: Option<WorkflowState>,
        after: Option<WorkflowState>,
    ) {
        if before == after {
            return;
        }
        let word = |state: WorkflowState| -> &'static str { state.into() };
        if let Some(count) = before.and_then(|state| self.workflows.get_mut(word(state))) {
            *count -= 1;
        }
        if let Some(state) = after {
            count(&mut self.workflows, word(state), 1);
            if state.is_terminal() {
                count(&mut self.outcomes, word(state), 1);
            }
        }
    }

    /// Folds an event that was decided at `at`, of a workflow that was accepted at `created`.
    pub(crate) fn fold(&mut self, event: &Event, seen: &Seen, at: Timestamp, created: Timestamp) {
        self.steps += u64::from(seen.over);
        match event {
            Event::Created(_) => self.created += 1,
            Event::PlanAdopted { revision, .. } => {
                count(&mut self.plans, "adopted", 1);
                if *revision > 1 {
                    count(&mut self.plans, "revised", 1);
                }
            }
            Event::PlanRefused { .. } => count(&mut self.plans, "refused", 1),
            Event::AttemptStarted { model, .. } => {
                count(&mut self.attempts, called(model.as_deref()), 1);
            }
            Event::AttemptCompleted { cost, tokens, .. }
            | Event::AttemptAnswered { cost, tokens, .. } => {
                self.ended(seen, *cost, *tokens, at);
                self.reviewed(seen, None);
            }
            Event::AnswerTaken { .. } => count(&mut self.reviews, "nobody", 1),
            Event::ModelsAwaited { .. } => self.models_awaited += 1,
            Event::AttemptFailed { exit, cost, tokens, .. } => {
                *self.failures.entry(exit.to_string().into()).or_default() += 1;
                self.ended(seen, *cost, *tokens, at);
                self.reviewed(seen, Some(*exit));
            }
            Event::RungClimbed { rung, exit, .. } => self.climbed(*rung, *exit),
            Event::Escalated { exit, .. } => self.climbed(Rung::Escalate, *exit),
            Event::EscalationResolved { decision, .. } => {
                count(&mut self.resolved, decision.name(), 1);
            }
            Event::Completed { .. } | Event::Failed { .. } | Event::Cancelled { .. } => {
                self.workflow_ms.add(at.since_ms(created));
            }
            _ => {}
        }
    }

    fn climbed(&mut self, rung: Rung, exit: Exit) {
        count(&mut self.rungs, rung.into(), 1);
        *self.climbs.entry(format!("{rung} {exit}").into()).or_default() += 1;
    }

    /// Counts the end of an attempt that was to judge an answer.
    fn reviewed(&mut self, seen: &Seen, exit: Option<Exit>) {
        if seen.attempt.as_ref().is_none_or(|attempt| attempt.purpose != Purpose::Review) {
            return;
        }
        let verdict = match exit {
            None => "for",
            Some(exit) if is_doubt(exit) => "against",
            Some(_) => "failed",
        };
        count(&mut self.reviews, verdict, 1);
    }

    fn ended(&mut self, seen: &Seen, cost: u64, tokens: (u64, u64), at: Timestamp) {
        self.cost_microusd = self.cost_microusd.saturating_add(cost);
        self.tokens.add(tokens);
        if let Some(attempt) = &seen.attempt {
            let called = called(attempt.model.as_deref());
            let histogram = self.attempt_ms.entry(called.into()).or_default();
            histogram.add(at.since_ms(attempt.since));
        }
    }
}
