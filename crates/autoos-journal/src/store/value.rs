//! The values of a shard's tree.
//!
//! sled puts long values into files of their own, which our checkpoint would not make durable,
//! and its leaves hold 16 values: so a value above 6 KiB is cut into parts. Every value begins
//! with how it is kept and a checksum of the whole.

use super::{Applied, keys, sled_error};
use crate::{Error, Standing, ledger::StreamHead, row::newer};
use autoos_kernel::time::Timestamp;
use sled::{Batch, Tree};

/// The longest value that is kept in one piece.
pub(super) const PIECE: usize = 6 << 10;
/// How many bytes of rows go into a block before it is packed.
pub(super) const BLOCK: usize = 16 << 10;
/// The most that a block can be unpacked to: a row of the largest batch, and then some.
const MAX_BLOCK: usize = 64 << 20;
const INLINE: u8 = 1;
const PARTS: u8 = 2;

/// Adds a value to a batch, in as many parts as it takes.
pub(super) fn put(batch: &mut Batch, key: &[u8], bytes: &[u8]) -> Result<(), Error> {
    let crc = crc32c::crc32c(bytes).to_le_bytes();
    if bytes.len() <= PIECE {
        batch.insert(key, [&[INLINE][..], &crc, bytes].concat());
        return Ok(());
    }
    let count = u16::try_from(bytes.len().div_ceil(PIECE))
        .map_err(|_| Error::Invalid("a value is too long for the event store".into()))?;
    batch.insert(key, [&[PARTS][..], &crc, &count.to_le_bytes()].concat());
    for (part, n) in bytes.chunks(PIECE).zip(0..) {
        batch.insert(keys::part(key, n), part);
    }
    Ok(())
}

/// Adds the removal of a value that may be in parts to a batch.
pub(super) fn remove(tree: &Tree, batch: &mut Batch, key: &[u8]) -> Result<(), Error> {
    if tree.get(key).map_err(sled_error)?.is_some_and(|head| head.first() == Some(&PARTS)) {
        for part in tree.scan_prefix(keys::parts(key)).keys() {
            batch.remove(part.map_err(sled_error)?);
        }
    }
    batch.remove(key);
    Ok(())
}

/// The value of a key, whole and checked.
pub(super) fn get(tree: &Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let row = tree.get(key).map_err(sled_error)?;
    row.map(|row| whole(tree, key, &row)).transpose()
}

/// The whole value of a row that was read.
pub(super) fn whole(tree: &Tree, key: &[u8], row: &[u8]) -> Result<Vec<u8>, Error> {
    let bad =
        || Error::Corrupt(format!("a value of the event store is damaged ({:?})", key.first()));
    let (kind, rest) = row.split_first().ok_or_else(bad)?;
    let (crc, rest) = rest.split_at_checked(4).ok_or_else(bad)?;
    let bytes = match *kind {
        INLINE => rest.to_vec(),
        PARTS => {
            let count = u16::from_le_bytes(rest.try_into().map_err(|_| bad())?);
            let mut bytes = Vec::with_capacity(usize::from(count) * PIECE);
            for n in 0..count {
                let part = tree.get(keys::part(key, n)).map_err(sled_error)?;
                bytes.extend_from_slice(&part.ok_or_else(bad)?);
            }
            bytes
        }
        _ => return Err(bad()),
    };
    if crc32c::crc32c(&bytes).to_le_bytes() != crc { Err(bad()) } else { Ok(bytes) }
}

const HEAD_VERSION: u8 = 1;

/// A head: `version u8, next u64, base u64, last_at u64, standing u8, wake u64, chain [32]`.
pub(crate) fn encode_head(head: &StreamHead) -> Vec<u8> {
    let (standing, wake) = match head.standing {
        Standing::Running => (0u8, 0),
        Standing::Waiting { wake: None } => (1, 0),
        Standing::Closed => (2, 0),
        Standing::Waiting { wake: Some(at) } => (3, at.0),
    };
    let mut bytes = Vec::with_capacity(66);
    bytes.push(HEAD_VERSION);
    for number in [head.next, head.base, head.last_at.0] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.push(standing);
    bytes.extend_from_slice(&wake.to_le_bytes());
    bytes.extend_from_slice(&head.chain);
    bytes
}

pub(crate) fn decode_head(bytes: &[u8]) -> Result<StreamHead, Error> {
    let bad = || Error::Corrupt("a stream's head is damaged".into());
    let version = *bytes.first().ok_or_else(bad)?;
    if version != HEAD_VERSION {
        return Err(newer("stream head", version, HEAD_VERSION));
    }
    if bytes.len() != 66 {
        return Err(bad());
    }
    let wake = Timestamp(u64_at(bytes, 26)?);
    let standing = match bytes[25] {
        0 => Standing::Running,
        1 => Standing::Waiting { wake: None },
        2 => Standing::Closed,
        3 => Standing::Waiting { wake: Some(wake) },
        _ => return Err(bad()),
    };
    Ok(StreamHead {
        next: u64_at(bytes, 1)?,
        base: u64_at(bytes, 9)?,
        last_at: Timestamp(u64_at(bytes, 17)?),
        standing,
        chain: bytes[34..].try_into().map_err(|_| bad())?,
    })
}

