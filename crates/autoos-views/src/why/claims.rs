//! What the result says, claim by claim, and what each claim rests on, back to the tool or context
//! that said it first: pure.

use super::{
    document::{ClaimTold, Ground},
    history::History,
    sources::{Origin, Sources, spoken},
};
use autoos_fabric::verify::{Claim, Index, Place, Status};
use autoos_kernel::plan::outline::StepKind;
use serde::Serialize;
use serde_json::Value;

/// Answers that are looked at; a list may have many.
const ANSWERS_MAX: usize = 20;
/// How far a claim is followed back.
const DEPTH_MAX: usize = 12;
/// Characters of the sentence around a claim.
const WITHIN_MAX: usize = 300;
/// Bytes of a record that is shown whole.
const RECORD_MAX: usize = 4_000;
/// Leaves of a value that are looked at.
const LEAVES_MAX: usize = 100_000;
/// How far a rounded figure may be from the one that it stands for.
const ROUNDED: f64 = 0.006;

/// Every claim of the result.
pub(super) fn of(history: &History) -> Vec<ClaimTold> {
    let workflow = &history.story.workflow;
    let (Some(plan), Some(adopted)) = (&history.story.plan, &workflow.plan) else {
        return Vec::new();
    };
    let sources = Sources { history, plan, workflow };
    let mut told: Vec<ClaimTold> = Vec::new();
    for step in sources.speakers(&adopted.outline.result).into_iter().take(ANSWERS_MAX) {
        let Some(answer) = spoken(&sources, &step) else { continue };
        for claim in checked(&sources, &step, &answer) {
            let number = told.len() + 1;
            told.push(ClaimTold {
                number,
                step: step.clone(),
                within: within(&answer, claim.start, claim.end),
                kind: word(&claim.kind),
                status: word(&claim.status),
                rests_on: rests_on(&sources, &step, &claim),
                text: claim.text,
                start: claim.start,
                end: claim.end,
                how: claim.how,
                nearest: claim.nearest,
            });
        }
    }
    told
}

