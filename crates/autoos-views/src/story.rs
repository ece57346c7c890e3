//! The fold of one workflow's two streams: the kernel's state and, beside it, what only people
//! ask for: who was asked when, tokens, and the words of the plan.

use crate::{
    Error,
    view::{AttemptView, Calls, ClimbView, Tokens},
};
use autoos_journal::{self as journal, SharedJournal, open_texts};
use autoos_kernel::{
    codec::Recorded,
    id::{StreamId, WorkflowId},
    intent::{self, Intent},
    plan::Plan,
    time::Timestamp,
    workflow::{self, Event, StepState, Workflow},
};
use std::collections::BTreeMap;

/// Events that are read at once.
pub(crate) const PAGE: usize = 2_048;

/// One workflow as far as its events tell.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) workflow: Workflow,
    pub(crate) intent: Intent,
    /// When the intent was accepted.
    pub(crate) accepted: Timestamp,
    pub(crate) steps: BTreeMap<String, StepStory>,
    /// When each escalation was resolved.
    pub(crate) resolved: BTreeMap<u32, Timestamp>,
    pub(crate) tokens: Tokens,
    pub(crate) calls: Calls,
    /// The sequence of the workflow's next event.
    pub(crate) next: u64,
    /// The document of the plan in force, where it could be read.
    pub(crate) plan: Option<Plan>,
}

/// What only people ask of a step.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepStory {
    pub(crate) started: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) attempts: Vec<AttemptView>,
    pub(crate) climbs: Vec<ClimbView>,
    /// Why no model could be asked the last time that none could.
    pub(crate) awaited: Option<String>,
}

impl Story {
    pub(crate) fn new(id: WorkflowId) -> Self {
        Self {
            workflow: Workflow::new(id),
            intent: Intent::new(id.intent()),
            accepted: Timestamp::default(),
            steps: BTreeMap::new(),
            resolved: BTreeMap::new(),
            tokens: Tokens::default(),
            calls: Calls::default(),
            next: 0,
            plan: None,
        }
    }

    /// Reads and folds both streams, the workflow's up to but without sequence `until`. None
    /// when the workflow does not exist.
    pub(crate) async fn read(
        journal: &SharedJournal,
        id: WorkflowId,
        until: u64,
    ) -> Result<Option<Self>, Error> {
        let mut story = Self::new(id);
        for event in read_all(journal, id.intent().stream(), u64::MAX).await? {
            story.fold_intent(&event)?;
        }
        for event in read_all(journal, id.stream(), until).await? {
            story.fold(&event)?;
        }
        Ok((story.intent.request.is_some() || story.next > 0).then_some(story))
    }

    /// Folds an event of the intent's stream.
    pub(crate) fn fold_intent(&mut self, event: &journal::Event) -> Result<(), Error> {
        if let Some(known) = decode::<intent::Event>(event)? {
            if matches!(known, intent::Event::Accepted(_)) {
                self.accepted = event.at;
            }
            self.intent.fold(&known);
        }
        Ok(())
    }

    /// Folds an event of the workflow's stream.
    pub(crate) fn fold(&mut self, event: &journal::Event) -> Result<(), Error> {
        if let Some(known) = decode::<Event>(event)? {
            self.fold_known(&known, event.at);
        }
        self.next = event.seq + 1;
        Ok(())
    }

    /// Folds what a reader has decoded already; [`Self::next`] is then the reader's to move.
    pub(crate) fn fold_known(&mut self, event: &Event, at: Timestamp) {
        let touched = self.step_of(event).map(str::to_owned);
        self.workflow.fold(event, at);
        self.note(event, at);
        if let Some(step) = touched {
            let list = self.workflow.steps.get(&step).and_then(|s| s.parent.clone());
            self.mark_end(&step, at);
            if let Some((list, _)) = list {
                self.mark_end(&list, at);
            }
        }
    }

