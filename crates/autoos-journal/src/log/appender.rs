//! Writing the log: frames into the segment in hand, one sync each, and a new segment when it is
//! full.

use super::{
    frame::{self, JournalId},
    segment::{self, Header, Segment},
};
use crate::disk::{Disk, DiskFile};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The write end of the log. It belongs to one thread.
pub(crate) struct Appender {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    id: JournalId,
    shards: u16,
    file: Box<dyn DiskFile>,
    current: Segment,
    /// The checksum of the last frame.
    prev: u32,
}

/// Why a frame was not written.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no room; nothing of the frame is left, and the log goes on.
    Full(io::Error),
    /// What is on the disk is unknown: the log must not go on.
    Fatal(io::Error),
}

impl Failure {
    /// The disk's error, whatever it means for the log.
    pub(crate) fn into_error(self) -> io::Error {
        match self {
            Self::Full(error) | Self::Fatal(error) => error,
        }
    }
}

impl Appender {
    /// Begins a segment whose first frame will be `first`.
    pub(crate) fn begin(
        disk: Arc<dyn Disk>,
        dir: &Path,
        id: JournalId,
        shards: u16,
        first: u64,
        prev: u32,
    ) -> io::Result<Self> {
        let header = Header { id, shards, first, prev };
        let (file, current) = create(&*disk, dir, &header)?;
        Ok(Self { disk, dir: dir.into(), id, shards, file, current, prev })
    }

    /// The number that the next frame gets.
    pub(crate) fn next(&self) -> u64 {
        self.current.last + 1
    }

    /// How large the segment in hand is.
    pub(crate) fn len(&self) -> u64 {
        self.current.bytes
    }

    /// Writes a frame around a payload that was begun with [`frame::begin`] and returns once it
    /// is durable.
    pub(crate) fn append(&mut self, mut buffer: Vec<u8>) -> Result<u64, Failure> {
        let seq = self.next();
        let crc = frame::finish(&mut buffer, &self.id, seq, self.prev);
        let at = self.current.bytes;
        if let Err(error) = self.file.write_at(at, &buffer) {
            return Err(self.take_back(at, error));
        }
        self.file.sync().map_err(Failure::Fatal)?;
        self.current.bytes = at + buffer.len() as u64;
        self.current.last = seq;
        self.prev = crc;
        Ok(seq)
    }

    /// Removes what a failed write may have left, so that the next frame follows the last one.
    fn take_back(&mut self, at: u64, error: io::Error) -> Failure {
        if !is_full(&error) {
            return Failure::Fatal(error);
        }
        match self.file.set_len(at) {
            Ok(()) => Failure::Full(error),
            Err(error) => Failure::Fatal(error),
        }
    }

    /// Begins a new segment; returns the one before.
    pub(crate) fn rotate(&mut self) -> Result<Segment, Failure> {
        let header =
            Header { id: self.id, shards: self.shards, first: self.next(), prev: self.prev };
        let (file, current) = create(&*self.disk, &self.dir, &header).map_err(|error| {
            let half = segment::path(&self.dir, header.first);
            if is_full(&error) && self.disk.remove(&half).is_ok() {
                Failure::Full(error)
            } else {
                Failure::Fatal(error)
            }
        })?;
        self.file = file;
        Ok(std::mem::replace(&mut self.current, current))
    }
}

fn create(
    disk: &dyn Disk,
    dir: &Path,
    header: &Header,
) -> io::Result<(Box<dyn DiskFile>, Segment)> {
    let path = segment::path(dir, header.first);
    let mut file = disk.open(&path)?;
    file.set_len(0)?;
    file.write_at(0, &header.encode())?;
    file.sync()?;
    disk.sync_dir(dir)?;
    let bytes = segment::HEADER as u64;
    Ok((file, Segment { path, first: header.first, last: header.first - 1, bytes }))
}

/// Whether an error says that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
