//! What becomes of an answer: believed as it is, looked at by others first, or doubted.
//!
//! ```text
//! answer ─▶ AttemptAnswered ─▶ (quorum: a second answer) ─▶ a verdict ─▶ AttemptCompleted
//!    │                                  │                      └ against it, or not sure enough:
//!    └ too little stands in its         └ nobody can be had:      the ladder, for the answer
//!      evidence: the ladder               AnswerTaken or a human
//! ```
//!
//! A verdict may be wrong too. Where it is against an answer that its evidence bears out and that an
//! independent answer of another vendor agrees with, it is *contested*: a verifier of a third side is
//! asked once. Whoever was overruled is the one that failed; if both reject the answer, it is.

use super::{Answer, Event, Output, Purpose, Running, Step, climb::Failure, decide::Decider};
use crate::{
    assurance::{Assurance, ONE_MODEL_CEILING, ONE_VENDOR_CEILING},
    ladder::{self, Exit, FailureClass, Next, Room, Rung},
    plan::{
        FallbackStrategy,
        outline::{Candidate, Ceiling},
    },
    words::RiskLevel,
};

/// An answer that is so far below what its risk asks for is not worth a reviewer's time.
const OUT_OF_REACH: f64 = 0.2;
/// What is left of the confidence of an answer that nobody could be had to review.
const UNREVIEWED: f64 = 0.9;

impl Step {
    /// The confidence that its answer needs: what the risk asks for, and for an answer that a lesson
    /// puts to a quorum what critical risk asks for.
    pub(super) fn threshold(&self, risk: RiskLevel) -> f64 {
        let quorum = self.outline.review().is_some_and(|r| r.assurance == Assurance::Quorum);
        if quorum { RiskLevel::Critical.threshold() } else { risk.threshold() }
    }

    /// Who may be asked for the step's own answer.
    #[must_use]
    pub fn open_models(&self) -> Vec<&Candidate> {
        let open = |c: &&Candidate| !self.without.contains(&c.model);
        self.outline.models().iter().filter(open).collect()
    }

    /// Who may be asked to make sure of its answer, as independent of whoever gave it as the
    /// configuration and the policy allow.
    #[must_use]
    pub fn reviewers(&self) -> Vec<&Candidate> {
        let (Some(reviewing), Some(review)) = (&self.reviewing, self.outline.review()) else {
            return Vec::new();
        };
        let Some(first) = reviewing.answers.first() else { return Vec::new() };
        let all: Vec<&Candidate> = match self.purpose() {
            Purpose::Second => {
                let mut all: Vec<&Candidate> = self.outline.models().iter().collect();
                // Whoever was given up is no good witness: only where nobody else is left.
                let fresh = |c: &&Candidate| !self.without.contains(&c.model);
                if all.iter().any(|c| fresh(c) && !c.fixed && c.vendor != first.vendor) {
                    all.retain(fresh);
                }
                all.retain(|c| !c.fixed);
                all
            }
            Purpose::Answer | Purpose::Review => review.models.iter().collect(),
        };
        let overruled = reviewing.contested.as_ref().map(|c| c.vendor.as_str());
        let open = |c: &&Candidate| {
            !reviewing.without.contains(&c.model) && Some(c.vendor.as_str()) != overruled
        };
        let others = |c: &&&Candidate| c.vendor != first.vendor;
        if review.assurance >= Assurance::OtherVendor
            && all.iter().any(|c| c.vendor != first.vendor)
        {
            let others = all.iter().filter(others).copied().filter(open).collect();
            return self.impartial(others);
        }
        let all: Vec<&Candidate> = all.into_iter().filter(open).collect();
        let other_vendor: Vec<&Candidate> = all.iter().filter(others).copied().collect();
        if !other_vendor.is_empty() {
            return self.impartial(other_vendor);
        }
        let other_model: Vec<&Candidate> =
            all.iter().filter(|c| c.model != first.model).copied().collect();
        // The same model a second time answers no differently: that is no second answer, and its
        // word on itself is little.
        let itself = self.purpose() == Purpose::Review
            && review.assurance < Assurance::Quorum
            && reviewing.contested.is_none();
        if other_model.is_empty() && itself { all } else { other_model }
    }

