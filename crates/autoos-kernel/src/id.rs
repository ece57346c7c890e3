//! Names of streams and of what lives in them.
//!
//! An id is a two-letter prefix and a UUID, `wf-0198…`. UUIDs are version 7, so ids sort by
//! birth; with an idempotency key they are version 8 and derive from the tenant and the key, so
//! that the first append of a duplicate fails on its sequence number and no index is needed.

use crate::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// How many shards a journal has unless it was created with another number.
pub const SHARDS: u16 = 16;

/// A share of all streams; one Raft group in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(pub u16);

impl Shard {
    /// The shard of everything that carries `uuid`, of `shards` in all.
    ///
    /// # Panics
    /// When `shards` is zero.
    #[must_use]
    pub fn of(uuid: Uuid, shards: u16) -> Self {
        let hash = blake3::hash(uuid.as_bytes());
        let mut first = [0u8; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        Self((u64::from_le_bytes(first) % u64::from(shards)) as u16)
    }
}

/// What a stream is about; the prefix of its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix([u8; 2]);

impl Prefix {
    /// Intents.
    pub const INTENT: Self = Self(*b"in");
    /// Workflows.
    pub const WORKFLOW: Self = Self(*b"wf");
    /// API keys.
    pub const KEYS: Self = Self(*b"ky");
    /// What the fabric learned of its models.
    pub const FABRIC: Self = Self(*b"fb");
    /// What was learned from failures.
    pub const LESSONS: Self = Self(*b"ls");
    /// Accounts, and the one that names them.
    pub const ACCOUNT: Self = Self(*b"ac");
    /// Calls of clients that speak to a model through the node, by node and hour.
    pub const CALLS: Self = Self(*b"ca");
    /// Signed checkpoints of the journal.
    pub const CHECKPOINTS: Self = Self(*b"ck");
    /// Agents. They own no stream; the prefix is for their ids only.
    pub const AGENT: Self = Self(*b"ag");

    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

/// The id of a stream: who owns the events, and where they are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// What the stream is about.
    pub prefix: Prefix,
    /// Whose it is. An intent and its workflow share one, and so one shard.
    pub uuid: Uuid,
}

impl StreamId {
    /// The stream of `uuid` about `prefix`.
    #[must_use]
    pub fn new(prefix: Prefix, uuid: Uuid) -> Self {
        Self { prefix, uuid }
    }

    /// The shard that holds this stream, of `shards` in all.
    #[must_use]
    pub fn shard(&self, shards: u16) -> Shard {
        Shard::of(self.uuid, shards)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.prefix.as_str(), self.uuid)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an id: expected {expected}-<uuid>")]
pub struct ParseIdError {
    text: String,
    expected: String,
}

impl FromStr for StreamId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseIdError { text: text.chars().take(64).collect(), expected: "xx".into() };
        let (prefix, uuid) = text.split_once('-').ok_or_else(bad)?;
        let prefix: [u8; 2] = prefix.as_bytes().try_into().map_err(|_| bad())?;
        if !prefix.iter().all(u8::is_ascii_lowercase) {
            return Err(bad());
        }
        Ok(Self { prefix: Prefix(prefix), uuid: Uuid::try_parse(uuid).map_err(|_| bad())? })
    }
}

impl Serialize for StreamId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

