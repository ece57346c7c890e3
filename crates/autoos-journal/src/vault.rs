//! Keys, and what is sealed under them (bodies, texts of events, snapshots): XChaCha20-Poly1305 under an owner's random key, which is itself
//! sealed ("wrapped") under the key of the installation.
//!
//! What is sealed is bound to its place by associated data, so that one owner's body cannot be
//! passed off as another's. A sealed thing is its nonce of 24 random bytes, then the ciphertext.
//! Destroying the wrapped key makes all that is sealed under it unreadable.

use crate::{BodyKey, Error, Key};
use autoos_kernel::body::BodyRef;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use uuid::Uuid;
use zeroize::Zeroize;

const NONCE: usize = 24;

/// The key of the installation.
pub(crate) struct Vault {
    key: Key,
}

impl Vault {
    pub(crate) fn new(key: Key) -> Self {
        Self { key }
    }

    /// A value by which the key is known again without telling it.
    pub(crate) fn fingerprint(&self) -> [u8; 16] {
        let hash = blake3::derive_key("autoos installation key check v1", &self.key.0);
        hash[..16].try_into().expect("16 bytes")
    }

    /// Seals an owner's key.
    pub(crate) fn wrap(&self, key: &BodyKey) -> Vec<u8> {
        seal(&self.key, key.owner.as_bytes(), &key.secret.0)
    }

    /// An owner's key from what [`Self::wrap`] made.
    pub(crate) fn unwrap(&self, owner: Uuid, wrapped: &[u8]) -> Result<BodyKey, Error> {
        let mut plain = open(&self.key, owner.as_bytes(), wrapped)
            .ok_or_else(|| Error::Corrupt(format!("the key of {owner} cannot be opened")))?;
        let secret = plain.as_slice().try_into().map(Key);
        plain.zeroize();
        let secret =
            secret.map_err(|_| Error::Corrupt(format!("the key of {owner} is cut short")))?;
        Ok(BodyKey { owner, secret })
    }
}

/// Seals a body under its owner's key.
pub(crate) fn seal_body(key: &BodyKey, body: BodyRef, bytes: &[u8]) -> Vec<u8> {
    seal(&key.secret, &place(key.owner, body), bytes)
}

/// The plain bytes of a sealed body.
pub(crate) fn open_body(key: &BodyKey, body: BodyRef, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    open(&key.secret, &place(key.owner, body), sealed)
        .ok_or_else(|| Error::Corrupt(format!("body {body:?} of {} cannot be opened", key.owner)))
}

fn place(owner: Uuid, body: BodyRef) -> [u8; 52] {
    let mut place = [0; 52];
    place[..16].copy_from_slice(owner.as_bytes());
    place[16..48].copy_from_slice(&body.hash);
    place[48..].copy_from_slice(&body.len.to_le_bytes());
    place
}

/// Seals a text of an event. Its nonce is a keyed hash of the text, so that the same event is
/// recorded in the same bytes.
pub(crate) fn seal_text(key: &BodyKey, text: &str) -> Vec<u8> {
    let hashing = blake3::derive_key("autoos text nonce v1", &key.secret.0);
    let hash = blake3::keyed_hash(&hashing, text.as_bytes());
    let nonce = hash.as_bytes()[..NONCE].try_into().expect("24 bytes");
    seal_with(&key.secret, nonce, &named(key.owner, b"text"), text.as_bytes())
}

/// A text as it was; none when it is not one of this owner's.
pub(crate) fn open_text(key: &BodyKey, sealed: &[u8]) -> Option<String> {
    let plain = open(&key.secret, &named(key.owner, b"text"), sealed)?;
    String::from_utf8(plain).ok()
}

impl BodyKey {
    /// Seals a snapshot's state: it holds the texts of the events that it is the fold of.
    #[must_use]
    pub fn seal_state(&self, state: &[u8]) -> Vec<u8> {
        seal(&self.secret, &named(self.owner, b"state"), state)
    }

    /// The state that [`Self::seal_state`] sealed; none when it is not one of this owner's.
    #[must_use]
    pub fn open_state(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        open(&self.secret, &named(self.owner, b"state"), sealed)
    }
}

/// The place of what has no name of its own.
fn named(owner: Uuid, what: &[u8]) -> Vec<u8> {
    [owner.as_bytes(), what].concat()
}

fn seal(key: &Key, place: &[u8], plain: &[u8]) -> Vec<u8> {
    seal_with(key, rand::random(), place, plain)
}

fn seal_with(key: &Key, nonce: [u8; NONCE], place: &[u8], plain: &[u8]) -> Vec<u8> {
    let cipher = XChaCha20Poly1305::new((&key.0).into());
    let sealed = cipher
        .encrypt(XNonce::from_slice(&nonce), Payload { msg: plain, aad: place })
        .expect("a body is below the cipher's limit of 256 GiB");
    [&nonce[..], &sealed].concat()
}

fn open(key: &Key, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
    let cipher = XChaCha20Poly1305::new((&key.0).into());
    cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: place }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_what_it_seals() {
        let vault = Vault::new(Key([1; 32]));
        let key = BodyKey { owner: Uuid::from_u128(1), secret: Key([2; 32]) };
        let wrapped = vault.wrap(&key);
        assert_eq!(vault.unwrap(key.owner, &wrapped).expect("opens"), key);
        assert!(vault.unwrap(Uuid::from_u128(2), &wrapped).is_err(), "another owner");
        assert!(Vault::new(Key([3; 32])).unwrap(key.owner, &wrapped).is_err(), "another key");
        let body = key.refer(b"hello");
        let sealed = seal_body(&key, body, b"hello");
        assert_eq!(open_body(&key, body, &sealed).expect("opens"), b"hello");
        assert!(open_body(&key, key.refer(b"other"), &sealed).is_err());
        for cut in [0, 10, 24, sealed.len() - 1] {
            assert!(open_body(&key, body, &sealed[..cut]).is_err());
        }
        assert!(!sealed.windows(5).any(|part| part == b"hello"));
    }

    #[test]
    fn texts_and_states_are_their_owners() {
        let key =
            |owner, secret| BodyKey { owner: Uuid::from_u128(owner), secret: Key([secret; 32]) };
        let (one, same_secret, same_owner) = (key(1, 2), key(2, 2), key(1, 3));
        let text = seal_text(&one, "hello");
        assert_eq!(text, seal_text(&one, "hello"), "decided again, it is the same");
        assert_ne!(text[..NONCE], seal_text(&one, "hellp")[..NONCE]);
        assert_eq!(open_text(&one, &text).as_deref(), Some("hello"));
        let state = one.seal_state(b"hello");
        assert_eq!(one.open_state(&state).as_deref(), Some(&b"hello"[..]));
        assert_eq!(one.open_state(&text), None, "a text is no state");
        for other in [same_secret, same_owner] {
            assert_eq!(open_text(&other, &text), None);
            assert_eq!(other.open_state(&state), None);
        }
    }
}
