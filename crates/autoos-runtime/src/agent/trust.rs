//! What an answer is worth: checked against its evidence, with the recipe kept.

use super::{Origin, ask::Gathered};
use autoos_fabric::{
    Verdict,
    verify::{Basis, Claim, Confidence, Grounding, Index, Status},
};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// A confidence and how it came about.
pub(crate) struct Trust {
    /// In 0..=1.
    pub(crate) confidence: f64,
    /// The recipe and what was found unsupported, for the journal.
    pub(crate) document: Value,
}

/// Checks an answer against what it was asked, its evidence and the verdicts on that evidence.
pub(super) fn assess(answer: &str, asked: &str, inputs: &[Gathered]) -> Trust {
    let (verdicts, evidence): (Vec<&Gathered>, Vec<&Gathered>) =
        inputs.iter().partition(|input| input.origin == Origin::Verifier);
    let known = evidence.iter().map(|input| (input.name.as_str(), &*input.value));
    let mut grounding = Index::of(known).ground(answer);
    allow_question(&mut grounding, answer, asked);
    let verdict = verdicts.iter().find_map(|input| Verdict::deserialize(&*input.value).ok());
    let tools = evidence.iter().any(|input| input.found && input.origin == Origin::Given);
    let confidence = Confidence::of(&Basis {
        grounding: Some(&grounding),
        verdict: verdict.as_ref(),
        tool_evidence: tools,
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
    if let Some(verdict) = &verdict {
        summary.push_str("; verifier: ");
        summary.push_str(&verdict.method);
    }
    let document = json!({
        "summary": summary,
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
