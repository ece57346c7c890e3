//! What an answer is worth: checked against its evidence, with the recipe kept.

use super::{Origin, ask::Gathered};
use autoos_fabric::{
    Verdict,
    verify::{Basis, Cap, Claim, Confidence, Grounding, Index, Status, agree},
};
use autoos_kernel::{assurance::Assurance, plan::outline::Ceiling};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// A confidence and how it came about.
pub(crate) struct Trust {
    /// In 0..=1.
    pub(crate) confidence: f64,
    /// The recipe and what was found unsupported, for the journal.
    pub(crate) document: Value,
}

/// What is known of an answer beside its evidence.
#[derive(Default)]
pub(super) struct Looked<'a> {
    /// A verdict on the answer itself.
    pub(super) verdict: Option<&'a Verdict>,
    /// Who gave it.
    pub(super) reviewer: Option<&'a str>,
    /// An independent answer to the same.
    pub(super) second: Option<&'a str>,
    /// The most that the confidence may come to.
    pub(super) ceiling: Option<&'a Ceiling>,
    /// What the policy asked for.
    pub(super) assurance: Option<Assurance>,
}

/// Checks an answer against what it was asked, its evidence, the verdicts on that evidence and what
/// others made of it.
pub(super) fn assess_with(
    answer: &str,
    asked: &str,
    inputs: &[Gathered],
    looked: &Looked<'_>,
) -> Trust {
    let (verdicts, evidence): (Vec<&Gathered>, Vec<&Gathered>) =
        inputs.iter().partition(|input| input.origin == Origin::Verifier);
    let known = evidence.iter().map(|input| (input.name.as_str(), &*input.value));
    let mut grounding = Index::of(known).ground(answer);
    allow_question(&mut grounding, answer, asked);
    let told = verdicts.iter().find_map(|input| Verdict::deserialize(&*input.value).ok());
    let verdict = looked.verdict.or(told.as_ref());
    let cap = looked.ceiling.map(|c| Cap { at_most: c.confidence, reason: c.reason.clone() });
    let agreement = looked.second.map(|second| agree(&[answer, second]));
    let tools = evidence.iter().any(|input| input.found && input.origin == Origin::Given);
    let confidence = Confidence::of(&Basis {
        grounding: Some(&grounding),
        verdict,
        tool_evidence: tools,
        agreement: agreement.as_ref(),
        cap: cap.as_ref(),
        ..Basis::default()
    });
    let unsupported: Vec<&Claim> = grounding.unsupported().collect();
    let sentences: Vec<String> = unsupported.iter().map(|claim| claim.sentence()).collect();
    let unchecked = grounding.claims.len() - grounding.checked();
    let mut summary = format!(
        "{} of {} claims stand in the evidence, {} do not, {unchecked} cannot be checked by rule",
        grounding.checked() - unsupported.len(),
        grounding.claims.len(),
        unsupported.len(),
    );
    if let Some(verdict) = verdict {
        summary.push_str("; verifier: ");
        summary.push_str(&verdict.method);
    }
    if let Some(agreement) = &agreement {
        summary.push_str(&format!("; an independent answer agrees to {:.2}", agreement.score));
    }
    if let Some(ceiling) = looked.ceiling {
        summary.push_str(&format!("; at most {:.2}: {}", ceiling.confidence, ceiling.reason));
    }
    let document = json!({
        "summary": summary,
        "policy": looked.assurance,
        "reviewer": looked.reviewer,
        "problems": verdict.map(|v| &v.problems),
        "recipe": confidence.recipe,
        "unsupported": sentences,
        "places": unsupported,
        "claims": grounding.claims.len(),
        "checked": grounding.checked(),
    });
    Trust { confidence: confidence.value, document }
}

/// An answer may repeat the question. What stands there is no evidence for anything else, so it is
/// looked at apart, and only for what the evidence does not have at all.
fn allow_question(grounding: &mut Grounding, answer: &str, asked: &str) {
    if grounding.unsupported().next().is_none() {
        return;
    }
    let question = Value::from(asked);
    let repeated = Index::of([("intent", &question)]).ground(answer);
    for claim in &mut grounding.claims {
        let same = |c: &&Claim| (c.start, c.end, c.kind) == (claim.start, claim.end, claim.kind);
        if claim.status == Status::Unsupported
            && let Some(found) = repeated.claims.iter().find(same)
            && found.status == Status::Supported
        {
            *claim = Claim { how: "repeats the question".into(), ..found.clone() };
        }
    }
}

/// What a verdict is worth: the verifier's own word.
pub(super) fn of_verdict(verdict: &Verdict) -> Trust {
    let document = serde_json::json!({
        "summary": verdict.method,
        "problems": verdict.problems,
        "recipe": [{ "name": "verifier", "weight": 1.0, "value": verdict.confidence }],
    });
    Trust { confidence: verdict.confidence, document }
}
