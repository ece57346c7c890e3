//! What keeps the index up with the journal.
//!
//! At start it reads what the index has not yet, a few shards at a time, while by-id reads and
//! watching work already; then it follows what is committed, and from time to time has a share of
//! the index written to its file. Long-lived tasks: the follower, which lives as
//! long as its `Views`, and until the index is built a second subscription that does nothing but
//! wake watchers. Neither holds a queue beyond one chunk of events.

use crate::{
    Error,
    index::{Chunk, Index, checkpoint::Keeper},
    wake::Wakers,
};
use autoos_journal::{self as journal, Cursor, Position, SharedJournal};
use autoos_kernel::id::{Prefix, Shard};
use futures::StreamExt;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet};

/// Events that are folded under one lock of a share.
const CHUNK: usize = 512;
/// How long after a failed read the journal is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Whether lists, counts and sums cover all there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Ready {
    /// They do.
    Yes,
    /// The index is being built; by-id reads, audit and watching are not held up by it.
    Building {
        /// Events that were read.
        done: u64,
        /// Events that the journal held at the start.
        total: u64,
    },
    /// The journal cannot be read at some place; it is tried again each second.
    Failing {
        /// What the journal says.
        reason: String,
    },
    /// The journal has ended, and with it what follows it.
    Stopped,
}

/// How far the follower is.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) ready: Ready,
    /// The offset of each shard up to which everything is in the index.
    pub(crate) cursor: Cursor,
}

/// What the follower feeds.
pub(crate) struct Shared {
    pub(crate) journal: SharedJournal,
    pub(crate) index: Index,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) wakers: Arc<Wakers>,
    keeper: Option<Keeper>,
}

impl Shared {
    /// What feeds an index that goes on from where its shares are; kept by `keeper` if there is
    /// one.
    pub(crate) fn new(
        journal: SharedJournal,
        end: &Cursor,
        index: Index,
        keeper: Option<Keeper>,
    ) -> Arc<Self> {
        let cursor = index.cursor();
        let ready = if caught_up(&cursor, end) {
            Ready::Yes
        } else {
            Ready::Building { done: cursor.0.values().sum(), total: end.0.values().sum() }
        };
        let progress = watch::Sender::new(Progress { ready, cursor });
        Arc::new(Self { journal, index, progress, wakers: Arc::default(), keeper })
    }

    fn say(&self, ready: Ready) {
        self.progress.send_modify(|progress| progress.ready = ready);
    }

    /// Says that nothing new will come.
    pub(crate) fn stop(&self) {
        self.say(Ready::Stopped);
        self.wakers.close();
    }

    /// Writes a share to its file if it has come far enough since `written`.
    async fn keep(self: &Arc<Self>, shard: Shard, written: &mut u64) {
        let Some(keeper) = &self.keeper else { return };
        if !keeper.is_due(&self.index.read(shard), *written) {
            return;
        }
        *written = self.index.read(shard).next;
        // A full disk's last room is not for this.
        if self.journal.degraded().is_none() {
            self.save(vec![shard]).await;
        }
    }

    /// Writes shares to their files, where those have not all of them.
    pub(crate) async fn save(self: &Arc<Self>, shards: Vec<Shard>) {
        let shared = self.clone();
        let saved = tokio::task::spawn_blocking(move || {
            let Some(keeper) = &shared.keeper else { return };
            for shard in shards {
                if let Err(error) = keeper.save(&shared.index, shard) {
                    tracing::warn!(%error, shard = shard.0, "the views' index was not written");
                }
            }
        });
        if let Err(error) = saved.await {
            tracing::error!(%error, "writing the views' index panicked");
        }
    }
}

/// Builds the index of what lies before `end`, then keeps it up, until the journal ends.
///
/// `end` is the journal's end when the views came to be, before anyone could watch: whoever
/// watches reads up to there by himself, and is woken for all that comes after it.
pub(crate) async fn run(shared: Arc<Shared>, end: Cursor) {
    let mut waking = JoinSet::new();
    waking.spawn(wake(shared.clone(), end.clone()));
    build(&shared, &end).await;
    follow(&shared, end, waking).await;
    shared.stop();
}

