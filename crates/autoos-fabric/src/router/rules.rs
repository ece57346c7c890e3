//! Who may be asked, in which order, and in what words: the parts of the rule.

use super::{Candidate, Choice, EXPLORE_PER_MILLE, Gate, Out, Routed, Scored, Wish, score};
use crate::Model;
use autoos_kernel::{rng::Rng, words::RiskLevel};

/// A candidate may be tried to learn if its score is at least this part of the best one's.
const EXPLORE_WITHIN: f64 = 0.5;

/// Scores everyone; and when the first that is only shut may be asked.
pub(super) fn look(
    wish: &Wish,
    candidates: &[Candidate<'_>],
    now_ms: u64,
) -> (Vec<Scored>, Option<u64>) {
    let mut reopens_ms = None;
    let mut scores = Vec::with_capacity(candidates.len());
    for (rank, candidate) in candidates.iter().enumerate() {
        let mut out = barred(wish, candidate.model);
        let score = if out.is_none() { score::of(wish, candidate, rank, now_ms) } else { 0.0 };
        if out.is_none()
            && let Gate::Shut { for_ms } = candidate.gate
        {
            out = Some(Out::Shut);
            reopens_ms = Some(reopens_ms.unwrap_or(u64::MAX).min(for_ms));
        }
        #[allow(clippy::cast_possible_truncation, reason = "three digits are enough")]
        let score = score as f32;
        scores.push(Scored { model: candidate.model.id.clone(), score, out });
    }
    (scores, reopens_ms)
}

/// Why a model is out of the question for a wish, whoever waits for how long.
fn barred(wish: &Wish, model: &Model) -> Option<Out> {
    let tokens = u64::from(wish.prompt_tokens) + u64::from(wish.output_tokens);
    if wish.exclude.contains(&model.id) {
        Some(Out::Excluded)
    } else if tokens > u64::from(model.context_tokens) {
        Some(Out::Window)
    } else if wish.needs_schema && !model.abilities.structured {
        Some(Out::Schema)
    } else if wish.needs_tools && !model.abilities.tools {
        Some(Out::Tools)
    } else if model.price.cost(wish.worst()) > wish.remaining_microusd {
        Some(Out::Budget)
    } else {
        None
    }
}

pub(super) fn is_other(wish: &Wish, model: &Model) -> bool {
    !wish.other_vendor_than.contains(&model.vendor)
}

/// Who may be chosen, the best first: of other vendors alone if there are any.
pub(super) fn eligible(wish: &Wish, candidates: &[Candidate<'_>], scores: &[Scored]) -> Vec<usize> {
    let mut ready: Vec<usize> = (0..scores.len()).filter(|at| scores[*at].out.is_none()).collect();
    if ready.iter().any(|at| is_other(wish, candidates[*at].model)) {
        ready.retain(|at| is_other(wish, candidates[*at].model));
    }
    // The sort is stable: between equals the order of preference decides.
    ready.sort_by(|a, b| scores[*b].score.total_cmp(&scores[*a].score));
    ready
}

/// One to learn from, if it is time for that: of those that are not much worse than the best,
/// the one that is least known and most promising.
pub(super) fn explore(
    wish: &Wish,
    candidates: &[Candidate<'_>],
    scores: &[Scored],
    eligible: &[usize],
    rng: &mut dyn Rng,
) -> Option<usize> {
    let (&best, rest) = eligible.split_first()?;
    let bounded = wish.risk <= RiskLevel::Medium;
    if !bounded || rest.is_empty() || rng.up_to(999) >= EXPLORE_PER_MILLE {
        return None;
    }
    let enough = f64::from(scores[best].score) * EXPLORE_WITHIN;
    let promise = |at: usize| {
        let known = candidates[at].record.map_or(0.0, |record| record.known(wish.kind));
        f64::from(scores[at].score) * (1.0 + 1.0 / (1.0 + known).sqrt())
    };
    let near = rest.iter().copied().filter(|at| f64::from(scores[*at].score) >= enough);
    near.max_by(|a, b| promise(*a).total_cmp(&promise(*b)).then(b.cmp(a)))
}

pub(super) fn because(
    wish: &Wish,
    candidates: &[Candidate<'_>],
    scores: &[Scored],
    eligible: &[usize],
) -> String {
    let best = eligible[0];
    let what = format!("{} at {} risk", wish.kind, wish.risk);
    let score = scores[best].score;
    let mut reason = match eligible.get(1) {
        None => format!("the only one that may be asked to {what}"),
        Some(second) => {
            let (next, after) = (&scores[*second].model, scores[*second].score);
            format!("scores best to {what}: {score:.2}, before {next} with {after:.2}")
        }
    };
    if !wish.other_vendor_than.is_empty() {
        let model = candidates[best].model;
        let found = if is_other(wish, model) { "another vendor's" } else { "no other vendor's" };
        reason.push_str(&format!("; {found} model may be asked"));
    }
    reason
}

pub(super) fn choice(
    wish: &Wish,
    model: &Model,
    explored: bool,
    reason: String,
    scores: Vec<Scored>,
) -> Choice {
    Choice {
        model: model.id.clone(),
        vendor: model.vendor.clone(),
        reserve_microusd: model.price.cost(wish.worst()),
        other_vendor: is_other(wish, model),
        explored,
        reason,
        scores,
    }
}

pub(super) fn nobody(scores: Vec<Scored>, reopens_ms: Option<u64>) -> Routed {
    if let Some(in_ms) = reopens_ms {
        let reason =
            format!("every model that would do is out for now; the first is back in {in_ms} ms");
        return Routed::Later { in_ms, reason, scores };
    }
    let mut reason = match scores.len() {
        0 => "no model plays this role: configure a provider".to_owned(),
        _ => "no model will do:".to_owned(),
    };
    for (n, scored) in scores.iter().enumerate().take(4) {
        let why = scored.out.map(|out| out.to_string()).unwrap_or_default();
        reason.push_str(&format!("{} {}: {why}", if n == 0 { "" } else { ";" }, scored.model));
    }
    Routed::Nobody { reason, scores }
}
