//! The record of what a tool has done, by idempotency key.
//!
//! One small file for each key, replaced whole and synced before anything is built on it. Records
//! are kept for good: they are what makes a key good for one call. They hold no texts, since
//! nothing erases them. Left out: what they mean (their tools).

use crate::{Failure, ToolCall};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::{self, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// Longest key, in bytes.
const KEY_MAX: usize = 1024;

/// What is known of one key.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// The key.
    fn key(&self) -> &str;
    /// The version of its form; 1 is what is known.
    fn version(&self) -> u32;
}

/// A record that cannot be relied on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    /// It could not be read or written.
    #[error("the ledger at {path} cannot be used: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// It is damaged, or belongs to another key.
    #[error(
        "the ledger's record {0} is damaged; look whether its call took place, and remove the record"
    )]
    Damaged(PathBuf),
}

/// The records.
pub(crate) struct Ledger<R> {
    directory: PathBuf,
    records: PhantomData<fn() -> R>,
}

impl<R> std::fmt::Debug for Ledger<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("directory", &self.directory).finish()
    }
}

impl<R: Record> Ledger<R> {
    /// # Errors
    /// The directory cannot be made.
    pub(crate) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        if let Some(parent) = directory.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self { directory, records: PhantomData })
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<R>, LedgerError> {
        let path = self.path(key);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LedgerError::Io { path, error }),
        };
        match serde_json::from_slice::<R>(&bytes) {
            Ok(record) if record.version() == 1 && record.key() == key => Ok(Some(record)),
            _ => Err(LedgerError::Damaged(path)),
        }
    }

    /// Durable when it returns.
    pub(crate) fn put(&self, record: &R) -> Result<(), LedgerError> {
        let path = self.path(record.key());
        self.replace(&path, record).map_err(|error| LedgerError::Io { path, error })
    }

    /// Durable when it returns.
    pub(crate) fn remove(&self, key: &str) -> Result<(), LedgerError> {
        let path = self.path(key);
        let removed = fs::remove_file(&path).and_then(|()| self.sync());
        removed.map_err(|error| LedgerError::Io { path, error })
    }

    fn replace(&self, path: &Path, record: &R) -> io::Result<()> {
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

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Damaged(_) => Self::Invalid(error.to_string()),
            LedgerError::Io { .. } => Self::Unavailable(error.to_string()),
        }
    }
}

/// The key of an effectful call.
///
/// # Errors
/// [`Failure::Invalid`] for none, an empty one, or one that is too long.
pub(crate) fn key(call: &ToolCall) -> Result<&str, Failure> {
    let key = call.idempotency_key.as_deref().unwrap_or_default();
    match key.is_empty() || key.len() > KEY_MAX {
        true => Err(Failure::Invalid(format!(
            "{} needs an idempotency key of 1 to {KEY_MAX} bytes",
            call.tool
        ))),
        false => Ok(key),
    }
}

/// Whether an effect may still be sent.
///
/// # Errors
/// [`Failure::Unavailable`] once others may call this effect unknown, [`Failure::Denied`] once its
/// workflow ends: it must not happen any more.
pub(crate) fn in_time(call: &ToolCall) -> Result<(), Failure> {
    call.stop.check()?;
    let Some(deadline) = call.deadline else { return Ok(()) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    match now < u128::from(deadline.0) {
        true => Ok(()),
        false => Err(Failure::Unavailable("its deadline passed before it was sent".to_owned())),
    }
}

/// A hash of arguments by meaning: their order, and how they were written, make no difference.
pub(crate) fn fingerprint(args: &Value) -> String {
    let mut hasher = blake3::Hasher::new();
    update(&mut hasher, args);
    hasher.finalize().to_hex().to_string()
}

fn update(hasher: &mut blake3::Hasher, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_unstable();
            hasher.update(b"{").update(&(names.len() as u64).to_le_bytes());
            for name in names {
                text(hasher, name);
                update(hasher, &fields[name.as_str()]);
            }
        }
        Value::Array(values) => {
            hasher.update(b"[").update(&(values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| update(hasher, value));
        }
        Value::String(value) => {
            hasher.update(b"\"");
            text(hasher, value);
        }
        plain => {
            hasher.update(b"=");
            text(hasher, &plain.to_string());
        }
    }
}

fn text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fingerprints_are_of_the_meaning() {
        let one = fingerprint(&json!({"a": 1, "b": {"c": ["x", "y"], "d": null}}));
        assert_eq!(one, fingerprint(&json!({"b": {"d": null, "c": ["x", "y"]}, "a": 1})));
        for other in [
            json!({"a": 1, "b": {"c": ["xy"], "d": null}}),
            json!({"a": 1, "b": {"c": ["y", "x"], "d": null}}),
            json!({"a": "1", "b": {"c": ["x", "y"], "d": null}}),
            json!({"a": 1, "b": {"c": ["x", "y"]}, "d": null}),
        ] {
            assert_ne!(one, fingerprint(&other), "{other}");
        }
    }
}
