//! The port on the local journal: writes go to the writer, reads to the replica.

use super::{
    LocalJournal, ROOM_KIB, ask,
    writer::{Append, Request},
};
use crate::{
    Batch, BodyKey, Cursor, Error, Event, Head, Journal, Kept, Leading, Position, Snapshot,
    ledger::Draft, replica::check::SealedBody,
};
use autoos_kernel::{
    body::BodyRef,
    id::{Shard, StreamId},
    time::Timestamp,
};
use futures::{FutureExt, future::BoxFuture, stream::BoxStream};
use std::time::Instant;
use tokio::sync::watch;
use uuid::Uuid;

impl Journal for LocalJournal {
    fn shards(&self) -> u16 {
        self.core.shards
    }

    fn epoch(&self, _shard: Shard) -> u64 {
        self.epoch
    }

    fn leading(&self) -> watch::Receiver<Leading> {
        self.leading.subscribe()
    }

    fn leader(&self, _shard: Shard) -> Option<String> {
        None
    }

    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Position, Error>> {
        let (core, requests) = (self.core.clone(), self.requests.clone());
        let room = self.room.clone();
        async move {
            let began = Instant::now();
            // Encoding, hashing and sealing happen here, beside the writer and not in it.
            let (draft, bodies) = Draft::new(batch, core.shards)?;
            let bodies: Vec<_> = bodies.into_iter().map(SealedBody::seal).collect();
            let bytes = draft.bytes + bodies.iter().map(|body| body.sealed.len()).sum::<usize>();
            let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(ROOM_KIB).min(ROOM_KIB);
            let permit = room.acquire_many_owned(kib).await;
            let _permit = permit.map_err(|_| Error::Halted("it was closed".into()))?;
            let recorded = ask(core.clone(), requests, |answer| {
                Request::Append(Box::new(Append { draft, bodies, answer, _permit }))
            })
            .await;
            if recorded.is_ok() {
                core.counters.append.took(began.elapsed());
            }
            recorded
        }
        .boxed()
    }

    fn read(
        &self,
        stream: StreamId,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Event>, Error>> {
        self.reads().read(stream, from, limit)
    }

    fn head(&self, stream: StreamId) -> BoxFuture<'static, Result<Option<Head>, Error>> {
        self.reads().head(stream)
    }

    fn scan(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Event)>, Error>> {
        self.reads().scan(shard, offset, limit)
    }

    fn kept(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Kept>, Error>> {
        self.reads().kept(shard, offset, limit)
    }

    fn end(&self) -> Cursor {
        self.core.ends()
    }

    fn subscribe(&self, from: Cursor) -> BoxStream<'static, Result<(Position, Event), Error>> {
        self.reads().subscribe(from)
    }

    fn body_key(&self, owner: Uuid) -> BoxFuture<'static, Result<BodyKey, Error>> {
        self.reads().body_key(owner)
    }

    fn body(
        &self,
        owner: Uuid,
        body: BodyRef,
    ) -> BoxFuture<'static, Result<Option<Vec<u8>>, Error>> {
        self.reads().body(owner, body)
    }

    fn erase(&self, owner: Uuid) -> BoxFuture<'static, Result<(), Error>> {
        let (core, requests) = (self.core.clone(), self.requests.clone());
        async move {
            ask(core.clone(), requests, |answer| Request::Erase { owner, answer }).await?;
            core.born(owner);
            core.signal(|signals| signals.hurry = true);
            Ok(())
        }
        .boxed()
    }

    fn save_snapshot(
        &self,
        stream: StreamId,
        snapshot: Snapshot,
    ) -> BoxFuture<'static, Result<(), Error>> {
        self.reads().save_snapshot(stream, snapshot)
    }

    fn snapshot(&self, stream: StreamId) -> BoxFuture<'static, Result<Option<Snapshot>, Error>> {
        self.reads().snapshot(stream)
    }

    fn running(&self) -> BoxFuture<'static, Result<Vec<StreamId>, Error>> {
        self.reads().running(None)
    }

    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<StreamId>, Error>> {
        self.reads().due(now, limit, None)
    }

    fn next_due(&self) -> BoxFuture<'static, Result<Option<Timestamp>, Error>> {
        self.reads().next_due(None)
    }

    fn group_cursor(&self, group: &str) -> BoxFuture<'static, Result<Cursor, Error>> {
        self.reads().group_cursor(group)
    }

    fn group_ack(&self, group: &str, position: Position) -> BoxFuture<'static, Result<(), Error>> {
        let (core, requests) = (self.core.clone(), self.requests.clone());
        let group = group.to_owned();
        ask(core, requests, move |answer| Request::Ack { group, position, answer }).boxed()
    }

    fn degraded(&self) -> Option<String> {
        self.reads().degraded()
    }
}
