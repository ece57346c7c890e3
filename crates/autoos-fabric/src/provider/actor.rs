//! The actor in front of an endpoint.
//!
//! Parent: the fabric's supervisor. Children: one linked task per call that runs, which reports
//! back. Messages: [`Message::Ask`] from the fabric, [`Message::Settled`] from its own tasks,
//! [`Message::Turn`] from its own timer. Nothing but the desk survives a restart: calls that ran
//! or waited are answered as crashed, which for an attempt means that the ladder takes it up.
//!
//! The mailbox is bounded by permits: a call needs one before it is sent here and holds it until
//! it is over, so at most `max_in_flight + max_queued` messages can be under way.

use super::{
    Came, Work,
    desk::{Call, Desk, Reply},
    line::{Deadlines, Line, Silence},
    span,
    ticket::Ticket,
};
use crate::{Failure, FailureClass};
use autoos_telemetry::{Live, Within};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, task::JoinSet};

/// What the actor is told.
pub(crate) enum Message {
    /// By the fabric: make this call when there is room.
    Ask(Box<Call>),
    /// By a task of its own: its call is over, however it ended.
    Settled,
    /// By its timer: a limit may let the next call through.
    Turn,
}

/// The actor; what it knows is its [`Desk`].
pub(crate) struct ProviderActor(pub(crate) Arc<Desk>);

/// What changes while it runs.
pub(crate) struct State {
    /// Aborted with the actor, so that no call outlives it unseen.
    running: JoinSet<()>,
    in_flight: u32,
    waiting: VecDeque<Box<Call>>,
    /// Whether the timer runs.
    timed: bool,
}

impl Actor for ProviderActor {
    type Msg = Message;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<State, ActorProcessingErr> {
        let (running, waiting) = (JoinSet::new(), VecDeque::new());
        Ok(State { running, in_flight: 0, waiting, timed: false })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Ask(call) => state.waiting.push_back(call),
            Message::Turn => state.timed = false,
            Message::Settled => {
                state.in_flight = state.in_flight.saturating_sub(1);
                while state.running.try_join_next().is_some() {}
            }
        }
        self.start(&myself, state);
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

impl ProviderActor {
    /// Starts what may run now.
    fn start(&self, myself: &ActorRef<Message>, state: &mut State) {
        while state.in_flight < self.0.bounds.max_in_flight {
            // Whoever gave up waiting is not called for.
            while state.waiting.front().is_some_and(|call| call.reply.is_closed()) {
                state.waiting.pop_front();
            }
            if state.waiting.is_empty() {
                return;
            }
            if let Some(failure) = state.waiting.front().and_then(|call| self.0.out_by_now(call)) {
                if let Some(call) = state.waiting.pop_front() {
                    // Whoever dropped the other end has given the call up.
                    let _ = call.reply.send(Err(failure));
                }
                continue;
            }
            let wait_ms = self.0.wait_ms();
            if wait_ms > 0 {
                if !std::mem::replace(&mut state.timed, true) {
                    myself.send_after(Duration::from_millis(wait_ms), || Message::Turn);
                }
                return;
            }
            let Some(call) = state.waiting.pop_front() else { return };
            state.in_flight += 1;
            let (line, deadlines) = call.ticket.begin();
            state.running.spawn(run(Arc::clone(&self.0), call, myself.clone(), line, deadlines));
        }
    }
}

/// Reports the end of a call whichever way it ends; a panic and an abort drop it unsettled.
struct Report {
    ticket: Arc<Ticket>,
    actor: ActorRef<Message>,
    reply: Option<Reply>,
    model: String,
    permit: Option<OwnedSemaphorePermit>,
    span: Live,
}

impl Report {
    fn settle(&mut self, result: Result<Came, Failure>) {
        let Some(reply) = self.reply.take() else { return };
        self.ticket.settle(&result);
        span::end(&mut self.span, &result);
        self.span = Live::none();
        self.ticket.over();
        // Given back first, so that whoever gets the answer finds room for the next call.
        self.permit = None;
        // Whoever dropped the other end has given the call up.
        let _ = reply.send(result);
    }

    fn silent(&mut self, silence: Silence) {
        let detail = match silence {
            Silence { began: true, ms } => format!("the answer stopped: nothing came for {ms} ms"),
            Silence { began: false, ms } => format!("no first token within {ms} ms"),
        };
        let failure = Failure::new(&self.model, FailureClass::Timeout, detail);
        self.ticket.silent(&failure);
        self.settle(Err(failure));
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
            self.span.fail("given_up");
            self.ticket.over();
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

async fn run(
    desk: Arc<Desk>,
    call: Box<Call>,
    actor: ActorRef<Message>,
    line: Line,
    deadlines: Option<Deadlines>,
) {
    let Call { work, reply, permit, ticket, place, admitted } = *call;
    let span = span::begin(place, desk.provider.name(), &work, admitted);
    let place = span.context().or(place);
    let (model, reply, permit) = (work.model().to_owned(), Some(reply), Some(permit));
    let mut report = Report { ticket, actor, reply, model, permit, span };
    let watched = line.clone();
    tokio::select! {
        // Whoever is gone first is not worth another step of the call; and what has come is not
        // ended for silence.
        biased;
        () = report.caller_gone() => report.give_up(),
        // The future is made inside the task, so that a panic in making it is the task's.
        result = Within::new(place, work_on(&desk, work, line)) => report.settle(result),
        // A flood that never becomes a piece uses up the task's budget; the clock does without.
        silence = tokio::task::unconstrained(silence(&watched, deadlines)) => {
            report.silent(silence);
        }
    }
}

async fn work_on(desk: &Desk, work: Work, line: Line) -> Result<Came, Failure> {
    match work {
        Work::Ask(request) => {
            let answer = desk.provider.ask(*request, line).await;
            answer.map(|response| Came::Answer(Box::new(response)))
        }
        Work::Chat(chat) => {
            desk.provider.chat(*chat, line).await.map(|answered| Came::Chat(Box::new(answered)))
        }
    }
}

async fn silence(line: &Line, deadlines: Option<Deadlines>) -> Silence {
    match deadlines {
        Some(deadlines) => line.silence(deadlines).await,
        None => std::future::pending().await,
    }
}