    /// Of those who may settle a contested verdict, whoever has not answered the same itself, if
    /// anyone.
    fn impartial<'a>(&self, mut all: Vec<&'a Candidate>) -> Vec<&'a Candidate> {
        let Some(reviewing) = self.reviewing.as_ref().filter(|r| r.contested.is_some()) else {
            return all;
        };
        let answered = |c: &&Candidate| {
            let mut answers = reviewing.answers.iter().chain(&self.refuted);
            answers.any(|answer| answer.vendor == c.vendor)
        };
        if !all.iter().all(answered) {
            all.retain(|c| !answered(c));
        }
        all
    }

    /// The most that its answer's confidence may come to, by who has looked at it so far.
    #[must_use]
    pub fn ceiling(&self) -> Option<Ceiling> {
        let review = self.outline.review()?;
        let Some(first) = self.reviewing.as_ref().and_then(|r| r.answers.first()) else {
            return review.ceiling.clone();
        };
        if review.assurance < Assurance::OtherVendor {
            return review.ceiling.clone();
        }
        let reviewing = self.reviewing.as_ref()?;
        let second = reviewing.answers.get(1).map(|answer| answer.vendor.as_str());
        let reviewer = review.models.iter().find(|c| Some(&c.model) == reviewing.model.as_ref());
        let reviewer = reviewer.filter(|_| self.purpose() == Purpose::Review);
        if reviewer.is_some_and(|c| c.model == first.model) {
            return Some(Ceiling {
                confidence: ONE_MODEL_CEILING,
                reason: "only the model that gave it could look at it".to_owned(),
            });
        }
        if review.ceiling.is_some() {
            return review.ceiling.clone();
        }
        let same = |vendor: &str| vendor == first.vendor;
        let lacks = second.is_some_and(same) || reviewer.is_some_and(|c| same(&c.vendor));
        lacks.then(|| Ceiling {
            confidence: ONE_VENDOR_CEILING,
            reason: "nobody of another vendor could look at it".to_owned(),
        })
    }
}

