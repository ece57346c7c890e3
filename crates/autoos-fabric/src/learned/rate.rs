//! A share of good ends that follows the present: it remembers about the last fifty, and what it
//! remembers counts half after a day.

use serde::{Deserialize, Serialize};

/// Ends that are remembered.
const MEMORY: f64 = 50.0;
/// After so many milliseconds what is remembered counts half: a day.
const HALF_LIFE_MS: f64 = 86_400_000.0;

/// How many ended well, of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    good: f64,
    all: f64,
    at_ms: u64,
}

impl Rate {
    /// Counts ends in; an earlier time than the last counts as that.
    pub fn observe(&mut self, good: u32, bad: u32, at_ms: u64) {
        if good == 0 && bad == 0 {
            return;
        }
        let left = self.left(at_ms);
        self.at_ms = self.at_ms.max(at_ms);
        self.good = self.good * left + f64::from(good);
        self.all = self.all * left + f64::from(good) + f64::from(bad);
        if self.all > MEMORY {
            self.good *= MEMORY / self.all;
            self.all = MEMORY;
        }
    }

    /// The share of good ends, when as many as `weight` of the share `expected` are added.
    #[must_use]
    pub fn share(&self, expected: f64, weight: f64, now_ms: u64) -> f64 {
        let left = self.left(now_ms);
        ((self.good * left + expected * weight) / (self.all * left + weight)).clamp(0.0, 1.0)
    }

    /// How many ends are remembered.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.all
    }

    fn left(&self, now_ms: u64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a part of a day is enough")]
        let passed = now_ms.saturating_sub(self.at_ms) as f64;
        0.5_f64.powf(passed / HALF_LIFE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_present_and_goes_back_to_the_expected() {
        let day = HALF_LIFE_MS as u64;
        let mut rate = Rate::default();
        assert!((rate.share(0.7, 5.0, 0) - 0.7).abs() < 1e-9);
        rate.observe(1_000, 0, 0);
        assert!(rate.share(0.7, 5.0, 0) > 0.95);
        rate.observe(0, 50, 0);
        assert!(rate.share(0.7, 5.0, 0) < 0.52, "{rate:?}");
        rate.observe(0, 500, 0);
        assert!(rate.share(0.7, 5.0, 0) < 0.12, "{rate:?}");
        assert!((rate.share(0.7, 5.0, 20 * day) - 0.7).abs() < 0.01);
        // A clock that goes back undoes nothing.
        rate.observe(1, 0, 0);
        assert!(rate.share(0.7, 5.0, 0) < 0.15);
    }
}
