//! What goes into the journal and what comes out.

use autoos_kernel::{
    body::BodyRef,
    id::{Shard, StreamId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// An event as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Version of this envelope.
    pub v: u8,
    /// Whose event it is.
    pub stream: StreamId,
    /// Its place in the stream, from 0, without gaps.
    pub seq: u64,
    /// Under which epoch it was written.
    pub epoch: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Who decided it, for example `workflow` or an agent's id.
    pub actor: String,
    /// What it follows from, for example a command's request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The trace that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// What became true; unknown kinds are kept and skipped.
    pub kind: String,
    /// The kernel's event, MessagePack with named fields.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
}

/// An event as the bytes that are kept of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Where it lies.
    pub position: Position,
    /// Whose event it is.
    pub stream: StreamId,
    /// What its stream's chain takes in; [`event_of`](crate::event_of) reads it.
    pub bytes: Vec<u8>,
}

impl Kept {
    /// The bytes of an event that this version knows all of.
    pub(crate) fn of((position, event): &(Position, Event)) -> Self {
        Self { position: *position, stream: event.stream, bytes: crate::row::encode_event(event) }
    }
}

/// W3C trace context of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Trace id.
    pub trace_id: u128,
    /// Span id.
    pub span_id: u64,
    /// Whether the trace is kept from its beginning.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub sampled: bool,
}

fn yes() -> bool {
    true
}

fn is_yes(yes: &bool) -> bool {
    *yes
}

/// An event to be recorded: what the journal does not know by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// When it was decided.
    pub at: Timestamp,
    /// Who decided it.
    pub actor: String,
    /// What it follows from.
    pub cause: Option<String>,
    /// The trace that it belongs to.
    pub trace: Option<Trace>,
    /// What became true.
    pub kind: String,
    /// The kernel's event, MessagePack with named fields.
    pub body: Vec<u8>,
}

/// What the owner of a stream is doing after a write: what a restart must know without folding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The owner has work in hand; after a restart it is started at once.
    Running,
    /// The owner may be put away until someone speaks to it or the time comes.
    Waiting {
        /// When it must be woken at the latest.
        wake: Option<Timestamp>,
    },
    /// Nothing more will happen; the stream can be archived after its retention.
    Closed,
}

/// The part of a batch that goes to one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamWrite {
    /// Which stream.
    pub stream: StreamId,
    /// The sequence that the first of the events must get.
    pub expect: u64,
    /// The events, in order. At least one.
    pub events: Vec<NewEvent>,
    /// How the owner stands after them.
    pub standing: Standing,
}

/// What is recorded together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The epoch that the writer holds.
    pub epoch: u64,
    /// The writes, each to another stream of one shard.
    pub writes: Vec<StreamWrite>,
    /// Bodies that the events refer to for the first time. One that is stored already is kept.
    pub bodies: Vec<Body>,
}

/// A body to be stored, under the key that named it.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// The owner's key, from [`Journal::body_key`](crate::Journal::body_key).
    pub key: BodyKey,
    /// What the events call it.
    pub body: BodyRef,
    /// The plain bytes.
    pub bytes: Vec<u8>,
}

impl Body {
    /// A body with the name that its owner's key gives it.
    #[must_use]
    pub fn new(key: &BodyKey, bytes: Vec<u8>) -> Self {
        Self { body: key.refer(&bytes), key: key.clone(), bytes }
    }
}

/// The secret of one owner: names bodies and encrypts them.
#[derive(Clone, PartialEq)]
pub struct BodyKey {
    /// Whose bodies.
    pub owner: Uuid,
    /// The secret itself.
    pub secret: Key,
}

/// 32 secret bytes that are wiped when dropped and never printed.
#[derive(Clone, PartialEq, Zeroize, ZeroizeOnDrop)]
pub struct Key(pub [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Debug for BodyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyKey({})", self.owner)
    }
}

impl BodyKey {
    /// The name of `bytes`: a hash under a key derived from the secret, and their length.
    ///
    /// # Panics
    /// On more than 4 GiB; bodies are bounded far below.
    #[must_use]
    pub fn refer(&self, bytes: &[u8]) -> BodyRef {
        let key = blake3::derive_key("autoos body name v1", &self.secret.0);
        BodyRef {
            hash: *blake3::keyed_hash(&key, bytes).as_bytes(),
            len: u32::try_from(bytes.len()).expect("a body is below 4 GiB"),
        }
    }
}

/// Where an event lies: the offset counts the events of its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The shard.
    pub shard: Shard,
    /// The offset in it; of the last event, where it stands for a batch.
    pub offset: u64,
}

/// One offset per shard: where a reader goes on. A missing shard stands at 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub BTreeMap<Shard, u64>);

/// The shards that a process may write, each with the epoch that it writes under.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leading(pub BTreeMap<Shard, u64>);

impl Leading {
    /// All shards of a journal that one process has for itself.
    #[must_use]
    pub fn all(shards: u16, epoch: u64) -> Self {
        Self((0..shards).map(|shard| (Shard(shard), epoch)).collect())
    }
}

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The sequence that its next event will get.
    pub next: u64,
    /// The hash chain up to its last event.
    pub chain: [u8; 32],
    /// How its owner stood.
    pub standing: Standing,
}

/// The fold of a stream up to a sequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The sequence of the first event that is not in it.
    pub next: u64,
    /// Version of the fold that made it; another version folds from the start.
    pub version: u32,
    /// The folded state.
    #[serde(with = "serde_bytes")]
    pub state: Vec<u8>,
}
