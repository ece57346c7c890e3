//! A disk without room: what was acknowledged stays, submissions are refused with what to do,
//! workflows wait, and go on by themselves when there is room again.

use crate::support::{Setup, World, plan, ready, submission};
use autoos_fabric::Task;
use autoos_kernel::{
    words::WorkflowState,
    workflow::{Command, StepState, Workflow},
};
use autoos_runtime::Refusal;
use futures::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;

const FULL: &str = "the disk is full: free some space";

fn two_steps() -> Value {
    plan(json!([
        {"id": "first", "work": {"ask": {"role": "executor", "instruction": "first"}},
         "inputs": {"numbers": {"context": "numbers"}}},
        {"id": "second", "after": ["first"],
         "work": {"ask": {"role": "executor", "instruction": "second"}},
         "inputs": {"numbers": {"context": "numbers"}}},
    ]))
}

/// A world in which the step `first` answers once the gate is opened.
async fn held() -> (World, watch::Sender<bool>) {
    let (gate, shut) = watch::channel(false);
    let plan = two_steps();
    let world = World::new(Setup::default(), move |request| match &request.task {
        Task::Plan { .. } => ready(plan.clone()),
        Task::Execute { instruction, .. } if instruction == "first" => {
            let mut shut = shut.clone();
            async move {
                // A gate that is gone is open.
                let _ = shut.wait_for(|open| *open).await;
                Ok(json!("The count is 42."))
            }
            .boxed()
        }
        _ => ready(json!("The count is 42.")),
    })
    .await;
    (world, gate)
}

fn works_first(workflow: &Workflow) -> bool {
    let first = workflow.steps.get("first");
    first.is_some_and(|s| matches!(s.state, StepState::Running(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflows_wait_for_room_and_go_on_by_themselves() {
    let (world, gate) = held().await;
    let mut all = Vec::new();
    for _ in 0..20 {
        let id = world.runtime.submit(submission("how many?")).await.expect("room").workflow;
        world.until(id, works_first).await;
        all.push(id);
    }
    world.journal.set_degraded(Some(FULL.into()));
    gate.send(true).expect("the models hold the other end");
    // Each of them has an answer that it cannot record, so it is put away.
    crate::until("all are put away", async || (world.runtime.open().await == 0).then_some(()))
        .await;
    let refused = world.runtime.submit(submission("how many?")).await;
    assert!(matches!(&refused, Err(Refusal::ReadOnly(why)) if why == FULL), "{refused:?}");
    let cancel = Command::Cancel { by: "someone".into(), reason: "no".into() };
    let refused = world.runtime.command(all[0], cancel).await;
    assert!(matches!(&refused, Err(Refusal::ReadOnly(why)) if why == FULL), "{refused:?}");
    assert!(world.runtime.quarantined().await.is_empty(), "a full disk is nobody's fault");
    world.journal.set_degraded(None);
    for id in all {
        let workflow = world.ended(id).await;
        assert_eq!(workflow.state(), WorkflowState::Completed, "{workflow:#?}");
        // The answer that found no room was lost with its agent, and asked for once more.
        assert!(workflow.steps["first"].attempts <= 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn room_that_was_missing_for_a_moment_strands_nobody() {
    let (world, gate) = held().await;
    let id = world.runtime.submit(submission("how many?")).await.expect("room").workflow;
    world.until(id, works_first).await;
    world.journal.set_degraded(Some(FULL.into()));
    gate.send(true).expect("the models hold the other end");
    crate::until("it is put away", async || (world.runtime.open().await == 0).then_some(())).await;
    // Sooner than anybody could have looked.
    world.journal.set_degraded(None);
    assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_without_room_goes_on_once_there_is_some() {
    let (mut world, gate) = held().await;
    let id = world.runtime.submit(submission("how many?")).await.expect("room").workflow;
    world.until(id, works_first).await;
    world.journal.set_degraded(Some(FULL.into()));
    gate.send(true).expect("the models hold the other end");
    world.restart().await;
    crate::until("it is put away", async || (world.runtime.open().await == 0).then_some(())).await;
    world.journal.set_degraded(None);
    assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
}

/// Timers that fall due while there is no room fire when there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_falls_due_without_room_is_woken_later() {
    let steps = plan(json!([
        {"id": "nap", "work": {"wait": {"ms": 200}}},
        {"id": "answer", "after": ["nap"],
         "work": {"ask": {"role": "executor", "instruction": "answer"}},
         "inputs": {"numbers": {"context": "numbers"}}},
    ]));
    let options = autoos_runtime::Options { linger_ms: 0, ..Default::default() };
    let world = World::new(Setup { options, ..Setup::default() }, move |request| {
        ready(match &request.task {
            Task::Plan { .. } => steps.clone(),
            _ => json!("The count is 42."),
        })
    })
    .await;
    let id = world.runtime.submit(submission("how many?")).await.expect("room").workflow;
    world.until(id, |w| w.plan.is_some()).await;
    world.journal.set_degraded(Some(FULL.into()));
    crate::until("it is put away", async || (world.runtime.open().await == 0).then_some(())).await;
    let due = |world: &World| {
        let due = autoos_journal::Journal::next_due(&*world.journal).now_or_never();
        due.and_then(Result::ok)
            .flatten()
            .is_some_and(|at| at <= autoos_runtime::Clock::now(&autoos_runtime::SystemClock))
    };
    crate::until("it is due", async || due(&world).then_some(())).await;
    world.watched.take_read(id.stream());
    world.journal.set_degraded(None);
    assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
}
