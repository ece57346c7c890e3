//! The actor: orders in, one append at a time, then whatever is outstanding.

use super::{
    Message, Order,
    assign::Desk,
    learn::Learned,
    record::{Draft, new_events, standing},
};
use crate::{
    agent::{self, Agent},
    brief::{Brief, Loaded},
    clock::SystemRng,
    inputs::Inputs,
    intent,
    parts::{Parts, Setup},
    route::Fabrics,
    submission::Refusal,
    supervise::{self, Bound, Loss},
};
use autoos_journal::{Error, Position, Snapshot, Standing, StreamWrite};
use autoos_kernel::{
    body::BodyRef,
    intent::{self as intent_rules, Intent},
    ladder::Exit,
    plan::Plan,
    time::Timestamp,
    workflow::{Command, Effect, End, FOLD_VERSION, Means, Step, StepState, Workflow, is_planning},
};
use autoos_tools::Stop;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

/// A long history is folded from a snapshot: one for so many events.
const SNAPSHOT_EVERY: u64 = 512;

/// The actor.
pub(crate) struct WorkflowActor;

/// What it starts with.
pub(crate) struct Arguments {
    pub(crate) parts: Parts,
    pub(crate) setup: Arc<Setup>,
    pub(crate) intent: ActorRef<intent::Message>,
    /// Under which epoch it writes.
    pub(crate) epoch: u64,
    pub(crate) loaded: Loaded,
    /// Whether it was folded from the journal, and agents of before may be lost.
    pub(crate) recovered: bool,
    pub(crate) trace: Option<autoos_journal::Trace>,
}

/// Its state.
pub(crate) struct State {
    parts: Parts,
    setup: Arc<Setup>,
    intent: ActorRef<intent::Message>,
    epoch: u64,
    brief: Arc<Brief>,
    workflow: Workflow,
    /// What it was made for, which its end is told to in the same append.
    asked: Intent,
    /// The sequence of the next event of the intent's stream.
    asked_next: u64,
    /// The sequence of the next event to be appended.
    next: u64,
    snapshot_at: u64,
    /// The plan in force, by the name of its document.
    plan: Option<(BodyRef, Arc<Plan>)>,
    /// The document that was read last as a plan, and what it says.
    read: Option<(Arc<Value>, Arc<Plan>)>,
    outputs: HashMap<String, Arc<Value>>,
    shelf: Arc<agent::Shelf>,
    /// Tells calls that wait to begin that it winds down.
    stop: Stop,
    trace: Option<autoos_journal::Trace>,
    queue: Vec<Order>,
    /// Whether a turn is on its way, and what comes before it waits for it.
    gathering: bool,
    /// Who waits for the append in flight; none when there is none.
    in_flight: Option<Vec<super::Reply>>,
    begun: BTreeSet<Effect>,
    agents: HashMap<ActorId, (Effect, ActorRef<agent::Message>)>,
    timer: Option<(Timestamp, Bound)>,
    told_idle: bool,
    /// What the append in flight teaches.
    learned: Vec<Learned>,
}

