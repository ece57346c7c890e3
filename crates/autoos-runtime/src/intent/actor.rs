//! The actor: accepts or folds, then hands on, judges and waits for the end.

use super::{Acceptance, Message, Reply, accept};
use crate::{
    accounts::Hold,
    brief::{self, Brief, Loaded},
    parts::{Parts, Setup},
    shard,
    submission::Refusal,
    supervise::{self, Loss},
    workflow::{self, Order, WorkflowActor, new_events},
};
use autoos_journal::{Batch, Error, Position, Standing, StreamWrite, Trace};
use autoos_kernel::{
    body::BodyRef,
    id::WorkflowId,
    intent::{Command, Intent},
    plan::Plan,
    words::{RiskLevel, WorkflowState},
    workflow as rules,
};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::{collections::BTreeSet, sync::Arc};
use uuid::Uuid;

/// The actor.
pub(crate) struct IntentActor;

/// What it starts with.
pub(crate) struct Arguments {
    pub(crate) parts: Parts,
    pub(crate) setup: Arc<Setup>,
    pub(crate) shard: ActorRef<shard::Message>,
    /// Under which epoch it and its workflow write.
    pub(crate) epoch: u64,
    pub(crate) uuid: Uuid,
    pub(crate) start: Start,
}

/// How it comes to be.
pub(crate) enum Start {
    /// Someone submitted it.
    Accept(Box<Acceptance>, Reply),
    /// It is in the journal, and these are asked of it.
    Fold(Vec<Order>),
}

/// Its state.
pub(crate) struct State {
    parts: Parts,
    setup: Arc<Setup>,
    shard: ActorRef<shard::Message>,
    epoch: u64,
    uuid: Uuid,
    trace: Option<Trace>,
    /// What is being recorded, and who waits for it.
    accepting: Option<(Box<Loaded>, Reply)>,
    /// Orders that came before there was a workflow to take them.
    early: Vec<Order>,
    open: Option<Open>,
}

struct Open {
    intent: Intent,
    brief: Arc<Brief>,
    workflow: ActorRef<workflow::Message>,
}

impl Actor for IntentActor {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let Arguments { parts, setup, shard, epoch, uuid, start } = arguments;
        let mut state = State {
            parts,
            setup,
            shard,
            epoch,
            uuid,
            trace: None,
            accepting: None,
            early: Vec::new(),
            open: None,
        };
        match start {
            Start::Accept(acceptance, reply) => {
                let Acceptance { loaded, batch, trace, holds } = *acceptance;
                state.trace = trace;
                state.accepting = Some((Box::new(loaded), reply));
                let append = state.parts.journal.append(batch);
                tokio::spawn(async move {
                    let result = append.await;
                    if result.is_ok() {
                        holds.into_iter().for_each(Hold::used);
                    }
                    // When the actor is gone, the client has lost its connection to the answer too.
                    let _ = myself.send_message(Message::Accepted(result));
                });
            }
            Start::Fold(orders) => {
                state.early = orders;
                let journal = state.parts.journal.clone();
                tokio::spawn(async move {
                    let loaded = brief::load(&journal, uuid).await;
                    // Nobody to tell: the next message to the shard folds it again.
                    let _ = myself.send_message(Message::Loaded(Box::new(loaded)));
                });
            }
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Accepted(result) => state.accepted(&myself, result).await,
            Message::Loaded(loaded) => state.loaded(&myself, *loaded).await,
            Message::Order(order) => state.order(*order),
            Message::Judge { body, plan, free_microusd, risk, done, kept } => {
                state.judge(body, plan, free_microusd, risk, &done, kept)
            }
            Message::Idle => state.tell_shard(shard::Message::Idle(state.uuid)),
            Message::Retire => state.retire(),
            Message::Retired(gone) => {
                if gone {
                    myself.stop(None);
                }
                state.tell_shard(shard::Message::Retired(state.uuid, gone))
            }
            Message::Finished { end, spent_microusd, next } => {
                state.finished(&myself, end, spent_microusd, next)
            }
            Message::Settled(result) => {
                // What is ended and not settled is folded anew, and settled then.
                result?;
                myself.stop(None);
                state.tell_shard(shard::Message::Gone(state.uuid, myself.get_id()))
            }
        }
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Message>,
        event: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match supervise::loss(&event) {
            // The shard folds both anew.
            Some(Loss::Died(_, why)) => Err(why.into()),
            Some(Loss::Ended(_)) | None => Ok(()),
        }
    }

    async fn post_stop(
        &self,
        _: ActorRef<Message>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.refuse_early(&Refusal::Stopping);
        Ok(())
    }
}

impl State {
    fn tell_shard(&self, message: shard::Message) -> Result<(), ActorProcessingErr> {
        Ok(self.shard.send_message(message)?)
    }

    async fn accepted(
        &mut self,
        myself: &ActorRef<Message>,
        result: Result<Position, Error>,
    ) -> Result<(), ActorProcessingErr> {
        let Some((loaded, reply)) = self.accepting.take() else { return Ok(()) };
        match result {
            Ok(position) => {
                // Whoever hung up still has a workflow that runs.
                let _ = reply.send(Ok((position, false)));
                self.open(myself, *loaded, false).await
            }
            Err(Error::Sequence { .. }) => {
                let journal = self.parts.journal.clone();
                let uuid = self.uuid;
                // A duplicate: what is there answers it.
                tokio::spawn(async move {
                    let _ = reply.send(existing(&journal, uuid, &loaded.intent).await);
                });
                myself.stop(None);
                self.tell_shard(shard::Message::Gone(self.uuid, myself.get_id()))
            }
            Err(error) => {
                let _ = reply.send(Err(error.into()));
                myself.stop(None);
                self.tell_shard(shard::Message::Gone(self.uuid, myself.get_id()))
            }
        }
    }

