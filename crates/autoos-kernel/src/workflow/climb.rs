//! What becomes of a failure: the ladder is climbed one rung, or as far as it takes.

use super::{Event, Output, Purpose, Running, Step, decide::Decider, is_planning};
use crate::{
    ladder::{self, Exit, Next, Room, Rung, Tried},
    plan::outline::{StepKind, StepOutline},
    words::LlmRole,
};

/// How an attempt failed.
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) detail: String,
    pub(super) doubtful: Option<Output>,
}

impl Failure {
    pub(super) fn new(exit: Exit, detail: &str) -> Self {
        Self { exit, detail: detail.to_owned(), doubtful: None }
    }
}

impl Decider<'_> {
    pub(super) fn failed(
        &mut self,
        step: &str,
        run: &Running,
        failure: Failure,
        cost: u64,
        tokens: (u64, u64),
        retry_after_ms: Option<u64>,
    ) {
        let Failure { exit, detail, doubtful } = failure;
        self.push(Event::AttemptFailed {
            step: step.to_owned(),
            attempt: run.attempt,
            exit,
            detail: detail.clone(),
            cost,
            tokens,
            doubtful,
        });
        // Whoever is winding down climbs no ladder.
        if self.workflow.is_winding_down() {
            return;
        }
        // A verdict against an answer is the answer's failure; anything else is the reviewer's.
        if run.purpose == Purpose::Answer || ladder::is_doubt(exit) {
            self.climb(step, exit, &detail, retry_after_ms);
        } else {
            self.climb_review(step, exit, &detail, retry_after_ms);
        }
    }

    /// Goes one rung up, or as far as it takes.
    pub(super) fn climb(
        &mut self,
        id: &str,
        exit: Exit,
        detail: &str,
        retry_after_ms: Option<u64>,
    ) {
        let Some(step) = self.workflow.steps.get(id) else { return };
        let outline = &step.outline;
        if exit == Exit::Unsure && self.is_at_its_ceiling(step) {
            // However good the next answer is, it cannot be surer.
            return self.escalate(id, exit, detail);
        }
        // A tool that did something and is doubted must not do it again.
        let fixed = step.candidate().is_none_or(|c| c.fixed);
        let happened = outline.is_effectful() && ladder::is_doubt(exit);
        let room = Room { mutate: !happened && self.may_mutate(id), fixed };
        // A verifier of the plan that rejects the work is not asked until one agrees: the work is
        // planned anew, or a human decides.
        let verdict = exit == Exit::Vetoed && judges(outline);
        let room = Room { fixed: room.fixed || verdict, ..room };
        let left = if verdict { 0 } else { step.tried.models_left };
        let tried = Tried { models_left: left, ..step.tried };
        let (retry, fallback) = (outline.retry, outline.fallback);
        let next = ladder::next(exit, tried, room, retry, fallback, retry_after_ms, self.rng);
        let given_up = step.candidate().map(|c| c.model.clone());
        let (rung, wait_ms) = match next {
            Next::Retry { wait_ms } => (Rung::Retry, wait_ms),
            Next::Replace { wait_ms } => (Rung::ReplaceAgent, wait_ms),
            Next::Swap => (Rung::SwapLlm, 0),
            // What is only out of reach now is waited for before anyone plans around it.
            Next::Mutate | Next::Escalate if self.passes(id, exit) => return,
            Next::Mutate | Next::Escalate if self.models_may(id, exit) => return,
            Next::Mutate => (Rung::MutateStrategy, 0),
            Next::Escalate => return self.escalate(id, exit, detail),
            // Without a plan there would be nothing left to do, and no end either.
            Next::Skip | Next::Fail if is_planning(id) && id != super::PLANNING => {
                return self.escalate(id, exit, detail);
            }
            Next::Skip if id == super::PLANNING => return self.escalate(id, exit, detail),
            Next::Skip => {
                let reason = format!("{exit}: {detail}");
                return self.push(Event::StepSkipped { step: id.to_owned(), reason });
            }
            Next::Fail => return self.push(Event::StepFailed { step: id.to_owned(), exit }),
        };
        let due = self.now.plus_ms(wait_ms);
        let without = given_up.filter(|_| rung == Rung::SwapLlm);
        let tried = self.tried(id);
        self.push(Event::RungClimbed { step: id.to_owned(), rung, exit, due, without, tried });
    }

    /// Whether its last answer was as sure as its review lets any answer be, and that is not enough.
    fn is_at_its_ceiling(&self, step: &Step) -> bool {
        let Some(ceiling) = step.outline.review().and_then(|r| r.ceiling.as_ref()) else {
            return false;
        };
        let confidence = step.doubtful.as_ref().and_then(|output| output.confidence);
        ceiling.confidence < step.threshold(self.workflow.risk)
            && confidence.is_some_and(|c| c >= ceiling.confidence)
    }

    /// What was tried for a step so far, in a line.
    pub(super) fn tried(&self, id: &str) -> String {
        let Some(step) = self.workflow.steps.get(id) else { return String::new() };
        let reviewing = step.reviewing.as_ref();
        let tried = reviewing.map_or(step.tried, |r| r.tried);
        let of = step.outline.retry.attempts;
        let mut line = format!("{} of {of} attempts", tried.attempts);
        let gone = reviewing.map_or(&step.without, |r| &r.without);
        let asked = match reviewing {
            Some(reviewing) => reviewing.model.as_deref(),
            None => step.candidate().map(|c| c.model.as_str()),
        };
        let models: Vec<&str> = gone.iter().map(String::as_str).chain(asked).collect();
        if matches!(step.outline.kind, StepKind::Ask { .. }) && !models.is_empty() {
            line.push_str(", by ");
            line.push_str(&models.join(", "));
        }
        line
    }

    pub(super) fn escalate(&mut self, id: &str, exit: Exit, detail: &str) {
        // What a plan was to be made around is the question, not that none was found.
        if let Some(mutation) = self.workflow.mutation.clone()
            && mutation.planning == id
        {
            let reason = format!("{exit}: {detail}");
            self.push(Event::StepSkipped { step: id.to_owned(), reason });
            let step = self.workflow.steps.get(&mutation.step);
            let failed = step.and_then(|s| s.note.clone()).unwrap_or_default();
            let detail = format!("{failed}; and no other way was found: {detail}");
            return self.escalate(&mutation.step, mutation.exit, &detail);
        }
        let number = self.workflow.escalations.keys().last().map_or(1, |last| last + 1);
        self.push(Event::Escalated {
            escalation: number,
            step: id.to_owned(),
            exit,
            detail: detail.to_owned(),
            due: self.now.plus_ms(self.workflow.patience_ms),
        });
    }
}

/// Whether a step's work is a verdict on other steps.
fn judges(outline: &StepOutline) -> bool {
    matches!(outline.kind, StepKind::Ask { role: LlmRole::Verifier | LlmRole::Auditor, .. })
}
