//! The owner of the stream of learned figures: it folds the stream at the start and appends what
//! was gathered, once a second.
//!
//! Gathering never waits: an outcome is added to a tally under a short lock, and there are as
//! many tallies as models and kinds of task, however slow the journal is. What an append could
//! not record stays for the next one. Every [`SNAPSHOT_EVERY`] events the fold is kept, so that a
//! start reads that and a few events.

use super::{Event, Judgement, Learned, Outcome, Tally};
use crate::TaskKind;
use autoos_journal::{
    Batch, Error as JournalError, NewEvent, SharedJournal, Snapshot, Standing, StreamWrite,
};
use autoos_kernel::{
    codec::Recorded,
    id::{Prefix, StreamId},
    time::Timestamp,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::oneshot, task::JoinHandle, time::MissedTickBehavior};
use uuid::Uuid;

/// The stream is the same everywhere; its name is part of the journal's format.
const STREAM: Uuid = Uuid::from_u128(0x6175_746f_6f73_8000_8000_0066_6162_7269);
/// How often what was gathered is recorded.
const EVERY: Duration = Duration::from_secs(1);
/// Events between two snapshots.
const SNAPSHOT_EVERY: u64 = 256;
/// How often a stop tries to record what is left.
const LAST_TRIES: usize = 3;
/// Version of the fold.
const FOLD_VERSION: u32 = 1;
/// Events that are read at once.
const PAGE: usize = 1_024;

/// Why the learned figures could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LearnedError {
    /// The journal did not give them.
    #[error("the learned figures cannot be read: {0}")]
    Journal(#[from] JournalError),
    /// An event of the stream is not what this version knows by its name.
    #[error("the learned figures are damaged at sequence {seq}: {problem}; restore a backup")]
    Damaged {
        /// Where.
        seq: u64,
        /// What is wrong.
        problem: String,
    },
}

/// The figures as everyone in the fabric holds them.
#[derive(Debug, Default)]
pub(crate) struct Learning {
    learned: RwLock<Learned>,
    /// What is not recorded yet.
    gathered: Mutex<BTreeMap<(String, TaskKind), Tally>>,
    /// Whether someone records it.
    kept: bool,
}

impl Learning {
    /// Looks at the figures.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Learned) -> T) -> T {
        look(&self.learned.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A call ended.
    pub(crate) fn saw(&self, outcome: &Outcome<'_>) {
        let mut one = Tally::new(outcome.model, outcome.kind);
        one.saw(outcome);
        self.add(one);
    }

    /// An answer was judged.
    pub(crate) fn judged(&self, judgement: &Judgement) {
        let mut one = Tally::new(&judgement.model, judgement.kind);
        one.judged(judgement);
        self.add(one);
    }

    fn add(&self, one: Tally) {
        self.learned.write().unwrap_or_else(PoisonError::into_inner).take(&one, now().0);
        if self.kept {
            put(&mut self.gathered(), one);
        }
    }

    fn gathered(&self) -> MutexGuard<'_, BTreeMap<(String, TaskKind), Tally>> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Tally> {
        std::mem::take(&mut *self.gathered()).into_values().collect()
    }

    /// Puts back what could not be recorded, before what came since.
    fn put_back(&self, tallies: Vec<Tally>) {
        let mut gathered = self.gathered();
        let later = std::mem::take(&mut *gathered);
        tallies.into_iter().chain(later.into_values()).for_each(|t| put(&mut gathered, t));
    }
}

