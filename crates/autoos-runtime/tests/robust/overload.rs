//! Ten times of what is admitted: the rest is refused while nothing that was admitted has ended,
//! nothing grows with what was refused, and all that was admitted completes.

use crate::support::{Setup, World, one_step, ready, submission};
use autoos_fabric::Task;
use autoos_journal::Journal as _;
use autoos_kernel::words::WorkflowState;
use autoos_runtime::{Options, Refusal};
use futures::FutureExt as _;
use serde_json::json;
use std::time::Instant;
use tokio::sync::watch;

const PLACES: usize = 20;

/// A world whose models answer nothing but plans until the gate is opened.
async fn held(places: usize) -> (World, watch::Sender<bool>) {
    let (gate, shut) = watch::channel(false);
    let plan = one_step();
    let options = Options { max_open: places, ..Options::default() };
    let world = World::new(Setup { options, ..Setup::default() }, move |request| {
        if matches!(request.task, Task::Plan { .. }) {
            return ready(plan.clone());
        }
        let mut shut = shut.clone();
        async move {
            // A gate that is gone is open.
            let _ = shut.wait_for(|open| *open).await;
            Ok(json!("The count is 42."))
        }
        .boxed()
    })
    .await;
    (world, gate)
}

fn recorded(world: &World) -> u64 {
    world.journal.end().0.values().sum()
}

fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_too_much_is_refused_at_once_and_grows_nothing() {
    let (world, gate) = held(PLACES).await;
    let mut admitted = Vec::new();
    for _ in 0..PLACES {
        admitted.push(world.runtime.submit(submission("how many?")).await.expect("room").workflow);
    }
    crate::until("a call for each", async || (world.calls().len() == 2 * PLACES).then_some(()))
        .await;
    let (before, recorded_before) = (resident_kib(), recorded(&world));
    // Open loop: nobody waits for an answer before the next one is sent.
    let sent = (0..10 * PLACES).map(|_| {
        let runtime = world.runtime.clone();
        tokio::spawn(async move {
            let began = Instant::now();
            (runtime.submit(submission("how many?")).await, began.elapsed())
        })
    });
    let mut latencies = Vec::new();
    for answer in futures::future::join_all(sent.collect::<Vec<_>>()).await {
        let (refused, took) = answer.expect("no panic");
        let Err(Refusal::Overloaded { limit, retry_after_ms }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(limit, PLACES);
        assert!(retry_after_ms > 0);
        latencies.push(took);
    }
    // The gate is still shut: no refusal waited for admitted work to end.
    assert_eq!(world.calls().len(), 2 * PLACES, "nothing was asked for what was refused");
    assert_eq!(world.runtime.open().await, PLACES);
    assert_eq!(recorded(&world), recorded_before, "nothing was recorded of what was refused");
    latencies.sort();
    eprintln!(
        "{} refusals: p50 {:?}, p99 {:?}, most {:?}; resident {before:?} -> {:?} KiB",
        latencies.len(),
        latencies[latencies.len() / 2],
        latencies[latencies.len() * 99 / 100],
        latencies[latencies.len() - 1],
        resident_kib(),
    );
    gate.send(true).expect("the models hold the other end");
    for id in admitted {
        assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
    }
    crate::until("the places are free", async || (world.runtime.open().await == 0).then_some(()))
        .await;
    for _ in 0..PLACES {
        let id = world.runtime.submit(submission("how many?")).await.expect("room again").workflow;
        assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_that_fails_gives_its_place_back() {
    let (world, gate) = held(1).await;
    gate.send(true).expect("the models hold the other end");
    for _ in 0..10 {
        let mut bad = submission("how many?");
        bad.text.clear();
        let refused = world.runtime.submit(bad).await;
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{refused:?}");
        let lost = autoos_journal::Error::ReadOnly("as the test wants".into());
        world.journal.fail_next(lost, autoos_journal::Outcome::Lost);
        let refused = world.runtime.submit(submission("how many?")).await;
        assert!(matches!(refused, Err(Refusal::ReadOnly(_))), "{refused:?}");
        crate::until("its place is free", async || (world.runtime.open().await == 0).then_some(()))
            .await;
    }
    let id = world.runtime.submit(submission("how many?")).await.expect("room").workflow;
    assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
}

/// Commands that come just when a workflow ends are answered for what they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_at_the_end_of_a_workflow_is_never_told_that_there_is_none() {
    use autoos_kernel::workflow::Command;
    let (world, gate) = held(64).await;
    gate.send(true).expect("the models hold the other end");
    for _ in 0..50 {
        let id = world.runtime.submit(submission("how many?")).await.expect("room").workflow;
        let resume = || Command::Resume { by: "someone".into() };
        loop {
            let answer = world.runtime.command(id, resume()).await;
            match answer {
                Ok(_) => {}
                Err(Refusal::Rejected(autoos_kernel::workflow::Rejected::Ended(_))) => break,
                Err(Refusal::Rejected(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
