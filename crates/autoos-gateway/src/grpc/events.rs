//! `autoos.v1.Events`: the journal as a bus, alone or in a group.
//!
//! A subscription alone is a filter on the journal's own stream. In a group it is a task that
//! holds the membership as long as its client listens, sends events and takes acknowledgements;
//! its channel holds a few events, the rest stay in the journal. A tenant's groups and events are
//! its own: what belongs to others is passed over.

use super::{Answers, OrStatus as _, Services, answers, call};
use crate::{call::Call, edge::Edge, fault::Fault, wire};
use autoos_journal::{Cursor, Event, Member, Position, open_texts};
use autoos_kernel::{
    codec::Recorded,
    id::{Prefix, WorkflowId},
    intent, workflow,
};
use autoos_proto::v1::{self, events_server::Events};
use futures::{StreamExt as _, stream};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Events on their way to one client.
const QUEUE: usize = 64;
/// Acknowledgements that wait for one subscription.
const ACKS: usize = 64;
/// Owners that a subscription remembers before it begins to ask anew.
const OWNERS: usize = 16_384;
/// The longest name of a group or a consumer, in bytes.
const NAME_MAX: usize = 128;

/// Tenant, group and consumer.
type Seat = (String, String, String);
type Ack = (Position, oneshot::Sender<Result<(), Fault>>);

/// The open subscriptions of groups: where acknowledgements go.
#[derive(Clone, Default)]
pub(crate) struct Seats(Arc<Mutex<HashMap<Seat, mpsc::Sender<Ack>>>>);

impl Seats {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<Seat, mpsc::Sender<Ack>>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A seat that is given back when its subscription ends.
struct Seated {
    seats: Seats,
    seat: Seat,
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.seats.with(|seats| seats.remove(&self.seat));
    }
}

/// What a client wants to see.
struct Wanted {
    edge: Edge,
    tenant: String,
    workflow: Option<WorkflowId>,
    kinds: HashSet<String>,
    /// Whether a workflow is the tenant's, as far as it was asked.
    owners: HashMap<Uuid, bool>,
}

impl Wanted {
    /// The event as it is sent; none for one that is not wanted or not the caller's.
    async fn take(
        &mut self,
        position: Position,
        mut event: Event,
    ) -> Result<Option<v1::Event>, Fault> {
        let ours = matches!(event.stream.prefix, Prefix::INTENT | Prefix::WORKFLOW);
        let about = self.workflow.is_none_or(|workflow| workflow.0 == event.stream.uuid);
        let kind = self.kinds.is_empty() || self.kinds.contains(&event.kind);
        if !(ours && about && kind && self.owns(event.stream.uuid).await?) {
            return Ok(None);
        }
        open_texts(&*self.edge.journal, std::slice::from_mut(&mut event)).await?;
        Ok(Some(wire_event(position, event)))
    }

    async fn owns(&mut self, uuid: Uuid) -> Result<bool, Fault> {
        if let Some(known) = self.owners.get(&uuid) {
            return Ok(*known);
        }
        let owner = self.edge.views.owner(WorkflowId(uuid)).await?;
        let own = owner.is_some_and(|owner| owner.tenant == self.tenant);
        if self.owners.len() >= OWNERS {
            self.owners.clear();
        }
        self.owners.insert(uuid, own);
        Ok(own)
    }
}

fn wire_event(position: Position, event: Event) -> v1::Event {
    let data = match event.stream.prefix {
        Prefix::INTENT => data::<intent::Event>(&event),
        _ => data::<workflow::Event>(&event),
    };
    v1::Event {
        position: Some(wire::position(position)),
        stream: event.stream.to_string(),
        seq: event.seq,
        at: Some(wire::time(event.at)),
        actor: event.actor,
        kind: event.kind,
        cause: event.cause,
        trace_id: event.trace.map(|trace| format!("{:032x}", trace.trace_id)),
        epoch: event.epoch,
        data_json: data.to_string(),
    }
}

/// The event as a document; null for a kind that this version does not know, or cannot read.
fn data<E: Recorded>(event: &Event) -> Value {
    let known = E::decode(&event.kind, &event.body).ok().flatten();
    known.and_then(|known| serde_json::to_value(known).ok()).unwrap_or(Value::Null)
}

fn name(what: &str, name: &str) -> Result<(), Fault> {
    let fits = |c: char| c.is_ascii_graphic() && c != '/';
    if (1..=NAME_MAX).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(Fault::Invalid(format!(
        "{what} needs a name of 1 to {NAME_MAX} visible ASCII characters without '/'"
    )))
}

#[tonic::async_trait]
impl Events for Services {
    type SubscribeStream = Answers<v1::Event>;

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let call = call(&request)?;
        let stream = self.listen(&call, request.into_inner()).await.or_status(&call)?;
        Ok(Response::new(answers(stream, call, |event| event)))
    }

    async fn ack(
        &self,
        request: Request<v1::AckRequest>,
    ) -> Result<Response<v1::AckResponse>, Status> {
        let call = call(&request)?;
        self.acknowledge(&call, request.into_inner()).await.or_status(&call)?;
        Ok(Response::new(v1::AckResponse {}))
    }
}

type Listened = stream::BoxStream<'static, Result<v1::Event, Fault>>;

