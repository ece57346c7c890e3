//! How sure an answer must be made before anything is built on it: the policy by risk.
//!
//! | risk | what an answer that matters needs |
//! |---|---|
//! | low | its claims stand in its evidence |
//! | medium | and a verifier finds nothing against it |
//! | high | and that verifier is of another vendor |
//! | critical | and two vendors answer independently and agree; confidence 0.85 |
//!
//! An answer matters when it is the result, when the plan calls it critical, or when a tool that
//! changes something is fed by it. Where there is only one vendor, a second model of it reviews,
//! and the confidence has a ceiling; a critical answer is then a human's to decide. The built-in
//! engine invents nothing to be found out: its own checks are its review, under the same ceiling.
//! Left out: what the checks find (the fabric's verification).

use crate::{
    plan::outline::{Candidate, Ceiling, Review},
    words::RiskLevel,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use strum::{Display, IntoStaticStr};

/// How much is done to be sure of an answer; each level includes those before it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Assurance {
    /// Its claims are looked up in its evidence.
    Grounded,
    /// A verifier judges it.
    Verified,
    /// A verifier of another vendor judges it.
    OtherVendor,
    /// Models of two vendors answer independently, are compared, and a verifier judges.
    Quorum,
}

impl Assurance {
    /// What a risk asks for.
    #[must_use]
    pub fn of(risk: RiskLevel) -> Self {
        match risk {
            RiskLevel::Low => Self::Grounded,
            RiskLevel::Medium => Self::Verified,
            RiskLevel::High => Self::OtherVendor,
            RiskLevel::Critical => Self::Quorum,
        }
    }

    /// The next level up: what a lesson asks for.
    #[must_use]
    pub fn stricter(self) -> Self {
        match self {
            Self::Grounded => Self::Verified,
            Self::Verified => Self::OtherVendor,
            Self::OtherVendor | Self::Quorum => Self::Quorum,
        }
    }
}

/// The most that confidence comes to when everyone who looked is of one vendor: just below what
/// critical work asks for.
pub const ONE_VENDOR_CEILING: f64 = 0.84;

/// The same when the only model that could look is the one that gave the answer: just enough for high
/// risk.
pub const ONE_MODEL_CEILING: f64 = 0.76;

/// How an answer by one of `answering` is reviewed by one of `verifying`, under what is asked for.
/// None when its grounding is enough.
#[must_use]
pub fn review(
    assurance: Assurance,
    answering: &[Candidate],
    verifying: Vec<Candidate>,
) -> Option<Review> {
    if assurance == Assurance::Grounded {
        return None;
    }
    let ceiling =
        |reason: &str| Some(Ceiling { confidence: ONE_VENDOR_CEILING, reason: reason.to_owned() });
    if answering.iter().all(|c| c.fixed) {
        let ceiling = ceiling("a rule-based engine is checked by its own rules alone");
        let bounded = assurance >= Assurance::OtherVendor;
        return bounded.then(|| Review { assurance, models: Vec::new(), ceiling, lesson: None });
    }
    let models: Vec<Candidate> = verifying.into_iter().filter(|c| !c.fixed).collect();
    let vendors: BTreeSet<&str> =
        answering.iter().chain(&models).filter(|c| !c.fixed).map(|c| c.vendor.as_str()).collect();
    let lacks = assurance >= Assurance::OtherVendor && vendors.len() < 2;
    let ceiling = if lacks { ceiling("only one vendor is configured to look at it") } else { None };
    Some(Review { assurance, models, ceiling, lesson: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(model: &str, vendor: &str) -> Candidate {
        let fixed = vendor == "builtin";
        let (model, vendor) = (model.into(), vendor.into());
        Candidate { model, reserve_microusd: 1, vendor, fixed, lesson: None }
    }

    #[test]
    fn each_risk_has_its_policy() {
        let (a, b) = (candidate("a/1", "a"), candidate("b/1", "b"));
        let of = |risk, verifying: &[Candidate]| {
            review(Assurance::of(risk), std::slice::from_ref(&a), verifying.to_vec())
        };
        assert_eq!(of(RiskLevel::Low, std::slice::from_ref(&b)), None);
        let medium = of(RiskLevel::Medium, std::slice::from_ref(&a)).expect("a review");
        assert_eq!((medium.assurance, medium.ceiling), (Assurance::Verified, None));
        let high = of(RiskLevel::High, std::slice::from_ref(&b)).expect("a review");
        assert_eq!((high.assurance, high.ceiling), (Assurance::OtherVendor, None));
        let alone = of(RiskLevel::High, std::slice::from_ref(&a)).expect("a review");
        assert!(alone.ceiling.is_some_and(|c| c.confidence < RiskLevel::Critical.threshold()));
    }

    #[test]
    fn the_built_in_engine_is_its_own_review_under_a_ceiling() {
        let rules = [candidate("builtin/rules", "builtin")];
        let of = |risk| review(Assurance::of(risk), &rules, rules.to_vec());
        assert_eq!(of(RiskLevel::Medium), None);
        let critical = of(RiskLevel::Critical).expect("a ceiling");
        assert!(critical.models.is_empty() && critical.ceiling.is_some());
    }
}
