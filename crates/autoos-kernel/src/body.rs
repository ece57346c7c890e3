//! References to bodies: prompts, answers, arguments, results and the intent's text.
//!
//! Events carry only the reference. The bytes are stored once per workflow, encrypted under a key
//! of that workflow, so that deleting the key deletes what was said while the chain of events
//! still verifies. The hash is keyed by the workflow too: nobody without its key can test a
//! guess against it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The keyed BLAKE3 hash and the length of a body.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyRef {
    /// Keyed hash of the plain bytes.
    pub hash: [u8; 32],
    /// Length of the plain bytes.
    pub len: u32,
}

impl fmt::Display for BodyRef {
    /// `<hex of the hash>:<length>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", blake3::Hash::from_bytes(self.hash).to_hex(), self.len)
    }
}

impl fmt::Debug for BodyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = blake3::Hash::from_bytes(self.hash).to_hex();
        write!(f, "{}:{}", &hex[..8], self.len)
    }
}

impl Serialize for BodyRef {
    /// Text where people read it, 36 bytes in the journal.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        let mut bytes = [0u8; 36];
        bytes[..32].copy_from_slice(&self.hash);
        bytes[32..].copy_from_slice(&self.len.to_le_bytes());
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for BodyRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = BodyRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a body reference")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<BodyRef, E> {
                let (hex, len) = text.split_once(':').ok_or_else(|| E::custom("no length"))?;
                let hash = blake3::Hash::from_hex(hex).map_err(E::custom)?;
                let len = len.parse().map_err(E::custom)?;
                Ok(BodyRef { hash: *hash.as_bytes(), len })
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<BodyRef, E> {
                let wrong = || E::invalid_length(bytes.len(), &"36 bytes");
                let (hash, len) = bytes.split_at_checked(32).ok_or_else(wrong)?;
                Ok(BodyRef {
                    hash: hash.try_into().map_err(|_| wrong())?,
                    len: u32::from_le_bytes(len.try_into().map_err(|_| wrong())?),
                })
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Visitor)
        } else {
            deserializer.deserialize_bytes(Visitor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_in_both_forms() {
        let body = BodyRef { hash: [7; 32], len: 300 };
        let json = serde_json::to_string(&body).expect("serializes");
        assert_eq!(serde_json::from_str::<BodyRef>(&json).expect("parses"), body);
        let packed = rmp_serde::to_vec_named(&body).expect("packs");
        assert_eq!(packed.len(), 38);
        assert_eq!(rmp_serde::from_slice::<BodyRef>(&packed).expect("unpacks"), body);
        assert!(rmp_serde::from_slice::<BodyRef>(&packed[..20]).is_err());
    }
}
