//! The one thread that writes the entry log: what waits becomes one frame and one sync, and then
//! its callbacks are told.

use super::{
    Done, Shared,
    record::{self, Record},
};
use crate::{
    disk::DiskFile,
    local::mark::encode_mark,
    log::{
        appender::{Appender, Failure},
        frame,
        segment::Segment,
    },
};
use serde_bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, mpsc::Receiver},
};

/// A frame is closed once it is this large.
const FRAME_BYTES: usize = 4 << 20;

/// One thing to write; in a frame they stand in the order of these fields.
#[derive(Default)]
pub(super) struct Write {
    pub(super) vote: Option<(u16, Vec<u8>)>,
    pub(super) truncate: Option<(u16, u64)>,
    pub(super) purge: Option<(u16, u64, Vec<u8>)>,
    pub(super) entries: Vec<(u16, u64, Arc<[u8]>)>,
    pub(super) rotate: bool,
    pub(super) stop: bool,
    pub(super) done: Option<Done>,
}

impl Write {
    pub(super) fn finish(self, result: &Result<(), String>) {
        if let Some(done) = self.done {
            done(result.clone().map_err(io::Error::other));
        }
    }
}

/// A complete segment, and the highest index of each group in it.
pub(super) struct Kept {
    pub(super) segment: Segment,
    pub(super) most: BTreeMap<u16, u64>,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    log: Appender,
    /// The number in the name of the segment in hand, and the highest indexes in it.
    segment: u64,
    most: BTreeMap<u16, u64>,
    mark: Box<dyn DiskFile>,
    queue: Receiver<Write>,
    /// Oldest first.
    kept: VecDeque<Kept>,
    failed: Option<String>,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        log: Appender,
        mark: Box<dyn DiskFile>,
        queue: Receiver<Write>,
        kept: VecDeque<Kept>,
    ) -> Self {
        let segment = log.next();
        Self { shared, log, segment, most: BTreeMap::new(), mark, queue, kept, failed: None }
    }

    pub(super) fn run(mut self) {
        while let Ok(first) = self.queue.recv() {
            let mut writes = vec![first];
            let mut bytes = 0;
            while bytes < FRAME_BYTES {
                let Ok(write) = self.queue.try_recv() else { break };
                bytes += write.entries.iter().map(|(_, _, bytes)| bytes.len()).sum::<usize>();
                writes.push(write);
            }
            let stop = writes.iter().any(|write| write.stop);
            let rotate = writes.iter().any(|write| write.rotate);
            let purged = rotate || writes.iter().any(|write| write.purge.is_some());
            let result = self.write(&writes, rotate, purged);
            for write in writes {
                write.finish(&result);
            }
            if stop {
                return;
            }
        }
    }

    fn write(&mut self, writes: &[Write], rotate: bool, purged: bool) -> Result<(), String> {
        if let Some(why) = &self.failed {
            return Err(why.clone());
        }
        let result = self.try_write(writes, rotate, purged);
        result.map_err(|failure| {
            let why = format!("the log of entries cannot be written: {}", failure.into_error());
            tracing::error!(why, "the node writes no more");
            self.failed.insert(why).clone()
        })
    }

    fn try_write(&mut self, writes: &[Write], rotate: bool, purged: bool) -> Result<(), Failure> {
        let mut buffer = begin();
        let mut places = Vec::new();
        let at = self.log.len();
        for write in writes {
            if let Some((group, vote)) = &write.vote {
                push(&mut buffer, &Record::Vote { group: *group, vote: Bytes::new(vote) });
            }
            if let Some((group, index)) = write.truncate {
                push(&mut buffer, &Record::Truncate { group, index });
            }
            if let Some((group, index, mark)) = &write.purge {
                let mark = Bytes::new(mark);
                push(&mut buffer, &Record::Purge { group: *group, index: *index, mark });
            }
            for (group, index, bytes) in &write.entries {
                let record =
                    Record::Entry { group: *group, index: *index, bytes: Bytes::new(bytes) };
                push(&mut buffer, &record);
                let begin = at + (buffer.len() - bytes.len()) as u64;
                places.push((*group, *index, bytes.clone(), begin));
                let most = self.most.entry(*group).or_default();
                *most = (*index).max(*most);
            }
        }
        self.add_commits(&mut buffer);
        if buffer.len() > frame::HEADER + 1 {
            self.append(buffer)?;
            self.shared.lock().placed(&places, self.segment);
        }
        if rotate || self.log.len() >= self.shared.options.segment_bytes {
            self.rotate()?;
        }
        if rotate || purged {
            self.purge().map_err(Failure::Fatal)?;
        }
        Ok(())
    }

    fn add_commits(&self, buffer: &mut Vec<u8>) {
        let mut state = self.shared.lock();
        for (group, known) in (0..).zip(&mut state.groups) {
            if std::mem::take(&mut known.newly_committed)
                && let Some(committed) = &known.committed
            {
                push(buffer, &Record::Commit { group, committed: Bytes::new(committed) });
            }
        }
    }

    fn append(&mut self, buffer: Vec<u8>) -> Result<(), Failure> {
        let bytes = buffer.len() as u64;
        let seq = self.log.append(buffer)?;
        // Not synced: exact after a kill, maybe old after a power loss, never ahead of the log.
        if let Err(error) = self.mark.write_at(0, &encode_mark(&self.shared.options.id, seq)) {
            tracing::warn!(%error, "the mark of what was acknowledged was not written");
        }
        self.shared.lock().bytes += bytes;
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), Failure> {
        let segment = self.log.rotate()?;
        let most = std::mem::take(&mut self.most);
        self.kept.push_back(Kept { segment, most });
        self.segment = self.log.next();
        self.restate()
    }

    /// Says of every group what the segments before this one say of it.
    pub(super) fn restate(&mut self) -> Result<(), Failure> {
        let mut buffer = begin();
        for (group, known) in (0..).zip(&self.shared.lock().groups) {
            if let Some(vote) = &known.vote {
                push(&mut buffer, &Record::Vote { group, vote: Bytes::new(vote) });
            }
            if let Some(committed) = &known.committed {
                push(&mut buffer, &Record::Commit { group, committed: Bytes::new(committed) });
            }
            if let Some((index, mark)) = &known.purged {
                push(&mut buffer, &Record::Purge { group, index: *index, mark: Bytes::new(mark) });
            }
        }
        self.append(buffer)
    }

    /// Removes the oldest segments as long as all entries in them are purged.
    fn purge(&mut self) -> io::Result<()> {
        let mut removed = false;
        loop {
            let mut state = self.shared.lock();
            let purged = |group: u16| state.groups[usize::from(group)].purged.as_ref();
            let gone = |kept: &Kept| {
                let mut most = kept.most.iter();
                most.all(|(group, most)| purged(*group).is_some_and(|(index, _)| most <= index))
            };
            let Some(kept) = self.kept.front().filter(|kept| gone(kept)) else { break };
            state.bytes = state.bytes.saturating_sub(kept.segment.bytes);
            drop(state);
            self.shared.options.disk.remove(&kept.segment.path)?;
            self.kept.pop_front();
            removed = true;
        }
        if removed {
            self.shared.options.disk.sync_dir(&self.shared.options.dir)?;
        }
        Ok(())
    }
}

fn begin() -> Vec<u8> {
    let mut buffer = frame::begin();
    record::begin(&mut buffer);
    buffer
}

fn push(buffer: &mut Vec<u8>, record: &Record<'_>) {
    record::push(buffer, record);
}
