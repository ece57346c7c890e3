//! Checking what is asked for, in order, and drawing up what becomes of it.
//!
//! A [`Draw`] collects what passes: the layer that readers will see and, where there is a log
//! beneath, its records. The [`Checker`] belongs to one thread, which publishes each draw before
//! it begins the next. It reads no clock and draws no lots, so that replicas which check the same
//! requests in the same order come to the same.

use super::{
    cache::Cache,
    core::{Core, lock},
    layer::Layer,
};
use crate::{
    Body, BodyKey, Error, Position, Standing,
    ledger::{Draft, Row, StreamHead},
    log::record::{self, Record},
    memory::{check_ack, wrong_key},
    row::raw_stream,
    vault,
};
use autoos_kernel::{
    body::BodyRef,
    id::{Shard, StreamId},
};
use serde_bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
};
use uuid::Uuid;

/// A body as it is kept.
pub(crate) struct SealedBody {
    pub(crate) key: BodyKey,
    /// The owner's key as it is kept when it has none yet; none to wrap it then.
    pub(crate) wrapped: Option<Vec<u8>>,
    pub(crate) body: BodyRef,
    pub(crate) sealed: Arc<[u8]>,
}

impl SealedBody {
    /// Seals a body under its owner's key.
    pub(crate) fn seal(Body { key, body, bytes }: Body) -> Self {
        let sealed = vault::seal_body(&key, body, &bytes).into();
        Self { key, wrapped: None, body, sealed }
    }
}

/// What is drawn up and not yet true.
pub(crate) struct Draw {
    /// The records of a log's frame; none where the requests themselves were logged.
    log: Option<Vec<u8>>,
    pub(super) layer: Layer,
    ends: Vec<u64>,
    events: u64,
    /// How many batches are in it.
    pub(crate) batches: usize,
}

impl Draw {
    fn record(&mut self, record: &Record<'_>) {
        if let Some(log) = &mut self.log {
            record::push(log, record);
        }
    }

    /// The frame with its records, which is taken out.
    pub(crate) fn take_log(&mut self) -> Vec<u8> {
        self.log.take().unwrap_or_default()
    }
}

/// Checks requests against the replica and what was drawn up since.
pub(crate) struct Checker {
    core: Arc<Core>,
    ends: Vec<u64>,
    heads: Cache<StreamId, StreamHead>,
    keys: Cache<Uuid, BodyKey>,
}

