//! The rule: a command and the state give the events that make it true.

use super::{
    Command, Decision, End, Event, Output, PLANNING, Rejected, Running, StepState, Verdict,
    Workflow,
};
use crate::{
    body::BodyRef,
    id::{AgentId, uuid_at},
    ladder::{self, Exit, FailureClass, Next, Rung},
    plan::outline::{Outline, StepKind},
    rng::Rng,
    time::Timestamp,
    words::WorkflowState,
};

/// An agent ends its call at the attempt's timeout; so much later, in milliseconds, nobody is
/// there any more to report it.
const GRACE_MS: u64 = 2_000;

impl Workflow {
    /// Decides a command, folds what it decides, and gives the events to record.
    ///
    /// The state is then ahead of the journal: when recording fails, throw it away and fold the
    /// stream again. No events means that there was nothing to do.
    ///
    /// # Errors
    /// [`Rejected`], and then nothing has changed.
    pub fn decide(
        &mut self,
        command: Command,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Vec<Event>, Rejected> {
        if self.created.is_none() != matches!(command, Command::Create(_)) {
            return Err(if self.created.is_none() { Rejected::Missing } else { Rejected::Exists });
        }
        if let Some(end) = &self.end {
            return match command {
                Command::Tick | Command::Recover => Ok(Vec::new()),
                _ => Err(Rejected::Ended(end.state)),
            };
        }
        let mut decider = Decider { workflow: self, now, rng, events: Vec::new() };
        decider.command(command)?;
        decider.advance();
        Ok(decider.events)
    }
}

struct Decider<'a> {
    workflow: &'a mut Workflow,
    now: Timestamp,
    rng: &'a mut dyn Rng,
    events: Vec<Event>,
}

