//! How an attempt begins: someone is chosen to work it, and what it may cost is reserved.

use super::{Event, Purpose, Step, StepState, decide::Decider, is_planning};
use crate::{
    id::{AgentId, uuid_at},
    ladder::{self, Exit, FailureClass, Rung},
    plan::{
        check::dollars,
        outline::{Candidate, StepKind},
    },
    route::{Choice, Route, Wish},
    time::Timestamp,
    words::LlmRole,
};

/// An agent ends its call at the attempt's timeout; so much later, in milliseconds, nobody is
/// there any more to report it.
const GRACE_MS: u64 = 2_000;
/// The shortest time, in milliseconds, after which it is looked again for a model to ask.
const LOOK_AGAIN_MS: u64 = 100;

/// The longest.
const LOOK_AGAIN_MAX_MS: u64 = 300_000;

/// An outage that the router does not know of yet is waited out for so long, in milliseconds.
const OUTAGE_MS: u64 = 20_000;

/// How long it is waited at first after everyone was out of reach.
const OUTAGE_FIRST_MS: u64 = 500;

/// Who works an attempt.
struct Worker {
    model: Option<String>,
    reserved: u64,
    choice: Option<Choice>,
}

/// The role that a step's next attempt is worked in.
fn role_of(step: &Step) -> LlmRole {
    match &step.outline.kind {
        StepKind::Ask { role, .. } if step.purpose() != Purpose::Review => *role,
        _ => LlmRole::Verifier,
    }
}

