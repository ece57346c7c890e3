//! Entries of a replicated log: a version byte, then each request as MessagePack after its length
//! as a little-endian `u32`. Formats are forever.
//!
//! A request carries all that applying it takes, sealed bodies and wrapped keys too, so that every
//! replica comes to the same bytes.

use super::check::SealedBody;
use crate::{
    Batch, Error, Position, Standing,
    ledger::{Draft, Part},
    row::{newer, raw_stream, stream_of},
    vault::Vault,
};
use autoos_kernel::{body::BodyRef, id::Shard, time::Timestamp};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};
use std::collections::BTreeMap;
use uuid::Uuid;

const VERSION: u8 = 1;

/// The bytes of one request, for one shard.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) shard: Shard,
    bytes: Vec<u8>,
}

impl Request {
    /// Which shard's log it belongs in.
    #[must_use]
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// About how much of an entry it takes, bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() + 4
    }

    /// Never: a request has at least its kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn new(shard: Shard, wire: &Wire<'_>) -> Self {
        let bytes = rmp_serde::to_vec(wire).expect("a request is numbers and bytes");
        Self { shard, bytes }
    }

    /// Checks a batch as far as that goes without the journal's state, and seals its bodies.
    pub(super) fn append(batch: Batch, shards: u16, vault: &Vault) -> Result<Self, Error> {
        let (draft, bodies) = Draft::new(batch, shards)?;
        let bodies: Vec<SealedBody> = bodies.into_iter().map(SealedBody::seal).collect();
        let mut keys = BTreeMap::new();
        for body in &bodies {
            keys.entry(body.key.owner).or_insert_with(|| vault.wrap(&body.key));
        }
        // Two keys of one owner would be told apart only by the first of them.
        if let Some(pair) = bodies
            .windows(2)
            .find(|pair| pair[0].key.owner == pair[1].key.owner && pair[0].key != pair[1].key)
        {
            return Err(crate::memory::wrong_key(pair[0].key.owner));
        }
        let writes = draft.parts().map(WireWrite::new).collect();
        let keys =
            keys.iter().map(|(owner, wrapped)| (Bytes::new(owner.as_bytes()), Bytes::new(wrapped)));
        let bodies = bodies.iter().map(|body| WireBody {
            owner: Bytes::new(body.key.owner.as_bytes()),
            hash: Bytes::new(&body.body.hash),
            len: body.body.len,
            sealed: Bytes::new(&body.sealed),
        });
        let wire = Wire::Append {
            epoch: draft.epoch,
            writes,
            keys: keys.collect(),
            bodies: bodies.collect(),
        };
        Ok(Self::new(draft.shard, &wire))
    }

    pub(super) fn erase(owner: Uuid, shards: u16) -> Self {
        let wire = Wire::Erase { owner: Bytes::new(owner.as_bytes()) };
        Self::new(Shard::of(owner, shards), &wire)
    }

    pub(super) fn ack(group: &str, position: Position) -> Self {
        Self::new(position.shard, &Wire::Ack { group, offset: position.offset })
    }
}

/// An entry of requests of one shard.
#[must_use]
pub fn entry<'a>(requests: impl Iterator<Item = &'a Request>) -> Vec<u8> {
    let mut entry = vec![VERSION];
    for request in requests {
        let len = u32::try_from(request.bytes.len()).expect("a request is below 4 GiB");
        entry.extend_from_slice(&len.to_le_bytes());
        entry.extend_from_slice(&request.bytes);
    }
    entry
}

#[derive(Serialize, Deserialize)]
enum Wire<'a> {
    Append {
        epoch: u64,
        #[serde(borrow)]
        writes: Vec<WireWrite<'a>>,
        #[serde(borrow)]
        keys: Vec<(&'a Bytes, &'a Bytes)>,
        #[serde(borrow)]
        bodies: Vec<WireBody<'a>>,
    },
    Erase {
        #[serde(borrow)]
        owner: &'a Bytes,
    },
    Ack {
        group: &'a str,
        offset: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct WireWrite<'a> {
    stream: ByteBuf,
    expect: u64,
    /// 0 running, 1 waiting, 2 closed.
    standing: u8,
    wake: Option<u64>,
    last_at: u64,
    #[serde(borrow)]
    events: Vec<&'a Bytes>,
}

