//! Records: what a frame holds. The payload is a version byte, then each record as MessagePack
//! after its length as a little-endian `u32`.

use crate::{Error, row::newer};
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;

const VERSION: u8 = 1;

/// One thing that was recorded; borrows the frame's bytes.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Record<'a> {
    /// The events of a batch, at their offset.
    Row {
        shard: u16,
        offset: u64,
        #[serde(borrow)]
        value: &'a Bytes,
    },
    /// The wrapped key of an owner, ahead of its first body.
    Key {
        #[serde(borrow)]
        owner: &'a Bytes,
        #[serde(borrow)]
        wrapped: &'a Bytes,
    },
    /// A sealed body.
    Body {
        #[serde(borrow)]
        owner: &'a Bytes,
        #[serde(borrow)]
        hash: &'a Bytes,
        len: u32,
        #[serde(borrow)]
        sealed: &'a Bytes,
    },
    /// An owner's key and bodies were destroyed.
    Erase {
        #[serde(borrow)]
        owner: &'a Bytes,
    },
    /// A group's cursor of a shard moved to `next`.
    Ack { group: &'a str, shard: u16, next: u64 },
    /// The events of a closed stream were dropped after their retention.
    Retire {
        #[serde(borrow)]
        stream: &'a Bytes,
    },
    /// A part of a copied event log whose events were dropped: `count` offsets stay empty.
    Gap { shard: u16, offset: u64, count: u64 },
    /// Where a stream stood whose events were dropped, in a copy.
    Head {
        #[serde(borrow)]
        stream: &'a Bytes,
        #[serde(borrow)]
        head: &'a Bytes,
    },
    /// The end of a copy: a copy without it is not complete.
    Seal { frames: u64 },
}

/// Adds the version to an empty payload.
pub(crate) fn begin(payload: &mut Vec<u8>) {
    payload.push(VERSION);
}

/// Adds a record to a payload.
pub(crate) fn push(payload: &mut Vec<u8>, record: &Record<'_>) {
    let at = payload.len();
    payload.extend_from_slice(&[0; 4]);
    rmp_serde::encode::write(payload, record).expect("a record is numbers and bytes");
    let len = u32::try_from(payload.len() - at - 4).expect("a record is below 4 GiB");
    payload[at..at + 4].copy_from_slice(&len.to_le_bytes());
}

/// The records of a payload, in order.
pub(crate) fn decode(payload: &[u8]) -> Result<Vec<Record<'_>>, Error> {
    let (version, mut rest) =
        payload.split_first().ok_or_else(|| Error::Corrupt("an empty frame".into()))?;
    if *version != VERSION {
        return Err(newer("frame", version, VERSION));
    }
    let mut records = Vec::new();
    while !rest.is_empty() {
        let cut = || Error::Corrupt("a record is cut short".into());
        let (len, after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let len = u32::from_le_bytes(*len) as usize;
        let (bytes, after) = after.split_at_checked(len).ok_or_else(cut)?;
        let record = rmp_serde::from_slice(bytes)
            .map_err(|error| Error::Corrupt(format!("a record does not decode: {error}")))?;
        rest = after;
        records.push(record);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_back() {
        let records = [
            Record::Row { shard: 3, offset: 9, value: Bytes::new(b"row") },
            Record::Ack { group: "mail", shard: 1, next: u64::MAX },
            Record::Erase { owner: Bytes::new(&[1; 16]) },
            Record::Body {
                owner: Bytes::new(&[1; 16]),
                hash: Bytes::new(&[2; 32]),
                len: 5,
                sealed: Bytes::new(&[0; 300]),
            },
        ];
        let mut payload = Vec::new();
        begin(&mut payload);
        records.iter().for_each(|record| push(&mut payload, record));
        assert_eq!(decode(&payload).expect("decodes"), records);
        assert!(decode(&payload[..payload.len() - 1]).is_err(), "a cut record shows");
    }

    /// Formats are forever: when this fails, it is the code that must change back.
    #[test]
    fn the_bytes_never_change() {
        let bytes = Bytes::new(b"bytes");
        let records = [
            Record::Row { shard: 3, offset: 9, value: bytes },
            Record::Key { owner: bytes, wrapped: bytes },
            Record::Body { owner: bytes, hash: bytes, len: 5, sealed: bytes },
            Record::Erase { owner: bytes },
            Record::Ack { group: "mail", shard: 1, next: 70_000 },
            Record::Retire { stream: bytes },
            Record::Gap { shard: 1, offset: 2, count: 3 },
            Record::Head { stream: bytes, head: bytes },
            Record::Seal { frames: 4 },
        ];
        let mut buffer = super::super::frame::begin();
        begin(&mut buffer);
        records.iter().for_each(|record| push(&mut buffer, record));
        super::super::frame::finish(&mut buffer, &[9; 16], 5, 77);
        let header = super::super::segment::Header { id: [9; 16], shards: 16, first: 5, prev: 77 };
        buffer.extend_from_slice(&header.encode());
        assert_eq!(blake3::hash(&buffer).to_hex()[..16], *"d005f745116ec75e");
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
