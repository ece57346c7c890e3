//! The index's entry against the kernel's fold, over random runs.

use super::*;
use autoos_kernel::{
    assurance::Assurance,
    body::BodyRef,
    id::WorkflowId,
    ladder::{Exit, FailureClass},
    plan::{
        FallbackStrategy, RetryConfig,
        outline::{Candidate, Outline, Review, StepKind, StepOutline},
    },
    rng::{Rng, Seeded},
    route::{Route, Router, Wish},
    words::{EffectClass, LlmRole},
    workflow::{Command, Effect, End, Means, Output, Seed, StepState, Workflow},
};
use std::collections::BTreeSet;
use uuid::Uuid;

fn step(id: &str, kind: StepKind, needs: &[&str]) -> StepOutline {
    StepOutline {
        id: id.into(),
        kind,
        needs: needs.iter().map(|n| (*n).to_owned()).collect(),
        evaluated: matches!(id, "each" | "maybe"),
        gated: id == "sum",
        retry: RetryConfig { attempts: 2, base_ms: 10, cap_ms: 20 },
        fallback: match id {
            "maybe" => FallbackStrategy::Skip,
            "write" => FallbackStrategy::Fail,
            _ => FallbackStrategy::Escalate,
        },
        timeout_ms: 1_000,
        items: 5,
        task: String::new(),
        data: false,
    }
}

fn ask(role: LlmRole) -> StepKind {
    let model = |name: &str| Candidate {
        model: name.into(),
        reserve_microusd: 20,
        vendor: name[..1].into(),
        ..Candidate::default()
    };
    let models = vec![model("a/one"), model("b/two")];
    let reviewed = role == LlmRole::Synthesizer;
    let review = Review {
        assurance: Assurance::Verified,
        models: models.clone(),
        ceiling: None,
        lesson: None,
    };
    StepKind::Ask { role, models, review: reviewed.then_some(review) }
}

fn tool(effect: EffectClass) -> StepKind {
    StepKind::Tool { name: "text.touch".into(), effect }
}

fn outline() -> Outline {
    Outline {
        steps: vec![
            step("each", ask(LlmRole::Executor), &[]),
            step("maybe", tool(EffectClass::Pure), &[]),
            step("write", tool(EffectClass::Effectful), &["maybe"]),
            step("wait", StepKind::Wait { ms: 50 }, &[]),
            step("sum", ask(LlmRole::Synthesizer), &["each", "wait", "write"]),
        ],
        result: "sum".into(),
        worst_case_microusd: 400,
        risk: None,
    }
}

fn output(rng: &mut Seeded) -> Output {
    let body = BodyRef { hash: [3; 32], len: 3 };
    Output { body, confidence: Some(rng.up_to(10) as f64 / 10.0), evidence: None }
}

/// Takes the first, and finds nobody now and then.
struct Moody;

impl Router for Moody {
    fn route(&self, wish: &Wish<'_>) -> Route {
        match wish.candidates.first() {
            Some(first) if !wish.bits.is_multiple_of(8) => {
                Route::Ask { model: first.model.clone(), choice: None }
            }
            _ => Route::Wait { ms: 50, reason: "all are out".into() },
        }
    }
}

/// Something that could happen now.
fn next_command(workflow: &Workflow, now: Timestamp, rng: &mut Seeded) -> Command {
    let by = || "someone".to_owned();
    let open = workflow.escalations.iter().find(|(_, e)| e.resolved.is_none()).map(|(n, _)| *n);
    let chance = rng.up_to(39);
    match (chance, open) {
        (0, _) => return Command::Pause { by: by() },
        (1 | 2, _) => return Command::Resume { by: by() },
        (3, _) if rng.up_to(3) == 0 => {
            return Command::Cancel { by: by(), reason: "enough".into() };
        }
        (4, _) if rng.up_to(1) == 0 => {
            let (parent, model) = (WorkflowId(Uuid::from_u128(9)), None);
            return Command::Fork { parent, at: 1, model, by: by() };
        }
        (4, _) => return Command::Recover,
        (5..9, _) => return Command::Tick,
        (9..20, Some(escalation)) => {
            let decision = match rng.up_to(9) {
                0..3 => Decision::Approve,
                3 | 4 => Decision::Edit(BodyRef { hash: [4; 32], len: 2 }),
                5 | 6 => Decision::Retry,
                7 => Decision::Raise(500),
                8 => Decision::Skip,
                _ => Decision::Abandon,
            };
            return Command::Resolve { escalation, decision, by: by() };
        }
        _ => {}
    }
    let effects: Vec<Effect> = workflow.outstanding(now).into_iter().collect();
    if effects.is_empty() {
        return Command::Tick;
    }
    match effects[rng.up_to(effects.len() as u64 - 1) as usize].clone() {
        Effect::StartAgent { step, attempt } | Effect::Inquire { step, attempt } => {
            let exits = [
                Exit::Failed(FailureClass::Server),
                Exit::Failed(FailureClass::Auth),
                Exit::Panicked,
                Exit::HostLost,
                Exit::Failed(FailureClass::Denied),
            ];
            let end = match rng.up_to(9) {
                0..6 => End::Done(output(rng)),
                n => End::Failed {
                    exit: exits[(n as usize + rng.up_to(4) as usize) % exits.len()],
                    detail: "it did not work".into(),
                    retry_after_ms: None,
                    doubtful: (n == 7).then(|| output(rng)),
                },
            };
            Command::Ended { step, attempt, end, cost: Some(rng.up_to(20)), tokens: (5, 2) }
        }
        Effect::Judge { plan, .. } => {
            let bad = rng.up_to(3) == 0;
            let verdict = if bad { Err(vec!["no".into()]) } else { Ok(outline()) };
            Command::Judged { plan, verdict }
        }
        Effect::Evaluate { step } => {
            let verdict = match rng.up_to(9) {
                0 => Verdict::Skip { reason: "it does not hold".into() },
                1 => Verdict::Impossible { reason: "no such value".into() },
                _ if step == "maybe" => Verdict::Run,
                n => Verdict::Each((n % 4) as u32),
            };
            Command::Evaluated { step, verdict }
        }
        _ => Command::Tick,
    }
}

