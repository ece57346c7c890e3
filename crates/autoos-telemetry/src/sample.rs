//! Which traces are kept from their beginning. What fails or needs a human is kept besides, as the
//! journal tells of it.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// How traces are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Of the traces that begin here, this share.
    pub ratio: f64,
    /// Of those, so many each second at most; what was not used is kept for a second.
    pub per_second: f64,
    /// Whether a client that brings a trace decides over it.
    pub by_parent: bool,
}

/// Chooses.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What is left to be kept.
    tokens: f64,
    at: Instant,
    /// The share that was not given out yet: at one, the next is kept.
    share: f64,
}

impl Sampler {
    /// A sampler that has kept nothing yet.
    #[must_use]
    pub fn new(sampling: Sampling) -> Self {
        // The first is kept, whatever the share, if any is.
        let share = if sampling.ratio > 0.0 { 1.0 - sampling.ratio } else { 0.0 };
        let state = State { tokens: sampling.per_second.max(1.0), at: Instant::now(), share };
        Self { sampling, state: Mutex::new(state) }
    }

    /// Whether the next trace is kept; `wished` is what its client said, where it said something.
    pub fn keeps(&self, wished: Option<bool>) -> bool {
        self.keeps_at(wished, Instant::now())
    }

    fn keeps_at(&self, wished: Option<bool>, now: Instant) -> bool {
        let Sampling { ratio, per_second, by_parent } = self.sampling;
        if let Some(wished) = wished.filter(|_| by_parent) {
            return wished;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.share += ratio;
        // Sums of shares miss a whole number by a hair.
        if state.share < 1.0 - 1e-9 {
            return false;
        }
        state.share -= 1.0;
        let passed = now.saturating_duration_since(state.at).as_secs_f64();
        state.at = now;
        state.tokens = (state.tokens + passed * per_second).min(per_second.max(1.0));
        if state.tokens < 1.0 {
            return false;
        }
        state.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn kept(sampling: Sampling, traces: u32, over: Duration) -> usize {
        let sampler = Sampler::new(sampling);
        let began = Instant::now();
        (0..traces).filter(|n| sampler.keeps_at(None, began + over / traces * *n)).count()
    }

    #[test]
    fn a_share_up_to_so_many_each_second() {
        let all = Sampling { ratio: 1.0, per_second: 100.0, by_parent: true };
        let second = Duration::from_secs(1);
        assert_eq!(kept(all, 50, second), 50);
        // A full bucket at the start, and what flows in.
        assert!((199..=201).contains(&kept(all, 2_000, second)));
        let tenth = Sampling { ratio: 0.1, ..all };
        assert!((49..=51).contains(&kept(tenth, 500, second)));
        assert_eq!(kept(Sampling { ratio: 0.0, ..all }, 500, second), 0);
    }

    #[test]
    fn a_client_decides_over_its_own_trace() {
        let none = Sampler::new(Sampling { ratio: 0.0, per_second: 1.0, by_parent: true });
        assert!(none.keeps(Some(true)) && !none.keeps(Some(false)) && !none.keeps(None));
        let alone = Sampler::new(Sampling { ratio: 0.0, per_second: 1.0, by_parent: false });
        assert!(!alone.keeps(Some(true)));
    }
}
