//! The mark: how far the log was acknowledged, in a file of its own. It tells a frame that a crash
//! tore from one that somebody was told of.

use crate::log::frame::JournalId;

/// The mark of what was acknowledged: a frame's number and a checksum.
pub(crate) fn encode_mark(id: &JournalId, seq: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&seq.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(id), &bytes[..8]);
    bytes[8..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The number in a mark; none when it is damaged.
pub(crate) fn decode_mark(id: &JournalId, bytes: &[u8]) -> Option<u64> {
    let seq = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    (encode_mark(id, seq) == *bytes).then_some(seq)
}
