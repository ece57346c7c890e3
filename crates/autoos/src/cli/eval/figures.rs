//! How good decisions were: figures with a bootstrap interval (Efron 1979; 95 %, 400 samples drawn
//! by a fixed seed, so that the same lines give the same figures).

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

const SAMPLES: usize = 400;
const SEED: u64 = 7;
/// Confidences are compared with outcomes in so many equal stretches.
const STRETCHES: usize = 10;

/// A figure over all, and where 95 of 100 samples lie; null where it cannot be told.
pub(super) fn interval<T: Copy>(all: &[T], figure: impl Fn(&[T]) -> Option<f64>) -> Value {
    let Some(value) = figure(all) else { return Value::Null };
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut sampled: Vec<f64> = (0..SAMPLES)
        .filter_map(|_| {
            let draws = (0..all.len()).map(|_| all[rng.random_range(0..all.len())]);
            figure(&draws.collect::<Vec<T>>())
        })
        .collect();
    sampled.sort_unstable_by(f64::total_cmp);
    let at = |permille: usize| sampled.get(sampled.len() * permille / 1000).copied();
    json!({ "value": value, "low": at(25), "high": at(975) })
}

/// The share that holds; none of nothing.
pub(super) fn share(of: impl Iterator<Item = bool>) -> Option<f64> {
    let (held, all) = of.fold((0, 0), |(held, all), is| (held + usize::from(is), all + 1));
    (all > 0).then(|| count(held) / count(all))
}

/// The area under the ROC curve: how often something true scores above something false; ties
/// count for half. By ranks (Mann and Whitney 1947).
pub(super) fn ranked(judged: &[(f64, bool)]) -> Option<f64> {
    let mut sorted = judged.to_vec();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let good = sorted.iter().filter(|(_, truth)| *truth).count();
    let bad = sorted.len() - good;
    let (mut sum, mut below) = (0.0, 0);
    for tied in sorted.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let true_ones = tied.iter().filter(|(_, truth)| *truth).count();
        // Ranks count from 1; those that are tied share their mean.
        sum += count(true_ones) * (count(2 * below + tied.len() + 1) / 2.0);
        below += tied.len();
    }
    let least = count(good) * count(good + 1) / 2.0;
    (good > 0 && bad > 0).then(|| (sum - least) / (count(good) * count(bad)))
}

/// How far confidences are from what they were worth, over equal stretches weighed by what lies
/// in them (expected calibration error).
pub(super) fn calibration(judged: &[(f64, bool)]) -> Option<f64> {
    let mut stretches = [(0.0, 0.0); STRETCHES];
    for (confidence, right) in judged {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=10")]
        let at = (confidence * count(STRETCHES)) as usize;
        let stretch = &mut stretches[at.min(STRETCHES - 1)];
        *stretch = (stretch.0 + confidence, stretch.1 + f64::from(u8::from(*right)));
    }
    let off = stretches.iter().map(|(said, was)| (said - was).abs()).sum::<f64>();
    (!judged.is_empty()).then(|| off / count(judged.len()))
}

/// The average performance gap recovered (Ong et al. 2024) of scores and gains: of what the strong
/// model gains over the weak one, the share that is had when the highest scores go to it, averaged
/// over all shares of calls. None where the strong one gains nothing.
pub(super) fn recovered(mut scored: Vec<(f64, f64)>) -> Option<f64> {
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let whole: f64 = scored.iter().map(|(_, gain)| gain).sum();
    let (mut had, mut area) = (0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let gain: f64 = tied.iter().map(|(_, gain)| gain).sum();
        // Those that are tied come in any order: their gain grows evenly.
        area += count(tied.len()) * had + gain * count(tied.len() + 1) / 2.0;
        had += gain;
    }
    (whole > 0.0).then(|| area / whole / count(scored.len()))
}

/// A figure as a line for people.
pub(super) fn sentence(name: &str, figure: &Value) -> String {
    let name = name.replace('_', " ");
    let part = |of: &str| figure.get(of).and_then(Value::as_f64);
    match (part("value"), part("low"), part("high")) {
        (Some(value), Some(low), Some(high)) => {
            format!("{name}: {value:.4} (95 %: {low:.4} to {high:.4})")
        }
        _ if figure.is_null() => format!("{name}: cannot be told"),
        _ => match figure.as_f64().filter(|_| figure.is_f64()) {
            Some(value) => format!("{name}: {value:.4}"),
            None => format!("{name}: {figure}"),
        },
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs() {
        assert_eq!(ranked(&[(0.1, false), (0.9, true)]), Some(1.0));
        assert_eq!(ranked(&[(0.9, false), (0.1, true)]), Some(0.0));
        assert_eq!(ranked(&[(0.5, false), (0.5, true)]), Some(0.5));
        assert_eq!(ranked(&[(0.2, true), (0.4, false), (0.6, true)]), Some(0.5));
        assert_eq!(ranked(&[(0.2, true)]), None);
    }

    #[test]
    fn a_gap_is_recovered_by_asking_the_strong_where_it_gains() {
        // The one gain comes first, or last; where all are tied it may come anywhere.
        let gained =
            |scores: [f64; 4]| recovered(scores.into_iter().zip([1.0, 0.0, 0.0, 0.0]).collect());
        assert_eq!(gained([4.0, 3.0, 2.0, 1.0]), Some(1.0));
        assert_eq!(gained([1.0, 2.0, 3.0, 4.0]), Some(0.25));
        assert_eq!(gained([1.0; 4]), Some(0.625));
        assert_eq!(recovered(vec![(1.0, 0.0)]), None);
    }

    #[test]
    fn confidence_is_held_against_outcomes() {
        assert_eq!(calibration(&[(1.0, true), (0.0, false)]), Some(0.0));
        assert_eq!(calibration(&[(1.0, false), (0.0, true)]), Some(1.0));
        assert_eq!(calibration(&[]), None);
    }

    #[test]
    fn intervals_hold_the_figure_and_are_the_same_each_time() {
        let all: Vec<bool> = (0..200).map(|n| n % 4 != 0).collect();
        let figure = || interval(&all, |s: &[bool]| share(s.iter().copied()));
        let found = figure();
        let part = |of: &str| found[of].as_f64().expect("a figure");
        assert!((part("value") - 0.75).abs() < 1e-9);
        assert!(part("low") < 0.75 && part("high") > 0.75 && part("high") - part("low") < 0.2);
        assert_eq!(found, figure());
    }
}
