//! The journal replicated: one Raft group for each shard.
//!
//! A node opens its share with [`ClusterJournal::open`], hands what peers send to
//! [`ClusterJournal::server`], and from then on has a [`Journal`](autoos_journal::Journal) like
//! any other: `append` returns once a quorum of the shard's voters has the batch on its disk and
//! this node has applied it. [`Journal::leading`](autoos_journal::Journal::leading) says which
//! shards it may act for, and under which epoch: the term of its leadership. A shard appears
//! there once an entry of that term is applied, so all that was acknowledged before can be read.
//!
//! What each node keeps, in the directory of its journal: the store of all shards (the same
//! replica as behind the local journal), and in `raft/` one log of all groups, with one sync for
//! all that waits. Consensus runs on threads of its own.
//!
//! A node may come back with what it had synced. One that lost any of it, its disk or a single
//! vote, must come back as a new node: [`Options::node`] is never used twice.
//!
//! | module | what it is |
//! |---|---|
//! | `node` | opening, closing, and looking after the log |
//! | `journal` | the port |
//! | `shard` | proposals in batches, and who leads |
//! | `members` | who is a member, who has a vote, who leads |
//! | `storage`, `machine` | what openraft writes down, and what it applies to |
//! | `network`, `server`, `links` | what goes out, what comes in, and what carries it |
//! | `sockets` | links over gRPC, one stream per peer for all groups, with TLS or without |
//! | `wire` | formats, on the disk and between nodes |
//!
//! Left out: archiving of closed streams, which is not replicated yet.

mod journal;
mod links;
mod machine;
mod members;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod network;
mod node;
mod server;
mod shard;
mod sockets;
mod storage;
mod types;
mod wire;

pub use links::{Call, Kind, Links, Lost};
pub use machine::{Copied, Machine, Marker};
#[cfg(any(test, feature = "testing"))]
pub use memory::MemoryNet;
pub use node::{ClusterJournal, Options, ShardStatus, Timing, VOTERS, voters_of};
pub use server::Server;
pub use sockets::{Listening, SocketLinks, Sockets, Tls};
pub use storage::GroupLog;
pub use types::{NodeId, Peer, Requests, Types};
