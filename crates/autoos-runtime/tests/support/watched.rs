//! A journal that counts what is read of it, and gives back what was not written where told to.

use autoos_journal::{
    Batch, BodyKey, Cursor, Error, Event, Head, Journal, MemoryJournal, Outcome, Position, Snapshot,
};
use autoos_kernel::{
    body::BodyRef,
    id::{Prefix, Shard, StreamId},
    time::Timestamp,
};
use futures::{FutureExt as _, future::BoxFuture, stream::BoxStream};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};
use uuid::Uuid;

/// The journal in memory, watched.
pub(crate) struct Watched {
    journal: Arc<MemoryJournal>,
    /// Events that were read, by their stream.
    read: Mutex<HashMap<StreamId, usize>>,
    damaged: Mutex<HashSet<StreamId>>,
    fault: Mutex<Fault>,
}

/// What happens to appends.
#[derive(Default)]
struct Fault {
    /// How many there were.
    appends: usize,
    /// Which one fails, and whether it is recorded all the same.
    fails: Option<(usize, Outcome)>,
    /// From which on none is recorded.
    down: Option<usize>,
    /// Streams of this kind take none.
    closed: Option<Prefix>,
}

type Answer<T> = BoxFuture<'static, Result<T, Error>>;

impl Watched {
    pub(crate) fn new(journal: Arc<MemoryJournal>) -> Arc<Self> {
        Arc::new(Self {
            journal,
            read: Mutex::default(),
            damaged: Mutex::default(),
            fault: Mutex::default(),
        })
    }

    /// From now on a stream does not decode, or does again.
    pub(crate) fn damage(&self, stream: StreamId, damaged: bool) {
        let mut all = self.damaged.lock().expect("not poisoned");
        if damaged {
            all.insert(stream)
        } else {
            all.remove(&stream)
        };
    }

    /// The append after `n` more fails once.
    pub(crate) fn fail_after(&self, n: usize, outcome: Outcome) {
        let mut fault = self.fault.lock().expect("not poisoned");
        fault.fails = Some((fault.appends + n, outcome));
    }

    /// After `n` more appends none is recorded, as if the process were dead; none ends that.
    pub(crate) fn down_after(&self, n: Option<usize>) {
        let mut fault = self.fault.lock().expect("not poisoned");
        fault.down = n.map(|n| fault.appends + n);
    }

    /// From now on streams of this kind take no appends, as on a full disk; none ends that.
    pub(crate) fn close(&self, prefix: Option<Prefix>) {
        self.fault.lock().expect("not poisoned").closed = prefix;
    }

    /// How many appends there were.
    pub(crate) fn appends(&self) -> usize {
        self.fault.lock().expect("not poisoned").appends
    }

    /// How many events of a stream were read since the last time that this was asked.
    pub(crate) fn take_read(&self, stream: StreamId) -> usize {
        self.read.lock().expect("not poisoned").remove(&stream).unwrap_or(0)
    }
}

impl Journal for Watched {
    fn read(&self, stream: StreamId, from: u64, limit: usize) -> Answer<Vec<Event>> {
        let damaged = self.damaged.lock().expect("not poisoned").contains(&stream);
        let events = self.journal.read(stream, from, limit).now_or_never();
        let mut events = events.expect("the memory journal answers at once");
        if let Ok(events) = &mut events {
            *self.read.lock().expect("not poisoned").entry(stream).or_default() += events.len();
            for event in events.iter_mut().filter(|_| damaged) {
                event.body = vec![0xc1];
            }
        }
        futures::future::ready(events).boxed()
    }
    fn shards(&self) -> u16 {
        self.journal.shards()
    }
    fn epoch(&self, shard: Shard) -> u64 {
        self.journal.epoch(shard)
    }

    fn leading(&self) -> tokio::sync::watch::Receiver<autoos_journal::Leading> {
        self.journal.leading()
    }

    fn leader(&self, shard: Shard) -> Option<String> {
        self.journal.leader(shard)
    }
    fn append(&self, batch: Batch) -> Answer<Position> {
        let mut fault = self.fault.lock().expect("not poisoned");
        let n = fault.appends;
        fault.appends += 1;
        if fault.down.is_some_and(|down| n >= down) {
            let why = Error::Halted("the test stopped it".into());
            return futures::future::ready(Err(why)).boxed();
        }
        if batch.writes.iter().any(|write| fault.closed == Some(write.stream.prefix)) {
            let why = Error::ReadOnly("the test closed it".into());
            return futures::future::ready(Err(why)).boxed();
        }
        if fault.fails.as_ref().is_some_and(|(at, _)| n >= *at)
            && let Some((_, outcome)) = fault.fails.take()
        {
            self.journal.fail_next(Error::Io("as the test wants".into()), outcome);
        }
        // Under the lock, so that nobody else meets the fault.
        self.journal.append(batch)
    }
    fn head(&self, stream: StreamId) -> Answer<Option<Head>> {
        self.journal.head(stream)
    }
    fn scan(&self, shard: Shard, offset: u64, limit: usize) -> Answer<Vec<(Position, Event)>> {
        self.journal.scan(shard, offset, limit)
    }
    fn end(&self) -> Cursor {
        self.journal.end()
    }
    fn subscribe(&self, from: Cursor) -> BoxStream<'static, Result<(Position, Event), Error>> {
        self.journal.subscribe(from)
    }
    fn body_key(&self, owner: Uuid) -> Answer<BodyKey> {
        self.journal.body_key(owner)
    }
    fn body(&self, owner: Uuid, body: BodyRef) -> Answer<Option<Vec<u8>>> {
        Journal::body(&*self.journal, owner, body)
    }
    fn erase(&self, owner: Uuid) -> Answer<()> {
        self.journal.erase(owner)
    }
    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Answer<()> {
        self.journal.save_snapshot(stream, snapshot)
    }
    fn snapshot(&self, stream: StreamId) -> Answer<Option<Snapshot>> {
        self.journal.snapshot(stream)
    }
    fn running(&self) -> Answer<Vec<StreamId>> {
        self.journal.running()
    }
    fn due(&self, now: Timestamp, limit: usize) -> Answer<Vec<StreamId>> {
        self.journal.due(now, limit)
    }
    fn next_due(&self) -> Answer<Option<Timestamp>> {
        self.journal.next_due()
    }
    fn group_cursor(&self, group: &str) -> Answer<Cursor> {
        self.journal.group_cursor(group)
    }
    fn group_ack(&self, group: &str, position: Position) -> Answer<()> {
        self.journal.group_ack(group, position)
    }
    fn degraded(&self) -> Option<String> {
        self.journal.degraded()
    }
}
