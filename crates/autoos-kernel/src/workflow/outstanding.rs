//! What is to be done next, from the state alone. The owner does what it has not begun yet; after
//! a restart it has begun nothing, and so does all of it.

use super::{StepState, Workflow};
use crate::{body::BodyRef, time::Timestamp};
use std::collections::BTreeSet;

/// Something for the owner to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Have an agent work this attempt.
    StartAgent {
        /// The step.
        step: String,
        /// The attempt's number.
        attempt: u32,
    },
    /// Ask the tool whether the effect of this attempt took place.
    Inquire {
        /// The step.
        step: String,
        /// The attempt's number.
        attempt: u32,
    },
    /// Have the intent judge this plan.
    Judge {
        /// The planning step that made it.
        step: String,
        /// The attempt that did.
        attempt: u32,
        /// The document.
        plan: BodyRef,
    },
    /// Look at a step's condition or list.
    Evaluate {
        /// The step.
        step: String,
    },
    /// Tell the intent how it ended.
    Finish,
}

impl Workflow {
    /// Everything that is to be done at `now`.
    #[must_use]
    pub fn outstanding(&self, now: Timestamp) -> BTreeSet<Effect> {
        let mut effects = BTreeSet::new();
        if self.end.is_some() {
            effects.insert(Effect::Finish);
            return effects;
        }
        let ending = self.is_winding_down();
        let planning = self.planning_step().filter(|_| !ending);
        for (id, step) in &self.steps {
            match &step.state {
                // Not before the deadline: until then the lost process may still send it.
                StepState::Running(run) if run.in_doubt && now >= run.deadline => {
                    effects.insert(Effect::Inquire { step: id.clone(), attempt: run.attempt });
                }
                // What was not begun before the end was decided is not begun after it.
                StepState::Running(run) if !run.in_doubt && !ending => {
                    effects.insert(Effect::StartAgent { step: id.clone(), attempt: run.attempt });
                }
                StepState::Completed(output) if planning == Some(id.as_str()) => {
                    let (step, attempt) = (id.clone(), step.attempts);
                    effects.insert(Effect::Judge { step, attempt, plan: output.body });
                }
                StepState::Blocked if step.outline.evaluated && !ending && self.may_start(id) => {
                    effects.insert(Effect::Evaluate { step: id.clone() });
                }
                _ => {}
            }
        }
        effects
    }

    /// Whether new work may begin on a step of a workflow that is not winding down: nobody paused
    /// it, and what it needs is over.
    pub(super) fn may_start(&self, id: &str) -> bool {
        !self.paused && self.has_its_needs(id)
    }

    /// Whether everything that a step needs is over.
    pub(super) fn has_its_needs(&self, id: &str) -> bool {
        let Some(step) = self.steps.get(id) else { return false };
        let mut needs = step.outline.needs.iter();
        needs.all(|need| self.steps.get(need).is_some_and(|s| s.state.is_over()))
    }
}
