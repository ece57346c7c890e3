//! What the local journal counts of itself, for metrics and for benchmarks.

use autoos_meter::{Distribution, Meter};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Bounds of the time that syncs and appends take, in seconds.
const TOOK_S: [f64; 14] = [
    0.0001, 0.0002, 0.0004, 0.0008, 0.0016, 0.0032, 0.0064, 0.0128, 0.0256, 0.0512, 0.1024, 0.25,
    1.0, 5.0,
];
/// Bounds of how many appends share a sync.
const APPENDS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0, 4096.0];

/// Counts since the journal was opened.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) events: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) frames: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) purged_segments: AtomicU64,
    pub(crate) layers: AtomicU64,
    /// From an append's call to its answer.
    pub(crate) append: Meter,
    sync: Meter,
    frame_appends: Meter,
}

/// A reading of the counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Events recorded.
    pub events: u64,
    /// Batches recorded.
    pub batches: u64,
    /// Frames written to the log; each took one sync.
    pub frames: u64,
    /// Bytes written to the log.
    pub bytes: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// How often the event store was made durable.
    pub checkpoints: u64,
    /// Segments of the log that were removed.
    pub purged_segments: u64,
    /// How often what was recorded was applied to the event store.
    pub applied: u64,
    /// From the call of an append that was recorded to its answer, in seconds.
    pub append: Distribution,
    /// What writing and syncing a frame took, in seconds.
    pub sync: Distribution,
    /// How many appends a frame held.
    pub frame_appends: Distribution,
}

impl Stats {
    /// The bucket bound below which `quantile` (0 to 1) of the syncs lie, microseconds.
    #[must_use]
    pub fn sync_quantile_us(&self, quantile: f64) -> f64 {
        self.sync.quantile(quantile) * 1e6
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            events: AtomicU64::default(),
            batches: AtomicU64::default(),
            frames: AtomicU64::default(),
            bytes: AtomicU64::default(),
            refused: AtomicU64::default(),
            checkpoints: AtomicU64::default(),
            purged_segments: AtomicU64::default(),
            layers: AtomicU64::default(),
            append: Meter::new(&TOOK_S),
            sync: Meter::new(&TOOK_S),
            frame_appends: Meter::new(&APPENDS),
        }
    }
}

impl Counters {
    /// A frame with so many batches was written and synced.
    pub(crate) fn frame(&self, bytes: usize, batches: usize, took: Duration) {
        self.frames.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.sync.took(took);
        if batches > 0 {
            self.frame_appends.add(batches as f64);
        }
    }

    pub(crate) fn read(&self) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        Stats {
            events: get(&self.events),
            batches: get(&self.batches),
            frames: get(&self.frames),
            bytes: get(&self.bytes),
            refused: get(&self.refused),
            checkpoints: get(&self.checkpoints),
            purged_segments: get(&self.purged_segments),
            applied: get(&self.layers),
            append: self.append.read(),
            sync: self.sync.read(),
            frame_appends: self.frame_appends.read(),
        }
    }
}
