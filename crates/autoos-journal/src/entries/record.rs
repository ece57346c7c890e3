//! What a frame of the entry log holds: a version byte, then each record as MessagePack after its
//! length as a little-endian `u32`. Formats are forever.

use crate::{Error, row::newer};
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;

const VERSION: u8 = 1;

/// One record; borrows the frame's bytes. What it carries comes last, so that its place is known.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Record<'a> {
    Entry {
        group: u16,
        index: u64,
        #[serde(borrow)]
        bytes: &'a Bytes,
    },
    Vote {
        group: u16,
        #[serde(borrow)]
        vote: &'a Bytes,
    },
    Commit {
        group: u16,
        #[serde(borrow)]
        committed: &'a Bytes,
    },
    /// The entries from `index` on are gone.
    Truncate { group: u16, index: u64 },
    /// The entries up to and with `index` are gone.
    Purge {
        group: u16,
        index: u64,
        #[serde(borrow)]
        mark: &'a Bytes,
    },
}

impl Record<'_> {
    pub(super) fn group(&self) -> u16 {
        match self {
            Self::Entry { group, .. }
            | Self::Vote { group, .. }
            | Self::Commit { group, .. }
            | Self::Truncate { group, .. }
            | Self::Purge { group, .. } => *group,
        }
    }
}

/// Adds the version to an empty payload.
pub(super) fn begin(payload: &mut Vec<u8>) {
    payload.push(VERSION);
}

/// Adds a record to a payload.
pub(super) fn push(payload: &mut Vec<u8>, record: &Record<'_>) {
    let at = payload.len();
    payload.extend_from_slice(&[0; 4]);
    rmp_serde::encode::write(payload, record).expect("a record is numbers and bytes");
    let len = u32::try_from(payload.len() - at - 4).expect("a record is below 4 GiB");
    payload[at..at + 4].copy_from_slice(&len.to_le_bytes());
}

/// The records of a payload in order, each with the place of what it carries.
pub(super) fn decode(payload: &[u8]) -> Result<Vec<(usize, Record<'_>)>, Error> {
    let (version, mut rest) =
        payload.split_first().ok_or_else(|| Error::Corrupt("an empty frame".into()))?;
    if *version != VERSION {
        return Err(newer("frame of entries", version, VERSION));
    }
    let mut records = Vec::new();
    while !rest.is_empty() {
        let cut = || Error::Corrupt("a record of the entry log is cut short".into());
        let (len, after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let len = u32::from_le_bytes(*len) as usize;
        let (bytes, after) = after.split_at_checked(len).ok_or_else(cut)?;
        let record: Record<'_> = rmp_serde::from_slice(bytes)
            .map_err(|error| Error::Corrupt(format!("a record does not decode: {error}")))?;
        rest = after;
        let carried = match &record {
            Record::Entry { bytes, .. } => bytes.len(),
            _ => 0,
        };
        records.push((payload.len() - rest.len() - carried, record));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Formats are forever: when this fails, it is the code that must change back.
    #[test]
    fn the_bytes_never_change() {
        let bytes = Bytes::new(b"bytes");
        let records = [
            Record::Entry { group: 3, index: 70_000, bytes },
            Record::Vote { group: 3, vote: bytes },
            Record::Commit { group: 3, committed: bytes },
            Record::Truncate { group: 3, index: 9 },
            Record::Purge { group: 3, index: 9, mark: bytes },
        ];
        let mut payload = Vec::new();
        begin(&mut payload);
        records.iter().for_each(|record| push(&mut payload, record));
        let read = decode(&payload).expect("decodes");
        assert_eq!(payload[read[0].0..][..5], *b"bytes");
        assert_eq!(read.into_iter().map(|(_, record)| record).collect::<Vec<_>>(), records);
        assert_eq!(blake3::hash(&payload).to_hex()[..16], *"eb75bbf8db3314a7");
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            bytes.insert(0, VERSION);
            let _ = decode(&bytes);
        }
    }
}
