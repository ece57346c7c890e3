//! Outcomes of one model and kind of task, added up: what the journal keeps of them.
//!
//! Bounded however many calls there were: counts, sketches, and the order of good and bad ends
//! as run lengths, since reliability depends on it.

use super::{Judgement, Outcome, Sketch};
use crate::{FailureClass, TaskKind};
use autoos_kernel::codec::Recorded;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

/// Runs that are told apart; beyond, order is lost and counts are not.
const RUNS: usize = 64;
/// Steps in which a confidence is kept.
const STEPS: f64 = 40.0;

/// What becomes true of models. The journal keeps these for ever: they are only added to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// Calls ended, and answers were judged, since the event before.
    Observed {
        /// For each model and kind of task that is concerned.
        tallies: Vec<Tally>,
    },
}

impl Recorded for Event {
    fn kind(&self) -> &'static str {
        self.into()
    }
}

/// Outcomes of one model and kind of task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// The model.
    pub model: String,
    /// The kind of task.
    pub kind: TaskKind,
    /// Calls that ended.
    #[serde(default)]
    pub calls: u32,
    /// Good and bad ends in their order.
    #[serde(default)]
    pub runs: Runs,
    /// Failures by class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<(FailureClass, u32)>,
    /// Micro-dollars.
    #[serde(default)]
    pub cost_microusd: u64,
    /// To the first sign of life.
    #[serde(default)]
    pub first: Sketch,
    /// The longest silences.
    #[serde(default)]
    pub gap: Sketch,
    /// To the end of answers.
    #[serde(default)]
    pub total: Sketch,
    /// Answers that were judged, by how sure they were taken to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<Judged>,
}

/// Judged answers of about one confidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The confidence in fortieths.
    pub step: u8,
    /// How many were right.
    pub right: u32,
    /// How many were wrong.
    pub wrong: u32,
}

impl Judged {
    /// The confidence, in 0..=1.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        (f64::from(self.step) / STEPS).min(1.0)
    }

    /// Adds this to what else was judged.
    fn add_to(self, all: &mut Vec<Self>) {
        match all.iter_mut().find(|known| known.step == self.step) {
            None => all.push(self),
            Some(known) => {
                known.right = known.right.saturating_add(self.right);
                known.wrong = known.wrong.saturating_add(self.wrong);
            }
        }
    }
}

/// Run lengths: good, bad, good, and so on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Runs(Vec<u32>);

impl Runs {
    fn push(&mut self, good: bool, times: u32) {
        let wanted = usize::from(!good);
        if times == 0 {
            return;
        }
        if self.0.len() % 2 == wanted && self.0.len() < RUNS {
            // The last run is of the other sort, or there is none.
            self.0.push(times);
        } else if self.0.is_empty() {
            self.0.extend([0, times]);
        } else {
            let last = self.0.len() - 1;
            let at = if last % 2 == wanted { last } else { last - 1 };
            self.0[at] = self.0[at].saturating_add(times);
        }
    }

    /// Good and then bad ends, pair by pair.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.0.chunks(2).map(|pair| (pair[0], pair.get(1).copied().unwrap_or(0)))
    }

    /// How many were good, and how many bad.
    pub(super) fn totals(&self) -> (u32, u32) {
        self.pairs().fold((0, 0), |(g, b), (good, bad)| {
            (u32::saturating_add(g, good), u32::saturating_add(b, bad))
        })
    }
}

/// What a failure says about the model's reliability, if anything: a limit is the provider's way
/// to say when, a bad request is ours, and what a model declines honestly it did not break.
fn blames(class: FailureClass) -> bool {
    use FailureClass as C;
    match class {
        C::Auth
        | C::Server
        | C::Timeout
        | C::Network
        | C::Malformed
        | C::Unavailable
        | C::Crashed => true,
        C::RateLimit | C::BadRequest | C::Unable | C::Invalid | C::Denied => false,
    }
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn new(model: &str, kind: TaskKind) -> Self {
        Self {
            model: model.to_owned(),
            kind,
            calls: 0,
            runs: Runs::default(),
            errors: Vec::new(),
            cost_microusd: 0,
            first: Sketch::default(),
            gap: Sketch::default(),
            total: Sketch::default(),
            judged: Vec::new(),
        }
    }

    /// Counts a call in.
    pub fn saw(&mut self, outcome: &Outcome<'_>) {
        self.calls = self.calls.saturating_add(1);
        self.cost_microusd = self.cost_microusd.saturating_add(outcome.cost_microusd);
        if let Some(ms) = outcome.first_ms {
            self.first.add(ms);
        }
        if let Some(ms) = outcome.gap_ms {
            self.gap.add(ms);
        }
        match outcome.failure {
            None => {
                self.runs.push(true, 1);
                self.total.add(outcome.total_ms);
            }
            Some(class) => {
                if blames(class) {
                    self.runs.push(false, 1);
                }
                count(&mut self.errors, class, 1);
            }
        }
    }

    /// Counts a judgement in; a confidence that is none counts as 0.
    pub fn judged(&mut self, judgement: &Judgement) {
        let (right, wrong) = (u32::from(judgement.right), u32::from(!judgement.right));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let step = (judgement.confidence.clamp(0.0, 1.0) * STEPS).round() as u8;
        Judged { step, right, wrong }.add_to(&mut self.judged);
    }

    /// Adds what came later.
    pub(super) fn then(&mut self, later: Self) {
        self.calls = self.calls.saturating_add(later.calls);
        self.cost_microusd = self.cost_microusd.saturating_add(later.cost_microusd);
        for (good, bad) in later.runs.pairs() {
            self.runs.push(true, good);
            self.runs.push(false, bad);
        }
        later.errors.into_iter().for_each(|(class, n)| count(&mut self.errors, class, n));
        self.first.merge(&later.first);
        self.gap.merge(&later.gap);
        self.total.merge(&later.total);
        later.judged.into_iter().for_each(|judged| judged.add_to(&mut self.judged));
    }
}

fn count(errors: &mut Vec<(FailureClass, u32)>, class: FailureClass, times: u32) {
    match errors.iter_mut().find(|(known, _)| *known == class) {
        Some((_, sum)) => *sum = sum.saturating_add(times),
        None => errors.push((class, times)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_keep_their_order_and_never_lose_a_count() {
        let mut runs = Runs::default();
        for good in [false, true, true, false, false, true] {
            runs.push(good, 1);
        }
        assert_eq!(runs.0, [0, 1, 2, 2, 1]);
        for n in 0..1_000 {
            runs.push(n % 2 == 0, 1);
        }
        assert!(runs.0.len() <= RUNS);
        assert_eq!(runs.totals(), (503, 503));
    }
}
