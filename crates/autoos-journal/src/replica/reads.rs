//! Reading a replica: through the layers and then in the store.
//!
//! A read of a few rows runs where it is called: the store answers from memory or with one read
//! of the disk. What may read many rows runs on tokio's blocking threads.

use super::core::{Core, lock};
use crate::{
    BodyKey, Cursor, Error, Event, Head, Kept, Leading, Position, Snapshot, Standing,
    ledger::{self, Row, StreamHead},
    row::{Scanned, Verifier, broken_chain, scan_row},
    subscribe, vault,
};
use autoos_kernel::{
    body::BodyRef,
    id::{Shard, StreamId},
    time::Timestamp,
};
use futures::{
    FutureExt,
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt},
};
use std::sync::Arc;
use uuid::Uuid;

/// The reading half of [`Journal`](crate::Journal), the same for every journal with a replica
/// behind it. What each read means and may answer stands there.
#[derive(Clone)]
pub struct Reads(pub(crate) Arc<Core>);

/// Runs what may wait for the disk away from the workers of the runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::runtime::Handle::try_current() {
        Err(_) => work(),
        Ok(runtime) => match runtime.spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) => Err(Error::Halted(format!("a read was aborted: {error}"))),
        },
    }
}

impl Core {
    fn read(&self, stream: StreamId, from: u64, limit: usize) -> Result<Vec<Event>, Error> {
        let (rows, recent) = {
            let layers = self.tail.read();
            (layers.stream(stream), layers.head(stream))
        };
        let head = match recent {
            Some(head) => head,
            None => match self.store.head(stream)? {
                Some(head) => head,
                None => return Ok(vec![]),
            },
        };
        if limit == 0 || from >= head.next {
            return Ok(vec![]);
        }
        if from < head.base {
            return Err(Error::Archived(stream));
        }
        let tail_begins = rows
            .first()
            .and_then(|row| row.changes.iter().find(|change| change.stream == stream))
            .map(|change| change.before.map_or(0, |head| head.next));
        let mut verifier = Verifier::new(stream);
        let mut events = Vec::new();
        if tail_begins.is_none_or(|begins| from < begins) {
            let until = tail_begins.unwrap_or(u64::MAX);
            self.store.read(stream, from, until, limit, &mut verifier, &mut events)?;
        }
        for row in rows {
            verifier.take(&row.value, from, limit, &mut events)?;
        }
        self.check_read(stream, &head, &verifier, events.len() < limit)?;
        Ok(events)
    }

    /// Checks that a read which was not cut by its limit came to the head.
    fn check_read(
        &self,
        stream: StreamId,
        head: &StreamHead,
        verifier: &Verifier,
        whole: bool,
    ) -> Result<(), Error> {
        let (next, chain) = verifier.reached().unwrap_or((0, [0; 32]));
        let short = whole && next < head.next;
        if short || next == head.next && chain != head.chain {
            return Err(broken_chain(stream, next, head.next));
        }
        Ok(())
    }

    fn scan<T: Scanned>(&self, shard: Shard, offset: u64, limit: usize) -> Result<Vec<T>, Error> {
        self.check_shard(shard)?;
        let mut events = Vec::new();
        let (rows, until) = self.recent(shard, offset, limit);
        if offset < until {
            self.store.scan(shard, offset, until, limit, &mut events)?;
        }
        scan_rows(&rows, shard, offset, limit, &mut events)?;
        Ok(events)
    }

    /// The rows of a shard that are not in the store yet, and the offset before which the store
    /// is to be read: zero when it need not be.
    fn recent(&self, shard: Shard, offset: u64, limit: usize) -> (Vec<Arc<Row>>, u64) {
        let layers = self.tail.read();
        let end = layers.ends[usize::from(shard.0)];
        if limit == 0 || offset >= end {
            return (Vec::new(), 0);
        }
        let (rows, begins) = layers.shard(shard, offset, limit);
        (rows, begins.unwrap_or(end))
    }

