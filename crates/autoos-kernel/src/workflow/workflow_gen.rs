//! What the property tests are made of: random plans, and what may happen to a workflow.

use super::{Command, Decision, Effect, End, Output, PLANNING, Seed, StepState, Verdict, Workflow};
use crate::{
    assurance::Assurance,
    body::BodyRef,
    ladder::{Exit, FailureClass},
    plan::{
        FallbackStrategy, RetryConfig,
        outline::{Candidate, Ceiling, Outline, Review, StepKind, StepOutline},
    },
    time::Timestamp,
    words::{EffectClass, LlmRole, RiskLevel},
};
use proptest::prelude::*;

pub(super) fn body(n: u8) -> BodyRef {
    BodyRef { hash: [n; 32], len: u32::from(n) }
}

fn candidate(model: &str, reserve_microusd: u64) -> Candidate {
    // Two vendors, so that there is someone else to ask.
    let vendor = if model == "m1" { "b" } else { "a" }.to_owned();
    Candidate { model: model.to_owned(), reserve_microusd, vendor, fixed: false, lesson: None }
}

/// Now and then an answer is to be made sure of.
fn reviews() -> impl Strategy<Value = Option<Review>> {
    let assurance =
        prop::sample::select(vec![Assurance::Verified, Assurance::OtherVendor, Assurance::Quorum]);
    let models = prop::collection::vec(0u64..100, 0..3);
    let ceiling =
        prop::option::weighted(0.2, Just(Ceiling { confidence: 0.84, reason: "one".into() }));
    let review = (assurance, models, ceiling).prop_map(|(assurance, models, ceiling)| {
        let models = models.into_iter().enumerate();
        let models = models.map(|(n, reserve)| candidate(&format!("m{n}"), reserve)).collect();
        Review { assurance, models, ceiling, lesson: None }
    });
    prop::option::weighted(0.4, review)
}

fn kinds() -> impl Strategy<Value = StepKind> {
    let effect = prop_oneof![Just(EffectClass::Pure), Just(EffectClass::Effectful)];
    let reserve = 0u64..400;
    let model = |n: usize| format!("m{n}");
    prop_oneof![
        3 => effect.prop_map(|effect| StepKind::Tool { name: "tool".into(), effect }),
        3 => (prop::collection::vec(reserve, 1..4), reviews()).prop_map(move |(reserves, review)| StepKind::Ask {
            role: LlmRole::Executor,
            models: reserves
                .into_iter()
                .enumerate()
                .map(|(n, reserve)| candidate(&model(n), reserve))
                .collect(),
            review,
        }),
        1 => (1u64..5_000).prop_map(|ms| StepKind::Wait { ms }),
    ]
}

fn fallbacks() -> impl Strategy<Value = FallbackStrategy> {
    prop_oneof![
        3 => Just(FallbackStrategy::Escalate),
        1 => Just(FallbackStrategy::Skip),
        1 => Just(FallbackStrategy::Fail),
    ]
}

fn steps() -> impl Strategy<Value = StepOutline> {
    let fallback = fallbacks();
    let retry = (1u32..5, 0u64..2_000).prop_map(|(attempts, base_ms)| RetryConfig {
        attempts,
        base_ms,
        cap_ms: 4_000,
    });
    let flags = (prop::bool::weighted(0.25), any::<bool>());
    (kinds(), any::<u16>(), flags, retry, fallback, 1u64..10_000).prop_map(
        |(kind, mask, (evaluated, gated), retry, fallback, timeout_ms)| StepOutline {
            id: String::new(),
            kind,
            // The bits of a mask, until the plan knows which steps come before.
            needs: vec![mask.to_string()],
            evaluated,
            gated,
            retry,
            fallback,
            timeout_ms,
            items: 3,
            task: String::new(),
            data: false,
        },
    )
}

/// A DAG of up to seven steps, the last of which brings the result.
pub(super) fn plans() -> impl Strategy<Value = Outline> {
    prop::collection::vec(steps(), 1..8).prop_map(|mut steps| {
        let ids: Vec<String> = (0..steps.len()).map(|n| format!("s{n}")).collect();
        for (n, step) in steps.iter_mut().enumerate() {
            let mask: u16 = step.needs[0].parse().unwrap_or(0);
            step.id = ids[n].clone();
            step.needs = (0..n).filter(|i| mask & (1 << i) != 0).map(|i| ids[i].clone()).collect();
        }
        let result = ids.last().cloned().unwrap_or_default();
        Outline { steps, result, worst_case_microusd: 0, risk: None }
    })
}

