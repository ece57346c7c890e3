//! An answer held against what the client gave: the texts of the conversation, the model's own left
//! out. By rule, and where the client wants it by a verifier too.

use super::choose::Verify;
use autoos_fabric::{
    Request, SharedLlm, Task, Verdict, Wish,
    chat::{Answered, Asked, Speaker},
    verify::{Basis, Claim, Confidence, Evidence, ground},
};
use autoos_kernel::words::{LlmRole, RiskLevel};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

/// Claims that are named; the rest is counted.
const NAMED: usize = 20;
/// A verdict may have so many tokens.
const VERDICT_TOKENS: u32 = 1_000;

/// What came of it.
pub(super) struct Checked {
    pub(super) confidence: f64,
    pub(super) unsupported: u32,
    /// What a verifier cost, in micro-dollars.
    pub(super) cost_microusd: u64,
    /// For the answer's body.
    pub(super) document: Value,
}

/// What a verifier is asked with.
pub(super) struct Means<'a> {
    pub(super) llm: &'a SharedLlm,
    pub(super) key: String,
    /// What it may cost at most, in micro-dollars.
    pub(super) left_microusd: u64,
    pub(super) timeout_ms: u64,
}

/// Checks an answer.
pub(super) async fn check(
    how: Verify,
    asked: &Asked,
    answered: &Answered,
    means: Means<'_>,
) -> Checked {
    let evidence = evidence(asked);
    let text = answered.text.clone();
    let (grounding, evidence) = {
        let work = move || (ground(&text, &evidence), evidence);
        // A check that broke off has found nothing out.
        tokio::task::spawn_blocking(work).await.unwrap_or_default()
    };
    let (verdict, problem, cost_microusd) = match how {
        Verify::Grounding => (None, None, 0),
        Verify::Verifier => match verdict(asked, answered, evidence, means).await {
            Ok((verdict, model, cost)) => (Some((verdict, model)), None, cost),
            Err((why, cost)) => (None, Some(why), cost),
        },
    };
    let confidence = Confidence::of(&Basis {
        grounding: Some(&grounding),
        verdict: verdict.as_ref().map(|(verdict, _)| verdict),
        ..Basis::default()
    });
    let claims: Vec<&Claim> = grounding.unsupported().collect();
    let unsupported = u32::try_from(claims.len()).unwrap_or(u32::MAX);
    let named = claims.iter().take(NAMED).map(|claim| {
        json!({
            "text": claim.text,
            "start": claim.start,
            "end": claim.end,
            "why": claim.sentence(),
        })
    });
    let named: Vec<Value> = named.collect();
    let document = json!({
        "confidence": confidence.value,
        "support": grounding.support,
        "claims": grounding.claims.len(),
        "checked": grounding.checked(),
        "unsupported": unsupported,
        "unsupported_claims": named,
        "recipe": confidence.recipe,
        "verifier": verdict.map(|(verdict, model)| json!({"model": model, "verdict": verdict})),
        "verifier_failed": problem,
    });
    Checked { confidence: confidence.value, unsupported, cost_microusd, document }
}

/// What the client gave.
fn evidence(asked: &Asked) -> Vec<Evidence> {
    let given = asked.messages.iter().enumerate().filter(|(_, m)| m.role != Speaker::Assistant);
    given
        .map(|(n, message)| Evidence {
            name: format!("{} {}", message.role, n + 1),
            value: Value::String(message.text()),
        })
        .collect()
}

/// What a verifier says, who it is and what it cost; else why there is none, and what that cost.
async fn verdict(
    asked: &Asked,
    answered: &Answered,
    evidence: Vec<Evidence>,
    means: Means<'_>,
) -> Result<(Verdict, String, u64), (String, u64)> {
    let Means { llm, key, left_microusd, timeout_ms } = means;
    let prompt = asked.prompt_tokens().saturating_add(answered.usage.output).saturating_add(1_000);
    let prompt_tokens = u32::try_from(prompt).unwrap_or(u32::MAX);
    let mut wish = Wish::new(LlmRole::Verifier, RiskLevel::Medium, true);
    (wish.prompt_tokens, wish.output_tokens) = (prompt_tokens, VERDICT_TOKENS);
    wish.remaining_microusd = left_microusd;
    wish.other_vendor_than =
        llm.named(&answered.model).into_iter().map(|model| model.vendor).collect();
    let Some(choice) = llm.route(&wish, &mut super::choose::Random).chosen() else {
        return Err(("no model can be asked for a verdict now".into(), 0));
    };
    let mut inputs = Map::new();
    inputs.insert("answer".into(), Value::String(answered.text.clone()));
    inputs.extend(evidence.into_iter().map(|piece| (piece.name, piece.value)));
    let instruction = "Is the answer borne out by what was given with the question?".to_owned();
    let request = Request {
        key,
        model: choice.model,
        role: LlmRole::Verifier,
        task: Task::Verify { instruction, inputs },
        schema: None,
        complaint: None,
        tools: Vec::new(),
        prompt_tokens,
        output_tokens: VERDICT_TOKENS,
        timeout_ms,
    };
    let reserved = choice.reserve_microusd;
    let response = llm.ask(request).await.map_err(|failure| {
        let cost = failure.cost_microusd.unwrap_or(reserved);
        (failure.to_string(), cost)
    })?;
    let read = response.value.as_ref().and_then(|value| Verdict::deserialize(value).ok());
    match read {
        Some(verdict) => Ok((verdict, response.model, response.cost_microusd)),
        None => Err(("its verdict cannot be read".into(), response.cost_microusd)),
    }
}
