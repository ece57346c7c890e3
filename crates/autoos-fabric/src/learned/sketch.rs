//! Quantiles of durations in little room: counts in buckets whose bounds grow by a tenth, so
//! that any quantile is within five per cent of the truth. Two sketches add up to one.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Each bucket reaches so much further than the one before.
const GROWTH: f64 = 1.1;
/// The last bucket begins at about an hour.
const LAST: u8 = 160;
/// With more than this, everything counts half: the figures follow the present.
const ENOUGH: u64 = 2_048;

/// Durations in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sketch(BTreeMap<u8, u32>);

impl Sketch {
    /// Counts one in.
    pub fn add(&mut self, ms: u64) {
        *self.0.entry(bucket(ms)).or_default() += 1;
        self.fade();
    }

    /// Counts all of another one in.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            let sum = self.0.entry(*bucket).or_default();
            *sum = sum.saturating_add(*count);
        }
        self.fade();
    }

    /// How many were counted in, of those that still count.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().map(|count| u64::from(*count)).sum()
    }

    /// The duration, in milliseconds, that a part `q` of them does not exceed; none of none.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "counts are small")]
        let mut left = self.count() as f64 * q.clamp(0.0, 1.0);
        let mut found = None;
        for (bucket, count) in &self.0 {
            found = Some(middle(*bucket));
            left -= f64::from(*count);
            if left <= 0.0 {
                break;
            }
        }
        found
    }

    /// The same as whole milliseconds.
    #[must_use]
    pub fn quantile_ms(&self, q: f64) -> Option<u64> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an hour")]
        self.quantile(q).map(|ms| ms.round() as u64)
    }

    fn fade(&mut self) {
        while self.count() > ENOUGH {
            self.0.values_mut().for_each(|count| *count /= 2);
            self.0.retain(|_, count| *count > 0);
        }
    }
}

fn bucket(ms: u64) -> u8 {
    #[allow(clippy::cast_precision_loss, reason = "durations are short")]
    let at = (ms as f64).max(1.0).ln() / GROWTH.ln();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded")]
    let at = at.round().min(f64::from(LAST)) as u8;
    at
}

fn middle(bucket: u8) -> f64 {
    GROWTH.powi(i32::from(bucket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_five_per_cent() {
        let mut sketch = Sketch::default();
        (1..=1_000).for_each(|n| sketch.add(n * 7));
        for (q, truth) in [(0.5, 3_500.0), (0.95, 6_650.0), (0.99, 6_930.0)] {
            let found = sketch.quantile(q).unwrap();
            assert!((found - truth).abs() <= truth * 0.05, "{q}: {found}, not {truth}");
        }
        assert_eq!(Sketch::default().quantile(0.5), None);
    }

    #[test]
    fn parts_add_up_and_the_old_fades() {
        let (mut all, mut left, mut right) =
            (Sketch::default(), Sketch::default(), Sketch::default());
        for n in 0..500 {
            all.add(n);
            if n % 3 == 0 { left.add(n) } else { right.add(n) }
        }
        left.merge(&right);
        assert_eq!(left, all);
        (0..5_000).for_each(|_| all.add(60_000));
        assert!(all.count() <= ENOUGH && all.quantile(0.1).unwrap() > 50_000.0);
        all.add(u64::MAX);
        assert!(all.quantile(1.0).unwrap() > 3_600_000.0);
    }
}