/// The last frame and the end of a shard, with a checksum.
pub(super) fn encode_progress(frame: u64, end: u64) -> Vec<u8> {
    checked([frame, end].iter().flat_map(|n| n.to_le_bytes()).collect())
}

pub(super) fn decode_progress(bytes: &[u8]) -> Result<(u64, u64), Error> {
    let bytes = unchecked(bytes)?;
    Ok((u64_at(bytes, 0)?, u64_at(bytes, 8)?))
}

pub(super) fn encode_applied(applied: &Applied) -> Vec<u8> {
    let numbers = std::iter::once(&applied.frame).chain(&applied.ends);
    checked(numbers.flat_map(|n| n.to_le_bytes()).collect())
}

pub(super) fn decode_applied(bytes: &[u8], shards: usize) -> Result<Applied, Error> {
    let bytes = unchecked(bytes)?;
    let ends = (0..shards).map(|n| u64_at(bytes, 8 + 8 * n)).collect::<Result<_, _>>()?;
    Ok(Applied { frame: u64_at(bytes, 0)?, ends })
}

fn checked(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn unchecked(bytes: &[u8]) -> Result<&[u8], Error> {
    let bad = || Error::Corrupt("how far the event store has come is damaged".into());
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(bad)?;
    if crc32c::crc32c(body).to_le_bytes() == *crc { Ok(body) } else { Err(bad()) }
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, Error> {
    let raw = bytes.get(at..at + 8).and_then(|raw| raw.try_into().ok());
    raw.map(u64::from_le_bytes).ok_or_else(|| Error::Corrupt("a number is cut".into()))
}

const LZ4: u8 = 1;

/// The bytes of a block as they are kept: `codec u8, length u32, packed`. Events repeat their
/// field names, ids and kinds, so they pack to a third or less.
pub(super) fn pack(block: &[u8]) -> Vec<u8> {
    let len = u32::try_from(block.len()).expect("a block is far below 4 GiB").to_le_bytes();
    [&[LZ4][..], &len, &lz4_flex::block::compress(block)].concat()
}

/// The block of its packed bytes.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let bad = || Error::Corrupt("a block of events is damaged".into());
    let (codec, rest) = bytes.split_first().ok_or_else(bad)?;
    if *codec != LZ4 {
        return Err(newer("block of events", codec, LZ4));
    }
    let (len, packed) = rest.split_first_chunk::<4>().ok_or_else(bad)?;
    let len = u32::from_le_bytes(*len) as usize;
    if len > MAX_BLOCK {
        return Err(bad());
    }
    let block = lz4_flex::block::decompress(packed, len).map_err(|_| bad())?;
    if block.len() == len { Ok(block) } else { Err(bad()) }
}

/// A part of a block: a row, or `count` offsets that are empty.
pub(super) struct BlockPart<'a> {
    pub(super) count: u64,
    /// Empty for dropped events.
    pub(super) row: &'a [u8],
}

/// Adds a row to a block: `length u32, count u32, row`.
pub(super) fn push_row(block: &mut Vec<u8>, count: u64, row: &[u8]) {
    block.extend_from_slice(&(row.len() as u32).to_le_bytes());
    block.extend_from_slice(&(count as u32).to_le_bytes());
    block.extend_from_slice(row);
}

/// The parts of a block.
pub(super) fn rows(mut block: &[u8]) -> Result<Vec<BlockPart<'_>>, Error> {
    let bad = || Error::Corrupt("a block of events is damaged".into());
    let mut parts = Vec::new();
    while !block.is_empty() {
        let (len, rest) = block.split_first_chunk::<4>().ok_or_else(bad)?;
        let (count, rest) = rest.split_first_chunk::<4>().ok_or_else(bad)?;
        let (row, rest) =
            rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or_else(bad)?;
        parts.push(BlockPart { count: u64::from(u32::from_le_bytes(*count)), row });
        block = rest;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_read_back(rows in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..20)) {
            let mut block = Vec::new();
            rows.iter().for_each(|row| push_row(&mut block, 2, row));
            let read = unpack(&pack(&block)).expect("unpacks");
            let parts = self::rows(&read).expect("splits");
            prop_assert_eq!(parts.iter().map(|part| part.row.to_vec()).collect::<Vec<_>>(), rows);
        }

        #[test]
        fn any_bytes_unpack_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (unpack(&bytes), rows(&bytes), decode_head(&bytes));
            bytes.splice(0..0, [LZ4, 200, 0, 0, 0]);
            let _ = unpack(&bytes);
        }
    }

    #[test]
    fn heads_read_back() {
        for standing in [
            Standing::Running,
            Standing::Closed,
            Standing::Waiting { wake: None },
            Standing::Waiting { wake: Some(Timestamp(0)) },
            Standing::Waiting { wake: Some(Timestamp(u64::MAX)) },
        ] {
            let head =
                StreamHead { next: 9, chain: [3; 32], standing, last_at: Timestamp(5), base: 2 };
            assert_eq!(decode_head(&encode_head(&head)).expect("decodes"), head);
        }
    }
}
