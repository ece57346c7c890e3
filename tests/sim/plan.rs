//! Random workflows for the simulation: small graphs with many effects.

use autoos_kernel::{
    assurance::Assurance,
    plan::{
        FallbackStrategy,
        outline::{Ceiling, Outline, Review, StepKind, StepOutline},
    },
    rng::Rng,
    time::Timestamp,
    words::{EffectClass, LlmRole, RiskLevel},
    workflow::{PLANNING, Seed},
};
use autoos_tests::shape;

/// True in `percent` of a hundred cases.
pub(crate) fn chance(rng: &mut dyn Rng, percent: u64) -> bool {
    rng.up_to(99) < percent
}

/// One of a few.
pub(crate) fn one_of<T: Copy>(rng: &mut dyn Rng, choices: &[T]) -> T {
    choices[rng.up_to(choices.len() as u64 - 1) as usize]
}

fn kind(rng: &mut dyn Rng) -> StepKind {
    match rng.up_to(9) {
        0..=3 => shape::tool("send", EffectClass::Effectful),
        4..=5 => shape::tool("read", EffectClass::Pure),
        6..=8 => {
            let models =
                [("a/1", rng.up_to(300)), ("b/1", rng.up_to(300)), ("a/2", rng.up_to(300))];
            let mut ask = shape::ask(LlmRole::Executor, &models[..one_of(rng, &[1, 2, 3])]);
            if let StepKind::Ask { review, .. } = &mut ask {
                *review = chance(rng, 40).then(|| reviewed(rng));
            }
            ask
        }
        _ => StepKind::Wait { ms: 1 + rng.up_to(3_000) },
    }
}

fn reviewed(rng: &mut dyn Rng) -> Review {
    use Assurance::{OtherVendor, Quorum, Verified};
    let assurance = one_of(rng, &[Verified, Verified, OtherVendor, Quorum]);
    let mut models = vec![shape::candidate("b/1", rng.up_to(200)), shape::candidate("a/1", 50)];
    models.truncate(one_of(rng, &[1, 1, 2]));
    let ceiling = chance(rng, 10).then(|| Ceiling { confidence: 0.84, reason: "one".into() });
    Review { assurance, models, ceiling, lesson: None }
}

fn bounded(mut step: StepOutline, rng: &mut dyn Rng) -> StepOutline {
    step.retry.attempts = 1 + rng.up_to(3) as u32;
    (step.retry.base_ms, step.retry.cap_ms) = (100, 1_000);
    step.timeout_ms = 500 + rng.up_to(2_000);
    step.items = 3;
    let fallbacks =
        [FallbackStrategy::Escalate, FallbackStrategy::Escalate, FallbackStrategy::Skip];
    step.fallback = if chance(rng, 5) { FallbackStrategy::Fail } else { one_of(rng, &fallbacks) };
    step
}

pub(crate) fn outline(rng: &mut dyn Rng) -> Outline {
    let mut steps: Vec<StepOutline> = Vec::new();
    for n in 0..=1 + rng.up_to(5) {
        let kind = kind(rng);
        let mut step = bounded(shape::step(&format!("s{n}"), kind), rng);
        step.needs = steps.iter().map(|s| s.id.clone()).filter(|_| chance(rng, 40)).collect();
        step.evaluated = chance(rng, 20);
        step.gated = chance(rng, 30);
        steps.push(step);
    }
    let mut last =
        bounded(shape::step("end", shape::ask(LlmRole::Synthesizer, &[("m1", 90)])), rng);
    last.needs = steps.iter().map(|s| s.id.clone()).collect();
    last.gated = true;
    steps.push(last);
    shape::outline(steps)
}

pub(crate) fn seed(rng: &mut dyn Rng, outline: &Outline) -> Seed {
    let planner = shape::ask(LlmRole::Planner, &[("m1", 50), ("m2", 50)]);
    let planner = bounded(shape::step(PLANNING, planner), rng);
    let planned = chance(rng, 50);
    Seed {
        risk: one_of(rng, &[RiskLevel::Low, RiskLevel::Medium, RiskLevel::Critical]),
        granted_microusd: 500 + rng.up_to(5_000),
        deadline: chance(rng, 20).then(|| Timestamp(5_000 + rng.up_to(40_000))),
        patience_ms: 2_000 + rng.up_to(20_000),
        planner: (!planned).then_some(planner),
        plan: planned.then(|| (shape::body("plan"), outline.clone())),
    }
}