fn begin(rng: &mut Seeded) -> Command {
    let planned = rng.up_to(1) == 0;
    Command::Create(Seed {
        risk: if rng.up_to(1) == 0 { RiskLevel::Low } else { RiskLevel::High },
        granted_microusd: 150,
        deadline: None,
        patience_ms: 5_000,
        planner: (!planned).then(|| step(PLANNING, ask(LlmRole::Planner), &[])),
        plan: planned.then(|| (BodyRef { hash: [1; 32], len: 9 }, outline())),
    })
}

fn agree(entry: &Entry, workflow: &Workflow, event: &Event, seed: u64) {
    let told = format!("seed {seed}, after {event:?}");
    assert_eq!(entry.state(), workflow.state(), "{told}");
    let over = workflow.steps.values().filter(|s| s.state.is_over()).count();
    // Which steps a later plan replaces is not kept: of such a workflow they are about right.
    if workflow.plan.as_ref().is_none_or(|plan| plan.revision == 1) {
        assert_eq!(entry.over as usize, over, "{told}");
        assert_eq!(entry.steps as usize, workflow.steps.len(), "{told}");
    } else {
        assert!(entry.over <= entry.steps, "{told}");
    }
    assert_eq!(entry.cost, workflow.steps.values().map(|s| s.spent).sum::<u64>(), "{told}");
    assert_eq!(entry.cost, workflow.budget.spent + workflow.budget.excess, "{told}");
    let open = workflow.escalations.values().filter(|e| e.resolved.is_none()).count();
    let open = if workflow.end.is_some() { 0 } else { open };
    assert_eq!(entry.open_questions() as usize, open, "{told}");
    let running = workflow.steps.values().filter(|s| matches!(s.state, StepState::Running(_)));
    let in_flight = entry.live.as_ref().map_or(0, |live| live.running.len());
    assert_eq!(in_flight, running.count(), "{told}");
    assert_eq!(entry.ended(), workflow.end.as_ref().map(|end| end.at), "{told}");
}

#[test]
fn agrees_with_the_kernel_at_every_position() {
    let mut kinds = BTreeSet::new();
    let mut ends = BTreeSet::new();
    for seed in 0..400 {
        let mut rng = Seeded(seed);
        let id = WorkflowId(Uuid::from_u128(u128::from(seed)));
        let mut decider = Workflow::new(id);
        let mut folded = Workflow::new(id);
        let mut now = Timestamp(1_000);
        let mut entry = Entry::new(id.0, now);
        let mut command = begin(&mut rng);
        for _ in 0..150 {
            for event in decider
                .decide(command, now, &mut Means { rng: &mut rng, router: &Moody })
                .unwrap_or_default()
            {
                folded.fold(&event, now);
                entry.fold(&event, now);
                agree(&entry, &folded, &event, seed);
                kinds.insert(<&str>::from(&event));
            }
            now = now.plus_ms(rng.up_to(120));
            command = next_command(&decider, now, &mut rng);
        }
        ends.insert(<&str>::from(entry.state()));
    }
    // The runs must have been through everything, or the agreement says little.
    let all: BTreeSet<&str> = <Event as strum::VariantNames>::VARIANTS.iter().copied().collect();
    assert_eq!(kinds, all);
    for end in ["completed", "failed", "cancelled"] {
        assert!(ends.contains(end), "no run ended as {end}: {ends:?}");
    }
}

#[test]
fn a_workflow_at_rest_is_small() {
    assert!(size_of::<Entry>() <= 80, "{} bytes", size_of::<Entry>());
}
