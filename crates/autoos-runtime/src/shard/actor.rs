//! The actor: a table of who is open.

use super::Message;
use crate::{
    intent::{self, IntentActor, Start},
    parts::{Parts, Setup},
    submission::Refusal,
    supervise::{self, Loss},
    waker::Bell,
    workflow::Order,
};
use autoos_kernel::{
    id::{Shard, WorkflowId},
    time::Timestamp,
    workflow::Command,
};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

/// Deaths of one intent within a minute after which it is left alone.
const DEATHS_MAX: usize = 5;
const DEATHS_WITHIN_MS: u64 = 60_000;

/// The actor.
pub(crate) struct ShardActor;

/// What it starts with.
pub(crate) struct Arguments {
    pub(crate) parts: Parts,
    pub(crate) setup: Arc<Setup>,
    /// Told when an intent was put away.
    pub(crate) bell: Arc<Bell>,
    /// Which shard it is.
    pub(crate) shard: Shard,
    /// Under which epoch it writes: its actors end with it.
    pub(crate) epoch: u64,
}

/// Its state.
pub(crate) struct State {
    parts: Parts,
    setup: Arc<Setup>,
    bell: Arc<Bell>,
    shard: Shard,
    epoch: u64,
    open: HashMap<Uuid, Entry>,
    by_actor: HashMap<ActorId, Uuid>,
    deaths: HashMap<Uuid, Vec<Timestamp>>,
    quarantined: HashMap<Uuid, String>,
}

struct Entry {
    intent: ActorRef<intent::Message>,
    /// Held while it is open; what was brought back from the journal holds none.
    _permit: Option<OwnedSemaphorePermit>,
    /// What came in while it was being put away.
    retiring: Option<Vec<Order>>,
}

