//! The events of the keys' stream, and their fold.

use super::KeyInfo;
use crate::Error;
use autoos_journal as journal;
use autoos_kernel::codec::Recorded;
use serde::{Deserialize, Serialize};
use std::fmt;
use strum::{IntoStaticStr, VariantNames};

/// What can become true of API keys. The journal keeps these for ever: they are only added to.
/// When it became so is the envelope's to say.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// A key was made.
    KeyCreated {
        /// What it is called.
        id: String,
        /// The hash of the key's text under the pepper.
        hash: [u8; 32],
        /// What people call it.
        name: String,
        /// Whose calls it lets in.
        tenant: String,
    },
    /// A key counts no longer.
    KeyRevoked {
        /// Which.
        id: String,
    },
}

impl Recorded for Event {
    fn kind(&self) -> &'static str {
        self.into()
    }
}

impl fmt::Debug for Event {
    /// Without the hash: whoever has the pepper could test guesses against it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyCreated { id, name, tenant, .. } => f
                .debug_struct("KeyCreated")
                .field("id", id)
                .field("name", name)
                .field("tenant", tenant)
                .finish_non_exhaustive(),
            Self::KeyRevoked { id } => f.debug_struct("KeyRevoked").field("id", id).finish(),
        }
    }
}

/// The keys as of a sequence of their stream.
#[derive(Clone, Default)]
pub(super) struct State {
    next: u64,
    keys: Vec<(blake3::Hash, KeyInfo)>,
    /// The stream could not be read to its end: no check can be trusted.
    damaged: bool,
}

impl State {
    /// The sequence of the next event.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Whether no key was ever made. A stream that cannot be read may have made some.
    pub(super) fn is_open(&self) -> bool {
        self.keys.is_empty() && !self.damaged
    }

    pub(super) fn damaged(&self) -> bool {
        self.damaged
    }

    pub(super) fn infos(&self) -> Vec<KeyInfo> {
        self.keys.iter().map(|(_, info)| info.clone()).collect()
    }

    pub(super) fn by_id(&self, id: &str) -> Option<&KeyInfo> {
        self.keys.iter().map(|(_, info)| info).find(|info| &*info.id == id)
    }

    /// The key with this hash. Looks at every key, whichever it is, and each comparison takes
    /// the same time wherever the hashes differ ([`blake3::Hash`]'s equality is made so).
    pub(super) fn find(&self, hash: blake3::Hash) -> Option<&KeyInfo> {
        let mut found = None;
        for (known, info) in &self.keys {
            if *known == hash {
                found = Some(info);
            }
        }
        found
    }

    /// Folds one event; unknown kinds are skipped.
    pub(super) fn fold(&mut self, event: &journal::Event) -> Result<(), Error> {
        let known = Event::decode(&event.kind, &event.body).map_err(|what| {
            self.damaged = true;
            Error::Damaged(format!("sequence {}: {what}", event.seq))
        })?;
        self.next = event.seq + 1;
        match known {
            Some(Event::KeyCreated { id, hash, name, tenant }) => {
                let info = KeyInfo {
                    id: id.into(),
                    name,
                    tenant: tenant.into(),
                    created: event.at,
                    revoked: None,
                };
                self.keys.push((blake3::Hash::from_bytes(hash), info));
            }
            Some(Event::KeyRevoked { id }) => {
                for (_, info) in self.keys.iter_mut().filter(|(_, info)| *info.id == *id) {
                    info.revoked.get_or_insert(event.at);
                }
            }
            None => {}
        }
        Ok(())
    }
}
