//! What keeps the index up with the journal.
//!
//! At start it reads what is there, a few shards at a time, while by-id reads and watching work
//! already; then it follows what is committed. Long-lived tasks: the follower, which lives as
//! long as its `Views`, and until the index is built a second subscription that does nothing but
//! wake watchers. Neither holds a queue beyond one chunk of events.

use crate::{
    Error,
    index::{Decoded, Index},
    wake::Wakers,
};
use autoos_journal::{self as journal, Cursor, Position, SharedJournal};
use autoos_kernel::id::{Prefix, Shard};
use futures::StreamExt;
use serde::Serialize;
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// Events that are folded under one lock of the index.
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
    pub(crate) index: RwLock<Index>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) wakers: Arc<Wakers>,
}

impl Shared {
    pub(crate) fn new(journal: SharedJournal, end: &Cursor) -> Arc<Self> {
        let total = end.0.values().sum();
        let ready = Ready::Building { done: 0, total };
        Arc::new(Self {
            journal,
            index: RwLock::default(),
            progress: watch::Sender::new(Progress { ready, cursor: Cursor::default() }),
            wakers: Arc::default(),
        })
    }

    fn fold(&self, events: &[Decoded]) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            index.fold(event);
        }
    }

    fn say(&self, ready: Ready) {
        self.progress.send_modify(|progress| progress.ready = ready);
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
    shared.say(Ready::Stopped);
    shared.wakers.close();
}

/// Wakes watchers for what is committed while the index is built.
async fn wake(shared: Arc<Shared>, from: Cursor) {
    let mut cursor = from;
    loop {
        let mut events = shared.journal.subscribe(cursor.clone());
        while let Some(Ok((position, event))) = events.next().await {
            advance(&mut cursor, position);
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

fn advance(cursor: &mut Cursor, position: Position) {
    cursor.0.insert(position.shard, position.offset + 1);
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
    let mut at = 0;
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
        let page = page.into_iter().filter(|(position, _)| position.offset < end);
        let events: Vec<Decoded> = page.filter_map(|(_, event)| Decoded::of(&event)).collect();
        shared.fold(&events);
        let reached = reached.min(end);
        shared.progress.send_modify(|progress| {
            progress.cursor.0.insert(shard, reached);
            let total = match progress.ready {
                Ready::Building { total, .. } => total,
                _ => end,
            };
            let done = progress.cursor.0.values().sum();
            progress.ready = Ready::Building { done, total };
        });
        at = reached;
        // Others may have work that is more pressing.
        tokio::task::yield_now().await;
    }
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
    if caught_up(&cursor, &behind) {
        shared.say(Ready::Yes);
        waking.abort_all();
    }
    loop {
        let mut chunks = shared.journal.subscribe(cursor.clone()).ready_chunks(CHUNK);
        let error = loop {
            let Some(chunk) = chunks.next().await else { return };
            if let Some(error) = take(shared, &mut cursor, chunk) {
                break error;
            }
            if caught_up(&cursor, &behind) && shared.progress.borrow().ready != Ready::Yes {
                shared.say(Ready::Yes);
                waking.abort_all();
            }
        };
        failing(shared, &error).await;
    }
}

fn caught_up(cursor: &Cursor, end: &Cursor) -> bool {
    end.0.iter().all(|(shard, end)| cursor.0.get(shard).copied().unwrap_or(0) >= *end)
}

/// Folds a chunk up to the first error.
fn take(
    shared: &Shared,
    cursor: &mut Cursor,
    chunk: Vec<Result<(Position, journal::Event), journal::Error>>,
) -> Option<journal::Error> {
    let mut error = None;
    let mut events = Vec::with_capacity(chunk.len());
    let mut decoded = Vec::with_capacity(chunk.len());
    for next in chunk {
        match next {
            Ok((position, event)) => {
                advance(cursor, position);
                decoded.extend(Decoded::of(&event));
                events.push(event);
            }
            Err(found) => {
                error = Some(found);
                break;
            }
        }
    }
    shared.fold(&decoded);
    shared.progress.send_modify(|progress| progress.cursor = cursor.clone());
    for event in &events {
        wake_for(shared, event);
    }
    error
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
