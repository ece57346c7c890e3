//! What confidences were worth: a fold of stated confidence and outcome into a monotone map.
//!
//! One [`Calibration`] belongs to one model and task kind; who keeps it and feeds it is decided
//! elsewhere. Outcomes are counted in bins of the stated confidence. Each bin's share of right
//! answers is drawn towards the stated confidence as if some answers had borne it out, so that
//! little data changes little, and the bins are made monotone by pooling neighbours that are in
//! the wrong order. Old outcomes fade: counts are halved when there are many.

use serde::{Deserialize, Serialize};

/// How many bins 0..=1 is cut into.
const BINS: u8 = 20;
/// How many answers as stated each bin begins with.
const PRIOR: f64 = 8.0;
/// How much a bin without outcomes weighs when neighbours are pooled.
const EMPTY_WEIGHT: f64 = 0.5;
/// From so many outcomes on, counts are halved.
const MOST: u32 = 2_000;
/// Stated confidences are summed up in these parts of one, so that a fold is exact wherever it is
/// written and read back.
const PARTS: f64 = 10_000.0;

/// Stated confidences and what became of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Bins that hold something, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bins: Vec<Bin>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Bin {
    /// Which one, from 0.
    at: u8,
    /// Outcomes; faded ones count less.
    n: u32,
    /// Right ones.
    right: u32,
    /// The sum of the stated confidences, in ten-thousandths.
    stated: u32,
}

impl Bin {
    /// Outcomes, right ones, and the sum of the stated confidences.
    fn sums(&self) -> (f64, f64, f64) {
        (f64::from(self.n), f64::from(self.right), f64::from(self.stated) / PARTS)
    }
}

impl Calibration {
    /// Takes in an outcome. What is not a number counts as no confidence.
    pub fn observe(&mut self, confidence: f64, correct: bool) {
        let confidence = within(confidence);
        let at = bin_of(confidence);
        let place = match self.bins.binary_search_by_key(&at, |b| b.at) {
            Ok(place) => place,
            Err(place) => {
                self.bins.insert(place, Bin { at, n: 0, right: 0, stated: 0 });
                place
            }
        };
        let bin = &mut self.bins[place];
        bin.n += 1;
        bin.right += u32::from(correct);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=10,000")]
        let stated = (confidence * PARTS).round() as u32;
        bin.stated += stated;
        if self.observations() > MOST {
            for bin in &mut self.bins {
                // Wrong ones are halved as right ones are, and the mean stays.
                let right = bin.right / 2;
                let n = right + (bin.n - bin.right) / 2;
                bin.stated = u32::try_from(u64::from(bin.stated) * u64::from(n) / u64::from(bin.n))
                    .unwrap_or(u32::MAX);
                (bin.n, bin.right) = (n, right);
            }
            self.bins.retain(|b| b.n > 0);
        }
    }

    /// How many outcomes are known; faded ones count less.
    #[must_use]
    pub fn observations(&self) -> u32 {
        self.bins.iter().map(|b| b.n).sum()
    }

    /// What a stated confidence is worth, in 0..=1: the same without outcomes, and never less for
    /// a higher one.
    #[must_use]
    pub fn apply(&self, confidence: f64) -> f64 {
        let confidence = within(confidence);
        if self.bins.is_empty() {
            return confidence;
        }
        let points = self.points();
        let after = points.partition_point(|(x, _)| *x < confidence);
        let (Some(right), Some(left)) = (points.get(after), points.get(after.saturating_sub(1)))
        else {
            return points.last().map_or(confidence, |(_, y)| *y);
        };
        if right.0 <= left.0 {
            return right.1;
        }
        let share = (confidence - left.0) / (right.0 - left.0);
        within(left.1 + share * (right.1 - left.1))
    }

    /// The expected calibration error: how far stated confidences are from the share of right
    /// answers, in the mean over outcomes. None without outcomes.
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        let all = f64::from(self.observations());
        let sums = self.bins.iter().map(Bin::sums);
        let off: f64 = sums.map(|(_, right, stated)| (right - stated).abs()).sum();
        (all > 0.0).then(|| off / all)
    }

    /// The map: stated confidence and worth, both rising.
    fn points(&self) -> Vec<(f64, f64)> {
        let mut points: Vec<(f64, f64, f64)> = (0..BINS)
            .map(|at| {
                let middle = (f64::from(at) + 0.5) / f64::from(BINS);
                match self.bins.iter().find(|b| b.at == at) {
                    Some(bin) => {
                        let (n, right, stated) = bin.sums();
                        let stated = stated / n;
                        (stated, (right + PRIOR * stated) / (n + PRIOR), n + EMPTY_WEIGHT)
                    }
                    None => (middle, middle, EMPTY_WEIGHT),
                }
            })
            .collect();
        pool(&mut points);
        // Full confidence, and none, are worth what is said of their neighbours.
        let ends = [points[0], points[points.len() - 1]].map(|(x, y, _)| y - x);
        let inner = points.into_iter().map(|(x, y, _)| (x, y));
        let mut out: Vec<(f64, f64)> = vec![(0.0, within(ends[0]))];
        out.extend(inner);
        let last = out[out.len() - 1].1;
        out.push((1.0, within(1.0 + ends[1]).max(last)));
        out[0].1 = out[0].1.min(out[1].1);
        out
    }
}

