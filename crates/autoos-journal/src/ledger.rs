//! The rules of an append, apart from where its bytes go: checking a batch, giving it its place,
//! and keeping the index of who runs and who waits. Both journals are made of these.
//!
//! Nothing here reads a clock, a disk or randomness.

use crate::{
    Batch, Body, Error, Event, Head, NewEvent, Standing, StreamWrite,
    row::{self, Chain, RowWrite},
};
use autoos_kernel::{
    id::{Shard, StreamId},
    time::Timestamp,
};
use serde_bytes::Bytes;
use std::collections::BTreeSet;

/// The most that the events of one batch may take, encoded.
pub(crate) const MAX_BATCH_BYTES: usize = 8 << 20;
/// The most that one body may take.
pub(crate) const MAX_BODY_BYTES: usize = 64 << 20;
/// The most that the name of an actor, a cause, a kind or a group may take.
pub(crate) const MAX_NAME_BYTES: usize = 512;

/// Where a stream stands, with what the journal itself must know of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StreamHead {
    pub(crate) next: u64,
    pub(crate) chain: Chain,
    pub(crate) standing: Standing,
    /// When its last event was decided.
    pub(crate) last_at: Timestamp,
    /// Its first event that is still kept; equal to `next` once it is archived.
    pub(crate) base: u64,
}

impl StreamHead {
    pub(crate) fn public(&self) -> Head {
        Head { next: self.next, chain: self.chain, standing: self.standing }
    }
}

/// What a row does to one stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) stream: StreamId,
    pub(crate) before: Option<StreamHead>,
    pub(crate) after: StreamHead,
}

/// A batch in its place.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) shard: Shard,
    /// The offset of its first event.
    pub(crate) offset: u64,
    /// How many events it has.
    pub(crate) count: u64,
    /// As [`row::encode_row`] gives it.
    pub(crate) value: Vec<u8>,
    pub(crate) changes: Vec<Change>,
}

impl Row {
    /// The offset after its last event.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.count
    }
}

/// A batch that was checked as far as that goes without the journal's state, and encoded.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) shard: Shard,
    pub(crate) epoch: u64,
    writes: Vec<DraftWrite>,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
struct DraftWrite {
    stream: StreamId,
    expect: u64,
    standing: Standing,
    last_at: Timestamp,
    events: Vec<(Vec<u8>, Chain)>,
}

/// What a draft writes to one stream, encoded.
pub(crate) struct Part<'a> {
    pub(crate) stream: StreamId,
    pub(crate) expect: u64,
    pub(crate) standing: Standing,
    /// When its last event was decided.
    pub(crate) last_at: Timestamp,
    pub(crate) events: Vec<&'a [u8]>,
}

impl Draft {
    /// Checks and encodes a batch for a journal of `shards`.
    pub(crate) fn new(batch: Batch, shards: u16) -> Result<(Self, Vec<Body>), Error> {
        let first = batch.writes.first().ok_or_else(|| invalid("the batch has no writes"))?;
        let shard = first.stream.shard(shards);
        let mut seen = BTreeSet::new();
        for write in &batch.writes {
            check_write(write, shard, shards)?;
            if !seen.insert(write.stream) {
                return Err(invalid(format!("the batch writes {} twice", write.stream)));
            }
        }
        for body in &batch.bodies {
            check_body(body, shard, shards)?;
        }
        let epoch = batch.epoch;
        let writes: Vec<_> =
            batch.writes.into_iter().map(|write| encode_write(write, epoch)).collect();
        let bytes = writes.iter().flat_map(|w| &w.events).map(|(bytes, _)| bytes.len()).sum();
        if bytes > MAX_BATCH_BYTES {
            return Err(invalid(format!(
                "the events of the batch take {bytes} bytes of at most {MAX_BATCH_BYTES}: \
                 keep long texts in bodies"
            )));
        }
        Ok((Self { shard, epoch, writes, bytes }, batch.bodies))
    }