macro_rules! owner_id {
    ($(#[$doc:meta])* $name:ident, $prefix:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The stream of this id.
            #[must_use]
            pub fn stream(self) -> StreamId {
                StreamId::new($prefix, self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.stream(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let expected = || ParseIdError {
                    text: text.chars().take(64).collect(),
                    expected: $prefix.as_str().into(),
                };
                let id: StreamId = text.parse().map_err(|_| expected())?;
                if id.prefix == $prefix { Ok(Self(id.uuid)) } else { Err(expected()) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

owner_id!(
    /// What someone asked for; shares its UUID with its workflow.
    IntentId,
    Prefix::INTENT
);
owner_id!(
    /// The run of an intent.
    WorkflowId,
    Prefix::WORKFLOW
);
owner_id!(
    /// The actor that works one attempt.
    AgentId,
    Prefix::AGENT
);

owner_id!(
    /// The account of a tenant or a user.
    AccountId,
    Prefix::ACCOUNT
);

owner_id!(
    /// The calls that a node took within an hour.
    CallsId,
    Prefix::CALLS
);

impl CallsId {
    /// The calls that `node` took in the hour that `at` lies in: the same for ever.
    #[must_use]
    pub fn of(node: &str, at: Timestamp) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("autoos calls v1");
        hasher.update(&at.hour().0.to_le_bytes());
        hasher.update(node.as_bytes());
        Self(hashed(&hasher))
    }
}

impl AccountId {
    /// The account of a tenant, or of one of its users: the same names give the same id, for ever.
    #[must_use]
    pub fn of(tenant: &str, user: Option<&str>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("autoos account v1");
        hasher.update(&(tenant.len() as u64).to_le_bytes());
        hasher.update(tenant.as_bytes());
        if let Some(user) = user {
            hasher.update(&[1]);
            hasher.update(user.as_bytes());
        }
        Self(hashed(&hasher))
    }
}

impl IntentId {
    /// The workflow that runs this intent.
    #[must_use]
    pub fn workflow(self) -> WorkflowId {
        WorkflowId(self.0)
    }
}

impl WorkflowId {
    /// The intent that this workflow runs.
    #[must_use]
    pub fn intent(self) -> IntentId {
        IntentId(self.0)
    }
}

/// A version 7 UUID from a time and 74 bits of the caller's randomness.
#[must_use]
pub fn uuid_at(now: crate::time::Timestamp, random: [u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(now.0, &random).into_uuid()
}

/// The version 8 UUID of a tenant's idempotency key: the same key gives the same id, for ever.
#[must_use]
pub fn uuid_of_key(tenant: &str, key: &str) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("autoos idempotency key v1");
    hasher.update(&(tenant.len() as u64).to_le_bytes());
    hasher.update(tenant.as_bytes());
    hasher.update(key.as_bytes());
    hashed(&hasher)
}

/// A version 8 UUID of what was hashed.
fn hashed(hasher: &blake3::Hasher) -> Uuid {
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back() {
        let id = WorkflowId(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.intent().to_string(), "in-00000000-0000-0000-0000-000000000007");
        assert!("in-00000000-0000-0000-0000-000000000007".parse::<WorkflowId>().is_err());
        assert!("wf-7".parse::<WorkflowId>().is_err());
        assert!("".parse::<StreamId>().is_err());
        assert!("é-00000000-0000-0000-0000-000000000007".parse::<StreamId>().is_err());
    }

    #[test]
    fn keys_derive_ids() {
        assert_eq!(uuid_of_key("a", "b"), uuid_of_key("a", "b"));
        assert_ne!(uuid_of_key("a", "b"), uuid_of_key("ab", ""));
        assert_eq!(uuid_of_key("a", "b").get_version_num(), 8);
    }

    #[test]
    fn accounts_have_ids_of_their_own() {
        let tenant = AccountId::of("acme", None);
        assert_eq!(tenant, AccountId::of("acme", None));
        assert_eq!(tenant.to_string(), "ac-2dccf76d-d64b-850e-a193-0fcd236978bd");
        let all = [tenant, AccountId::of("acme", Some("")), AccountId::of("acm", Some("e"))];
        let all: std::collections::BTreeSet<_> = all.into_iter().collect();
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn calls_of_an_hour_have_one_id() {
        let hour = CallsId::of("a", Timestamp(3_600_000));
        assert_eq!(hour, CallsId::of("a", Timestamp(7_199_999)));
        assert_eq!(hour.to_string(), "ca-b8254dbd-ec98-8b86-a114-cc21f14d9f4c");
        assert_ne!(hour, CallsId::of("a", Timestamp(7_200_000)));
        assert_ne!(hour, CallsId::of("b", Timestamp(3_600_000)));
    }

    #[test]
    fn shards_never_move() {
        // The placement is part of the format: these figures must not change.
        let placed: Vec<u16> = (0..8).map(|n| Shard::of(Uuid::from_u128(n), SHARDS).0).collect();
        assert_eq!(placed, EXPECTED);
    }
    const EXPECTED: [u16; 8] = [5, 7, 2, 4, 4, 11, 8, 13];
}
