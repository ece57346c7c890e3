//! Short ways to say the shape of a plan.

use autoos_kernel::{
    body::BodyRef,
    id::WorkflowId,
    plan::{
        FallbackStrategy, RetryConfig,
        outline::{Candidate, Outline, StepKind, StepOutline},
    },
    words::{EffectClass, LlmRole},
};
use uuid::Uuid;

/// A body that stands for its name.
#[must_use]
pub fn body(name: &str) -> BodyRef {
    BodyRef { hash: *blake3::hash(name.as_bytes()).as_bytes(), len: name.len() as u32 }
}

/// The `n`-th workflow of a test.
#[must_use]
pub fn workflow_id(n: u128) -> WorkflowId {
    WorkflowId(Uuid::from_u128(n))
}

/// A step that does `kind`, with retries that wait for nothing and a timeout of a minute.
#[must_use]
pub fn step(id: &str, kind: StepKind) -> StepOutline {
    StepOutline {
        id: id.to_owned(),
        kind,
        needs: Vec::new(),
        evaluated: false,
        gated: false,
        retry: RetryConfig { attempts: 4, base_ms: 0, cap_ms: 0 },
        fallback: FallbackStrategy::Escalate,
        timeout_ms: 60_000,
        items: 10,
        task: String::new(),
        data: false,
    }
}

/// Asks one of `models`, each with what a call is reserved at.
#[must_use]
pub fn ask(role: LlmRole, models: &[(&str, u64)]) -> StepKind {
    let models = models.iter().map(|(model, reserve)| candidate(model, *reserve)).collect();
    StepKind::Ask { role, models, review: None }
}

/// A model and what a call of it is reserved at; `b/m1` is of the vendor `b`, `m1` of none.
#[must_use]
pub fn candidate(model: &str, reserve_microusd: u64) -> Candidate {
    let vendor = model.split_once('/').map_or("", |(vendor, _)| vendor).to_owned();
    let fixed = vendor == "fixed";
    Candidate { model: model.to_owned(), reserve_microusd, vendor, fixed, lesson: None }
}

/// Calls a tool.
#[must_use]
pub fn tool(name: &str, effect: EffectClass) -> StepKind {
    StepKind::Tool { name: name.to_owned(), effect }
}

/// A plan of `steps` whose last one brings the result.
#[must_use]
pub fn outline(steps: Vec<StepOutline>) -> Outline {
    let result = steps.last().map(|s| s.id.clone()).unwrap_or_default();
    let worst_case_microusd = steps.iter().map(|s| s.worst_case(s.evaluated)).sum();
    Outline { steps, result, worst_case_microusd, risk: None }
}