    /// The draft in the words of an entry of a replicated log.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.writes.iter().map(|write| Part {
            stream: write.stream,
            expect: write.expect,
            standing: write.standing,
            last_at: write.last_at,
            events: write.events.iter().map(|(bytes, _)| bytes.as_slice()).collect(),
        })
    }

    /// A draft of what [`Self::parts`] gave.
    pub(crate) fn from_parts<'a>(
        shard: Shard,
        epoch: u64,
        parts: impl Iterator<Item = Part<'a>>,
    ) -> Self {
        let digested = |bytes: &[u8]| (bytes.to_vec(), row::digest(bytes));
        let writes = parts.map(|part| DraftWrite {
            stream: part.stream,
            expect: part.expect,
            standing: part.standing,
            last_at: part.last_at,
            events: part.events.into_iter().map(digested).collect(),
        });
        let writes: Vec<_> = writes.collect();
        let bytes = writes.iter().flat_map(|w| &w.events).map(|(bytes, _)| bytes.len()).sum();
        Self { shard, epoch, writes, bytes }
    }

    /// Gives the batch its place: `offset` in its shard, under the `epoch` that may write it.
    pub(crate) fn admit(
        self,
        epoch: u64,
        offset: u64,
        mut head: impl FnMut(StreamId) -> Result<Option<StreamHead>, Error>,
    ) -> Result<Row, Error> {
        if self.epoch != epoch {
            return Err(Error::StaleEpoch { offered: self.epoch, current: epoch });
        }
        let mut changes = Vec::with_capacity(self.writes.len());
        let mut prevs = Vec::with_capacity(self.writes.len());
        for write in &self.writes {
            let before = head(write.stream)?;
            let next = before.map_or(0, |head| head.next);
            if write.expect != next {
                return Err(Error::Sequence {
                    stream: write.stream,
                    expected: write.expect,
                    actual: next,
                });
            }
            if before.is_some_and(|head| head.base == head.next) {
                return Err(Error::Archived(write.stream));
            }
            let prev = before.map_or_else(|| row::chain_start(write.stream), |head| head.chain);
            prevs.push((row::raw_stream(write.stream), prev));
            changes.push(write.change(before, prev));
        }
        let parts = self.writes.iter().zip(&prevs).map(|(write, (raw, prev))| {
            let events = write.events.iter().map(|(bytes, _)| Bytes::new(bytes)).collect();
            RowWrite::new(raw, write.expect, prev, write.standing, events)
        });
        let value = row::encode_row(parts.collect());
        let count = self.writes.iter().map(|write| write.events.len() as u64).sum();
        Ok(Row { shard: self.shard, offset, count, value, changes })
    }
}

impl DraftWrite {
    fn change(&self, before: Option<StreamHead>, prev: Chain) -> Change {
        let chain = self.events.iter().fold(prev, |chain, (_, digest)| row::link(&chain, digest));
        let after = StreamHead {
            next: self.expect + self.events.len() as u64,
            chain,
            standing: self.standing,
            last_at: self.last_at,
            base: before.map_or(0, |head| head.base),
        };
        Change { stream: self.stream, before, after }
    }
}

/// Finds a row's changes again from its bytes, as a replay of the log needs them: the same
/// checks as when it was admitted.
pub(crate) fn replay(
    shard: Shard,
    offset: u64,
    value: Vec<u8>,
    mut head: impl FnMut(StreamId) -> Result<Option<StreamHead>, Error>,
) -> Result<Row, Error> {
    let mut changes = Vec::new();
    let mut count = 0;
    for write in row::decode_row(&value)? {
        let stream = write.stream()?;
        let before = head(stream)?;
        let next = before.map_or(0, |head| head.next);
        let prev = before.map_or_else(|| row::chain_start(stream), |head| head.chain);
        if write.seq != next || write.prev()? != prev {
            return Err(row::broken_chain(stream, write.seq, next));
        }
        let last = write
            .events
            .last()
            .ok_or_else(|| Error::Corrupt(format!("a row of {stream} has no events")))?;
        let chain =
            write.events.iter().fold(prev, |chain, event| row::link(&chain, &row::digest(event)));
        let after = StreamHead {
            next: next + write.events.len() as u64,
            chain,
            standing: write.standing()?,
            last_at: row::decode_event(last)?.at,
            base: before.map_or(0, |head| head.base),
        };
        count += write.events.len() as u64;
        changes.push(Change { stream, before, after });
    }
    Ok(Row { shard, offset, count, value, changes })
}

