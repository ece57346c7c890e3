//! The actor in front of an endpoint.
//!
//! Parent: the fabric's supervisor. Children: one linked task per call that runs, which reports
//! back. Messages: [`Message::Ask`] from the fabric, [`Message::Settled`] from its own tasks.
//! Nothing survives a restart: calls that ran or waited are answered as crashed, which for an
//! attempt means that the ladder takes it up.
//!
//! The mailbox is bounded by permits: a call needs one before it is sent here and holds it until
//! it is over, so at most `max_in_flight + max_queued` messages can be under way.

use super::{Provider, health::Health};
use crate::{Failure, FailureClass, LlmResponse, Request};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::{collections::VecDeque, sync::Arc, time::Instant};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinSet,
};

/// What the actor and whoever calls it share.
pub(crate) struct Desk {
    /// The endpoint.
    pub(crate) provider: Arc<dyn Provider>,
    /// Calls that run at once.
    max_in_flight: u32,
    /// Permits to be here at all, running or waiting.
    permits: u32,
    door: Arc<Semaphore>,
    pub(super) health: Health,
}

/// One call on its way.
pub(crate) struct Call {
    request: Request,
    reply: oneshot::Sender<Result<LlmResponse, Failure>>,
    /// Held until the call is over.
    permit: OwnedSemaphorePermit,
}

/// What the actor is told.
pub(crate) enum Message {
    /// By the fabric: make this call when there is room.
    Ask(Box<Call>),
    /// By a task of its own: its call is over, however it ended.
    Settled,
}

impl Desk {
    pub(crate) fn new(provider: Arc<dyn Provider>, max_in_flight: u32, max_queued: u32) -> Self {
        let permits = max_in_flight.saturating_add(max_queued);
        let door = Arc::new(Semaphore::new(permits as usize));
        Self { provider, max_in_flight, permits, door, health: Health::default() }
    }

    /// Lets a call in, or says when to come back.
    pub(crate) fn admit(
        &self,
        request: Request,
    ) -> Result<(Call, oneshot::Receiver<Result<LlmResponse, Failure>>), Failure> {
        let Ok(permit) = Arc::clone(&self.door).try_acquire_owned() else {
            self.health.refused();
            let waiting = self.permits - self.max_in_flight;
            let detail = format!("{waiting} calls wait for {} already", self.provider.name());
            let mut failure = Failure::new(&request.model, FailureClass::RateLimit, detail);
            failure.retry_after_ms = Some(self.room_in_ms());
            failure.cost_microusd = Some(0);
            return Err(failure);
        };
        let (reply, answer) = oneshot::channel();
        Ok((Call { request, reply, permit }, answer))
    }

    /// When the queue will have moved by half, as far as the last answers tell.
    fn room_in_ms(&self) -> u64 {
        let rounds = u64::from(self.permits / self.max_in_flight.max(1)).div_ceil(2).max(1);
        (self.health.latency_ms().unwrap_or(1_000) * rounds).clamp(100, 30_000)
    }

    /// Counts a failure that the actor does not see: the caller's deadline.
    pub(crate) fn failed(&self, failure: &Failure) {
        self.health.failed(failure);
    }

    pub(crate) fn restarted(&self) {
        self.health.restarted();
    }

    pub(crate) fn status(&self) -> super::ProviderStatus {
        let free = u32::try_from(self.door.available_permits()).unwrap_or(self.permits);
        self.health.status(self.permits.saturating_sub(free))
    }
}

/// The actor; what it knows is its [`Desk`].
pub(crate) struct ProviderActor(pub(crate) Arc<Desk>);

/// What changes while it runs.
pub(crate) struct State {
    /// Aborted with the actor, so that no call outlives it unseen.
    running: JoinSet<()>,
    in_flight: u32,
    waiting: VecDeque<Box<Call>>,
}

impl Actor for ProviderActor {
    type Msg = Message;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<State, ActorProcessingErr> {
        Ok(State { running: JoinSet::new(), in_flight: 0, waiting: VecDeque::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Ask(call) => state.waiting.push_back(call),
            Message::Settled => {
                state.in_flight = state.in_flight.saturating_sub(1);
                while state.running.try_join_next().is_some() {}
            }
        }
        while state.in_flight < self.0.max_in_flight {
            let Some(call) = state.waiting.pop_front() else { break };
            // Whoever gave up waiting is not called for.
            if !call.reply.is_closed() {
                state.in_flight += 1;
                let desk = Arc::clone(&self.0);
                state.running.spawn(run(desk, call, myself.clone()));
            }
        }
        Ok(())
    }

    /// It has no child actors; should it get one, that one's end is not its own.
    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Message>,
        _: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

/// Reports the end of a call whichever way it ends; a panic and an abort drop it unsettled.
struct Report {
    desk: Arc<Desk>,
    actor: ActorRef<Message>,
    reply: Option<oneshot::Sender<Result<LlmResponse, Failure>>>,
    model: String,
    began: Instant,
    permit: Option<OwnedSemaphorePermit>,
}

impl Report {
    fn settle(&mut self, result: Result<LlmResponse, Failure>) {
        let Some(reply) = self.reply.take() else { return };
        match &result {
            Ok(response) => self.desk.health.answered(response, self.began.elapsed()),
            Err(failure) => self.desk.health.failed(failure),
        }
        self.desk.health.ended();
        // Given back first, so that whoever gets the answer finds room for the next call.
        self.permit = None;
        // Whoever dropped the other end has given the call up.
        let _ = reply.send(result);
    }

    async fn caller_gone(&mut self) {
        match &mut self.reply {
            Some(reply) => reply.closed().await,
            None => std::future::pending().await,
        }
    }

    /// The caller is gone: nothing to say and nothing to hold against the provider.
    fn give_up(&mut self) {
        if self.reply.take().is_some() {
            self.desk.health.ended();
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let crashed = Failure::new(&self.model, FailureClass::Crashed, "the call crashed");
        self.settle(Err(crashed));
        // An actor that is gone has nothing to count.
        let _ = self.actor.cast(Message::Settled);
    }
}

async fn run(desk: Arc<Desk>, call: Box<Call>, actor: ActorRef<Message>) {
    let Call { request, reply, permit } = *call;
    desk.health.began();
    let provider = Arc::clone(&desk.provider);
    let mut report = Report {
        desk,
        actor,
        reply: Some(reply),
        model: request.model.clone(),
        began: Instant::now(),
        permit: Some(permit),
    };
    tokio::select! {
        // Whoever is gone first is not worth another step of the call.
        biased;
        () = report.caller_gone() => report.give_up(),
        // The future is made inside the task, so that a panic in making it is the task's.
        result = async { provider.ask(request).await } => report.settle(result),
    }
}