    /// Remembers, for the next opening, damage that a read found.
    fn watched<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            self.suspect(error);
        }
        result
    }

    /// Whether a stream lies on one of these shards; on any where none are named.
    fn lies_on(&self, on: Option<&Leading>, stream: StreamId) -> bool {
        on.is_none_or(|leading| leading.0.contains_key(&stream.shard(self.shards)))
    }

    fn running(&self, on: Option<&Leading>) -> Result<Vec<StreamId>, Error> {
        let recent = self.tail.read().changes();
        let mut running = self.store.running()?;
        running.retain(|stream| !recent.contains_key(stream));
        let new = recent.iter().filter(|(_, head)| head.standing == Standing::Running);
        running.extend(new.map(|(stream, _)| *stream));
        running.retain(|stream| self.lies_on(on, *stream));
        running.sort_unstable();
        Ok(running)
    }

    fn due(
        &self,
        now: Timestamp,
        limit: usize,
        on: Option<&Leading>,
    ) -> Result<Vec<(Timestamp, StreamId)>, Error> {
        if on.is_some_and(|leading| leading.0.is_empty()) {
            return Ok(Vec::new());
        }
        let recent = self.tail.read().changes();
        let passed = |stream| recent.contains_key(&stream) || !self.lies_on(on, stream);
        let mut due = self.store.timers(now, limit, passed)?;
        due.extend(recent.iter().filter_map(|(stream, head)| match head.standing {
            Standing::Waiting { wake: Some(at) } if at <= now && self.lies_on(on, *stream) => {
                Some((at, *stream))
            }
            _ => None,
        }));
        due.sort_unstable();
        due.truncate(limit);
        Ok(due)
    }

    fn body(&self, owner: Uuid, body: BodyRef) -> Result<Option<Vec<u8>>, Error> {
        if self.is_erased(owner)? {
            return Err(Error::Erased(owner));
        }
        let recent = self.tail.read().body(owner, body);
        let sealed = match recent {
            Some(sealed) => sealed.to_vec(),
            None => match self.store.body(owner, body)? {
                Some(sealed) => sealed,
                None => return Ok(None),
            },
        };
        match self.stored_key(owner)? {
            Some(key) => vault::open_body(&key, body, &sealed).map(Some),
            // It was there a moment ago: its owner was erased in between.
            None => Err(Error::Erased(owner)),
        }
    }

    fn group_cursor(&self, group: &str) -> Result<Cursor, Error> {
        let mut cursor = Cursor::default();
        for shard in (0..self.shards).map(Shard) {
            if let Some(next) = self.group_ack(group, shard)? {
                cursor.0.insert(shard, next);
            }
        }
        Ok(cursor)
    }
}

impl subscribe::Source for Arc<Core> {
    fn ends(&self) -> Cursor {
        Core::ends(self)
    }

    fn page(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Event)>, Error>> {
        let core = self.clone();
        async move {
            // Whoever keeps up finds all of it in memory, and needs no other thread for that.
            let (rows, until) = core.recent(shard, offset, limit);
            if offset >= until {
                let mut events = Vec::new();
                core.watched(scan_rows(&rows, shard, offset, limit, &mut events))?;
                return Ok(events);
            }
            blocking(move || core.watched(core.scan(shard, offset, limit))).await
        }
        .boxed()
    }
}

/// The events of rows from `offset` on, until there are `limit` of them.
fn scan_rows<T: Scanned>(
    rows: &[Arc<Row>],
    shard: Shard,
    offset: u64,
    limit: usize,
    events: &mut Vec<T>,
) -> Result<(), Error> {
    for row in rows {
        if events.len() >= limit {
            break;
        }
        scan_row(&row.value, shard, row.offset, offset, limit, events)?;
    }
    Ok(())
}

