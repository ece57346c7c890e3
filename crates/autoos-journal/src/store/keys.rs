//! The keys of a shard's tree: a letter for the kind of row, then what it is about. Numbers are
//! big-endian, so that they sort.
//!
//! | letter | about | value |
//! |---|---|---|
//! | `a` | | the last frame and the end of the shard |
//! | `b` | owner, hash, length | a sealed body |
//! | `c` | time, stream | closed then; empty |
//! | `e` | offset | a block of rows |
//! | `g` | group | the group's cursor |
//! | `h` | stream | its head |
//! | `i` | stream, sequence | the blocks that hold the events from there on |
//! | `k` | owner | the wrapped key |
//! | `m` | | how far the log in front was applied, in that log's words |
//! | `p` | stream | its snapshot |
//! | `r` | stream | its owner is running; empty |
//! | `t` | time, stream | its owner is to be woken then; empty |
//! | `x` | owner | was erased; empty |
//! | `z` | key, part | a part of a long value |

use crate::{
    Error,
    row::{raw_stream, stream_of},
};
use autoos_kernel::{body::BodyRef, id::StreamId, time::Timestamp};
use uuid::Uuid;

pub(super) const APPLIED: &[u8] = b"a";
pub(super) const MARK: &[u8] = b"m";
pub(super) const EVENTS: &[u8] = b"e";
pub(super) const RUNNING: &[u8] = b"r";
pub(super) const TIMERS: &[u8] = b"t";
pub(super) const CLOSED: &[u8] = b"c";
pub(super) const HEADS: &[u8] = b"h";
pub(super) const KEYS: &[u8] = b"k";
pub(super) const BODIES: &[u8] = b"b";
pub(super) const ERASED: &[u8] = b"x";
pub(super) const GROUPS: &[u8] = b"g";

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// In the database's own tree: the name of a shard's tree, where it is not the first one.
pub(super) fn tree(shard: autoos_kernel::id::Shard) -> Vec<u8> {
    join(&[b"tree", &shard.0.to_be_bytes()])
}

pub(super) fn event(offset: u64) -> Vec<u8> {
    join(&[EVENTS, &offset.to_be_bytes()])
}

pub(super) fn head(stream: StreamId) -> Vec<u8> {
    join(&[HEADS, &raw_stream(stream)])
}

pub(super) fn index(stream: StreamId, seq: u64) -> Vec<u8> {
    join(&[b"i", &raw_stream(stream), &seq.to_be_bytes()])
}

pub(super) fn index_all(stream: StreamId) -> Vec<u8> {
    join(&[b"i", &raw_stream(stream)])
}

pub(super) fn running(stream: StreamId) -> Vec<u8> {
    join(&[RUNNING, &raw_stream(stream)])
}

pub(super) fn timer(at: Timestamp, stream: StreamId) -> Vec<u8> {
    join(&[TIMERS, &at.0.to_be_bytes(), &raw_stream(stream)])
}

pub(super) fn closed(at: Timestamp, stream: StreamId) -> Vec<u8> {
    join(&[CLOSED, &at.0.to_be_bytes(), &raw_stream(stream)])
}

pub(super) fn key(owner: Uuid) -> Vec<u8> {
    join(&[KEYS, owner.as_bytes()])
}

pub(super) fn erased(owner: Uuid) -> Vec<u8> {
    join(&[ERASED, owner.as_bytes()])
}

pub(super) fn bodies(owner: Uuid) -> Vec<u8> {
    join(&[BODIES, owner.as_bytes()])
}

pub(super) fn body(owner: Uuid, body: BodyRef) -> Vec<u8> {
    join(&[BODIES, owner.as_bytes(), &body.hash, &body.len.to_be_bytes()])
}

pub(super) fn group(group: &str) -> Vec<u8> {
    join(&[GROUPS, group.as_bytes()])
}

pub(super) fn snapshot(stream: StreamId) -> Vec<u8> {
    join(&[b"p", &raw_stream(stream)])
}

/// Whether a row is of a snapshot, whole or a part.
pub(super) fn is_snapshot(key: &[u8]) -> bool {
    key.starts_with(b"p") || key.starts_with(b"zp")
}

pub(super) fn part(key: &[u8], part: u16) -> Vec<u8> {
    join(&[b"z", key, &part.to_be_bytes()])
}

pub(super) fn parts(key: &[u8]) -> Vec<u8> {
    join(&[b"z", key])
}

/// The offset of an event row's key.
pub(super) fn offset_of(key: &[u8]) -> Result<u64, Error> {
    number(key.get(1..))
}

/// The stream of a key that ends with one.
pub(super) fn stream_at_end(key: &[u8]) -> Result<StreamId, Error> {
    stream_of(key.get(key.len().saturating_sub(18)..).unwrap_or_default())
}

/// The time of a key that begins with a letter and a time.
pub(super) fn time_of(key: &[u8]) -> Result<Timestamp, Error> {
    number(key.get(1..9)).map(Timestamp)
}

/// The owner of a key of a key, body or erasure.
pub(super) fn owner_of(key: &[u8]) -> Result<Uuid, Error> {
    let owner = key.get(1..17).and_then(|raw| Uuid::from_slice(raw).ok());
    owner.ok_or_else(|| Error::Corrupt("an owner's key is cut".into()))
}

/// The reference of a body's key.
pub(super) fn body_of(key: &[u8]) -> Result<BodyRef, Error> {
    let cut = || Error::Corrupt("a body's key is cut".into());
    let hash = key.get(17..49).and_then(|raw| raw.try_into().ok()).ok_or_else(cut)?;
    let len = key.get(49..53).and_then(|raw| raw.try_into().ok()).ok_or_else(cut)?;
    Ok(BodyRef { hash, len: u32::from_be_bytes(len) })
}

fn number(raw: Option<&[u8]>) -> Result<u64, Error> {
    let raw = raw.and_then(|raw| raw.try_into().ok());
    raw.map(u64::from_be_bytes).ok_or_else(|| Error::Corrupt("a key of the store is cut".into()))
}