/// How a workflow may begin; its plan is kept aside for the judge where it is still to be made.
pub(super) fn beginnings() -> impl Strategy<Value = (Seed, Outline)> {
    let planner = StepOutline {
        id: PLANNING.into(),
        kind: StepKind::Ask {
            role: LlmRole::Planner,
            models: vec![candidate("m0", 50), candidate("m1", 20)],
            review: None,
        },
        needs: Vec::new(),
        evaluated: false,
        gated: false,
        retry: RetryConfig { attempts: 3, base_ms: 100, cap_ms: 1_000 },
        fallback: FallbackStrategy::Escalate,
        timeout_ms: 5_000,
        items: 1,
        task: String::new(),
        data: false,
    };
    let deadline = prop::option::weighted(0.3, 1_000u64..60_000);
    let money = 100u64..20_000;
    (plans(), any::<bool>(), money, deadline, 1u64..40_000, fallbacks()).prop_map(
        move |(outline, planned, granted_microusd, deadline, patience_ms, fallback)| {
            let seed = Seed {
                risk: RiskLevel::Medium,
                granted_microusd,
                deadline: deadline.map(Timestamp),
                patience_ms,
                planner: (!planned).then(|| StepOutline { fallback, ..planner.clone() }),
                plan: planned.then(|| (body(1), outline.clone())),
            };
            (seed, outline)
        },
    )
}

/// Something that happens. `pick` chooses among what there is.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// Something outstanding is done, and ends so.
    Done {
        pick: usize,
        end: End,
        cost: Option<u64>,
        verdict: Verdict,
        refused: bool,
    },
    /// Time passes.
    Wait(u64),
    Tick,
    Recover,
    Pause,
    Resume,
    Cancel,
    /// A human answers one of the questions, the answered ones included.
    Resolve {
        pick: usize,
        decision: Decision,
    },
    /// A command of before comes again: a duplicate, or a late one.
    Again {
        pick: usize,
    },
}

fn exits() -> impl Strategy<Value = Exit> {
    use FailureClass as C;
    let classes = [
        C::RateLimit,
        C::Auth,
        C::BadRequest,
        C::Server,
        C::Timeout,
        C::Network,
        C::Malformed,
        C::Unable,
        C::Invalid,
        C::Denied,
        C::Unavailable,
        C::Crashed,
    ];
    let others = [
        Exit::Panicked,
        Exit::Stalled,
        Exit::Unsure,
        Exit::Vetoed,
        Exit::Overspent,
        Exit::HostLost,
        Exit::EffectUnknown,
        Exit::Cancelled,
    ];
    prop_oneof![
        prop::sample::select(classes.to_vec()).prop_map(Exit::Failed),
        prop::sample::select(others.to_vec()),
    ]
}

fn outputs() -> impl Strategy<Value = Output> {
    let confidence = prop_oneof![
        4 => Just(None),
        4 => (0.0f64..=1.0).prop_map(Some),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, -1.0, 1e300]).prop_map(Some),
    ];
    (any::<u8>(), confidence).prop_map(|(n, confidence)| Output {
        body: body(n),
        confidence,
        evidence: None,
    })
}

fn ends() -> impl Strategy<Value = End> {
    let doubtful = prop::option::weighted(0.3, outputs());
    let retry_after = prop::option::weighted(0.2, prop_oneof![0u64..3_000, Just(u64::MAX)]);
    let failed = (exits(), retry_after, doubtful).prop_map(|(exit, retry_after_ms, doubtful)| {
        End::Failed { exit, detail: "so".into(), retry_after_ms, doubtful }
    });
    prop_oneof![5 => outputs().prop_map(End::Done), 5 => failed, 1 => Just(End::NotDone)]
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        3 => Just(Verdict::Run),
        1 => Just(Verdict::Skip { reason: "no".into() }),
        3 => (0u32..5).prop_map(Verdict::Each),
        1 => Just(Verdict::Impossible { reason: "no list".into() }),
    ]
}

fn decisions() -> impl Strategy<Value = Decision> {
    prop::sample::select(vec![
        Decision::Approve,
        Decision::Edit(body(9)),
        Decision::Retry,
        Decision::Raise(300),
        Decision::Skip,
        Decision::Abandon,
    ])
}

