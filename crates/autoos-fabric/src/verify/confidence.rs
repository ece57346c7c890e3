//! Confidence: a number in 0..=1 and the recipe that it was made by, for the journal.

use super::{Agreement, Calibration, ClaimKind, Grounding, Status};
use crate::Verdict;
use serde::{Deserialize, Serialize};

/// What is known of an answer when its confidence is set.
#[derive(Debug, Clone, Default)]
pub struct Basis<'a> {
    /// What the grounding check found; none when there was nothing to hold the answer against.
    pub grounding: Option<&'a Grounding>,
    /// What a verifier said.
    pub verdict: Option<&'a Verdict>,
    /// Whether the evidence came from tools, rather than from models alone.
    pub tool_evidence: bool,
    /// Whether the answer fits its schema; none when there was none.
    pub schema_fits: Option<bool>,
    /// Whether another verifier rejected it and was overruled.
    pub overruled: bool,
    /// Whether two answers are asked for that agree.
    pub quorum: bool,
    /// How far independent answers agree; none when there is one answer.
    pub agreement: Option<&'a Agreement>,
    /// What the model itself says, in 0..=1; last and least.
    pub own_word: Option<f64>,
    /// A bound that policy sets, for example for want of a second vendor.
    pub cap: Option<&'a Cap>,
}

/// An upper bound on a confidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cap {
    /// In 0..=1.
    pub at_most: f64,
    /// Why, in a few words: `one vendor only`.
    pub reason: String,
}

/// How much an answer is worth, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// In 0..=1.
    pub value: f64,
    /// What went into it. Weights are shares of what was known and add up to 1. An ingredient of
    /// weight 0 is no share: a cap, which the value does not pass, or what calibration made of the
    /// value.
    pub recipe: Vec<Ingredient>,
}

/// A part of the recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ingredient {
    /// What it is.
    pub name: String,
    /// Its share.
    pub weight: f64,
    /// Its value, in 0..=1.
    pub value: f64,
}

/// What grounding counts for when an answer makes no claim that can be checked: enough for work
/// whose failure costs a second look or some work, too little for more.
const NOTHING_TO_CHECK: f64 = 0.65;
/// What evidence counts for that no tool brought.
const MODELS_ALONE: f64 = 0.6;
/// No check is perfect: nothing is ever worth more.
const MOST: f64 = 0.99;
/// An answer with something unsupported in it is never worth more: below what medium risk asks.
const UNSUPPORTED_CAP: f64 = 0.55;
/// Sentences that the evidence is silent about may still be the same in other words: enough for
/// medium risk, too little for high.
const SILENCE_CAP: f64 = 0.7;
/// Nor one that another answer to the same question contradicts.
const DISAGREEMENT_CAP: f64 = 0.55;
/// Nor one that a verifier rejects.
const VETO_CAP: f64 = 0.4;
/// Nor one whose shape is wrong.
const SCHEMA_CAP: f64 = 0.3;
/// Nor one of which nothing could be checked and which nobody verified.
const UNCHECKED_CAP: f64 = 0.7;

impl Confidence {
    /// The confidence in an answer of which this is known.
    #[must_use]
    pub fn of(basis: &Basis<'_>) -> Self {
        let score = basis.grounding.and_then(Grounding::score);
        let mut parts = vec![
            ("grounding", 0.5, score.unwrap_or(NOTHING_TO_CHECK)),
            ("tool evidence", 0.2, if basis.tool_evidence { 1.0 } else { MODELS_ALONE }),
        ];
        if let Some(verdict) = basis.verdict {
            let sure = within(verdict.confidence);
            parts.push((
                "verifier",
                0.2,
                if verdict.supported { sure } else { 1.0 - sure.max(0.5) },
            ));
        }
        if basis.overruled {
            parts.push(("overruled verdict", 0.1, 0.0));
        }
        if let Some(agreement) = basis.agreement.filter(|a| a.answers > 1) {
            parts.push(("agreement", 0.25, agreement.score));
        }
        if let Some(fits) = basis.schema_fits {
            parts.push(("schema", 0.05, f64::from(u8::from(fits))));
        }
        if let Some(word) = basis.own_word {
            parts.push(("the model's own word", 0.05, within(word)));
        }
        let whole: f64 = parts.iter().map(|(_, weight, _)| weight).sum();
        let mut recipe: Vec<Ingredient> = parts
            .into_iter()
            .map(|(name, weight, value)| Ingredient {
                name: name.into(),
                weight: weight / whole,
                value: within(value),
            })
            .collect();
        let mut value: f64 = recipe.iter().map(|i| i.weight * i.value).sum();
        for (name, cap) in caps(basis, score) {
            value = value.min(cap);
            recipe.push(Ingredient { name, weight: 0.0, value: cap });
        }
        Self { value: within(value).min(MOST), recipe }
    }

