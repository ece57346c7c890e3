//! From the events of a workflow to its account: pure.

use super::{
    claims, costs,
    document::{
        Asked, AttemptTold, ClimbTold, ForkedFrom, LessonTold, Moment, Outcome, PlanTold, Question,
        Reading, ReviewTold, StepTold, WaitTold, Why,
    },
    history::{History, Known, Told},
    plans,
};
use crate::{
    assemble,
    view::{ContextView, StepStatus, Tokens},
};
use autoos_kernel::{
    id::WorkflowId,
    intent::{self, Request},
    ladder::{Exit, Rung},
    lesson::Lesson,
    plan::outline::{Outline, StepKind, StepOutline},
    time::Timestamp,
    workflow::{Decision, Event, Output, StepState, Workflow, is_planning},
};

/// Tells it.
pub(super) fn tell(history: &History, lessons: &[Lesson]) -> Why {
    let id = history.story.workflow.id;
    let mut account = Account {
        history,
        now: Workflow::new(id),
        asked: Asked::default(),
        forked: None,
        plans: Vec::new(),
        steps: Vec::new(),
        questions: Vec::new(),
        planner: String::new(),
    };
    let mut timeline = Vec::with_capacity(history.events.len());
    for told in &history.events {
        account.take(told);
        timeline.push(moment(told));
    }
    account.finish();
    let workflow = &history.story.workflow;
    let costs = costs::of(&account.steps, workflow.budget);
    Why {
        workflow: id,
        state: workflow.state(),
        erased: history.erased,
        asked: account.asked,
        reading: reading(history),
        forked: account.forked,
        plans: account.plans,
        steps: account.steps,
        questions: account.questions,
        lessons: learned(workflow, lessons, id),
        outcome: outcome(history),
        claims: claims::of(history),
        costs,
        timeline,
    }
}

fn moment(told: &Told) -> Moment {
    let entry = &told.entry;
    Moment {
        at: entry.at,
        stream: entry.stream,
        seq: entry.seq,
        actor: entry.actor.clone(),
        kind: entry.kind.clone(),
        step: told.step.clone(),
        what: entry.what.clone(),
    }
}

fn reading(history: &History) -> Option<Reading> {
    let plan = history.story.plan.as_ref()?;
    Some(Reading {
        summary: plan.intent.summary.clone(),
        task_kind: plan.intent.task_kind.clone(),
        goals: plan.goals.0.iter().map(|g| (g.id.clone(), g.statement.clone())).collect(),
        risk: history.story.workflow.risk,
    })
}

fn outcome(history: &History) -> Outcome {
    let workflow = &history.story.workflow;
    let step = workflow.plan.as_ref().map(|plan| plan.outline.result.clone());
    let Some(end) = &workflow.end else { return Outcome { step, ..Outcome::default() } };
    let output = end.output.as_ref();
    Outcome {
        step,
        value: output.and_then(|output| history.value(output.body)),
        confidence: output.and_then(|output| output.confidence),
        verification: output.and_then(|output| history.value(output.evidence?)),
        failure: end.reason.clone(),
    }
}

/// Lessons that changed a plan's shape, and those that were learned from this workflow.
fn learned(workflow: &Workflow, lessons: &[Lesson], id: WorkflowId) -> Vec<LessonTold> {
    let sentence =
        |number| lessons.iter().find(|lesson| lesson.number == number).map(Lesson::sentence);
    let mut told = Vec::new();
    for (step, state) in workflow.steps.iter().filter(|(_, step)| step.parent.is_none()) {
        let outline = &state.outline;
        if let Some((number, review)) = outline.review().and_then(|r| Some((r.lesson?, r))) {
            let does = format!("its answer is made sure of more strictly: {}", review.assurance);
            told.push(LessonTold {
                number,
                step: Some(step.clone()),
                does,
                sentence: sentence(number),
            });
        }
        for (number, model) in outline.models().iter().filter_map(|c| Some((c.lesson?, &c.model))) {
            let does = format!("another model than {model} is preferred");
            told.push(LessonTold {
                number,
                step: Some(step.clone()),
                does,
                sentence: sentence(number),
            });
        }
    }
    for lesson in lessons.iter().filter(|lesson| lesson.from.contains(&id)) {
        let does = match &lesson.reverted {
            Some((by, _)) => format!("this workflow taught it; {by} took it back"),
            None => "this workflow taught it".to_owned(),
        };
        let sentence = Some(lesson.sentence());
        told.push(LessonTold { number: lesson.number, step: None, does, sentence });
    }
    told
}

