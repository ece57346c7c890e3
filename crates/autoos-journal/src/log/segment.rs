//! Segments: the files of the log. `<number of the first frame>.log`, a header of 64 bytes, then
//! frames.
//!
//! The header: `magic [8], version u32, shards u16, zero u16, journal id [16], first u64,
//! prev u32, crc u32, zero [16]`, where `prev` is the checksum of the last frame of the segment
//! before.

use super::frame::JournalId;
use crate::{Error, row::newer};
use std::path::{Path, PathBuf};

/// Bytes before the first frame.
pub(crate) const HEADER: usize = 64;
const MAGIC: [u8; 8] = *b"AUTOOSJL";
const VERSION: u32 = 1;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: JournalId,
    pub(crate) shards: u16,
    /// The number of its first frame.
    pub(crate) first: u64,
    /// The checksum of the frame before that.
    pub(crate) prev: u32,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.shards.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.id);
        bytes[32..40].copy_from_slice(&self.first.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.prev.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..44]);
        bytes[44..48].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header of a segment; none when it is damaged, an error when it is newer than this
    /// code.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let Some(header) = bytes.get(..HEADER) else { return Ok(None) };
        let u32_at = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        if crc32c::crc32c(&header[..44]) != u32_at(44)
            || header[..8] != MAGIC
            || header[48..].iter().any(|byte| *byte != 0)
        {
            return Ok(None);
        }
        if u32_at(8) != VERSION {
            return Err(newer("log", u32_at(8), VERSION));
        }
        Ok(Some(Self {
            id: header[16..32].try_into().expect("16 bytes"),
            shards: u16::from_le_bytes([header[12], header[13]]),
            first: u64::from_le_bytes(header[32..40].try_into().expect("8 bytes")),
            prev: u32_at(40),
        }))
    }
}

/// A segment that is complete, or the one being written.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) first: u64,
    /// The number of its last frame; below `first` when it has none.
    pub(crate) last: u64,
    pub(crate) bytes: u64,
}

/// Where the segment that begins with frame `first` lies.
pub(crate) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.log"))
}

/// The number in a segment's name; none for a file that is no segment.
pub(crate) fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".log")?;
    if name.len() == 20 { name.parse().ok() } else { None }
}
