//! What is said in a workflow belongs to it alone, and goes with it.

use crate::support::{Setup, World, failure, obliging, one_step, ready, submission};
use autoos_fabric::{FailureClass, Task};
use autoos_journal::{Journal as _, open_texts};
use autoos_kernel::{codec::Recorded as _, id::WorkflowId, workflow::Event};
use futures::FutureExt as _;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_keeps_what_was_said_when_its_parent_is_erased() {
    let oblige = obliging(one_step());
    let world = World::new(Setup::default(), move |request| match &request.task {
        Task::Plan { .. } => ready(oblige(&request)),
        _ => async { Err(failure(FailureClass::Auth)) }.boxed(),
    })
    .await;
    let parent = world.runtime.submit(submission("how many?")).await.expect("accepted").workflow;
    world.until(parent, |w| !w.escalations.is_empty()).await;
    // What the failing call said, in a stream as it is recorded and as it is read.
    let said = async |id: WorkflowId| {
        let mut events = world.journal.read(id.stream(), 0, usize::MAX).await.expect("reads");
        let failed = |event: &autoos_journal::Event| match Event::decode(&event.kind, &event.body)
            .expect("decodes")
        {
            Some(Event::AttemptFailed { detail, .. }) => Some(detail),
            _ => None,
        };
        let recorded: Vec<_> = events.iter().filter_map(failed).collect();
        open_texts(&*world.journal, &mut events).await.expect("opens");
        (recorded, events.iter().filter_map(failed).collect::<Vec<_>>())
    };
    let (recorded, read) = said(parent).await;
    assert_eq!(read[0], "m: auth: as the test wants");
    assert_ne!(recorded, read);

    let events = world.journal.read(parent.stream(), 0, usize::MAX).await.expect("reads");
    let failed = events.iter().position(|event| event.kind == "attempt_failed").expect("it did");
    let at = failed as u64 + 1;
    let fork = world.runtime.fork(parent, at, None, "ann".into()).await.expect("forked").workflow;
    world.until(fork, |w| !w.escalations.is_empty()).await;
    world.runtime.erase(parent, "ann".into()).await.expect("erased");
    assert_eq!(said(parent).await.1[0], autoos_journal::ERASED);
    let (taken, kept) = said(fork).await;
    assert_eq!(kept[0], read[0]);
    assert_ne!(taken[0], recorded[0], "under its own key");
}