pub(super) fn happenings() -> impl Strategy<Value = Happening> {
    let cost = prop::option::weighted(0.8, 0u64..500);
    let refused = prop::bool::weighted(0.3);
    let pick = any::<usize>;
    prop_oneof![
        20 => (pick(), ends(), cost, verdicts(), refused).prop_map(
            |(pick, end, cost, verdict, refused)| Happening::Done { pick, end, cost, verdict, refused }
        ),
        4 => (0u64..8_000).prop_map(Happening::Wait),
        4 => Just(Happening::Tick),
        2 => Just(Happening::Recover),
        1 => Just(Happening::Pause),
        2 => Just(Happening::Resume),
        1 => prop::bool::weighted(0.1)
            .prop_map(|cancel| if cancel { Happening::Cancel } else { Happening::Tick }),
        3 => (pick(), decisions())
            .prop_map(|(pick, decision)| Happening::Resolve { pick, decision }),
        4 => pick().prop_map(|pick| Happening::Again { pick }),
    ]
}

/// The command by which the owner says that an effect is done.
pub(super) fn report(
    effect: Effect,
    end: End,
    cost: Option<u64>,
    verdict: Verdict,
    judgement: Result<Outline, Vec<String>>,
) -> Command {
    match effect {
        Effect::StartAgent { step, attempt } | Effect::Inquire { step, attempt } => {
            Command::Ended { step, attempt, end, cost, tokens: (3, 4) }
        }
        Effect::Judge { plan, .. } => Command::Judged { plan, verdict: judgement },
        Effect::Evaluate { step } => Command::Evaluated { step, verdict },
        Effect::Finish => Command::Tick,
    }
}

/// The states of a step, and where one event may lead from each. Staying is always legal.
pub(super) const STEP_TABLE: [(&str, &[&str]); 14] = [
    (
        "blocked",
        &[
            "ready",
            "skipped",
            "expanded",
            "gathered",
            "waiting",
            "running",
            "backing_off",
            "escalated",
            "failed",
            "mutating",
            "dropped",
        ],
    ),
    ("ready", &["running", "waiting", "escalated", "backing_off", "dropped", "blocked", "skipped"]),
    ("running", &["completed", "blocked", "answered"]),
    ("answered", &["running", "completed", "blocked", "backing_off", "escalated", "dropped"]),
    (
        "backing_off",
        &["running", "escalated", "backing_off", "completed", "dropped", "blocked", "skipped"],
    ),
    ("mutating", &["blocked", "dropped", "escalated"]),
    ("dropped", &["blocked"]),
    ("waiting", &["gathered"]),
    ("expanded", &["gathered"]),
    ("escalated", &["completed", "ready", "blocked", "skipped", "failed", "dropped"]),
    // Only of a planning step: its plan was refused.
    ("completed", &["blocked"]),
    ("gathered", &[]),
    ("skipped", &[]),
    ("failed", &[]),
];

/// The same for workflows.
pub(super) const WORKFLOW_TABLE: [(&str, &[&str]); 8] = [
    ("planning", &["running", "paused", "escalated", "cancelling", "failed"]),
    ("running", &["paused", "escalated", "cancelling", "completed", "failed"]),
    ("escalated", &["planning", "running", "paused", "cancelling", "failed"]),
    ("paused", &["planning", "running", "escalated", "cancelling", "completed", "failed"]),
    ("cancelling", &["cancelled", "failed"]),
    ("completed", &[]),
    ("failed", &[]),
    ("cancelled", &[]),
];

/// Asserts that a table lets `from` become `to`.
pub(super) fn assert_legal(
    table: &[(&str, &[&str])],
    from: &str,
    to: &str,
    why: &dyn std::fmt::Debug,
) {
    let row = table.iter().find(|(state, _)| *state == from);
    let legal = row.is_some_and(|(_, next)| from == to || next.contains(&to));
    assert!(legal, "{from} became {to} by {why:?}");
}

pub(super) fn name(state: &StepState) -> &'static str {
    match state {
        StepState::Blocked => "blocked",
        StepState::Ready => "ready",
        StepState::Running(_) => "running",
        StepState::Answered => "answered",
        StepState::Mutating => "mutating",
        StepState::Dropped => "dropped",
        StepState::BackingOff { .. } => "backing_off",
        StepState::Waiting { .. } => "waiting",
        StepState::Expanded => "expanded",
        StepState::Escalated { .. } => "escalated",
        StepState::Completed(_) => "completed",
        StepState::Gathered => "gathered",
        StepState::Skipped { .. } => "skipped",
        StepState::Failed { .. } => "failed",
    }
}

/// Whether anything will ever bring a workflow on: something to do, a time to wait for, or someone
/// who paused it.
pub(super) fn is_alive(workflow: &Workflow, now: Timestamp) -> bool {
    !workflow.outstanding(now).is_empty() || workflow.wake(now).is_some() || workflow.paused
}
