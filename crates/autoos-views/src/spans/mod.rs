//! The spans of one workflow, folded from its events: intent → workflow → steps → attempts, climbs
//! of the ladder, questions to humans.
//!
//! | span | begins with | ends with |
//! |---|---|---|
//! | `intent` | `accepted` | `settled` |
//! | `invoke_workflow` | `created` | `completed`, `failed`, `cancelled` |
//! | `step ID` | the first event about it | the step is over, or the workflow |
//! | `invoke_agent ROLE` | `attempt_started` | `attempt_completed`, `_answered`, `_failed` |
//! | `climb RUNG` | `rung_climbed` | the next attempt of its step, a plan anew, an end |
//! | `escalation` | `escalated` | `escalation_resolved` |
//!
//! Times, names and [ids](autoos_telemetry::id) follow from the events alone, so what is exported
//! while a workflow runs, by the node that takes it over, and years later is the same. Nothing of
//! it is a text of a person, a model or a tool. Left out: what the journal does not say, which
//! nodes measure as it happens.

mod attempt;
mod open;

use crate::{
    Error,
    story::{decode, read_recorded},
};
use attempt::Attempts;
use autoos_journal::{self as journal, SharedJournal, Trace};
use autoos_kernel::{
    id::{Prefix, WorkflowId},
    intent,
    time::Timestamp,
    workflow::{Decision, Event, StepState, Workflow, is_planning},
};
use autoos_telemetry::{Link, Span, Status, Value, attribute, id};
use open::Open;
use std::collections::BTreeMap;

/// The fold.
#[derive(Debug, Clone)]
pub struct Spans {
    workflow: Workflow,
    trace: Option<Trace>,
    epoch: Option<u64>,
    intent: Option<Open>,
    run: Option<Open>,
    steps: BTreeMap<String, Open>,
    attempts: Attempts,
    /// By their step: one climb is under way at a time.
    climbs: BTreeMap<String, Open>,
    escalations: BTreeMap<u32, Open>,
    closed: Vec<Span>,
    settled: bool,
}

impl Spans {
    /// The spans of a workflow that has no events yet.
    #[must_use]
    pub fn new(id: WorkflowId) -> Self {
        Self {
            workflow: Workflow::new(id),
            trace: None,
            epoch: None,
            intent: None,
            run: None,
            steps: BTreeMap::new(),
            attempts: Attempts::default(),
            climbs: BTreeMap::new(),
            escalations: BTreeMap::new(),
            closed: Vec::new(),
            settled: false,
        }
    }

