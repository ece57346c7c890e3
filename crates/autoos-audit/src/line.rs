//! The format of an export: lines of JSON, in this order.
//!
//! - One `header`: what the file holds.
//! - `event`s: in each shard in the order of their offsets, with the bytes that were hashed and
//!   the chain of their stream behind them. The fields beside the bytes say what is in them.
//! - `pruned`: a full subtree in the place of events that were not asked for.
//! - `checkpoint`s, each behind all that it covers. They are events too, and come again as such.
//! - One `end`: how many lines there are before it, their hash, where each stream stands when
//!   only some were asked for, and a signature over these.
//!
//! Each line is written as [`Line::write`] writes it, letter for letter.

use crate::{Hash, PublicKey, Signature, SignedCheckpoint, Subtree, hash::TextOrBytes};
use autoos_kernel::{
    id::{StreamId, WorkflowId},
    time::Timestamp,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use std::collections::BTreeMap;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Header(Header),
    Event(Box<EventLine>),
    Pruned(Pruned),
    Checkpoint(Box<SignedCheckpoint>),
    End(Box<End>),
}

/// What an export holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// The version of the format.
    pub(crate) format: u32,
    /// Which version of autoos wrote it.
    pub(crate) by: String,
    /// How many shards the journal has.
    pub(crate) shards: u16,
    /// The workflows that were asked for; all that there is where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) workflows: Vec<WorkflowId>,
    /// The key that signs the file.
    pub(crate) key: PublicKey,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventLine {
    pub(crate) shard: u16,
    pub(crate) offset: u64,
    pub(crate) stream: StreamId,
    pub(crate) seq: u64,
    pub(crate) at_ms: Timestamp,
    pub(crate) actor: String,
    pub(crate) kind: String,
    /// The chain of the stream behind this event.
    pub(crate) chain: Hash,
    pub(crate) bytes: Kept,
    /// What it says, with its texts in plain, where that was asked for. It is signed with the
    /// file and proven by nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Value>,
}

/// The bytes of an event; base64.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept(pub(crate) Vec<u8>);

/// A subtree of a shard in the place of its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pruned {
    pub(crate) shard: u16,
    pub(crate) subtree: Subtree,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    pub(crate) says: Says,
    /// Under the text of what it says.
    pub(crate) signature: Signature,
}

/// What the signature at the end is under.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Says {
    /// Lines before it.
    pub(crate) lines: u64,
    /// The hash of their bytes, line ends included.
    pub(crate) hash: Hash,
    /// Where the streams stand that were asked for: their events, and their chains.
    pub(crate) heads: BTreeMap<StreamId, (u64, Hash)>,
}

impl Says {
    /// What is signed.
    pub(crate) fn text(&self) -> String {
        let json = serde_json::to_string(self).expect("numbers and texts are JSON");
        format!("autoos audit export v1\n{json}\n")
    }
}

impl Line {
    /// The bytes of the line, with its end.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("numbers, texts and JSON are JSON");
        bytes.push(b'\n');
        bytes
    }

    /// The line of these bytes; an error says what is wrong with them.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = bytes.strip_suffix(b"\n").ok_or("the line is cut")?;
        let line: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        // A figure in plain data may be written in more than one way.
        let plain = matches!(&line, Self::Event(event) if event.data.is_some());
        if plain || line.write() == bytes { Ok(line) } else { Err("it has another form".into()) }
    }
}

impl Serialize for Kept {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| STANDARD.decode(text).map_err(de::Error::custom);
        TextOrBytes::read(deserializer, read).map(Self)
    }
}