/// The account as it grows.
struct Account<'a> {
    history: &'a History,
    /// How things stood before the event at hand.
    now: Workflow,
    asked: Asked,
    forked: Option<ForkedFrom>,
    plans: Vec<PlanTold>,
    steps: Vec<StepTold>,
    questions: Vec<Question>,
    /// Who made the plan that comes up next.
    planner: String,
}

impl Account<'_> {
    fn take(&mut self, told: &Told) {
        let at = told.entry.at;
        match &told.event {
            Known::Intent(intent::Event::Accepted(request)) => self.accepted(request, at),
            Known::Intent(intent::Event::Ended { .. } | intent::Event::Settled { .. })
            | Known::Unknown => {}
            Known::Workflow(event) => {
                self.planned(event, at);
                self.now.fold(event, at);
                self.happened(event, at, &told.entry.what);
            }
        }
    }

    fn accepted(&mut self, request: &Request, at: Timestamp) {
        let context = |c: &intent::Context| ContextView {
            name: c.name.clone(),
            label: c.label.clone(),
            bytes: c.bytes,
        };
        self.asked = Asked {
            intent: self.history.text(request.text).map(str::to_owned),
            tenant: request.tenant.clone(),
            user: request.user.clone(),
            at,
            contexts: request.contexts.iter().map(context).collect(),
            risk: request.risk,
            budget_microusd: request.budget_microusd,
            deadline: request.deadline,
        };
    }

    /// What an event says of plans, as things stood before it.
    fn planned(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Created(seed) => {
                if let Some((body, outline)) = &seed.plan {
                    let document = self.history.plan(*body);
                    let steps = plans::steps(outline, document.as_ref());
                    self.plans.push(PlanTold {
                        revision: Some(1),
                        steps,
                        worst_case_microusd: outline.worst_case_microusd,
                        ..refused(at, "the client", Vec::new())
                    });
                }
            }
            Event::PlanAdopted { revision, plan, outline } => {
                self.adopted(*revision, self.history.plan(*plan).as_ref(), outline, at);
            }
            Event::PlanRefused { problems } => {
                let because = self.because();
                let told = refused(at, &self.planner, problems.clone());
                self.plans.push(PlanTold { because, ..told });
            }
            Event::EscalationResolved { escalation, decision: Decision::Edit(_), by } => {
                let asked = self.now.escalations.get(escalation);
                if asked.is_some_and(|asked| is_planning(&asked.step)) {
                    self.planner.clone_from(by);
                }
            }
            _ => {}
        }
    }

    fn adopted(
        &mut self,
        revision: u32,
        document: Option<&autoos_kernel::plan::Plan>,
        outline: &Outline,
        at: Timestamp,
    ) {
        let old = self.now.plan.as_ref();
        let old_document = old.and_then(|plan| self.history.plan(plan.body));
        let changes =
            old.map(|_| plans::diff(&self.now, outline, (old_document.as_ref(), document)));
        let because = self.because();
        if let Some(mutation) = self.now.mutation.clone() {
            let came = format!("plan revision {revision} was adopted");
            self.came_of(&mutation.step, Rung::MutateStrategy, &came);
        }
        self.plans.push(PlanTold {
            revision: Some(revision),
            because,
            steps: plans::steps(outline, document),
            worst_case_microusd: outline.worst_case_microusd,
            changes,
            ..refused(at, &self.planner, Vec::new())
        });
    }

    /// Why there had to be another plan.
    fn because(&self) -> Option<String> {
        if let Some(mutation) = &self.now.mutation {
            return Some(format!("step {} failed ({})", mutation.step, mutation.exit));
        }
        let last = self.plans.last().filter(|plan| plan.revision.is_none());
        last.map(|_| "the one before was refused".to_owned())
    }

    /// What an event says of steps and questions, as things stand after it.
    fn happened(&mut self, event: &Event, at: Timestamp, what: &str) {
        match event {
            Event::Created(_) | Event::PlanAdopted { .. } => self.outlined(),
            Event::StepEvaluated { step, .. } => {
                self.step(step).evaluated = Some(what.to_owned());
            }
            Event::AttemptStarted {
                step,
                attempt,
                agent,
                model,
                reserved,
                purpose,
                choice,
                ..
            } => {
                let told = AttemptTold {
                    attempt: *attempt,
                    purpose: *purpose,
                    agent: *agent,
                    model: model.clone(),
                    choice: choice.clone(),
                    started: at,
                    took_ms: None,
                    outcome: "running",
                    exit: None,
                    detail: None,
                    confidence: None,
                    verification: None,
                    reserved_microusd: *reserved,
                    cost_microusd: 0,
                    tokens: Tokens::default(),
                };
                let step = self.step(step);
                step.attempts.push(told);
                if let Some(climb) = step.climbs.iter_mut().rev().find(|c| c.attempt.is_none()) {
                    climb.attempt = Some(*attempt);
                }
            }
            Event::AttemptCompleted { step, attempt, output, cost, tokens } => {
                self.ended(step, *attempt, at, "completed", (*cost, *tokens), Some(output));
                if is_planning(step) {
                    self.planner = self.model_of(step, *attempt);
                }
            }
            Event::AttemptAnswered { step, attempt, output, cost, tokens } => {
                self.ended(step, *attempt, at, "answered", (*cost, *tokens), Some(output));
            }
            Event::AttemptFailed { step, attempt, exit, detail, cost, tokens, doubtful } => {
                let bill = (*cost, *tokens);
                self.ended(step, *attempt, at, "failed", bill, doubtful.as_ref());
                if let Some(tried) = self.attempt(step, *attempt) {
                    tried.exit = Some(exit.to_string());
                    tried.detail = Some(detail.clone());
                }
                let came = format!("attempt {attempt} failed too ({exit})");
                self.came_of_attempt(step, *attempt, &came);
            }
            Event::AttemptInDoubt { step, attempt, exit } => {
                if let Some(tried) = self.attempt(step, *attempt) {
                    tried.outcome = "in_doubt";
                    tried.exit = Some(exit.to_string());
                }
            }
            Event::ModelsAwaited { step, due, reason, .. } => {
                let wait = WaitTold { at, until: *due, reason: reason.clone() };
                self.step(step).waits.push(wait);
            }
            Event::AnswerTaken { step, reason, .. } => {
                self.step(step).taken = Some(reason.clone());
            }
            Event::RungClimbed { step, rung, exit, due, without, tried } => {
                let mut climb = climbed(*rung, *exit, at, due.since_ms(at));
                climb.without.clone_from(without);
                climb.tried.clone_from(tried);
                self.step(step).climbs.push(climb);
            }
            Event::StepSkipped { step, reason } => {
                let told = self.step(step);
                told.given_up = Some(reason.clone());
                if is_planning(step) {
                    let of = self.mutated();
                    self.came_of(&of, Rung::MutateStrategy, "no other plan was found");
                }
            }
            Event::StepFailed { step, exit } => {
                self.step(step).given_up = Some(format!("nothing was left to try ({exit})"));
            }
            Event::Escalated { escalation, step, exit, detail, due } => {
                self.step(step).climbs.push(climbed(Rung::Escalate, *exit, at, 0));
                self.questions.push(Question {
                    number: *escalation,
                    step: step.clone(),
                    exit: exit.to_string(),
                    detail: detail.clone(),
                    asked: at,
                    due: *due,
                    answer: None,
                    by: None,
                    answered: None,
                });
            }
            Event::EscalationResolved { escalation, decision, by } => {
                self.resolved(*escalation, decision, by, at);
            }
            Event::Forked { parent, at, model, by } => {
                let (model, by) = (model.clone(), by.clone());
                self.forked = Some(ForkedFrom { parent: *parent, events: *at, model, by });
            }
            // The time line has these.
            Event::PlanRefused { .. }
            | Event::TimerSet { .. }
            | Event::TimerFired { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::CancelRequested { .. }
            | Event::Completed { .. }
            | Event::Failed { .. }
            | Event::Cancelled { .. } => {}
        }
    }

    fn resolved(&mut self, number: u32, decision: &Decision, by: &str, at: Timestamp) {
        let Some(question) = self.questions.iter_mut().rev().find(|q| q.number == number) else {
            return;
        };
        question.answer = Some(decision.name());
        question.by = Some(by.to_owned());
        question.answered = Some(at);
        let step = question.step.clone();
        let came = match by {
            "timeout" => format!("nobody answered in time: {}", decision.name()),
            by => format!("{by} answered {}", decision.name()),
        };
        self.came_of(&step, Rung::Escalate, &came);
    }

    fn ended(
        &mut self,
        step: &str,
        attempt: u32,
        at: Timestamp,
        outcome: &'static str,
        (cost, tokens): (u64, (u64, u64)),
        output: Option<&Output>,
    ) {
        let verification = output.and_then(|output| self.history.value(output.evidence?));
        let Some(tried) = self.attempt(step, attempt) else { return };
        tried.took_ms = Some(at.since_ms(tried.started));
        tried.outcome = outcome;
        tried.confidence = output.and_then(|output| output.confidence);
        tried.verification = verification;
        tried.cost_microusd = cost;
        tried.tokens.add(tokens);
        let by = tried.model.clone().map(|model| format!(" by {model}")).unwrap_or_default();
        let came = match outcome {
            "answered" => format!("attempt {attempt}{by} brought an answer"),
            _ => format!("attempt {attempt}{by} succeeded"),
        };
        if outcome != "failed" {
            self.came_of_attempt(step, attempt, &came);
        }
    }

    /// Steps that a plan brought.
    fn outlined(&mut self) {
        let planning = self.now.steps.keys().filter(|id| is_planning(id)).cloned();
        let plan = self.now.plan.iter().flat_map(|plan| &plan.outline.steps);
        let ids: Vec<String> = planning.chain(plan.map(|step| step.id.clone())).collect();
        for id in ids {
            self.step(&id);
        }
    }

    /// A step's account; a new one where it has none yet.
    fn step(&mut self, id: &str) -> &mut StepTold {
        let at = self.steps.iter().position(|step| step.id == id).unwrap_or_else(|| {
            self.steps.push(StepTold {
                id: id.to_owned(),
                title: None,
                work: String::new(),
                task: String::new(),
                state: StepStatus::Blocked,
                evaluated: None,
                review: None,
                attempts: Vec::new(),
                climbs: Vec::new(),
                waits: Vec::new(),
                taken: None,
                given_up: None,
                confidence: None,
            });
            self.steps.len() - 1
        });
        &mut self.steps[at]
    }

    fn attempt(&mut self, step: &str, attempt: u32) -> Option<&mut AttemptTold> {
        self.step(step).attempts.iter_mut().rev().find(|tried| tried.attempt == attempt)
    }

    fn model_of(&mut self, step: &str, attempt: u32) -> String {
        self.attempt(step, attempt).and_then(|tried| tried.model.clone()).unwrap_or_default()
    }

    /// What came of the last climb to a rung.
    fn came_of(&mut self, step: &str, rung: Rung, came: &str) {
        let climbs = &mut self.step(step).climbs;
        let open = |c: &&mut ClimbTold| c.rung == rung && c.came_of_it.is_empty();
        if let Some(climb) = climbs.iter_mut().rev().find(open) {
            climb.came_of_it = came.to_owned();
        }
    }

    fn came_of_attempt(&mut self, step: &str, attempt: u32, came: &str) {
        let climbs = &mut self.step(step).climbs;
        let open = |c: &&mut ClimbTold| c.attempt == Some(attempt) && c.came_of_it.is_empty();
        climbs.iter_mut().filter(|c| open(c)).for_each(|climb| climb.came_of_it = came.to_owned());
    }

    /// The step that the plan was last made anew around.
    fn mutated(&self) -> String {
        let climbs = self.steps.iter().filter_map(|step| {
            let climb = step.climbs.iter().rev().find(|c| c.rung == Rung::MutateStrategy)?;
            Some((climb.at, &step.id))
        });
        climbs.max().map(|(_, step)| step.clone()).unwrap_or_default()
    }

    /// How every step stands in the end.
    fn finish(&mut self) {
        let story = &self.history.story;
        for told in &mut self.steps {
            let Some(step) = story.workflow.steps.get(&told.id) else { continue };
            told.work = plans::work(&step.outline.kind);
            told.task = step.outline.task().to_owned();
            told.review = review(&step.outline);
            if let Some(view) = assemble::step(story, &told.id) {
                told.title = view.title;
                told.state = view.state;
                told.confidence = view.confidence;
            }
            if let StepState::Skipped { reason } = &step.state {
                told.given_up.get_or_insert_with(|| reason.clone());
            }
        }
    }
}

fn refused(at: Timestamp, by: &str, problems: Vec<String>) -> PlanTold {
    PlanTold {
        revision: None,
        at,
        by: if by.is_empty() { "someone".to_owned() } else { by.to_owned() },
        because: None,
        problems,
        steps: Vec::new(),
        worst_case_microusd: 0,
        changes: None,
    }
}

fn climbed(rung: Rung, exit: Exit, at: Timestamp, wait_ms: u64) -> ClimbTold {
    ClimbTold {
        at,
        rung,
        exit: exit.to_string(),
        wait_ms,
        without: None,
        tried: String::new(),
        attempt: None,
        came_of_it: String::new(),
    }
}

fn review(outline: &StepOutline) -> Option<ReviewTold> {
    let StepKind::Ask { review: Some(review), .. } = &outline.kind else { return None };
    Some(ReviewTold {
        assurance: review.assurance.to_string(),
        reviewers: review.models.iter().map(|c| c.model.clone()).collect(),
        ceiling: review.ceiling.as_ref().map(|c| c.confidence),
        ceiling_reason: review.ceiling.as_ref().map(|c| c.reason.clone()),
        lesson: review.lesson,
    })
}