fn put(gathered: &mut BTreeMap<(String, TaskKind), Tally>, tally: Tally) {
    match gathered.get_mut(&(tally.model.clone(), tally.kind)) {
        Some(before) => before.then(tally),
        None => {
            gathered.insert((tally.model.clone(), tally.kind), tally);
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn stream() -> StreamId {
    StreamId::new(Prefix::FABRIC, STREAM)
}

/// The task that records; it ends with [`stop`](Self::stop), or at once when dropped.
#[derive(Debug)]
pub(crate) struct Owner {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Owner {
    /// Folds the stream and goes on with it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn start(
        journal: SharedJournal,
    ) -> Result<(Self, Arc<Learning>), LearnedError> {
        let (learned, next) = fold(&journal).await?;
        let learning =
            Arc::new(Learning { learned: RwLock::new(learned), kept: true, ..Learning::default() });
        let (stop, stopped) = oneshot::channel();
        let pen = Pen { journal, learning: Arc::clone(&learning), next, failing: false };
        let task = tokio::spawn(pen.run(stopped));
        Ok((Self { stop: Some(stop), task }, learning))
    }

    /// Records what is left and ends.
    pub(crate) async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // A task that is gone has nothing left to say.
            let _ = stop.send(());
            let _ = (&mut self.task).await;
        }
    }
}

/// The figures as the journal has them, and the sequence of the next event.
async fn fold(journal: &SharedJournal) -> Result<(Learned, u64), LearnedError> {
    let kept = journal.snapshot(stream()).await?.filter(|kept| kept.version == FOLD_VERSION);
    let kept = kept.and_then(|kept| Some((rmp_serde::from_slice(&kept.state).ok()?, kept.next)));
    let (mut learned, mut next): (Learned, u64) = kept.unwrap_or_default();
    loop {
        let page = journal.read(stream(), next, PAGE).await?;
        for event in &page {
            let known = Event::decode(&event.kind, &event.body)
                .map_err(|problem| LearnedError::Damaged { seq: event.seq, problem })?;
            if let Some(known) = known {
                learned.fold(&known, event.at.0);
            }
            next = event.seq + 1;
        }
        if page.len() < PAGE {
            return Ok((learned, next));
        }
    }
}

struct Pen {
    journal: SharedJournal,
    learning: Arc<Learning>,
    next: u64,
    failing: bool,
}

impl Pen {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.record().await,
                _ = &mut stopped => break,
            }
        }
        for _ in 0..LAST_TRIES {
            self.record().await;
            if self.learning.gathered().is_empty() {
                break;
            }
        }
        self.keep().await;
    }

    async fn record(&mut self) {
        let tallies = self.learning.take();
        if tallies.is_empty() {
            return;
        }
        match self.append(tallies.clone()).await {
            Ok(()) => {
                self.failing = false;
                self.next += 1;
                if self.next.is_multiple_of(SNAPSHOT_EVERY) {
                    self.keep().await;
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the learned figures cannot be recorded for now");
                }
                // Where it stands is asked for, since the append may have been recorded.
                let head = self.journal.head(stream()).await;
                let next = head.map_or(self.next, |head| head.map_or(0, |head| head.next));
                let recorded = error.is_unknown() && next == self.next + 1;
                self.next = next;
                if !recorded {
                    self.learning.put_back(tallies);
                }
            }
        }
    }

    async fn append(&self, tallies: Vec<Tally>) -> Result<(), JournalError> {
        let event = Event::Observed { tallies };
        let event = NewEvent {
            at: now(),
            actor: "fabric".into(),
            cause: None,
            trace: None,
            kind: event.kind().into(),
            body: event.encode(),
        };
        let epoch = self.journal.epoch(stream().shard(self.journal.shards()));
        let standing = Standing::Waiting { wake: None };
        let write =
            StreamWrite { stream: stream(), expect: self.next, events: vec![event], standing };
        self.journal.append(Batch { epoch, writes: vec![write], bodies: vec![] }).await.map(drop)
    }

    /// Keeps the fold. It is folded from the journal and not taken from memory, which is ahead.
    async fn keep(&self) {
        let Ok((learned, next)) = fold(&self.journal).await else { return };
        let Ok(state) = rmp_serde::to_vec_named(&learned) else { return };
        let snapshot = Snapshot { next, version: FOLD_VERSION, state };
        if let Err(error) = self.journal.save_snapshot(stream(), snapshot).await {
            tracing::warn!(%error, "the learned figures' snapshot was not kept");
        }
    }
}