    /// Folds all that a journal has of a workflow; none when there is no such.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn read(journal: &SharedJournal, id: WorkflowId) -> Result<Option<Self>, Error> {
        let intents = read_recorded(journal, id.intent().stream(), u64::MAX).await?;
        let events = read_recorded(journal, id.stream(), u64::MAX).await?;
        if intents.is_empty() && events.is_empty() {
            return Ok(None);
        }
        let mut spans = Self::new(id);
        // The intent's first event is before all others and its last one after them.
        let (first, rest) = intents.split_at(intents.len().min(1));
        for event in first.iter().chain(&events).chain(rest) {
            spans.take(event)?;
        }
        Ok(Some(spans))
    }

    /// Whether the trace is kept from its beginning on.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.trace.is_some_and(|trace| trace.sampled)
    }

    /// Whether the intent is settled: nothing comes after that.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.settled
    }

    /// Folds an event of the workflow's stream or of its intent's.
    ///
    /// # Errors
    /// [`Error::Damaged`] for one that does not read.
    pub fn take(&mut self, event: &journal::Event) -> Result<(), Error> {
        self.trace = self.trace.or(event.trace);
        if event.stream.prefix == Prefix::INTENT {
            if let Some(known) = decode::<intent::Event>(event)? {
                self.intent(&known, event.at);
            }
        } else if let Some(known) = decode::<Event>(event)? {
            let step = self.step_of(&known);
            self.workflow.fold(&known, event.at);
            self.note(event, &known);
            if let Some(step) = step {
                self.close_step(&step, event.at);
            }
        }
        Ok(())
    }

    /// The spans that ended since this was asked last.
    pub fn closed(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.closed)
    }

    /// The spans that have not ended, as of the last event: each says that it is not over.
    pub fn unfinished(&mut self) -> Vec<Span> {
        let at = self.workflow.updated;
        let mut of_before = self.closed();
        self.close_all(at, |open| {
            open.attributes.push(attribute("autoos.unfinished", true));
        });
        std::mem::swap(&mut self.closed, &mut of_before);
        of_before
    }

    fn uuid(&self) -> u128 {
        self.workflow.id.0.as_u128()
    }

    fn trace_id(&self) -> u128 {
        id::trace(self.trace.map(|t| t.trace_id), self.uuid())
    }

    fn close(&mut self, open: Open, at: Timestamp, status: Status) {
        let trace = self.trace_id();
        self.closed.push(open.close(trace, at, status));
    }

    fn intent(&mut self, event: &intent::Event, at: Timestamp) {
        match event {
            intent::Event::Accepted(request) => {
                let mut open = Open::new(id::intent(self.uuid()), None, "intent", at);
                // The request that it came with, where its client or its node told of one.
                open.parent = self.trace.map(|trace| trace.span_id);
                open.attributes = vec![
                    attribute("autoos.intent.id", self.workflow.id.intent().to_string()),
                    attribute("autoos.tenant", request.tenant.clone()),
                    attribute("autoos.risk", request.risk.to_string()),
                    attribute("autoos.budget_microusd", request.budget_microusd),
                    attribute("autoos.contexts", request.contexts.len() as u64),
                ];
                self.intent = Some(open);
            }
            // Its end is told again when its accounts are settled, which is what it ends with.
            intent::Event::Ended { .. } => {}
            intent::Event::Settled { state } => {
                self.settled = true;
                self.close_all(at, |_| {});
                if let Some(mut open) = self.intent.take() {
                    open.attributes.push(attribute("autoos.state", state.to_string()));
                    self.close(open, at, ended(*state));
                }
            }
        }
    }

    /// The step that an event is about, as of before it.
    fn step_of(&self, event: &Event) -> Option<String> {
        let step = match event {
            Event::StepEvaluated { step, .. }
            | Event::TimerSet { step, .. }
            | Event::TimerFired { step }
            | Event::AttemptStarted { step, .. }
            | Event::AttemptCompleted { step, .. }
            | Event::AttemptAnswered { step, .. }
            | Event::AnswerTaken { step, .. }
            | Event::AttemptFailed { step, .. }
            | Event::AttemptInDoubt { step, .. }
            | Event::ModelsAwaited { step, .. }
            | Event::RungClimbed { step, .. }
            | Event::StepSkipped { step, .. }
            | Event::StepFailed { step, .. }
            | Event::Escalated { step, .. } => step,
            Event::EscalationResolved { escalation, .. } => {
                &self.workflow.escalations.get(escalation)?.step
            }
            _ => return None,
        };
        Some(step.clone())
    }

    fn note(&mut self, recorded: &journal::Event, event: &Event) {
        let at = recorded.at;
        if self.epoch.replace(recorded.epoch).is_some_and(|before| before != recorded.epoch) {
            let attributes = vec![attribute("autoos.epoch", recorded.epoch)];
            self.happened("autoos.taken_over", at, attributes);
        }
        match event {
            Event::Created(seed) => {
                let parent = Some(id::intent(self.uuid()));
                let mut open = Open::new(id::workflow(self.uuid()), parent, "invoke_workflow", at);
                open.attributes = vec![
                    attribute("gen_ai.operation.name", "invoke_workflow"),
                    attribute("autoos.workflow.id", self.workflow.id.to_string()),
                    attribute("autoos.risk", seed.risk.to_string()),
                    attribute("autoos.granted_microusd", seed.granted_microusd),
                ];
                self.run = Some(open);
            }
            Event::Forked { parent, at: taken, .. } => self.forked(*parent, *taken, at),
            Event::PlanAdopted { revision, outline, .. } => {
                let attributes = vec![
                    attribute("autoos.plan.revision", *revision),
                    attribute("autoos.plan.steps", outline.steps.len() as u64),
                    attribute("autoos.plan.worst_case_microusd", outline.worst_case_microusd),
                ];
                self.happened("autoos.plan_adopted", at, attributes);
                self.close_replanned(at);
            }
            Event::PlanRefused { problems } => {
                let attributes = vec![attribute("autoos.plan.problems", problems.len() as u64)];
                self.happened("autoos.plan_refused", at, attributes);
            }
            Event::Paused { by } => {
                self.happened("autoos.paused", at, vec![attribute("autoos.by", by.clone())]);
            }
            Event::Resumed { by } => {
                self.happened("autoos.resumed", at, vec![attribute("autoos.by", by.clone())]);
            }
            Event::CancelRequested { by, .. } => {
                let by = vec![attribute("autoos.by", by.clone())];
                self.happened("autoos.cancel_requested", at, by);
            }
            Event::Completed { .. } | Event::Failed { .. } | Event::Cancelled { .. } => {
                self.close_all(at, |_| {});
            }
            _ => self.note_step(recorded, event),
        }
    }

    fn note_step(&mut self, recorded: &journal::Event, event: &Event) {
        let at = recorded.at;
        match event {
            Event::AttemptStarted { step, .. } => {
                self.close_climb(step, at);
                self.open_step(step, at);
                let trace = self.trace_id();
                self.attempts.started(trace, &self.workflow, event, at);
            }
            Event::AttemptCompleted { .. }
            | Event::AttemptAnswered { .. }
            | Event::AttemptFailed { .. }
            | Event::AttemptInDoubt { .. } => {
                let trace = self.trace_id();
                self.closed.extend(self.attempts.ended(trace, event, at));
            }
            Event::AnswerTaken { step, .. } => {
                self.step_event(step, "autoos.answer_taken_unreviewed", at, Vec::new());
            }
            Event::ModelsAwaited { step, .. } => {
                self.step_event(step, "autoos.models_awaited", at, Vec::new());
            }
            Event::StepFailed { step, exit } => {
                let exit = vec![attribute("error.type", exit.to_string())];
                self.step_event(step, "autoos.step_given_up", at, exit);
            }
            Event::RungClimbed { step, rung, exit, without, .. } => {
                self.close_climb(step, at);
                self.open_step(step, at);
                let name = format!("climb {rung}");
                let parent = Some(id::step(self.uuid(), step));
                let mut open = Open::new(id::climb(self.uuid(), recorded.seq), parent, name, at);
                open.attributes = vec![
                    attribute("autoos.step.id", step.clone()),
                    attribute("autoos.recovery_level", *rung as u64 + 1),
                    attribute("autoos.rung", rung.to_string()),
                    attribute("autoos.exit", exit.to_string()),
                ];
                if let Some(model) = without {
                    open.attributes.push(attribute("autoos.without", model.clone()));
                }
                open.links.extend(self.attempts.link(self.trace_id(), step, "after"));
                self.attempts.climbed(step, *rung);
                self.climbs.insert(step.clone(), open);
            }
            Event::Escalated { escalation, step, exit, .. } => {
                self.close_climb(step, at);
                self.open_step(step, at);
                let parent = Some(id::step(self.uuid(), step));
                let span = id::escalation(self.uuid(), *escalation);
                let mut open = Open::new(span, parent, "escalation", at);
                open.attributes = vec![
                    attribute("autoos.step.id", step.clone()),
                    attribute("autoos.escalation", *escalation),
                    attribute("autoos.recovery_level", 5_u32),
                    attribute("autoos.exit", exit.to_string()),
                ];
                open.links.extend(self.attempts.link(self.trace_id(), step, "after"));
                self.escalations.insert(*escalation, open);
            }
            Event::EscalationResolved { escalation, decision, by } => {
                let Some(mut open) = self.escalations.remove(escalation) else { return };
                open.attributes.push(attribute("autoos.decision", decision.name()));
                open.attributes.push(attribute("autoos.by", by.clone()));
                if let Some(step) = self.workflow.escalations.get(escalation).map(|e| &e.step) {
                    let again = matches!(decision, Decision::Retry | Decision::Raise(_));
                    if again {
                        self.attempts.asked_again(step);
                    }
                }
                self.close(open, at, Status::Unset);
            }
            Event::StepEvaluated { step, .. }
            | Event::TimerSet { step, .. }
            | Event::TimerFired { step }
            | Event::StepSkipped { step, .. } => self.open_step(step, at),
            _ => {}
        }
    }

    /// What was taken over is the parent's to tell.
    fn forked(&mut self, parent: WorkflowId, taken: u64, at: Timestamp) {
        self.closed.clear();
        self.steps.clear();
        self.climbs.clear();
        self.escalations.clear();
        self.attempts = Attempts::default();
        let Some(run) = &mut self.run else { return };
        run.start = at;
        run.events.clear();
        run.attributes.push(attribute("autoos.fork.at", taken));
        run.links.push(Link {
            trace: parent.0.as_u128(),
            span: id::workflow(parent.0.as_u128()),
            attributes: vec![attribute("autoos.link", "forked_from")],
        });
    }

    fn happened(
        &mut self,
        name: &'static str,
        at: Timestamp,
        attributes: Vec<(&'static str, Value)>,
    ) {
        if let Some(run) = &mut self.run {
            run.event(name, at, attributes);
        }
    }

    fn step_event(
        &mut self,
        step: &str,
        name: &'static str,
        at: Timestamp,
        attributes: Vec<(&'static str, Value)>,
    ) {
        self.open_step(step, at);
        if let Some(open) = self.steps.get_mut(step) {
            open.event(name, at, attributes);
        }
    }

    fn open_step(&mut self, step: &str, at: Timestamp) {
        if self.steps.contains_key(step) {
            return;
        }
        let known = self.workflow.steps.get(step);
        // An element of a list is below its list.
        let list = known.and_then(|s| s.parent.as_ref()).map(|(list, _)| list.clone());
        let parent = match &list {
            Some(list) => id::step(self.uuid(), list),
            None => id::workflow(self.uuid()),
        };
        let mut open =
            Open::new(id::step(self.uuid(), step), Some(parent), format!("step {step}"), at);
        open.attributes.push(attribute("autoos.step.id", step.to_owned()));
        if let Some(known) = known {
            open.attributes.push(attribute("autoos.step.kind", attempt::kind(known)));
        }
        if is_planning(step)
            && let Some(mutation) = &self.workflow.mutation
        {
            open.attributes.push(attribute("autoos.plan.around", mutation.step.clone()));
            open.links.extend(self.attempts.link(self.trace_id(), &mutation.step, "planned_anew"));
        }
        self.steps.insert(step.to_owned(), open);
    }

    /// Closes a step's span once the step is over, and that of its list after its last element.
    fn close_step(&mut self, step: &str, at: Timestamp) {
        let Some(known) = self.workflow.steps.get(step) else { return };
        if !known.state.is_over() {
            return;
        }
        let list = known.parent.as_ref().map(|(list, _)| list.clone());
        let (state, spent) = (state_of(&known.state), known.spent);
        self.close_climb(step, at);
        if let Some(mut open) = self.steps.remove(step) {
            open.attributes.push(attribute("autoos.state", state));
            open.attributes.push(attribute("autoos.cost_microusd", spent));
            self.close(open, at, Status::Unset);
        }
        if let Some(list) = list {
            self.close_step(&list, at);
        }
    }

    /// Steps that a new plan goes without are over with it, and so is the climb that led to it.
    fn close_replanned(&mut self, at: Timestamp) {
        let anew = |open: &Open| open.name == "climb mutate_strategy";
        let climbs = self.climbs.iter().filter(|(_, open)| anew(open));
        for step in climbs.map(|(step, _)| step.clone()).collect::<Vec<_>>() {
            self.close_climb(&step, at);
        }
        for step in self.steps.keys().cloned().collect::<Vec<_>>() {
            self.close_step(&step, at);
        }
    }

    fn close_climb(&mut self, step: &str, at: Timestamp) {
        if let Some(open) = self.climbs.remove(step) {
            self.close(open, at, Status::Unset);
        }
    }

    /// Closes everything but the intent.
    fn close_all(&mut self, at: Timestamp, mut last: impl FnMut(&mut Open)) {
        let trace = self.trace_id();
        let below = self.attempts.all().into_iter();
        let below = below.chain(std::mem::take(&mut self.climbs).into_values());
        let below = below.chain(std::mem::take(&mut self.escalations).into_values());
        for mut open in below {
            last(&mut open);
            self.closed.push(open.close(trace, at, Status::Unset));
        }
        for (step, mut open) in std::mem::take(&mut self.steps) {
            let state = self.workflow.steps.get(&step).map(|s| &s.state);
            open.attributes.extend(state.map(|s| attribute("autoos.state", state_of(s))));
            let status = match state {
                Some(StepState::Failed { exit }) => open.failed(exit.to_string()),
                _ => Status::Unset,
            };
            last(&mut open);
            self.closed.push(open.close(trace, at, status));
        }
        let Some(mut open) = self.run.take() else { return };
        let budget = self.workflow.budget;
        let state = self.workflow.state();
        open.attributes.push(attribute("autoos.state", state.to_string()));
        open.attributes.push(attribute("autoos.spent_microusd", budget.spent));
        let failed = self.workflow.steps.values().find_map(|step| match &step.state {
            StepState::Failed { exit } => Some(exit.to_string()),
            _ => None,
        });
        let status = match ended(state) {
            Status::Failed(word) => {
                open.failed(failed.unwrap_or_else(|| word.clone().into_owned()))
            }
            other => other,
        };
        last(&mut open);
        self.closed.push(open.close(trace, at, status));
    }
}

fn ended(state: autoos_kernel::words::WorkflowState) -> Status {
    use autoos_kernel::words::WorkflowState as S;
    match state {
        S::Completed => Status::Good,
        S::Failed => Status::Failed("failed".into()),
        _ => Status::Unset,
    }
}

fn state_of(state: &StepState) -> &'static str {
    match state {
        StepState::Completed(_) | StepState::Gathered => "completed",
        StepState::Skipped { .. } => "skipped",
        StepState::Dropped => "dropped",
        StepState::Failed { .. } => "failed",
        StepState::Escalated { .. } => "escalated",
        _ => "open",
    }
}
