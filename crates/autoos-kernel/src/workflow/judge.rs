//! What becomes of a plan that came up: it is adopted, the first or around a part that failed, or
//! planned again.

use super::{Decision, Event, PLANNING, Rejected, Step, StepState, decide::Decider, is_planning};
use crate::{
    body::BodyRef,
    ladder::{Exit, FailureClass},
    plan::outline::{Outline, StepKind, StepOutline},
};

impl Step {
    /// Whether a later revision of the plan may do without the step, or do it otherwise: nothing of
    /// it is done, and nothing is under way.
    #[must_use]
    pub fn is_replaceable(&self) -> bool {
        // Whether its effect took place may be what the human is asked.
        if self.outline.is_effectful() && matches!(self.state, StepState::Escalated { .. }) {
            return false;
        }
        matches!(
            self.state,
            StepState::Blocked
                | StepState::Ready
                | StepState::Answered
                | StepState::BackingOff { .. }
                | StepState::Escalated { .. }
                | StepState::Mutating
                | StepState::Dropped
        )
    }
}

impl Decider<'_> {
    pub(super) fn judged(
        &mut self,
        plan: BodyRef,
        verdict: Result<Outline, Vec<String>>,
    ) -> Result<(), Rejected> {
        let stale = || Rejected::Stale("the plan is no longer up for judgement".into());
        let planning = self.workflow.planning_step().ok_or_else(stale)?.to_owned();
        let revision = self.workflow.mutation.as_ref().map_or(1, |m| m.revision);
        let asked = self.workflow.steps.get(&planning).map(|s| &s.state);
        if !matches!(asked, Some(StepState::Completed(output)) if output.body == plan) {
            return Err(stale());
        }
        let verdict = verdict.and_then(|outline| match self.misfit(&outline) {
            problems if problems.is_empty() => Ok(outline),
            problems => Err(problems),
        });
        match verdict {
            Ok(outline) => {
                self.withdraw_questions(revision);
                self.push(Event::PlanAdopted { revision, plan, outline });
            }
            Err(problems) => {
                let detail = format!("the plan was refused: {}", problems.join("; "));
                self.push(Event::PlanRefused { problems });
                let malformed = Exit::Failed(FailureClass::Malformed);
                self.climb(&planning, malformed, &detail, None);
            }
        }
        Ok(())
    }

    /// What was asked of a human about steps that the new plan replaces is asked no longer.
    fn withdraw_questions(&mut self, revision: u32) {
        let workflow = &self.workflow;
        let replaced = |step: &str| {
            let step = workflow.steps.get(step);
            step.is_some_and(|s| s.is_replaceable() && s.parent.is_none())
        };
        let open = workflow.escalations.iter().filter(|(_, e)| e.resolved.is_none());
        let moot: Vec<u32> =
            open.filter(|(_, e)| replaced(&e.step)).map(|(number, _)| *number).collect();
        for escalation in moot {
            let by = format!("revision {revision}");
            self.push(Event::EscalationResolved { escalation, decision: Decision::Retry, by });
        }
    }

    /// Why an outline cannot take the place of the one in force.
    fn misfit(&self, outline: &Outline) -> Vec<String> {
        if let Some(problem) = outline.disorder() {
            return vec![problem];
        }
        let steps = &self.workflow.steps;
        let changed = |new: &&StepOutline| {
            let old = steps.get(&new.id).filter(|old| !old.is_replaceable());
            old.is_some_and(|old| !is_same_work(&old.outline.kind, &new.kind))
        };
        let mut problems = Vec::new();
        for new in outline.steps.iter().filter(changed) {
            let id = &new.id;
            problems.push(format!(
                "step {id}: it is done or under way and stays as it is: give other work another id"
            ));
        }
        for (id, old) in steps.iter().filter(|(id, old)| !is_planning(id) && old.parent.is_none()) {
            let new = outline.steps.iter().find(|new| new.id == *id);
            let open = !old.is_replaceable() && !old.state.is_over();
            let acted = old.outline.is_effectful() && matches!(old.state, StepState::Completed(_));
            match new {
                None if open => problems.push(format!("step {id}: it is under way: keep it")),
                None if acted => {
                    problems.push(format!("step {id}: it has changed something outside: keep it"));
                }
                Some(new) if !old.is_replaceable() && asks_more(&old.outline, new) => {
                    problems.push(format!(
                        "step {id}: more hangs on it now than it was made sure of: give the work \
                         another id"
                    ));
                }
                _ => {}
            }
        }
        let acts = |new: &&StepOutline| {
            let over = steps.get(&new.id).is_some_and(|old| old.state.is_over());
            new.is_effectful() && !over
        };
        if self.workflow.fork.is_some() {
            problems.extend(outline.steps.iter().filter(acts).map(|new| {
                format!("step {}: a fork changes nothing outside: leave it out", new.id)
            }));
        }
        let taken = |new: &&StepOutline| {
            let element = steps.get(&new.id).is_some_and(|old| old.parent.is_some());
            element || is_planning(&new.id)
        };
        problems.extend(
            outline
                .steps
                .iter()
                .filter(taken)
                .map(|new| format!("step {}: its id is taken", new.id)),
        );
        problems
    }

    /// Whether the plan may be made anew around a step: a model planned it, no human did, and it was
    /// not done too often.
    pub(super) fn may_mutate(&self, id: &str) -> bool {
        let workflow = &self.workflow;
        workflow.mutations < super::MUTATIONS_MAX
            && workflow.mutation.is_none()
            && workflow.plan.is_some()
            && workflow.steps.get(PLANNING).is_some_and(thinks)
            && !is_planning(id)
            && workflow.steps.get(id).is_some_and(|step| step.parent.is_none())
    }
}

/// Whether a step's answer would have to be surer now than it was made.
fn asks_more(old: &StepOutline, new: &StepOutline) -> bool {
    let assurance = |outline: &StepOutline| outline.review().map(|r| r.assurance);
    assurance(new) > assurance(old) || (new.gated && !old.gated)
}

/// Whether a planning step may come to another plan the second time.
fn thinks(planning: &Step) -> bool {
    planning.outline.models().iter().any(|c| !c.fixed)
}

/// Whether what was done under one shape is what the other asks for.
fn is_same_work(old: &StepKind, new: &StepKind) -> bool {
    match (old, new) {
        (StepKind::Tool { name: a, .. }, StepKind::Tool { name: b, .. }) => a == b,
        (StepKind::Ask { role: a, .. }, StepKind::Ask { role: b, .. }) => a == b,
        (StepKind::Wait { ms: a }, StepKind::Wait { ms: b }) => a == b,
        _ => false,
    }
}
