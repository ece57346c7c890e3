//! Rows: how the events of one batch are kept, in the log and in the event store alike.
//!
//! A row is MessagePack: `[version, [[stream, seq, prev, standing, wake, [event, …]], …]]`. Each
//! event is the MessagePack of [`Event`] with named fields, kept as the bytes that were hashed,
//! so that a reader verifies what it was given and not what it would have written itself.
//!
//! A stream's chain starts from its id and takes in the digest of each event in turn; a row
//! carries the chain before its first event. So a change, a gap, a swap, and an event of another
//! stream all show when the stream is read.

use crate::{Error, Event, Kept, Position, Standing};
use autoos_kernel::{
    id::{Prefix, Shard, StreamId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;

/// Version of the event envelope that this code writes.
pub(crate) const EVENT_VERSION: u8 = 1;
/// Version of the row that this code writes.
const ROW_VERSION: u8 = 1;

/// A hash of a stream's events up to some sequence.
pub type Chain = [u8; 32];

/// The chain of a stream without events.
#[must_use]
pub fn chain_start(stream: StreamId) -> Chain {
    blake3::derive_key("autoos stream chain v1", &raw_stream(stream))
}

/// The chain after one more event.
#[must_use]
pub fn chain_next(chain: &Chain, event: &Event) -> Chain {
    link(chain, &digest(&encode_event(event)))
}

/// The chain after an event with this [digest](event_digest).
#[must_use]
pub fn chain_link(chain: &Chain, digest: &[u8; 32]) -> Chain {
    link(chain, digest)
}

/// What chains take in of an event, of its [kept](crate::Kept) bytes.
#[must_use]
pub fn event_digest(bytes: &[u8]) -> [u8; 32] {
    digest(bytes)
}

/// The event of its [kept](crate::Kept) bytes.
///
/// # Errors
/// [`Error::Corrupt`] when they are none, [`Error::TooNew`] when a newer version wrote them.
pub fn event_of(bytes: &[u8]) -> Result<Event, Error> {
    decode_event(bytes)
}

/// The chain after an event of this digest.
pub(crate) fn link(chain: &Chain, digest: &Chain) -> Chain {
    let mut both = [0u8; 64];
    both[..32].copy_from_slice(chain);
    both[32..].copy_from_slice(digest);
    *blake3::hash(&both).as_bytes()
}

/// What the chain takes in of an event.
pub(crate) fn digest(event: &[u8]) -> Chain {
    *blake3::hash(event).as_bytes()
}

/// The bytes of an event as they are kept for ever.
pub(crate) fn encode_event(event: &Event) -> Vec<u8> {
    rmp_serde::to_vec_named(event).expect("an event has only serializable fields")
}

/// A stream's id as 18 bytes: prefix and UUID. They sort as the text does.
pub(crate) fn raw_stream(stream: StreamId) -> [u8; 18] {
    let mut raw = [0u8; 18];
    raw[..2].copy_from_slice(stream.prefix.as_str().as_bytes());
    raw[2..].copy_from_slice(stream.uuid.as_bytes());
    raw
}

/// The id of 18 bytes from [`raw_stream`].
pub(crate) fn stream_of(raw: &[u8]) -> Result<StreamId, Error> {
    let bad = || Error::Corrupt(format!("{raw:02x?} is not a stream's id"));
    let (prefix, uuid) = raw.split_at_checked(2).ok_or_else(bad)?;
    let uuid = uuid::Uuid::from_slice(uuid).map_err(|_| bad())?;
    match prefix {
        b"in" => Ok(StreamId::new(Prefix::INTENT, uuid)),
        b"wf" => Ok(StreamId::new(Prefix::WORKFLOW, uuid)),
        _ => {
            let prefix = std::str::from_utf8(prefix).map_err(|_| bad())?;
            format!("{prefix}-{uuid}").parse().map_err(|_| bad())
        }
    }
}

/// The part of a row that belongs to one stream, as kept; borrows the row's bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RowWrite<'a> {
    #[serde(borrow)]
    stream: &'a Bytes,
    /// The sequence of the first event.
    pub(crate) seq: u64,
    #[serde(borrow)]
    prev: &'a Bytes,
    standing: u8,
    wake: Option<u64>,
    /// The events as hashed.
    #[serde(borrow)]
    pub(crate) events: Vec<&'a Bytes>,
}

#[derive(Serialize, Deserialize)]
struct WireRow<'a>(u8, #[serde(borrow)] Vec<RowWrite<'a>>);

