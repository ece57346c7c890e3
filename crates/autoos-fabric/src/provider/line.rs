//! The line of one call: how a provider shows that an answer is coming.
//!
//! Whoever waits for a call cannot tell a slow model from a dead one unless it is told, so a
//! provider says so with each piece. The actor in front watches the line, and ends a call that
//! has been silent for longer than its deadline.

use super::limits::Stated;
use crate::{config::Timeouts, learned::Record};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Calls that a learned deadline rests on at least.
const ENOUGH: u64 = 20;
/// A learned deadline is so many times what nearly all calls need.
const PATIENCE: f64 = 4.0;
/// The shortest learned deadline, in milliseconds: what a busy machine may take to look.
const SHORTEST_MS: u64 = 3_000;

/// One call's line; cheap to clone.
#[derive(Debug, Clone)]
pub struct Line(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// When the call was begun to be made.
    began: Instant,
    /// Microseconds from there to the first and the latest piece; 0 before the first.
    first_us: AtomicU64,
    latest_us: AtomicU64,
    /// At least 1 as soon as there were two pieces.
    longest_gap_us: AtomicU64,
    stated: Mutex<Option<Stated>>,
    /// Told at the first piece, since from then on another deadline counts.
    came: Notify,
}

/// Silence that ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silence {
    /// Whether part of an answer had come.
    pub(crate) began: bool,
    /// How long nothing came, in milliseconds.
    pub(crate) ms: u64,
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl Line {
    /// The line of a call that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            first_us: AtomicU64::new(0),
            latest_us: AtomicU64::new(0),
            longest_gap_us: AtomicU64::new(0),
            stated: Mutex::new(None),
            came: Notify::new(),
        }))
    }

    /// A piece of the answer came. Pings are none: they show that the connection is up, and not
    /// that anything comes.
    pub fn piece(&self) {
        let inner = &self.0;
        let now = u64::try_from(inner.began.elapsed().as_micros()).unwrap_or(u64::MAX).max(1);
        let before = inner.latest_us.swap(now, Ordering::Relaxed);
        if before == 0 {
            inner.first_us.store(now, Ordering::Relaxed);
            inner.came.notify_one();
        } else {
            inner.longest_gap_us.fetch_max(now.saturating_sub(before).max(1), Ordering::Relaxed);
        }
    }

    /// The provider stated its limits with this call.
    pub fn stated(&self, stated: Stated) {
        *self.0.stated.lock().unwrap_or_else(PoisonError::into_inner) = Some(stated);
    }

    pub(crate) fn take_stated(&self) -> Option<Stated> {
        self.0.stated.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Time since the call began.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Time since the last piece, or since the call began.
    pub(crate) fn silent_ms(&self) -> u64 {
        let latest = Duration::from_micros(self.0.latest_us.load(Ordering::Relaxed));
        let silent = self.0.began.elapsed().saturating_sub(latest);
        u64::try_from(silent.as_millis()).unwrap_or(u64::MAX)
    }

    /// To the first piece.
    pub(crate) fn first_ms(&self) -> Option<u64> {
        millis(self.0.first_us.load(Ordering::Relaxed))
    }

    /// The longest time between two pieces.
    pub(crate) fn longest_gap_ms(&self) -> Option<u64> {
        millis(self.0.longest_gap_us.load(Ordering::Relaxed))
    }

    /// Waits until the line has been silent for too long.
    pub(crate) async fn silence(&self, deadlines: Deadlines) -> Silence {
        loop {
            let latest = self.0.latest_us.load(Ordering::Relaxed);
            let ms = if latest == 0 { deadlines.first_ms } else { deadlines.gap_ms };
            let due = Duration::from_micros(latest) + Duration::from_millis(ms);
            let overdue = tokio::time::sleep_until((self.0.began + due).into());
            if latest == 0 {
                tokio::select! {
                    () = overdue => {}
                    () = self.0.came.notified() => continue,
                }
            } else {
                overdue.await;
            }
            if self.0.latest_us.load(Ordering::Relaxed) == latest {
                return Silence { began: latest > 0, ms };
            }
        }
    }
}

fn millis(us: u64) -> Option<u64> {
    (us > 0).then_some(us.div_ceil(1_000))
}

/// How long a line may be silent, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadlines {
    /// Before the first piece.
    pub(crate) first_ms: u64,
    /// Between two.
    pub(crate) gap_ms: u64,
}

impl Deadlines {
    /// What a model has shown to need, several times over, where enough calls show it; else, and
    /// at most, what is configured. So a model that is quick by habit is found silent within
    /// seconds, and one that is slow or new gets its patience. Each of the calls that were ended
    /// for silence lately doubles it, so that a model that has become slow is heard again.
    pub(crate) fn learned(timeouts: Timeouts, record: Option<&Record>, silences: u32) -> Self {
        let of = |sketch: Option<&crate::learned::Sketch>, configured: u64| {
            let known = sketch.filter(|sketch| sketch.count() >= ENOUGH);
            let Some(usual) = known.and_then(|sketch| sketch.quantile(0.99)) else {
                return configured;
            };
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "hours")]
            let learned = (usual * PATIENCE).ceil() as u64;
            learned.max(SHORTEST_MS).saturating_mul(1 << silences.min(16)).min(configured)
        };
        Self {
            first_ms: of(record.map(|record| &record.first), timeouts.first_token_ms),
            gap_ms: of(record.map(|record| &record.gap), timeouts.chunk_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(first_ms: u64, gap_ms: u64, calls: usize) -> Deadlines {
        let mut record = Record::default();
        for _ in 0..calls {
            record.first.add(first_ms);
            record.gap.add(gap_ms);
        }
        let timeouts = Timeouts { connect_ms: 1, first_token_ms: 180_000, chunk_ms: 60_000 };
        Deadlines::learned(timeouts, Some(&record), 0)
    }

    #[test]
    fn quick_models_are_found_silent_soon_and_slow_or_new_ones_are_waited_for() {
        let configured = Deadlines { first_ms: 180_000, gap_ms: 60_000 };
        assert_eq!(after(300, 20, 19), configured);
        assert_eq!(after(300, 20, 20), Deadlines { first_ms: 3_000, gap_ms: 3_000 });
        let quick = after(1_150, 100, 100);
        assert!(quick.first_ms <= 5_000 && quick.gap_ms <= 5_000, "{quick:?}");
        let slow = after(60_000, 18_000, 100);
        assert_eq!(slow, configured);
    }

    #[tokio::test]
    async fn pieces_put_silence_off() {
        let line = Line::new();
        let deadlines = Deadlines { first_ms: 40, gap_ms: 20 };
        assert_eq!(line.silence(deadlines).await, Silence { began: false, ms: 40 });
        line.piece();
        assert_eq!(line.silence(deadlines).await, Silence { began: true, ms: 20 });
        assert!(line.first_ms().is_some() && line.longest_gap_ms().is_none());
        line.piece();
        assert!(line.longest_gap_ms().is_some());
    }

    #[tokio::test]
    async fn after_the_first_piece_the_other_deadline_counts() {
        let line = Line::new();
        let deadlines = Deadlines { first_ms: 3_600_000, gap_ms: 20 };
        let (silence, ()) = tokio::join!(line.silence(deadlines), async {
            tokio::task::yield_now().await;
            line.piece();
        });
        assert_eq!(silence, Silence { began: true, ms: 20 });
    }
}
