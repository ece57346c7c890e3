//! A replica: a journal's state behind whatever log orders what becomes of it.
//!
//! What passes its checks (`check`) lies in layers (`layer`) in memory, where readers see it at
//! once, until the `applier` has carried it into the event store. The local journal puts
//! a log of its own in front; that log, and not the replica, is the boundary of durability.
//!
//! A [`Replica`] stands behind a log that several nodes agree on: it is given the entries of each
//! shard in their order, and comes to the same on every node. It keeps how far it was given them
//! in the same write of the store as what they did.

pub(crate) mod applier;
mod cache;
pub(crate) mod check;
pub(crate) mod core;
mod entry;
mod folder;
pub(crate) mod layer;
pub(crate) mod reads;
pub(crate) mod space;
pub(crate) mod stats;

pub use crate::store::{Export, Import, Rows};
pub use entry::{Request, entry};
pub use folder::{Answer, Entry};

use crate::{
    Batch, Cursor, Error, Key, LocalOptions, Position, Stats,
    disk::{self, Disk},
    ledger,
    local::{
        identity::{Identity, KEY_FILE, load_key},
        open::{STORE, take_lock},
    },
    store::{Applied, Store},
};
use applier::Applier;
use autoos_kernel::id::Shard;
use core::{Core, lock};
use folder::{Asks, Folder, Job};
pub use reads::Reads;
use reads::blocking;
use space::Space;
use std::{
    fs::{self, File},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread::JoinHandle,
};
use tokio::sync::oneshot;
use uuid::Uuid;

/// The state of all shards on one node, behind a replicated log.
///
/// In the directory: `lock`, `identity.a` and `.b`, `install.key`, `ballast` and `store/`.
pub struct Replica {
    core: Arc<Core>,
    id: [u8; 16],
    jobs: mpsc::Sender<Job>,
    /// Something was erased that the log in front still holds.
    erased: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Held as long as the replica is open.
    _lock: File,
}

impl Replica {
    /// Opens the replica in `options.dir`, or makes one. Blocks for as long as that takes.
    ///
    /// # Errors
    /// Another process holds it, the disk fails, or the store is damaged: then the node must
    /// return under a new name and be filled by the others.
    pub fn open(options: LocalOptions) -> Result<Self, Error> {
        fs::create_dir_all(&options.dir)?;
        let file = take_lock(&options.dir)?;
        let (disk, dir) = (options.disk.clone(), options.dir.clone());
        let mut warnings = Vec::new();
        let known = Identity::load(&*disk, &dir, &mut warnings)?;
        for text in warnings {
            tracing::warn!("{text}");
        }
        if known.is_none() && dir.join(STORE).exists() {
            return Err(Error::Corrupt(format!(
                "{} holds a journal without its identity files: restore them from a backup",
                dir.display()
            )));
        }
        let vault = load_key(&*disk, &dir, known.as_ref().map(|known| &known.key))?;
        let mut identity = known.unwrap_or_else(|| Identity {
            id: rand::random(),
            shards: options.shards,
            epoch: 0,
            key: vault.fingerprint(),
        });
        identity.epoch += 1;
        identity.save(&*disk, &dir)?;
        let store = Store::open(&dir.join(STORE), identity.shards)?;
        let applied = progress(&store, identity.shards, options.verify_events)?;
        let space = Space::new(disk, &dir, options.ballast_bytes, options.reserve_bytes);
        let frame = applied.frame;
        let core = Arc::new(Core::new(options, identity.shards, store, vault, space, applied));
        let (jobs, queue) = mpsc::channel();
        let erased = Arc::new(AtomicBool::new(false));
        let folder = Folder::new(core.clone(), frame, queue);
        let applier = Applier::new(core.clone(), Asks(erased.clone()));
        let threads = vec![
            std::thread::Builder::new().name("replica-fold".into()).spawn(|| folder.run())?,
            std::thread::Builder::new().name("replica-store".into()).spawn(|| applier.run())?,
        ];
        Ok(Self { core, id: identity.id, jobs, erased, threads: Mutex::new(threads), _lock: file })
    }