impl Checker {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let ends = core.tail.read().ends.clone();
        Self { core, ends, heads: Cache::new(1 << 16), keys: Cache::new(1 << 13) }
    }

    /// Begins a draw. `log` takes the records of a frame, if there is one.
    pub(crate) fn draw(&self, log: Option<Vec<u8>>) -> Draw {
        let ends = self.ends.clone();
        Draw { log, layer: Layer::default(), ends, events: 0, batches: 0 }
    }

    /// Gives a batch its place, under the `epoch` that may write its shard.
    pub(crate) fn append(
        &mut self,
        epoch: u64,
        draft: Draft,
        bodies: Vec<SealedBody>,
        draw: &mut Draw,
    ) -> Result<Position, Error> {
        let row = self.admit(epoch, draft, &bodies, draw)?;
        for body in bodies {
            self.put_body(body, draw);
        }
        let value = Bytes::new(&row.value);
        draw.record(&Record::Row { shard: row.shard.0, offset: row.offset, value });
        draw.ends[usize::from(row.shard.0)] = row.end();
        draw.events += row.count;
        draw.batches += 1;
        let position = Position { shard: row.shard, offset: row.end() - 1 };
        draw.layer.row(Arc::new(row));
        Ok(position)
    }

    fn admit(
        &mut self,
        epoch: u64,
        draft: Draft,
        bodies: &[SealedBody],
        draw: &Draw,
    ) -> Result<Row, Error> {
        let mut checked: HashMap<Uuid, &BodyKey> = HashMap::new();
        for body in bodies {
            let owner = body.key.owner;
            match checked.insert(owner, &body.key) {
                Some(key) if *key != body.key => return Err(wrong_key(owner)),
                Some(_) => {}
                None => self.check_key(&body.key, draw)?,
            }
        }
        let offset = draw.ends[usize::from(draft.shard.0)];
        let (core, heads) = (&self.core, &mut self.heads);
        draft.admit(epoch, offset, |stream| {
            if let Some(change) = draw.layer.changes.get(&stream) {
                return Ok(Some(change.after));
            }
            match heads.get(&stream) {
                Some(head) => Ok(Some(head)),
                None => core.head(stream),
            }
        })
    }

    fn check_key(&mut self, key: &BodyKey, draw: &Draw) -> Result<(), Error> {
        let owner = key.owner;
        if draw.layer.erased.contains(&owner) || self.core.is_erased(owner)? {
            return Err(Error::Erased(owner));
        }
        let known = match self.keys.get(&owner) {
            Some(known) => Some(known),
            None => self.core.stored_key(owner)?,
        };
        match known {
            Some(known) if known != *key => Err(wrong_key(owner)),
            _ => Ok(()),
        }
    }

    fn put_body(&mut self, body: SealedBody, draw: &mut Draw) {
        let owner = body.key.owner;
        let raw = Bytes::new(owner.as_bytes());
        let has_key = self.keys.get(&owner).is_some()
            || self.core.stored_key(owner).is_ok_and(|key| key.is_some());
        if !has_key {
            let wrapped = body.wrapped.unwrap_or_else(|| self.core.vault.wrap(&body.key));
            draw.record(&Record::Key { owner: raw, wrapped: Bytes::new(&wrapped) });
            draw.layer.key(owner, wrapped);
        }
        self.keys.insert(owner, body.key);
        if self.has_body(owner, body.body, has_key, draw) {
            return;
        }
        let hash = Bytes::new(&body.body.hash);
        let sealed = Bytes::new(&body.sealed);
        draw.record(&Record::Body { owner: raw, hash, len: body.body.len, sealed });
        draw.layer.body(owner, body.body, body.sealed);
    }

    /// Whether a body is stored already. When that cannot be told it is stored again: harmless.
    fn has_body(&self, owner: Uuid, body: BodyRef, has_key: bool, draw: &Draw) -> bool {
        draw.layer.bodies.contains_key(&(owner, body))
            || has_key
                && (self.core.tail.read().body(owner, body).is_some()
                    || self.core.store.has_body(owner, body).unwrap_or(false))
    }

    /// Destroys an owner's key and bodies; answers false when that was done before.
    pub(crate) fn erase(&mut self, owner: Uuid, draw: &mut Draw) -> Result<bool, Error> {
        if self.core.is_erased(owner)? {
            return Ok(false);
        }
        draw.record(&Record::Erase { owner: Bytes::new(owner.as_bytes()) });
        draw.layer.erase(owner);
        self.keys.remove(&owner);
        Ok(true)
    }

    /// Moves a group's cursor behind `position`; answers false when it stands there durably.
    pub(crate) fn ack(
        &mut self,
        group: String,
        position: Position,
        draw: &mut Draw,
    ) -> Result<bool, Error> {
        let shard = position.shard;
        let key = (group, shard);
        let acked = match draw.layer.acks.get(&key) {
            Some(next) => Some(*next),
            None => self.core.group_ack(&key.0, shard)?,
        };
        let end = draw.ends.get(usize::from(shard.0)).copied();
        let next = check_ack(&key.0, position, acked, end)?;
        if acked == Some(next) && !draw.layer.acks.contains_key(&key) {
            return Ok(false);
        }
        draw.record(&Record::Ack { group: &key.0, shard: shard.0, next });
        draw.layer.ack(key.0, shard, next);
        Ok(true)
    }

    /// Drops the events of a stream that is closed, and whose events are all in the store;
    /// answers whether they were.
    pub(crate) fn retire(&mut self, stream: StreamId, draw: &mut Draw) -> Result<bool, Error> {
        let recent = draw.layer.changes.contains_key(&stream)
            || !self.core.tail.read().stream(stream).is_empty()
            || self.core.tail.read().is_retired(stream);
        match self.core.head(stream)? {
            Some(head) if !recent && head.standing == Standing::Closed && head.base < head.next => {
                let raw = raw_stream(stream);
                draw.record(&Record::Retire { stream: Bytes::new(&raw) });
                draw.layer.retire(stream);
                self.heads.insert(stream, StreamHead { base: head.next, ..head });
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Notes how far the log in front of a shard is applied with this draw.
    pub(crate) fn mark(shard: Shard, mark: Vec<u8>, draw: &mut Draw) {
        draw.layer.mark(shard, mark);
    }

    /// A shard was replaced as a whole and ends at `end`.
    pub(crate) fn replaced(&mut self, shard: Shard, end: u64) {
        self.ends[usize::from(shard.0)] = end;
        self.forget();
    }

    /// Forgets what was learned from a draw that did not come true.
    pub(crate) fn forget(&mut self) {
        self.heads.clear();
        self.keys.clear();
    }

    /// Makes a draw visible, as all up to `frame`.
    pub(crate) fn publish(&mut self, frame: u64, draw: Draw) {
        let Draw { mut layer, ends, events, batches, .. } = draw;
        let counters = &self.core.counters;
        counters.events.fetch_add(events, Relaxed);
        counters.batches.fetch_add(batches as u64, Relaxed);
        layer.frame = frame;
        self.ends = ends;
        for (stream, change) in &layer.changes {
            self.heads.insert(*stream, change.after);
        }
        for owner in layer.keys.keys().chain(&layer.erased) {
            self.core.born(*owner);
        }
        let mut layers = self.core.tail.write();
        layers.active.absorb(layer);
        layers.ends.clone_from(&self.ends);
        drop(layers);
        if let Some(commits) = &*lock(&self.core.commits) {
            commits.send_modify(|n| *n += 1);
        }
        self.core.signal(|_| {});
    }
}
