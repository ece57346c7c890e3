//! What the edge counts of itself: requests by route and outcome, how long they took, refusals.
//!
//! Routes are the router's templates and the contract's methods, never what a client wrote, so
//! the number of series is bounded.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Upper bounds of the durations' buckets, in seconds; a last one without bound follows.
pub(crate) const BOUNDS_S: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Meters(Mutex<Counts>);

/// What they stood at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// By protocol, route and status.
    pub(crate) requests: BTreeMap<(&'static str, String, String), u64>,
    /// By protocol and route.
    pub(crate) durations: BTreeMap<(&'static str, String), Durations>,
    /// By the code of the problem.
    pub(crate) refusals: BTreeMap<&'static str, u64>,
}

/// A distribution.
#[derive(Debug, Clone, Default)]
pub(crate) struct Durations {
    pub(crate) buckets: [u64; BOUNDS_S.len() + 1],
    pub(crate) sum_s: f64,
    pub(crate) count: u64,
}

impl Meters {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request was answered.
    pub(crate) fn request(
        &self,
        protocol: &'static str,
        route: &str,
        status: String,
        took: Duration,
    ) {
        let mut counts = self.lock();
        *counts.requests.entry((protocol, route.to_owned(), status)).or_default() += 1;
        let durations = counts.durations.entry((protocol, route.to_owned())).or_default();
        let s = took.as_secs_f64();
        durations.buckets[BOUNDS_S.partition_point(|bound| *bound < s)] += 1;
        durations.sum_s += s;
        durations.count += 1;
    }

    /// A request was refused.
    pub(crate) fn refusal(&self, code: &'static str) {
        *self.lock().refusals.entry(code).or_default() += 1;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }
}
