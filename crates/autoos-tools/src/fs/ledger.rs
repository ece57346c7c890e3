//! The record of what `fs.write` has done, by idempotency key.
//!
//! One small file for each key, replaced whole and synced before anything is built on it. Records
//! are kept for good: they are what makes a key good for one write. Left out: what they mean for a
//! write (its tool).

use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A record that cannot be relied on.
#[derive(Debug, thiserror::Error)]
pub(super) enum LedgerError {
    /// It could not be read or written.
    #[error("the ledger at {path} cannot be used: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// It is damaged, or belongs to another key.
    #[error("the ledger's record {0} is damaged; look at the target and remove the record")]
    Damaged(PathBuf),
}

/// What is known of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) v: u32,
    pub(super) key: String,
    /// Hash of the arguments: a key is good for one call.
    pub(super) args: String,
    pub(super) target: PathBuf,
    /// Hash and size of the whole file as it will be.
    pub(super) content: String,
    pub(super) size: u64,
    /// Bytes that the call brought.
    pub(super) bytes_written: u64,
    pub(super) created: bool,
    /// The new file before it got its name: it keeps its inode when it does.
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) state: State,
}

/// How far a write got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// The new file lies synced beside its target; it may have got its name since.
    Prepared,
    /// It has its name, synced.
    Done,
}

/// The records.
#[derive(Debug)]
pub(super) struct Ledger {
    directory: PathBuf,
}

impl Ledger {
    /// # Errors
    /// The directory cannot be made.
    pub(super) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        if let Some(parent) = directory.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self { directory })
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Record>, LedgerError> {
        let path = self.path(key);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LedgerError::Io { path, error }),
        };
        match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) if record.v == 1 && record.key == key => Ok(Some(record)),
            _ => Err(LedgerError::Damaged(path)),
        }
    }

    /// Durable when it returns.
    pub(super) fn put(&self, record: &Record) -> Result<(), LedgerError> {
        let path = self.path(&record.key);
        self.replace(&path, record).map_err(|error| LedgerError::Io { path, error })
    }

    /// Durable when it returns.
    pub(super) fn remove(&self, key: &str) -> Result<(), LedgerError> {
        let path = self.path(key);
        let removed = fs::remove_file(&path).and_then(|()| self.sync());
        removed.map_err(|error| LedgerError::Io { path, error })
    }

    fn replace(&self, path: &Path, record: &Record) -> io::Result<()> {
        let fresh = path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn path(&self, key: &str) -> PathBuf {
        self.directory.join(format!("{}.json", blake3::hash(key.as_bytes()).to_hex()))
    }
}
