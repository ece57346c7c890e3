//! Frames: `magic u32, length u32, seq u64, prev u32, crc u32, payload`, little-endian, padded
//! with zeros to a multiple of 8.
//!
//! `crc` is CRC-32C over the journal's id, everything before it but the magic, and the payload.
//! The id is random and never leaves the disk, so nobody can hide a valid frame in what they
//! send us to store. Decoding takes any bytes and never panics.

/// Bytes before the payload.
pub(crate) const HEADER: usize = 24;
/// The most that a payload may take; a batch with its bodies is far below.
pub(crate) const MAX_PAYLOAD: usize = 256 << 20;
const MAGIC: [u8; 4] = *b"AOF1";

/// A journal's id: random, made with the journal.
pub(crate) type JournalId = [u8; 16];

/// A frame in a segment's bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) seq: u64,
    /// The checksum of the frame before.
    pub(crate) prev: u32,
    pub(crate) crc: u32,
    pub(crate) payload: &'a [u8],
    /// Where the next one begins.
    pub(crate) next: usize,
}

/// Space for a header, to which a payload is added before [`finish`].
pub(crate) fn begin() -> Vec<u8> {
    vec![0; HEADER]
}

/// Makes a frame of a buffer from [`begin`]; returns its checksum.
pub(crate) fn finish(buffer: &mut Vec<u8>, id: &JournalId, seq: u64, prev: u32) -> u32 {
    let len = u32::try_from(buffer.len() - HEADER).expect("a payload is below 4 GiB");
    buffer[..4].copy_from_slice(&MAGIC);
    buffer[4..8].copy_from_slice(&len.to_le_bytes());
    buffer[8..16].copy_from_slice(&seq.to_le_bytes());
    buffer[16..20].copy_from_slice(&prev.to_le_bytes());
    let crc = checksum(id, &buffer[4..20], &buffer[HEADER..]);
    buffer[20..24].copy_from_slice(&crc.to_le_bytes());
    buffer.resize(buffer.len().next_multiple_of(8), 0);
    crc
}

/// The frame at `at`; none when there is no valid one.
pub(crate) fn decode<'a>(bytes: &'a [u8], at: usize, id: &JournalId) -> Option<Frame<'a>> {
    let header = bytes.get(at..at.checked_add(HEADER)?)?;
    if header[..4] != MAGIC {
        return None;
    }
    let len = u32_at(header, 4) as usize;
    let end = (at + HEADER).checked_add(len)?;
    if len > MAX_PAYLOAD {
        return None;
    }
    let payload = bytes.get(at + HEADER..end)?;
    let crc = u32_at(header, 20);
    if checksum(id, &header[4..20], payload) != crc {
        return None;
    }
    let next = end.next_multiple_of(8);
    // The padding is not under the checksum; anything but zeros in it is damage all the same.
    if bytes.get(end..next)?.iter().any(|byte| *byte != 0) {
        return None;
    }
    let seq = u64::from_le_bytes(header[8..16].try_into().expect("8 bytes"));
    Some(Frame { seq, prev: u32_at(header, 16), crc, payload, next })
}

/// Where the first valid frame after `at` with a number above `after` begins.
pub(crate) fn find(bytes: &[u8], at: usize, id: &JournalId, after: u64) -> Option<usize> {
    (at.next_multiple_of(8)..bytes.len())
        .step_by(8)
        .find(|at| decode(bytes, *at, id).is_some_and(|frame| frame.seq > after))
}

fn checksum(id: &JournalId, head: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(id), head), payload)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: JournalId = [9; 16];

    fn frame(seq: u64, payload: &[u8]) -> Vec<u8> {
        let mut buffer = begin();
        buffer.extend_from_slice(payload);
        finish(&mut buffer, &ID, seq, 77);
        buffer
    }

    #[test]
    fn reads_back() {
        let bytes = frame(5, b"hello");
        let read = decode(&bytes, 0, &ID).expect("is valid");
        assert_eq!((read.seq, read.prev, read.payload, read.next), (5, 77, &b"hello"[..], 32));
        assert_eq!(decode(&bytes, 0, &[8; 16]), None, "another journal's");
        assert_eq!(find(&bytes, 0, &ID, 4), Some(0));
        assert_eq!(find(&bytes, 0, &ID, 5), None);
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..220) {
            decode(&bytes, at, &ID);
            find(&bytes, at, &ID, 0);
        }

        #[test]
        fn any_header_decodes_without_a_panic(len in any::<u32>(), rest in proptest::collection::vec(any::<u8>(), 16..64)) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend_from_slice(&len.to_le_bytes());
            bytes.extend_from_slice(&rest);
            prop_assert_eq!(decode(&bytes, 0, &ID), None);
        }

        #[test]
        fn any_change_shows(payload in proptest::collection::vec(any::<u8>(), 0..100), bit in any::<usize>()) {
            let mut bytes = frame(1, &payload);
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(&bytes, 0, &ID), None);
        }

        #[test]
        fn a_frame_behind_damage_is_found(junk in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut bytes = junk.clone();
            bytes.resize(junk.len().next_multiple_of(8), 0);
            let at = bytes.len();
            bytes.extend(frame(3, b"after"));
            prop_assert_eq!(find(&bytes, 0, &ID, 2), Some(at));
        }
    }
}
