//! What an answer is worth: checked against its evidence, with the recipe kept.

use super::{
    Origin,
    ask::Gathered,
    shelf::{self, Shelf},
};
use autoos_fabric::{
    Verdict,
    verify::{Answer, Basis, Calibration, Cap, Claim, Confidence, Grounding, Index, agree},
};
use autoos_kernel::{assurance::Assurance, plan::outline::Ceiling};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// A model's record counts in reviewed answers once so many of its answers were judged.
const RECORD_LEAST: u32 = 30;

/// A confidence and how it came about.
pub(crate) struct Trust {
    /// In 0..=1.
    pub(crate) confidence: f64,
    /// The recipe and what was found unsupported, for the journal.
    pub(crate) document: Value,
    /// Whether the evidence bears it out: some of it was checked, and all that was stands.
    pub(crate) sound: bool,
}

/// What is known of an answer beside its evidence.
#[derive(Default)]
pub(super) struct Looked<'a> {
    /// A verdict on the answer itself.
    pub(super) verdict: Option<&'a Verdict>,
    /// Who gave it.
    pub(super) reviewer: Option<&'a str>,
    /// Whose verdict against it stood alone.
    pub(super) overruled: Option<&'a str>,
    /// An independent answer to the same.
    pub(super) second: Option<&'a str>,
    /// The most that the confidence may come to.
    pub(super) ceiling: Option<&'a Ceiling>,
    /// What the policy asked for.
    pub(super) assurance: Option<Assurance>,
    /// What such confidences of its model turned out to be worth. It is learned from answers before
    /// anybody reviewed them, and so speaks of that part of a confidence alone.
    pub(super) calibration: Option<&'a Calibration>,
    /// Where the evidence is kept for whoever looks at it again.
    pub(super) shelf: Option<&'a Shelf>,
}

/// Checks an answer against what it was asked, its evidence, the verdicts on that evidence and what
/// others made of it.
pub(super) fn assess_with(
    answer: &str,
    asked: Asked<'_>,
    inputs: &[Gathered],
    looked: &Looked<'_>,
) -> Trust {
    let (verdicts, evidence): (Vec<&Gathered>, Vec<&Gathered>) =
        inputs.iter().partition(|input| input.origin == Origin::Verifier);
    let read = Answer::read(answer);
    let mut grounding = match looked.shelf {
        Some(shelf) => read.ground(&shelf.index(&evidence)),
        None => read.ground(&shelf::read(&evidence)),
    };
    allow_question(&mut grounding, &read, asked);
    let told = verdicts.iter().find_map(|input| Verdict::deserialize(&*input.value).ok());
    let verdict = looked.verdict.or(told.as_ref());
    let cap = looked.ceiling.map(|c| Cap { at_most: c.confidence, reason: c.reason.clone() });
    let agreement = looked.second.map(|second| agree(&[answer, second]));
    let tools = evidence.iter().any(|input| input.found && input.origin == Origin::Given);
    let alone = Basis {
        grounding: Some(&grounding),
        tool_evidence: tools,
        cap: cap.as_ref(),
        ..Basis::default()
    };
    let confidence = Confidence::of(&Basis {
        verdict,
        overruled: looked.overruled.is_some(),
        quorum: looked.assurance == Some(Assurance::Quorum),
        agreement: agreement.as_ref(),
        ..alone.clone()
    });
    let confidence = match looked.calibration {
        Some(calibration) if looked.verdict.is_some() => {
            if calibration.observations() < RECORD_LEAST {
                confidence
            } else {
                confidence.with_record(Confidence::of(&alone).value, calibration)
            }
        }
        Some(calibration) if calibration.observations() > 0 => confidence.calibrated(calibration),
        _ => confidence,
    };
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
    if let Some(model) = looked.overruled {
        summary.push_str(&format!("; {model} rejected it, alone"));
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
        "overruled": looked.overruled,
        "problems": verdict.map(|v| &v.problems),
        "recipe": confidence.recipe,
        "unsupported": sentences,
        "places": unsupported,
        "claims": grounding.claims.len(),
        "checked": grounding.checked(),
    });
    let sound = grounding.checked() > 0 && unsupported.is_empty();
    Trust { confidence: confidence.value, document, sound }
}

/// An answer as its claims are looked for: text as it is, data without what makes it data, so that a
/// key is no quotation. What is left stands where it stood in the document.
pub(super) fn spoken(answer: &Value) -> String {
    let Value::String(text) = answer else { return unquoted(&answer.to_string()) };
    text.clone()
}

