//! What is kept of the log behind the writer: its complete segments, and when they may go.

use super::{
    open::{LOG, PURGE},
    writer::Request,
};
use crate::{
    Error, disk,
    log::segment::Segment,
    replica::{
        applier::Front,
        core::{Core, lock},
        layer::Layer,
    },
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::Sender,
    },
};

/// The complete segments of the log.
#[derive(Default)]
pub(crate) struct Keep {
    /// Oldest first.
    segments: Mutex<VecDeque<Segment>>,
    /// All frames up to this one must leave the log.
    pub(crate) purge_to: AtomicU64,
}

impl Keep {
    pub(crate) fn new(segments: Vec<Segment>) -> Self {
        Self { segments: Mutex::new(segments.into()), purge_to: AtomicU64::new(0) }
    }

    pub(crate) fn add(&self, segment: Segment) {
        lock(&self.segments).push_back(segment);
    }
}

/// The log, as the applier tells it how far the store has come.
pub(crate) struct LogFront {
    pub(crate) core: Arc<Core>,
    pub(crate) keep: Arc<Keep>,
    pub(crate) requests: Sender<Request>,
}

impl Front for LogFront {
    fn applied(&mut self, layer: &Layer) -> Result<(), Error> {
        if !layer.erased.is_empty() {
            // The log still has what was erased: bring the purge on. After Stop nobody listens,
            // and the next opening finds the word left here.
            let word = self.core.options.dir.join(PURGE);
            disk::replace(&*self.core.options.disk, &word, b"purge\n")?;
            let _ = self.requests.send(Request::Rotate { purge: true });
        }
        Ok(())
    }

    /// Removes segments that are durable in the store, as many as the log keeps too much, and
    /// those that must go.
    fn durable(&mut self, frame: u64) -> Result<bool, Error> {
        let options = &self.core.options;
        let purge_to = self.keep.purge_to.load(Relaxed);
        let mut segments = lock(&self.keep.segments);
        let mut kept: u64 = segments.iter().map(|segment| segment.bytes).sum();
        let mut removed = false;
        while let Some(segment) = segments.front() {
            let over = kept > options.keep_log_bytes || segment.last <= purge_to;
            if segment.last > frame || !over {
                break;
            }
            options.disk.remove(&segment.path)?;
            kept -= segment.bytes;
            segments.pop_front();
            removed = true;
            self.core.counters.purged_segments.fetch_add(1, Relaxed);
        }
        drop(segments);
        if purge_to > 0 && purge_to <= frame {
            let word = options.dir.join(PURGE);
            if let Err(error) = options.disk.remove(&word)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(error.into());
            }
        }
        if removed {
            options.disk.sync_dir(&options.dir.join(LOG))?;
        }
        // A purge that waits for frames which are not applied yet asks again.
        Ok(purge_to > frame)
    }
}
