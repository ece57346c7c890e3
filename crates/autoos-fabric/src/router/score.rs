//! How good a candidate is for a wish, as one figure in 0..=1.

use super::{Candidate, Wish};
use autoos_kernel::words::RiskLevel;

/// What halves cheapness, in micro-dollars: a cent.
const CENT: f64 = 10_000.0;
/// What halves speed, in milliseconds.
const SLOW_MS: f64 = 10_000.0;
/// How long a model is taken to need before it was ever asked, in milliseconds.
const UNKNOWN_MS: f64 = 5_000.0;
/// What a place further back in the configured order is worth: a hundredth.
const RANK: f64 = 0.99;
/// Places beyond this one are worth as much as it.
const LAST_RANK: i32 = 10;

/// How much price and speed count beside strength.
fn weights(risk: RiskLevel) -> (f64, f64) {
    match risk {
        RiskLevel::Low => (0.30, 0.10),
        RiskLevel::Medium => (0.15, 0.05),
        RiskLevel::High => (0.03, 0.02),
        RiskLevel::Critical => (0.0, 0.0),
    }
}

/// Strength × cheapness^b × speed^c, and a hair for the order of preference.
pub(super) fn of(wish: &Wish, candidate: &Candidate<'_>, rank: usize, now_ms: u64) -> f64 {
    let (price, speed) = weights(wish.risk);
    #[allow(clippy::cast_precision_loss, reason = "a score needs three digits")]
    let cost = candidate.model.price.cost(wish.worst()) as f64;
    let cheapness = 1.0 / (1.0 + cost / CENT);
    let typical = candidate.record.and_then(|record| record.total.quantile(0.5));
    let quickness = 1.0 / (1.0 + typical.unwrap_or(UNKNOWN_MS) / SLOW_MS);
    let place = RANK.powi(i32::try_from(rank).unwrap_or(LAST_RANK).min(LAST_RANK));
    let score = strength(wish, candidate, now_ms) * cheapness.powf(price) * quickness.powf(speed);
    (score * place).clamp(0.0, 1.0)
}

/// How likely a right answer comes: the quality that outcomes leave of what was expected, times
/// how reliably anything comes at all.
fn strength(wish: &Wish, candidate: &Candidate<'_>, now_ms: u64) -> f64 {
    let expected = candidate.model.abilities.quality.at(wish.role, wish.kind);
    match candidate.record {
        None => expected,
        Some(record) => {
            record.quality(wish.kind, expected, now_ms) * record.steadiness(wish.kind, now_ms)
        }
    }
}
