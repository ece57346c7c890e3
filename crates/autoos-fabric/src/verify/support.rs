//! One number for an answer as a whole: how far the evidence bears it out.
//!
//! An answer holds when all of it does, so doubts add up over its sentences: what of their weight
//! no passage has, and each claim that was found wrong. Its evenness counts too: how much of an
//! average sentence the evidence has. The figures are round ones, set on published judgements of
//! summaries; nothing in them is of a subject.

use super::{Claim, ClaimKind, Status, statements::Statement};

/// How much an average sentence's support counts.
const EVENNESS: f64 = 6.0;
/// How much each word counts that the nearest passage does not have.
const MISSING: f64 = 0.05;
/// How much a claim counts that is wrong.
const WRONG: f64 = 1.5;
/// How much something counts that the evidence does not have and that may still be no claim.
const STRANGE: f64 = 0.3;
/// What an answer with a wrong claim is worth at most, before that is taken off.
const MOST_WITH_WRONG: f64 = 1.2;
/// What an answer starts from.
const START: f64 = -2.0;

/// The support of an answer with these claims and sentences.
#[expect(clippy::cast_precision_loss, reason = "claims and sentences are few")]
pub(super) fn of(claims: &[Claim], statements: &[Statement]) -> Option<f64> {
    let checked: Vec<&Claim> = claims.iter().filter(|c| c.status != Status::Unchecked).collect();
    if statements.is_empty() && checked.is_empty() {
        return None;
    }
    let words: f64 = statements.iter().map(|s| s.measure.words).sum();
    let even = if words > 0.0 {
        let n = statements.len() as f64;
        statements.iter().map(|s| s.measure.support()).sum::<f64>() / n
    } else {
        1.0
    };
    let missing: f64 = statements.iter().map(|s| s.measure.words * (1.0 - s.measure.best)).sum();
    let wrong: f64 =
        claims.iter().filter(|c| c.status == Status::Unsupported).map(weight).sum::<f64>()
            + statements.iter().filter(|s| s.contrary.is_some()).count() as f64 * WRONG;
    let z = START + EVENNESS * even - MISSING * missing;
    // However even the rest is: with a wrong claim in it, the whole does not hold.
    let z = if wrong >= WRONG { z.min(MOST_WITH_WRONG) } else { z } - wrong;
    Some(1.0 / (1.0 + (-z).exp()))
}

/// A name may be another way to call something, and a number written in letters is often how many
/// things the answer itself lists.
fn weight(claim: &Claim) -> f64 {
    let letters = claim.text.chars().all(char::is_alphabetic);
    match claim.kind {
        ClaimKind::Name => STRANGE,
        ClaimKind::Figure if letters => STRANGE,
        // What nobody says is in the measure of its sentence already.
        ClaimKind::Statement => 0.0,
        _ => WRONG,
    }
}