impl Actor for WorkflowActor {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let Arguments { parts, setup, intent, epoch, loaded, recovered, trace } = arguments;
        let first = if recovered { Command::Recover } else { Command::Tick };
        myself.send_message(Message::Order(Box::new(Order::own(first))))?;
        Ok(State {
            parts,
            setup,
            intent,
            epoch,
            brief: loaded.brief,
            asked: loaded.intent,
            asked_next: loaded.intent_next,
            snapshot_at: loaded.workflow_next,
            next: loaded.workflow_next,
            workflow: loaded.workflow,
            plan: loaded.plan,
            read: None,
            outputs: loaded.outputs,
            shelf: Arc::default(),
            stop: Stop::default(),
            trace,
            queue: Vec::new(),
            gathering: false,
            in_flight: None,
            begun: BTreeSet::new(),
            agents: HashMap::new(),
            timer: None,
            told_idle: false,
            learned: Vec::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Order(order) => {
                state.queue.push(*order);
                if state.gathers(&myself).await? {
                    return Ok(());
                }
            }
            Message::Turn => state.gathering = false,
            Message::Tick => state.queue.push(Order::own(Command::Tick)),
            Message::Recorded(result) => state.recorded(result)?,
            Message::Retire => return state.retire(&myself),
        }
        state.turn(&myself).await
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match supervise::loss(&event) {
            Some(Loss::Ended(agent)) => {
                state.agents.remove(&agent);
            }
            Some(Loss::Died(agent, why)) => {
                if let Some((Effect::StartAgent { step, attempt }, _)) = state.agents.remove(&agent)
                {
                    let end = End::Failed {
                        exit: Exit::Panicked,
                        detail: format!("its agent died: {why}"),
                        retry_after_ms: None,
                        doubtful: None,
                    };
                    let command = Command::Ended { step, attempt, end, cost: None, tokens: (0, 0) };
                    state.queue.push(Order::own(command));
                    return state.turn(&myself).await;
                }
            }
            None => {}
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Message>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        // Its agents end with it; whoever waits is told that nothing is certain.
        for reply in state.in_flight.take().into_iter().flatten() {
            let _ = reply.send(Err(Refusal::Stopping));
        }
        for order in state.queue.drain(..) {
            order.answer(Err(Refusal::Stopping));
        }
        Ok(())
    }
}

impl State {
    /// Agents that began together often end together. As long as several are at work, an order
    /// lets the others have a word first, so that one append records what they all report.
    /// Answers whether the turn is to come later.
    async fn gathers(&mut self, myself: &ActorRef<Message>) -> Result<bool, ActorProcessingErr> {
        if self.in_flight.is_some() || self.agents.len() < 2 {
            return Ok(false);
        }
        if !self.gathering {
            self.gathering = true;
            tokio::task::yield_now().await;
            myself.send_message(Message::Turn)?;
        }
        Ok(true)
    }

    /// After every message: record what is decided, or do what is outstanding.
    async fn turn(&mut self, myself: &ActorRef<Message>) -> Result<(), ActorProcessingErr> {
        while self.in_flight.is_none() {
            self.record(myself);
            if self.in_flight.is_some() {
                break;
            }
            self.act(myself).await?;
            if self.queue.is_empty() {
                self.arm(myself);
                self.report_idle();
                break;
            }
        }
        Ok(())
    }

    /// Decides what waits in the queue and hands it to the journal as one append.
    fn record(&mut self, myself: &ActorRef<Message>) {
        let now = self.parts.clock.now();
        let brief = self.brief.clone();
        let mut draft = Draft::new(&brief.key);
        let llm = self.parts.llm.clone();
        let (router, mut rng) = (Fabrics(&*llm), SystemRng);
        let mut means = Means { rng: &mut rng, router: &router };
        for mut order in std::mem::take(&mut self.queue) {
            if let (Some((_, document)), Some(plan)) = (&order.value, order.plan.take()) {
                self.read = Some((document.clone(), plan));
            }
            draft.take(order, &mut self.workflow, &mut self.outputs, self.trace, now, &mut means);
        }
        if draft.is_empty() {
            return;
        }
        // Before the append that acknowledges the end: no effect begins after it.
        if self.workflow.is_winding_down() {
            self.stop.set();
        }
        self.told_idle = false;
        self.learned.append(&mut draft.learned);
        let added = draft.len();
        let (mut batch, replies) =
            draft.finish(&self.workflow, self.epoch, self.next, standing(&self.workflow, now));
        self.next += added;
        batch.writes.extend(self.told(now));
        self.in_flight = Some(replies);
        let append = self.parts.journal.append(batch);
        let myself = myself.clone();
        tokio::spawn(async move {
            // When the actor is gone nobody needs the answer: whoever comes next folds the stream.
            let _ = myself.send_message(Message::Recorded(append.await));
        });
    }

    /// The end, as it is told to the intent: that is not lost either, and what it has left to do is
    /// done after a restart too.
    fn told(&mut self, now: Timestamp) -> Option<StreamWrite> {
        let state = self.workflow.end.as_ref()?.state;
        let events = self.asked.decide(intent_rules::Command::End { state }).unwrap_or_default();
        if events.is_empty() {
            return None;
        }
        let events = new_events(events, &self.brief.key, "intent", self.trace, now);
        let (stream, expect) = (self.asked.id.stream(), self.asked_next);
        self.asked_next += events.len() as u64;
        Some(StreamWrite { stream, expect, events, standing: Standing::Running })
    }