impl Reads {
    /// Runs a read that may be long.
    fn long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Core) -> Result<T, Error> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Error>> {
        let core = self.0.clone();
        blocking(move || core.watched(read(&core))).boxed()
    }

    /// Runs a read of a few rows.
    fn short<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Core) -> Result<T, Error> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Error>> {
        let core = self.0.clone();
        async move { core.watched(read(&core)) }.boxed()
    }

    /// See [`Journal::read`](crate::Journal::read).
    pub fn read(
        &self,
        stream: StreamId,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Event>, Error>> {
        self.long(move |core| core.read(stream, from, limit))
    }

    /// See [`Journal::head`](crate::Journal::head).
    pub fn head(&self, stream: StreamId) -> BoxFuture<'static, Result<Option<Head>, Error>> {
        self.short(move |core| Ok(core.head(stream)?.map(|head| head.public())))
    }

    /// See [`Journal::scan`](crate::Journal::scan).
    pub fn scan(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Event)>, Error>> {
        self.long(move |core| core.scan(shard, offset, limit))
    }

    /// See [`Journal::kept`](crate::Journal::kept).
    pub fn kept(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Kept>, Error>> {
        self.long(move |core| core.scan(shard, offset, limit))
    }

    /// See [`Journal::subscribe`](crate::Journal::subscribe).
    pub fn subscribe(&self, from: Cursor) -> BoxStream<'static, Result<(Position, Event), Error>> {
        let commits = lock(&self.0.commits).as_ref().map(tokio::sync::watch::Sender::subscribe);
        match commits {
            Some(commits) => subscribe::follow(self.0.clone(), from, commits),
            None => stream::empty().boxed(),
        }
    }

    /// See [`Journal::body_key`](crate::Journal::body_key).
    pub fn body_key(&self, owner: Uuid) -> BoxFuture<'static, Result<BodyKey, Error>> {
        self.short(move |core| core.body_key(owner))
    }

    /// See [`Journal::body`](crate::Journal::body).
    pub fn body(
        &self,
        owner: Uuid,
        body: BodyRef,
    ) -> BoxFuture<'static, Result<Option<Vec<u8>>, Error>> {
        self.long(move |core| core.body(owner, body))
    }

    /// See [`Journal::save_snapshot`](crate::Journal::save_snapshot).
    pub fn save_snapshot(
        &self,
        stream: StreamId,
        snapshot: Snapshot,
    ) -> BoxFuture<'static, Result<(), Error>> {
        let core = self.0.clone();
        async move {
            core.check()?;
            if snapshot.state.len() > ledger::MAX_BODY_BYTES {
                return Err(ledger::invalid("a snapshot has at most 64 MiB"));
            }
            // Not in the log: losing one costs time, never truth.
            core.tail.write().active.snapshot(stream, snapshot);
            core.signal(|_| {});
            Ok(())
        }
        .boxed()
    }

    /// See [`Journal::snapshot`](crate::Journal::snapshot).
    pub fn snapshot(
        &self,
        stream: StreamId,
    ) -> BoxFuture<'static, Result<Option<Snapshot>, Error>> {
        self.short(move |core| {
            let recent = core.tail.read().snapshot(stream);
            recent.map_or_else(|| core.store.snapshot(stream), |snapshot| Ok(Some(snapshot)))
        })
    }

    /// See [`Journal::running`](crate::Journal::running): of these shards, or of all.
    pub fn running(&self, on: Option<Leading>) -> BoxFuture<'static, Result<Vec<StreamId>, Error>> {
        self.long(move |core| core.running(on.as_ref()))
    }

    /// See [`Journal::due`](crate::Journal::due): of these shards, or of all.
    pub fn due(
        &self,
        now: Timestamp,
        limit: usize,
        on: Option<Leading>,
    ) -> BoxFuture<'static, Result<Vec<StreamId>, Error>> {
        self.long(move |core| {
            Ok(core.due(now, limit, on.as_ref())?.into_iter().map(|(_, stream)| stream).collect())
        })
    }

    /// See [`Journal::next_due`](crate::Journal::next_due): of these shards, or of all.
    pub fn next_due(
        &self,
        on: Option<Leading>,
    ) -> BoxFuture<'static, Result<Option<Timestamp>, Error>> {
        self.long(move |core| {
            let due = core.due(Timestamp(u64::MAX), 1, on.as_ref())?;
            Ok(due.first().map(|(at, _)| *at))
        })
    }

    /// See [`Journal::group_cursor`](crate::Journal::group_cursor).
    pub fn group_cursor(&self, group: &str) -> BoxFuture<'static, Result<Cursor, Error>> {
        let group = group.to_owned();
        self.short(move |core| core.group_cursor(&group))
    }

    /// See [`Journal::degraded`](crate::Journal::degraded).
    pub fn degraded(&self) -> Option<String> {
        self.0
            .halted()
            .map(|why| format!("the journal has halted: {why}"))
            .or_else(|| self.0.space.degraded())
    }
}
