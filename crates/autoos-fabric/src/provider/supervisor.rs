//! The parent of all provider actors: it starts them, and starts one anew that ended.
//!
//! A provider's end is never its parent's. Restarts are bounded: an actor that ends more than
//! [`RESTARTS`] times within [`WINDOW`] stays down, its calls are answered as crashed at once,
//! and the ladder goes on to other providers.

use super::{
    actor::{Message, ProviderActor},
    desk::{Call, Desk},
};
use crate::router::Gate;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// Restarts of one actor within [`WINDOW`] before it stays down.
const RESTARTS: usize = 5;
/// The time in which they are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// When to look again at a provider whose actor is down, in milliseconds.
const DOWN_MS: u64 = 60_000;

/// A provider: its desk, and the actor that serves it at the moment.
pub(crate) struct Slot {
    pub(crate) desk: Arc<Desk>,
    actor: RwLock<Option<ActorRef<Message>>>,
}

impl Slot {
    pub(crate) fn new(desk: Desk) -> Self {
        Self { desk: Arc::new(desk), actor: RwLock::new(None) }
    }

    /// Hands a call to the actor; false when there is none.
    pub(crate) fn send(&self, call: Call) -> bool {
        let actor = self.actor.read().unwrap_or_else(PoisonError::into_inner);
        actor.as_ref().is_some_and(|actor| actor.cast(Message::Ask(Box::new(call))).is_ok())
    }

    /// Someone says that it works again.
    pub(crate) fn retry_now(&self) {
        self.desk.retry_now();
    }

    /// Whether the provider takes calls now. One whose actor stays down is looked at again in a
    /// minute, by whoever may have started the node anew by then.
    pub(crate) fn gate(&self) -> Gate {
        let actor = self.actor.read().unwrap_or_else(PoisonError::into_inner);
        if actor.is_none() { Gate::Shut { for_ms: DOWN_MS } } else { self.desk.gate() }
    }

    fn put(&self, actor: Option<ActorRef<Message>>) {
        *self.actor.write().unwrap_or_else(PoisonError::into_inner) = actor;
    }

    fn serves(&self, id: ractor::ActorId) -> bool {
        let actor = self.actor.read().unwrap_or_else(PoisonError::into_inner);
        actor.as_ref().is_some_and(|actor| actor.get_id() == id)
    }

    /// The actor, for tests that take it away.
    #[cfg(test)]
    pub(crate) fn actor(&self) -> Option<ActorRef<Message>> {
        self.actor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The actor.
pub(crate) struct Supervisor;

/// What it watches over.
pub(crate) struct State {
    slots: Vec<(Arc<Slot>, Vec<Instant>)>,
}

/// It is told nothing; it lives by the ends of its children.
pub(crate) enum Never {}

impl Actor for Supervisor {
    type Msg = Never;
    type State = State;
    type Arguments = Vec<Arc<Slot>>;

    async fn pre_start(
        &self,
        myself: ActorRef<Never>,
        slots: Vec<Arc<Slot>>,
    ) -> Result<State, ActorProcessingErr> {
        for slot in &slots {
            start(&myself, slot).await?;
        }
        Ok(State { slots: slots.into_iter().map(|slot| (slot, Vec::new())).collect() })
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Never>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (who, why) = match event {
            SupervisionEvent::ActorTerminated(who, _, why) => (who, why.unwrap_or_default()),
            SupervisionEvent::ActorFailed(who, why) => (who, why.to_string()),
            _ => return Ok(()),
        };
        let Some((slot, restarts)) = state.slots.iter_mut().find(|(s, _)| s.serves(who.get_id()))
        else {
            return Ok(());
        };
        let provider = slot.desk.provider.name();
        slot.put(None);
        restarts.retain(|at| at.elapsed() < WINDOW);
        if restarts.len() >= RESTARTS {
            tracing::error!(
                provider,
                died_of = why,
                "a provider actor keeps ending and stays down"
            );
            return Ok(());
        }
        restarts.push(Instant::now());
        slot.desk.restarted();
        tracing::warn!(provider, died_of = why, "a provider actor ended and is started anew");
        start(&myself, slot).await
    }
}

async fn start(myself: &ActorRef<Never>, slot: &Slot) -> Result<(), ActorProcessingErr> {
    let actor = ProviderActor(Arc::clone(&slot.desk));
    let (actor, _) = Actor::spawn_linked(None, actor, (), myself.get_cell()).await?;
    slot.put(Some(actor));
    Ok(())
}
