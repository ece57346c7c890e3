//! An intent's end is not lost: not when its append fails, nor when the process dies between its
//! workflow's end and its own.

use crate::support::{Setup, World, one_step, ready, submission};
use autoos_fabric::Task;
use autoos_journal::{Journal as _, Outcome, Standing};
use autoos_kernel::{
    id::{IntentId, WorkflowId},
    workflow::StepState,
};
use futures::FutureExt as _;
use serde_json::json;
use tokio::sync::watch;

/// A workflow whose only answer is held back until the gate is opened: the next append ends it.
async fn held() -> (World, WorkflowId, watch::Sender<bool>) {
    let (gate, shut) = watch::channel(false);
    let world = World::new(Setup::default(), move |request| {
        let mut shut = shut.clone();
        if matches!(request.task, Task::Plan { .. }) {
            return ready(one_step());
        }
        async move {
            // A gate that is gone is open.
            let _ = shut.wait_for(|open| *open).await;
            Ok(json!("The count is 42."))
        }
        .boxed()
    })
    .await;
    let id = world.runtime.submit(submission("how many?")).await.expect("accepted").workflow;
    let running = |state: &StepState| matches!(state, StepState::Running(_));
    world.until(id, |w| w.steps.get("answer").is_some_and(|s| running(&s.state))).await;
    (world, id, gate)
}

async fn settled(world: &World, id: WorkflowId) {
    let stream = IntentId(id.0).stream();
    crate::until("the intent is settled", async || {
        let head = world.journal.head(stream).await.expect("reads").expect("is there");
        (head.standing == Standing::Closed).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_the_two_ends_is_made_good_at_the_next_start() {
    let (mut world, id, gate) = held().await;
    world.watched.down_after(Some(1));
    gate.send(true).expect("it is waited for");
    world.ended(id).await;
    world.runtime.stop().await;
    let head = world.journal.head(IntentId(id.0).stream()).await.expect("reads");
    assert_eq!(head.expect("is there").standing, Standing::Running, "it has work to do");
    world.watched.down_after(None);
    world.restart().await;
    settled(&world, id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_fails_is_made_again() {
    let (world, id, gate) = held().await;
    world.watched.fail_after(1, Outcome::Lost);
    gate.send(true).expect("it is waited for");
    settled(&world, id).await;
}
