//! Applying a layer: one atomic batch per shard, with how far the shard has come in it.

use super::{Applied, Store, guard, keys, sled_error, value};
use crate::{
    Error, Standing,
    ledger::{Change, Row, StreamHead},
    replica::layer::Layer,
    row::{decode_row, encode_row, raw_stream},
};
use autoos_kernel::id::{Prefix, Shard, StreamId};
use sled::Batch;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};
use uuid::Uuid;

impl Store {
    /// Applies all of a layer; `ends` are the shards' ends after it. Repeating it is safe.
    pub(crate) fn apply(&self, layer: &Layer, ends: &[u64]) -> Result<(), Error> {
        guard(|| {
            let mut batches: BTreeMap<Shard, Batch> = BTreeMap::new();
            for (shard, rows) in &layer.rows {
                self.put_rows(batches.entry(*shard).or_default(), layer, rows)?;
            }
            for (stream, change) in &layer.changes {
                let batch = batches.entry(self.shard_of(*stream)).or_default();
                put_change(batch, change);
            }
            self.put_rest(&mut batches, layer)?;
            for (shard, mut batch) in batches {
                let end = ends[usize::from(shard.0)];
                batch.insert(keys::APPLIED, value::encode_progress(layer.frame, end));
                self.tree(shard).apply_batch(batch).map_err(sled_error)?;
            }
            let applied = Applied { frame: layer.frame, ends: ends.to_vec() };
            self.db.insert(keys::APPLIED, value::encode_applied(&applied)).map_err(sled_error)?;
            Ok(())
        })
    }

    fn put_rows(&self, batch: &mut Batch, layer: &Layer, rows: &[Arc<Row>]) -> Result<(), Error> {
        let mut index: HashMap<StreamId, Vec<u64>> = HashMap::new();
        let mut block = Vec::new();
        let (mut first, mut next) = (0, 0);
        for row in rows {
            // In a restored copy dropped events may lie between two rows.
            let full = block.len() + row.value.len() + 8 > value::BLOCK || row.offset != next;
            next = row.end();
            if !block.is_empty() && full {
                value::put(batch, &keys::event(first), &value::pack(&block))?;
                block.clear();
            }
            if block.is_empty() {
                first = row.offset;
            }
            value::push_row(&mut block, row.count, &row.value);
            for change in &row.changes {
                let blocks = index.entry(change.stream).or_default();
                if blocks.last() != Some(&first) {
                    blocks.push(first);
                }
            }
        }
        value::put(batch, &keys::event(first), &value::pack(&block))?;
        for (stream, blocks) in index {
            let seq = layer.changes.get(&stream).and_then(|c| c.before).map_or(0, |h| h.next);
            let list: Vec<u8> = blocks.iter().flat_map(|offset| offset.to_le_bytes()).collect();
            value::put(batch, &keys::index(stream, seq), &list)?;
        }
        Ok(())
    }

    /// What is not events: keys, bodies, cursors, snapshots, erasures, retirements.
    fn put_rest(&self, batches: &mut BTreeMap<Shard, Batch>, layer: &Layer) -> Result<(), Error> {
        let shard_of = |owner: Uuid| Shard::of(owner, self.count());
        for owner in &layer.erased {
            self.erase(batches.entry(shard_of(*owner)).or_default(), *owner)?;
        }
        for (owner, wrapped) in &layer.keys {
            let batch = batches.entry(shard_of(*owner)).or_default();
            value::put(batch, &keys::key(*owner), wrapped)?;
        }
        for ((owner, body), sealed) in &layer.bodies {
            let batch = batches.entry(shard_of(*owner)).or_default();
            value::put(batch, &keys::body(*owner, *body), sealed)?;
        }
        for ((group, shard), next) in &layer.acks {
            let batch = batches.entry(*shard).or_default();
            value::put(batch, &keys::group(group), &next.to_le_bytes())?;
        }
        for (stream, snapshot) in &layer.snapshots {
            let shard = self.shard_of(*stream);
            let batch = batches.entry(shard).or_default();
            let key = keys::snapshot(*stream);
            value::remove(&self.tree(shard), batch, &key)?;
            let bytes = rmp_serde::to_vec(snapshot).expect("a snapshot is numbers and bytes");
            value::put(batch, &key, &bytes)?;
        }
        let mut retired: BTreeMap<Shard, HashSet<StreamId>> = BTreeMap::new();
        for stream in &layer.retired {
            retired.entry(self.shard_of(*stream)).or_default().insert(*stream);
        }
        for (shard, streams) in retired {
            self.retire(batches.entry(shard).or_default(), shard, &streams, layer)?;
        }
        for (shard, offset, count) in &layer.gaps {
            let mut block = Vec::new();
            value::push_row(&mut block, *count, &[]);
            let batch = batches.entry(*shard).or_default();
            value::put(batch, &keys::event(*offset), &value::pack(&block))?;
        }
        for (shard, mark) in &layer.marks {
            value::put(batches.entry(*shard).or_default(), keys::MARK, mark)?;
        }
        for (stream, head) in &layer.heads {
            let batch = batches.entry(self.shard_of(*stream)).or_default();
            put_head(batch, *stream, head);
        }
        Ok(())
    }

