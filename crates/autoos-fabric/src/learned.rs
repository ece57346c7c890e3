//! What calls taught about each model: how reliably and how fast it answers, how often its
//! answers turned out to be right, what it cost.
//!
//! A fold of one stream of the journal, so that it survives restarts: outcomes are gathered into
//! a [`Tally`] for each model and kind of task, and one event a second holds them
//! (`owner`). Memory follows at once, the journal within a second; a crash loses that second of
//! figures and nothing else, since money is counted elsewhere.
//!
//! Left out: what a model is supposed to be able to do (the registry), and whether its provider
//! may be asked now (its breaker).

pub(crate) mod owner;
mod rate;
mod sketch;
mod tally;

pub use owner::LearnedError;
pub use rate::{HalfLife, Rate};
pub use sketch::Sketch;
pub use tally::{Event, Judged, Runs, Tally};

use crate::{FailureClass, TaskKind, verify::Calibration};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Reliability before the first call.
const START: f64 = 0.9;
/// What an answer adds to it.
const GAIN: f64 = 0.01;
/// What a failure takes from it.
const LOSS: f64 = 0.05;
/// As many answers stand behind the expectation of an answer at all.
const ANSWERS_PRIOR: f64 = 5.0;
/// What that expectation is.
const ANSWERS_EXPECTED: f64 = 0.95;
/// As many judged answers stand behind the registry's quality.
const QUALITY_PRIOR: f64 = 8.0;

/// Judged answers of one confidence that one event is worth at most.
const AT_ONCE: u32 = 2_000;

/// How one call of a model ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<'a> {
    /// The model.
    pub model: &'a str,
    /// What kind of work it was.
    pub kind: TaskKind,
    /// How it failed; none for an answer.
    pub failure: Option<FailureClass>,
    /// Micro-dollars, as far as they are known.
    pub cost_microusd: u64,
    /// Milliseconds to its first sign of life, if there was one.
    pub first_ms: Option<u64>,
    /// The longest silence between two pieces, in milliseconds, if it came in pieces.
    pub gap_ms: Option<u64>,
    /// Milliseconds to its end.
    pub total_ms: u64,
}

/// What became of an answer: whoever knows it tells the fabric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The model that gave it.
    pub model: String,
    /// The kind of work.
    pub kind: TaskKind,
    /// How sure it was taken to be, in 0..=1, before calibration.
    pub confidence: f64,
    /// Whether it was right.
    pub right: bool,
}

/// The figures of every model, by id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    models: BTreeMap<String, Record>,
}

/// The figures of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Calls that ended, well or not.
    pub calls: u64,
    /// In 0..=1: an answer adds 0.01, a failure and a wrong answer take 0.05.
    pub reliability: f64,
    /// When that was, in milliseconds since 1970.
    pub at_ms: u64,
    /// Micro-dollars spent.
    pub cost_microusd: u64,
    /// Failures by class.
    pub errors: Vec<(FailureClass, u64)>,
    /// To the first sign of life.
    pub first: Sketch,
    /// The longest silence within each answer.
    pub gap: Sketch,
    /// To the end of each answer.
    pub total: Sketch,
    /// By kind of task.
    pub kinds: BTreeMap<TaskKind, KindRecord>,
}

/// The figures of one model for one kind of task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KindRecord {
    /// Calls that brought an answer.
    pub answers: Rate,
    /// Judged answers that were right.
    pub right: Rate,
    /// What its confidence turned out to be worth.
    pub calibration: Calibration,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            calls: 0,
            reliability: START,
            at_ms: 0,
            cost_microusd: 0,
            errors: Vec::new(),
            first: Sketch::default(),
            gap: Sketch::default(),
            total: Sketch::default(),
            kinds: BTreeMap::new(),
        }
    }
}

impl Learned {
    /// The figures of a model; none before its first call.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<&Record> {
        self.models.get(model)
    }

    /// Folds one event of the stream, decided at this time.
    pub fn fold(&mut self, event: &Event, at_ms: u64) {
        match event {
            Event::Observed { tallies } => {
                tallies.iter().for_each(|tally| self.take(tally, at_ms));
            }
        }
    }

    /// Takes one tally in.
    pub(crate) fn take(&mut self, tally: &Tally, at_ms: u64) {
        if !self.models.contains_key(&tally.model) {
            self.models.insert(tally.model.clone(), Record::default());
        }
        if let Some(record) = self.models.get_mut(&tally.model) {
            record.take(tally, at_ms);
        }
    }
}

