//! A group's state machine: its shard of the node's replica.
//!
//! Entries are applied in the order of the log by the replica's own thread; how far they are is
//! kept in the same write of the store as what they did. A snapshot is a marker: a checkpoint
//! of the store, behind which the log may let go. Its data is read from the store when a
//! follower needs it, and is then as new as the store.

use crate::{
    types::{Entry, LogId, Snapshot, SnapshotMeta, StoredMembership, Types},
    wire::{self, Mark},
};
use autoos_journal::{
    Error,
    replica::{self, Import, Replica},
};
use autoos_kernel::id::Shard;
use futures::{Stream, TryStreamExt};
use openraft::{
    EntryPayload, OptionalSend, RaftSnapshotBuilder,
    storage::{EntryResponder, RaftStateMachine},
};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

/// The data of a snapshot.
pub enum Copied {
    /// Whatever this store has when it is sent.
    Store(Arc<Replica>),
    /// What another node sent, whole.
    Import(Import),
}

/// The state machine of one group.
pub struct Machine {
    replica: Arc<Replica>,
    shard: Shard,
    mark: Mark,
    /// The newest marker.
    snapshot: Arc<Mutex<Option<SnapshotMeta>>>,
}

impl Machine {
    /// The state machine of `shard`, as far as the store has it.
    ///
    /// # Errors
    /// The store's.
    pub fn open(replica: Arc<Replica>, shard: Shard) -> Result<Self, Error> {
        let mark = mark_of(&replica, shard)?;
        // What was found at the opening is on the disk: as good a marker as a checkpoint.
        let snapshot = mark.applied.is_some().then(|| meta(&mark));
        Ok(Self { replica, shard, mark, snapshot: Arc::new(Mutex::new(snapshot)) })
    }

    /// Takes in what another store of this process has of the shard.
    async fn copy(&self, store: &Replica) -> Result<Import, Error> {
        let import = self.replica.import(self.shard)?;
        let (_, mut export) = store.export(self.shard).await?;
        loop {
            let (rest, rows) = store.export_next(export).await?;
            export = rest;
            let Some(rows) = rows else { return Ok(import) };
            import.add(rows)?;
        }
    }

    fn take(&mut self, entry: &Entry) -> replica::Entry {
        self.mark.applied = Some(entry.log_id);
        let mut requests = None;
        match &entry.payload {
            EntryPayload::Blank => {}
            EntryPayload::Normal(given) => requests = Some(given.0.clone()),
            EntryPayload::Membership(members) => {
                self.mark.membership = StoredMembership::new(Some(entry.log_id), members.clone());
            }
        }
        replica::Entry {
            epoch: self.mark.base + entry.log_id.leader_id.term,
            mark: wire::keep_mark(&self.mark),
            requests,
        }
    }
}

/// How far a shard's log is applied.
pub(crate) fn mark_of(replica: &Replica, shard: Shard) -> Result<Mark, Error> {
    let mark = replica.mark(shard)?;
    mark.map_or_else(|| Ok(Mark::default()), |mark| Ok(wire::kept_mark(&mark)?))
}

pub(crate) fn meta(mark: &Mark) -> SnapshotMeta {
    SnapshotMeta { last_log_id: mark.applied, last_membership: mark.membership.clone() }
}

fn io_error(error: Error) -> io::Error {
    io::Error::other(error)
}

/// How many entries are applied in one go.
const GO: usize = 64;

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = Copied;
    type SnapshotBuilder = Marker;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.mark.applied, self.mark.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        let (mut go, mut waiting) = (Vec::new(), Vec::new());
        loop {
            let next = entries.try_next().await?;
            let last = next.is_none();
            if let Some((entry, responder)) = next {
                go.push(self.take(&entry));
                waiting.push(responder);
            }
            if go.len() >= GO || last && !go.is_empty() {
                let go = std::mem::take(&mut go);
                let answers = self.replica.apply(self.shard, go).await.map_err(io_error)?;
                for (responder, answers) in waiting.drain(..).zip(answers) {
                    if let Some(responder) = responder {
                        responder.send(answers);
                    }
                }
            }
            if last {
                return Ok(());
            }
        }
    }

    async fn get_snapshot_builder(&mut self) -> Marker {
        let (replica, shard) = (self.replica.clone(), self.shard);
        Marker { replica, shard, snapshot: self.snapshot.clone() }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, data: Copied) -> io::Result<()> {
        let import = match data {
            Copied::Import(import) => Some(import),
            Copied::Store(store) if Arc::ptr_eq(&store, &self.replica) => None,
            Copied::Store(store) => Some(self.copy(&store).await.map_err(io_error)?),
        };
        if let Some(import) = import {
            self.replica.install(self.shard, import).await.map_err(io_error)?;
        }
        self.mark = mark_of(&self.replica, self.shard).map_err(io_error)?;
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(meta.clone());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let meta = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let snapshot = Copied::Store(self.replica.clone());
        Ok(meta.map(|meta| Snapshot { meta, snapshot }))
    }
}

/// Makes markers.
pub struct Marker {
    replica: Arc<Replica>,
    shard: Shard,
    snapshot: Arc<Mutex<Option<SnapshotMeta>>>,
}

impl RaftSnapshotBuilder<Types> for Marker {
    type SnapshotData = Copied;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        // Read before the checkpoint: what is durable then is at least this.
        let mark = mark_of(&self.replica, self.shard).map_err(io_error)?;
        self.replica.checkpoint().await.map_err(io_error)?;
        let meta = meta(&mark);
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(meta.clone());
        Ok(Snapshot { meta, snapshot: Copied::Store(self.replica.clone()) })
    }
}
