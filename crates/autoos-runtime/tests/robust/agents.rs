//! Agents that panic and agents that are stuck: noticed, replaced, and named in the history.

use crate::support::{Setup, World, obliging, one_step, ready, submission};
use autoos_fabric::Task;
use autoos_journal::Journal as _;
use autoos_kernel::{
    codec::Recorded as _,
    id::WorkflowId,
    ladder::{Exit, Rung},
    time::Timestamp,
    words::WorkflowState,
    workflow::Event,
};
use futures::FutureExt as _;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
    mpsc,
};

/// When the first attempt of a step began, when it failed, and how.
async fn first_end(world: &World, id: WorkflowId, of: &str) -> (Timestamp, Timestamp, Exit) {
    let (mut began, mut over) = (None, None);
    for event in world.journal.read(id.stream(), 0, usize::MAX).await.expect("reads") {
        match Event::decode(&event.kind, &event.body).expect("decodes") {
            Some(Event::AttemptStarted { step, attempt: 1, .. }) if step == of => {
                began = Some(event.at);
            }
            Some(Event::AttemptFailed { step, attempt: 1, exit, .. }) if step == of => {
                over = Some((event.at, exit));
            }
            _ => {}
        }
    }
    let (over, exit) = over.expect("it failed");
    (began.expect("it began"), over, exit)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_stuck_agent_is_found_and_replaced_before_its_deadline() {
    let oblige = obliging(one_step());
    let (release, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let asked = AtomicU32::new(0);
    let world = World::new(Setup::default(), move |request| {
        let first = matches!(request.task, Task::Execute { .. })
            && asked.fetch_add(1, Ordering::SeqCst) == 0;
        if !first {
            return ready(oblige(&request));
        }
        let held = held.clone();
        async move {
            // Blocks its thread instead of waiting: no stop reaches it.
            let _ = held.lock().expect("not poisoned").recv();
            panic!("nobody listens by now")
        }
        .boxed()
    })
    .await;
    let id = world.runtime.submit(submission("how many?")).await.expect("accepted").workflow;
    let workflow = world.ended(id).await;
    assert_eq!(workflow.state(), WorkflowState::Completed, "{workflow:#?}");
    assert_eq!(workflow.steps["answer"].attempts, 2);
    let (began, over, exit) = first_end(&world, id, "answer").await;
    assert_eq!(exit, Exit::Stalled);
    eprintln!("a stuck agent was found after {} ms", over.since_ms(began));
    let climbed = world.journal.read(id.stream(), 0, usize::MAX).await.expect("reads");
    let replaced = climbed.iter().any(|event| {
        matches!(
            Event::decode(&event.kind, &event.body),
            Ok(Some(Event::RungClimbed { rung: Rung::ReplaceAgent, .. }))
        )
    });
    assert!(replaced, "the climb is an event");
    release.send(()).expect("the stuck one is still there");
    // What it does after that changes nothing.
    world.runtime.stop().await;
    assert_eq!(world.ended(id).await, workflow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_noticed_at_once() {
    let oblige = obliging(one_step());
    let asked = AtomicU32::new(0);
    let world = World::new(Setup::default(), move |request| {
        let first = matches!(request.task, Task::Execute { .. })
            && asked.fetch_add(1, Ordering::SeqCst) == 0;
        if first {
            return async { panic!("as the test wants") }.boxed();
        }
        ready(oblige(&request))
    })
    .await;
    let id = world.runtime.submit(submission("how many?")).await.expect("accepted").workflow;
    assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
    let (began, over, exit) = first_end(&world, id, "answer").await;
    assert_eq!(exit, Exit::Panicked);
    eprintln!("a panic was noticed after {} ms", over.since_ms(began));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_always_panics_ends_with_a_human() {
    let plan = one_step();
    let world = World::new(Setup::default(), move |request| {
        if matches!(request.task, Task::Execute { .. }) {
            return async { panic!("as the test wants") }.boxed();
        }
        ready(plan.clone())
    })
    .await;
    let id = world.runtime.submit(submission("how many?")).await.expect("accepted").workflow;
    let workflow = world.until(id, |w| w.escalations.contains_key(&1)).await;
    assert_eq!(workflow.escalations[&1].exit, Exit::Panicked);
    // Four attempts under each of three plans: the first, and two made around the failure.
    assert_eq!(workflow.steps["answer"].attempts, 12);
}
