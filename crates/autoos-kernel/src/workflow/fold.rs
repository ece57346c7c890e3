//! The fold: what each event changes. It takes no clock and makes no choice.

use super::{
    AdoptedPlan, Ending, Escalation, Event, Output, Running, Step, StepState, Workflow,
    command::{Decision, Verdict},
};
use crate::{
    ladder::{Exit, Rung, Tried},
    plan::outline::StepOutline,
    time::Timestamp,
    words::WorkflowState,
};

impl Step {
    pub(super) fn new(outline: StepOutline, parent: Option<(String, u32)>) -> Self {
        let models_left = outline.models().len().saturating_sub(1) as u32;
        Self {
            outline,
            state: StepState::Blocked,
            attempts: 0,
            tried: Tried { models_left, ..Tried::default() },
            model: 0,
            agent: None,
            note: None,
            doubtful: None,
            spent: 0,
            items: None,
            parent,
        }
    }

    fn try_anew(&mut self) {
        let models_left = self.outline.models().len().saturating_sub(1) as u32;
        self.tried = Tried { models_left, ..Tried::default() };
        self.model = 0;
        // Its list was perhaps never looked at: what is Ready runs as one attempt.
        self.state = if self.outline.evaluated { StepState::Blocked } else { StepState::Ready };
    }
}

impl Workflow {
    /// Folds one event that was decided at `at`.
    pub fn fold(&mut self, event: &Event, at: Timestamp) {
        self.updated = at;
        match event {
            Event::Created(seed) => {
                self.created = Some(at);
                self.risk = seed.risk;
                self.deadline = seed.deadline;
                self.patience_ms = seed.patience_ms;
                self.budget.granted = seed.granted_microusd;
                if let Some(planner) = &seed.planner {
                    self.steps.insert(planner.id.clone(), Step::new(planner.clone(), None));
                }
                if let Some((body, outline)) = &seed.plan {
                    self.adopt(AdoptedPlan { revision: 1, body: *body, outline: outline.clone() });
                }
            }
            Event::PlanAdopted { revision, plan, outline } => {
                self.refused.clear();
                self.adopt(AdoptedPlan {
                    revision: *revision,
                    body: *plan,
                    outline: outline.clone(),
                });
            }
            Event::PlanRefused { problems } => {
                self.refused.clone_from(problems);
                if let Some(step) = self.steps.get_mut(super::PLANNING) {
                    step.note = Some(problems.join("; "));
                    step.state = StepState::Blocked;
                }
            }
            Event::StepEvaluated { step, verdict } => self.fold_evaluated(step, verdict),
            Event::TimerSet { step, due } => self.set(step, StepState::Waiting { due: *due }),
            Event::TimerFired { step } => {
                self.set(step, StepState::Gathered);
                self.gather(step);
            }
            Event::AttemptStarted { step, attempt, agent, reserved, deadline, .. } => {
                self.budget.reserve(*reserved);
                if let Some(step) = self.steps.get_mut(step) {
                    step.attempts = *attempt;
                    step.agent = Some(*agent);
                    step.tried.attempts += 1;
                    step.tried.on_model += 1;
                    step.state = StepState::Running(Running {
                        attempt: *attempt,
                        since: at,
                        deadline: *deadline,
                        reserved: *reserved,
                        in_doubt: false,
                        doubt: None,
                    });
                }
            }
            Event::AttemptCompleted { step, output, cost, .. } => {
                self.settle(step, *cost);
                self.complete(step, output.clone());
            }
            Event::AttemptFailed { step, exit, detail, cost, doubtful, .. } => {
                self.settle(step, *cost);
                self.fold_failed(step, *exit, detail, doubtful.as_ref());
            }
            Event::AttemptInDoubt { step, exit, .. } => {
                if let Some(Step { state: StepState::Running(run), .. }) = self.steps.get_mut(step)
                {
                    run.in_doubt = true;
                    run.doubt = Some(*exit);
                }
            }
            Event::RungClimbed { step, rung, due, .. } => self.fold_climbed(step, *rung, *due),
            Event::StepSkipped { step, reason } => {
                self.set(step, StepState::Skipped { reason: reason.clone() });
                self.gather(step);
            }
            Event::StepFailed { step, exit } => self.set(step, StepState::Failed { exit: *exit }),
            Event::Escalated { escalation, step, exit, detail, due } => {
                self.set(step, StepState::Escalated { escalation: *escalation });
                self.escalations.insert(
                    *escalation,
                    Escalation {
                        step: step.clone(),
                        exit: *exit,
                        detail: detail.clone(),
                        at,
                        due: *due,
                        resolved: None,
                    },
                );
            }
            Event::EscalationResolved { escalation, decision, by } => {
                self.fold_resolved(*escalation, decision, by);
            }
            Event::Paused { .. } => self.paused = true,
            Event::Resumed { .. } => self.paused = false,
            Event::CancelRequested { by, reason } => {
                self.cancelled = Some((by.clone(), reason.clone()));
            }
            Event::Completed { output } => {
                self.finish(WorkflowState::Completed, at, Some(output.clone()), None);
            }
            Event::Failed { reason } => self.finish(WorkflowState::Failed, at, None, Some(reason)),
            Event::Cancelled { reason } => {
                self.finish(WorkflowState::Cancelled, at, None, Some(reason));
            }
        }
    }

