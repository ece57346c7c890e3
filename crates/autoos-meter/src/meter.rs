//! Counts that are added to while work goes on, and read whole.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A distribution that is added to: a count for each bucket, and the sum of all values.
#[derive(Debug)]
pub struct Meter {
    bounds: &'static [f64],
    /// One more than bounds: the last holds what is above all of them.
    buckets: Box<[AtomicU64]>,
    /// The bits of an `f64`.
    sum: AtomicU64,
    /// The last traced value of each bucket.
    exemplars: Mutex<Vec<Option<Exemplar>>>,
}

/// What a [`Meter`] stood at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distribution {
    /// Upper bounds of the buckets, rising.
    pub bounds: &'static [f64],
    /// How many values fell into each bucket, not counting those below; one more than bounds.
    pub buckets: Vec<u64>,
    /// All values added up.
    pub sum: f64,
    /// For each bucket a value that can be looked at closer; empty where none is kept.
    pub exemplars: Vec<Option<Exemplar>>,
}

/// A value, and the trace that it is from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// Which trace, as W3C has it.
    pub trace_id: u128,
    /// The value.
    pub value: f64,
    /// When, in seconds since 1970.
    pub at_s: f64,
}

impl Meter {
    /// A meter without values. `bounds` rise.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        debug_assert!(bounds.is_sorted());
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum: AtomicU64::new(0), exemplars: Mutex::default() }
    }

    /// Adds a value. What is no number, or below zero, is none that is measured here.
    pub fn add(&self, value: f64) {
        if value >= 0.0 {
            self.buckets[self.bucket(value)].fetch_add(1, Relaxed);
            let more = |sum| Some((f64::from_bits(sum) + value).to_bits());
            // It always gives a new value, so this cannot fail.
            let _ = self.sum.fetch_update(Relaxed, Relaxed, more);
        }
    }

    /// Adds a duration, in seconds.
    pub fn took(&self, took: Duration) {
        self.add(took.as_secs_f64());
    }

    /// Adds a value that belongs to a trace, if it does.
    pub fn add_traced(&self, value: f64, trace_id: Option<u128>) {
        self.add(value);
        if let Some(trace_id) = trace_id {
            let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let exemplar = Exemplar { trace_id, value, at_s: at.as_secs_f64() };
            let mut exemplars = lock(&self.exemplars);
            exemplars.resize(self.buckets.len(), None);
            exemplars[self.bucket(value)] = Some(exemplar);
        }
    }

    fn bucket(&self, value: f64) -> usize {
        self.bounds.partition_point(|bound| *bound < value)
    }

    /// What it stands at.
    #[must_use]
    pub fn read(&self) -> Distribution {
        Distribution {
            bounds: self.bounds,
            buckets: self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect(),
            sum: f64::from_bits(self.sum.load(Relaxed)),
            exemplars: lock(&self.exemplars).clone(),
        }
    }
}

impl Distribution {
    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The bound below which this part (0 to 1) of the values lies; infinite when it lies above
    /// all bounds, 0 without values.
    #[must_use]
    pub fn quantile(&self, part: f64) -> f64 {
        let rank = self.count() as f64 * part;
        let mut seen = 0;
        for (count, bound) in self.buckets.iter().zip(self.bounds) {
            seen += count;
            if seen as f64 >= rank {
                return if self.count() == 0 { 0.0 } else { *bound };
            }
        }
        f64::INFINITY
    }
}

/// Counts by a closed set of keys, for what happens seldom enough for a lock.
#[derive(Debug)]
pub struct Tally<K>(Mutex<BTreeMap<K, u64>>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Clone> Tally<K> {
    /// Counts so many more.
    pub fn add(&self, key: K, more: u64) {
        *lock(&self.0).entry(key).or_default() += more;
    }

    /// What it stands at.
    #[must_use]
    pub fn read(&self) -> BTreeMap<K, u64> {
        lock(&self.0).clone()
    }
}

/// Meters by a closed set of keys.
#[derive(Debug)]
pub struct Meters<K> {
    bounds: &'static [f64],
    all: Mutex<BTreeMap<K, Arc<Meter>>>,
}

impl<K: Ord + Clone> Meters<K> {
    /// None yet; all that come have these bounds.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, all: Mutex::default() }
    }

    /// The meter of a key.
    #[must_use]
    pub fn of(&self, key: K) -> Arc<Meter> {
        lock(&self.all).entry(key).or_insert_with(|| Arc::new(Meter::new(self.bounds))).clone()
    }

    /// What they stand at.
    #[must_use]
    pub fn read(&self) -> Vec<(K, Distribution)> {
        lock(&self.all).iter().map(|(key, meter)| (key.clone(), meter.read())).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is changed in one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_the_bucket_that_bounds_them() {
        let meter = Meter::new(&[0.1, 1.0]);
        for value in [0.05, 0.1, 0.5, 1.0, 7.0, f64::NAN, -1.0] {
            meter.add(value);
        }
        let read = meter.read();
        assert_eq!(read.buckets, [2, 2, 1]);
        assert!((read.sum - 8.65).abs() < 1e-9);
        assert_eq!(
            (read.quantile(0.4), read.quantile(0.5), read.quantile(1.0)),
            (0.1, 1.0, f64::INFINITY)
        );
        assert_eq!(Meter::new(&[1.0]).read().quantile(0.5), 0.0);
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let meter = Meter::new(&[1.0]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| meter.add(0.5)));
            }
        });
        assert_eq!((meter.read().count(), meter.read().sum), (40_000, 20_000.0));
    }
}