    fn erase(&self, batch: &mut Batch, owner: Uuid) -> Result<(), Error> {
        let tree = &self.tree_of(owner);
        batch.remove(keys::key(owner));
        for body in tree.scan_prefix(keys::bodies(owner)).keys() {
            value::remove(tree, batch, &body.map_err(sled_error)?)?;
        }
        // Sealed under the key that is gone: nobody can read it any more.
        value::remove(tree, batch, &keys::snapshot(StreamId::new(Prefix::WORKFLOW, owner)))?;
        value::put(batch, &keys::erased(owner), &[])
    }

    /// Drops the events of streams of one shard; their heads stay, and other streams' events in
    /// the same blocks. All at once, since two of them may lie in one block.
    fn retire(
        &self,
        batch: &mut Batch,
        shard: Shard,
        streams: &HashSet<StreamId>,
        layer: &Layer,
    ) -> Result<(), Error> {
        let tree = &self.tree(shard);
        let mut touched = BTreeSet::new();
        for stream in streams {
            let Some(bytes) = value::get(tree, &keys::head(*stream))? else { continue };
            let mut head = value::decode_head(&bytes)?;
            for (_, blocks) in self.blocks(*stream, 0)? {
                touched.extend(blocks);
            }
            for key in tree.scan_prefix(keys::index_all(*stream)).keys() {
                value::remove(tree, batch, &key.map_err(sled_error)?)?;
            }
            value::remove(tree, batch, &keys::snapshot(*stream))?;
            // A stream that went on after its retirement has its new head in this layer.
            if !layer.changes.contains_key(stream) {
                head.base = head.next;
                batch.remove(keys::closed(head.last_at, *stream));
                put_head(batch, *stream, &head);
            }
        }
        let raws: HashSet<[u8; 18]> = streams.iter().map(|id| raw_stream(*id)).collect();
        for at in touched {
            let key = keys::event(at);
            let Some(packed) = value::get(tree, &key)? else { continue };
            value::remove(tree, batch, &key)?;
            let kept = without(&value::unpack(&packed)?, &raws)?;
            value::put(batch, &key, &value::pack(&kept))?;
        }
        Ok(())
    }
}

/// A block without the events of some streams; the rest stays where it is, byte for byte.
fn without(block: &[u8], streams: &HashSet<[u8; 18]>) -> Result<Vec<u8>, Error> {
    let mut kept = Vec::with_capacity(block.len());
    for part in value::rows(block)? {
        if part.row.is_empty() {
            value::push_row(&mut kept, part.count, part.row);
            continue;
        }
        for write in decode_row(part.row)? {
            let count = write.events.len() as u64;
            if streams.iter().any(|raw| write.is_of(raw)) {
                value::push_row(&mut kept, count, &[]);
            } else {
                value::push_row(&mut kept, count, &encode_row(vec![write]));
            }
        }
    }
    Ok(kept)
}

fn put_head(batch: &mut Batch, stream: StreamId, head: &StreamHead) {
    let bytes = value::encode_head(head);
    value::put(batch, &keys::head(stream), &bytes).expect("a head is short");
}

fn put_change(batch: &mut Batch, change: &Change) {
    let Change { stream, before, after } = change;
    let old = before.map(|head| standing_row(*stream, &head));
    let new = standing_row(*stream, after);
    if old.as_ref() != Some(&new) {
        if let Some(Some(key)) = old {
            batch.remove(key);
        }
        if let Some(key) = new {
            value::put(batch, &key, &[]).expect("an empty value is short");
        }
    }
    put_head(batch, *stream, after);
}

/// The row that says how a stream's owner stands; none while it waits for nobody knows what.
fn standing_row(stream: StreamId, head: &StreamHead) -> Option<Vec<u8>> {
    match head.standing {
        Standing::Running => Some(keys::running(stream)),
        Standing::Waiting { wake: Some(at) } => Some(keys::timer(at, stream)),
        Standing::Waiting { wake: None } => None,
        Standing::Closed => Some(keys::closed(head.last_at, stream)),
    }
}
