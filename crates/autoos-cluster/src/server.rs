//! What peers ask of this node, handed to the groups.

use crate::{
    links::{Call, Kind, Lost},
    machine::{Copied, meta},
    types::{NodeId, Raft, Snapshot},
    wire::{self, CopyPart},
};
use autoos_journal::replica::{Import, Replica};
use autoos_kernel::id::Shard;
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

/// The door for peers. Clones are the same door.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    replica: Arc<Replica>,
    groups: Vec<Raft>,
    /// Copies that are being taken in, by group and by who sends them.
    copies: Mutex<HashMap<(u16, NodeId), Arc<Import>>>,
}

impl Server {
    pub(crate) fn new(replica: Arc<Replica>, groups: Vec<Raft>) -> Self {
        Self(Arc::new(Inner { replica, groups, copies: Mutex::default() }))
    }

    /// Answers a request of `from`, which the link has made sure of.
    ///
    /// # Errors
    /// The request makes no sense, or the group has ended on this node.
    pub async fn handle(&self, from: NodeId, call: Call) -> Result<Vec<u8>, Lost> {
        let lost = |text: String| Lost(text);
        let garbled = |error: io::Error| Lost(error.to_string());
        let group = self.0.groups.get(usize::from(call.group));
        let group = group.ok_or_else(|| lost(format!("there is no group {}", call.group)))?;
        match call.kind {
            Kind::Append => {
                let rpc = wire::append_of(&call.bytes).map_err(garbled)?;
                let answer = group.append_entries(rpc).await;
                answer.map(|answer| wire::appended(&answer)).map_err(|e| lost(e.to_string()))
            }
            Kind::Vote => {
                let rpc = wire::ask_vote_of(&call.bytes).map_err(garbled)?;
                let answer = group.vote(rpc).await;
                answer.map(|answer| wire::voted(&answer)).map_err(|e| lost(e.to_string()))
            }
            Kind::PreVote => {
                let rpc = wire::ask_vote_of(&call.bytes).map_err(garbled)?;
                let answer = group.pre_vote(rpc).await;
                answer.map(|answer| wire::voted(&answer)).map_err(|e| lost(e.to_string()))
            }
            Kind::Transfer => {
                let rpc = wire::transfer_of(&call.bytes).map_err(garbled)?;
                let answer = group.handle_transfer_leader(rpc).await;
                answer.map(|answer| wire::transferred(&answer)).map_err(|e| lost(e.to_string()))
            }
            Kind::Copy => {
                let part = wire::copy_part_of(&call.bytes).map_err(garbled)?;
                self.copy(from, call.group, group, part).await
            }
        }
    }

    async fn copy(
        &self,
        from: NodeId,
        number: u16,
        group: &Raft,
        part: CopyPart,
    ) -> Result<Vec<u8>, Lost> {
        let at = (number, from);
        let none = || Lost(format!("no copy of shard {number} was begun"));
        let failed = |error: autoos_journal::Error| Lost(error.to_string());
        let copies = || self.0.copies.lock().unwrap_or_else(PoisonError::into_inner);
        match part {
            CopyPart::Begin => {
                let import = self.0.replica.import(Shard(number)).map_err(failed)?;
                copies().insert(at, Arc::new(import));
                Ok(Vec::new())
            }
            CopyPart::Rows(rows) => {
                let import = copies().get(&at).cloned().ok_or_else(none)?;
                let rows = rows.into_iter().map(|(key, row)| (key.into_vec(), row.into_vec()));
                let rows = rows.collect();
                let done = tokio::task::spawn_blocking(move || import.add(rows)).await;
                done.map_err(|error| Lost(error.to_string()))?.map_err(failed)?;
                Ok(Vec::new())
            }
            CopyPart::End(vote) => {
                let import = copies().remove(&at).ok_or_else(none)?;
                let import = Arc::into_inner(import).ok_or_else(none)?;
                let mark = import.mark().map_err(failed)?;
                let mark = mark.ok_or_else(|| Lost("the copy has no mark".into()))?;
                let meta = meta(&wire::kept_mark(&mark).map_err(|e| Lost(e.to_string()))?);
                let snapshot = Snapshot { meta, snapshot: Copied::Import(import) };
                let vote = wire::copied_for(vote);
                let answer = group.install_full_snapshot(vote, snapshot).await;
                let answer = answer.map_err(|error| Lost(error.to_string()))?;
                Ok(wire::vote_alone(&answer.vote))
            }
        }
    }
}
