//! Who is a member, with a vote or without, and who leads.

use crate::{
    node::{ClusterJournal, voters_of},
    types::{NodeId, Peer, Raft},
};
use autoos_journal::Error;
use autoos_kernel::id::Shard;
use openraft::{ChangeMembers, async_runtime::WatchReceiver as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    time::Duration,
};

fn failed(error: impl Display) -> Error {
    Error::Conflict(format!("the membership was not changed: {error}"))
}

impl ClusterJournal {
    /// Begins a cluster of these members, this node among them; each of them calls it, and each
    /// begins the shards that it shall lead first. Repeating it is safe.
    ///
    /// # Errors
    /// [`Error::Invalid`] when this node is not among the members.
    pub async fn init(&self, members: &BTreeMap<NodeId, Peer>) -> Result<(), Error> {
        if !members.contains_key(&self.node) {
            return Err(Error::Invalid(format!("node {} is not among the members", self.node)));
        }
        for (shard, group) in (0..).zip(&self.groups) {
            let voters = voters_of(shard, members);
            let begun = group.raft.is_initialized().await.map_err(failed)?;
            if begun || voters.first() != Some(&self.node) {
                continue;
            }
            let first: BTreeMap<NodeId, Peer> =
                voters.iter().map(|id| (*id, members[id].clone())).collect();
            group.raft.initialize(first).await.map_err(failed)?;
            let rest = members.iter().filter(|(id, _)| !voters.contains(id));
            let rest: BTreeMap<NodeId, Peer> = rest.map(|(id, p)| (*id, p.clone())).collect();
            if !rest.is_empty() {
                self.led(Shard(shard)).await?;
                let nodes = ChangeMembers::AddNodes(rest);
                group.raft.change_membership(nodes, true).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Waits until this node leads a shard.
    async fn led(&self, shard: Shard) -> Result<(), Error> {
        let mut leading = self.leading.subscribe();
        let led = leading.wait_for(|leading| leading.0.contains_key(&shard));
        match tokio::time::timeout(Duration::from_secs(30), led).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::NotLeader { shard, leader: None }),
        }
    }

    /// The shards that this node leads, with their groups.
    fn own(&self) -> Vec<(u16, &Raft)> {
        let groups = (0..).zip(&self.groups);
        let own = groups.filter(|(_, group)| group.lead.borrow().mine.is_some());
        own.map(|(shard, group)| (shard, &group.raft)).collect()
    }

    /// Makes a node a learner of every shard that this node leads: it is filled, answers reads,
    /// and has no vote. Returns without waiting for it to catch up. Repeating it is safe.
    ///
    /// # Errors
    /// A membership change is under way, or the shard was lost: try again.
    pub async fn add_learner(&self, node: NodeId, peer: Peer) -> Result<(), Error> {
        for (_, raft) in self.own() {
            raft.add_learner(node, peer.clone(), false).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Gives these members the votes of every shard that this node leads, spread evenly. All of
    /// them must be learners or voters already; who has a vote and is not among them becomes a
    /// learner. Returns once it is agreed upon, which waits for new voters to catch up.
    ///
    /// # Errors
    /// As [`Self::add_learner`].
    pub async fn set_voters(&self, members: &BTreeMap<NodeId, Peer>) -> Result<(), Error> {
        for (shard, raft) in self.own() {
            let voters: BTreeSet<NodeId> = voters_of(shard, members).into_iter().collect();
            let now: BTreeSet<NodeId> =
                raft.metrics().borrow_watched().membership_config.voter_ids().collect();
            if voters != now {
                raft.change_membership(voters, true).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Ends the membership of a node that has no vote any more in the shards that this node leads.
    ///
    /// # Errors
    /// As [`Self::add_learner`]; also when it still has a vote.
    pub async fn remove(&self, node: NodeId) -> Result<(), Error> {
        for (_, raft) in self.own() {
            let gone = ChangeMembers::RemoveNodes(BTreeSet::from([node]));
            if raft.metrics().borrow_watched().membership_config.get_node(&node).is_some() {
                raft.change_membership(gone, true).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Hands the lead of a shard that this node leads to a voter. Returns once that is asked for.
    ///
    /// # Errors
    /// This node does not lead the shard.
    pub async fn transfer(&self, shard: Shard, to: NodeId) -> Result<(), Error> {
        let group = self.groups.get(usize::from(shard.0));
        let group = group.filter(|group| group.lead.borrow().mine.is_some());
        let group = group.ok_or(Error::NotLeader { shard, leader: None })?;
        group.raft.trigger().transfer_leader(to).await.map_err(failed)
    }

    /// Hands over what this node leads until no live voter leads much less: with `drain`, all of
    /// it. `live` are the nodes that are up. Returns how many shards it handed over.
    ///
    /// # Errors
    /// As [`Self::transfer`].
    pub async fn rebalance(&self, live: &BTreeSet<NodeId>, drain: bool) -> Result<usize, Error> {
        let mut leads: BTreeMap<NodeId, usize> = live.iter().map(|id| (*id, 0)).collect();
        for shard in self.status() {
            if let Some(leader) = shard.leader {
                *leads.entry(leader).or_default() += 1;
            }
        }
        let mut moved = 0;
        for shard in self.status() {
            if shard.leader != Some(self.node) {
                continue;
            }
            let others = shard.voters.iter().filter(|id| **id != self.node && live.contains(id));
            let Some(to) = others.min_by_key(|id| (leads.get(id).copied(), **id)).copied() else {
                continue;
            };
            let (here, there) = (leads[&self.node], leads.get(&to).copied().unwrap_or(0));
            if drain || there + 1 < here {
                self.transfer(Shard(shard.shard), to).await?;
                leads.insert(self.node, here.saturating_sub(1));
                leads.insert(to, there + 1);
                moved += 1;
            }
        }
        Ok(moved)
    }
}
