//! Reading the store: streams by their index, shards by offset, and who runs and waits.

use super::{Store, guard, keys, sled_error, value};
use crate::{
    Error, Event, Snapshot,
    row::{Scanned, Verifier, scan_row},
};
use autoos_kernel::{
    body::BodyRef,
    id::{Shard, StreamId},
    time::Timestamp,
};
use uuid::Uuid;

impl Store {
    /// Adds the events of a stream from `from` on to `out`, up to but not with `until`, until
    /// `out` holds `limit`.
    pub(crate) fn read(
        &self,
        stream: StreamId,
        from: u64,
        until: u64,
        limit: usize,
        verifier: &mut Verifier,
        out: &mut Vec<Event>,
    ) -> Result<(), Error> {
        guard(|| {
            let tree = &self.tree(self.shard_of(stream));
            let first = keys::index(stream, from);
            let prefix = keys::index_all(stream);
            // The run that `from` lies in begins at or before it.
            let run = tree.range(prefix.clone()..=first).next_back();
            let begin =
                run.transpose().map_err(sled_error)?.map_or(prefix, |(key, _)| key.to_vec());
            let end = keys::index(stream, until);
            let mut last = None;
            for entry in tree.range(begin..end) {
                let (key, row) = entry.map_err(sled_error)?;
                for at in offsets(&value::whole(tree, &key, &row)?)? {
                    if last.replace(at) == Some(at) {
                        continue;
                    }
                    let packed = value::get(tree, &keys::event(at))?.ok_or_else(|| lost(stream))?;
                    let block = value::unpack(&packed)?;
                    for part in value::rows(&block)? {
                        if !part.row.is_empty() {
                            verifier.take(part.row, from, limit, out)?;
                        }
                    }
                    if out.len() >= limit {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
    }

    /// The index of a stream from the run on that `from` lies in: sequences and blocks.
    pub(super) fn blocks(
        &self,
        stream: StreamId,
        from: u64,
    ) -> Result<Vec<(u64, Vec<u64>)>, Error> {
        let tree = &self.tree(self.shard_of(stream));
        let mut runs = Vec::new();
        for entry in tree.scan_prefix(keys::index_all(stream)) {
            let (key, row) = entry.map_err(sled_error)?;
            let seq = key.get(19..27).and_then(|raw| raw.try_into().ok());
            let seq = u64::from_be_bytes(seq.ok_or_else(|| lost(stream))?);
            if seq >= from {
                runs.push((seq, offsets(&value::whole(tree, &key, &row)?)?));
            }
        }
        Ok(runs)
    }

    /// Adds the events of a shard from `offset` on to `out`, up to but not with `until`, until
    /// `out` holds `limit`.
    pub(crate) fn scan<T: Scanned>(
        &self,
        shard: Shard,
        offset: u64,
        until: u64,
        limit: usize,
        out: &mut Vec<T>,
    ) -> Result<(), Error> {
        self.scan_rows(shard, offset, until, |first, count, row| {
            if !row.is_empty() && first + count > offset {
                scan_row(row, shard, first, offset, limit, out)?;
            }
            Ok(out.len() < limit)
        })
    }

    /// Calls `visit` with first offset, count and bytes (none for dropped events) of all rows
    /// from the block on that `offset` lies in, up to `until` or until it answers false. That
    /// offsets have no gap is checked.
    pub(crate) fn scan_rows(
        &self,
        shard: Shard,
        offset: u64,
        until: u64,
        mut visit: impl FnMut(u64, u64, &[u8]) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        if offset >= until {
            return Ok(());
        }
        guard(|| {
            let tree = &self.tree(shard);
            let block = tree.range(keys::event(0)..=keys::event(offset)).next_back();
            let begin = block.transpose().map_err(sled_error)?;
            let mut at = match &begin {
                Some((key, _)) => keys::offset_of(key)?,
                None => return Err(missing(shard, offset)),
            };
            for entry in tree.range(keys::event(at)..keys::event(until)) {
                let (key, row) = entry.map_err(sled_error)?;
                if keys::offset_of(&key)? != at {
                    return Err(missing(shard, at));
                }
                for part in value::rows(&value::unpack(&value::whole(tree, &key, &row)?)?)? {
                    if !visit(at, part.count, part.row)? {
                        return Ok(());
                    }
                    at += part.count;
                }
            }
            if at < until { Err(missing(shard, at)) } else { Ok(()) }
        })
    }

    /// The streams whose owner runs.
    pub(crate) fn running(&self) -> Result<Vec<StreamId>, Error> {
        self.streams(keys::RUNNING, |_| Ok(true))
    }

    /// The streams that were closed before a time.
    pub(crate) fn closed_before(&self, time: Timestamp) -> Result<Vec<StreamId>, Error> {
        self.streams(keys::CLOSED, |key| Ok(keys::time_of(key)? < time))
    }

    fn streams(
        &self,
        kind: &[u8],
        wanted: impl Fn(&[u8]) -> Result<bool, Error>,
    ) -> Result<Vec<StreamId>, Error> {
        guard(|| {
            let mut streams = Vec::new();
            for tree in self.trees() {
                for key in tree.scan_prefix(kind).keys() {
                    let key = key.map_err(sled_error)?;
                    if !wanted(&key)? {
                        break;
                    }
                    streams.push(keys::stream_at_end(&key)?);
                }
            }
            Ok(streams)
        })
    }

    /// The waiting streams by time, up to `now`, at most `limit` of each shard, without those
    /// that `skip` names.
    pub(crate) fn timers(
        &self,
        now: Timestamp,
        limit: usize,
        skip: impl Fn(StreamId) -> bool,
    ) -> Result<Vec<(Timestamp, StreamId)>, Error> {
        guard(|| {
            let mut timers = Vec::new();
            for tree in self.trees() {
                let mut found = 0;
                for key in tree.scan_prefix(keys::TIMERS).keys() {
                    let key = key.map_err(sled_error)?;
                    let (at, stream) = (keys::time_of(&key)?, keys::stream_at_end(&key)?);
                    if at > now || found >= limit {
                        break;
                    }
                    if !skip(stream) {
                        timers.push((at, stream));
                        found += 1;
                    }
                }
            }
            Ok(timers)
        })
    }

    /// How far the log in front of a shard was applied, as its layer said.
    pub(crate) fn mark(&self, shard: Shard) -> Result<Option<Vec<u8>>, Error> {
        guard(|| value::get(&self.tree(shard), keys::MARK))
    }

    pub(crate) fn is_erased(&self, owner: Uuid) -> Result<bool, Error> {
        guard(|| self.tree_of(owner).contains_key(keys::erased(owner)).map_err(sled_error))
    }

    pub(crate) fn key(&self, owner: Uuid) -> Result<Option<Vec<u8>>, Error> {
        guard(|| value::get(&self.tree_of(owner), &keys::key(owner)))
    }

    pub(crate) fn body(&self, owner: Uuid, body: BodyRef) -> Result<Option<Vec<u8>>, Error> {
        guard(|| value::get(&self.tree_of(owner), &keys::body(owner, body)))
    }

    pub(crate) fn has_body(&self, owner: Uuid, body: BodyRef) -> Result<bool, Error> {
        guard(|| self.tree_of(owner).contains_key(keys::body(owner, body)).map_err(sled_error))
    }

    pub(crate) fn group(&self, group: &str, shard: Shard) -> Result<Option<u64>, Error> {
        guard(|| {
            let next = value::get(&self.tree(shard), &keys::group(group))?;
            next.map(|bytes| number(&bytes)).transpose()
        })
    }

    pub(crate) fn snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, Error> {
        guard(|| {
            let bytes = value::get(&self.tree(self.shard_of(stream)), &keys::snapshot(stream))?;
            // A snapshot that does not decode is worth as much as none: time, never truth.
            Ok(bytes.and_then(|bytes| rmp_serde::from_slice(&bytes).ok()))
        })
    }

    /// What a copy needs of a shard besides its events, in the words of the log.
    pub(crate) fn visit_rest(
        &self,
        shard: Shard,
        mut visit: impl FnMut(Rest<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        guard(|| {
            let tree = &self.tree(shard);
            for kind in [keys::KEYS, keys::BODIES, keys::ERASED, keys::GROUPS, keys::HEADS] {
                for entry in tree.scan_prefix(kind) {
                    let (key, row) = entry.map_err(sled_error)?;
                    let bytes = value::whole(tree, &key, &row)?;
                    match kind {
                        keys::KEYS => visit(Rest::Key(keys::owner_of(&key)?, &bytes))?,
                        keys::BODIES => {
                            visit(Rest::Body(keys::owner_of(&key)?, keys::body_of(&key)?, &bytes))?;
                        }
                        keys::ERASED => visit(Rest::Erased(keys::owner_of(&key)?))?,
                        keys::GROUPS => visit(Rest::Group(&key[1..], number(&bytes)?))?,
                        _ => visit(Rest::Head(keys::stream_at_end(&key)?, &bytes))?,
                    }
                }
            }
            Ok(())
        })
    }
}

impl Store {
    /// A hash of all that was applied to a shard, and its mark. What differs between replicas is
    /// left out: how rows lie in blocks, and snapshots.
    pub(crate) fn digest(&self, shard: Shard) -> Result<(Option<Vec<u8>>, [u8; 32]), Error> {
        let mut hasher = blake3::Hasher::new();
        let mut add = |parts: &[&[u8]]| {
            for part in parts {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        };
        let (_, end) = self.shard_applied(shard)?;
        self.visit_rest(shard, |rest| {
            match rest {
                Rest::Key(owner, wrapped) => add(&[b"key", owner.as_bytes(), wrapped]),
                Rest::Body(owner, body, sealed) => {
                    add(&[b"body", owner.as_bytes(), &body.hash, sealed]);
                }
                Rest::Erased(owner) => add(&[b"erased", owner.as_bytes()]),
                Rest::Group(group, next) => add(&[b"group", group, &next.to_le_bytes()]),
                Rest::Head(stream, head) => add(&[b"head", stream.to_string().as_bytes(), head]),
            }
            Ok(())
        })?;
        self.scan_rows(shard, 0, end, |offset, _, row| {
            add(&[b"row", &offset.to_le_bytes(), row]);
            Ok(true)
        })?;
        Ok((self.mark(shard)?, *hasher.finalize().as_bytes()))
    }
}

/// A row that is not events.
pub(crate) enum Rest<'a> {
    Key(Uuid, &'a [u8]),
    Body(Uuid, BodyRef, &'a [u8]),
    Erased(Uuid),
    Group(&'a [u8], u64),
    Head(StreamId, &'a [u8]),
}

fn offsets(list: &[u8]) -> Result<Vec<u64>, Error> {
    list.chunks(8).map(number).collect()
}

fn number(bytes: &[u8]) -> Result<u64, Error> {
    let raw = bytes.try_into().map(u64::from_le_bytes);
    raw.map_err(|_| Error::Corrupt("a number of the event store is cut".into()))
}

fn lost(stream: StreamId) -> Error {
    Error::Corrupt(format!("events of {stream} are missing from the event store"))
}

fn missing(shard: Shard, offset: u64) -> Error {
    Error::Corrupt(format!(
        "the events of shard {} from offset {offset} on are missing from the event store",
        shard.0
    ))
}