fn check_write(write: &StreamWrite, shard: Shard, shards: u16) -> Result<(), Error> {
    if write.stream.shard(shards) != shard {
        return Err(invalid(format!(
            "the batch covers two shards: {} is not in shard {}",
            write.stream, shard.0
        )));
    }
    if write.events.is_empty() {
        return Err(invalid(format!("the batch has no events for {}", write.stream)));
    }
    for event in &write.events {
        let names = [Some(&event.actor), event.cause.as_ref(), Some(&event.kind)];
        if let Some(long) = names.into_iter().flatten().find(|name| name.len() > MAX_NAME_BYTES) {
            return Err(invalid(format!(
                "an actor, cause or kind of {} bytes is above the limit of {MAX_NAME_BYTES}",
                long.len()
            )));
        }
    }
    Ok(())
}

fn check_body(body: &Body, shard: Shard, shards: u16) -> Result<(), Error> {
    let owner = body.key.owner;
    if Shard::of(owner, shards) != shard {
        return Err(invalid(format!("the bodies of {owner} are not in shard {}", shard.0)));
    }
    if body.bytes.len() > MAX_BODY_BYTES {
        return Err(invalid(format!(
            "a body of {} bytes is above the limit of {MAX_BODY_BYTES}",
            body.bytes.len()
        )));
    }
    if body.key.refer(&body.bytes) != body.body {
        return Err(invalid(format!("{} is not the name of its body", body.body)));
    }
    Ok(())
}

fn encode_write(write: StreamWrite, epoch: u64) -> DraftWrite {
    let last_at = write.events.last().map_or(Timestamp(0), |event| event.at);
    let events = write.events.into_iter().zip(write.expect..).map(|(event, seq)| {
        let bytes = row::encode_event(&envelope(event, write.stream, seq, epoch));
        let digest = row::digest(&bytes);
        (bytes, digest)
    });
    DraftWrite {
        stream: write.stream,
        expect: write.expect,
        standing: write.standing,
        last_at,
        events: events.collect(),
    }
}

fn envelope(event: NewEvent, stream: StreamId, seq: u64, epoch: u64) -> Event {
    let NewEvent { at, actor, cause, trace, kind, body } = event;
    Event { v: row::EVENT_VERSION, stream, seq, epoch, at, actor, cause, trace, kind, body }
}

/// Who runs and who waits until when.
#[derive(Debug, Default)]
pub(crate) struct StandingIndex {
    pub(crate) running: BTreeSet<StreamId>,
    pub(crate) waiting: BTreeSet<(Timestamp, StreamId)>,
}

impl StandingIndex {
    pub(crate) fn apply(&mut self, change: &Change) {
        match change.before.map(|head| head.standing) {
            Some(Standing::Running) => {
                self.running.remove(&change.stream);
            }
            Some(Standing::Waiting { wake: Some(at) }) => {
                self.waiting.remove(&(at, change.stream));
            }
            _ => {}
        }
        match change.after.standing {
            Standing::Running => {
                self.running.insert(change.stream);
            }
            Standing::Waiting { wake: Some(at) } => {
                self.waiting.insert((at, change.stream));
            }
            _ => {}
        }
    }
}

pub(crate) fn invalid(text: impl Into<String>) -> Error {
    Error::Invalid(text.into())
}
