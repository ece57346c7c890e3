//! After an acknowledged cancellation no effect starts, not even one that waited for its turn.

use crate::support::{Counter, Setup, World, plan, ready, release, submission};
use autoos_kernel::{id::WorkflowId, words::WorkflowState, workflow::Command};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_that_waits_for_its_turn_is_not_sent_after_the_cancellation() {
    let tool = Counter::new(false, true);
    let (runs, gate) = (tool.runs.clone(), tool.gate.clone());
    let act = plan(json!([{"id": "act", "work": {"tool": {"name": "test.count"}}}]));
    let setup = Setup { tool: Some(tool), threads: 1, ..Setup::default() };
    let world = World::new(setup, move |_| ready(act.clone())).await;
    let started = |id: WorkflowId| {
        let world = &world;
        async move { world.until(id, |w| w.steps.get("act").is_some_and(|s| s.attempts == 1)).await }
    };

    // The first takes the only thread and keeps it; the second is started and waits.
    let first = world.runtime.submit(submission("act")).await.expect("accepted").workflow;
    started(first).await;
    crate::until("the tool runs", async || {
        (!runs.lock().expect("not poisoned").is_empty()).then_some(())
    })
    .await;
    let second = world.runtime.submit(submission("act")).await.expect("accepted").workflow;
    started(second).await;

    let cancel = Command::Cancel { by: "someone".into(), reason: "no longer needed".into() };
    world.runtime.command(second, cancel).await.expect("taken");
    release(&gate);
    assert_eq!(world.ended(second).await.state(), WorkflowState::Cancelled);
    assert_eq!(world.ended(first).await.state(), WorkflowState::Completed);
    let runs = runs.lock().expect("not poisoned");
    assert_eq!(runs.values().copied().collect::<Vec<u32>>(), [1], "{runs:?}");
}
