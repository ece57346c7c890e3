//! Walking the log at open: every frame is checked, and what is wrong is described rather than
//! skipped. What to do about it is decided where the event store is known too.

use super::{
    frame::{self, JournalId},
    segment::{self, Header, Segment},
};
use crate::{Error, disk::Disk};
use std::path::Path;

/// A stretch of the log that cannot be read.
#[derive(Debug, Clone)]
pub(crate) struct Damage {
    /// The number of the first frame that is missing.
    pub(crate) from: u64,
    /// The number of the next frame that can be read; none when there is no such frame.
    pub(crate) until: Option<u64>,
    /// Where, and how it shows.
    pub(crate) text: String,
}

/// What is there.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) segments: Vec<Segment>,
    /// The number and checksum of the last frame that could be read.
    pub(crate) last: Option<(u64, u32)>,
    /// All stretches that cannot be read, in order.
    pub(crate) damage: Vec<Damage>,
    /// When the last segment's end is damaged: where its valid part ends.
    pub(crate) torn_at: Option<u64>,
    pub(crate) bytes: u64,
}

impl Walk {
    /// The number of the first frame.
    pub(crate) fn first(&self) -> Option<u64> {
        self.segments.first().map(|segment| segment.first)
    }
}

/// Reads all segments in `dir` in order and calls `visit` with each valid frame's number and
/// payload.
pub(crate) fn walk(
    disk: &dyn Disk,
    dir: &Path,
    id: &JournalId,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), Error>,
) -> Result<Walk, Error> {
    walk_placed(disk, dir, id, |place, payload| visit(place.seq, payload))
}

/// Where a frame was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Its number.
    pub(crate) seq: u64,
    /// The number in the name of its segment.
    pub(crate) segment: u64,
    /// Where its payload begins in the segment.
    pub(crate) at: u64,
}

/// As [`walk`], with the place of each frame.
pub(crate) fn walk_placed(
    disk: &dyn Disk,
    dir: &Path,
    id: &JournalId,
    mut visit: impl FnMut(Place, &[u8]) -> Result<(), Error>,
) -> Result<Walk, Error> {
    let mut paths = disk.list(dir)?;
    paths.retain(|path| segment::number(path).is_some());
    paths.sort();
    let mut walk = Walk::default();
    let count = paths.len();
    for (n, path) in paths.iter().enumerate() {
        let bytes = disk.read(path)?;
        walk.bytes += bytes.len() as u64;
        walk.segment(path, &bytes, id, n + 1 == count, &mut visit)?;
    }
    Ok(walk)
}

impl Walk {
    fn segment(
        &mut self,
        path: &Path,
        bytes: &[u8],
        id: &JournalId,
        is_last: bool,
        visit: &mut impl FnMut(Place, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let first = segment::number(path).unwrap_or(0);
        let expected = self.expected().unwrap_or(first);
        let header = Header::decode(bytes)?;
        let fits = header.is_some_and(|header| {
            header.id == *id
                && header.first == first
                && first == expected
                && self.last.is_none_or(|(_, crc)| crc == header.prev)
        });
        if !fits && self.open_damage().is_none() {
            self.damage.push(Damage {
                from: expected,
                until: None,
                text: format!("{} does not follow what is before it", path.display()),
            });
        }
        if let (Some(header), None) = (header, self.last) {
            self.last = Some((header.first - 1, header.prev));
        }
        let mut known =
            Segment { path: path.into(), first, last: first - 1, bytes: bytes.len() as u64 };
        let mut at = segment::HEADER;
        // An empty header can be what a crash left of a segment that was just begun.
        if header.is_none() && is_last && bytes.len() <= segment::HEADER {
            self.torn_at = Some(0);
        }
        while at < bytes.len() {
            match frame::decode(bytes, at, id).filter(|frame| self.follows(frame)) {
                Some(frame) => {
                    if let Some(damage) = self.open_damage() {
                        damage.until = Some(frame.seq);
                    }
                    let begin = (at + frame::HEADER) as u64;
                    visit(Place { seq: frame.seq, segment: first, at: begin }, frame.payload)?;
                    self.last = Some((frame.seq, frame.crc));
                    known.last = frame.seq;
                    at = frame.next;
                }
                None => {
                    self.damaged(path, at);
                    let after = self.expected().unwrap_or(first) - 1;
                    match frame::find(bytes, at + 8, id, after) {
                        Some(found) => at = found,
                        None => {
                            if is_last {
                                self.torn_at = Some(at as u64);
                            }
                            break;
                        }
                    }
                }
            }
        }
        self.segments.push(known);
        Ok(())
    }

    fn damaged(&mut self, path: &Path, at: usize) {
        if self.open_damage().is_none() {
            let from = self.expected().unwrap_or(1);
            let text = format!("{} is damaged at byte {at}, in frame {from}", path.display());
            self.damage.push(Damage { from, until: None, text });
        }
    }

    /// The last damage, when no valid frame was found after it yet.
    fn open_damage(&mut self) -> Option<&mut Damage> {
        self.damage.last_mut().filter(|damage| damage.until.is_none())
    }

    fn expected(&self) -> Option<u64> {
        self.last.map(|(seq, _)| seq + 1)
    }

    /// Whether a valid frame continues the log: directly, or behind a damaged stretch.
    fn follows(&mut self, frame: &frame::Frame<'_>) -> bool {
        let last = self.last;
        if self.open_damage().is_some() {
            return last.is_none_or(|(seq, _)| frame.seq > seq);
        }
        last.is_none_or(|(seq, crc)| frame.seq == seq + 1 && frame.prev == crc)
    }
}
