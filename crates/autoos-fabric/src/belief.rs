//! What is believed of a few weights, and how an observation moves it: online Bayesian regression.
//!
//! Each weight has a mean and the weights have a common covariance, so a learner with a dozen of
//! them is as good as it can be after some tens of observations, which is when a choice among
//! models is worth most. A value is learned by the Kalman update of a linear model; a chance by
//! one Newton step of a logistic one (Laplace's approximation; its prediction is averaged over
//! what is not known yet, after MacKay 1992).
//!
//! Left out: forgetting. Whoever wants old observations to fade begins anew.

use std::collections::BTreeMap;

/// The most weights that one belief holds; names beyond it share the last.
const MOST: usize = 256;

/// What is thought of a weight before the first observation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prior {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

/// An observation's features: which weights it touches, and how much.
pub(crate) type Features = Vec<(usize, f64)>;

/// Weights, as far as they are known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Belief {
    places: BTreeMap<String, usize>,
    mean: Vec<f64>,
    covariance: Vec<Vec<f64>>,
}

impl Belief {
    /// The place of a weight; a new one gets this prior.
    pub(crate) fn place(&mut self, name: &str, prior: Prior) -> usize {
        if let Some(at) = self.places.get(name) {
            return *at;
        }
        let at = self.mean.len().min(MOST - 1);
        if at == self.mean.len() {
            self.mean.push(prior.mean);
            self.covariance.iter_mut().for_each(|row| row.push(0.0));
            self.covariance.push(vec![0.0; at + 1]);
            self.covariance[at][at] = prior.variance;
        }
        self.places.insert(name.to_owned(), at);
        at
    }

    /// The expected value of a linear model.
    pub(crate) fn value(&self, x: &Features) -> f64 {
        x.iter().map(|(at, x)| self.mean[*at] * x).sum()
    }

    /// The chance that a logistic model gives, what is not known averaged over.
    pub(crate) fn chance(&self, x: &Features) -> f64 {
        let doubt = 1.0 + std::f64::consts::PI / 8.0 * self.variance(x, &self.spread(x));
        logistic(self.value(x) / doubt.sqrt())
    }

    /// A value was seen, with this variance of its own.
    pub(crate) fn saw_value(&mut self, x: &Features, value: f64, noise: f64) {
        let spread = self.spread(x);
        let miss = (value - self.value(x)) / (noise + self.variance(x, &spread));
        let narrow = 1.0 / (noise + self.variance(x, &spread));
        self.update(&spread, miss, narrow);
    }

    /// It was seen whether something came true.
    pub(crate) fn saw(&mut self, x: &Features, came_true: bool) {
        let spread = self.spread(x);
        let chance = logistic(self.value(x));
        // Never quite flat, or one surprise at a certain place would teach nothing.
        let curve = chance * (1.0 - chance) + 1e-4;
        let narrow = 1.0 + curve * self.variance(x, &spread);
        let miss = f64::from(u8::from(came_true)) - chance;
        self.update(&spread, miss / narrow, curve / narrow);
    }

    fn spread(&self, x: &Features) -> Vec<f64> {
        self.covariance.iter().map(|row| x.iter().map(|(at, x)| row[*at] * x).sum()).collect()
    }

    fn variance(&self, x: &Features, spread: &[f64]) -> f64 {
        x.iter().map(|(at, x)| spread[*at] * x).sum()
    }

    fn update(&mut self, spread: &[f64], step: f64, narrow: f64) {
        for (at, row) in self.covariance.iter_mut().enumerate() {
            self.mean[at] += spread[at] * step;
            for (beside, cell) in row.iter_mut().enumerate() {
                *cell -= narrow * spread[at] * spread[beside];
            }
        }
    }
}

/// The logistic function, away from where it overflows.
pub(crate) fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z.clamp(-30.0, 30.0)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Prior = Prior { mean: 0.0, variance: 10.0 };

    #[test]
    fn a_line_is_found_from_few_points() {
        let mut belief = Belief::default();
        let (base, slope) = (belief.place("base", WIDE), belief.place("slope", WIDE));
        for x in [0.0, 1.0, 2.0, 3.0] {
            belief.saw_value(&vec![(base, 1.0), (slope, x)], 2.0 - 0.5 * x, 0.01);
        }
        let at_ten = belief.value(&vec![(base, 1.0), (slope, 10.0)]);
        assert!((at_ten + 3.0).abs() < 0.1, "{at_ten}");
    }

    #[test]
    fn a_chance_nears_what_was_seen_and_doubt_keeps_it_from_the_ends() {
        let mut belief = Belief::default();
        let x = vec![(belief.place("base", WIDE), 1.0)];
        assert!((belief.chance(&x) - 0.5).abs() < 1e-9);
        belief.saw(&x, true);
        let once = belief.chance(&x);
        assert!(once > 0.55 && once < 0.9, "{once}");
        for n in 0..200 {
            belief.saw(&x, n % 4 != 0);
        }
        let often = belief.chance(&x);
        assert!((often - 0.75).abs() < 0.05, "{often}");
    }

    #[test]
    fn it_stays_bounded_however_many_names_come() {
        let mut belief = Belief::default();
        let places = (0..2 * MOST).map(|n| belief.place(&n.to_string(), WIDE));
        assert_eq!(places.max(), Some(MOST - 1));
        assert_eq!(belief.mean.len(), MOST);
    }
}
