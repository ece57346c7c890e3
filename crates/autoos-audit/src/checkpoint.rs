//! A checkpoint: how many events each shard had at some moment, and the root of the tree over
//! them, signed.
//!
//! What is signed is a text of lines, so that a person can read it and another program can write
//! it down again from the fields.

use crate::{Hash, Key, PublicKey, Signature};
use autoos_kernel::{
    id::{Prefix, StreamId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use uuid::Uuid;

/// The stream of checkpoints is the same everywhere; its name is part of the journal's format.
const STREAM: Uuid = Uuid::from_u128(0x6175_746f_6f73_8000_8000_6368_6563_6b73);
/// The kind of its events.
pub(crate) const KIND: &str = "checkpoint";

/// The stream of checkpoints.
pub(crate) fn stream() -> StreamId {
    StreamId::new(Prefix::CHECKPOINTS, STREAM)
}

/// One shard in a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// How many events it had.
    pub events: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// 1 for the first of a journal.
    pub number: u64,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: Timestamp,
    /// The [hash](Self::hash) of the one before; zeros for the first.
    pub previous: Hash,
    /// Who signs it.
    pub key: PublicKey,
    /// The shards, in order.
    pub shards: Vec<Share>,
}

/// A checkpoint and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedCheckpoint {
    /// What is signed.
    pub checkpoint: Checkpoint,
    /// Under its [text](Checkpoint::text).
    pub signature: Signature,
}

impl Checkpoint {
    /// What the signature is under.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "autoos checkpoint v1\nnumber {}\nat {}\nprevious {}\nkey {}\n",
            self.number, self.at_ms.0, self.previous, self.key
        );
        for (shard, share) in self.shards.iter().enumerate() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "shard {shard} events {} root {}", share.events, share.root);
        }
        text
    }

    /// The hash of its text: how the next one names it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(self.text().as_bytes())
    }

    /// Signs it.
    pub(crate) fn sign(self, key: &Key) -> SignedCheckpoint {
        let signature = key.sign(&self.text());
        SignedCheckpoint { checkpoint: self, signature }
    }
}

impl SignedCheckpoint {
    /// Whether the signature is that of the key that it names.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.checkpoint.key.verifies(&self.checkpoint.text(), &self.signature)
    }

    /// How many events it covers.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.checkpoint.shards.iter().map(|share| share.events).sum()
    }

    /// The body of its event.
    pub(crate) fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("a checkpoint is numbers and bytes")
    }

    /// The checkpoint of an event of the stream; none when it is no checkpoint.
    pub(crate) fn decode(event: &autoos_journal::Event) -> Option<Self> {
        if event.kind != KIND {
            return None;
        }
        rmp_serde::from_slice(&event.body).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_breaks_the_signature() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = Key::open(dir.path()).expect("made");
        let share = |n| Share { events: n, root: Hash::of(&[n as u8]) };
        let signed = Checkpoint {
            number: 2,
            at_ms: Timestamp(1_767_225_600_000),
            previous: Hash::of(b"one"),
            key: key.public(),
            shards: vec![share(1), share(2)],
        }
        .sign(&key);
        assert!(signed.is_signed());
        let changes: [fn(&mut Checkpoint); 6] = [
            |c| c.number = 3,
            |c| c.at_ms = Timestamp(1),
            |c| c.previous = Hash::default(),
            |c| c.shards.swap(0, 1),
            |c| c.shards[1].events = 3,
            |c| c.shards[1].root = Hash::default(),
        ];
        for change in changes {
            let mut changed = signed.clone();
            change(&mut changed.checkpoint);
            assert!(!changed.is_signed(), "{changed:?}");
        }
        let json = serde_json::to_string(&signed).expect("json");
        assert_eq!(serde_json::from_str::<SignedCheckpoint>(&json).expect("reads"), signed);
        let bytes = signed.encode();
        assert_eq!(rmp_serde::from_slice::<SignedCheckpoint>(&bytes).expect("reads"), signed);
    }
}