    /// The step that an event is about.
    pub(crate) fn step_of<'a>(&'a self, event: &'a Event) -> Option<&'a str> {
        match event {
            Event::StepEvaluated { step, .. }
            | Event::TimerSet { step, .. }
            | Event::TimerFired { step }
            | Event::AttemptStarted { step, .. }
            | Event::AttemptCompleted { step, .. }
            | Event::ModelsAwaited { step, .. }
            | Event::AttemptAnswered { step, .. }
            | Event::AnswerTaken { step, .. }
            | Event::AttemptFailed { step, .. }
            | Event::AttemptInDoubt { step, .. }
            | Event::RungClimbed { step, .. }
            | Event::StepSkipped { step, .. }
            | Event::StepFailed { step, .. }
            | Event::Escalated { step, .. } => Some(step),
            Event::PlanRefused { .. } => {
                Some(self.workflow.planning_step().unwrap_or(workflow::PLANNING))
            }
            Event::EscalationResolved { escalation, .. } => {
                self.workflow.escalations.get(escalation).map(|e| e.step.as_str())
            }
            Event::Created(_)
            | Event::PlanAdopted { .. }
            | Event::Forked { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::CancelRequested { .. }
            | Event::Completed { .. }
            | Event::Failed { .. }
            | Event::Cancelled { .. } => None,
        }
    }

    fn note(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::AttemptStarted { step, attempt, agent, model, purpose, .. } => {
                match model {
                    Some(_) => self.calls.model += 1,
                    None => self.calls.tool += 1,
                }
                let step = self.steps.entry(step.clone()).or_default();
                step.started.get_or_insert(at);
                step.attempts.push(AttemptView {
                    attempt: *attempt,
                    agent: *agent,
                    model: model.clone(),
                    purpose: *purpose,
                    started: at,
                    ended: None,
                    exit: None,
                    detail: None,
                    cost_microusd: 0,
                    tokens: Tokens::default(),
                });
            }
            Event::AttemptCompleted { step, attempt, cost, tokens, .. }
            | Event::AttemptAnswered { step, attempt, cost, tokens, .. } => {
                self.end_attempt(step, *attempt, at, *cost, *tokens);
            }
            Event::AttemptFailed { step, attempt, exit, detail, cost, tokens, .. } => {
                if let Some(tried) = self.end_attempt(step, *attempt, at, *cost, *tokens) {
                    tried.exit = Some(exit.to_string());
                    tried.detail = Some(detail.clone());
                }
            }
            Event::RungClimbed { step, rung, exit, due, .. } => {
                let climb = ClimbView { at, rung: *rung, exit: exit.to_string(), due: *due };
                self.steps.entry(step.clone()).or_default().climbs.push(climb);
            }
            Event::ModelsAwaited { step, reason, .. } => {
                let step = self.steps.entry(step.clone()).or_default();
                step.awaited = Some(reason.clone());
            }
            Event::TimerSet { step, .. } => {
                self.steps.entry(step.clone()).or_default().started.get_or_insert(at);
            }
            Event::StepEvaluated { step, verdict: workflow::Verdict::Each(_) } => {
                self.steps.entry(step.clone()).or_default().started.get_or_insert(at);
            }
            Event::EscalationResolved { escalation, .. } => {
                self.resolved.insert(*escalation, at);
            }
            _ => {}
        }
    }

    fn end_attempt(
        &mut self,
        step: &str,
        attempt: u32,
        at: Timestamp,
        cost: u64,
        tokens: (u64, u64),
    ) -> Option<&mut AttemptView> {
        self.tokens.add(tokens);
        let attempts = &mut self.steps.get_mut(step)?.attempts;
        let tried = attempts.iter_mut().rev().find(|a| a.attempt == attempt)?;
        tried.ended = Some(at);
        tried.cost_microusd = cost;
        tried.tokens.add(tokens);
        Some(tried)
    }

    /// Keeps when a step was over, and forgets it when the step goes on after all.
    fn mark_end(&mut self, id: &str, at: Timestamp) {
        let Some(step) = self.workflow.steps.get(id) else { return };
        let over = step.state.is_over() || matches!(step.state, StepState::Failed { .. });
        let story = self.steps.entry(id.to_owned()).or_default();
        if !over {
            story.ended = None;
        } else if story.ended.is_none() {
            story.ended = Some(at);
        }
    }

    /// What a step does, in a line; an element of a list has the list's title and its number.
    pub(crate) fn title(&self, id: &str) -> Option<String> {
        if workflow::is_planning(id) {
            let first = id == workflow::PLANNING;
            return Some(if first { "Make a plan" } else { "Plan around what failed" }.to_owned());
        }
        let (of, item) = match self.workflow.steps.get(id).and_then(|s| s.parent.as_ref()) {
            Some((list, item)) => (list.as_str(), Some(item + 1)),
            None => (id, None),
        };
        let step = self.plan.as_ref()?.steps.iter().find(|s| s.id == of)?;
        let title = Some(step.title.clone()).filter(|t| !t.is_empty())?;
        Some(item.map_or(title.clone(), |n| format!("{title} (item {n})")))
    }

    /// Reads the document of the plan in force; without it steps have no titles.
    pub(crate) async fn read_plan(&mut self, journal: &SharedJournal) -> Result<(), Error> {
        let Some(adopted) = &self.workflow.plan else { return Ok(()) };
        self.plan = match journal.body(self.workflow.id.0, adopted.body).await {
            Ok(bytes) => bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
            Err(journal::Error::Erased(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }
}

/// The kernel's event in a journal's; none when its kind is unknown.
pub(crate) fn decode<E: Recorded>(event: &journal::Event) -> Result<Option<E>, Error> {
    E::decode(&event.kind, &event.body).map_err(|detail| Error::Damaged {
        stream: event.stream,
        detail: format!("sequence {}: {detail}", event.seq),
    })
}

/// The events of a stream up to but without sequence `until`, their texts opened.
pub(crate) async fn read_all(
    journal: &SharedJournal,
    stream: StreamId,
    until: u64,
) -> Result<Vec<journal::Event>, Error> {
    let mut events = read_recorded(journal, stream, until).await?;
    open_texts(&**journal, &mut events).await?;
    Ok(events)
}

/// The same as they were recorded: what their chain is over.
pub(crate) async fn read_recorded(
    journal: &SharedJournal,
    stream: StreamId,
    until: u64,
) -> Result<Vec<journal::Event>, Error> {
    let mut events = Vec::new();
    loop {
        let at = events.len() as u64;
        let left = usize::try_from(until.saturating_sub(at)).unwrap_or(usize::MAX);
        let page = journal.read(stream, at, left.min(PAGE)).await?;
        let last = page.len() < PAGE;
        events.extend(page);
        if last {
            return Ok(events);
        }
    }
}