impl Decider<'_> {
    pub(super) fn start(&mut self, id: &str) {
        let Some(step) = self.workflow.steps.get(id) else { return };
        let worker = match &step.outline.kind {
            StepKind::Wait { ms } => {
                let due = self.now.plus_ms(*ms);
                return self.push(Event::TimerSet { step: id.to_owned(), due });
            }
            StepKind::Tool { .. } => Worker { model: None, reserved: 0, choice: None },
            StepKind::Ask { .. } => {
                let purpose = step.purpose();
                if purpose != Purpose::Answer && step.reviewers().is_empty() {
                    let exit = Exit::Failed(FailureClass::Unavailable);
                    return self.unreviewed(id, exit, "no other model is configured for it");
                }
                match self.choose(id) {
                    Ok(worker) => worker,
                    Err((ms, reason)) => return self.wait_for_models(id, ms, reason, false),
                }
            }
        };
        self.begin(id, worker);
    }

    fn begin(&mut self, id: &str, worker: Worker) {
        let Some(step) = self.workflow.steps.get(id) else { return };
        let Worker { model, reserved, choice } = worker;
        let budget = &self.workflow.budget;
        if !budget.allows(reserved) {
            let (next, free) = (dollars(reserved), dollars(budget.free()));
            let detail = format!("the next call may cost {next}, and {free} is left of the budget");
            return self.escalate(id, Exit::Overspent, &detail);
        }
        let same_agent = match (&step.state, step.agent) {
            (StepState::BackingOff { rung: Rung::Retry, .. }, Some(agent)) => Some(agent),
            _ => None,
        };
        let (attempt, purpose) = (step.attempts + 1, step.purpose());
        let deadline = self.now.plus_ms(step.outline.timeout_ms).plus_ms(GRACE_MS);
        let agent = same_agent.unwrap_or_else(|| AgentId(uuid_at(self.now, self.rng.uuid_bits())));
        let step = id.to_owned();
        self.push(Event::AttemptStarted {
            step,
            attempt,
            agent,
            model,
            reserved,
            deadline,
            purpose,
            choice,
        });
    }

    /// Whom to ask; or how long to wait until someone can be asked, and why.
    fn choose(&mut self, id: &str) -> Result<Worker, (u64, String)> {
        let bits = self.rng.next_u64();
        let nobody = Worker { model: None, reserved: 0, choice: None };
        let workflow = &*self.workflow;
        let Some(step) = workflow.steps.get(id) else { return Ok(nobody) };
        let mut candidates = match step.purpose() {
            Purpose::Answer => step.open_models(),
            Purpose::Second | Purpose::Review => step.reviewers(),
        };
        if candidates.is_empty() {
            candidates = step.candidate().into_iter().collect();
        }
        self.fresh_planners(id, &mut candidates);
        if candidates.is_empty() {
            return Ok(nobody);
        }
        // The built-in engine is the last resort, not one to learn about.
        if candidates.iter().any(|c| !c.fixed) {
            candidates.retain(|c| !c.fixed);
        }
        // What the grant does not cover is asked only when nothing else is left: the budget says no.
        let free = workflow.budget.free();
        if candidates.iter().any(|c| c.reserve_microusd <= free) {
            candidates.retain(|c| c.reserve_microusd <= free);
        }
        let wanted = workflow.fork.as_ref().and_then(|fork| fork.model.as_deref());
        let asked = match (&step.state, &step.reviewing) {
            (StepState::BackingOff { rung: Rung::Retry | Rung::ReplaceAgent, .. }, None) => {
                step.candidate().map(|c| c.model.as_str())
            }
            (StepState::BackingOff { rung: Rung::Retry | Rung::ReplaceAgent, .. }, Some(r)) => {
                r.model.as_deref()
            }
            _ => None,
        };
        let role = role_of(step);
        let among = |model: &&str| candidates.iter().any(|c| c.model == *model);
        let wish = Wish {
            role,
            task: step.outline.task(),
            data: step.outline.data && role != LlmRole::Verifier,
            risk: workflow.risk,
            remaining_microusd: workflow.budget.free(),
            keep: wanted.filter(among).or(asked.filter(among)),
            candidates: candidates.clone(),
            bits,
        };
        match self.router.route(&wish) {
            Route::Wait { ms, reason } => Err((ms, reason)),
            Route::Ask { model, choice } => {
                // A router that names someone else was not asked about them.
                let named = |c: &&&Candidate| c.model == model;
                let taken = candidates.iter().find(named).or(candidates.first());
                Ok(taken.map_or(nobody, |c| Worker {
                    model: Some(c.model.clone()),
                    reserved: c.reserve_microusd,
                    choice,
                }))
            }
        }
    }

    /// A plan around a failure is made by someone whose plan did not lead there, if anyone thinks
    /// beside those.
    fn fresh_planners(&self, id: &str, candidates: &mut Vec<&Candidate>) {
        if !is_planning(id) {
            return;
        }
        let steps = self.workflow.steps.iter();
        let before = steps.filter(|(other, _)| is_planning(other) && *other != id);
        let planned: Vec<&str> =
            before.filter_map(|(_, step)| Some(step.candidate()?.model.as_str())).collect();
        let fresh = |c: &&Candidate| !c.fixed && !planned.contains(&c.model.as_str());
        if candidates.iter().any(fresh) {
            candidates.retain(fresh);
        }
    }

    /// Waits for models where none of a step's can be asked now; false when one can.
    ///
    /// With `anew` the step begins again on the first rung once one can be asked.
    pub(super) fn awaits(&mut self, id: &str, anew: bool) -> bool {
        let Some(step) = self.workflow.steps.get(id) else { return false };
        if step.outline.models().is_empty() {
            return false;
        }
        let all: Vec<&Candidate> = match (step.purpose(), step.outline.review()) {
            (Purpose::Review, Some(review)) => review.models.iter().collect(),
            _ => step.outline.models().iter().collect(),
        };
        if all.is_empty() {
            return false;
        }
        let role = role_of(step);
        let wish = Wish {
            role,
            task: step.outline.task(),
            data: step.outline.data && role != LlmRole::Verifier,
            risk: self.workflow.risk,
            remaining_microusd: u64::MAX,
            candidates: all,
            keep: None,
            bits: 0,
        };
        match self.router.route(&wish) {
            Route::Ask { .. } => false,
            Route::Wait { .. } if self.waited_enough(id).is_some() => false,
            Route::Wait { ms, reason } => {
                self.wait_for_models(id, ms, reason, anew);
                true
            }
        }
    }

    /// Waits where a failure may pass by itself: for a model that can be asked, or, where the router
    /// still names one, for a while all the same, since an outage is felt by whoever asks before
    /// anyone knows of it. False when there is nothing to wait for.
    pub(super) fn passes(&mut self, id: &str, exit: Exit) -> bool {
        if !ladder::may_pass(exit) {
            return false;
        }
        if self.awaits(id, true) {
            return true;
        }
        let out_of_reach = Exit::Failed(FailureClass::Network) == exit
            || Exit::Failed(FailureClass::Server) == exit;
        let Some(step) = self.workflow.steps.get(id) else { return false };
        let waited = step.awaiting.map_or(0, |since| self.now.since_ms(since));
        let thinks = step.outline.models().iter().any(|c| !c.fixed);
        if !out_of_reach || !thinks || waited >= OUTAGE_MS || self.waited_enough(id).is_some() {
            return false;
        }
        let reason = format!("everyone who could be asked failed: {exit}");
        self.wait_for_models(id, OUTAGE_FIRST_MS.max(waited / 2), reason, true);
        true
    }

    /// Has the models asked once more where the built-in engine, which comes last, cannot do
    /// something: that says nothing about those before it, which perhaps were out of reach.
    pub(super) fn models_may(&mut self, id: &str, exit: Exit) -> bool {
        let Some(step) = self.workflow.steps.get(id) else { return false };
        let engine = step.candidate().is_some_and(|c| c.fixed);
        let beside = step.outline.models().iter().any(|c| !c.fixed);
        let unable = exit == Exit::Failed(FailureClass::Unable);
        // Once: attempts are never counted anew.
        let first_round = step.attempts <= step.outline.retry.attempts;
        if !engine || !beside || !unable || step.awaiting.is_some() || !first_round {
            return false;
        }
        let reason = "the models failed, and the built-in engine is unable".to_owned();
        self.wait_for_models(id, OUTAGE_FIRST_MS, reason, true);
        true
    }

    fn wait_for_models(&mut self, id: &str, ms: u64, reason: String, anew: bool) {
        if let Some(since) = self.waited_enough(id) {
            let seconds = self.now.since_ms(since) / 1_000;
            let detail = format!("no model could be asked for {seconds} s: {reason}");
            return self.escalate(id, Exit::Failed(FailureClass::Unavailable), &detail);
        }
        // The longer it lasts, the less often is it looked: a wait of days writes few events.
        let since = self.workflow.steps.get(id).and_then(|s| s.awaiting);
        let waited = since.map_or(0, |since| self.now.since_ms(since));
        let pause = (waited / 4).min(LOOK_AGAIN_MAX_MS);
        let due = self.now.plus_ms(ms.max(LOOK_AGAIN_MS).max(pause));
        self.push(Event::ModelsAwaited { step: id.to_owned(), due, reason, anew });
    }

    /// Since when a step waits for models, when that is longer than anyone should.
    fn waited_enough(&self, id: &str) -> Option<Timestamp> {
        let since = self.workflow.steps.get(id).and_then(|s| s.awaiting)?;
        (self.now.since_ms(since) >= self.workflow.patience_ms).then_some(since)
    }
}