impl Services {
    async fn listen(&self, call: &Call, asked: v1::SubscribeRequest) -> Result<Listened, Fault> {
        let workflow =
            wire::some(asked.workflow_id).map(|id| wire::workflow_id(&id)).transpose()?;
        if let Some(id) = workflow {
            self.edge.own(call, id).await?;
        }
        let place = self.edge.place_for_stream()?;
        let wanted = Wanted {
            edge: self.edge.clone(),
            tenant: call.caller.tenant.clone(),
            workflow,
            kinds: asked.kinds.into_iter().collect(),
            owners: HashMap::new(),
        };
        let stream = if asked.group.is_empty() {
            if !asked.consumer.is_empty() {
                return Err(Fault::Invalid("a consumer needs a group".into()));
            }
            let from = cursor(&self.edge, &asked.cursor, asked.from_end)?;
            alone(wanted, from)
        } else {
            if !asked.cursor.is_empty() || asked.from_end {
                return Err(Fault::Invalid("a group has its own cursor: send none".into()));
            }
            self.join(call, wanted, asked.group, asked.consumer).await?
        };
        Ok(self.edge.until_stop(stream, place))
    }

    async fn join(
        &self,
        call: &Call,
        wanted: Wanted,
        group: String,
        consumer: String,
    ) -> Result<Listened, Fault> {
        name("a group", &group)?;
        name("a consumer", &consumer)?;
        let tenant = &call.caller.tenant;
        let member = self.edge.groups.join(&format!("{tenant}/{group}"), &consumer).await;
        let member = member.map_err(|error| match error {
            autoos_journal::Error::Conflict(_) => {
                Fault::Exists(format!("consumer {consumer} of group {group} is connected already"))
            }
            other => other.into(),
        })?;
        let (acks, incoming) = mpsc::channel(ACKS);
        let seat = (tenant.clone(), group, consumer);
        self.seats.with(|seats| seats.insert(seat.clone(), acks));
        let seated = Seated { seats: self.seats.clone(), seat };
        let (send, receive) = mpsc::channel(QUEUE);
        tokio::spawn(deliver(member, wanted, send, incoming, seated));
        Ok(ReceiverStream::new(receive).boxed())
    }

    async fn acknowledge(&self, call: &Call, asked: v1::AckRequest) -> Result<(), Fault> {
        let position =
            asked.position.ok_or_else(|| Fault::Invalid("position is missing".into()))?;
        let position = wire::from_position(position)?;
        let seat = (call.caller.tenant.clone(), asked.group, asked.consumer);
        let gone = || {
            Fault::Conflict(format!(
                "consumer {:.64} of group {:.64} has no open subscription: subscribe again, what \
                 was not acknowledged comes again",
                seat.2, seat.1
            ))
        };
        let acks = self.seats.with(|seats| seats.get(&seat).cloned()).ok_or_else(gone)?;
        let (reply, answer) = oneshot::channel();
        acks.send((position, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn cursor(edge: &Edge, given: &[v1::Position], from_end: bool) -> Result<Cursor, Fault> {
    if from_end {
        if given.is_empty() {
            return Ok(edge.journal.end());
        }
        return Err(Fault::Invalid("from_end and a cursor exclude each other".into()));
    }
    let mut cursor = Cursor::default();
    for position in given {
        let position = wire::from_position(*position)?;
        if position.shard.0 >= edge.journal.shards() {
            return Err(Fault::Invalid(format!("cursor: there is no shard {}", position.shard.0)));
        }
        cursor.0.insert(position.shard, position.offset);
    }
    Ok(cursor)
}

/// The events from a cursor on; the reader keeps its own.
fn alone(wanted: Wanted, from: Cursor) -> Listened {
    let events = wanted.edge.journal.subscribe(from);
    stream::unfold(Some((events, wanted)), |state| async move {
        let (mut events, mut wanted) = state?;
        loop {
            let taken = match events.next().await? {
                Ok((position, event)) => wanted.take(position, event).await,
                Err(error) => Err(error.into()),
            };
            match taken {
                Ok(None) => {}
                Ok(Some(event)) => return Some((Ok(event), Some((events, wanted)))),
                Err(fault) => return Some((Err(fault), None)),
            }
        }
    })
    .boxed()
}

/// Holds a membership as long as its client listens.
async fn deliver(
    mut member: Member,
    mut wanted: Wanted,
    send: mpsc::Sender<Result<v1::Event, Fault>>,
    mut acks: mpsc::Receiver<Ack>,
    _seated: Seated,
) {
    loop {
        // A place first: an event that was taken is sent without waiting again, so that a lease
        // that went to another in the meantime costs at most this one event twice.
        let place = tokio::select! {
            ack = acks.recv() => {
                answer(&member, ack).await;
                continue;
            }
            place = send.reserve() => match place {
                Ok(place) => place,
                Err(_) => return,
            },
        };
        let next = loop {
            tokio::select! {
                ack = acks.recv() => answer(&member, ack).await,
                () = send.closed() => return,
                next = member.next() => break next,
            }
        };
        let taken = match next {
            Ok((position, event)) => wanted.take(position, event).await,
            Err(error) => Err(error.into()),
        };
        match taken {
            Ok(None) => {}
            Ok(Some(event)) => place.send(Ok(event)),
            Err(fault) => {
                place.send(Err(fault));
                return;
            }
        }
    }
}

/// Acknowledges, and tells who asked. The future holds on to nothing of the member.
fn answer(member: &Member, ack: Option<Ack>) -> impl Future<Output = ()> + Send + use<> {
    let begun = ack.map(|(position, reply)| {
        let leased = member.leased().contains(&position.shard);
        (member.ack(position), leased, reply)
    });
    async move {
        let Some((done, leased, reply)) = begun else { return };
        let done = match done.await {
            Err(autoos_journal::Error::Conflict(why)) if !leased => Err(Fault::Conflict(why)),
            other => other.map_err(Fault::from),
        };
        // Who asked may have left.
        let _ = reply.send(done);
    }
}
