//! What the local journal counts of itself, for metrics and for benchmarks.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the sync time's buckets, microseconds; one more bucket holds what is above.
pub const SYNC_BUCKETS_US: [u64; 12] =
    [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 102_400, 1_000_000];

/// Counts since the journal was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) events: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) frames: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) purged_segments: AtomicU64,
    pub(crate) layers: AtomicU64,
    sync_us: AtomicU64,
    sync_buckets: [AtomicU64; SYNC_BUCKETS_US.len() + 1],
}

/// A reading of the counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// The sum of what writing and syncing frames took, microseconds.
    pub sync_us: u64,
    /// How many frames took up to each of [`SYNC_BUCKETS_US`], and longer.
    pub sync_buckets: Vec<u64>,
}

impl Stats {
    /// The bucket bound below which `quantile` (0 to 1) of the syncs lie, microseconds.
    #[must_use]
    pub fn sync_quantile_us(&self, quantile: f64) -> u64 {
        let rank = (self.frames as f64 * quantile).ceil() as u64;
        let mut seen = 0;
        for (count, bound) in self.sync_buckets.iter().zip(SYNC_BUCKETS_US) {
            seen += count;
            if seen >= rank {
                return bound;
            }
        }
        u64::MAX
    }
}

impl Counters {
    pub(crate) fn frame(&self, bytes: usize, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.frames.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.sync_us.fetch_add(us, Relaxed);
        let bucket = SYNC_BUCKETS_US.partition_point(|bound| *bound < us);
        self.sync_buckets[bucket].fetch_add(1, Relaxed);
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
            sync_us: get(&self.sync_us),
            sync_buckets: self.sync_buckets.iter().map(get).collect(),
        }
    }
}