impl Actor for ShardActor {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let Arguments { parts, setup, bell, shard, epoch } = arguments;
        Ok(State {
            parts,
            setup,
            bell,
            shard,
            epoch,
            open: HashMap::new(),
            by_actor: HashMap::new(),
            deaths: HashMap::new(),
            quarantined: HashMap::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Accept { acceptance, permit, reply } => {
                let uuid = acceptance.loaded.brief.uuid;
                if state.open.contains_key(&uuid) {
                    // A duplicate of one that is open: the journal refuses it and answers.
                    let other = Start::Accept(acceptance, reply);
                    state.spawn_unlisted(&myself, uuid, other).await?;
                } else {
                    let start = Start::Accept(acceptance, reply);
                    state.spawn(&myself, uuid, start, Some(permit)).await?;
                }
            }
            Message::Order(uuid, order) => state.order(&myself, uuid, *order).await?,
            Message::Wake(uuid) => state.wake(&myself, uuid).await?,
            Message::Idle(uuid) => {
                if let Some(entry) = state.open.get_mut(&uuid)
                    && entry.retiring.is_none()
                {
                    entry.retiring = Some(Vec::new());
                    // One that has died meanwhile is told of by its end.
                    let _ = entry.intent.send_message(intent::Message::Retire);
                }
            }
            Message::Retired(uuid, gone) => state.retired(&myself, uuid, gone).await?,
            Message::Gone(uuid, actor) => state.gone(&myself, uuid, actor).await?,
            Message::Count(reply) => {
                // Whoever asked and left needs no answer.
                let _ = reply.send(state.open.len());
            }
            Message::Quarantined(reply) => {
                let all = state.quarantined.iter().map(|(id, why)| (WorkflowId(*id), why.clone()));
                // As above.
                let _ = reply.send(all.collect());
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match supervise::loss(&event) {
            Some(Loss::Died(actor, why)) => state.died(&myself, actor, why).await,
            Some(Loss::Ended(actor)) => {
                state.by_actor.remove(&actor);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl State {
    async fn spawn(
        &mut self,
        myself: &ActorRef<Message>,
        uuid: Uuid,
        start: Start,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<(), ActorProcessingErr> {
        let intent = self.spawn_unlisted(myself, uuid, start).await?;
        self.by_actor.insert(intent.get_id(), uuid);
        self.open.insert(uuid, Entry { intent, _permit: permit, retiring: None });
        Ok(())
    }

    async fn spawn_unlisted(
        &mut self,
        myself: &ActorRef<Message>,
        uuid: Uuid,
        start: Start,
    ) -> Result<ActorRef<intent::Message>, ActorProcessingErr> {
        let arguments = intent::Arguments {
            parts: self.parts.clone(),
            setup: self.setup.clone(),
            shard: myself.clone(),
            epoch: self.epoch,
            uuid,
            start,
        };
        let (intent, _) =
            IntentActor::spawn_linked(None, IntentActor, arguments, myself.get_cell()).await?;
        Ok(intent)
    }

    async fn order(
        &mut self,
        myself: &ActorRef<Message>,
        uuid: Uuid,
        order: Order,
    ) -> Result<(), ActorProcessingErr> {
        let again = matches!(order.command, Command::Resume { .. });
        if let Some(why) = self.quarantined.get(&uuid).filter(|_| !again) {
            order.answer(Err(Refusal::Quarantined(why.clone())));
            return Ok(());
        }
        // Someone has looked at it and wants it to be tried again.
        self.quarantined.remove(&uuid);
        if !self.open.contains_key(&uuid) {
            if let Some(why) = self.parts.journal.degraded() {
                // Whoever was folded for it could record nothing, and die of that.
                order.answer(Err(Refusal::ReadOnly(why)));
                return Ok(());
            }
            return self.spawn(myself, uuid, Start::Fold(vec![order]), None).await;
        }
        let Some(entry) = self.open.get_mut(&uuid) else { return Ok(()) };
        match &mut entry.retiring {
            Some(waiting) => waiting.push(order),
            None => {
                // One that has just gone takes no order, and whoever waits for its answer hears
                // that nobody will give it, and asks again.
                let _ = entry.intent.send_message(intent::Message::Order(Box::new(order)));
            }
        }
        Ok(())
    }

    async fn wake(
        &mut self,
        myself: &ActorRef<Message>,
        uuid: Uuid,
    ) -> Result<(), ActorProcessingErr> {
        if !self.open.contains_key(&uuid) && !self.quarantined.contains_key(&uuid) {
            self.spawn(myself, uuid, Start::Fold(Vec::new()), None).await?;
        }
        Ok(())
    }

    async fn retired(
        &mut self,
        myself: &ActorRef<Message>,
        uuid: Uuid,
        gone: bool,
    ) -> Result<(), ActorProcessingErr> {
        let Some(entry) = self.open.get_mut(&uuid) else { return Ok(()) };
        let waiting = entry.retiring.take().unwrap_or_default();
        if gone {
            self.open.remove(&uuid);
            self.bell.put_away();
        }
        for order in waiting {
            self.order(myself, uuid, order).await?;
        }
        Ok(())
    }

    async fn gone(
        &mut self,
        myself: &ActorRef<Message>,
        uuid: Uuid,
        actor: ActorId,
    ) -> Result<(), ActorProcessingErr> {
        if self.open.get(&uuid).is_some_and(|entry| entry.intent.get_id() == actor) {
            self.retired(myself, uuid, true).await?;
        }
        Ok(())
    }

    async fn died(
        &mut self,
        myself: &ActorRef<Message>,
        actor: ActorId,
        why: String,
    ) -> Result<(), ActorProcessingErr> {
        let Some(uuid) = self.by_actor.remove(&actor) else { return Ok(()) };
        let waiting = self.open.remove(&uuid).and_then(|e| e.retiring).unwrap_or_default();
        if self.parts.journal.epoch(self.shard) != self.epoch {
            // The shard went to another node, and this actor is about to follow.
            let leader = self.parts.journal.leader(self.shard);
            for order in waiting {
                order.answer(Err(Refusal::Elsewhere { leader: leader.clone() }));
            }
            return Ok(());
        }
        if let Some(degraded) = self.parts.journal.degraded() {
            // It could only die again: the waker brings back what must run once there is room.
            tracing::warn!(workflow = %WorkflowId(uuid), degraded, "put away until there is room");
            self.bell.stranded();
            for order in waiting {
                order.answer(Err(Refusal::ReadOnly(degraded.clone())));
            }
            return Ok(());
        }
        let now = self.parts.clock.now();
        self.deaths.retain(|_, deaths| {
            deaths.retain(|at| now.since_ms(*at) < DEATHS_WITHIN_MS);
            !deaths.is_empty()
        });
        let deaths = self.deaths.entry(uuid).or_default();
        deaths.push(now);
        if deaths.len() >= DEATHS_MAX {
            tracing::error!(workflow = %WorkflowId(uuid), died_of = why, "quarantined: it died again and again");
            self.deaths.remove(&uuid);
            self.quarantined.insert(uuid, why);
        } else {
            tracing::warn!(workflow = %WorkflowId(uuid), died_of = why, "died, folded anew");
            self.setup.counts.restarted();
            self.spawn(myself, uuid, Start::Fold(Vec::new()), None).await?;
        }
        for order in waiting {
            self.order(myself, uuid, order).await?;
        }
        Ok(())
    }
}
