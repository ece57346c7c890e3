//! The local journal: one node's log, and the event store behind it.
//!
//! Two threads: the [writer](self::writer) turns what waits into one frame of the log, syncs it
//! and answers; the [applier](crate::replica::applier) of the replica behind it carries what was
//! recorded into the event store, and the log is purged after it. Both live from [`LocalJournal::open`] to [`LocalJournal::close`] or
//! drop; requests reach the writer through a queue bounded in bytes.
//!
//! In the directory: `lock`, `identity.a` and `.b`, `install.key`, `acked` (how far frames were
//! acknowledged), `ballast`, `log/` and `store/`; after damage also what was set aside.

mod company;
mod copy;
mod figures;
pub(crate) mod identity;
mod keep;
pub(crate) mod mark;
pub(crate) mod open;
mod port;
mod recover;
mod replay;
mod writer;

pub use self::copy::{BackupReport, VerifyReport, restore, verify};

use crate::{
    Error, Leading, Stats,
    disk::{Disk, RealDisk},
    replica::{
        core::{self, Core},
        reads::{Reads, blocking},
    },
};
use autoos_kernel::{id::SHARDS, time::Timestamp};
use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
};
use tokio::sync::{Semaphore, oneshot, watch};
use writer::Request;

/// How a local journal is opened. [`LocalOptions::new`] has the defaults.
#[derive(Clone)]
pub struct LocalOptions {
    /// Where everything lies; made if it is not there.
    pub dir: PathBuf,
    /// How many shards a new journal gets; one that exists keeps its number.
    pub shards: u16,
    /// A segment of the log is closed once it is this large.
    pub segment_bytes: u64,
    /// How much of the log is kept although the event store has it: what a damaged store is
    /// rebuilt from.
    pub keep_log_bytes: u64,
    /// The size of the file that is given up when the disk is full.
    pub ballast_bytes: u64,
    /// Below this much free space the journal takes no more appends.
    pub reserve_bytes: u64,
    /// The most that may be recorded and not be in the event store yet.
    pub tail_bytes: usize,
    /// How long the event store waits for more before it is written, milliseconds.
    pub apply_delay_ms: u64,
    /// The event store is made durable after this many bytes.
    pub checkpoint_bytes: usize,
    /// The event store is made durable after this time, milliseconds.
    pub checkpoint_ms: u64,
    /// A store of at most this many events is checked as a whole when it is opened; a larger one
    /// as it is read.
    pub verify_events: u64,
    /// The disk under the log.
    pub disk: Arc<dyn Disk>,
}

impl LocalOptions {
    /// The defaults, for a journal in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            shards: SHARDS,
            segment_bytes: 32 << 20,
            keep_log_bytes: 128 << 20,
            ballast_bytes: 64 << 20,
            reserve_bytes: 16 << 20,
            tail_bytes: 32 << 20,
            // Most workflows that never wait are over within this: the store then sees each of
            // their streams once, and followers find everything in memory.
            apply_delay_ms: 250,
            checkpoint_bytes: 32 << 20,
            checkpoint_ms: 10_000,
            verify_events: 100_000,
            disk: Arc::new(RealDisk),
        }
    }

    /// The same with small files and little memory, as tests want it.
    #[must_use]
    pub fn small(mut self) -> Self {
        self.segment_bytes = 64 << 10;
        self.keep_log_bytes = 256 << 10;
        self.ballast_bytes = 64 << 10;
        self.reserve_bytes = 16 << 10;
        self.tail_bytes = 1 << 20;
        self.apply_delay_ms = 2;
        self.checkpoint_bytes = 64 << 10;
        self
    }
}

/// What opening a journal found, and what it did about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Frames of the log that the event store did not have.
    pub replayed_frames: u64,
    /// A damaged last frame that was cut: where, and what that means.
    pub torn: Option<String>,
    /// Damage that was repaired from the other copy.
    pub repairs: Vec<String>,
    /// What a person should know and look after.
    pub warnings: Vec<String>,
    /// How long the opening took, milliseconds.
    pub took_ms: u64,
}

