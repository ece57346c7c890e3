//! A share of good ends that follows the present: it remembers about the last fifty, and what it
//! remembers fades with time.

use serde::{Deserialize, Serialize};

/// Ends that are remembered.
const MEMORY: f64 = 50.0;

/// After how long what is remembered counts half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HalfLife {
    /// For what passes by itself: an outage.
    Hour,
    /// For what stays until someone changes it: how good answers are.
    Day,
}

impl HalfLife {
    /// The part of what was remembered that still counts after so long.
    #[must_use]
    pub fn left(self, passed_ms: u64) -> f64 {
        let half_ms = match self {
            Self::Hour => 3_600_000.0,
            Self::Day => 86_400_000.0,
        };
        #[allow(clippy::cast_precision_loss, reason = "a part of an hour is enough")]
        let passed = passed_ms as f64;
        0.5_f64.powf(passed / half_ms)
    }
}

/// How many ended well, of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    good: f64,
    all: f64,
    at_ms: u64,
}

impl Rate {
    /// Counts ends in; an earlier time than the last counts as that.
    pub fn observe(&mut self, good: u32, bad: u32, at_ms: u64, life: HalfLife) {
        if good == 0 && bad == 0 {
            return;
        }
        let left = life.left(at_ms.saturating_sub(self.at_ms));
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
    pub fn share(&self, expected: f64, weight: f64, now_ms: u64, life: HalfLife) -> f64 {
        let left = life.left(now_ms.saturating_sub(self.at_ms));
        ((self.good * left + expected * weight) / (self.all * left + weight)).clamp(0.0, 1.0)
    }

    /// How many ends are remembered.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_present_and_goes_back_to_the_expected() {
        let (day, life) = (86_400_000, HalfLife::Day);
        let mut rate = Rate::default();
        let at = |rate: &Rate, now| rate.share(0.7, 5.0, now, life);
        assert!((at(&rate, 0) - 0.7).abs() < 1e-9);
        rate.observe(1_000, 0, 0, life);
        assert!(at(&rate, 0) > 0.95);
        rate.observe(0, 50, 0, life);
        assert!(at(&rate, 0) < 0.52, "{rate:?}");
        rate.observe(0, 500, 0, life);
        assert!(at(&rate, 0) < 0.12, "{rate:?}");
        assert!((at(&rate, 20 * day) - 0.7).abs() < 0.01);
        assert!(rate.share(0.7, 5.0, day, HalfLife::Hour) > at(&rate, day));
        // A clock that goes back undoes nothing.
        rate.observe(1, 0, 0, life);
        assert!(at(&rate, 0) < 0.15);
    }
}