    /// The same with what the answer counts for by itself, as it was before anybody else looked at
    /// it, put at what such confidences of its model were worth. Caps hold as before.
    #[must_use]
    pub fn with_record(mut self, alone: f64, calibration: &Calibration) -> Self {
        let worth = calibration.apply(alone);
        let own = self.recipe.iter().filter(|i| BY_ITSELF.contains(&i.name.as_str()));
        let share: f64 = own.map(|i| i.weight).sum();
        self.value = within(self.value + share * (worth - alone)).min(MOST);
        let name = format!("calibration: stated {alone:.2} by itself");
        self.recipe.push(Ingredient { name, weight: 0.0, value: worth });
        self.value = self.caps().fold(self.value, f64::min);
        self
    }

    fn caps(&self) -> impl Iterator<Item = f64> + '_ {
        let caps = self.recipe.iter().filter(|i| i.weight == 0.0 && i.name.starts_with(CAP));
        caps.map(|i| i.value)
    }

    /// The same by what confidences of this model and task kind were worth so far. Caps hold as
    /// before.
    #[must_use]
    pub fn calibrated(mut self, calibration: &Calibration) -> Self {
        let worth = calibration.apply(self.value);
        self.recipe.push(Ingredient {
            name: format!("calibration: stated {:.2}", self.value),
            weight: 0.0,
            value: worth,
        });
        self.value = self.caps().fold(worth.min(MOST), f64::min);
        self
    }
}

/// What an answer counts for by itself.
const BY_ITSELF: [&str; 2] = ["grounding", "tool evidence"];
/// How the names of caps begin.
const CAP: &str = "cap: ";

fn caps(basis: &Basis<'_>, score: Option<f64>) -> Vec<(String, f64)> {
    let mut out = Vec::new();
    let claims = basis.grounding.map_or(&[][..], |g| &g.claims);
    let (mut unsupported, mut silent) = (0, 0);
    for claim in claims.iter().filter(|c| c.status == Status::Unsupported) {
        if claim.kind == ClaimKind::Statement && !claim.contradicted() {
            silent += 1;
        } else {
            unsupported += 1;
        }
    }
    if unsupported > 0 {
        out.push((format!("{CAP}{unsupported} unsupported"), UNSUPPORTED_CAP));
    }
    if silent > 0 {
        out.push((format!("{CAP}{silent} not said by the evidence"), SILENCE_CAP));
    }
    if basis.agreement.is_some_and(|a| a.contradicting > 0) {
        out.push((format!("{CAP}answers contradict each other"), DISAGREEMENT_CAP));
    }
    if basis.quorum && basis.agreement.is_some_and(|a| !a.stands()) {
        out.push((format!("{CAP}the answers agree too little for a quorum"), DISAGREEMENT_CAP));
    }
    if let Some(cap) = basis.cap {
        out.push((format!("{CAP}{}", cap.reason), within(cap.at_most)));
    }
    if basis.verdict.is_some_and(|v| !v.supported) {
        out.push((format!("{CAP}rejected by the verifier"), VETO_CAP));
    }
    if basis.schema_fits == Some(false) {
        out.push((format!("{CAP}not the schema"), SCHEMA_CAP));
    }
    if score.is_none() && basis.verdict.is_none_or(|v| !v.supported) {
        out.push((format!("{CAP}nothing could be checked"), UNCHECKED_CAP));
    }
    out
}

