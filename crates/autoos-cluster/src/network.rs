//! What openraft sends, handed to the links.

use crate::{
    links::{Call, Kind, Links, Lost},
    machine::Copied,
    types::{NodeId, Peer, Snapshot, Types, Vote},
    wire::{self, CopyPart},
};
use autoos_journal::replica::Replica;
use autoos_kernel::id::Shard;
use futures::future::{Either, select};
use openraft::{
    OptionalSend,
    errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::{RPCOption, RaftNetworkFactory, RaftNetworkV2},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
        TransferLeaderResponse, VoteRequest, VoteResponse,
    },
};
use serde_bytes::ByteBuf;
use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

/// The least that an answer to entries is waited for: taking them in means a sync of the disk.
const APPEND_MS: u64 = 3_000;
/// How long the answer to a piece of a copy is waited for; the last one is installed before it
/// is answered.
const COPY_MS: u64 = 60_000;

/// The links of one group.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) links: Arc<dyn Links>,
    pub(crate) replica: Arc<Replica>,
    pub(crate) group: u16,
}

/// The link of one group to one peer.
pub(crate) struct Link {
    network: Network,
    to: NodeId,
    peer: Peer,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Link;

    async fn new_client(&mut self, to: NodeId, peer: &Peer) -> Link {
        Link { network: self.clone(), to, peer: peer.clone() }
    }
}

type Outcome<T> = Result<T, RPCError<Types>>;

impl Link {
    async fn call(&self, kind: Kind, bytes: Vec<u8>, deadline: Duration) -> Result<Vec<u8>, Lost> {
        let call = Call { group: self.network.group, kind, bytes };
        self.network.links.call(self.to, &self.peer, call, deadline).await
    }

    /// Sends every piece of the shard as the store has it; answers the follower's vote.
    async fn copy(&self, vote: Vote) -> Result<Vote, Lost> {
        let lost = |error: autoos_journal::Error| Lost(format!("the copy stopped: {error}"));
        let shard = Shard(self.network.group);
        let replica = &self.network.replica;
        let deadline = Duration::from_millis(COPY_MS);
        let send = |part: CopyPart| self.call(Kind::Copy, wire::copy_part(&part), deadline);
        send(CopyPart::Begin).await?;
        let (_, mut export) = replica.export(shard).await.map_err(lost)?;
        loop {
            let (rest, rows) = replica.export_next(export).await.map_err(lost)?;
            export = rest;
            let Some(rows) = rows else { break };
            let rows = rows.into_iter().map(|(key, row)| (ByteBuf::from(key), ByteBuf::from(row)));
            send(CopyPart::Rows(rows.collect())).await?;
        }
        let answer = send(wire::end_of_copy(&vote)).await?;
        wire::vote_alone_of(&answer).map_err(|error| Lost(error.to_string()))
    }
}

fn unreachable(lost: Lost) -> RPCError<Types> {
    RPCError::Unreachable(Unreachable::new(&lost))
}

fn garbled(error: io::Error) -> RPCError<Types> {
    RPCError::Network(NetworkError::new(&error))
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = Copied;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Outcome<AppendEntriesResponse<Types>> {
        let least = Duration::from_millis(if rpc.entries.is_empty() { 0 } else { APPEND_MS });
        let deadline = option.hard_ttl().max(least);
        let answer = self.call(Kind::Append, wire::append(&rpc), deadline).await;
        wire::appended_of(&answer.map_err(unreachable)?).map_err(garbled)
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Outcome<VoteResponse<Types>> {
        let answer = self.call(Kind::Vote, wire::ask_vote(&rpc), option.hard_ttl()).await;
        wire::voted_of(&answer.map_err(unreachable)?).map_err(garbled)
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Outcome<VoteResponse<Types>> {
        let answer = self.call(Kind::PreVote, wire::ask_vote(&rpc), option.hard_ttl()).await;
        wire::voted_of(&answer.map_err(unreachable)?).map_err(garbled)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        _: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        match select(pin!(self.copy(vote)), pin!(cancel)).await {
            Either::Left((Ok(vote), _)) => Ok(SnapshotResponse::new(vote)),
            Either::Left((Err(lost), _)) => {
                Err(StreamingError::Unreachable(Unreachable::new(&lost)))
            }
            Either::Right((closed, _)) => Err(StreamingError::Closed(closed)),
        }
    }

    async fn transfer_leader(
        &mut self,
        rpc: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Outcome<TransferLeaderResponse<Types>> {
        let deadline = option.hard_ttl().max(Duration::from_millis(APPEND_MS));
        let answer = self.call(Kind::Transfer, wire::transfer(&rpc), deadline).await;
        wire::transferred_of(&answer.map_err(unreachable)?).map_err(garbled)
    }
}
