//! Why a workflow came out as it did, from the journal alone: what was decided, by whom, why, what
//! failed, what each rung of the ladder did, what each claim of the result rests on, what it cost.
//!
//! ```text
//! journal ─ history ─▶ events and texts ─ account ─▶ steps, plans, questions, costs, time line
//!                                       └ claims ──▶ each claim, back to the tool that said so
//! ```
//!
//! Everything behind [`history`] is a pure function of what it read. What confidence an answer
//! had, and what was found against it, is told as it was recorded; where a supported claim stands
//! is looked up anew in the recorded evidence, by the same rules. Left out: how it is printed.

mod account;
mod claims;
mod costs;
mod document;
mod history;
mod plans;
mod sources;

pub use document::{
    Asked, AttemptTold, ClaimTold, ClimbTold, CostOf, Costs, ForkedFrom, Ground, LessonTold,
    Moment, Outcome, PlanDiff, PlanTold, Question, Reading, ReviewTold, StepTold, WaitTold, Why,
};

use crate::Error;
use autoos_journal::SharedJournal;
use autoos_kernel::{id::WorkflowId, lesson::Lesson};
use history::History;

/// The account of a workflow; none when there is no such.
pub(crate) async fn explain(
    journal: &SharedJournal,
    id: WorkflowId,
    lessons: &[Lesson],
) -> Result<Option<Why>, Error> {
    let history = History::read(journal, id).await?;
    Ok(history.map(|history| account::tell(&history, lessons)))
}

impl Why {
    /// The claims that `wanted` means: a number, or a part of their text or sentence.
    #[must_use]
    pub fn claims_like(&self, wanted: &str) -> Vec<&ClaimTold> {
        let wanted = wanted.trim();
        let number = wanted.strip_prefix('#').unwrap_or(wanted).parse::<usize>().ok();
        if let Some(claim) = self.claims.iter().find(|claim| Some(claim.number) == number) {
            return vec![claim];
        }
        let wanted = wanted.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let by_text: Vec<&ClaimTold> = self.claims.iter().filter(|c| has(&c.text)).collect();
        if !by_text.is_empty() {
            return by_text;
        }
        self.claims.iter().filter(|c| has(&c.within)).collect()
    }
}
