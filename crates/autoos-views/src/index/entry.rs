//! What the index keeps of one workflow: where it stands, derived from its events without
//! keeping its steps. A test holds it against the kernel's own fold at every position.

use super::{names::NameId, share::UNTOLD};
use autoos_kernel::{
    ladder::Rung,
    time::Timestamp,
    words::{RiskLevel, WorkflowState},
    workflow::{Decision, Event, PLANNING, Purpose, Verdict},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One workflow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: Uuid,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) tenant: NameId,
    pub(crate) user: NameId,
    pub(crate) risk: RiskLevel,
    /// Micro-dollars: spent, and charged beyond what was reserved.
    pub(crate) cost: u64,
    pub(crate) steps: u32,
    pub(crate) over: u32,
    begun: bool,
    planned: bool,
    paused: bool,
    cancelled: bool,
    end: Option<WorkflowState>,
    /// What is open now; nothing of a workflow at rest.
    live: Option<Box<Live>>,
}

/// What is open in a workflow.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Live {
    running: Vec<Attempt>,
    /// Lists whose elements run, and how many are not over.
    lists: Vec<(Box<str>, u32)>,
    /// Questions by number and step.
    asked: Vec<(u32, Box<str>)>,
}

/// An attempt in flight.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) step: Box<str>,
    pub(crate) model: Option<Box<str>>,
    pub(crate) since: Timestamp,
    pub(crate) purpose: Purpose,
}

/// What an event meant for its workflow, as far as counting needs to know.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The attempt that ended.
    pub(crate) attempt: Option<Attempt>,
    /// What a call that ended cost in micro-dollars, and its tokens.
    pub(crate) charged: Option<(u64, (u64, u64))>,
    /// The number of a question that opened.
    pub(crate) asked: Option<u32>,
    /// Steps that were over by it.
    pub(crate) over: u32,
}

impl Entry {
    /// A workflow whose first event was decided at `at`.
    pub(crate) fn new(id: Uuid, at: Timestamp) -> Self {
        Self {
            id,
            created: at,
            updated: at,
            tenant: UNTOLD,
            user: UNTOLD,
            risk: RiskLevel::default(),
            cost: 0,
            steps: 0,
            over: 0,
            begun: false,
            planned: false,
            paused: false,
            cancelled: false,
            end: None,
            live: None,
        }
    }

    /// Where it stands, as [`autoos_kernel::workflow::Workflow::state`] has it.
    pub(crate) fn state(&self) -> WorkflowState {
        let running = self.live.as_ref().is_some_and(|live| !live.running.is_empty());
        let asked = self.live.as_ref().is_some_and(|live| !live.asked.is_empty());
        match self.end {
            Some(end) => end,
            None if self.cancelled => WorkflowState::Cancelling,
            None if self.paused => WorkflowState::Paused,
            None if asked && !running => WorkflowState::Escalated,
            None if !self.planned => WorkflowState::Planning,
            None => WorkflowState::Running,
        }
    }

    /// Where it stands; none before its workflow's first event.
    pub(crate) fn known_state(&self) -> Option<WorkflowState> {
        self.begun.then(|| self.state())
    }

    /// When it ended.
    pub(crate) fn ended(&self) -> Option<Timestamp> {
        self.end.map(|_| self.updated)
    }

    /// How many questions are open.
    pub(crate) fn open_questions(&self) -> u32 {
        self.live.as_ref().map_or(0, |live| live.asked.len() as u32)
    }

    /// Whether the question with this number is open.
    pub(crate) fn asks(&self, number: u32) -> bool {
        self.live.as_ref().is_some_and(|live| live.asked.iter().any(|(n, _)| *n == number))
    }

    /// What it takes beside its row, in bytes.
    #[cfg(test)]
    pub(crate) fn heap(&self) -> usize {
        let Some(live) = &self.live else { return 0 };
        // Allocators hand out pieces of 16 bytes.
        let steps: usize = live.asked.iter().map(|(_, step)| step.len().next_multiple_of(16)).sum();
        size_of::<Live>()
            + size_of::<Attempt>() * live.running.capacity()
            + size_of::<(Box<str>, u32)>() * live.lists.capacity()
            + size_of::<(u32, Box<str>)>() * live.asked.capacity()
            + steps
    }