impl Record {
    fn take(&mut self, tally: &Tally, at_ms: u64) {
        let (answered, failed) = tally.runs.totals();
        for (good, bad) in tally.runs.pairs() {
            self.reliability = (self.reliability + GAIN * f64::from(good)).min(1.0);
            self.reliability = (self.reliability - LOSS * f64::from(bad)).max(0.0);
        }
        let wrong = tally.judged.iter().map(|judged| judged.wrong).fold(0, u32::saturating_add);
        let right = tally.judged.iter().map(|judged| judged.right).fold(0, u32::saturating_add);
        self.reliability = (self.reliability - LOSS * f64::from(wrong)).max(0.0);

        self.at_ms = self.at_ms.max(at_ms);
        self.calls = self.calls.saturating_add(u64::from(tally.calls));
        self.cost_microusd = self.cost_microusd.saturating_add(tally.cost_microusd);
        let mut unable = 0;
        for (class, count) in &tally.errors {
            if *class == FailureClass::Unable {
                unable = *count;
            }
            match self.errors.iter_mut().find(|(known, _)| known == class) {
                Some((_, sum)) => *sum += u64::from(*count),
                None => self.errors.push((*class, u64::from(*count))),
            }
        }
        self.first.merge(&tally.first);
        self.gap.merge(&tally.gap);
        self.total.merge(&tally.total);

        let kind = self.kinds.entry(tally.kind).or_default();
        kind.answers.observe(answered, failed.saturating_add(unable), at_ms, HalfLife::Hour);
        kind.right.observe(right, wrong, at_ms, HalfLife::Day);
        for judged in &tally.judged {
            let confidence = judged.confidence();
            // More of one second than the calibration remembers would change nothing more.
            let (right, wrong) = (judged.right.min(AT_ONCE), judged.wrong.min(AT_ONCE));
            (0..right).for_each(|_| kind.calibration.observe(confidence, true));
            (0..wrong).for_each(|_| kind.calibration.observe(confidence, false));
        }
    }

    /// How likely an answer of this kind is right: what was expected, corrected by what answers
    /// turned out to be. Old judgements fade.
    #[must_use]
    pub fn quality(&self, kind: TaskKind, expected: f64, now_ms: u64) -> f64 {
        let judged = self.kinds.get(&kind).map(|kind| kind.right);
        judged.map_or(expected, |right| right.share(expected, QUALITY_PRIOR, now_ms, HalfLife::Day))
    }

    /// How likely an answer comes at all, in 0..=1: the lower of its reliability and of how many
    /// calls of this kind brought one lately. Without calls both go back to what is expected of
    /// anyone, half the way in an hour, so that a model that had an outage is asked again.
    #[must_use]
    pub fn steadiness(&self, kind: TaskKind, now_ms: u64) -> f64 {
        let answers = self.kinds.get(&kind).map(|kind| kind.answers).unwrap_or_default();
        let lately = answers.share(ANSWERS_EXPECTED, ANSWERS_PRIOR, now_ms, HalfLife::Hour);
        let left = HalfLife::Hour.left(now_ms.saturating_sub(self.at_ms));
        let reliability = START + (self.reliability - START) * left;
        reliability.min(lately)
    }

    /// How many calls of this kind the figures rest on.
    #[must_use]
    pub fn known(&self, kind: TaskKind) -> f64 {
        self.kinds.get(&kind).map_or(0.0, |kind| kind.answers.weight())
    }

    /// What a confidence in an answer of this kind is worth by experience; itself before any
    /// answer was judged.
    #[must_use]
    pub fn calibrated(&self, kind: TaskKind, confidence: f64) -> f64 {
        self.kinds.get(&kind).map_or(confidence, |kind| kind.calibration.apply(confidence))
    }

    /// How far its confidence is from how often it is right, in the mean over judged answers, in
    /// 0..=1; none before there are any.
    #[must_use]
    pub fn calibration_error(&self) -> Option<f64> {
        let (mut all, mut off) = (0.0, 0.0);
        for calibration in self.kinds.values().map(|kind| &kind.calibration) {
            if let Some(error) = calibration.error() {
                let count = f64::from(calibration.observations());
                all += count;
                off += error * count;
            }
        }
        (all > 0.0).then(|| off / all)
    }

    /// Failures of any class.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.errors.iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
#[path = "learned_test.rs"]
mod tests;
