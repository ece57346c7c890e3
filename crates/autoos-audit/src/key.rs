//! The key that checkpoints and exports are signed with: Ed25519.
//!
//! It is made at the first start and lies in the data directory, where nobody but its user reads
//! it. Its public part is for whoever verifies, and is best kept elsewhere from the first day.

use crate::{Error, hash::TextOrBytes};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, fs, io::Write as _, path::Path, str::FromStr, sync::Arc};

/// The file in the audit's directory.
const FILE: &str = "key";
/// How a public key is written.
const SCHEME: &str = "ed25519:";

/// The private key; cheap to clone, never printed.
#[derive(Clone)]
pub struct Key {
    pair: Arc<Ed25519KeyPair>,
    public: PublicKey,
}

/// The public part of a key: `ed25519:` and base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

/// A signature; base64 where people read it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Key {
    /// The key in the directory; a new one where there is none.
    ///
    /// # Errors
    /// When it cannot be read or made.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(FILE);
        let said = || format!("the audit's key {}", path.display());
        match fs::read(&path) {
            Ok(text) => Self::read(&text).ok_or_else(|| {
                Error::Key(format!(
                    "{} is damaged: take it from a backup, or move it away and a new one is made",
                    said()
                ))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                    .map_err(|_| Error::Key("the system gives no randomness for a key".into()))?;
                write_private(dir, &path, STANDARD.encode(made.as_ref()).as_bytes())
                    .map_err(Error::io(said()))?;
                tracing::info!(path = %path.display(), "a key for the audit was made");
                Self::of(made.as_ref()).ok_or_else(|| Error::Key("a new key is unusable".into()))
            }
            Err(error) => Err(Error::io(said())(error)),
        }
    }

    fn read(text: &[u8]) -> Option<Self> {
        Self::of(&STANDARD.decode(text.trim_ascii()).ok()?)
    }

    fn of(pkcs8: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).ok()?;
        let public = PublicKey(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { pair: Arc::new(pair), public })
    }

    /// Its public part.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs a text.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        Signature(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.public)
    }
}

/// A file that nobody but its user reads, whole and durable or not at all.
fn write_private(dir: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    let part = path.with_extension("part");
    // What a process left there before it died has rights of its own.
    let _ = fs::remove_file(&part);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(part, path)?;
    fs::File::open(dir)?.sync_all()
}

impl PublicKey {
    /// Whether `signature` is this key's under `text`.
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(text.as_bytes(), &signature.0).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = text.strip_prefix(SCHEME).and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| {
            format!("{text:.80?} is no public key: it begins with ed25519:, see autoos audit key")
        })
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = TextOrBytes::read(deserializer, |text| {
            Ok(text.parse::<Self>().map_err(de::Error::custom)?.0.to_vec())
        })?;
        let bytes = bytes.try_into().map_err(|_| de::Error::custom("a key has 32 bytes"))?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(&STANDARD.encode(self.0));
        }
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = TextOrBytes::read(deserializer, |text| {
            STANDARD.decode(text).map_err(|_| de::Error::custom("a signature is base64"))
        })?;
        let bytes = bytes.try_into().map_err(|_| de::Error::custom("a signature has 64 bytes"))?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_signs_and_is_private() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = Key::open(&dir.path().join("audit")).expect("made");
        let again = Key::open(&dir.path().join("audit")).expect("read");
        assert_eq!(key.public(), again.public());
        let signature = again.sign("said");
        assert!(key.public().verifies("said", &signature));
        assert!(!key.public().verifies("sait", &signature));
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
        assert!("ed25519:AAAA".parse::<PublicKey>().is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let path = dir.path().join("audit").join(FILE);
            assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
            fs::write(&path, "x").expect("written");
        }
        let error = Key::open(&dir.path().join("audit")).expect_err("is damaged").to_string();
        assert!(error.contains("is damaged"), "{error}");
    }
}