impl Decider<'_> {
    fn push(&mut self, event: Event) {
        self.workflow.fold(&event, self.now);
        self.events.push(event);
    }

    /// Checks a command first and only then pushes, so that a rejected one leaves no trace.
    fn command(&mut self, command: Command) -> Result<(), Rejected> {
        match command {
            Command::Create(seed) => self.push(Event::Created(seed)),
            Command::Judged { plan, verdict } => self.judged(plan, verdict)?,
            Command::Evaluated { step, verdict } => self.evaluated(step, verdict)?,
            Command::Ended { step, attempt, end, cost, tokens } => {
                self.ended(&step, attempt, end, cost, tokens)?;
            }
            Command::Recover => self.recover(),
            Command::Tick => self.tick(),
            Command::Pause { by } if !self.workflow.paused => self.push(Event::Paused { by }),
            Command::Resume { by } if self.workflow.paused => self.push(Event::Resumed { by }),
            Command::Pause { .. } | Command::Resume { .. } => {}
            Command::Cancel { by, reason } if self.workflow.cancelled.is_none() => {
                self.push(Event::CancelRequested { by, reason });
            }
            Command::Cancel { .. } => {}
            Command::Resolve { escalation, decision, by } => {
                self.resolve(escalation, decision, by)?;
            }
        }
        Ok(())
    }

    fn judged(
        &mut self,
        plan: BodyRef,
        verdict: Result<Outline, Vec<String>>,
    ) -> Result<(), Rejected> {
        let asked = self.workflow.steps.get(PLANNING).map(|s| &s.state);
        let same = matches!(asked, Some(StepState::Completed(output)) if output.body == plan);
        if !same || self.workflow.plan.is_some() {
            return Err(Rejected::Stale("the plan is no longer up for judgement".into()));
        }
        match verdict {
            Ok(outline) => self.push(Event::PlanAdopted { revision: 1, plan, outline }),
            Err(problems) => {
                let detail = format!("the plan was refused: {}", problems.join("; "));
                self.push(Event::PlanRefused { problems });
                self.climb(PLANNING, Exit::Failed(FailureClass::Malformed), &detail, None);
            }
        }
        Ok(())
    }

    fn evaluated(&mut self, step: String, verdict: Verdict) -> Result<(), Rejected> {
        let found = self.workflow.steps.get(&step);
        if !found.is_some_and(|s| s.outline.evaluated && s.state == StepState::Blocked) {
            return Err(Rejected::Stale(format!("step {step} is not up for evaluation")));
        }
        let impossible = match &verdict {
            Verdict::Impossible { reason } => Some(reason.clone()),
            _ => None,
        };
        self.push(Event::StepEvaluated { step: step.clone(), verdict });
        if let Some(reason) = impossible {
            self.climb(&step, Exit::Failed(FailureClass::Invalid), &reason, None);
        }
        Ok(())
    }

    fn running(&self, step: &str, attempt: u32) -> Result<Running, Rejected> {
        match self.workflow.steps.get(step).map(|s| &s.state) {
            Some(StepState::Running(run)) if run.attempt == attempt => Ok(run.clone()),
            _ => Err(Rejected::Stale(format!("attempt {attempt} of step {step} is not running"))),
        }
    }

    fn ended(
        &mut self,
        step: &str,
        attempt: u32,
        end: End,
        cost: Option<u64>,
        tokens: (u64, u64),
    ) -> Result<(), Rejected> {
        let run = self.running(step, attempt)?;
        let cost = cost.unwrap_or(run.reserved);
        match end {
            End::Done(output) if self.is_unsure(step, &output) => {
                let confidence = output.confidence.unwrap_or(0.0);
                let detail = format!(
                    "confidence {confidence:.2} is below the {:.2} that {} risk asks for",
                    self.workflow.risk.threshold(),
                    self.workflow.risk
                );
                let failure = Failure { exit: Exit::Unsure, detail, doubtful: Some(output) };
                self.failed(step, attempt, failure, cost, tokens, None);
            }
            End::Done(output) => self.push(Event::AttemptCompleted {
                step: step.to_owned(),
                attempt,
                output,
                cost,
                tokens,
            }),
            End::Failed { exit, detail, retry_after_ms, doubtful } => {
                let failure = Failure { exit, detail, doubtful };
                self.failed(step, attempt, failure, cost, tokens, retry_after_ms);
            }
            End::NotDone => {
                let detail = "its effect did not take place".to_owned();
                let failure = Failure { exit: Exit::HostLost, detail, doubtful: None };
                self.failed(step, attempt, failure, cost, tokens, None);
            }
        }
        Ok(())
    }

    fn is_unsure(&self, step: &str, output: &Output) -> bool {
        let gated = self.workflow.steps.get(step).is_some_and(|s| s.outline.gated);
        gated && output.confidence.is_some_and(|c| c < self.workflow.risk.threshold())
    }

    fn failed(
        &mut self,
        step: &str,
        attempt: u32,
        failure: Failure,
        cost: u64,
        tokens: (u64, u64),
        retry_after_ms: Option<u64>,
    ) {
        let Failure { exit, detail, doubtful } = failure;
        self.push(Event::AttemptFailed {
            step: step.to_owned(),
            attempt,
            exit,
            detail: detail.clone(),
            cost,
            tokens,
            doubtful,
        });
        // Whoever is winding down climbs no ladder.
        if self.workflow.cancelled.is_none() && exit != Exit::Cancelled {
            self.climb(step, exit, &detail, retry_after_ms);
        }
    }

    /// The attempts that the process before had in flight: none of their agents is left.
    fn recover(&mut self) {
        for (step, run, effectful) in self.in_flight() {
            if effectful {
                self.push(Event::AttemptInDoubt { step, attempt: run.attempt });
            } else {
                let detail = "the process that worked it is gone".to_owned();
                let failure = Failure { exit: Exit::HostLost, detail, doubtful: None };
                self.failed(&step, run.attempt, failure, run.reserved, (0, 0), None);
            }
        }
    }

    fn tick(&mut self) {
        if self.workflow.deadline.is_some_and(|due| due <= self.now) {
            if self.workflow.cancelled.is_none() {
                let reason = "its deadline has passed".to_owned();
                self.push(Event::CancelRequested { by: DEADLINE.to_owned(), reason });
            }
            return;
        }
        let stalled: Vec<_> =
            self.in_flight().into_iter().filter(|(_, run, _)| run.deadline <= self.now).collect();
        for (step, run, effectful) in stalled {
            if effectful {
                self.push(Event::AttemptInDoubt { step, attempt: run.attempt });
            } else {
                let detail = "no word from its agent until the deadline".to_owned();
                let failure = Failure { exit: Exit::Stalled, detail, doubtful: None };
                self.failed(&step, run.attempt, failure, run.reserved, (0, 0), None);
            }
        }
        let unanswered: Vec<u32> = self
            .workflow
            .escalations
            .iter()
            .filter(|(_, e)| e.resolved.is_none() && e.due <= self.now)
            .map(|(number, _)| *number)
            .collect();
        for escalation in unanswered {
            let (decision, by) = (Decision::Abandon, "timeout".to_owned());
            self.push(Event::EscalationResolved { escalation, decision, by });
        }
    }

    /// Attempts in flight that are not in doubt, and whether a second call could do harm.
    fn in_flight(&self) -> Vec<(String, Running, bool)> {
        let steps = self.workflow.steps.iter();
        steps
            .filter_map(|(id, step)| match &step.state {
                StepState::Running(run) if !run.in_doubt => {
                    Some((id.clone(), run.clone(), step.outline.is_effectful()))
                }
                _ => None,
            })
            .collect()
    }

    fn resolve(&mut self, number: u32, decision: Decision, by: String) -> Result<(), Rejected> {
        let Some(escalation) = self.workflow.escalations.get(&number) else {
            return Err(Rejected::Impossible(format!("there is no escalation {number}")));
        };
        if let Some((answer, by)) = &escalation.resolved {
            return Err(Rejected::Stale(format!("{by} resolved it: {}", answer.name())));
        }
        let step = self.workflow.steps.get(&escalation.step);
        if decision == Decision::Approve && step.is_none_or(|s| s.doubtful.is_none()) {
            return Err(Rejected::Impossible(
                "there is no answer to approve: choose edit, retry, skip or abandon".into(),
            ));
        }
        if decision == Decision::Skip && escalation.step == PLANNING {
            return Err(Rejected::Impossible(
                "there is nothing to run without a plan: choose edit, retry or abandon".into(),
            ));
        }
        self.push(Event::EscalationResolved { escalation: number, decision, by });
        Ok(())
    }

    /// Goes one rung up, or as far as it takes.
    fn climb(&mut self, id: &str, exit: Exit, detail: &str, retry_after_ms: Option<u64>) {
        let Some(step) = self.workflow.steps.get(id) else { return };
        let outline = &step.outline;
        let next = ladder::next(
            exit,
            step.tried,
            outline.retry,
            outline.fallback,
            retry_after_ms,
            self.rng,
        );
        let other = outline.models().get(step.model + 1).map(|m| m.model.clone());
        let (rung, wait_ms, model) = match next {
            Next::Retry { wait_ms } => (Rung::Retry, wait_ms, None),
            Next::Replace => (Rung::ReplaceAgent, 0, None),
            Next::Swap => (Rung::SwapLlm, 0, other),
            Next::Escalate => return self.escalate(id, exit, detail),
            Next::Skip => {
                let reason = format!("{exit}: {detail}");
                return self.push(Event::StepSkipped { step: id.to_owned(), reason });
            }
            Next::Fail => return self.push(Event::StepFailed { step: id.to_owned(), exit }),
        };
        let due = self.now.plus_ms(wait_ms);
        self.push(Event::RungClimbed { step: id.to_owned(), rung, exit, due, model });
    }

    fn escalate(&mut self, id: &str, exit: Exit, detail: &str) {
        let number = self.workflow.escalations.keys().last().map_or(1, |last| last + 1);
        self.push(Event::Escalated {
            escalation: number,
            step: id.to_owned(),
            exit,
            detail: detail.to_owned(),
            due: self.now.plus_ms(self.workflow.patience_ms),
        });
    }

    /// Starts whatever may start, until nothing changes, and ends what is done.
    fn advance(&mut self) {
        loop {
            if self.workflow.end.is_some() {
                return;
            }
            let failed = self.workflow.steps.iter().find_map(|(id, s)| match &s.state {
                StepState::Failed { exit } => Some(format!("step {id} failed: {exit}")),
                _ => None,
            });
            if self.workflow.cancelled.is_some() || failed.is_some() {
                return self.wind_down(failed);
            }
            let before = self.events.len();
            let ids: Vec<String> = self.workflow.steps.keys().cloned().collect();
            for id in ids {
                self.advance_step(&id);
            }
            if self.events.len() == before {
                return self.complete();
            }
        }
    }

    fn advance_step(&mut self, id: &str) {
        let Some(step) = self.workflow.steps.get(id) else { return };
        let go = match &step.state {
            StepState::Blocked if step.outline.evaluated => false,
            StepState::Blocked | StepState::Ready => self.workflow.may_start(id),
            StepState::BackingOff { due, .. } => *due <= self.now && self.workflow.may_start(id),
            StepState::Waiting { due } if *due <= self.now && !self.workflow.paused => {
                return self.push(Event::TimerFired { step: id.to_owned() });
            }
            _ => false,
        };
        if go {
            self.start(id);
        }
    }

    fn start(&mut self, id: &str) {
        let Some(step) = self.workflow.steps.get(id) else { return };
        let (model, reserved) = match &step.outline.kind {
            StepKind::Wait { ms } => {
                let due = self.now.plus_ms(*ms);
                return self.push(Event::TimerSet { step: id.to_owned(), due });
            }
            StepKind::Tool { .. } => (None, 0),
            StepKind::Ask { models, .. } => match models.get(step.model) {
                Some(candidate) => (Some(candidate.model.clone()), candidate.reserve_microusd),
                None => (None, 0),
            },
        };
        if !self.workflow.budget.allows(reserved) {
            let detail = format!(
                "the next call may cost {}, and {} is left of the budget",
                crate::plan::check::dollars(reserved),
                crate::plan::check::dollars(self.workflow.budget.free())
            );
            return self.escalate(id, Exit::Overspent, &detail);
        }
        let same_agent = match (&step.state, step.agent) {
            (StepState::BackingOff { rung: Rung::Retry, .. }, Some(agent)) => Some(agent),
            _ => None,
        };
        let attempt = step.attempts + 1;
        let deadline = self.now.plus_ms(step.outline.timeout_ms).plus_ms(GRACE_MS);
        let agent = same_agent.unwrap_or_else(|| AgentId(uuid_at(self.now, self.rng.uuid_bits())));
        let step = id.to_owned();
        self.push(Event::AttemptStarted { step, attempt, agent, model, reserved, deadline });
    }

    /// Gives up what can be given up, waits for effects in flight, then ends the workflow.
    fn wind_down(&mut self, failed: Option<String>) {
        for (step, run, effectful) in self.in_flight() {
            if !effectful {
                let detail = "the workflow ends".to_owned();
                let failure = Failure { exit: Exit::Cancelled, detail, doubtful: None };
                self.failed(&step, run.attempt, failure, run.reserved, (0, 0), None);
            }
        }
        let busy = self.workflow.steps.values().any(|s| matches!(s.state, StepState::Running(_)));
        if busy {
            return;
        }
        match (self.workflow.cancelled.clone(), failed) {
            (Some((by, reason)), _) if by != DEADLINE => self.push(Event::Cancelled { reason }),
            (Some((_, reason)), _) => self.push(Event::Failed { reason }),
            (None, reason) => self.push(Event::Failed { reason: reason.unwrap_or_default() }),
        }
    }

    /// Ends the workflow once every step of its plan is over.
    fn complete(&mut self) {
        let Some(plan) = &self.workflow.plan else { return };
        if !self.workflow.steps.values().all(|s| s.state.is_over()) {
            return;
        }
        match self.workflow.steps.get(&plan.outline.result).map(|s| &s.state) {
            Some(StepState::Completed(output)) => {
                let output = output.clone();
                self.push(Event::Completed { output });
            }
            _ => {
                let reason =
                    format!("step {} was left out: there is no result", plan.outline.result);
                self.push(Event::Failed { reason });
            }
        }
        debug_assert!(self.workflow.state() != WorkflowState::Running);
    }
}

/// Who cancels a workflow that ran out of time.
const DEADLINE: &str = "deadline";

struct Failure {
    exit: Exit,
    detail: String,
    doubtful: Option<Output>,
}