    /// A random id of this directory.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.id
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> u16 {
        self.core.shards
    }

    /// What was counted since the opening.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.core.counters.read()
    }

    /// A request to record a batch. It is encoded and sealed here, and checked when it is applied.
    ///
    /// # Errors
    /// [`Error::Invalid`] where no state of the journal could take it; [`Error::ReadOnly`] where
    /// this node has no room.
    pub fn append(&self, batch: Batch) -> Result<Request, Error> {
        self.core.check()?;
        if let Some(why) = self.core.space.degraded() {
            return Err(Error::ReadOnly(why));
        }
        Request::append(batch, self.core.shards, &self.core.vault)
    }

    /// A request to destroy an owner's key and bodies.
    #[must_use]
    pub fn erase(&self, owner: Uuid) -> Request {
        Request::erase(owner, self.core.shards)
    }

    /// A request to move a group's cursor behind `position`.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is no such shard.
    pub fn ack(&self, group: &str, position: Position) -> Result<Request, Error> {
        self.core.check_shard(position.shard)?;
        if group.len() > ledger::MAX_NAME_BYTES {
            return Err(ledger::invalid("a group's name has 1 to 512 bytes"));
        }
        Ok(Request::ack(group, position))
    }

    /// Applies the next entries of a shard's log; returns the answers to each entry's requests
    /// once readers see what they did.
    ///
    /// # Errors
    /// What other replicas may not meet: this one has halted.
    pub async fn apply(
        &self,
        shard: Shard,
        entries: Vec<Entry>,
    ) -> Result<Vec<Vec<Answer>>, Error> {
        let (answer, answered) = oneshot::channel();
        let gone = || Error::Halted(self.core.halted().unwrap_or_else(|| "it was closed".into()));
        self.jobs.send(Job::Apply { shard, entries, answer }).map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// The mark of the last entry of a shard that was applied.
    ///
    /// # Errors
    /// The store's.
    pub fn mark(&self, shard: Shard) -> Result<Option<Vec<u8>>, Error> {
        let recent = self.core.tail.read().mark(shard);
        recent.map_or_else(|| self.core.store.mark(shard), |mark| Ok(Some(mark)))
    }

    /// Whether something was erased since this was asked last: the log in front still holds it,
    /// and should let go of what is applied.
    #[must_use]
    pub fn take_erased(&self) -> bool {
        self.erased.swap(false, Relaxed)
    }

    /// Returns once all that was applied before is durable, so that the log may let go of it.
    ///
    /// # Errors
    /// The replica halted.
    pub async fn checkpoint(&self) -> Result<(), Error> {
        let core = self.core.clone();
        blocking(move || core.checkpoint()).await
    }

    /// A hash of all that a shard holds, and the mark that it belongs to. Replicas that were
    /// given the same entries have the same.
    ///
    /// # Errors
    /// The store's.
    pub async fn digest(&self, shard: Shard) -> Result<(Option<Vec<u8>>, [u8; 32]), Error> {
        let core = self.core.clone();
        blocking(move || {
            core.settle()?;
            // The rows and the mark must be of the same moment.
            let _gate = lock(&core.gate);
            core.store.digest(shard)
        })
        .await
    }

    /// A copy of a shard as the store has it, for another node: the mark that it is of, and its
    /// rows in pieces. What becomes of the shard meanwhile is not in it.
    ///
    /// # Errors
    /// The store's.
    pub async fn export(&self, shard: Shard) -> Result<(Option<Vec<u8>>, Export), Error> {
        let core = self.core.clone();
        blocking(move || {
            core.settle()?;
            let _gate = lock(&core.gate);
            core.store.export(shard)
        })
        .await
    }

    /// The next piece of a copy; none when that was all.
    ///
    /// # Errors
    /// The store's.
    pub async fn export_next(&self, mut export: Export) -> Result<(Export, Option<Rows>), Error> {
        let core = self.core.clone();
        blocking(move || {
            let rows = core.store.export_next(&mut export)?;
            Ok((export, rows))
        })
        .await
    }

    /// Begins to take in a copy of a shard, beside what there is of it.
    ///
    /// # Errors
    /// The store's.
    pub fn import(&self, shard: Shard) -> Result<Import, Error> {
        self.core.store.import(shard)
    }

    /// Puts a whole copy in the place of what there is of the shard; durable on return.
    ///
    /// # Errors
    /// The copy is not whole, or the store's: the replica has halted.
    pub async fn install(&self, shard: Shard, import: Import) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let gone = || Error::Halted(self.core.halted().unwrap_or_else(|| "it was closed".into()));
        self.jobs.send(Job::Install { shard, import, answer }).map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Why nothing more is applied, if that is so.
    #[must_use]
    pub fn halted(&self) -> Option<String> {
        self.core.halted()
    }

    /// Carries what was applied into the event store, makes that durable and ends.
    pub async fn close(&self) {
        let _ = self.jobs.send(Job::Stop);
        let threads = std::mem::take(&mut *lock(&self.threads));
        let done = tokio::task::spawn_blocking(move || join(threads));
        if let Err(error) = done.await {
            tracing::error!(%error, "a thread of the replica panicked");
        }
    }

    /// Reading what was applied.
    #[must_use]
    pub fn reads(&self) -> Reads {
        Reads(self.core.clone())
    }

    /// The end of each shard.
    #[must_use]
    pub fn ends(&self) -> Cursor {
        self.core.ends()
    }
}