    fn adopt(&mut self, plan: AdoptedPlan) {
        for outline in &plan.outline.steps {
            self.steps
                .entry(outline.id.clone())
                .or_insert_with(|| Step::new(outline.clone(), None));
        }
        self.plan = Some(plan);
    }

    fn set(&mut self, step: &str, state: StepState) {
        if let Some(step) = self.steps.get_mut(step) {
            step.state = state;
        }
    }

    fn fold_evaluated(&mut self, id: &str, verdict: &Verdict) {
        let Some(step) = self.steps.get_mut(id) else { return };
        match verdict {
            Verdict::Run => step.state = StepState::Ready,
            Verdict::Skip { reason } => step.state = StepState::Skipped { reason: reason.clone() },
            Verdict::Each(0) => {
                step.items = Some(0);
                step.state = StepState::Gathered;
            }
            Verdict::Each(items) => {
                step.items = Some(*items);
                step.state = StepState::Expanded;
                let outline = step.outline.clone();
                for item in 0..*items {
                    let element = format!("{id}.{item}");
                    let outline = StepOutline {
                        id: element.clone(),
                        needs: Vec::new(),
                        evaluated: false,
                        ..outline.clone()
                    };
                    let mut step = Step::new(outline, Some((id.to_owned(), item)));
                    step.state = StepState::Ready;
                    self.steps.insert(element, step);
                }
            }
            // The decision that comes with it says what becomes of the step.
            Verdict::Impossible { reason } => step.note = Some(reason.clone()),
        }
    }

    /// Ends the reservation of a step's running attempt.
    fn settle(&mut self, id: &str, cost: u64) {
        let Some(step) = self.steps.get_mut(id) else { return };
        step.spent = step.spent.saturating_add(cost);
        if let StepState::Running(run) = &step.state {
            self.budget.settle(run.reserved, cost);
        }
    }

    fn complete(&mut self, id: &str, output: Output) {
        if let Some(step) = self.steps.get_mut(id) {
            step.note = None;
            step.state = StepState::Completed(output);
        }
        self.gather(id);
    }

    /// The list of an element is done when its last element is over.
    fn gather(&mut self, id: &str) {
        let Some((list, _)) = self.steps.get(id).and_then(|s| s.parent.clone()) else { return };
        let items = self.steps.get(&list).and_then(|s| s.items).unwrap_or(0);
        let over = (0..items).all(|item| {
            self.steps.get(&format!("{list}.{item}")).is_some_and(|s| s.state.is_over())
        });
        if over {
            self.set(&list, StepState::Gathered);
        }
    }

    fn fold_failed(&mut self, id: &str, exit: Exit, detail: &str, doubtful: Option<&Output>) {
        let Some(step) = self.steps.get_mut(id) else { return };
        if exit == Exit::HostLost {
            // The host's fault, not the step's: it does not use up an attempt.
            step.tried.hosts_lost += 1;
            step.tried.attempts = step.tried.attempts.saturating_sub(1);
            step.tried.on_model = step.tried.on_model.saturating_sub(1);
        } else {
            step.note = Some(detail.to_owned());
        }
        if doubtful.is_some() {
            step.doubtful = doubtful.cloned();
        }
        step.state = StepState::Blocked;
    }

    fn fold_climbed(&mut self, id: &str, rung: Rung, due: Timestamp) {
        let Some(step) = self.steps.get_mut(id) else { return };
        if rung == Rung::SwapLlm {
            step.model += 1;
            step.tried.on_model = 0;
            step.tried.models_left = step.tried.models_left.saturating_sub(1);
        }
        step.state = StepState::BackingOff { due, rung };
    }

    fn fold_resolved(&mut self, number: u32, decision: &Decision, by: &str) {
        let Some(escalation) = self.escalations.get_mut(&number) else { return };
        escalation.resolved = Some((decision.clone(), by.to_owned()));
        let id = escalation.step.clone();
        match decision {
            Decision::Approve => {
                if let Some(output) = self.steps.get(&id).and_then(|s| s.doubtful.clone()) {
                    self.complete(&id, output);
                }
            }
            Decision::Edit(body) => {
                self.complete(&id, Output { body: *body, confidence: None, evidence: None });
            }
            Decision::Retry => {
                if let Some(step) = self.steps.get_mut(&id) {
                    step.try_anew();
                }
            }
            Decision::Skip => {
                self.set(&id, StepState::Skipped { reason: format!("left out by {by}") });
                self.gather(&id);
            }
            Decision::Abandon => {
                let exit = self.escalations.get(&number).map_or(Exit::Cancelled, |e| e.exit);
                self.set(&id, StepState::Failed { exit });
            }
        }
    }

    fn finish(
        &mut self,
        state: WorkflowState,
        at: Timestamp,
        output: Option<Output>,
        reason: Option<&String>,
    ) {
        self.end = Some(Ending { state, at, output, reason: reason.cloned() });
    }
}
