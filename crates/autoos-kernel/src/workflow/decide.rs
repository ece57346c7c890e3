//! The rule: a command and the state give the events that make it true. What follows from them by
//! itself, starts and ends, is in [`advance`](super::advance); what becomes of failures in
//! [`climb`](super::climb), of answers in [`review`](super::review), of plans in
//! [`judge`](super::judge).

use super::{
    Command, Decision, End, Event, Output, PLANNING, Rejected, Running, StepState, Verdict,
    Workflow, climb::Failure, event::Seed,
};
use crate::{
    ladder::{self, Exit, FailureClass},
    plan::outline::StepKind,
    rng::Rng,
    route::Router,
    time::Timestamp,
};

/// Who cancels a workflow that ran out of time.
pub(super) const DEADLINE: &str = "deadline";

/// What a decision may draw on beyond the state and the time.
pub struct Means<'a> {
    /// Random choices.
    pub rng: &'a mut dyn Rng,
    /// Who is asked.
    pub router: &'a dyn Router,
}

impl Workflow {
    /// Decides a command, folds what it decides, and gives the events to record.
    ///
    /// Whatever is due at `now` is decided with it: every command is a [`Command::Tick`] too, after
    /// its own business, so that a report that arrives together with its deadline still counts.
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
        means: &mut Means<'_>,
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
        let Means { rng, router } = means;
        // A fork begins as a restart does, with a recovery: nothing starts before it.
        let forks = matches!(command, Command::Fork { .. });
        let mut decider =
            Decider { workflow: self, now, rng: &mut **rng, router: *router, events: Vec::new() };
        decider.command(command)?;
        if !forks {
            decider.pass_time();
            decider.advance();
        }
        Ok(decider.events)
    }
}

pub(super) struct Decider<'a> {
    pub(super) workflow: &'a mut Workflow,
    pub(super) now: Timestamp,
    pub(super) rng: &'a mut dyn Rng,
    pub(super) router: &'a dyn Router,
    pub(super) events: Vec<Event>,
}

