//! What the readers of a replica share with the threads that write it.

use super::{layer::Tail, space::Space, stats::Counters};
use crate::{
    BodyKey, Cursor, Error, Key, LocalOptions, ledger::StreamHead, store::Store, vault::Vault,
};
use autoos_kernel::id::{Shard, StreamId};
use std::{
    collections::HashMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use uuid::Uuid;

/// Left when the event store was found damaged while it was read.
pub(crate) const SUSPECT: &str = "store.suspect";
/// Keys that were given out and not used yet; beyond this many, old ones are forgotten.
const UNBORN_KEYS: usize = 1 << 16;

pub(crate) struct Core {
    pub(crate) options: LocalOptions,
    pub(crate) shards: u16,
    pub(crate) store: Store,
    pub(crate) tail: Tail,
    pub(crate) vault: Vault,
    pub(crate) counters: Counters,
    pub(crate) space: Space,
    /// Changes with each commit; gone once the journal is closed.
    pub(crate) commits: Mutex<Option<watch::Sender<u64>>>,
    pub(crate) signals: Mutex<Signals>,
    /// Something happened that one of the threads may wait for.
    pub(crate) changed: Condvar,
    /// Held while the store is written, and by who must see it stand still.
    pub(crate) gate: Mutex<()>,
    /// Held by what must not run at the same time: archiving, and copying what is archived.
    pub(crate) upkeep: tokio::sync::Mutex<()>,
    halted: Mutex<Option<String>>,
    unborn: Mutex<HashMap<Uuid, BodyKey>>,
}

/// What the threads tell each other.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// The writer has ended: apply what is there and end too.
    pub(crate) stop: bool,
    /// Apply without waiting for more.
    pub(crate) hurry: bool,
    /// Make the store durable after the next layer.
    pub(crate) checkpoint: bool,
    /// All frames up to this one are in the store.
    pub(crate) applied: u64,
    /// All frames up to this one are durable in the store.
    pub(crate) durable: u64,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is changed in one step; a panic leaves nothing half-done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(crate) fn new(
        options: LocalOptions,
        shards: u16,
        store: Store,
        vault: Vault,
        space: Space,
        applied: crate::store::Applied,
    ) -> Self {
        let tail = Tail::default();
        let mut layers = tail.write();
        layers.ends.clone_from(&applied.ends);
        layers.active.frame = applied.frame;
        drop(layers);
        let signals =
            Signals { applied: applied.frame, durable: applied.frame, ..Signals::default() };
        Self {
            options,
            shards,
            store,
            tail,
            vault,
            counters: Counters::default(),
            space,
            commits: Mutex::new(Some(watch::Sender::new(0))),
            signals: Mutex::new(signals),
            changed: Condvar::new(),
            gate: Mutex::default(),
            upkeep: tokio::sync::Mutex::default(),
            halted: Mutex::default(),
            unborn: Mutex::default(),
        }
    }

    /// Ends all writing in this process, for the reason given. The first reason stays.
    pub(crate) fn halt(&self, why: String) {
        let mut halted = lock(&self.halted);
        if halted.is_none() {
            tracing::error!(why, "the journal halts");
            *halted = Some(why);
        }
        drop(halted);
        self.changed.notify_all();
    }

    /// Takes no more requests, there being nobody left to serve them.
    pub(crate) fn close(&self) {
        lock(&self.halted).get_or_insert_with(|| "it was closed".into());
        // Subscriptions end with the sender.
        lock(&self.commits).take();
        self.changed.notify_all();
    }

    pub(crate) fn halted(&self) -> Option<String> {
        lock(&self.halted).clone()
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.halted().map_or(Ok(()), |why| Err(Error::Halted(why)))
    }

    pub(crate) fn signal(&self, change: impl FnOnce(&mut Signals)) {
        change(&mut lock(&self.signals));
        self.changed.notify_all();
    }

    /// The last frame that readers see.
    fn frame(&self) -> u64 {
        let layers = self.tail.read();
        let applying = layers.applying.as_ref().map_or(0, |layer| layer.frame);
        layers.active.frame.max(applying)
    }

    /// Returns once all that was recorded before is in the event store.
    pub(crate) fn settle(&self) -> Result<(), Error> {
        let target = self.frame();
        self.signal(|signals| signals.hurry = true);
        self.until(|signals| signals.applied >= target)
    }

    /// Returns once all that was recorded before is durable in the event store.
    pub(crate) fn checkpoint(&self) -> Result<(), Error> {
        let target = self.frame();
        self.signal(|signals| (signals.checkpoint, signals.hurry) = (true, true));
        self.until(|signals| signals.durable >= target)?;
        self.check()
    }

    /// Waits for the threads to come that far.
    fn until(&self, reached: impl Fn(&Signals) -> bool) -> Result<(), Error> {
        let mut signals = lock(&self.signals);
        while !reached(&signals) {
            self.check()?;
            let wait = self.changed.wait_timeout(signals, Duration::from_millis(50));
            signals = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    pub(crate) fn ends(&self) -> Cursor {
        let layers = self.tail.read();
        Cursor((0..self.shards).map(Shard).zip(layers.ends.iter().copied()).collect())
    }

    pub(crate) fn check_shard(&self, shard: Shard) -> Result<(), Error> {
        if shard.0 < self.shards { Ok(()) } else { Err(crate::memory::no_shard(shard)) }
    }

    /// Where a stream stands, by the layers and then the store.
    pub(crate) fn head(&self, stream: StreamId) -> Result<Option<StreamHead>, Error> {
        // The guard must be gone before the store is read: the applier waits for it.
        let recent = self.tail.read().head(stream);
        match recent {
            Some(head) => Ok(Some(head)),
            None => self.store.head(stream),
        }
    }

    pub(crate) fn is_erased(&self, owner: Uuid) -> Result<bool, Error> {
        let recent = self.tail.read().is_erased(owner);
        if recent { Ok(true) } else { self.store.is_erased(owner) }
    }

    /// The key of an owner that has one.
    pub(crate) fn stored_key(&self, owner: Uuid) -> Result<Option<BodyKey>, Error> {
        let recent = self.tail.read().key(owner);
        let wrapped = match recent {
            Some(wrapped) => Some(wrapped),
            None => self.store.key(owner)?,
        };
        wrapped.map(|wrapped| self.vault.unwrap(owner, &wrapped)).transpose()
    }

    /// The key of an owner, a new one if need be.
    pub(crate) fn body_key(&self, owner: Uuid) -> Result<BodyKey, Error> {
        self.check()?;
        let mut unborn = lock(&self.unborn);
        if let Some(key) = unborn.get(&owner) {
            return Ok(key.clone());
        }
        if self.is_erased(owner)? {
            return Err(Error::Erased(owner));
        }
        if let Some(key) = self.stored_key(owner)? {
            return Ok(key);
        }
        if unborn.len() >= UNBORN_KEYS {
            // Whoever still holds one of these is told, when it appends, to take a new one.
            unborn.clear();
        }
        let key = BodyKey { owner, secret: Key(rand::random()) };
        unborn.insert(owner, key.clone());
        Ok(key)
    }

    /// Forgets a key that was given out: it is stored now, or its owner was erased.
    pub(crate) fn born(&self, owner: Uuid) {
        lock(&self.unborn).remove(&owner);
    }

    pub(crate) fn group_ack(&self, group: &str, shard: Shard) -> Result<Option<u64>, Error> {
        let recent = self.tail.read().ack(group, shard);
        match recent {
            Some(next) => Ok(Some(next)),
            None => self.store.group(group, shard),
        }
    }

    /// Leaves word for the next opening that the store is not what was written.
    pub(crate) fn suspect(&self, error: &Error) {
        if !matches!(error, Error::Corrupt(_)) {
            return;
        }
        tracing::error!(%error, "the event store is damaged");
        let path = self.options.dir.join(SUSPECT);
        if let Err(error) = crate::disk::replace(&*self.options.disk, &path, b"damaged\n") {
            tracing::error!(%error, "could not leave word of the damage");
        }
    }
}