fn word(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The claims of an answer as they were found then, with where they stand.
fn checked(sources: &Sources<'_>, step: &str, answer: &str) -> Vec<Claim> {
    let inputs = sources.inputs(step);
    let mut claims = sources.index(&inputs).ground(answer).claims;
    repeats_the_question(&mut claims, answer, &sources.question(step));
    let Some(against) = recorded(sources, step) else { return claims };
    let same = |a: &Claim, b: &Claim| (a.start, a.end, a.kind) == (b.start, b.end, b.kind);
    for claim in &mut claims {
        if let Some(then) = against.iter().find(|then| same(then, claim)) {
            *claim = then.clone();
        } else if claim.status == Status::Unsupported {
            // What a file held is not in the journal.
            claim.status = Status::Unchecked;
            claim.how = "nothing spoke against it when it was checked, and its evidence is not in \
                         the journal"
                .into();
        }
    }
    claims
}

/// What was found unsupported when the answer was checked; none when that was not kept.
fn recorded(sources: &Sources<'_>, step: &str) -> Option<Vec<Claim>> {
    let evidence = sources.history.value(sources.answer(step)?.evidence?)?;
    serde_json::from_value(evidence.get("places")?.clone()).ok()
}

/// An answer may repeat the question.
fn repeats_the_question(claims: &mut [Claim], answer: &str, asked: &str) {
    if claims.iter().all(|claim| claim.status != Status::Unsupported) {
        return;
    }
    let question = Value::from(asked);
    let repeated = Index::of([("intent", &question)]).ground(answer).claims;
    for claim in claims.iter_mut().filter(|claim| claim.status == Status::Unsupported) {
        let same = |c: &&Claim| (c.start, c.end, c.kind) == (claim.start, claim.end, claim.kind);
        if let Some(found) = repeated.iter().find(same)
            && found.status == Status::Supported
        {
            *claim = Claim { how: "repeats the question".into(), ..found.clone() };
        }
    }
}

/// From a claim's own evidence back to a tool's output or a context.
fn rests_on(sources: &Sources<'_>, step: &str, claim: &Claim) -> Vec<Ground> {
    let mut chain = Vec::new();
    let (mut step, mut claim) = (step.to_owned(), claim.clone());
    while chain.len() < DEPTH_MAX {
        let Some(place) = claim.evidence.clone() else { break };
        let inputs = sources.inputs(&step);
        let Some(input) = inputs.into_iter().find(|input| input.name == place.name) else {
            if place.name == "intent" {
                chain.push(Ground { context: Some("the intent".into()), ..ground(&place, &claim) });
            }
            break;
        };
        let found = ground(&place, &claim);
        match input.origin {
            Origin::Context(name) => {
                let found = located(found, &input.value, &place, &claim.text);
                chain.push(Ground { context: Some(name), ..found });
                break;
            }
            Origin::Step(of) => {
                let Some(known) = sources.workflow.steps.get(&of) else { break };
                let attempts = sources.history.story.steps.get(&of).map(|s| &s.attempts);
                let last = attempts.and_then(|attempts| attempts.last());
                let attempt = last.map(|attempt| attempt.attempt);
                let found = Ground { step: Some(of.clone()), attempt, ..found };
                match &known.outline.kind {
                    StepKind::Ask { .. } => {
                        let model = known.candidate().map(|c| c.model.clone());
                        chain.push(Ground { model, ..found });
                        let Some((next, before)) = before(sources, &of, &place, &claim) else {
                            break;
                        };
                        (step, claim) = (next, before);
                    }
                    StepKind::Tool { name, .. } => {
                        let found = located(found, &input.value, &place, &claim.text);
                        chain.push(Ground { tool: Some(name.clone()), ..found });
                        break;
                    }
                    StepKind::Wait { .. } => break,
                }
            }
        }
    }
    chain
}

/// With the record around the place, and the place's own name where that is found.
fn located(ground: Ground, value: &Value, place: &Place, claimed: &str) -> Ground {
    match stands(value, place, claimed) {
        Some((path, record)) => Ground { path, record: Some(record), ..ground },
        None => ground,
    }
}

fn ground(place: &Place, claim: &Claim) -> Ground {
    let excerpt = if place.excerpt.is_empty() { &claim.text } else { &place.excerpt };
    Ground {
        input: place.name.clone(),
        path: place.path.clone(),
        excerpt: excerpt.clone(),
        ..Ground::default()
    }
}

/// The same claim as a step before made it, with its own evidence.
fn before(
    sources: &Sources<'_>,
    of: &str,
    place: &Place,
    claim: &Claim,
) -> Option<(String, Claim)> {
    let elements = sources.elements(of);
    let steps = if elements.is_empty() { vec![of.to_owned()] } else { elements };
    for step in steps {
        let index = sources.index(&sources.inputs(&step));
        for said in [place.excerpt.as_str(), claim.text.as_str()] {
            let found = index.ground(said).claims;
            let stands = |c: &&Claim| c.status == Status::Supported && c.evidence.is_some();
            let same = found.iter().filter(stands).find(|c| c.text == claim.text);
            if let Some(found) = same.or_else(|| found.iter().find(stands)) {
                return Some((step, found.clone()));
            }
        }
    }
    None
}

/// The sentence around a claim.
fn within(answer: &str, start: usize, end: usize) -> String {
    let ends = |c: char| matches!(c, '.' | '!' | '?' | '\n');
    let head = answer.get(..start).unwrap_or("");
    let tail = answer.get(end..).unwrap_or("");
    // A full stop within a number ends no sentence.
    let stops = |text: &str, at: usize| {
        let next = text[at..].chars().nth(1);
        // A line may break within a sentence; an empty one ends it.
        match text[at..].starts_with('\n') {
            true => next == Some('\n'),
            false => next.is_none_or(char::is_whitespace),
        }
    };
    let from = head.rmatch_indices(ends).find(|(at, _)| stops(answer, *at));
    let from = from.map_or(0, |(at, found)| at + found.len());
    let to = tail.match_indices(ends).find(|(at, _)| stops(tail, *at));
    let to = to.map_or(answer.len(), |(at, found)| end + at + found.len());
    let sentence = answer.get(from..to).unwrap_or("").split_whitespace().collect::<Vec<_>>();
    sentence.join(" ").chars().take(WITHIN_MAX).collect()
}

/// Where a claim stands in a value and the record around it: the object that holds the field, or
/// the line of a text. The evidence names a field by the stems of its words; here it has its own.
fn stands(value: &Value, place: &Place, claimed: &str) -> Option<(String, Value)> {
    if let (Value::String(text), true) = (value, place.path.is_empty()) {
        let head = text.get(..place.start)?;
        let from = head.rfind('\n').map_or(0, |at| at + 1);
        let tail = text.get(place.end..)?;
        let to = tail.find('\n').map_or(text.len(), |at| place.end + at);
        let line: String = text.get(from..to)?.chars().take(RECORD_MAX).collect();
        return Some((String::new(), line.trim_end().into()));
    }
    let mut leaves = Vec::new();
    walk(value, value, &mut Vec::new(), &mut leaves);
    let stems: Vec<&str> = place.path.split('.').filter(|stem| !stem.is_empty()).collect();
    let named = |path: &[&str]| {
        let like = |(field, stem): (&&str, &&str)| field.to_lowercase().starts_with(stem);
        path.len() == stems.len() && path.iter().zip(&stems).all(like)
    };
    let meant = |leaf: &Leaf<'_>| is_meant(leaf.value, place, claimed);
    let found = leaves.iter().filter(|leaf| meant(leaf)).find(|leaf| named(&leaf.path));
    let found = found.or_else(|| leaves.iter().find(|leaf| meant(leaf)))?;
    let whole = found.around.to_string().len() <= RECORD_MAX;
    let record = if whole { found.around } else { found.value };
    Some((found.path.join("."), record.clone()))
}

/// A text, number or truth in a value.
struct Leaf<'a> {
    path: Vec<&'a str>,
    value: &'a Value,
    /// The object or row that holds it.
    around: &'a Value,
}