impl Decider<'_> {
    pub(super) fn push(&mut self, event: Event) {
        self.workflow.fold(&event, self.now);
        self.events.push(event);
    }

    /// Checks a command first and only then pushes, so that a rejected one leaves no trace.
    fn command(&mut self, command: Command) -> Result<(), Rejected> {
        match command {
            Command::Create(seed) => self.create(seed)?,
            Command::Judged { plan, verdict } => self.judged(plan, verdict)?,
            Command::Evaluated { step, verdict } => self.evaluated(step, verdict)?,
            Command::Ended { step, attempt, end, cost, tokens } => {
                self.ended(&step, attempt, end, cost, tokens)?;
            }
            Command::Recover => self.recover(),
            // Time passes with every command.
            Command::Tick => {}
            Command::Fork { parent, at, model, by } => {
                self.push(Event::Forked { parent, at, model, by });
            }
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

    fn create(&mut self, seed: Seed) -> Result<(), Rejected> {
        let impossible = |why: &str| Err(Rejected::Impossible(why.to_owned()));
        match (&seed.planner, &seed.plan) {
            (None, None) => impossible("a workflow needs a plan, or a planner to make one"),
            (Some(_), Some(_)) => impossible("a workflow that comes with its plan has no planner"),
            (Some(planner), None) if planner.id != PLANNING => {
                impossible("the planner's step must have the id of the planning step")
            }
            (Some(planner), None)
                if planner.evaluated
                    || !planner.needs.is_empty()
                    || matches!(planner.kind, StepKind::Wait { .. }) =>
            {
                impossible("the planner's step must start at once and bring a plan")
            }
            (None, Some((_, outline))) if outline.disorder().is_some() => {
                impossible("the plan's outline was not made by the check of plans")
            }
            _ => {
                self.push(Event::Created(seed));
                Ok(())
            }
        }
    }

    fn evaluated(&mut self, step: String, verdict: Verdict) -> Result<(), Rejected> {
        let workflow = &self.workflow;
        let found = workflow.steps.get(&step).filter(|s| {
            let asked = s.outline.evaluated && s.state == StepState::Blocked;
            asked && workflow.has_its_needs(&step) && !workflow.is_winding_down()
        });
        let Some(found) = found else {
            return Err(Rejected::Stale(format!("step {step} is not up for evaluation")));
        };
        let most = found.outline.items;
        let verdict = match verdict {
            // The plan's worst case was counted with no more than these.
            Verdict::Each(items) if items > most => Verdict::Impossible {
                reason: format!("its list has {items} elements, and limits.items is {most}"),
            },
            other => other,
        };
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
        let (failure, retry_after_ms) = match end {
            End::Done(output) => match self.done(step, &run, output.sane(), cost, tokens) {
                None => return Ok(()),
                Some(failure) => (failure, None),
            },
            End::Failed { exit, detail, retry_after_ms, doubtful } => {
                let Some(exit) = self.certain(step, &run, exit)? else {
                    self.push(Event::AttemptInDoubt { step: step.to_owned(), attempt, exit });
                    return Ok(());
                };
                let doubtful = doubtful.map(Output::sane);
                let doubtful = doubtful.map(|output| self.as_reviewed(step, &run, output));
                let failure = match exit {
                    Exit::Contested if self.may_contest(step, &run) => Failure::new(exit, &detail),
                    Exit::Contested => Failure { exit: Exit::Vetoed, detail, doubtful },
                    exit => Failure { exit, detail, doubtful },
                };
                (failure, retry_after_ms)
            }
            End::NotDone => {
                let exit = match run.doubt {
                    // These would not lead to another attempt, and now one is safe.
                    Some(Exit::EffectUnknown | Exit::Cancelled) => {
                        Exit::Failed(FailureClass::Unavailable)
                    }
                    Some(exit) => exit,
                    None => Exit::HostLost,
                };
                (Failure::new(exit, "its effect did not take place"), None)
            }
        };
        self.failed(step, &run, failure, cost, tokens, retry_after_ms);
        Ok(())
    }

    /// By which exit a failed attempt counts as over; none when its effect may have taken place
    /// and the tool is to be asked first.
    fn certain(&self, step: &str, run: &Running, exit: Exit) -> Result<Option<Exit>, Rejected> {
        let effectful = self.workflow.steps.get(step).is_some_and(|s| s.outline.is_effectful());
        if !run.in_doubt {
            let doubt = effectful && ladder::leaves_doubt(exit);
            return Ok((!doubt).then_some(exit));
        }
        if self.now < run.deadline {
            return Err(Rejected::Stale(format!("step {step} is in doubt until its deadline")));
        }
        // The tool was asked and could not tell. However the asking failed, a refusal of the
        // question included, that is no word on the effect.
        Ok(Some(Exit::EffectUnknown))
    }

    /// The attempts that the process before had in flight: none of their agents is left.
    fn recover(&mut self) {
        for (step, run, effectful) in self.in_flight() {
            self.lost(step, &run, effectful, Exit::HostLost, "the process that worked it is gone");
        }
    }

    /// Ends an attempt of which nothing more will be heard.
    fn lost(&mut self, step: String, run: &Running, effectful: bool, exit: Exit, detail: &str) {
        if effectful {
            self.push(Event::AttemptInDoubt { step, attempt: run.attempt, exit });
        } else {
            let failure = Failure::new(exit, detail);
            self.failed(&step, run, failure, run.reserved, (0, 0), None);
        }
    }

    /// Decides what is due: the workflow's deadline, silent agents, humans who did not answer.
    fn pass_time(&mut self) {
        let late = self.workflow.deadline.is_some_and(|due| due <= self.now);
        if late && self.workflow.cancelled.is_none() {
            let reason = "its deadline has passed".to_owned();
            self.push(Event::CancelRequested { by: DEADLINE.to_owned(), reason });
        }
        for (step, run, effectful) in self.in_flight() {
            if run.deadline <= self.now {
                let detail = "no word from its agent until the deadline";
                self.lost(step, &run, effectful, Exit::Stalled, detail);
            }
        }
        if self.workflow.is_winding_down() {
            return;
        }
        let escalations = self.workflow.escalations.iter();
        let unanswered: Vec<u32> = escalations
            .filter(|(_, e)| e.resolved.is_none() && e.due <= self.now)
            .map(|(number, _)| *number)
            .collect();
        for escalation in unanswered {
            let (decision, by) = (Decision::Abandon, "timeout".to_owned());
            self.push(Event::EscalationResolved { escalation, decision, by });
        }
    }

    /// Attempts in flight that are not in doubt, and whether a second call could do harm.
    pub(super) fn in_flight(&self) -> Vec<(String, Running, bool)> {
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
        if self.workflow.is_winding_down() {
            return Err(Rejected::Stale("the workflow ends, whatever the answer is".into()));
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
}