impl<'a> RowWrite<'a> {
    pub(crate) fn new(
        stream: &'a [u8; 18],
        seq: u64,
        prev: &'a Chain,
        standing: Standing,
        events: Vec<&'a Bytes>,
    ) -> Self {
        let (standing, wake) = match standing {
            Standing::Running => (0, None),
            Standing::Waiting { wake } => (1, wake.map(|at| at.0)),
            Standing::Closed => (2, None),
        };
        Self { stream: Bytes::new(stream), seq, prev: Bytes::new(prev), standing, wake, events }
    }

    /// Whose events these are.
    pub(crate) fn stream(&self) -> Result<StreamId, Error> {
        stream_of(self.stream)
    }

    /// Whether these are the events of `raw`; cheaper than [`Self::stream`].
    pub(crate) fn is_of(&self, raw: &[u8; 18]) -> bool {
        **self.stream == raw[..]
    }

    /// The chain before the first event.
    pub(crate) fn prev(&self) -> Result<Chain, Error> {
        self.prev.as_ref().try_into().map_err(|_| Error::Corrupt("a row's chain is cut".into()))
    }

    /// How the owner stood after the last event.
    pub(crate) fn standing(&self) -> Result<Standing, Error> {
        match self.standing {
            0 => Ok(Standing::Running),
            1 => Ok(Standing::Waiting { wake: self.wake.map(Timestamp) }),
            2 => Ok(Standing::Closed),
            n => Err(Error::Corrupt(format!("{n} is not a standing"))),
        }
    }
}

/// The bytes of a row.
pub(crate) fn encode_row(writes: Vec<RowWrite<'_>>) -> Vec<u8> {
    rmp_serde::to_vec(&WireRow(ROW_VERSION, writes)).expect("a row is numbers and bytes")
}

/// The parts of a row.
pub(crate) fn decode_row(bytes: &[u8]) -> Result<Vec<RowWrite<'_>>, Error> {
    let WireRow(version, writes) = rmp_serde::from_slice(bytes)
        .map_err(|error| Error::Corrupt(format!("a row does not decode: {error}")))?;
    if version != ROW_VERSION {
        return Err(newer("row", version, ROW_VERSION));
    }
    Ok(writes)
}

/// The event of its kept bytes.
pub(crate) fn decode_event(bytes: &[u8]) -> Result<Event, Error> {
    let event: Event = rmp_serde::from_slice(bytes)
        .map_err(|error| Error::Corrupt(format!("an event does not decode: {error}")))?;
    if event.v != EVENT_VERSION {
        return Err(newer("event", event.v, EVENT_VERSION));
    }
    Ok(event)
}

/// The refusal of a format that this code does not know.
pub(crate) fn newer(
    what: &str,
    found: impl std::fmt::Display,
    known: impl std::fmt::Display,
) -> Error {
    Error::TooNew(format!(
        "a {what} has format {found} and this version of autoos reads up to {known}: \
         start the version that wrote it, or a newer one"
    ))
}

/// Decodes the events of one stream from its rows in order, checking sequence and chain.
pub(crate) struct Verifier {
    stream: StreamId,
    raw: [u8; 18],
    /// The sequence and chain expected next; none before the first row.
    at: Option<(u64, Chain)>,
}

impl Verifier {
    pub(crate) fn new(stream: StreamId) -> Self {
        Self { stream, raw: raw_stream(stream), at: None }
    }

    /// The sequence and chain after all that was seen; none when nothing was.
    pub(crate) fn reached(&self) -> Option<(u64, Chain)> {
        self.at
    }

    /// Adds the events of a row that are of this stream and at `from` or later, until `out`
    /// holds `limit`.
    pub(crate) fn take(
        &mut self,
        row: &[u8],
        from: u64,
        limit: usize,
        out: &mut Vec<Event>,
    ) -> Result<(), Error> {
        for write in decode_row(row)? {
            if write.is_of(&self.raw) && out.len() < limit {
                self.take_write(&write, from, limit, out)?;
            }
        }
        Ok(())
    }

    fn take_write(
        &mut self,
        write: &RowWrite<'_>,
        from: u64,
        limit: usize,
        out: &mut Vec<Event>,
    ) -> Result<(), Error> {
        let prev = write.prev()?;
        let (mut seq, mut chain) = match self.at {
            None if write.seq == 0 => (0, chain_start(self.stream)),
            None => (write.seq, prev),
            Some(at) => at,
        };
        if write.seq != seq || prev != chain {
            return Err(self.broken(write.seq, seq));
        }
        for bytes in &write.events {
            if out.len() >= limit {
                break;
            }
            chain = link(&chain, &digest(bytes));
            if seq >= from {
                let event = decode_event(bytes)?;
                if event.seq != seq || event.stream != self.stream {
                    return Err(self.broken(event.seq, seq));
                }
                out.push(event);
            }
            seq += 1;
        }
        self.at = Some((seq, chain));
        Ok(())
    }

