//! What a journal's directory says of itself: its id, how many shards it has, the epoch, and by
//! what its key is known. Kept twice, since nothing works without it.

use crate::{
    Error, Key,
    disk::{self, Disk},
    log::frame::JournalId,
    row::newer,
    vault::Vault,
};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"AUTOOSID";
const VERSION: u32 = 1;
const LEN: usize = 60;
const COPIES: [&str; 2] = ["identity.a", "identity.b"];
/// The name of the file that holds the key of the installation.
pub(crate) const KEY_FILE: &str = "install.key";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: JournalId,
    pub(crate) shards: u16,
    /// Which opening of the journal this is.
    pub(crate) epoch: u64,
    /// The fingerprint of the installation's key.
    pub(crate) key: [u8; 16],
}

impl Identity {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(&u32::from(self.shards).to_le_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.key);
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The identity of a copy; none when it is damaged.
    fn decode(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let Ok(bytes) = <&[u8; LEN]>::try_from(bytes) else { return Ok(None) };
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..LEN - 4]) != word(LEN - 4) {
            return Ok(None);
        }
        if word(8) != VERSION {
            return Err(newer("journal", word(8), VERSION));
        }
        Ok(Some(Self {
            id: bytes[12..28].try_into().expect("16 bytes"),
            shards: u16::try_from(word(28)).unwrap_or(0),
            epoch: u64::from(word(32)) | u64::from(word(36)) << 32,
            key: bytes[40..56].try_into().expect("16 bytes"),
        }))
    }

    /// The identity in `dir`; none when there was never one. What was wrong with a copy goes to
    /// `warnings`.
    pub(crate) fn load(
        disk: &dyn Disk,
        dir: &Path,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Self>, Error> {
        let (mut best, mut damaged): (Option<Self>, Vec<PathBuf>) = (None, Vec::new());
        for path in COPIES.map(|name| dir.join(name)) {
            match disk.read(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
                Ok(bytes) => match Self::decode(&bytes)? {
                    Some(found) if best.as_ref().is_none_or(|best| best.epoch < found.epoch) => {
                        best = Some(found);
                    }
                    Some(_) => {}
                    None => damaged.push(path),
                },
            }
        }
        match (&best, damaged.as_slice()) {
            (None, [path, ..]) => Err(Error::Corrupt(format!(
                "both copies of the journal's identity are damaged ({}): \
                 restore the identity files or the whole journal from a backup",
                path.display()
            ))),
            (_, damaged) => {
                warnings.extend(damaged.iter().map(|path| {
                    format!("{} was damaged and was restored from its copy", path.display())
                }));
                Ok(best)
            }
        }
    }

    /// Returns once both copies are durable.
    pub(crate) fn save(&self, disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
        for name in COPIES {
            disk::replace(disk, &dir.join(name), &self.encode())?;
        }
        Ok(())
    }
}

/// The key of the installation in `dir`; a new one when `known` is none, the journal being new.
pub(crate) fn load_key(
    disk: &dyn Disk,
    dir: &Path,
    known: Option<&[u8; 16]>,
) -> Result<Vault, Error> {
    let path = dir.join(KEY_FILE);
    let bytes = match disk.read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && known.is_none() => {
            let key: [u8; 32] = rand::random();
            disk::replace(disk, &path, &key)?;
            key.to_vec()
        }
        Err(error) => {
            return Err(Error::Corrupt(format!(
                "the key of the installation, {}, cannot be read ({error}): \
                 restore it from a backup, without it no body can be read",
                path.display()
            )));
        }
        Ok(bytes) => bytes,
    };
    let vault = bytes.try_into().ok().map(|key| Vault::new(Key(key)));
    let fits = |vault: &Vault| known.is_none_or(|known| vault.fingerprint() == *known);
    vault.filter(fits).ok_or_else(|| {
        Error::Corrupt(format!(
            "{} is not the key of this journal: restore it from a backup",
            path.display()
        ))
    })
}
