//! How the words of consensus are kept on the disk and sent to peers.
//!
//! These are formats of our own, and not openraft's: they are for ever, and its types are not.
//! Everything is MessagePack; what lies on the disk begins with a version byte.

use crate::types::{
    Entry, LeaderId, LogId, Membership, NodeId, Peer, Requests, StoredMembership, Vote,
};
use openraft::{
    EntryPayload,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest,
        TransferLeaderResponse, VoteRequest, VoteResponse,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use crate::types::Types;

const VERSION: u8 = 1;

/// Term, node, index.
type WireId = (u64, NodeId, u64);
/// Term, node, whether a quorum granted it.
type WireVote = (u64, NodeId, bool);

#[derive(Serialize, Deserialize)]
struct WireMembership {
    voters: Vec<BTreeSet<NodeId>>,
    nodes: BTreeMap<NodeId, Peer>,
}

#[derive(Serialize, Deserialize)]
enum WirePayload {
    Blank,
    Requests(ByteBuf),
    Membership(WireMembership),
}

/// How far a shard's log is applied, as the replica keeps it beside what that did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// What is added to a term to make an epoch: the last epoch of the journal that the shard
    /// was seeded from.
    pub(crate) base: u64,
    pub(crate) applied: Option<LogId>,
    pub(crate) membership: StoredMembership,
}

fn id(id: &LogId) -> WireId {
    (id.leader_id.term, id.leader_id.node_id, id.index)
}

fn log_id((term, node_id, index): WireId) -> LogId {
    LogId::new(LeaderId { term, node_id }, index)
}

fn wire_vote(vote: &Vote) -> WireVote {
    (vote.leader_id.term, vote.leader_id.node_id, vote.committed)
}

fn vote_of((term, node, committed): WireVote) -> Vote {
    if committed { Vote::new_committed(term, node) } else { Vote::new(term, node) }
}

fn wire_membership(membership: &Membership) -> WireMembership {
    WireMembership {
        voters: membership.get_joint_config().clone(),
        nodes: membership.nodes().map(|(id, peer)| (*id, peer.clone())).collect(),
    }
}

fn membership(wire: WireMembership) -> io::Result<Membership> {
    if wire.voters.is_empty() {
        return Ok(Membership::default());
    }
    Membership::new(wire.voters, wire.nodes).map_err(|error| bad(&error.to_string()))
}

fn pack(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("messages are numbers, names and bytes")
}

fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    rmp_serde::from_slice(bytes).map_err(|error| bad(&error.to_string()))
}

fn keep(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    rmp_serde::encode::write(&mut bytes, value).expect("records are numbers, names and bytes");
    bytes
}

fn kept<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => unpack(rest),
        Some((version, _)) => Err(bad(&format!(
            "it has format {version} and this version of autoos reads up to {VERSION}: start the \
             version that wrote it, or a newer one"
        ))),
        None => Err(bad("it is empty")),
    }
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a record of consensus is damaged: {why}"))
}

// On the disk.

pub(crate) fn keep_entry(entry: &Entry) -> Arc<[u8]> {
    let payload = match &entry.payload {
        EntryPayload::Blank => WirePayload::Blank,
        EntryPayload::Normal(requests) => WirePayload::Requests(ByteBuf::from(requests.0.to_vec())),
        EntryPayload::Membership(members) => WirePayload::Membership(wire_membership(members)),
    };
    keep(&(id(&entry.log_id), payload)).into()
}

pub(crate) fn entry(bytes: &[u8]) -> io::Result<Entry> {
    let (id, payload): (WireId, WirePayload) = kept(bytes)?;
    let payload = match payload {
        WirePayload::Blank => EntryPayload::Blank,
        WirePayload::Requests(bytes) => EntryPayload::Normal(Requests(bytes.into_vec().into())),
        WirePayload::Membership(wire) => EntryPayload::Membership(membership(wire)?),
    };
    Ok(Entry { log_id: log_id(id), payload })
}

pub(crate) fn keep_id(log_id: &LogId) -> Vec<u8> {
    keep(&id(log_id))
}

pub(crate) fn kept_id(bytes: &[u8]) -> io::Result<LogId> {
    kept(bytes).map(log_id)
}

pub(crate) fn keep_vote(vote: &Vote) -> Vec<u8> {
    keep(&wire_vote(vote))
}

pub(crate) fn kept_vote(bytes: &[u8]) -> io::Result<Vote> {
    kept(bytes).map(vote_of)
}

pub(crate) fn keep_mark(mark: &Mark) -> Vec<u8> {
    let at = mark.membership.log_id().as_ref().map(id);
    let members = wire_membership(mark.membership.membership());
    keep(&(mark.base, mark.applied.as_ref().map(id), at, members))
}

pub(crate) fn kept_mark(bytes: &[u8]) -> io::Result<Mark> {
    let (base, applied, at, members): (u64, Option<WireId>, Option<WireId>, WireMembership) =
        kept(bytes)?;
    let membership = StoredMembership::new(at.map(log_id), membership(members)?);
    Ok(Mark { base, applied: applied.map(log_id), membership })
}

// To peers.

pub(crate) fn append(rpc: &AppendEntriesRequest<Types>) -> Vec<u8> {
    let entries: Vec<ByteBuf> =
        rpc.entries.iter().map(|entry| ByteBuf::from(keep_entry(entry).to_vec())).collect();
    let prev = rpc.prev_log_id.as_ref().map(id);
    pack(&(wire_vote(&rpc.vote), prev, rpc.leader_commit.as_ref().map(id), entries))
}

type WireAppend = (WireVote, Option<WireId>, Option<WireId>, Vec<ByteBuf>);