    fn broken(&self, found: u64, expected: u64) -> Error {
        broken_chain(self.stream, found, expected)
    }
}

/// What a reader says when a stream is not what was written.
pub(crate) fn broken_chain(stream: StreamId, found: u64, expected: u64) -> Error {
    Error::Corrupt(format!(
        "the chain of {stream} breaks at sequence {expected} (found {found}): \
         stop the node and start it again to rebuild the event store from the log, \
         or restore a backup"
    ))
}

/// What a scan makes of each event that it finds.
pub(crate) trait Scanned: Sized + Send + 'static {
    fn found(position: Position, write: &RowWrite<'_>, bytes: &[u8]) -> Result<Self, Error>;
}

impl Scanned for (Position, Event) {
    fn found(position: Position, _: &RowWrite<'_>, bytes: &[u8]) -> Result<Self, Error> {
        Ok((position, decode_event(bytes)?))
    }
}

impl Scanned for Kept {
    fn found(position: Position, write: &RowWrite<'_>, bytes: &[u8]) -> Result<Self, Error> {
        Ok(Self { position, stream: write.stream()?, bytes: bytes.to_vec() })
    }
}

/// The events of a row from `offset` on, `first` being the offset of its first event, until
/// `out` holds `limit`.
pub(crate) fn scan_row<T: Scanned>(
    row: &[u8],
    shard: Shard,
    first: u64,
    offset: u64,
    limit: usize,
    out: &mut Vec<T>,
) -> Result<(), Error> {
    let mut at = first;
    for write in decode_row(row)? {
        for bytes in &write.events {
            if out.len() >= limit {
                return Ok(());
            }
            if at >= offset {
                out.push(T::found(Position { shard, offset: at }, &write, bytes)?);
            }
            at += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Trace;
    use autoos_kernel::id::WorkflowId;
    use uuid::Uuid;

    fn event() -> Event {
        Event {
            v: EVENT_VERSION,
            stream: WorkflowId(Uuid::from_u128(7)).stream(),
            seq: 3,
            epoch: 2,
            at: Timestamp(1_767_225_600_000),
            actor: "workflow".into(),
            cause: Some("request-1".into()),
            trace: Some(Trace { trace_id: 1 << 100, span_id: 5, sampled: true }),
            kind: "step_completed".into(),
            body: vec![1, 2, 3],
        }
    }

    /// Formats are forever: when this fails, it is the code that must change back.
    #[test]
    fn the_bytes_never_change() {
        let event = event();
        let bytes = encode_event(&event);
        let chain = chain_start(event.stream);
        let raw = raw_stream(event.stream);
        let wake = Standing::Waiting { wake: Some(Timestamp(9)) };
        let write = RowWrite::new(&raw, 3, &chain, wake, vec![Bytes::new(&bytes)]);
        let row = encode_row(vec![write]);
        let known = |bytes: &[u8]| blake3::hash(bytes).to_hex()[..16].to_owned();
        assert_eq!(
            [known(&bytes), known(&row), known(&chain_next(&chain, &event))],
            ["5d040b1b58db6e7f", "b946b0d9c31c148f", "49926aaead490028"]
        );
        assert_eq!(decode_event(&bytes).expect("decodes"), event);
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        let bytes = encode_event(&Event { v: 9, ..event() });
        let error = decode_event(&bytes).expect_err("is newer");
        assert!(matches!(&error, Error::TooNew(text) if text.contains("format 9")), "{error}");
    }

    #[test]
    fn unknown_fields_are_skipped() {
        // What a later version may add without a new format.
        let mut map: std::collections::BTreeMap<&str, u8> = std::collections::BTreeMap::new();
        map.insert("zz_later", 1);
        let extra = rmp_serde::to_vec(&map).expect("packs");
        let mut bytes = encode_event(&event());
        assert_eq!(bytes[0], 0x8a, "a map of ten");
        bytes[0] = 0x8b;
        bytes.extend_from_slice(&extra[1..]);
        assert_eq!(decode_event(&bytes).expect("decodes"), event());
    }
}