/// Pools neighbours until the values rise: (place, value, weight).
fn pool(points: &mut [(f64, f64, f64)]) {
    // Blocks of pooled neighbours: value, weight, how many.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(points.len());
    for (_, value, weight) in points.iter() {
        let mut block = (*value, *weight, 1);
        while let Some(before) = blocks.last().copied().filter(|b| b.0 > block.0) {
            blocks.pop();
            let whole = before.1 + block.1;
            let value = (before.0 * before.1 + block.0 * block.1) / whole;
            block = (value, whole, before.2 + block.2);
        }
        blocks.push(block);
    }
    let values = blocks.iter().flat_map(|(value, _, n)| std::iter::repeat_n(*value, *n));
    for (point, value) in points.iter_mut().zip(values) {
        point.1 = value;
    }
}

fn bin_of(confidence: f64) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..=20")]
    let at = (confidence * f64::from(BINS)) as u8;
    at.min(BINS - 1)
}

fn within(value: f64) -> f64 {
    if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn without_outcomes_nothing_changes() {
        let none = Calibration::default();
        for confidence in [0.0, 0.3, 0.85, 1.0] {
            assert_eq!(none.apply(confidence), confidence);
        }
        assert_eq!((none.error(), none.apply(f64::NAN)), (None, 0.0));
    }

    #[test]
    fn little_data_changes_little_and_much_changes_much() {
        let mut calibration = Calibration::default();
        calibration.observe(0.9, false);
        let little = calibration.apply(0.9);
        assert!(little > 0.75 && little < 0.9, "{little}");
        for _ in 0..200 {
            calibration.observe(0.9, false);
        }
        assert!(calibration.apply(0.9) < 0.15, "{}", calibration.apply(0.9));
        assert!(calibration.apply(0.3) <= calibration.apply(0.9) + 1e-12);
    }

    #[test]
    fn boasting_is_corrected_and_the_map_rises() {
        let mut rng = StdRng::seed_from_u64(5);
        let mut calibration = Calibration::default();
        // Who says 0.9 is right in 0.7 of the cases, and so on: stated² + 0.1 or less.
        let worth = |stated: f64| (stated * stated * 0.9).min(0.95);
        for _ in 0..1_500 {
            let stated = rng.random_range(0.3..1.0);
            calibration.observe(stated, rng.random_bool(worth(stated)));
        }
        let mut after = Calibration::default();
        let (mut before_off, mut after_off) = (0.0, 0.0);
        for _ in 0..2_000 {
            let stated = rng.random_range(0.3..1.0);
            let (right, applied) = (rng.random_bool(worth(stated)), calibration.apply(stated));
            after.observe(applied, right);
            before_off += (stated - worth(stated)).abs();
            after_off += (applied - worth(stated)).abs();
        }
        assert!(after_off < before_off / 2.0, "{after_off} of {before_off}");
        let (was, is) = (calibration.error().expect("some"), after.error().expect("some"));
        assert!(is < was / 2.0, "{is} after {was}");
        let map: Vec<f64> = (0..=100).map(|i| calibration.apply(f64::from(i) / 100.0)).collect();
        assert!(map.windows(2).all(|w| w[0] <= w[1] + 1e-12), "{map:?}");
        assert!(map.iter().all(|v| (0.0..=1.0).contains(v)));
    }

    #[test]
    fn it_stays_small_and_is_written_and_read_back() {
        let mut calibration = Calibration::default();
        for i in 0..50_000u32 {
            calibration.observe(f64::from(i % 101) / 100.0, i % 3 == 0);
        }
        let text = serde_json::to_string(&calibration).expect("it can be written");
        assert!(text.len() < 2_500, "{}", text.len());
        assert_eq!(
            serde_json::from_str::<Calibration>(&text).expect("it can be read"),
            calibration
        );
        assert!(calibration.observations() <= MOST);
        let empty: Calibration = serde_json::from_str("{}").expect("nothing is known");
        assert_eq!(empty, Calibration::default());
    }
}
