//! What follows by itself from where the steps stand: what may start is started, and a workflow
//! that is done or given up is ended.

use super::{
    Event, StepState,
    climb::Failure,
    decide::{DEADLINE, Decider},
};
use crate::{ladder::Exit, words::WorkflowState};

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
            StepState::Blocked | StepState::Ready | StepState::Answered => {
                self.workflow.may_start(id)
            }
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

    /// Gives up what can be given up, waits for effects in flight, then ends the workflow.
    fn wind_down(&mut self) {
        for (step, run, effectful) in self.in_flight() {
            if !effectful {
                let failure = Failure::new(Exit::Cancelled, "the workflow ends");
                self.failed(&step, &run, failure, run.reserved, (0, 0), None);
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
        let late = self.workflow.deadline.is_some_and(|due| due <= self.now);
        let event = match (self.workflow.cancelled.clone(), failed) {
            (Some((by, reason)), _) if late && by == DEADLINE => Event::Failed { reason },
            (Some((_, reason)), _) => Event::Cancelled { reason },
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