fn unquoted(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let (mut begin, mut quoted, mut escaped) = (0, false, false);
    for c in json.chars() {
        let kept = match (quoted, escaped, c) {
            (true, true, 'n' | 'r' | 't') => ' ',
            (true, false, '\\') => ' ',
            (_, false, '"') => ' ',
            (false, _, '{' | '}' | '[' | ']') => ' ',
            (false, _, ',') => '\n',
            _ => c,
        };
        if (quoted, c) == (false, ':') {
            as_words(&mut text, begin);
        }
        text.push(kept);
        (quoted, escaped) = match (quoted, escaped, c) {
            (true, false, '\\') => (true, true),
            (_, false, '"') => {
                if !quoted {
                    begin = text.len();
                }
                (!quoted, false)
            }
            _ => (quoted, false),
        };
    }
    text
}

/// A key such as `total_found` or `totalFound` is no name of anything; `Berlin` may be.
fn as_words(text: &mut String, begin: usize) {
    let mut small = false;
    let mut word = |c: char| {
        let inner = small && c.is_ascii_uppercase();
        small = c.is_ascii_lowercase() || inner;
        if c == '_' {
            ' '
        } else if inner {
            c.to_ascii_lowercase()
        } else {
            c
        }
    };
    let key: String = text[begin..].chars().map(&mut word).collect();
    text.truncate(begin);
    text.push_str(&key);
}

/// What was asked, which an answer may repeat.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// In the client's words.
    pub(super) intent: &'a str,
    /// In the plan's, which a model may have written.
    pub(super) instruction: &'a str,
}

/// An answer may repeat the question. What stands there is no evidence for anything else, so it is
/// looked at apart, and only for what the evidence does not have at all. A plan's word does not stand
/// against the evidence: where that says something else, the plan is as wrong as the answer.
fn allow_question(grounding: &mut Grounding, answer: &Answer<'_>, asked: Asked<'_>) {
    for (text, bounded) in [(asked.intent, false), (asked.instruction, true)] {
        let open = |claim: &Claim| !(bounded && claim.nearest.is_some());
        if grounding.unsupported().any(open) {
            let question = Index::of([("intent", &Value::from(text))]);
            answer.allow(grounding, &question, "repeats the question", open);
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
    Trust { confidence: verdict.confidence, document, sound: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_spoken_without_its_punctuation_and_in_its_place() {
        let data = json!({"count": 42, "said": "It is \"so\",\nall {of} it.", "all": [1, 2]});
        let spoken = spoken(&data);
        assert_eq!(spoken, "  count :42\n said : It is  \"so \",  all {of} it. \n all : 1\n2  ");
        assert_eq!(spoken.len(), data.to_string().len());
        assert_eq!(super::spoken(&json!("as {it} is")), "as {it} is");
    }

    #[test]
    fn a_plans_figure_does_not_stand_against_the_evidence() {
        let evidence = Gathered {
            name: "numbers".into(),
            value: std::sync::Arc::new(json!("The count is 42.")),
            found: true,
            origin: Origin::Given,
        };
        let sure = |answer: &str, asked: Asked<'_>| {
            let looked = Looked::default();
            assess_with(answer, asked, std::slice::from_ref(&evidence), &looked).confidence
        };
        let planned = Asked { intent: "How many?", instruction: "Say that the count is 43." };
        assert!(sure("The count is 43.", planned) < 0.6);
        let named = Asked { intent: "How many?", instruction: "Count the apples of Ruritania." };
        assert!(sure("The count is 42, in Ruritania.", named) > 0.6);
    }

    #[test]
    fn the_keys_of_data_are_no_claims() {
        let evidence = Gathered {
            name: "numbers".into(),
            value: std::sync::Arc::new(json!("The count is 42.")),
            found: true,
            origin: Origin::Given,
        };
        let sure = |answer: Value| {
            let (answer, asked) = (spoken(&answer), Asked { intent: "", instruction: "" });
            let looked = Looked::default();
            assess_with(&answer, asked, std::slice::from_ref(&evidence), &looked).confidence
        };
        assert!(sure(json!({"total_found": 42, "theRemark": "The count is 42."})) > 0.9);
        assert!(sure(json!({"total_found": 43, "remark": "The count is 43."})) < 0.6);
    }
}