    async fn loaded(
        &mut self,
        myself: &ActorRef<Message>,
        loaded: Result<Option<Loaded>, Error>,
    ) -> Result<(), ActorProcessingErr> {
        match loaded {
            Ok(Some(loaded)) => self.open(myself, loaded, true).await,
            Ok(None) => {
                self.refuse_early(&Refusal::Missing(WorkflowId(self.uuid)));
                myself.stop(None);
                self.tell_shard(shard::Message::Gone(self.uuid, myself.get_id()))
            }
            Err(error) => {
                self.refuse_early(&Refusal::Quarantined(error.to_string()));
                Err(error.into())
            }
        }
    }

    async fn open(
        &mut self,
        myself: &ActorRef<Message>,
        loaded: Loaded,
        recovered: bool,
    ) -> Result<(), ActorProcessingErr> {
        let (intent, brief) = (loaded.intent.clone(), loaded.brief.clone());
        // One that was folded finds its trace in the journal.
        self.trace = self.trace.or(brief.trace);
        let arguments = workflow::Arguments {
            parts: self.parts.clone(),
            setup: self.setup.clone(),
            intent: myself.clone(),
            epoch: self.epoch,
            loaded,
            recovered,
            trace: self.trace,
        };
        let (workflow, _) =
            WorkflowActor::spawn_linked(None, WorkflowActor, arguments, myself.get_cell()).await?;
        for order in self.early.drain(..) {
            workflow.send_message(workflow::Message::Order(Box::new(order)))?;
        }
        self.open = Some(Open { intent, brief, workflow });
        Ok(())
    }

    fn order(&mut self, order: Order) -> Result<(), ActorProcessingErr> {
        match &self.open {
            Some(open) => {
                Ok(open.workflow.send_message(workflow::Message::Order(Box::new(order)))?)
            }
            None => {
                self.early.push(order);
                Ok(())
            }
        }
    }

    fn refuse_early(&mut self, refusal: &Refusal) {
        for order in self.early.drain(..) {
            order.answer(Err(refusal.clone()));
        }
    }

    fn judge(
        &mut self,
        body: BodyRef,
        plan: Result<Arc<Plan>, String>,
        free_microusd: u64,
        risk: RiskLevel,
        done: &BTreeSet<String>,
        kept: Option<(Arc<Plan>, BTreeSet<String>)>,
    ) -> Result<(), ActorProcessingErr> {
        let Some(open) = &self.open else { return Ok(()) };
        let verdict = match plan {
            Ok(plan) => accept::judge(
                &self.parts,
                &self.setup,
                &plan,
                &open.brief.context_names(),
                risk,
                free_microusd,
                done,
            )
            .and_then(|outline| {
                let changed = kept.map(|(before, kept)| accept::changed(&plan, &before, &kept));
                match changed.filter(|changed| !changed.is_empty()) {
                    Some(problems) => Err(problems),
                    None => Ok(outline),
                }
            }),
            Err(why) => Err(vec![why]),
        };
        let command = rules::Command::Judged { plan: body, verdict };
        let order = Order { by: "intent".into(), ..Order::own(command) };
        Ok(open.workflow.send_message(workflow::Message::Order(Box::new(order)))?)
    }

    fn retire(&mut self) -> Result<(), ActorProcessingErr> {
        match &self.open {
            Some(open) => Ok(open.workflow.send_message(workflow::Message::Retire)?),
            None => self.tell_shard(shard::Message::Retired(self.uuid, false)),
        }
    }

    fn finished(
        &mut self,
        myself: &ActorRef<Message>,
        end: WorkflowState,
        spent_microusd: u64,
        next: u64,
    ) -> Result<(), ActorProcessingErr> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let settled = open.intent.decide(Command::Settle { state: end })?;
        if settled.is_empty() {
            myself.stop(None);
            return self.tell_shard(shard::Message::Gone(self.uuid, myself.get_id()));
        }
        let stream = open.intent.id.stream();
        let now = self.parts.clock.now();
        let events = new_events(settled, &open.brief.key, "intent", self.trace, now);
        let write = StreamWrite { stream, expect: next, events, standing: Standing::Closed };
        let batch = Batch { epoch: self.epoch, writes: vec![write], bodies: Vec::new() };
        let whose = open.intent.request.as_ref().map(|r| (r.tenant.clone(), r.user.clone()));
        let (id, journal) = (WorkflowId(self.uuid), self.parts.journal.clone());
        let (setup, myself) = (self.setup.clone(), myself.clone());
        tokio::spawn(async move {
            // The accounts first: an intent that is settled has nothing to give back.
            let settled = async {
                if let Some((tenant, user)) = whose {
                    setup.accounts.settle(&tenant, &user, id, spent_microusd).await?;
                }
                Ok(journal.append(batch).await?)
            };
            // Without the actor it is still to be settled, and the next start does it.
            let _ = myself.send_message(Message::Settled(settled.await));
        });
        Ok(())
    }
}

/// The answer to a duplicate: the same request gets what is there, another one a conflict.
async fn existing(
    journal: &autoos_journal::SharedJournal,
    uuid: Uuid,
    wanted: &Intent,
) -> Result<(Position, bool), Refusal> {
    let there = brief::load_intent(journal, wanted.id).await?.0;
    let print = |intent: &Intent| intent.request.as_ref().map(|r| r.fingerprint);
    if print(&there) != print(wanted) {
        return Err(Refusal::Conflict(WorkflowId(uuid)));
    }
    let shard = wanted.id.stream().shard(journal.shards());
    let end = journal.end().0.get(&shard).copied().unwrap_or(0);
    Ok((Position { shard, offset: end.saturating_sub(1) }, true))
}