    /// Folds one event of the workflow's stream.
    pub(crate) fn fold(&mut self, event: &Event, at: Timestamp) -> Seen {
        self.updated = at;
        self.begun = true;
        let mut live = self.live.take().unwrap_or_default();
        let over = self.over;
        let mut seen = Seen::default();
        self.fold_open(event, at, &mut live, &mut seen);
        self.fold_rest(event);
        self.steps = self.steps.max(self.over);
        if self.end.is_some() {
            *live = Live::default();
        }
        seen.over = self.over.saturating_sub(over);
        if live.running.is_empty() {
            // Workflows that wait are many: they hold no room for attempts.
            live.running = Vec::new();
        }
        let idle = live.running.is_empty() && live.lists.is_empty() && live.asked.is_empty();
        self.live = (!idle).then_some(live);
        seen
    }

    /// What opens and closes.
    fn fold_open(&mut self, event: &Event, at: Timestamp, live: &mut Live, seen: &mut Seen) {
        match event {
            Event::AttemptStarted { step, model, purpose, .. } => {
                let (step, model) = (step.as_str().into(), model.as_deref().map(Into::into));
                live.running.push(Attempt { step, model, since: at, purpose: *purpose });
            }
            Event::AttemptCompleted { step, cost, tokens, .. } => {
                seen.attempt = live.end(step);
                seen.charged = Some((*cost, *tokens));
                self.cost = self.cost.saturating_add(*cost);
                self.step_over(step, live);
            }
            Event::AttemptFailed { step, cost, tokens, .. }
            | Event::AttemptAnswered { step, cost, tokens, .. } => {
                seen.attempt = live.end(step);
                seen.charged = Some((*cost, *tokens));
                self.cost = self.cost.saturating_add(*cost);
            }
            Event::StepEvaluated { step, verdict: Verdict::Each(items @ 1..) } => {
                self.steps = self.steps.saturating_add(*items);
                live.lists.push((step.as_str().into(), *items));
            }
            Event::StepEvaluated { verdict: Verdict::Each(0) | Verdict::Skip { .. }, .. } => {
                self.over += 1;
            }
            Event::TimerFired { step }
            | Event::StepSkipped { step, .. }
            | Event::AnswerTaken { step, .. } => {
                self.step_over(step, live);
            }
            Event::Escalated { escalation, step, .. } => {
                live.asked.reserve_exact(1);
                live.asked.push((*escalation, step.as_str().into()));
                seen.asked = Some(*escalation);
            }
            Event::EscalationResolved { escalation, decision, .. } => {
                let Some(found) = live.asked.iter().position(|(n, ..)| n == escalation) else {
                    return;
                };
                let (_, step) = live.asked.remove(found);
                if matches!(decision, Decision::Approve | Decision::Edit(_) | Decision::Skip) {
                    self.step_over(&step, live);
                }
            }
            _ => {}
        }
    }

    fn fold_rest(&mut self, event: &Event) {
        match event {
            Event::Created(seed) => {
                self.risk = seed.risk;
                self.steps += u32::from(seed.planner.is_some());
                if let Some((_, outline)) = &seed.plan {
                    self.planned = true;
                    self.steps += outline.steps.len() as u32;
                }
            }
            // The step that makes the new plan.
            Event::RungClimbed { rung: Rung::MutateStrategy, .. } => self.steps += 1,
            Event::PlanAdopted { revision, outline, .. } => {
                self.planned = true;
                let steps = outline.steps.len() as u32;
                // Of a later revision only what it names counts, beside the plannings.
                self.steps = if *revision > 1 { steps + revision } else { self.steps + steps };
            }
            // The planning step is not over after all.
            Event::PlanRefused { .. } => self.over = self.over.saturating_sub(1),
            Event::Paused { .. } => self.paused = true,
            Event::Resumed { .. } => self.paused = false,
            Event::CancelRequested { .. } => self.cancelled = true,
            Event::Completed { .. } => self.end = Some(WorkflowState::Completed),
            Event::Failed { .. } => self.end = Some(WorkflowState::Failed),
            Event::Cancelled { .. } => self.end = Some(WorkflowState::Cancelled),
            _ => {}
        }
    }

    /// A step is over, and with the last element its list.
    fn step_over(&mut self, step: &str, live: &mut Live) {
        self.over += 1;
        // Ids of steps hold no dot; those of elements end with one and a number.
        let Some((list, _)) = step.rsplit_once('.').filter(|_| step != PLANNING) else { return };
        if let Some(found) = live.lists.iter().position(|(id, _)| **id == *list) {
            live.lists[found].1 -= 1;
            if live.lists[found].1 == 0 {
                live.lists.remove(found);
                self.over += 1;
            }
        }
    }
}

impl Live {
    fn end(&mut self, step: &str) -> Option<Attempt> {
        let found = self.running.iter().position(|a| &*a.step == step)?;
        Some(self.running.swap_remove(found))
    }
}

#[cfg(test)]
#[path = "entry_test.rs"]
mod tests;
