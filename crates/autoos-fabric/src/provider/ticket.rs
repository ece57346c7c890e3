//! What a call is settled by: exactly once, whoever comes first, be it the task that made the
//! call, the caller whose deadline passed, or the ticket's own drop.
//!
//! Settling tells the breaker, the limits, the counts for people and the learned figures how the
//! call ended, and nobody twice.

use super::{
    Came, Work,
    breaker::{End, Pass},
    desk::{Desk, Guard},
    health::Ended,
    line::{Deadlines, Line},
};
use crate::{Failure, FailureClass, TaskKind, learned::Outcome};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// How a call ended.
type Result<'a> = std::result::Result<&'a Came, &'a Failure>;

/// What a call is settled by.
pub(crate) struct Ticket {
    desk: Arc<Desk>,
    pub(super) pass: Pass,
    model: String,
    kind: TaskKind,
    /// Tokens that it may take at most.
    tokens: u64,
    /// Whether pieces show that an answer is coming.
    pieces: bool,
    line: Mutex<Option<Line>>,
    settled: AtomicBool,
}

impl Ticket {
    /// The ticket of a call that was let in so.
    pub(super) fn new(desk: Arc<Desk>, pass: Pass, work: &Work) -> Self {
        Self {
            desk,
            pass,
            model: work.model().to_owned(),
            kind: work.kind(),
            tokens: work.tokens(),
            pieces: work.shows_pieces(),
            line: Mutex::default(),
            settled: AtomicBool::new(false),
        }
    }

    /// The call begins to be made: its line, and how long that may be silent.
    pub(super) fn begin(&self) -> (Line, Option<Deadlines>) {
        let line = Line::new();
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.clone());
        self.desk.health.began();
        let silences = {
            let mut guard = self.desk.guard();
            let now = self.desk.now_ms();
            guard.limits.started(self.tokens, now);
            guard.silences.get(&self.model).copied().unwrap_or(0)
        };
        let deadlines = self.desk.bounds.timeouts.map(|timeouts| {
            let learning = &self.desk.learning;
            let known = |l: &crate::learned::Learned| {
                // What is known of first pieces says nothing of an answer that comes in one.
                let record = l.of(&self.model).filter(|_| self.pieces);
                Deadlines::learned(timeouts, record, silences)
            };
            learning.read(known)
        });
        (line, deadlines)
    }

    /// The call is no longer running; its place is free.
    pub(super) fn over(&self) {
        self.desk.health.ended();
    }

    /// The call is over like this. What is said second is not heard.
    pub(super) fn settle(&self, result: &std::result::Result<Came, Failure>) {
        let result = result.as_ref();
        let end = result.map_or_else(|failure| End::of(failure.class), |_| End::Alive);
        self.close(end, result, false);
    }

    /// The call was ended for silence.
    pub(super) fn silent(&self, failure: &Failure) {
        self.close(End::of(failure.class), Err(failure), true);
    }

    /// The caller's deadline passed. That says nothing against a provider from which something
    /// came, or which was not asked yet.
    pub(crate) fn late(&self, failure: &Failure) {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let end = match line.map(|line| line.first_ms()) {
            None => End::Nothing,
            Some(Some(_)) => End::Alive,
            Some(None) => End::of(failure.class),
        };
        self.close(end, Err(failure), false);
    }

    fn close(&self, end: End, result: Result<'_>, silent: bool) {
        if self.settled.swap(true, Ordering::AcqRel) {
            return;
        }
        let desk = &self.desk;
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let took_ms = line.as_ref().map_or(0, Line::elapsed_ms);
        {
            let mut guard = desk.guard();
            self.count(&mut guard, end, result, desk.now_ms());
            if let Some(stated) = line.as_ref().and_then(Line::take_stated) {
                guard.limits.stated(stated);
            }
            if silent {
                let silences = guard.silences.entry(self.model.clone()).or_default();
                *silences = silences.saturating_add(1);
            } else if result.is_ok()
                && let Some(silences) = guard.silences.get_mut(&self.model)
            {
                *silences /= 2;
            }
        }
        let ended = match result {
            Ok(came) => Ended::Answered { cost_microusd: came.paid().0, took_ms },
            Err(failure) => Ended::Failed(failure),
        };
        desk.health.settled(ended);
        // A call that never got out of the queue says nothing about the model.
        let Some(line) = line else { return };
        let (failure, cost, whole) = match result {
            Ok(came) => (None, Some(came.paid().0), self.pieces.then_some(took_ms)),
            Err(failure) => (Some(failure.class), failure.cost_microusd, None),
        };
        // What came in one piece came first with its end; what was asked for in one says nothing of
        // pieces.
        let first_ms = line.first_ms().filter(|_| self.pieces).or(whole);
        let used = result.map(|came| came.paid().1).map_err(|failure| failure.class);
        desk.calls.over(&self.model, used, took_ms, first_ms);
        if silent {
            desk.calls.silent(line.silent_ms());
        }
        desk.learning.saw(&Outcome {
            model: &self.model,
            kind: self.kind,
            failure,
            cost_microusd: cost.unwrap_or(0),
            first_ms,
            gap_ms: line.longest_gap_ms(),
            total_ms: took_ms,
        });
    }

    fn count(&self, guard: &mut Guard, end: End, result: Result<'_>, now_ms: u64) {
        match result {
            Err(failure) if failure.class == FailureClass::RateLimit => {
                guard.limits.refused(self.tokens, failure.retry_after_ms, now_ms);
            }
            Ok(came) => {
                let (_, usage) = came.paid();
                let took = usage.input.saturating_add(usage.output);
                guard.limits.accepted(self.tokens, took, now_ms);
            }
            Err(_) => {}
        }
        let asked_for = match result {
            Err(failure) if end != End::Alive => failure.retry_after_ms.unwrap_or(0),
            _ => 0,
        };
        guard.breaker.ended(self.pass, end, asked_for, now_ms);
    }
}

impl Drop for Ticket {
    /// Whoever gave the call up says nothing about the provider; a probe may be made again.
    fn drop(&mut self) {
        if !*self.settled.get_mut() {
            let now = self.desk.now_ms();
            self.desk.guard().breaker.ended(self.pass, End::Nothing, 0, now);
        }
    }
}