pub(crate) fn append_of(bytes: &[u8]) -> io::Result<AppendEntriesRequest<Types>> {
    let (vote, prev, commit, entries): WireAppend = unpack(bytes)?;
    Ok(AppendEntriesRequest {
        vote: vote_of(vote),
        prev_log_id: prev.map(log_id),
        leader_commit: commit.map(log_id),
        entries: entries.iter().map(|bytes| entry(bytes)).collect::<io::Result<_>>()?,
    })
}

#[derive(Serialize, Deserialize)]
enum WireAppended {
    Success,
    Partial(Option<WireId>),
    Conflict,
    Higher(WireVote),
}

pub(crate) fn appended(answer: &AppendEntriesResponse<Types>) -> Vec<u8> {
    pack(&match answer {
        AppendEntriesResponse::Success => WireAppended::Success,
        AppendEntriesResponse::PartialSuccess(at) => WireAppended::Partial(at.as_ref().map(id)),
        AppendEntriesResponse::Conflict => WireAppended::Conflict,
        AppendEntriesResponse::HigherVote(vote) => WireAppended::Higher(wire_vote(vote)),
    })
}

pub(crate) fn appended_of(bytes: &[u8]) -> io::Result<AppendEntriesResponse<Types>> {
    Ok(match unpack(bytes)? {
        WireAppended::Success => AppendEntriesResponse::Success,
        WireAppended::Partial(at) => AppendEntriesResponse::PartialSuccess(at.map(log_id)),
        WireAppended::Conflict => AppendEntriesResponse::Conflict,
        WireAppended::Higher(vote) => AppendEntriesResponse::HigherVote(vote_of(vote)),
    })
}

pub(crate) fn ask_vote(rpc: &VoteRequest<Types>) -> Vec<u8> {
    let last = rpc.last_log_id.as_ref().map(id);
    pack(&(wire_vote(&rpc.vote), last, rpc.leadership_transfer))
}

pub(crate) fn ask_vote_of(bytes: &[u8]) -> io::Result<VoteRequest<Types>> {
    let (vote, last, leadership_transfer): (WireVote, Option<WireId>, bool) = unpack(bytes)?;
    let last_log_id = last.map(log_id);
    Ok(VoteRequest { vote: vote_of(vote), last_log_id, leadership_transfer })
}

pub(crate) fn voted(answer: &VoteResponse<Types>) -> Vec<u8> {
    let last = answer.last_log_id.as_ref().map(id);
    pack(&(wire_vote(&answer.vote), answer.vote_granted, last))
}

pub(crate) fn voted_of(bytes: &[u8]) -> io::Result<VoteResponse<Types>> {
    let (vote, vote_granted, last): (WireVote, bool, Option<WireId>) = unpack(bytes)?;
    Ok(VoteResponse { vote: vote_of(vote), vote_granted, last_log_id: last.map(log_id) })
}

pub(crate) fn transfer(rpc: &TransferLeaderRequest<Types>) -> Vec<u8> {
    pack(&(wire_vote(rpc.from_leader()), rpc.to_node_id(), rpc.last_log_id().map(id)))
}

pub(crate) fn transfer_of(bytes: &[u8]) -> io::Result<TransferLeaderRequest<Types>> {
    let (vote, to, last): (WireVote, NodeId, Option<WireId>) = unpack(bytes)?;
    Ok(TransferLeaderRequest::new(vote_of(vote), to, last.map(log_id)))
}

#[derive(Serialize, Deserialize)]
enum WireTransferred {
    Done,
    VoteChanged(WireVote, WireVote),
    NotFlushed(Option<WireId>, Option<WireId>),
}

pub(crate) fn transferred(answer: &TransferLeaderResponse<Types>) -> Vec<u8> {
    pack(&match answer {
        Ok(()) => WireTransferred::Done,
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            WireTransferred::VoteChanged(wire_vote(expected), wire_vote(actual))
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            WireTransferred::NotFlushed(expected.as_ref().map(id), actual.as_ref().map(id))
        }
    })
}

pub(crate) fn transferred_of(bytes: &[u8]) -> io::Result<TransferLeaderResponse<Types>> {
    Ok(match unpack(bytes)? {
        WireTransferred::Done => Ok(()),
        WireTransferred::VoteChanged(expected, actual) => Err(TransferLeaderError::VoteChanged {
            expected: vote_of(expected),
            actual: vote_of(actual),
        }),
        WireTransferred::NotFlushed(expected, actual) => Err(TransferLeaderError::LogNotFlushed {
            expected: expected.map(log_id),
            actual: actual.map(log_id),
        }),
    })
}

/// A part of a shard's copy.
#[derive(Serialize, Deserialize)]
pub(crate) enum CopyPart {
    /// Forget what came before of this shard: a copy begins.
    Begin,
    /// Rows of the store: key, value.
    Rows(Vec<(ByteBuf, ByteBuf)>),
    /// That was all of it; the vote of who sent it.
    End(WireVote),
}

pub(crate) fn end_of_copy(vote: &Vote) -> CopyPart {
    CopyPart::End(wire_vote(vote))
}

pub(crate) fn copied_for(vote: WireVote) -> Vote {
    vote_of(vote)
}

pub(crate) fn copy_part(part: &CopyPart) -> Vec<u8> {
    pack(part)
}

pub(crate) fn copy_part_of(bytes: &[u8]) -> io::Result<CopyPart> {
    unpack(bytes)
}

pub(crate) fn vote_alone(vote: &Vote) -> Vec<u8> {
    pack(&wire_vote(vote))
}

pub(crate) fn vote_alone_of(bytes: &[u8]) -> io::Result<Vote> {
    unpack(bytes).map(vote_of)
}
