//! The audit that proves itself.
//!
//! Every shard of the journal is an ordered log, and a Merkle [tree](Tree) over it costs two
//! hashes for each event. A [`Keeper`] follows the journal, and from time to time it signs how
//! many events each shard has and the root of its tree: a [`Checkpoint`]. Each names the one
//! before it and is an event of a stream of its own, so the next one covers it. An [`Export`] is
//! a file of events and checkpoints, and [`verify`] holds such a file against itself, against a
//! public key and against checkpoints that were kept elsewhere. It needs no node.
//!
//! | module | what it is |
//! |---|---|
//! | `tree`, `hash` | the tree over a log; no IO |
//! | `checkpoint`, `key` | what is signed, and by whom |
//! | `keeper` | the task that signs |
//! | `log` | reading a shard in pages |
//! | `line` | the format of an export |
//! | `export`, `verify` | its writer and its reader |
//!
//! What it proves. An edit, a deletion, an insertion, a swap, a truncation or a fork by anyone
//! who has not the node's private key is found from the file and the public key alone. Who has
//! the private key can write another history and sign it; that is found by whoever kept a
//! checkpoint outside of the node (the [witness](Options::witness)). What was recorded after the
//! newest checkpoint, a minute at most, is proven by the signature at the end of the file only.
//!
//! Left out: streams that were archived, whose events are gone. A tree cannot be computed anew
//! over them, so an export refuses and says so.

mod checkpoint;
mod error;
mod export;
mod hash;
mod keeper;
mod key;
mod line;
mod log;
mod tree;
mod verify;

pub use checkpoint::{Checkpoint, Share, SignedCheckpoint};
pub use error::Error;
pub use export::{Export, Scope};
pub use hash::Hash;
pub use keeper::{Keeper, Options, Status};
pub use key::{Key, PublicKey, Signature};
pub use tree::{Subtree, Tree, leaf};
pub use verify::{Problem, Trust, Verdict, verify};

/// The version of the export's format that this code writes, and the newest that it reads.
pub const FORMAT: u32 = 1;
