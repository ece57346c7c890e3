//! The journal: the append-only log of all that became true.
//!
//! This file is the port. [`Journal::append`] returns once the events are durable, and that is
//! the only promise that the rest of the system stands on. The local implementation keeps a log
//! of its own as the boundary of durability and sled as the event store behind it; the in-memory
//! twin serves tests and the simulator. Both pass one conformance suite.
//!
//! Formats are forever: events are only added to, unknown kinds are kept and skipped.
//!
//! | module | what it is |
//! |---|---|
//! | `event`, `error` | what goes in, what comes out, what can go wrong |
//! | `ledger`, `row` | the rules and the bytes of an append; no IO, shared by both journals |
//! | `memory` | the in-memory twin |
//! | `replica` | what is behind a log: checks, what readers see before the store has it, reads |
//! | `entries` | the log of a consensus protocol, for who puts that in front of a replica |
//! | `local` | the local journal: a replica behind a log of its own; opening, recovery, backup |
//! | `log` | frames, segments and records: the boundary of durability |
//! | `store` | the event store on sled, rebuilt from the log when it must be |
//! | `vault`, `texts` | keys, bodies sealed under them, and the texts in events |
//! | `subscribe`, `groups` | the event bus: subscriptions, and groups that share the shards |
//! | `disk` | the disk as a port, and one for tests that loses power |
//! | `conformance` | what every journal must do (feature `testing`) |
//!
//! What an append goes through: it is encoded, hashed and sealed in the caller's task; the
//! writer's thread checks it, gives it its place, writes it with all else that waits as one frame
//! and syncs; it is then visible to every reader, and the caller is answered; the store's thread
//! carries it into sled some milliseconds later. So a reader never waits for the store, and the
//! store never holds up an append until [`LocalOptions::tail_bytes`] wait for it.
//!
//! Known limits. sled's memory grows with what was read of it, beyond its cache: about 15 bytes
//! per event that was scanned since the start. sled's own table of contents is written when it is
//! opened, so the first opening after many events were appended in one run takes up to a second
//! per ten million. Erased bodies are unreadable at once, since their key is gone from all
//! that the journal reads; the freed sectors of sled's file keep the wrapped key until they are
//! used again.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod disk;
pub mod entries;
mod error;
mod event;
mod groups;
mod ledger;
mod local;
mod log;
mod memory;
pub mod replica;
mod row;
mod store;
mod subscribe;
mod texts;
mod vault;

pub use error::Error;
pub use event::{
    Batch, Body, BodyKey, Cursor, Event, Head, Kept, Key, Leading, NewEvent, Position, Snapshot,
    Standing, StreamWrite, Trace,
};
pub use groups::{Groups, Member};
pub use local::{
    BackupReport, LocalJournal, LocalOptions, RecoveryReport, VerifyReport, restore, verify,
};
pub use memory::{MemoryJournal, Outcome};
pub use replica::stats::Stats;
pub use row::{Chain, chain_link, chain_next, chain_start, event_digest, event_of};
pub use texts::{ERASED, open_texts, seal_texts};

use autoos_kernel::{
    body::BodyRef,
    id::{Shard, StreamId},
    time::Timestamp,
};
use futures::{future::BoxFuture, stream::BoxStream};
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;

/// The journal as everyone holds it.
pub type SharedJournal = Arc<dyn Journal>;

