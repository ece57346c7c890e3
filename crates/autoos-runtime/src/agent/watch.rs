//! The watch over an agent's work: a crash is told by its task, work that is stuck is found here.
//!
//! Work that waits gives its thread back, however long it waits; that is declared, and no fault.
//! Work that keeps its thread is stuck, since not even a stop reaches it. So every poll of the
//! work stamps its begin and its end, and whoever waits for the work looks at the stamp from
//! outside: the same poll seen at [`LOOKS`] looks in a row is given up. Looks are counted rather
//! than time, so that a process that was halted for a while suspects nobody.
//!
//! Left out: work that waits for ever, which the deadline of its attempt ends, and the thread of
//! work that is stuck, which nobody can take back before the work returns.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::{JoinError, JoinHandle};

/// The time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks in a row that must see the same poll: it has taken three seconds then, and not yet four.
const LOOKS: u32 = 4;

/// What polls of the work leave behind.
#[derive(Clone)]
pub(super) struct Stamp(Arc<Polls>);

struct Polls {
    /// How often one began or ended: odd while one goes on.
    stamp: AtomicU64,
    /// When that was last, in microseconds since `epoch`.
    at_us: AtomicU64,
    epoch: Instant,
}

impl Default for Stamp {
    fn default() -> Self {
        let (stamp, at_us) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Polls { stamp, at_us, epoch: Instant::now() }))
    }
}

impl Polls {
    fn us(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn moved(&self) {
        self.at_us.store(self.us(), Ordering::Relaxed);
        self.stamp.fetch_add(1, Ordering::Relaxed);
    }
}

impl Stamp {
    /// The work, stamping as it goes.
    pub(super) async fn on<T>(self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(move |context| {
            let _polling = Polling::begin(&self.0);
            work.as_mut().poll(context)
        })
        .await
    }

    /// How long ago a poll began or ended: the last sign of life.
    pub(super) fn since(&self) -> Duration {
        Duration::from_micros(self.0.us().saturating_sub(self.0.at_us.load(Ordering::Relaxed)))
    }

    /// The poll that goes on; none while the work waits.
    fn polling(&self) -> Option<u64> {
        let stamp = self.0.stamp.load(Ordering::Relaxed);
        (stamp % 2 == 1).then_some(stamp)
    }
}

/// A poll, which ends even when it panics.
struct Polling<'a>(&'a Polls);

impl<'a> Polling<'a> {
    fn begin(polls: &'a Polls) -> Self {
        polls.moved();
        Self(polls)
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.moved();
    }
}

/// What came of watched work; none when it is stuck.
pub(super) async fn end<T>(mut work: JoinHandle<T>, stamp: Stamp) -> Option<Result<T, JoinError>> {
    let (mut last, mut looks) = (None, 0);
    loop {
        tokio::select! {
            biased;
            over = &mut work => return Some(over),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let polling = stamp.polling();
        looks = if polling == last { looks + 1 } else { 1 };
        last = polling;
        if polling.is_some() && looks >= LOOKS {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn work_that_keeps_its_thread_is_given_up() {
        let (release, held) = mpsc::channel::<()>();
        let stamp = Stamp::default();
        let work = tokio::spawn(stamp.clone().on(async move { held.recv().is_ok() }));
        assert!(end(work, stamp).await.is_none(), "it never waited");
        release.send(()).expect("it is still there");
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_waits_is_not_suspected() {
        let stamp = Stamp::default();
        let work = tokio::spawn(stamp.clone().on(tokio::time::sleep(LOOK_EVERY * 3_600)));
        assert!(matches!(end(work, stamp).await, Some(Ok(()))));
    }

    #[tokio::test]
    async fn a_panic_is_its_end_and_no_standstill() {
        let stamp = Stamp::default();
        let work = tokio::spawn(stamp.clone().on(async { panic!("as the test wants") }));
        let over: Option<Result<(), _>> = end(work, stamp.clone()).await;
        assert!(over.is_some_and(|over| over.is_err_and(|error| error.is_panic())));
        assert_eq!(stamp.polling(), None);
    }
}
