//! The port on the replicated journal: writes become proposals, reads look in this node's replica.
//!
//! A read answers with what this node has applied, which on a follower may be a moment old. Who
//! decides reads on the leader, where all that was acknowledged under its leadership is applied.

use crate::node::ClusterJournal;
use autoos_journal::{
    Batch, BodyKey, Cursor, Error, Event, Head, Journal, Kept, Leading, Position, Snapshot,
};
use autoos_kernel::{
    body::BodyRef,
    id::{Shard, StreamId},
    time::Timestamp,
};
use futures::{FutureExt, future::BoxFuture, stream::BoxStream};
use tokio::sync::watch;
use uuid::Uuid;

impl ClusterJournal {
    /// Asks a request of its shard.
    fn propose(
        &self,
        request: Result<autoos_journal::replica::Request, Error>,
    ) -> BoxFuture<'static, Result<Option<Position>, Error>> {
        let request = match request {
            Ok(request) => request,
            Err(error) => return futures::future::ready(Err(error)).boxed(),
        };
        let proposals = self.groups[usize::from(request.shard().0)].proposals.clone();
        Self::ask(proposals, request).boxed()
    }
}

impl Journal for ClusterJournal {
    fn shards(&self) -> u16 {
        self.replica.shards()
    }

    fn epoch(&self, shard: Shard) -> u64 {
        self.leading.borrow().0.get(&shard).copied().unwrap_or(0)
    }

    fn leading(&self) -> watch::Receiver<Leading> {
        self.leading.subscribe()
    }

    fn leader(&self, shard: Shard) -> Option<String> {
        let group = self.groups.get(usize::from(shard.0))?;
        group.lead.borrow().name.clone()
    }

    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Position, Error>> {
        let replica = self.replica.clone();
        let groups: Vec<_> = self.groups.iter().map(|group| group.proposals.clone()).collect();
        async move {
            // Encoding and sealing happen here, in the caller's task.
            let request = replica.append(batch)?;
            let proposals = groups[usize::from(request.shard().0)].clone();
            let end = Self::ask(proposals, request).await?;
            end.ok_or_else(|| Error::Corrupt("an append was answered without its place".into()))
        }
        .boxed()
    }

    fn read(
        &self,
        stream: StreamId,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Event>, Error>> {
        self.replica.reads().read(stream, from, limit)
    }

    fn head(&self, stream: StreamId) -> BoxFuture<'static, Result<Option<Head>, Error>> {
        self.replica.reads().head(stream)
    }

    fn scan(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Event)>, Error>> {
        self.replica.reads().scan(shard, offset, limit)
    }

    fn kept(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Kept>, Error>> {
        self.replica.reads().kept(shard, offset, limit)
    }

    fn end(&self) -> Cursor {
        self.replica.ends()
    }

    fn subscribe(&self, from: Cursor) -> BoxStream<'static, Result<(Position, Event), Error>> {
        self.replica.reads().subscribe(from)
    }

    fn body_key(&self, owner: Uuid) -> BoxFuture<'static, Result<BodyKey, Error>> {
        self.replica.reads().body_key(owner)
    }

    fn body(
        &self,
        owner: Uuid,
        body: BodyRef,
    ) -> BoxFuture<'static, Result<Option<Vec<u8>>, Error>> {
        self.replica.reads().body(owner, body)
    }

    fn erase(&self, owner: Uuid) -> BoxFuture<'static, Result<(), Error>> {
        self.propose(Ok(self.replica.erase(owner))).map(|done| done.map(drop)).boxed()
    }

    fn save_snapshot(
        &self,
        stream: StreamId,
        snapshot: Snapshot,
    ) -> BoxFuture<'static, Result<(), Error>> {
        self.replica.reads().save_snapshot(stream, snapshot)
    }

    fn snapshot(&self, stream: StreamId) -> BoxFuture<'static, Result<Option<Snapshot>, Error>> {
        self.replica.reads().snapshot(stream)
    }

    fn running(&self) -> BoxFuture<'static, Result<Vec<StreamId>, Error>> {
        self.replica.reads().running(Some(self.leading.borrow().clone()))
    }

    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<StreamId>, Error>> {
        self.replica.reads().due(now, limit, Some(self.leading.borrow().clone()))
    }

    fn next_due(&self) -> BoxFuture<'static, Result<Option<Timestamp>, Error>> {
        self.replica.reads().next_due(Some(self.leading.borrow().clone()))
    }

    fn group_cursor(&self, group: &str) -> BoxFuture<'static, Result<Cursor, Error>> {
        self.replica.reads().group_cursor(group)
    }

    fn group_ack(&self, group: &str, position: Position) -> BoxFuture<'static, Result<(), Error>> {
        let request = self.replica.ack(group, position);
        self.propose(request).map(|done| done.map(drop)).boxed()
    }

    fn degraded(&self) -> Option<String> {
        self.replica.reads().degraded()
    }
}