    fn recorded(&mut self, result: Result<Position, Error>) -> Result<(), ActorProcessingErr> {
        let replies = self.in_flight.take().unwrap_or_default();
        match result {
            Ok(position) => {
                for reply in replies {
                    let _ = reply.send(Ok(Some(position)));
                }
                for learned in self.learned.drain(..) {
                    learned.tell(&self.setup.lessons, &*self.parts.llm);
                }
                self.keep_snapshot();
                Ok(())
            }
            Err(error) => {
                for reply in replies {
                    let _ = reply.send(Err(error.clone().into()));
                }
                // Memory is ahead of the journal: die and be folded anew.
                Err(error.into())
            }
        }
    }

    fn keep_snapshot(&mut self) {
        if self.next < self.snapshot_at + SNAPSHOT_EVERY {
            return;
        }
        self.snapshot_at = self.next;
        let Ok(state) = rmp_serde::to_vec_named(&self.workflow) else { return };
        let state = self.brief.key.seal_state(&state);
        let snapshot = Snapshot { next: self.next, version: FOLD_VERSION, state };
        let saved = self.parts.journal.save_snapshot(self.workflow.id.stream(), snapshot);
        let id = self.workflow.id;
        tokio::spawn(async move {
            if let Err(error) = saved.await {
                // A lost snapshot costs the next fold some time.
                tracing::warn!(workflow = %id, %error, "snapshot not kept");
            }
        });
    }

    /// Begins what is outstanding and was not begun, and stops what is no longer wanted.
    async fn act(&mut self, myself: &ActorRef<Message>) -> Result<(), ActorProcessingErr> {
        let outstanding = self.workflow.outstanding(self.parts.clock.now());
        self.begun.retain(|effect| outstanding.contains(effect));
        for (effect, agent) in self.agents.values() {
            if !outstanding.contains(effect) && !self.is_running(effect) {
                agent.stop(None);
            }
        }
        for effect in outstanding {
            if self.begun.insert(effect.clone()) {
                self.begin(effect, myself).await?;
            }
        }
        Ok(())
    }

    /// An effect in flight is never broken off, not even by a cancellation.
    fn is_running(&self, effect: &Effect) -> bool {
        let Effect::StartAgent { step, attempt } = effect else { return false };
        let step = self.workflow.steps.get(step);
        matches!(step.map(|s| &s.state), Some(StepState::Running(run)) if run.attempt == *attempt)
    }

    async fn begin(
        &mut self,
        effect: Effect,
        myself: &ActorRef<Message>,
    ) -> Result<(), ActorProcessingErr> {
        match &effect {
            Effect::StartAgent { step, .. } => {
                let assignment = self.desk().assign(step).ok_or("an attempt without its step")?;
                let arguments = (assignment, myself.clone());
                let (agent, _) =
                    Agent::spawn_linked(None, Agent, arguments, myself.get_cell()).await?;
                self.agents.insert(agent.get_id(), (effect, agent));
            }
            Effect::Inquire { step, attempt } => self.inquire(step, *attempt, myself),
            Effect::Judge { step, plan, .. } => {
                let body = *plan;
                let plan = self.drafted(step).ok_or("a plan without its document")?;
                let steps = self.workflow.steps.iter();
                let done = steps.filter(|(_, s)| s.state.is_over() && !s.is_replaceable());
                let done = done.map(|(id, _)| id.clone());
                let (done, risk) = (done.collect(), self.workflow.risk);
                let steps = self.workflow.steps.iter().filter(|(_, s)| !s.is_replaceable());
                let kept: BTreeSet<String> = steps.map(|(id, _)| id.clone()).collect();
                let kept = self.plan.as_ref().map(|(_, plan)| (plan.clone(), kept));
                self.intent.send_message(intent::Message::Judge {
                    body,
                    plan,
                    free_microusd: self.workflow.budget.free(),
                    risk,
                    done,
                    kept,
                })?;
            }
            Effect::Evaluate { step } => {
                let plan = self.plan().ok_or("a step without its plan")?;
                let inputs =
                    Inputs { brief: &self.brief, workflow: &self.workflow, outputs: &self.outputs };
                let verdict = inputs.evaluate(&plan, step);
                let command = Command::Evaluated { step: step.clone(), verdict };
                self.queue.push(Order::own(command));
            }
            Effect::Finish => {
                let (end, budget) = (self.workflow.state(), self.workflow.budget);
                let spent_microusd = budget.spent.saturating_add(budget.excess);
                let next = self.asked_next;
                self.intent.send_message(intent::Message::Finished {
                    end,
                    spent_microusd,
                    next,
                })?;
            }
        }
        Ok(())
    }