impl RecoveryReport {
    /// Whether nothing was found that needs telling.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.torn.is_none() && self.repairs.is_empty() && self.warnings.is_empty()
    }
}

/// The journal of one node.
pub struct LocalJournal {
    core: Arc<Core>,
    epoch: u64,
    /// All shards, as long as it is open: it is nobody else's.
    leading: watch::Sender<Leading>,
    report: RecoveryReport,
    requests: mpsc::Sender<Request>,
    /// What waits for the writer, in KiB.
    room: Arc<Semaphore>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Held as long as the journal is open.
    _lock: File,
}

/// How much may wait for the writer, in KiB.
const ROOM_KIB: u32 = 128 << 10;

impl LocalJournal {
    /// Opens the journal in `options.dir`, or makes one, and recovers what a crash left behind.
    /// Blocks for as long as that takes: the log behind the last checkpoint is read.
    ///
    /// # Errors
    /// Another process holds it, the disk fails, or damage cannot be repaired; the text says
    /// what to do.
    pub fn open(options: LocalOptions) -> Result<Arc<Self>, Error> {
        open::open(options)
    }

    /// What opening found.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryReport {
        &self.report
    }

    /// What was counted since.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.core.counters.read()
    }

    /// Records what waits, carries it into the event store, makes that durable and ends. What is
    /// asked later gets [`Error::Halted`].
    pub async fn close(&self) {
        let _ = self.requests.send(Request::Stop);
        let threads = std::mem::take(&mut *core::lock(&self.threads));
        let done = tokio::task::spawn_blocking(move || join(threads));
        if let Err(error) = done.await {
            tracing::error!(%error, "a thread of the journal panicked");
        }
    }

    /// Returns once all that was recorded before is in the event store, and durable there.
    /// Blocks for as long as that takes.
    ///
    /// # Errors
    /// The journal halted.
    pub fn checkpoint(&self) -> Result<(), Error> {
        self.core.checkpoint()
    }

    fn reads(&self) -> Reads {
        Reads(self.core.clone())
    }

    /// Drops the events, snapshots and bodies of streams that were closed before `time`; their
    /// heads stay. Returns how many. A key and its bodies go when all streams of their owner are
    /// closed.
    ///
    /// # Errors
    /// As [`Journal::append`](crate::Journal::append).
    pub async fn archive(&self, time: Timestamp) -> Result<usize, Error> {
        use crate::{Journal as _, Standing};
        use autoos_kernel::id::{IntentId, WorkflowId};
        let _upkeep = self.core.upkeep.lock().await;
        let core = self.core.clone();
        let streams = blocking(move || core.store.closed_before(time)).await?;
        let mut archived = 0;
        for stream in streams {
            archived += usize::from(self.ask(|answer| Request::Retire { stream, answer }).await?);
            let mut open = false;
            for id in [IntentId(stream.uuid).stream(), WorkflowId(stream.uuid).stream()] {
                let head = self.head(id).await?;
                open |= head.is_some_and(|head| head.standing != Standing::Closed);
            }
            if !open && self.core.stored_key(stream.uuid)?.is_some() {
                self.erase(stream.uuid).await?;
            }
        }
        Ok(archived)
    }

    /// Sends the writer a request and waits for its answer.
    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Request,
    ) -> Result<T, Error> {
        ask(self.core.clone(), self.requests.clone(), request).await
    }
}

/// Sends the writer a request and waits for its answer.
async fn ask<T>(
    core: Arc<Core>,
    requests: mpsc::Sender<Request>,
    request: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Request,
) -> Result<T, Error> {
    core.check()?;
    let (answer, answered) = oneshot::channel();
    let gone = || Error::Halted(core.halted().unwrap_or_else(|| "its writer ended".into()));
    requests.send(request(answer)).map_err(|_| gone())?;
    answered.await.unwrap_or_else(|_| Err(gone()))
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread of the journal panicked");
        }
    }
}

impl Drop for LocalJournal {
    fn drop(&mut self) {
        let _ = self.requests.send(Request::Stop);
        join(std::mem::take(&mut *core::lock(&self.threads)));
    }
}
