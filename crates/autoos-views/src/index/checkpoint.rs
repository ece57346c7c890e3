//! The index from one start to the next: a file per share.
//!
//! A file is written as a whole beside the old one and renamed over it, after a number of events
//! and at a stop. It is a copy of what the journal says, so losing one costs time, never truth:
//! one that is missing, damaged, of another version, or not of this journal is left out, and
//! that share is built from the journal's beginning. Whether it is of this journal is asked of
//! the journal itself: the last event that the share has folded must lie there still. After a
//! power loss, or when a backup was restored, it does not.
//!
//! A file holds ids, times, states, sums, and the names of tenants, users, models and steps that
//! are under way. It holds no text and no body, so what erasing destroys is not in it.
//!
//! `magic [8], version u32, shards u16, shard u16, length u64, BLAKE3 of these and of what
//! follows [32]`, then the share in MessagePack. Numbers are little-endian.

use super::{
    Index, Mark, Share,
    share::{KeptParts, Parts},
};
use autoos_journal::{self as journal, SharedJournal, disk};
use autoos_kernel::id::Shard;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

const MAGIC: [u8; 8] = *b"AOSviews";
/// Raised whenever the fold keeps something else, or counts otherwise, than before: files of
/// other versions are left out.
pub(super) const VERSION: u32 = 2;
const HEAD: usize = 8 + 4 + 2 + 2 + 8;

/// Where the index is kept, and how often.
#[derive(Debug, Clone)]
pub struct Keep {
    /// The directory of the files; made if it is not there.
    pub dir: PathBuf,
    /// A share is written after this many of its events, or half as many as it knows workflows,
    /// whichever is more: so a start after a crash reads no more than that per shard, and
    /// writing stays in proportion to the journal.
    pub every: u64,
}

impl Keep {
    /// The defaults, for files in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), every: 16_384 }
    }
}

/// Why a file is left out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// It is not as it was written.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// It was written by another version.
    #[error("version {0} wrote it")]
    Version(u32),
    /// It is of a journal with another number of shards, or of another shard.
    #[error("it is of another shard")]
    Elsewhere,
}

/// Writes shares to their files.
#[derive(Debug)]
pub(crate) struct Keeper {
    keep: Keep,
    /// Up to which offset each file has its share; held while one is written, so that an older
    /// one never replaces a newer.
    kept: Mutex<BTreeMap<Shard, u64>>,
}

impl Keeper {
    /// Reads what is kept, as far as it fits `journal`: one share per shard, empty where nothing
    /// fits. A directory that cannot be made is told of at the first writing.
    pub(crate) async fn open(keep: Keep, journal: &SharedJournal) -> (Self, Vec<Share>) {
        if let Err(error) = fs::create_dir_all(&keep.dir) {
            tracing::warn!(%error, dir = %keep.dir.display(), "no place for the views' index");
        }
        let mut shares = Vec::new();
        let mut kept = BTreeMap::new();
        let shards = journal.shards();
        // One after the other, so that each is decoded in the memory that the one before gave up.
        for shard in (0..shards).map(Shard) {
            let path = path(&keep.dir, shard);
            let read = tokio::task::spawn_blocking(move || load(&path, shard, shards));
            let share = match read.await {
                Ok(Some(share)) => fitting(share, shard, journal).await,
                Ok(None) => None,
                Err(error) => {
                    tracing::error!(%error, shard = shard.0, "reading the views' index panicked");
                    None
                }
            };
            let share = share.unwrap_or_default();
            kept.insert(shard, share.next);
            shares.push(share);
        }
        (Self { keep, kept: Mutex::new(kept) }, shares)
    }

    /// Whether a share has come far enough since it was written.
    pub(crate) fn is_due(&self, share: &Share, written: u64) -> bool {
        share.next - written >= self.keep.every.max(share.workflows() as u64 / 2)
    }

