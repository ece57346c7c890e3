//! Layers: what is durable in the log and not yet in the event store.
//!
//! Two of them lie above the store: one that commits go to, and one that is being applied. A
//! reader looks through both, so it sees an acknowledged append at once. A layer folds what
//! happens to the same stream, so the store gets one head per stream however often it moved.

use crate::{
    Snapshot,
    ledger::{Change, Row, StreamHead},
};
use autoos_kernel::{
    body::BodyRef,
    id::{Shard, StreamId},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use uuid::Uuid;

/// What one or more frames changed.
#[derive(Default)]
pub(crate) struct Layer {
    /// The number of its last frame.
    pub(crate) frame: u64,
    /// About how much memory it takes.
    pub(crate) bytes: usize,
    pub(crate) rows: HashMap<Shard, Vec<Arc<Row>>>,
    pub(crate) streams: HashMap<StreamId, Vec<Arc<Row>>>,
    /// From before the first row to after the last.
    pub(crate) changes: HashMap<StreamId, Change>,
    pub(crate) keys: HashMap<Uuid, Vec<u8>>,
    pub(crate) bodies: HashMap<(Uuid, BodyRef), Arc<[u8]>>,
    pub(crate) erased: HashSet<Uuid>,
    pub(crate) acks: HashMap<(String, Shard), u64>,
    pub(crate) retired: HashSet<StreamId>,
    pub(crate) snapshots: HashMap<StreamId, Snapshot>,
    /// How far the log in front of each shard is applied, in that log's words.
    pub(crate) marks: HashMap<Shard, Vec<u8>>,
    /// Empty offsets, in a restored copy: shard, first, count.
    pub(crate) gaps: Vec<(Shard, u64, u64)>,
    /// Heads without events, in a restored copy.
    pub(crate) heads: Vec<(StreamId, StreamHead)>,
}

impl Layer {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(crate) fn row(&mut self, row: Arc<Row>) {
        self.bytes += row.value.len() + 256 * row.changes.len();
        for change in &row.changes {
            self.streams.entry(change.stream).or_default().push(row.clone());
            let before = self.changes.get(&change.stream).map_or(change.before, |c| c.before);
            self.changes.insert(change.stream, Change { before, ..*change });
        }
        self.rows.entry(row.shard).or_default().push(row);
    }

    pub(crate) fn key(&mut self, owner: Uuid, wrapped: Vec<u8>) {
        self.bytes += 160;
        self.keys.insert(owner, wrapped);
    }

    pub(crate) fn body(&mut self, owner: Uuid, body: BodyRef, sealed: Arc<[u8]>) {
        self.bytes += sealed.len() + 160;
        self.bodies.insert((owner, body), sealed);
    }

    pub(crate) fn erase(&mut self, owner: Uuid) {
        self.bytes += 32;
        self.keys.remove(&owner);
        self.bodies.retain(|(of, _), _| *of != owner);
        self.snapshots.retain(|stream, _| stream.uuid != owner);
        self.erased.insert(owner);
    }

    pub(crate) fn ack(&mut self, group: String, shard: Shard, next: u64) {
        self.bytes += 64 + group.len();
        self.acks.insert((group, shard), next);
    }

    pub(crate) fn retire(&mut self, stream: StreamId) {
        self.bytes += 32;
        self.retired.insert(stream);
    }

    pub(crate) fn snapshot(&mut self, stream: StreamId, snapshot: Snapshot) {
        self.bytes += snapshot.state.len() + 128;
        self.snapshots.insert(stream, snapshot);
    }

    pub(crate) fn mark(&mut self, shard: Shard, mark: Vec<u8>) {
        self.bytes += 64 + mark.len();
        self.marks.insert(shard, mark);
    }

    pub(crate) fn gap(&mut self, shard: Shard, offset: u64, count: u64) {
        self.bytes += 32;
        self.gaps.push((shard, offset, count));
    }

    pub(crate) fn bare_head(&mut self, stream: StreamId, head: StreamHead) {
        self.bytes += 160;
        self.heads.push((stream, head));
    }

    /// Forgets all of a shard.
    pub(crate) fn drop_shard(&mut self, shard: Shard, shards: u16) {
        let kept = |owner: &Uuid| Shard::of(*owner, shards) != shard;
        self.rows.remove(&shard);
        self.marks.remove(&shard);
        self.streams.retain(|stream, _| stream.shard(shards) != shard);
        self.changes.retain(|stream, _| stream.shard(shards) != shard);
        self.snapshots.retain(|stream, _| stream.shard(shards) != shard);
        self.retired.retain(|stream| stream.shard(shards) != shard);
        self.keys.retain(|owner, _| kept(owner));
        self.bodies.retain(|(owner, _), _| kept(owner));
        self.erased.retain(kept);
        self.acks.retain(|(_, of), _| *of != shard);
    }

    /// Puts a later layer on top of this one.
    pub(crate) fn absorb(&mut self, later: Layer) {
        let size = self.bytes + later.bytes;
        for owner in later.erased {
            self.erase(owner);
        }
        for rows in later.rows.into_values() {
            rows.into_iter().for_each(|row| self.row(row));
        }
        self.keys.extend(later.keys);
        self.bodies.extend(later.bodies);
        self.acks.extend(later.acks);
        self.retired.extend(later.retired);
        self.snapshots.extend(later.snapshots);
        self.marks.extend(later.marks);
        self.gaps.extend(later.gaps);
        self.heads.extend(later.heads);
        self.frame = self.frame.max(later.frame);
        self.bytes = size;
    }
}

/// The layers above the store.
#[derive(Default)]
pub(crate) struct Tail {
    layers: RwLock<Layers>,
}

#[derive(Default)]
pub(crate) struct Layers {
    /// Takes commits.
    pub(crate) active: Layer,
    /// Is being applied to the store.
    pub(crate) applying: Option<Arc<Layer>>,
    /// The end of each shard after them.
    pub(crate) ends: Vec<u64>,
}

impl Tail {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Layers> {
        self.layers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layers {
    /// Newest first.
    fn each(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.active).chain(self.applying.as_deref())
    }

    pub(crate) fn head(&self, stream: StreamId) -> Option<StreamHead> {
        self.each().find_map(|layer| layer.changes.get(&stream)).map(|change| change.after)
    }

    pub(crate) fn is_erased(&self, owner: Uuid) -> bool {
        self.each().any(|layer| layer.erased.contains(&owner))
    }

    pub(crate) fn is_retired(&self, stream: StreamId) -> bool {
        self.each().any(|layer| layer.retired.contains(&stream))
    }

    pub(crate) fn key(&self, owner: Uuid) -> Option<Vec<u8>> {
        self.each().find_map(|layer| layer.keys.get(&owner)).cloned()
    }

    pub(crate) fn body(&self, owner: Uuid, body: BodyRef) -> Option<Arc<[u8]>> {
        self.each().find_map(|layer| layer.bodies.get(&(owner, body))).cloned()
    }

    pub(crate) fn ack(&self, group: &str, shard: Shard) -> Option<u64> {
        let key = (group.to_owned(), shard);
        self.each().find_map(|layer| layer.acks.get(&key)).copied()
    }

    pub(crate) fn mark(&self, shard: Shard) -> Option<Vec<u8>> {
        self.each().find_map(|layer| layer.marks.get(&shard)).cloned()
    }

    pub(crate) fn snapshot(&self, stream: StreamId) -> Option<Snapshot> {
        self.each().find_map(|layer| layer.snapshots.get(&stream)).cloned()
    }

    /// The rows of a stream, oldest first.
    pub(crate) fn stream(&self, stream: StreamId) -> Vec<Arc<Row>> {
        let old = self.applying.as_deref().and_then(|layer| layer.streams.get(&stream));
        let new = self.active.streams.get(&stream);
        old.into_iter().chain(new).flatten().cloned().collect()
    }

    /// The rows of a shard that end behind `offset`, oldest first, with at most `limit` events
    /// beyond the first row, and the offset at which the tail begins.
    pub(crate) fn shard(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> (Vec<Arc<Row>>, Option<u64>) {
        let old = self.applying.as_deref().and_then(|layer| layer.rows.get(&shard));
        let parts = old.into_iter().chain(self.active.rows.get(&shard));
        let mut begin = None;
        let (mut rows, mut events) = (Vec::new(), 0u64);
        for part in parts {
            begin = begin.or(part.first().map(|row| row.offset));
            let first = part.partition_point(|row| row.end() <= offset);
            for row in &part[first..] {
                if events >= limit as u64 {
                    break;
                }
                events += row.end() - row.offset.max(offset);
                rows.push(row.clone());
            }
        }
        (rows, begin)
    }

    /// The latest change of each stream that is not in the store yet.
    pub(crate) fn changes(&self) -> HashMap<StreamId, StreamHead> {
        let mut all = HashMap::new();
        for layer in [self.applying.as_deref(), Some(&self.active)].into_iter().flatten() {
            all.extend(layer.changes.iter().map(|(stream, change)| (*stream, change.after)));
        }
        all
    }
}
