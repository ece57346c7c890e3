//! The fold: what each event changes. It takes no clock and makes no choice.

use super::{
    AdoptedPlan, Answer, Contested, Ending, Escalation, Event, Fork, Mutation, Output, PLANNING,
    Purpose, Reviewing, Running, Step, StepState, Workflow,
    command::{Decision, Verdict},
    is_planning,
};
use crate::{
    ladder::{Exit, Rung, Tried, is_doubt},
    plan::outline::StepOutline,
    time::Timestamp,
    words::WorkflowState,
};

impl Step {
    pub(super) fn new(outline: StepOutline, parent: Option<(String, u32)>) -> Self {
        let mut step = Self {
            outline,
            state: StepState::Blocked,
            attempts: 0,
            tried: Tried::default(),
            model: 0,
            agent: None,
            note: None,
            doubtful: None,
            spent: 0,
            items: None,
            parent,
            without: Vec::new(),
            reviewing: None,
            refuted: Vec::new(),
            awaiting: None,
        };
        step.forget();
        step
    }

    /// As if nothing had been tried yet.
    fn forget(&mut self) {
        self.without.clear();
        self.reviewing = None;
        self.refuted.clear();
        self.model = 0;
        self.tried = Tried { models_left: self.models_left(), ..Tried::default() };
    }

    fn try_anew(&mut self) {
        self.forget();
        self.awaiting = None;
        // Its list was perhaps never looked at: what is Ready runs as one attempt.
        self.state = if self.outline.evaluated { StepState::Blocked } else { StepState::Ready };
    }

    /// How many candidates are left beside the one that is asked.
    fn models_left(&self) -> u32 {
        self.open_models().len().saturating_sub(1) as u32
    }

    /// The counts of the ladder for what its attempts are for.
    fn tried_mut(&mut self, purpose: Purpose) -> &mut Tried {
        match (&mut self.reviewing, purpose) {
            (Some(reviewing), Purpose::Second | Purpose::Review) => &mut reviewing.tried,
            _ => &mut self.tried,
        }
    }

    fn start(&mut self, run: Running, model: Option<&str>) {
        self.attempts = run.attempt;
        let changed = match (&mut self.reviewing, run.purpose) {
            (Some(reviewing), Purpose::Second | Purpose::Review) => {
                let changed = reviewing.model.as_deref() != model;
                reviewing.model = model.map(str::to_owned);
                changed
            }
            _ => {
                let models = self.outline.models();
                let at = models.iter().position(|c| Some(c.model.as_str()) == model);
                let at = at.unwrap_or(self.model);
                let changed = at != self.model;
                self.model = at;
                changed
            }
        };
        let tried = self.tried_mut(run.purpose);
        if changed {
            tried.on_model = 0;
        }
        tried.attempts += 1;
        tried.on_model += 1;
        self.state = StepState::Running(run);
    }

    /// An answer came that is to be made sure of: what comes next begins on its first rung.
    fn answered(&mut self, attempt: u32, output: &Output) {
        let asked = match &self.reviewing {
            Some(reviewing) => reviewing.model.clone(),
            None => self.candidate().map(|c| c.model.clone()),
        };
        let model = asked.unwrap_or_default();
        let known = self.outline.models().iter().find(|c| c.model == model);
        let vendor = known.map(|c| c.vendor.clone()).unwrap_or_default();
        let mut answers = self.reviewing.take().map(|r| r.answers).unwrap_or_default();
        answers.push(Answer { attempt, model, vendor, output: output.clone() });
        self.reviewing = Some(Reviewing { answers, ..Reviewing::default() });
        let models_left = self.reviewers().len().saturating_sub(1) as u32;
        if let Some(reviewing) = &mut self.reviewing {
            reviewing.tried.models_left = models_left;
        }
        self.state = StepState::Answered;
    }
}

