//! When a frame is closed: under load it waits a little for company.
//!
//! While a frame is synced, what comes in queues up and shares the next sync. On a fast disk that
//! is too little: a sync is over before the many that were just answered come back, and each
//! handful of them pays for a sync of its own. So frames keep a distance that grows with how much
//! they carry. Whoever is alone never waits, and a slow disk keeps the distance by itself.

use std::time::{Duration, Instant};

/// The distance that each append of the frame before is worth.
const EACH: Duration = Duration::from_micros(100);
/// The largest distance between the beginnings of two frames.
const MOST: Duration = Duration::from_millis(2);
/// How long the writer sleeps before it looks who came. It is not woken by each arrival: under
/// load that would cost more than the syncs that are saved.
const NAP: Duration = Duration::from_micros(200);

/// What the writer remembers of the frame before.
pub(super) struct Company {
    began: Instant,
    appends: u32,
}

impl Company {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), appends: 0 }
    }

    /// A frame of so many appends is written now.
    pub(super) fn frame(&mut self, appends: usize) {
        self.began = Instant::now();
        self.appends = u32::try_from(appends).unwrap_or(u32::MAX);
    }

    /// How long to wait before looking again, when so many appends wait already; none when the
    /// frame is to be written at once.
    pub(super) fn wait(&self, appends: usize, now: Instant) -> Option<Duration> {
        // As many as the last time: whoever is there in turns has come.
        if self.appends < 2 || appends >= self.appends as usize {
            return None;
        }
        let distance = EACH.saturating_mul(self.appends).min(MOST);
        let left = distance.checked_sub(now.saturating_duration_since(self.began))?;
        (!left.is_zero()).then(|| left.min(NAP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(appends: usize) -> Company {
        let mut company = Company::new();
        company.frame(appends);
        company
    }

    #[test]
    fn nobody_alone_waits() {
        for before in [0, 1] {
            let company = after(before);
            assert_eq!(company.wait(1, company.began), None);
        }
    }

    #[test]
    fn waits_until_as_many_came_as_before() {
        let company = after(8);
        assert!(company.wait(7, company.began).is_some());
        assert_eq!(company.wait(8, company.began), None);
    }

    #[test]
    fn the_distance_is_bounded_and_a_slow_disk_keeps_it_by_itself() {
        let company = after(3);
        assert_eq!(company.wait(1, company.began + EACH * 2), Some(EACH));
        assert_eq!(company.wait(1, company.began + EACH * 3), None);
        let company = after(usize::MAX);
        assert_eq!(company.wait(1, company.began), Some(NAP));
        assert_eq!(company.wait(1, company.began + MOST), None);
    }
}
