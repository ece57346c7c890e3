//! The words of consensus as this crate uses them: openraft's types, filled in.

use autoos_journal::replica::Answer;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// Who a node is. A node that lost its disk, or part of it, returns under a new one.
pub type NodeId = u64;

/// A member of the cluster, as the others know it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// What people call it.
    pub name: String,
    /// Where its links listen: `host:port`.
    pub addr: String,
}

/// The requests of an entry, as the replica put them together.
#[derive(Clone)]
pub struct Requests(pub(crate) Arc<[u8]>);

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

openraft::declare_raft_types!(
    /// The types that all groups share.
    pub Types:
        D = Requests,
        R = Vec<Answer>,
        NodeId = NodeId,
        Node = Peer,
        AsyncRuntime = openraft_rt_tokio::TokioRuntime,
);

pub(crate) type LeaderId = openraft::alias::LeaderIdOf<Types>;
pub(crate) type LogId = openraft::alias::LogIdOf<Types>;
pub(crate) type Vote = openraft::alias::VoteOf<Types>;
pub(crate) type Entry = openraft::alias::EntryOf<Types>;
pub(crate) type Membership = openraft::Membership<NodeId, Peer>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<Types>;
pub(crate) type Snapshot = openraft::alias::SnapshotOf<Types, crate::machine::Copied>;
pub(crate) type Raft = openraft::Raft<Types, crate::machine::Machine>;