/// Not-a-number and what lies outside counts as nothing.
fn within(value: f64) -> f64 {
    if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Evidence, ground};
    use serde_json::json;

    fn evidence() -> Vec<Evidence> {
        vec![Evidence { name: "log".into(), value: json!({"errors": 57, "records": 2000}) }]
    }

    #[test]
    fn grounded_on_tools_is_enough_for_critical_work() {
        let grounding = ground("There were 57 errors in 2,000 records.", &evidence());
        let confidence = Confidence::of(&Basis {
            grounding: Some(&grounding),
            tool_evidence: true,
            ..Basis::default()
        });
        assert!(confidence.value > 0.85, "{confidence:?}");
        let whole: f64 = confidence.recipe.iter().map(|i| i.weight).sum();
        assert!((whole - 1.0).abs() < 1e-9, "{confidence:?}");
    }

    #[test]
    fn one_unsupported_figure_is_below_medium() {
        let grounding =
            ground("There were 57 errors in 2,000 records, 31 of them fatal.", &evidence());
        let verdict =
            Verdict { supported: true, confidence: 1.0, problems: vec![], method: String::new() };
        let basis = Basis {
            grounding: Some(&grounding),
            verdict: Some(&verdict),
            tool_evidence: true,
            schema_fits: Some(true),
            own_word: Some(1.0),
            ..Basis::default()
        };
        assert!(Confidence::of(&basis).value < 0.6, "{:?}", Confidence::of(&basis));
    }

    #[test]
    fn agreement_caps_and_calibration_have_their_place() {
        let grounding = ground("There were 57 errors in 2,000 records.", &evidence());
        let of = |agreement: Option<&Agreement>, cap: Option<&Cap>| {
            let grounding = Some(&grounding);
            let basis =
                Basis { grounding, tool_evidence: true, agreement, cap, ..Basis::default() };
            Confidence::of(&basis)
        };
        let alone = of(None, None).value;
        let agreed = Agreement { score: 0.2, answers: 2, ..Agreement::default() };
        assert!(of(Some(&agreed), None).value < alone - 0.1);
        let basis = Basis { grounding: Some(&grounding), tool_evidence: true, ..Basis::default() };
        let overruled = Confidence::of(&Basis { overruled: true, ..basis.clone() });
        assert!(overruled.value < alone, "a verdict against it weighs something, even overruled");
        let quorum = |score| {
            let agreement = Agreement { score, answers: 2, ..Agreement::default() };
            Confidence::of(&Basis { quorum: true, agreement: Some(&agreement), ..basis.clone() })
        };
        assert!(quorum(0.9).value > 0.85 && quorum(0.3).value <= DISAGREEMENT_CAP);
        let split = Agreement { contradicting: 1, ..agreed };
        assert!(of(Some(&split), None).value <= DISAGREEMENT_CAP);
        let cap = Cap { at_most: 0.84, reason: "one vendor only".into() };
        let capped = of(None, Some(&cap));
        assert!(capped.value <= 0.84, "{capped:?}");
        assert!(capped.recipe.iter().any(|i| i.name == "cap: one vendor only"), "{capped:?}");
        let mut boaster = Calibration::default();
        (0..100).for_each(|i| boaster.observe(alone, i % 2 == 0));
        let worth = of(None, None).calibrated(&boaster);
        assert!(worth.value < 0.65, "{worth:?}");
        // Who reviewed it keeps their word; only what it counts for by itself is worth less.
        let said =
            Verdict { supported: true, confidence: 0.95, problems: vec![], method: String::new() };
        let reviewed = Confidence::of(&Basis { verdict: Some(&said), ..basis.clone() });
        let (was, now) = (reviewed.value, reviewed.with_record(alone, &boaster).value);
        assert!(now < was - 0.2 && now > worth.value, "{was} {now} {}", worth.value);
        let mut modest = Calibration::default();
        (0..100).for_each(|_| modest.observe(0.84, true));
        assert!(of(None, Some(&cap)).calibrated(&modest).value <= 0.84, "caps hold");
    }

    #[test]
    fn vetoes_shapes_and_nonsense() {
        let verdict = Verdict {
            supported: false,
            confidence: 0.9,
            problems: vec!["x".into()],
            method: String::new(),
        };
        let rejected = Confidence::of(&Basis {
            verdict: Some(&verdict),
            tool_evidence: true,
            ..Basis::default()
        });
        assert!(rejected.value <= 0.4);
        let nonsense = Confidence::of(&Basis { own_word: Some(f64::NAN), ..Basis::default() });
        assert!((0.0..=0.7).contains(&nonsense.value));
        let misshapen = Confidence::of(&Basis {
            schema_fits: Some(false),
            tool_evidence: true,
            ..Basis::default()
        });
        assert!(misshapen.value <= 0.3);
    }
}