/// The key of the installation in a journal's directory: what a node that joins is given before
/// it opens its own. Keep it as safe as the journal.
///
/// # Errors
/// The disk's, or there is none.
pub fn install_key(disk: &dyn Disk, dir: &Path) -> Result<Key, Error> {
    let bytes = disk.read(&dir.join(KEY_FILE))?;
    let key = bytes.try_into().map(Key);
    key.map_err(|_| Error::Corrupt(format!("the key in {} is cut", dir.display())))
}

/// Puts the key of the installation into a directory that has none yet. Repeating it is safe.
///
/// # Errors
/// The disk's; [`Error::Conflict`] when there is another key.
pub fn give_install_key(disk: &dyn Disk, dir: &Path, key: &Key) -> Result<(), Error> {
    disk.create_dir(dir)?;
    match install_key(disk, dir) {
        Ok(known) if known == *key => Ok(()),
        Ok(_) => Err(Error::Conflict(format!(
            "{} belongs to another installation: its key is another one",
            dir.display()
        ))),
        Err(Error::Io(_)) if !dir.join(KEY_FILE).exists() => {
            disk::replace(disk, &dir.join(KEY_FILE), &key.0).map_err(Error::from)
        }
        Err(error) => Err(error),
    }
}

/// How far each shard of the store has come; a small store is checked as a whole.
fn progress(store: &Store, shards: u16, verify_events: u64) -> Result<Applied, Error> {
    let damaged = |error: Error| match error {
        Error::Corrupt(text) => Error::Corrupt(format!(
            "{text}: this node must return under a new name with an empty directory, the others \
             fill it"
        )),
        error => error,
    };
    let mut applied = store.applied().map_err(damaged)?;
    for (shard, end) in (0..shards).zip(&mut applied.ends) {
        let (frame, reached) = store.shard_applied(Shard(shard)).map_err(damaged)?;
        applied.frame = applied.frame.max(frame);
        *end = reached;
    }
    if applied.ends.iter().sum::<u64>() <= verify_events {
        store.verify(&applied.ends).map_err(damaged)?;
    }
    Ok(applied)
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread of the replica panicked");
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.jobs.send(Job::Stop);
        join(std::mem::take(&mut *lock(&self.threads)));
    }
}
