//! Copying a shard from one node's store to another's, row by row as they are kept.
//!
//! Rows that change are taken at once, while the store stands still: heads, indexes, cursors,
//! keys, what was erased. Events and bodies do not change once they are written and are taken
//! piece by piece afterwards, while the store goes on. What is erased meanwhile may be missing
//! from the copy; the entry of the log that erased it comes after the copy.
//!
//! A copy is taken in beside what a node has of the shard, in a tree of its own.

use super::{Store, guard, keys, sled_error, tree_name, value};
use crate::Error;
use autoos_kernel::id::Shard;
use sled::Batch;
use std::sync::PoisonError;

/// About how much a piece holds, bytes.
const PIECE_BYTES: usize = 1 << 20;

/// Rows of a shard: key and value.
pub type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// A copy that is being given.
pub struct Export {
    tree: sled::Tree,
    /// The rows that were taken at once and not given yet.
    small: std::vec::IntoIter<(Vec<u8>, Vec<u8>)>,
    /// Behind the last large row that was given.
    from: Vec<u8>,
    /// The offset at which the copy ends.
    end: u64,
}

/// A copy that is being taken in.
pub struct Import {
    db: sled::Db,
    tree: sled::Tree,
    name: Vec<u8>,
    installed: bool,
}

impl Store {
    /// Begins a copy; nothing may write the store meanwhile. Answers its mark, too.
    pub(crate) fn export(&self, shard: Shard) -> Result<(Option<Vec<u8>>, Export), Error> {
        let (_, end) = self.shard_applied(shard)?;
        let mark = self.mark(shard)?;
        guard(|| {
            let tree = self.tree(shard);
            let mut small = Vec::new();
            for row in &tree {
                let (key, value) = row.map_err(sled_error)?;
                if !is_large(&key) && !keys::is_snapshot(&key) {
                    small.push((key.to_vec(), value.to_vec()));
                }
            }
            Ok((mark, Export { tree, small: small.into_iter(), from: Vec::new(), end }))
        })
    }

    pub(crate) fn export_next(&self, export: &mut Export) -> Result<Option<Rows>, Error> {
        guard(|| {
            let (mut rows, mut bytes) = (Vec::new(), 0);
            while bytes < PIECE_BYTES {
                let Some((key, value)) = export.small.next() else { break };
                bytes += key.len() + value.len();
                rows.push((key, value));
            }
            if bytes < PIECE_BYTES {
                for row in export.tree.range(export.from.clone()..) {
                    let (key, value) = row.map_err(sled_error)?;
                    export.from = [&key[..], &[0]].concat();
                    let later = key.first() == Some(&keys::EVENTS[0])
                        && keys::offset_of(&key)? >= export.end;
                    if is_large(&key) && !later {
                        bytes += key.len() + value.len();
                        rows.push((key.to_vec(), value.to_vec()));
                    }
                    if bytes >= PIECE_BYTES {
                        break;
                    }
                }
            }
            Ok((!rows.is_empty()).then_some(rows))
        })
    }

    pub(crate) fn import(&self, shard: Shard) -> Result<Import, Error> {
        guard(|| {
            let name = tree_name(shard, rand::random::<u64>().max(1));
            let tree = self.db.open_tree(&name).map_err(sled_error)?;
            Ok(Import { db: self.db.clone(), tree, name, installed: false })
        })
    }

    /// Puts a copy in the place of a shard's tree; answers where the shard ends by it. It is
    /// durable after the next checkpoint.
    pub(crate) fn install(&self, shard: Shard, mut import: Import) -> Result<u64, Error> {
        guard(|| {
            let row = import.tree.get(keys::APPLIED).map_err(sled_error)?;
            // A shard of which nothing was ever applied has no such row, and no events.
            let end = row.map_or(Ok((0, 0)), |row| value::decode_progress(&row))?.1;
            self.db.insert(keys::tree(shard), import.name.as_slice()).map_err(sled_error)?;
            import.installed = true;
            let mut shards = self.shards.write().unwrap_or_else(PoisonError::into_inner);
            // Who reads the old one goes on; it is dropped at the next opening.
            shards[usize::from(shard.0)] = import.tree.clone();
            Ok(end)
        })
    }
}

impl Import {
    /// Takes in a piece.
    ///
    /// # Errors
    /// The store's.
    pub fn add(&self, rows: Rows) -> Result<(), Error> {
        guard(|| {
            let mut batch = Batch::default();
            for (key, value) in rows {
                batch.insert(key, value);
            }
            self.tree.apply_batch(batch).map_err(sled_error)
        })
    }

    /// The mark that the copy is of.
    ///
    /// # Errors
    /// The store's.
    pub fn mark(&self) -> Result<Option<Vec<u8>>, Error> {
        guard(|| value::get(&self.tree, keys::MARK))
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        if !self.installed
            && let Err(error) = guard(|| self.db.drop_tree(&self.name).map_err(sled_error))
        {
            tracing::warn!(%error, "half a copy of a shard was left behind");
        }
    }
}

/// Whether a row is written once and then only removed: events, bodies and parts of values.
fn is_large(key: &[u8]) -> bool {
    matches!(key.first(), Some(b'e' | b'b' | b'z')) && !keys::is_snapshot(key)
}
