//! The event store: sled, behind the log, from which streams and shards are read.
//!
//! It is never the boundary of durability: [`Store::checkpoint`] makes it durable from time to
//! time, and only then may the log be purged. It can be rebuilt from the log. Each shard has a
//! tree of its own, in which everything of the shard lies, so that a layer is applied to a shard
//! in one atomic batch together with how far it went.
//!
//! sled panics on some damage and keeps quiet about other: every call is guarded, values carry
//! checksums, offsets have no gaps, and chains are verified by the reader.

mod apply;
mod check;
mod copy;
mod keys;
mod read;
mod value;

pub use copy::{Export, Import, Rows};
pub(crate) use read::Rest;
pub(crate) use value::decode_head;

use crate::{Error, ledger::StreamHead};
use autoos_kernel::id::{Shard, StreamId};
use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{PoisonError, RwLock},
};
use uuid::Uuid;

/// Memory that sled may use for its cache, beside some 250 bytes for each page of the store. What
/// is written and read again soon takes a few hundred pages per shard, and behind it lies the
/// kernel's cache: 64 MiB made no scan faster.
const CACHE_BYTES: u64 = 16 << 20;

/// The event store.
pub(crate) struct Store {
    db: sled::Db,
    /// Held open, so that a sync that failed is not forgotten by reopening.
    file: File,
    /// A shard that is filled from another node gets a new tree.
    shards: RwLock<Vec<sled::Tree>>,
}

/// How far the store has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The last frame that is in it.
    pub(crate) frame: u64,
    /// The end of each shard.
    pub(crate) ends: Vec<u64>,
}

/// Runs what may panic inside sled.
fn guard<T>(what: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(what)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("for no given reason");
        Err(Error::Corrupt(format!("the event store panicked: {text}")))
    })
}

/// How often, and how long apart, a database that is still being let go of is tried.
const RELEASE_TRIES: u32 = 500;
const RELEASE_NAP: std::time::Duration = std::time::Duration::from_millis(10);

/// A sled error in the terms of the port.
fn sled_error(error: sled::Error) -> Error {
    match error {
        sled::Error::Io(error) => Error::Io(format!("event store: {error}")),
        error => Error::Corrupt(format!("event store: {error}")),
    }
}

/// Opens the database, waiting a while for the journal before it in this process to let go of it:
/// a reader's thread can hold the last handle for a moment longer than its owner. The journal's
/// own lock, which is held by now, keeps other processes out.
fn open_released(config: &sled::Config) -> sled::Result<sled::Db> {
    for _ in 0..RELEASE_TRIES {
        match config.open() {
            Err(sled::Error::Io(why)) if why.to_string().contains("could not acquire lock") => {
                std::thread::sleep(RELEASE_NAP);
            }
            other => return other,
        }
    }
    config.open()
}

/// The name of a shard's tree; the first one has no number.
fn tree_name(shard: Shard, generation: u64) -> Vec<u8> {
    match generation {
        0 => format!("shard-{:05}", shard.0).into_bytes(),
        n => format!("shard-{:05}-{n:016x}", shard.0).into_bytes(),
    }
}

impl Store {
    /// Opens the store in `dir`, or makes one.
    pub(crate) fn open(dir: &Path, shards: u16) -> Result<Self, Error> {
        guard(|| {
            let config =
                sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
            let db = open_released(&config).map_err(sled_error)?;
            let file = File::open(dir.join("db"))?;
            let shards = (0..shards)
                .map(|n| {
                    let name = db.get(keys::tree(Shard(n))).map_err(sled_error)?;
                    let name = name.map_or_else(|| tree_name(Shard(n), 0), |name| name.to_vec());
                    db.open_tree(name).map_err(sled_error)
                })
                .collect::<Result<Vec<sled::Tree>, _>>()?;
            // Half a copy that a crash left, and what a copy took the place of.
            for name in db.tree_names() {
                let used = shards.iter().any(|tree| tree.name() == name);
                if name.starts_with(b"shard-") && !used {
                    db.drop_tree(&name).map_err(sled_error)?;
                }
            }
            let shards = RwLock::new(shards);
            // The names must last as long as what they name.
            if cfg!(unix) {
                File::open(dir)?.sync_all()?;
            }
            Ok(Self { db, file, shards })
        })
    }

    fn tree(&self, shard: Shard) -> sled::Tree {
        self.shards.read().unwrap_or_else(PoisonError::into_inner)[usize::from(shard.0)].clone()
    }

    fn trees(&self) -> Vec<sled::Tree> {
        self.shards.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn shard_of(&self, stream: StreamId) -> Shard {
        stream.shard(self.count())
    }

    fn tree_of(&self, owner: Uuid) -> sled::Tree {
        self.tree(Shard::of(owner, self.count()))
    }

    fn count(&self) -> u16 {
        let shards = self.shards.read().unwrap_or_else(PoisonError::into_inner);
        u16::try_from(shards.len()).expect("was opened with a u16")
    }

    /// How far the store has come; the frame is a lower bound for each shard.
    pub(crate) fn applied(&self) -> Result<Applied, Error> {
        guard(|| {
            let row = self.db.get(keys::APPLIED).map_err(sled_error)?;
            let shards = usize::from(self.count());
            match row {
                None => Ok(Applied { frame: 0, ends: vec![0; shards] }),
                Some(row) => value::decode_applied(&row, shards),
            }
        })
    }

    /// The frame and the end of one shard, written with its events.
    pub(crate) fn shard_applied(&self, shard: Shard) -> Result<(u64, u64), Error> {
        guard(|| {
            let row = self.tree(shard).get(keys::APPLIED).map_err(sled_error)?;
            row.map_or(Ok((0, 0)), |row| value::decode_progress(&row))
        })
    }

    /// Returns once all that was applied is durable.
    pub(crate) fn checkpoint(&self) -> Result<(), Error> {
        guard(|| {
            self.db.flush().map_err(sled_error)?;
            self.file.sync_data()?;
            Ok(())
        })
    }

    pub(crate) fn head(&self, stream: StreamId) -> Result<Option<StreamHead>, Error> {
        guard(|| {
            let tree = &self.tree(self.shard_of(stream));
            let head = value::get(tree, &keys::head(stream))?;
            head.map(|bytes| value::decode_head(&bytes)).transpose()
        })
    }
}