    /// Writes a share unless its file has all of it; returns up to which offset it was written.
    pub(crate) fn save(&self, index: &Index, shard: Shard) -> io::Result<u64> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (bytes, next) = {
            let share = index.read(shard);
            if kept.get(&shard) == Some(&share.next) {
                return Ok(share.next);
            }
            (encode(&share, shard, index.shards().count() as u16)?, share.next)
        };
        let path = path(&self.keep.dir, shard);
        if let Err(error) = disk::replace(&disk::RealDisk, &path, &bytes) {
            // What was written of it must not take the room that the journal may need.
            let _ = fs::remove_file(path.with_extension("new"));
            return Err(error);
        }
        kept.insert(shard, next);
        Ok(next)
    }
}

fn path(dir: &Path, shard: Shard) -> PathBuf {
    dir.join(format!("shard-{:02}.index", shard.0))
}

/// The share in a file that is whole.
fn load(path: &Path, shard: Shard, shards: u16) -> Option<Share> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "lists are built from the journal");
            return None;
        }
        Ok(bytes) => bytes,
    };
    match decode(&bytes, shard, shards) {
        Ok(share) => Some(share),
        // As after every change of what the index keeps.
        Err(why @ Unfit::Version(_)) => {
            tracing::info!(%why, path = %path.display(), "lists are built from the journal");
            None
        }
        Err(why) => {
            tracing::warn!(%why, path = %path.display(), "lists are built from the journal");
            None
        }
    }
}

/// The share, if the journal still has what it folded last.
async fn fitting(share: Share, shard: Shard, journal: &SharedJournal) -> Option<Share> {
    let end = journal.end().0.get(&shard).copied().unwrap_or(0);
    let fits = share.next <= end && {
        match share.last {
            None => share.workflows() == 0,
            Some(last) => is_there(last, shard, journal).await,
        }
    };
    if !fits {
        tracing::warn!(
            shard = shard.0,
            "the views' index is not of this journal as it stands, it is built anew"
        );
    }
    fits.then_some(share)
}

async fn is_there(last: Mark, shard: Shard, journal: &SharedJournal) -> bool {
    match journal.scan(shard, last.offset, 1).await {
        // Where another event comes first, or none, that one was archived.
        Ok(found) => found.first().is_none_or(|(position, event)| {
            position.offset != last.offset || Mark::of(*position, event) == last
        }),
        // The follower meets it again and says so.
        Err(journal::Error::Corrupt(_)) => false,
        Err(error) => {
            tracing::warn!(%error, "the journal cannot say whether the views' index is of it");
            false
        }
    }
}

pub(super) fn encode(share: &Share, shard: Shard, shards: u16) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HEAD + 32 + 96 * share.workflows());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&shards.to_le_bytes());
    bytes.extend_from_slice(&shard.0.to_le_bytes());
    bytes.resize(HEAD + 32, 0);
    let parts: KeptParts<'_> = share.parts();
    rmp_serde::encode::write(&mut bytes, &parts).map_err(io::Error::other)?;
    let length = (bytes.len() - HEAD - 32) as u64;
    bytes[HEAD - 8..HEAD].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(&bytes[..HEAD], &bytes[HEAD + 32..]);
    bytes[HEAD..HEAD + 32].copy_from_slice(&sum);
    Ok(bytes)
}

fn checksum(head: &[u8], share: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(head).update(share).finalize().as_bytes()
}

pub(super) fn decode(bytes: &[u8], shard: Shard, shards: u16) -> Result<Share, Unfit> {
    let cut = || Unfit::Damaged("it is cut");
    let (head, rest) = bytes.split_at_checked(HEAD).ok_or_else(cut)?;
    let (sum, share) = rest.split_at_checked(32).ok_or_else(cut)?;
    if head[..8] != MAGIC {
        return Err(Unfit::Damaged("it is something else"));
    }
    if checksum(head, share) != *sum {
        return Err(Unfit::Damaged("the checksum is wrong"));
    }
    let version = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    if version != VERSION {
        return Err(Unfit::Version(version));
    }
    if head[12..14] != shards.to_le_bytes() || head[14..16] != shard.0.to_le_bytes() {
        return Err(Unfit::Elsewhere);
    }
    let parts: Parts<'_> =
        rmp_serde::from_slice(share).map_err(|_| Unfit::Damaged("it cannot be decoded"))?;
    Share::of(parts).ok_or(Unfit::Damaged("the parts do not fit together"))
}