#[derive(Serialize, Deserialize)]
struct WireBody<'a> {
    #[serde(borrow)]
    owner: &'a Bytes,
    #[serde(borrow)]
    hash: &'a Bytes,
    len: u32,
    #[serde(borrow)]
    sealed: &'a Bytes,
}

impl<'a> WireWrite<'a> {
    fn new(part: Part<'a>) -> Self {
        let (standing, wake) = match part.standing {
            Standing::Running => (0, None),
            Standing::Waiting { wake } => (1, wake.map(|at| at.0)),
            Standing::Closed => (2, None),
        };
        Self {
            stream: ByteBuf::from(raw_stream(part.stream)),
            expect: part.expect,
            standing,
            wake,
            last_at: part.last_at.0,
            events: part.events.into_iter().map(Bytes::new).collect(),
        }
    }

    fn part(&self) -> Result<Part<'_>, Error> {
        let standing = match self.standing {
            0 => Standing::Running,
            1 => Standing::Waiting { wake: self.wake.map(Timestamp) },
            2 => Standing::Closed,
            _ => return Err(bad("a standing")),
        };
        Ok(Part {
            stream: stream_of(&self.stream)?,
            expect: self.expect,
            standing,
            last_at: Timestamp(self.last_at),
            events: self.events.iter().map(|event| event.as_ref()).collect(),
        })
    }
}

/// What a request asks for, as it is applied.
pub(super) enum Asked {
    Append(Draft, Vec<SealedBody>),
    Erase(Uuid),
    Ack(String, Position),
}

/// The requests of an entry of `shard`, in order.
pub(super) fn decode(entry: &[u8], shard: Shard, vault: &Vault) -> Result<Vec<Asked>, Error> {
    let (version, mut rest) = entry.split_first().ok_or_else(|| bad("an empty entry"))?;
    if *version != VERSION {
        return Err(newer("entry", version, VERSION));
    }
    let mut asked = Vec::new();
    while !rest.is_empty() {
        let cut = || bad("a cut request");
        let (len, after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let (bytes, after) =
            after.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or_else(cut)?;
        rest = after;
        let wire: Wire<'_> = rmp_serde::from_slice(bytes)
            .map_err(|error| bad(&format!("a request that does not decode ({error})")))?;
        asked.push(ask(wire, shard, vault)?);
    }
    Ok(asked)
}

fn ask(wire: Wire<'_>, shard: Shard, vault: &Vault) -> Result<Asked, Error> {
    match wire {
        Wire::Append { epoch, writes, keys, bodies } => {
            let mut opened = BTreeMap::new();
            for (owner, wrapped) in keys {
                let owner = uuid(owner)?;
                opened.insert(owner, (vault.unwrap(owner, wrapped)?, wrapped));
            }
            let sealed = bodies.into_iter().map(|body| {
                let (key, wrapped) =
                    opened.get(&uuid(body.owner)?).ok_or_else(|| bad("a body without its key"))?;
                let hash = body.hash.as_ref().try_into().map_err(|_| bad("a cut hash"))?;
                Ok(SealedBody {
                    key: key.clone(),
                    wrapped: Some(wrapped.to_vec()),
                    body: BodyRef { hash, len: body.len },
                    sealed: body.sealed.as_ref().into(),
                })
            });
            let sealed = sealed.collect::<Result<_, Error>>()?;
            let parts = writes.iter().map(WireWrite::part).collect::<Result<Vec<_>, _>>()?;
            Ok(Asked::Append(Draft::from_parts(shard, epoch, parts.into_iter()), sealed))
        }
        Wire::Erase { owner } => Ok(Asked::Erase(uuid(owner)?)),
        Wire::Ack { group, offset } => Ok(Asked::Ack(group.into(), Position { shard, offset })),
    }
}

fn uuid(raw: &[u8]) -> Result<Uuid, Error> {
    Uuid::from_slice(raw).map_err(|_| bad("a cut owner"))
}

fn bad(what: &str) -> Error {
    Error::Corrupt(format!("the replicated log holds {what}"))
}