/// The port.
pub trait Journal: Send + Sync + 'static {
    /// How many shards there are; fixed when the journal was created.
    fn shards(&self) -> u16;

    /// The epoch under which this process may write `shard`; 0, which is never valid, when another
    /// leads it.
    fn epoch(&self, shard: Shard) -> u64;

    /// The shards that this process leads, each under its epoch, as that changes. Whoever acts for
    /// a shard begins when it appears and ends when it goes or its epoch is another: one who looks
    /// rarely still sees by the epoch that it was gone in between.
    fn leading(&self) -> watch::Receiver<Leading>;

    /// The name of the node that leads `shard`, as far as this process knows.
    fn leader(&self, shard: Shard) -> Option<String>;

    /// Records a batch, all of it or nothing, and returns once it is durable.
    ///
    /// All streams of a batch lie in one shard. Checked when the batch is applied, in the order
    /// of application: the expected sequence of each stream and the epoch. A shard that another
    /// node leads is [`Error::NotLeader`], and nothing was recorded. An error that
    /// [`Error::is_unknown`] leaves open whether the batch was recorded; read the stream to know.
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Position, Error>>;

    /// The events of a stream from sequence `from` on, at most `limit`, oldest first. Each
    /// stream's first event has sequence 0. A break in the stream's hash chain is
    /// [`Error::Corrupt`].
    fn read(
        &self,
        stream: StreamId,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Event>, Error>>;

    /// Where a stream stands; none when it has no events.
    fn head(&self, stream: StreamId) -> BoxFuture<'static, Result<Option<Head>, Error>>;

    /// Events of `shard` from `offset` on, at most `limit`, in the order of the shard: what
    /// subscriptions and views are made of.
    fn scan(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Event)>, Error>>;

    /// The same as the bytes that the chains are over: for who proves the journal, and does not
    /// read what it says.
    fn kept(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Kept>, Error>> {
        let events = self.scan(shard, offset, limit);
        Box::pin(async move { Ok(events.await?.iter().map(Kept::of).collect()) })
    }

    /// The end of each shard: the offset that its next event will get.
    fn end(&self) -> Cursor;

    /// Events of all shards from `from` on, then those to come, without end: ordered within a
    /// shard, gapless. A slow reader holds up nobody: it reads from the store at its own pace.
    fn subscribe(&self, from: Cursor) -> BoxStream<'static, Result<(Position, Event), Error>>;

    /// The key under which `owner`'s bodies are stored; a new one when it has none yet, which
    /// becomes durable with the first body that is appended under it.
    fn body_key(&self, owner: Uuid) -> BoxFuture<'static, Result<BodyKey, Error>>;

    /// The plain bytes of a body; none when it was never stored. [`Error::Erased`] when it was.
    fn body(
        &self,
        owner: Uuid,
        body: BodyRef,
    ) -> BoxFuture<'static, Result<Option<Vec<u8>>, Error>>;

    /// Destroys `owner`'s key and bodies: at once in the store, in the log with the next purge.
    /// Events stay, and their chain still verifies. Repeating it is safe.
    fn erase(&self, owner: Uuid) -> BoxFuture<'static, Result<(), Error>>;

    /// Keeps the fold of a stream up to a position, so that the next fold can start from it.
    /// Losing one costs time, never truth.
    fn save_snapshot(
        &self,
        stream: StreamId,
        snapshot: Snapshot,
    ) -> BoxFuture<'static, Result<(), Error>>;

    /// The newest snapshot of a stream.
    fn snapshot(&self, stream: StreamId) -> BoxFuture<'static, Result<Option<Snapshot>, Error>>;

    /// The streams of led shards whose owner must be running: what a restart folds.
    fn running(&self) -> BoxFuture<'static, Result<Vec<StreamId>, Error>>;

    /// The waiting streams of led shards whose wake time has come by `now`, earliest first, at most `limit`.
    fn due(&self, now: Timestamp, limit: usize)
    -> BoxFuture<'static, Result<Vec<StreamId>, Error>>;

    /// The earliest wake time of all waiting streams of led shards.
    fn next_due(&self) -> BoxFuture<'static, Result<Option<Timestamp>, Error>>;

    /// The acknowledged cursor of a consumer group: zero everywhere for a new one.
    fn group_cursor(&self, group: &str) -> BoxFuture<'static, Result<Cursor, Error>>;

    /// Acknowledges all events of one shard up to and with the one at `position`, so that the
    /// group's cursor stands behind it. Repeating it is safe, moving the cursor back is
    /// [`Error::Conflict`].
    fn group_ack(&self, group: &str, position: Position) -> BoxFuture<'static, Result<(), Error>>;

    /// Whether the journal takes appends, and if not, why: a full disk makes it read-only.
    fn degraded(&self) -> Option<String>;
}
