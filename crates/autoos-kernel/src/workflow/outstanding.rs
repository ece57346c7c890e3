//! What is to be done next, from the state alone. The owner does what it has not begun yet; after
//! a restart it has begun nothing, and so does all of it.

use super::{PLANNING, StepState, Workflow};
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
        /// The planning step's attempt that made it.
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
        for (id, step) in &self.steps {
            match &step.state {
                StepState::Running(run) if run.in_doubt => {
                    // Not before the deadline: until then the lost process may still send it.
                    if now >= run.deadline {
                        effects.insert(Effect::Inquire { step: id.clone(), attempt: run.attempt });
                    }
                }
                // What was not begun before a cancellation is not begun after it.
                StepState::Running(run) if self.cancelled.is_none() => {
                    effects.insert(Effect::StartAgent { step: id.clone(), attempt: run.attempt });
                }
                StepState::Completed(output) if id == PLANNING && self.plan.is_none() => {
                    if self.cancelled.is_none() {
                        effects.insert(Effect::Judge { attempt: step.attempts, plan: output.body });
                    }
                }
                StepState::Blocked if step.outline.evaluated && self.may_start(id) => {
                    effects.insert(Effect::Evaluate { step: id.clone() });
                }
                _ => {}
            }
        }
        effects
    }

    /// Whether new work may begin on a step: nothing holds the workflow, and what it needs is over.
    pub(super) fn may_start(&self, id: &str) -> bool {
        if self.paused || self.cancelled.is_some() || self.end.is_some() {
            return false;
        }
        let Some(step) = self.steps.get(id) else { return false };
        step.outline
            .needs
            .iter()
            .all(|need| self.steps.get(need).is_some_and(|s| s.state.is_over()))
    }
}
