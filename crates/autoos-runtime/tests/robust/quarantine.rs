//! A stream that does not fold, and an actor that dies again and again: named, left alone, tried
//! again when someone asks, and nobody else's trouble.

use crate::support::{Setup, World, obliging, one_step, ready, submission};
use autoos_journal::{Error, Journal as _, Outcome};
use autoos_kernel::{
    id::WorkflowId,
    words::WorkflowState,
    workflow::{Command, StepState},
};
use autoos_runtime::Refusal;
use futures::FutureExt as _;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// One shard, so that everyone shares it; nobody but planners answers before `open`.
async fn shared() -> (World, Arc<AtomicBool>) {
    let oblige = obliging(one_step());
    let open = Arc::new(AtomicBool::new(false));
    let opened = open.clone();
    let world = World::new(Setup { shards: 1, ..Setup::default() }, move |request| {
        let plans = matches!(request.task, autoos_fabric::Task::Plan { .. });
        if !plans && !opened.load(Ordering::SeqCst) {
            return futures::future::pending().boxed();
        }
        ready(oblige(&request))
    })
    .await;
    (world, open)
}

async fn works(world: &World) -> WorkflowId {
    let id = world.runtime.submit(submission("how many?")).await.expect("accepted").workflow;
    let running = |w: &autoos_kernel::workflow::Workflow| {
        w.steps.get("answer").is_some_and(|s| matches!(s.state, StepState::Running(_)))
    };
    world.until(id, running).await;
    let asks = format!("{id}/answer");
    crate::until("its model is asked", async || {
        world.calls().iter().any(|(key, _)| key.contains(&asks)).then_some(())
    })
    .await;
    id
}

async fn named(world: &World) -> Vec<(WorkflowId, String)> {
    crate::until("someone is quarantined", async || {
        let all = world.runtime.quarantined().await;
        (!all.is_empty()).then_some(all)
    })
    .await
}

fn pause() -> Command {
    Command::Pause { by: "someone".into() }
}

fn resume() -> Command {
    Command::Resume { by: "someone".into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_does_not_fold_is_left_alone_and_named() {
    let (mut world, open) = shared().await;
    let (bad, good) = (works(&world).await, works(&world).await);
    world.watched.damage(bad.stream(), true);
    open.store(true, Ordering::SeqCst);
    world.restart().await;
    let all = named(&world).await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].0, bad);
    assert!(all[0].1.contains("damaged"), "{all:?}");
    // Its shard goes on, with those who were there and those who come.
    assert_eq!(world.ended(good).await.state(), WorkflowState::Completed);
    let new = world.runtime.submit(submission("and now?")).await.expect("accepted").workflow;
    assert_eq!(world.ended(new).await.state(), WorkflowState::Completed);
    let refused = world.runtime.command(bad, pause()).await;
    assert!(matches!(refused, Err(Refusal::Quarantined(_))), "{refused:?}");
    // Who resumes it without having mended it gets it named again.
    let refused = world.runtime.command(bad, resume()).await;
    assert!(matches!(refused, Err(Refusal::Quarantined(_))), "{refused:?}");
    assert_eq!(named(&world).await[0].0, bad);
    world.watched.damage(bad.stream(), false);
    // It was never paused: all that resuming does is that it is tried again.
    let resumed = world.runtime.command(bad, resume()).await;
    assert!(!matches!(resumed, Err(Refusal::Quarantined(_))), "{resumed:?}");
    assert_eq!(world.ended(bad).await.state(), WorkflowState::Completed);
    assert!(world.runtime.quarantined().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_dies_five_times_is_left_alone_and_the_shard_goes_on() {
    let (world, open) = shared().await;
    let (bad, good) = (works(&world).await, works(&world).await);
    // Whatever it wants to record fails, so it dies and is folded anew, again and again: the
    // command first, then what each fold finds to be recovered.
    for _ in 0..5 {
        world.journal.fail_next(Error::Io("as the test wants".into()), Outcome::Lost);
    }
    let refused = world.runtime.command(bad, pause()).await;
    assert!(matches!(refused, Err(Refusal::Journal(_))), "{refused:?}");
    let all = named(&world).await;
    assert_eq!(all.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [bad]);
    assert!(all[0].1.contains("as the test wants"), "{all:?}");
    open.store(true, Ordering::SeqCst);
    let new = world.runtime.submit(submission("and now?")).await.expect("accepted").workflow;
    assert_eq!(world.ended(new).await.state(), WorkflowState::Completed);
    // The one beside it never noticed.
    let events = world.journal.read(good.stream(), 0, usize::MAX).await.expect("reads");
    let started = events.iter().filter(|event| event.kind == "attempt_started").count();
    assert_eq!(started, 2, "one to plan, one to answer");
    // It waits for its model still.
    crate::until("one is open", async || (world.runtime.open().await == 1).then_some(())).await;
    let _ = world.runtime.command(bad, resume()).await;
    assert_eq!(world.ended(bad).await.state(), WorkflowState::Completed);
    assert!(world.runtime.quarantined().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_deaths_are_survived() {
    let (world, open) = shared().await;
    let id = works(&world).await;
    open.store(true, Ordering::SeqCst);
    for _ in 0..4 {
        world.journal.fail_next(Error::Io("as the test wants".into()), Outcome::Lost);
    }
    let refused = world.runtime.command(id, pause()).await;
    assert!(matches!(refused, Err(Refusal::Journal(_))), "{refused:?}");
    assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
    assert!(world.runtime.quarantined().await.is_empty());
}