impl Step {
    /// The verdict of whoever is asked stands alone: others judge, at the price of one of the step's
    /// attempts.
    fn contested(&mut self) {
        self.tried.attempts += 1;
        let models = self.outline.review().map(|review| &review.models);
        let Some(reviewing) = &mut self.reviewing else { return };
        let Some(model) = reviewing.model.clone() else { return };
        let known = models.and_then(|models| models.iter().find(|c| c.model == model));
        let vendor = known.map(|c| c.vendor.clone()).unwrap_or_default();
        reviewing.contested = Some(Contested { model, vendor });
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
                let planning = self.planning_step().unwrap_or(PLANNING).to_owned();
                if let Some(step) = self.steps.get_mut(&planning) {
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
            Event::AttemptStarted {
                step,
                attempt,
                agent,
                model,
                reserved,
                deadline,
                purpose,
                ..
            } => {
                self.budget.reserve(*reserved);
                if let Some(step) = self.steps.get_mut(step) {
                    step.agent = Some(*agent);
                    let run = Running {
                        attempt: *attempt,
                        since: at,
                        deadline: *deadline,
                        reserved: *reserved,
                        purpose: *purpose,
                        in_doubt: false,
                        doubt: None,
                    };
                    step.start(run, model.as_deref());
                }
            }
            Event::ModelsAwaited { step, due, anew, .. } => {
                if let Some(step) = self.steps.get_mut(step) {
                    if *anew && step.reviewing.is_none() {
                        step.forget();
                    } else if *anew && let Some(reviewing) = &mut step.reviewing {
                        reviewing.without.clear();
                        reviewing.tried = Tried::default();
                        let left = step.reviewers().len().saturating_sub(1) as u32;
                        if let Some(reviewing) = &mut step.reviewing {
                            reviewing.tried.models_left = left;
                        }
                    }
                    step.awaiting.get_or_insert(at);
                    step.state = StepState::BackingOff { due: *due, rung: Rung::SwapLlm };
                }
            }
            Event::AttemptAnswered { step, attempt, output, cost, .. } => {
                self.settle(step, *cost);
                if let Some(step) = self.steps.get_mut(step) {
                    step.answered(*attempt, output);
                }
            }
            Event::AnswerTaken { step, output, .. } => self.complete(step, output.clone()),
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
            Event::RungClimbed { step, rung, exit, due, without, .. } => {
                self.fold_climbed(step, *rung, *due, without.as_deref());
                if *rung == Rung::MutateStrategy {
                    self.fold_mutating(step, *exit);
                }
            }
            Event::StepSkipped { step, reason } => {
                self.set(step, StepState::Skipped { reason: reason.clone() });
                self.gather(step);
                if is_planning(step) {
                    self.mutation = None;
                }
            }
            Event::StepFailed { step, exit } => self.set(step, StepState::Failed { exit: *exit }),
            Event::Escalated { escalation, step, exit, detail, due } => {
                if let Some(step) = self.steps.get_mut(step) {
                    // What nobody could make sure of is a human's to believe.
                    if let Some(reviewing) = step.reviewing.take() {
                        step.doubtful = reviewing.answers.into_iter().next().map(|a| a.output);
                    }
                    step.state = StepState::Escalated { escalation: *escalation };
                }
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
            Event::Forked { parent, at, model, .. } => {
                self.fork = Some(Fork { parent: *parent, at: *at, model: model.clone() });
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

    /// A plan is in force: what is done of the one before stays done, the rest gives way.
    fn adopt(&mut self, plan: AdoptedPlan) {
        self.mutation = None;
        // A planner may only raise what the client stated.
        self.risk = plan.outline.risk.map_or(self.risk, |risk| risk.max(self.risk));
        let keeps = |step: &Step| !step.is_replaceable() || step.parent.is_some();
        for (id, step) in &mut self.steps {
            if !is_planning(id) && !keeps(step) {
                step.state = StepState::Dropped;
            }
        }
        for outline in &plan.outline.steps {
            let known = self.steps.get(&outline.id);
            if known.is_none_or(|step| step.state == StepState::Dropped) {
                let attempts = known.map_or(0, |step| step.attempts);
                let spent = known.map_or(0, |step| step.spent);
                let step = Step { attempts, spent, ..Step::new(outline.clone(), None) };
                self.steps.insert(outline.id.clone(), step);
            }
        }
        self.plan = Some(plan);
    }

    /// The plan is made anew around a step.
    fn fold_mutating(&mut self, id: &str, exit: Exit) {
        let revision = self.plan.as_ref().map_or(1, |plan| plan.revision) + 1;
        let (Some(planner), Some(failed)) =
            (self.steps.get(PLANNING).map(|s| s.outline.clone()), self.steps.get_mut(id))
        else {
            return;
        };
        failed.state = StepState::Mutating;
        failed.reviewing = None;
        let why = failed.note.clone().unwrap_or_default();
        self.mutations += 1;
        let planning = format!("{PLANNING}.{}", self.mutations + 1);
        let outline = StepOutline { id: planning.clone(), ..planner };
        let mut step = Step::new(outline, None);
        step.note = Some(format!("step {id} failed: {exit}: {why}"));
        step.state = StepState::Ready;
        self.steps.insert(planning.clone(), step);
        self.mutation = Some(Mutation { step: id.to_owned(), exit, revision, planning });
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
            step.reviewing = None;
            if !is_planning(id) {
                // A plan may still be refused: how long was waited for it counts on.
                step.awaiting = None;
            }
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
        let purpose = match &step.state {
            StepState::Running(run) => run.purpose,
            _ => Purpose::Answer,
        };
        if exit == Exit::HostLost {
            // The host's fault, not the step's: it does not use up an attempt.
            let tried = step.tried_mut(purpose);
            tried.hosts_lost += 1;
            tried.attempts = tried.attempts.saturating_sub(1);
            tried.on_model = tried.on_model.saturating_sub(1);
        } else if purpose == Purpose::Answer || is_doubt(exit) {
            step.note = Some(detail.to_owned());
        }
        if doubtful.is_some() {
            step.doubtful = doubtful.cloned();
        }
        if exit == Exit::Contested {
            step.contested();
        }
        if purpose == Purpose::Answer || is_doubt(exit) {
            let vetoed = step.reviewing.take().filter(|_| exit == Exit::Vetoed);
            step.refuted.extend(vetoed.and_then(|r| r.answers.into_iter().next()));
            step.state = StepState::Blocked;
        } else {
            step.state = StepState::Answered;
        }
    }

    fn fold_climbed(&mut self, id: &str, rung: Rung, due: Timestamp, without: Option<&str>) {
        let Some(step) = self.steps.get_mut(id) else { return };
        if rung == Rung::SwapLlm {
            let asked = match &step.reviewing {
                Some(reviewing) => reviewing.model.clone(),
                None => step.candidate().map(|c| c.model.clone()),
            };
            let gone = without.map(str::to_owned).or(asked);
            match &mut step.reviewing {
                Some(reviewing) => reviewing.without.extend(gone),
                None => step.without.extend(gone),
            }
            let left = match &step.reviewing {
                Some(_) => step.reviewers().len().saturating_sub(1) as u32,
                None => step.models_left(),
            };
            let purpose = step.purpose();
            let tried = step.tried_mut(purpose);
            tried.on_model = 0;
            tried.models_left = left;
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
            Decision::Retry | Decision::Raise(_) => {
                if let Decision::Raise(more) = decision {
                    self.budget.granted = self.budget.granted.saturating_add(*more);
                }
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