    /// The plan in force: read from its planning step's output when it was adopted just now.
    fn plan(&mut self) -> Option<Arc<Plan>> {
        let adopted = self.workflow.plan.as_ref()?.body;
        if self.plan.as_ref().is_none_or(|(body, _)| *body != adopted) {
            let made = |step: &Step| matches!(&step.state, StepState::Completed(output) if output.body == adopted);
            let mut steps = self.workflow.steps.iter();
            let planning =
                steps.find(|(id, s)| is_planning(id) && made(s)).map(|(id, _)| id.clone());
            let plan = self.drafted(&planning?)?.ok()?;
            self.plan = Some((adopted, plan));
        }
        self.plan.as_ref().map(|(_, plan)| plan.clone())
    }

    /// A planning step's output as a plan, or what keeps it from being one; none when there is no
    /// output. A document is read once.
    fn drafted(&mut self, planning: &str) -> Option<Result<Arc<Plan>, String>> {
        let document = self.outputs.get(planning)?;
        if let Some((read, plan)) = &self.read
            && Arc::ptr_eq(read, document)
        {
            return Some(Ok(plan.clone()));
        }
        let plan = agent::read_plan(document).map(Arc::new);
        if let Ok(plan) = &plan {
            self.read = Some((document.clone(), plan.clone()));
        }
        Some(plan)
    }

    fn desk(&mut self) -> Desk<'_> {
        let plan = self.plan();
        Desk {
            parts: &self.parts,
            setup: &self.setup,
            brief: &self.brief,
            shelf: &self.shelf,
            stop: &self.stop,
            workflow: &self.workflow,
            plan,
            outputs: &self.outputs,
        }
    }

    /// Asks the tool what became of an effect in doubt.
    fn inquire(&mut self, step: &str, attempt: u32, myself: &ActorRef<Message>) {
        let assignment = self.desk().assign(step);
        let tools = self.parts.tools.clone();
        let (step, myself) = (step.to_owned(), myself.clone());
        tokio::spawn(async move {
            let order = agent::inquire(&*tools, assignment, step, attempt).await;
            // A workflow that is gone asks again when it comes back.
            let _ = myself.send_message(Message::Order(Box::new(order)));
        });
    }

    /// Sets the timer for the next thing that is due by itself; what is due already comes at once.
    fn arm(&mut self, myself: &ActorRef<Message>) {
        let now = self.parts.clock.now();
        let Some(due) = self.workflow.wake(now) else { return };
        if self.timer.as_ref().is_some_and(|(at, task)| *at <= due && !task.0.is_finished()) {
            return;
        }
        let myself = myself.clone();
        let wait = Duration::from_millis(due.since_ms(now));
        let task = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            // No actor, no tick.
            let _ = myself.send_message(Message::Tick);
        });
        // The one before ends as its place is taken.
        self.timer = Some((due, Bound(task.abort_handle())));
    }

    /// Tells the intent that there is nothing to do for a while.
    fn report_idle(&mut self) {
        let now = self.parts.clock.now();
        if self.told_idle || !self.is_idle() {
            return;
        }
        let soon = now.plus_ms(self.setup.options.linger_ms);
        if self.workflow.wake(now).is_none_or(|due| due > soon) {
            self.told_idle = true;
            // An intent that is gone takes its workflow with it.
            let _ = self.intent.send_message(intent::Message::Idle);
        }
    }

    fn is_idle(&self) -> bool {
        let waits =
            matches!(standing(&self.workflow, self.parts.clock.now()), Standing::Waiting { .. });
        waits && self.in_flight.is_none() && self.queue.is_empty() && self.agents.is_empty()
    }

    fn retire(&mut self, myself: &ActorRef<Message>) -> Result<(), ActorProcessingErr> {
        let idle = self.is_idle();
        self.told_idle = false;
        self.intent.send_message(intent::Message::Retired(idle))?;
        if idle {
            myself.stop(None);
        }
        Ok(())
    }
}