/// Wakes watchers for what is committed while the index is built.
async fn wake(shared: Arc<Shared>, from: Cursor) {
    let mut cursor = from;
    loop {
        let mut events = shared.journal.subscribe(cursor.clone());
        while let Some(Ok((position, event))) = events.next().await {
            cursor.0.insert(position.shard, position.offset + 1);
            wake_for(&shared, &event);
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn wake_for(shared: &Shared, event: &journal::Event) {
    if event.stream.prefix == Prefix::WORKFLOW {
        shared.wakers.wake(event.stream.uuid);
    }
}

/// Folds all shards up to `end`; a workflow lies in one shard, so their order does not matter.
async fn build(shared: &Arc<Shared>, end: &Cursor) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut shards = end.0.iter().map(|(shard, end)| (*shard, *end));
    let mut readers = JoinSet::new();
    loop {
        // Half the cores: the node is serving already.
        while readers.len() < (cores / 2).max(1) {
            let Some((shard, end)) = shards.next() else { break };
            readers.spawn(build_shard(shared.clone(), shard, end));
        }
        if readers.join_next().await.is_none() {
            return;
        }
    }
}

async fn build_shard(shared: Arc<Shared>, shard: Shard, end: u64) {
    let mut at = shared.index.read(shard).next;
    let mut written = at;
    while at < end {
        let page = match shared.journal.scan(shard, at, CHUNK).await {
            Ok(page) => page,
            Err(error) => {
                failing(&shared, &error).await;
                continue;
            }
        };
        // A short page holds all there was; what is missing in it is archived.
        let reached = match page.last() {
            Some((position, _)) if page.len() == CHUNK => position.offset + 1,
            _ => end,
        };
        let next = reached.min(end);
        let fresh = page.partition_point(|(position, _)| position.offset < end);
        let chunk = Chunk::of(&page[..fresh], next);
        shared.index.write(shard).take(&chunk);
        shared.progress.send_modify(|progress| {
            progress.cursor.0.insert(shard, next);
            let total = match progress.ready {
                Ready::Building { total, .. } => total,
                _ => end,
            };
            let done = progress.cursor.0.values().sum();
            progress.ready = Ready::Building { done, total };
        });
        at = next;
        // Others may have work that is more pressing.
        tokio::task::yield_now().await;
    }
    shared.keep(shard, &mut written).await;
}
async fn failing(shared: &Shared, error: &journal::Error) {
    tracing::error!(%error, "the journal cannot be read: lists and metrics stand still");
    shared.say(Ready::Failing { reason: error.to_string() });
    tokio::time::sleep(RETRY).await;
}

/// Folds what comes, and wakes those that wait for it. `waking` ends once this has caught up
/// with what was committed while the index was built.
async fn follow(shared: &Arc<Shared>, from: Cursor, mut waking: JoinSet<()>) {
    let behind = shared.journal.end();
    let mut cursor = from;
    let mut written = cursor.0.clone();
    if caught_up(&cursor, &behind) {
        shared.say(Ready::Yes);
        waking.abort_all();
    }
    loop {
        let mut chunks = shared.journal.subscribe(cursor.clone()).ready_chunks(CHUNK);
        let error = loop {
            let Some(chunk) = chunks.next().await else { return };
            let (events, error) = sort(chunk);
            take(shared, &mut cursor, &events);
            if caught_up(&cursor, &behind) && shared.progress.borrow().ready != Ready::Yes {
                shared.say(Ready::Yes);
                waking.abort_all();
            }
            for shard in events.into_keys() {
                shared.keep(shard, written.entry(shard).or_default()).await;
            }
            if let Some(error) = error {
                break error;
            }
        };
        failing(shared, &error).await;
    }
}

fn caught_up(cursor: &Cursor, end: &Cursor) -> bool {
    end.0.iter().all(|(shard, end)| cursor.0.get(shard).copied().unwrap_or(0) >= *end)
}

/// Events of each shard, in order.
type Sorted = BTreeMap<Shard, Vec<(Position, journal::Event)>>;

/// What a chunk of a subscription holds, up to the first error.
fn sort(
    chunk: Vec<Result<(Position, journal::Event), journal::Error>>,
) -> (Sorted, Option<journal::Error>) {
    let mut sorted = Sorted::new();
    for next in chunk {
        match next {
            Ok((position, event)) => {
                sorted.entry(position.shard).or_default().push((position, event));
            }
            Err(error) => return (sorted, Some(error)),
        }
    }
    (sorted, None)
}

/// Folds events that follow those before them, and wakes those that wait for them.
fn take(shared: &Shared, cursor: &mut Cursor, events: &Sorted) {
    for (shard, events) in events {
        let next = events.last().map_or(0, |(position, _)| position.offset + 1);
        let chunk = Chunk::of(events, next);
        shared.index.write(*shard).take(&chunk);
        cursor.0.insert(*shard, next);
    }
    shared.progress.send_modify(|progress| progress.cursor = cursor.clone());
    for (_, event) in events.values().flatten() {
        wake_for(shared, event);
    }
}

/// Waits until the index holds the event at `position`.
pub(crate) async fn reach(shared: &Shared, position: Position) -> Result<(), Error> {
    let mut progress = shared.progress.subscribe();
    let reached = progress
        .wait_for(|progress| {
            let at = progress.cursor.0.get(&position.shard).copied().unwrap_or(0);
            at > position.offset || progress.ready == Ready::Stopped
        })
        .await
        .map_err(|_| Error::Stopped)?;
    match reached.ready {
        Ready::Stopped => Err(Error::Stopped),
        _ => Ok(()),
    }
}

/// Waits until the index holds all that lies before `end`.
pub(crate) async fn reach_all(shared: &Shared, end: &Cursor) -> Result<(), Error> {
    for (shard, end) in &end.0 {
        if let Some(offset) = end.checked_sub(1) {
            reach(shared, Position { shard: *shard, offset }).await?;
        }
    }
    Ok(())
}
