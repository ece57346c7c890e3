//! What a share takes in memory, and the bytes that are its file's for ever of one version.

use super::super::checkpoint;
use super::*;
use crate::cost::{Bill, Dimension};
use autoos_kernel::{
    body::BodyRef,
    id::{Shard, WorkflowId},
    ladder::{Exit, FailureClass},
    plan::{
        FallbackStrategy, RetryConfig,
        outline::{Candidate, StepKind, StepOutline},
    },
    rng::Seeded,
    route::InOrder,
    words::{LlmRole, RiskLevel},
    workflow::{Command, End, Means, PLANNING, Seed, Workflow},
};

fn planner() -> StepOutline {
    let model =
        Candidate { model: "acme/large".into(), reserve_microusd: 20, ..Candidate::default() };
    StepOutline {
        id: PLANNING.into(),
        kind: StepKind::Ask { role: LlmRole::Planner, models: vec![model], review: None },
        needs: Vec::new(),
        evaluated: false,
        gated: false,
        retry: RetryConfig { attempts: 1, base_ms: 0, cap_ms: 0 },
        fallback: FallbackStrategy::Escalate,
        timeout_ms: 1_000,
        items: 1,
        task: String::new(),
        data: false,
    }
}

/// The events of a workflow that has come to wait for a human.
fn waiting(owner: Uuid, at: Timestamp) -> Vec<Decoded> {
    let mut rng = Seeded(owner.as_u128() as u64);
    let mut workflow = Workflow::new(WorkflowId(owner));
    let seed = Seed {
        risk: RiskLevel::Medium,
        granted_microusd: 150,
        deadline: None,
        patience_ms: 5_000,
        planner: Some(planner()),
        plan: None,
    };
    let end = End::Failed {
        exit: Exit::Failed(FailureClass::Unable),
        detail: "it needs a log".into(),
        retry_after_ms: None,
        doubtful: None,
    };
    let ended =
        Command::Ended { step: PLANNING.into(), attempt: 1, end, cost: Some(7), tokens: (5, 2) };
    let request = intent::Request {
        tenant: "acme".into(),
        user: "ann".into(),
        text: BodyRef { hash: [3; 32], len: 3 },
        contexts: Vec::new(),
        risk: RiskLevel::Medium,
        budget_microusd: 150,
        deadline: None,
        fingerprint: [0; 32],
    };
    let mut events = vec![Known::Intent(intent::Event::Accepted(request))];
    for command in [Command::Create(seed), ended] {
        let decided = workflow
            .decide(command, at, &mut Means { rng: &mut rng, router: &InOrder })
            .expect("is taken");
        for event in decided {
            workflow.fold(&event, at);
            events.push(Known::Workflow(event));
        }
    }
    assert!(!workflow.escalations.is_empty(), "it waits");
    events.into_iter().map(|known| Decoded { owner, at, known, copied: false }).collect()
}

fn share(workflows: u128) -> Share {
    let mut share = Share::default();
    for n in 1..=workflows {
        let at = Timestamp(1_767_225_600_000 + n as u64);
        let events = waiting(Uuid::from_u128(n), at);
        let next = share.next + events.len() as u64;
        share.take(&Chunk { events, next, last: Some(Mark { offset: next - 1, hash: [9; 32] }) });
    }
    share
}

#[test]
fn what_a_fork_took_over_is_on_its_parents_bill_alone() {
    let billed = |copied: bool| {
        let mut share = Share::default();
        let mut events = waiting(Uuid::from_u128(1), Timestamp(5));
        events.iter_mut().for_each(|event| event.copied = copied);
        let next = events.len() as u64;
        share.take(&Chunk { events, next, last: Some(Mark { offset: next - 1, hash: [9; 32] }) });
        let mut bill = Bill::default();
        share.costs.bill(&[Dimension::Model], None, &share.names, &mut bill);
        bill.len()
    };
    assert_eq!((billed(false), billed(true)), (1, 0));
}

#[test]
fn a_waiting_workflow_takes_few_bytes() {
    // A power of two, so that vectors are as full as they are long.
    let count = 1 << 13;
    let share = share(count as u128);
    let vectors = size_of::<Entry>() * share.entries.capacity()
        + size_of::<Slot>() * share.order.capacity()
        + size_of::<Asked>() * share.asked.capacity()
        + share.slots.allocation_size();
    let heap: usize = share.entries.iter().map(Entry::heap).sum();
    let each = (vectors + heap) / count;
    eprintln!("{each} bytes a waiting workflow, {} of them beyond the vectors", heap / count);
    assert!(each <= 256, "{each} bytes");
}

#[test]
fn the_bytes_of_a_file_are_those_of_its_version() {
    let share = share(2);
    let bytes = checkpoint::encode(&share, Shard(1), 4).expect("encodes");
    let read = checkpoint::decode(&bytes, Shard(1), 4).expect("decodes");
    assert_eq!(checkpoint::encode(&read, Shard(1), 4).expect("encodes"), bytes);
    // When this fails the file has another content than before: raise its version, or files
    // that were written before would be taken for what they are not. Then put the new hash here.
    let hash = blake3::hash(&bytes).to_hex();
    assert_eq!(
        (checkpoint::VERSION, &hash.as_str()[..16]),
        (2, "3fe841264d485074"),
        "the file's content has changed"
    );
}
