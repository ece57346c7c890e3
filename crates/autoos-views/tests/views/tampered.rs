//! A journal whose store gives back what was not written, and the check that finds it.

use crate::support::{Ask, Run, journal};
use autoos_journal::{
    Batch, BodyKey, Cursor, Error, Event, Head, Journal, Position, SharedJournal, Snapshot,
};
use autoos_kernel::{
    body::BodyRef,
    id::{Shard, StreamId},
    time::Timestamp,
};
use autoos_views::Views;
use futures::{FutureExt, future::BoxFuture, stream::BoxStream};
use std::sync::Arc;
use uuid::Uuid;

/// What happens to the events of a read.
type Tampering = fn(&mut Vec<Event>);

struct Tampered(SharedJournal, Tampering);

type Answer<T> = BoxFuture<'static, Result<T, Error>>;

impl Journal for Tampered {
    fn read(&self, stream: StreamId, from: u64, limit: usize) -> Answer<Vec<Event>> {
        let (read, tamper) = (self.0.read(stream, from, limit), self.1);
        async move {
            let mut events = read.await?;
            tamper(&mut events);
            Ok(events)
        }
        .boxed()
    }
    fn shards(&self) -> u16 {
        self.0.shards()
    }
    fn epoch(&self, shard: Shard) -> u64 {
        self.0.epoch(shard)
    }

    fn leading(&self) -> tokio::sync::watch::Receiver<autoos_journal::Leading> {
        self.0.leading()
    }

    fn leader(&self, shard: Shard) -> Option<String> {
        self.0.leader(shard)
    }
    fn append(&self, batch: Batch) -> Answer<Position> {
        self.0.append(batch)
    }
    fn head(&self, stream: StreamId) -> Answer<Option<Head>> {
        self.0.head(stream)
    }
    fn scan(&self, shard: Shard, offset: u64, limit: usize) -> Answer<Vec<(Position, Event)>> {
        self.0.scan(shard, offset, limit)
    }
    fn end(&self) -> Cursor {
        self.0.end()
    }
    fn subscribe(&self, from: Cursor) -> BoxStream<'static, Result<(Position, Event), Error>> {
        self.0.subscribe(from)
    }
    fn body_key(&self, owner: Uuid) -> Answer<BodyKey> {
        self.0.body_key(owner)
    }
    fn body(&self, owner: Uuid, body: BodyRef) -> Answer<Option<Vec<u8>>> {
        self.0.body(owner, body)
    }
    fn erase(&self, owner: Uuid) -> Answer<()> {
        self.0.erase(owner)
    }
    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Answer<()> {
        self.0.save_snapshot(stream, snapshot)
    }
    fn snapshot(&self, stream: StreamId) -> Answer<Option<Snapshot>> {
        self.0.snapshot(stream)
    }
    fn running(&self) -> Answer<Vec<StreamId>> {
        self.0.running()
    }
    fn due(&self, now: Timestamp, limit: usize) -> Answer<Vec<StreamId>> {
        self.0.due(now, limit)
    }
    fn next_due(&self) -> Answer<Option<Timestamp>> {
        self.0.next_due()
    }
    fn group_cursor(&self, group: &str) -> Answer<Cursor> {
        self.0.group_cursor(group)
    }
    fn group_ack(&self, group: &str, position: Position) -> Answer<()> {
        self.0.group_ack(group, position)
    }
    fn degraded(&self) -> Option<String> {
        self.0.degraded()
    }
}

#[tokio::test]
async fn verifying_finds_every_kind_of_change() {
    let (_, journal) = journal();
    let mut run = Run::submit(&journal, Ask::default()).await;
    run.finish().await;
    let cases: [(&str, Tampering); 7] = [
        ("an edited body", |events| events[0].body[5] ^= 1),
        ("another actor", |events| events[0].actor = "nobody".into()),
        ("another time", |events| events[0].at.0 += 1),
        ("a cut end", |events| drop(events.pop())),
        ("a missing event", |events| drop(events.remove(0))),
        ("two swapped", |events| {
            let last = events.len() - 1;
            if last > 0 {
                events.swap(0, last);
            }
        }),
        ("one too many", |events| events.push(events[0].clone())),
    ];
    for (what, tamper) in cases {
        let views = Views::start(Arc::new(Tampered(journal.clone(), tamper)));
        let found = views.verify(run.id).await;
        let error = found.expect_err(what).to_string();
        assert!(error.contains("restore a backup"), "{what}: {error}");
    }
    let untouched = Views::start(Arc::new(Tampered(journal.clone(), |_| {})));
    assert_eq!(untouched.verify(run.id).await.unwrap().unwrap().events, 10);
}
