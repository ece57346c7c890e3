//! Carrying frames of the log into the event store: what a restart, a rebuild and a restore do.

use crate::{
    Error,
    ledger::{self, StreamHead},
    log::record::{self, Record},
    replica::layer::Layer,
    row::stream_of,
    store::{Store, decode_head},
};
use autoos_kernel::{
    body::BodyRef,
    id::{Shard, StreamId},
};
use std::sync::Arc;
use uuid::Uuid;

/// Bytes that are applied at once.
const LAYER_BYTES: usize = 8 << 20;

pub(crate) struct Replay<'a> {
    store: &'a Store,
    shards: u16,
    /// The last frame and the end of each shard in the store.
    done: Vec<(u64, u64)>,
    ends: Vec<u64>,
    layer: Layer,
    pub(crate) frames: u64,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(store: &'a Store, shards: u16) -> Result<Self, Error> {
        let done: Vec<_> =
            (0..shards).map(|shard| store.shard_applied(Shard(shard))).collect::<Result<_, _>>()?;
        let ends = done.iter().map(|(_, end)| *end).collect();
        Ok(Self { store, shards, done, ends, layer: Layer::default(), frames: 0 })
    }

    /// Adds a frame. What a shard has already is skipped.
    pub(crate) fn frame(&mut self, seq: u64, payload: &[u8]) -> Result<(), Error> {
        let records = record::decode(payload)?;
        // Retiring looks at the store: what was recorded before must be there.
        if records.iter().any(|record| matches!(record, Record::Retire { .. })) {
            self.flush()?;
        }
        for record in records {
            self.record(seq, record)?;
        }
        self.layer.frame = seq;
        self.frames += 1;
        if self.layer.bytes >= LAYER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Applies the rest; returns the ends of the shards.
    pub(crate) fn finish(mut self) -> Result<Vec<u64>, Error> {
        self.flush()?;
        Ok(self.ends)
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.layer.frame > 0 {
            self.store.apply(&std::mem::take(&mut self.layer), &self.ends)?;
        }
        Ok(())
    }

    fn record(&mut self, seq: u64, record: Record<'_>) -> Result<(), Error> {
        match record {
            Record::Row { shard, offset, value } => {
                let shard = self.shard(shard)?;
                if !self.has(shard, seq) {
                    self.row(shard, offset, value.to_vec())?;
                }
            }
            Record::Key { owner, wrapped } => {
                let owner = uuid(owner)?;
                if !self.has(Shard::of(owner, self.shards), seq) {
                    self.layer.key(owner, wrapped.to_vec());
                }
            }
            Record::Body { owner, hash, len, sealed } => {
                let owner = uuid(owner)?;
                let hash = hash.as_ref().try_into().map_err(|_| bad("a body's hash is cut"))?;
                if !self.has(Shard::of(owner, self.shards), seq) {
                    self.layer.body(owner, BodyRef { hash, len }, Arc::from(sealed.as_ref()));
                }
            }
            Record::Erase { owner } => {
                let owner = uuid(owner)?;
                // Also where the shard is further on: erasing twice is safe, once too few is not.
                self.layer.erase(owner);
            }
            Record::Ack { group, shard, next } => {
                let shard = self.shard(shard)?;
                if !self.has(shard, seq) {
                    self.layer.ack(group.into(), shard, next);
                }
            }
            Record::Retire { stream } => {
                let stream = stream_of(stream)?;
                if !self.has(stream.shard(self.shards), seq) {
                    self.layer.retire(stream);
                }
            }
            Record::Gap { shard, offset, count } => {
                let shard = self.shard(shard)?;
                if !self.has(shard, seq) {
                    self.place(shard, offset, count)?;
                    self.layer.gap(shard, offset, count);
                }
            }
            Record::Head { stream, head } => {
                let stream = stream_of(stream)?;
                if !self.has(stream.shard(self.shards), seq) {
                    self.layer.bare_head(stream, decode_head(head)?);
                }
            }
            // For whoever restores a copy; a log of its own has none.
            Record::Seal { .. } => {}
        }
        Ok(())
    }

    fn row(&mut self, shard: Shard, offset: u64, value: Vec<u8>) -> Result<(), Error> {
        let (layer, store) = (&self.layer, self.store);
        let row = ledger::replay(shard, offset, value, |stream| head(layer, store, stream))?;
        self.place(shard, offset, row.count)?;
        self.layer.row(Arc::new(row));
        Ok(())
    }

    /// Takes the next `count` offsets of a shard.
    fn place(&mut self, shard: Shard, offset: u64, count: u64) -> Result<(), Error> {
        let end = &mut self.ends[usize::from(shard.0)];
        if *end != offset {
            return Err(Error::Corrupt(format!(
                "the log has offset {offset} of shard {} where {end} comes next: \
                 restore a backup",
                shard.0
            )));
        }
        *end += count;
        Ok(())
    }

    fn shard(&self, shard: u16) -> Result<Shard, Error> {
        if shard < self.shards { Ok(Shard(shard)) } else { Err(bad("there is no such shard")) }
    }

    fn has(&self, shard: Shard, seq: u64) -> bool {
        self.done[usize::from(shard.0)].0 >= seq
    }
}

fn head(layer: &Layer, store: &Store, stream: StreamId) -> Result<Option<StreamHead>, Error> {
    match layer.changes.get(&stream) {
        Some(change) => Ok(Some(change.after)),
        None => store.head(stream),
    }
}

fn uuid(raw: &[u8]) -> Result<Uuid, Error> {
    Uuid::from_slice(raw).map_err(|_| bad("an owner's id is cut"))
}

fn bad(text: &str) -> Error {
    Error::Corrupt(format!("a record of the log is damaged: {text}"))
}
