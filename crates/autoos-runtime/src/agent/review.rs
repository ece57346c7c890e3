//! An attempt that makes sure of an answer: a verifier judges it against the evidence that it was
//! made from, and what is then known of it makes its confidence.

use super::{
    Assignment, Job, Product, Reviewed,
    actor::{Miss, Report},
    ask,
    trust::{self, Looked},
};
use autoos_fabric::{Request, Task, TaskKind, Verdict, verify::agree};
use autoos_kernel::{
    ladder::{Exit, FailureClass},
    plan::Work,
    words::LlmRole,
};
use serde_json::{Map, Value, json};

/// Tokens that a verdict may have; what the plan's worst case was counted with.
const VERDICT_TOKENS: u32 = 1_000;

/// Has an answer judged.
pub(super) async fn work(assignment: &Assignment, reviewed: &Reviewed) -> Report {
    let Job::Step { written, model: Some(model), inputs, .. } = &assignment.job else {
        return ask::nothing(Miss::failed(FailureClass::Invalid, "there is nobody to judge it"));
    };
    let Work::Ask { role, instruction, schema } = &written.work else {
        return ask::nothing(Miss::failed(FailureClass::Invalid, "this step has no answer"));
    };
    let gathered = match ask::gather(inputs).await {
        Ok(gathered) => gathered,
        Err(why) => return ask::nothing(Miss::failed(FailureClass::Invalid, why)),
    };
    let answer = reviewed.answers.first().cloned().unwrap_or_default();
    let second = reviewed.answers.get(1).cloned();
    let mut shown: Map<String, Value> =
        gathered.iter().map(|g| (g.name.clone(), (*g.value).clone())).collect();
    shown.insert(free_name(&shown, "answer"), (*answer).clone());
    let limits = written.limits;
    let kind = TaskKind::of(*role, schema.is_some());
    let record = |author: &String| assignment.parts.llm.calibration(author, kind);
    let calibration = reviewed.author.as_ref().map(record);
    let request = Request {
        key: assignment.key.clone(),
        model: model.clone(),
        role: LlmRole::Verifier,
        task: Task::Verify {
            instruction: format!(
                "Judge the input \"answer\" against the other inputs, which it was made from. It \
                 answers this task: {instruction}"
            ),
            inputs: shown,
        },
        schema: None,
        tools: Vec::new(),
        complaint: None,
        prompt_tokens: limits.prompt_tokens.saturating_add(limits.output_tokens),
        output_tokens: VERDICT_TOKENS,
        timeout_ms: assignment.timeout_ms,
    };
    let asked = trust::Asked { intent: &assignment.brief.text, instruction };
    let first = trust::spoken(&answer);
    let witnesses: Vec<(&str, String)> = reviewed
        .witnesses
        .iter()
        .map(|(who, value)| (who.as_str(), trust::spoken(value)))
        .collect();
    let agrees = |(_, witness): &&(&str, String)| agree(&[&first, witness]).stands();
    let witness = witnesses.iter().find(agrees);
    // What overrules a verdict counts in the confidence too.
    let overruling = witness.filter(|_| reviewed.overruled.is_some()).map(|(_, said)| said.clone());
    let other = second.as_deref().map(trust::spoken).or(overruling);
    ask::send(assignment, request, |response| {
        let verdict: Verdict = ask::verdict_of(response)?;
        let looked = Looked {
            verdict: Some(&verdict),
            second: other.as_deref(),
            ceiling: reviewed.ceiling.as_ref(),
            assurance: Some(reviewed.assurance),
            reviewer: Some(model),
            overruled: reviewed.overruled.as_deref(),
            shelf: Some(&assignment.shelf),
            calibration: calibration.as_ref(),
        };
        let trust = trust::assess_with(&first, asked, &gathered, &looked);
        let sound = trust.sound;
        let product = Product { value: (*answer).clone(), plan: None, trust: Some(trust) };
        if verdict.supported {
            return Ok(product);
        }
        let found = format!("{model} found: {}", json!(verdict.problems.join("; ")));
        let (exit, detail) = match witness {
            Some((who, _)) if sound => (
                Exit::Contested,
                format!("{found}; but all that can be checked stands, and {who} says the same"),
            ),
            _ => (Exit::Vetoed, found),
        };
        Err(Miss { exit, detail, retry_after_ms: None, doubtful: Some(Box::new(product)) })
    })
    .await
}

/// A name that no input has.
fn free_name(inputs: &Map<String, Value>, wish: &str) -> String {
    let mut name = wish.to_owned();
    while inputs.contains_key(&name) {
        name.push('_');
    }
    name
}