impl Decider<'_> {
    /// Takes what an attempt brought; gives the failure that it is where it is not good enough.
    pub(super) fn done(
        &mut self,
        id: &str,
        run: &Running,
        output: Output,
        cost: u64,
        tokens: (u64, u64),
    ) -> Option<Failure> {
        let output = self.as_reviewed(id, run, output);
        let step = self.workflow.steps.get(id)?;
        // The built-in engine's own checks are its review.
        let author_fixed = step.candidate().is_some_and(|c| c.fixed);
        let reviewed = step.outline.review().is_some() && !author_fixed;
        let attempt = run.attempt;
        let goes_on = match run.purpose {
            Purpose::Answer => {
                let least = step.threshold(self.workflow.risk) - OUT_OF_REACH;
                reviewed && output.confidence.is_none_or(|c| c >= least)
            }
            Purpose::Second => true,
            Purpose::Review => false,
        };
        if goes_on {
            let step = id.to_owned();
            self.push(Event::AttemptAnswered { step, attempt, output, cost, tokens });
            return None;
        }
        if let Some(detail) = self.too_unsure(id, &output) {
            return Some(Failure { exit: Exit::Unsure, detail, doubtful: Some(output) });
        }
        let step = id.to_owned();
        self.push(Event::AttemptCompleted { step, attempt, output, cost, tokens });
        None
    }

    /// A verdict is on the answer: what it makes of the answer's confidence counts, under the
    /// ceiling of the review.
    pub(super) fn as_reviewed(&self, id: &str, run: &Running, mut output: Output) -> Output {
        let Some(step) = self.workflow.steps.get(id) else { return output };
        let answer = step.reviewing.as_ref().and_then(|r| r.answers.first());
        if let (Purpose::Review, Some(answer)) = (run.purpose, answer) {
            output.body = answer.output.body;
        }
        if let Some(ceiling) = step.ceiling() {
            output.confidence = output.confidence.map(|c| c.min(ceiling.confidence));
        }
        output
    }

    /// Why an output is below the threshold of the risk; none when it is good enough.
    fn too_unsure(&self, id: &str, output: &Output) -> Option<String> {
        let gates = |s: &&Step| s.outline.gated || s.outline.review().is_some();
        let step = self.workflow.steps.get(id).filter(gates)?;
        let (risk, confidence) = (self.workflow.risk, output.confidence?);
        let threshold = step.threshold(risk);
        (confidence < threshold).then(|| {
            let asks = if threshold > risk.threshold() {
                "a quorum asks for, by a lesson".to_owned()
            } else {
                format!("{risk} risk asks for")
            };
            let below =
                format!("confidence {confidence:.2} is below the {threshold:.2} that {asks}");
            match step.outline.review().and_then(|r| r.ceiling.as_ref()) {
                Some(ceiling) if confidence >= ceiling.confidence => {
                    format!("{below}, and it cannot be surer: {}", ceiling.reason)
                }
                _ => below,
            }
        })
    }

    /// Whether a verdict against an answer is put to another verifier: once an answer, as long as the
    /// step has an attempt to spare, for an answer that is sure enough by itself, and where someone
    /// of another vendor than the verdict's is left to ask.
    pub(super) fn may_contest(&self, id: &str, run: &Running) -> bool {
        let Some(step) = self.workflow.steps.get(id) else { return false };
        let Some(reviewing) = &step.reviewing else { return false };
        let (attempts, of) = (step.tried.attempts, step.outline.retry.attempts);
        let spare = attempts.max(reviewing.tried.attempts) < of;
        let threshold = step.threshold(self.workflow.risk);
        let sure = |answer: &Answer| answer.output.confidence.is_some_and(|c| c >= threshold);
        let vendor = |model: &str| {
            let mut models = step.outline.review().into_iter().flat_map(|r| &r.models);
            models.find(|c| c.model == model).map(|c| c.vendor.as_str())
        };
        let judged = reviewing.model.as_deref().and_then(vendor);
        run.purpose == Purpose::Review
            && reviewing.contested.is_none()
            && !self.workflow.is_winding_down()
            && spare
            && reviewing.answers.first().is_some_and(sure)
            && step.reviewers().iter().any(|c| Some(c.vendor.as_str()) != judged)
    }

    /// The ladder of an attempt that was to make sure of an answer and could not.
    pub(super) fn climb_review(
        &mut self,
        id: &str,
        exit: Exit,
        detail: &str,
        retry_after_ms: Option<u64>,
    ) {
        let Some(step) = self.workflow.steps.get(id) else { return };
        let Some(reviewing) = &step.reviewing else { return };
        let (tried, retry) = (reviewing.tried, step.outline.retry);
        let fail = FallbackStrategy::Fail;
        let room = Room::default();
        let next = ladder::next(exit, tried, room, retry, fail, retry_after_ms, self.rng);
        let (rung, wait_ms) = match next {
            Next::Retry { wait_ms } => (Rung::Retry, wait_ms),
            Next::Replace { wait_ms } => (Rung::ReplaceAgent, wait_ms),
            Next::Swap => (Rung::SwapLlm, 0),
            Next::Mutate | Next::Escalate | Next::Skip | Next::Fail => {
                return self.unreviewed(id, exit, detail);
            }
        };
        let without = reviewing.model.clone().filter(|_| rung == Rung::SwapLlm);
        let tried = self.tried(id);
        let due = self.now.plus_ms(wait_ms);
        self.push(Event::RungClimbed { step: id.to_owned(), rung, exit, due, without, tried });
    }

    /// Nobody could be had to make sure of an answer.
    pub(super) fn unreviewed(&mut self, id: &str, exit: Exit, detail: &str) {
        let Some(step) = self.workflow.steps.get(id) else { return };
        let assurance = step.outline.review().map(|r| r.assurance);
        let answer = step.reviewing.as_ref().and_then(|r| r.answers.first()).cloned();
        let Some(Answer { mut output, .. }) = answer else { return };
        let contested = step.reviewing.as_ref().is_some_and(|r| r.contested.is_some());
        let bearable = assurance <= Some(Assurance::Verified)
            && self.workflow.risk < RiskLevel::High
            && !contested;
        if bearable {
            output.confidence = output.confidence.map(|c| c * UNREVIEWED);
            if self.too_unsure(id, &output).is_none() {
                let reason = format!("nobody could be had to review it: {exit}: {detail}");
                return self.push(Event::AnswerTaken { step: id.to_owned(), output, reason });
            }
        }
        if self.passes(id, exit) {
            return;
        }
        let (exit, detail) = match exit {
            _ if contested => {
                let told =
                    "a verdict against its answer stands alone, and nobody else could be had";
                (Exit::Vetoed, format!("{told} to judge it: {detail}"))
            }
            exit => {
                let doubt = ladder::is_doubt(exit);
                let exit = if doubt { Exit::Failed(FailureClass::Unavailable) } else { exit };
                (exit, format!("nobody could be had to review its answer: {detail}"))
            }
        };
        self.escalate(id, exit, &detail);
    }
}
