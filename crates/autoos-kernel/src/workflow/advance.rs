//! What follows by itself from where the steps stand: what may start is started, and a workflow
//! that is done or given up is ended.

use super::{
    Event, StepState,
    decide::{DEADLINE, Decider, Failure},
};
use crate::{
    id::{AgentId, uuid_at},
    ladder::{Exit, Rung},
    plan::{check::dollars, outline::StepKind},
    words::WorkflowState,
};

/// An agent ends its call at the attempt's timeout; so much later, in milliseconds, nobody is
/// there any more to report it.
const GRACE_MS: u64 = 2_000;

impl Decider<'_> {
    /// Starts whatever may start, until nothing changes, and ends what is done.
    pub(super) fn advance(&mut self) {
        loop {
            if self.workflow.is_winding_down() {
                return self.wind_down();
            }
            let before = self.events.len();
            let ids: Vec<String> = self.workflow.steps.keys().cloned().collect();
            for id in ids {
                self.advance_step(&id);
            }
            if self.events.len() == before {
                return self.complete();
            }
        }
    }

    fn advance_step(&mut self, id: &str) {
        let Some(step) = self.workflow.steps.get(id) else { return };
        let go = match &step.state {
            StepState::Blocked if step.outline.evaluated => false,
            StepState::Blocked | StepState::Ready => self.workflow.may_start(id),
            StepState::BackingOff { due, .. } => *due <= self.now && self.workflow.may_start(id),
            StepState::Waiting { due } if *due <= self.now && !self.workflow.paused => {
                return self.push(Event::TimerFired { step: id.to_owned() });
            }
            _ => false,
        };
        if go {
            self.start(id);
        }
    }

    fn start(&mut self, id: &str) {
        let Some(step) = self.workflow.steps.get(id) else { return };
        let (model, reserved) = match &step.outline.kind {
            StepKind::Wait { ms } => {
                let due = self.now.plus_ms(*ms);
                return self.push(Event::TimerSet { step: id.to_owned(), due });
            }
            StepKind::Tool { .. } => (None, 0),
            StepKind::Ask { models, .. } => match models.get(step.model) {
                Some(candidate) => (Some(candidate.model.clone()), candidate.reserve_microusd),
                None => (None, 0),
            },
        };
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
        let attempt = step.attempts + 1;
        let deadline = self.now.plus_ms(step.outline.timeout_ms).plus_ms(GRACE_MS);
        let agent = same_agent.unwrap_or_else(|| AgentId(uuid_at(self.now, self.rng.uuid_bits())));
        let step = id.to_owned();
        self.push(Event::AttemptStarted { step, attempt, agent, model, reserved, deadline });
    }

    /// Gives up what can be given up, waits for effects in flight, then ends the workflow.
    fn wind_down(&mut self) {
        for (step, run, effectful) in self.in_flight() {
            if !effectful {
                let failure = Failure::new(Exit::Cancelled, "the workflow ends");
                self.failed(&step, run.attempt, failure, run.reserved, (0, 0), None);
            }
        }
        let mut steps = self.workflow.steps.iter();
        if steps.clone().any(|(_, s)| matches!(s.state, StepState::Running(_))) {
            return;
        }
        let failed = steps.find_map(|(id, s)| match &s.state {
            StepState::Failed { exit } => Some(format!("step {id} failed: {exit}")),
            _ => None,
        });
        let event = match (self.workflow.cancelled.clone(), failed) {
            (Some((by, reason)), _) if by != DEADLINE => Event::Cancelled { reason },
            (Some((_, reason)), _) => Event::Failed { reason },
            (None, reason) => Event::Failed { reason: reason.unwrap_or_default() },
        };
        self.push(event);
    }

    /// Ends the workflow once every step of its plan is over.
    fn complete(&mut self) {
        let Some(plan) = &self.workflow.plan else { return };
        if !self.workflow.steps.values().all(|s| s.state.is_over()) {
            return;
        }
        match self.workflow.steps.get(&plan.outline.result).map(|s| &s.state) {
            Some(StepState::Completed(output)) => {
                let output = output.clone();
                self.push(Event::Completed { output });
            }
            _ => {
                let reason =
                    format!("step {} was left out: there is no result", plan.outline.result);
                self.push(Event::Failed { reason });
            }
        }
        debug_assert!(self.workflow.state() != WorkflowState::Running);
    }
}