fn walk<'a>(
    value: &'a Value,
    around: &'a Value,
    path: &mut Vec<&'a str>,
    leaves: &mut Vec<Leaf<'a>>,
) {
    match value {
        Value::Array(elements) => {
            // A row of a table is a list of cells, and a record as an object is.
            let row = elements.iter().all(|cell| !cell.is_array() && !cell.is_object());
            let around = if row && elements.len() > 1 { value } else { around };
            elements.iter().for_each(|element| walk(element, around, path, leaves));
        }
        Value::Object(object) => {
            for (field, held) in object {
                path.push(field);
                walk(held, value, path, leaves);
                path.pop();
            }
        }
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) if leaves.len() < LEAVES_MAX => {
            leaves.push(Leaf { path: path.clone(), value, around });
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a leaf says what is claimed.
fn is_meant(leaf: &Value, place: &Place, claimed: &str) -> bool {
    match leaf {
        Value::String(text) => {
            let excerpt = place.excerpt.trim_end_matches('…').trim();
            text.contains(claimed) || (!excerpt.is_empty() && text.contains(excerpt))
        }
        Value::Number(number) => {
            let digit = |c: &char| c.is_ascii_digit() || matches!(c, '.' | '-');
            let digits: String = claimed.chars().filter(digit).collect();
            let claimed = digits.trim_end_matches('.').parse::<f64>().ok();
            number.as_f64().zip(claimed).is_some_and(|(a, b)| (a - b).abs() <= ROUNDED * a.abs())
        }
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
