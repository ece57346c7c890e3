//! One shard's proposals: what is asked of it becomes entries, several at a time.
//!
//! One task per shard takes what waits, makes one entry of it and proposes it under the leader
//! that this node is, so that it is refused if it no longer is; it does not wait for the entry to
//! be applied before it begins the next. An entry that was proposed and not confirmed in time is
//! unknown, and its callers are told so.

use crate::types::{LeaderId, LogId, Raft, Requests, Types};
use autoos_journal::{
    Error, Position,
    replica::{Request, entry},
};
use autoos_kernel::id::Shard;
use openraft::{
    alias::WriteResponderOf, async_runtime::WatchReceiver as _, errors::ClientWriteError,
    impls::ProgressResponder,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// The most that one entry takes in.
const ENTRY_REQUESTS: usize = 512;
const ENTRY_BYTES: usize = 1 << 20;
/// Entries of a shard that are proposed and not applied yet.
const IN_FLIGHT: usize = 4;
/// Requests that wait for a shard's next entry, before callers wait.
pub(crate) const WAITING: usize = 4096;

/// What is asked of a shard.
pub(crate) struct Proposal {
    pub(crate) request: Request,
    pub(crate) answer: oneshot::Sender<Result<Option<Position>, Error>>,
}

/// What this node knows of one shard's leader.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lead {
    /// Under which leadership this node may propose; none where it must not.
    pub(crate) mine: Option<LeaderId>,
    /// The name of the node that leads, if one is known.
    pub(crate) name: Option<String>,
}

pub(crate) struct Proposer {
    pub(crate) shard: Shard,
    pub(crate) raft: Raft,
    pub(crate) lead: watch::Receiver<Lead>,
    pub(crate) waiting: mpsc::Receiver<Proposal>,
    pub(crate) confirm: Duration,
}

impl Proposer {
    /// Proposes until nobody asks any more.
    pub(crate) async fn run(mut self) {
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
        while let Some(first) = self.waiting.recv().await {
            let permit = in_flight.clone().acquire_owned().await;
            let batch = self.take(first);
            let lead = self.lead.borrow().clone();
            let Some(leader) = lead.mine else {
                let refusal = self.not_leader(lead.name);
                batch.into_iter().for_each(|proposal| answer(proposal, Err(refusal.clone())));
                continue;
            };
            let bytes = entry(batch.iter().map(|proposal| &proposal.request));
            let (responder, told): (WriteResponderOf<Types>, _) =
                ProgressResponder::complete_only();
            let write = self.raft.write(Requests(bytes.into()));
            if let Err(fatal) = write.with_leader(leader).responder(responder).await {
                let error = Error::Halted(fatal.to_string());
                batch.into_iter().for_each(|proposal| answer(proposal, Err(error.clone())));
                continue;
            }
            let (shard, confirm) = (self.shard, self.confirm);
            tokio::spawn(async move {
                let _permit = permit;
                let outcome = match tokio::time::timeout(confirm, told).await {
                    Err(_) => Err(Error::Unconfirmed(format!(
                        "shard {} did not confirm it within {confirm:?}",
                        shard.0
                    ))),
                    Ok(Err(_)) => Err(Error::Unconfirmed("the group ended on this node".into())),
                    Ok(Ok(Ok(written))) => Ok(written.data),
                    Ok(Ok(Err(error))) => Err(refused(shard, error)),
                };
                match outcome {
                    Err(error) => {
                        batch.into_iter().for_each(|proposal| answer(proposal, Err(error.clone())));
                    }
                    Ok(answers) => {
                        batch.into_iter().zip(answers).for_each(|(to, what)| answer(to, what));
                    }
                }
            });
        }
    }

    fn take(&mut self, first: Proposal) -> Vec<Proposal> {
        let mut bytes = first.request.len();
        let mut batch = vec![first];
        while batch.len() < ENTRY_REQUESTS && bytes < ENTRY_BYTES {
            let Ok(next) = self.waiting.try_recv() else { break };
            bytes += next.request.len();
            batch.push(next);
        }
        batch
    }

    fn not_leader(&self, leader: Option<String>) -> Error {
        Error::NotLeader { shard: self.shard, leader }
    }
}

fn answer(proposal: Proposal, what: Result<Option<Position>, Error>) {
    // Whoever asked may be gone; what was recorded stays recorded.
    let _ = proposal.answer.send(what);
}

fn refused(shard: Shard, error: ClientWriteError<Types>) -> Error {
    match error {
        ClientWriteError::ForwardToLeader(to) => {
            Error::NotLeader { shard, leader: to.leader_node.map(|peer| peer.name) }
        }
        error => Error::Unconfirmed(error.to_string()),
    }
}

/// Follows a group's state: who leads it, and whether this node may act for it. It may once an
/// entry of its own leadership is applied.
pub(crate) async fn follow(raft: Raft, me: u64, lead: watch::Sender<Lead>) {
    let mut metrics = raft.metrics();
    loop {
        let now = {
            let metrics = metrics.borrow_and_update();
            let vote = &metrics.vote;
            let led = metrics.state.is_leader() && vote.committed && vote.leader_id.node_id == me;
            let applied: Option<LeaderId> =
                metrics.last_applied.as_ref().map(|id: &LogId| id.leader_id);
            let mine = (led && applied == Some(vote.leader_id) && metrics.running_state.is_ok())
                .then_some(vote.leader_id);
            let members = &metrics.membership_config;
            let name =
                metrics.current_leader.and_then(|id| members.get_node(&id)).map(|p| p.name.clone());
            Lead { mine, name }
        };
        lead.send_if_modified(|known| {
            let changed = *known != now;
            *known = now;
            changed
        });
        if metrics.changed().await.is_err() {
            lead.send_replace(Lead::default());
            return;
        }
    }
}
