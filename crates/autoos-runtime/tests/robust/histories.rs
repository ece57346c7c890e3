//! Long histories are folded from a snapshot; deadlines of whole workflows hold.

use crate::support::{Counter, Setup, World, plan, ready, release, submission};
use autoos_fabric::Task;
use autoos_journal::{Journal as _, open_texts};
use autoos_kernel::{
    codec::Recorded as _,
    words::WorkflowState,
    workflow::{Event, FOLD_VERSION, StepState, Workflow},
};
use autoos_runtime::{Clock as _, SystemClock};
use futures::FutureExt as _;
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Elements of the list: two events each, and more for the list itself.
const ELEMENTS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_history_is_folded_from_its_snapshot() {
    let steps = plan(json!([
        {"id": "list", "work": {"ask": {"role": "executor", "instruction": "list",
         "schema": {"type": "array"}}}, "inputs": {"numbers": {"context": "numbers"}}},
        {"id": "each", "each": {"step": {"id": "list"}}, "limits": {"items": ELEMENTS, "prompt_tokens": 100,
         "output_tokens": 100},
         "work": {"ask": {"role": "executor", "instruction": "one"}}, "inputs": {"it": {"item": ""}}},
        {"id": "answer", "after": ["each"],
         "work": {"ask": {"role": "executor", "instruction": "answer"}},
         "inputs": {"numbers": {"context": "numbers"}}},
    ]));
    let opened = Arc::new(AtomicBool::new(false));
    let open = opened.clone();
    let mut world = World::new(Setup::default(), move |request| match &request.task {
        Task::Plan { .. } => ready(steps.clone()),
        Task::Execute { instruction, .. } if instruction == "list" => {
            ready(json!((0..ELEMENTS).collect::<Vec<_>>()))
        }
        Task::Execute { instruction, inputs } if instruction == "one" => {
            ready(json!(inputs["it"].to_string()))
        }
        _ if open.load(Ordering::SeqCst) => ready(json!("The count is 42.")),
        _ => futures::future::pending().boxed(),
    })
    .await;
    let mut long = submission("each?");
    long.risk = autoos_kernel::words::RiskLevel::Low;
    let id = world.runtime.submit(long).await.expect("accepted").workflow;
    let running = |w: &Workflow| {
        w.steps.get("answer").is_some_and(|s| matches!(s.state, StepState::Running(_)))
    };
    world.until(id, running).await;
    crate::until("its last call is made, and its snapshot is kept", async || {
        let snapshot = world.journal.snapshot(id.stream()).await.expect("reads");
        (world.calls().len() == ELEMENTS + 3 && snapshot.is_some()).then_some(())
    })
    .await;
    world.runtime.stop().await;
    let mut events = world.journal.read(id.stream(), 0, usize::MAX).await.expect("reads");
    open_texts(&*world.journal, &mut events).await.expect("opens");
    assert!(events.len() > 512, "only {} events", events.len());
    let snapshot = world.journal.snapshot(id.stream()).await.expect("reads").expect("there is one");
    assert_eq!(snapshot.version, FOLD_VERSION);
    assert!(snapshot.next >= 512, "{}", snapshot.next);

    // The snapshot is the fold of what came before it, and with the rest the fold of all.
    let fold = |mut workflow: Workflow, from: u64, to: u64| {
        for event in events.iter().filter(|e| e.seq >= from && e.seq < to) {
            if let Some(decoded) = Event::decode(&event.kind, &event.body).expect("decodes") {
                workflow.fold(&decoded, event.at);
            }
        }
        workflow
    };
    let key = world.journal.body_key(id.0).await.expect("is there");
    let state = key.open_state(&snapshot.state).expect("is its own");
    let kept: Workflow = rmp_serde::from_slice(&state).expect("reads");
    assert_eq!(kept, fold(Workflow::new(id), 0, snapshot.next));
    let all = fold(Workflow::new(id), 0, u64::MAX);
    assert_eq!(fold(kept, snapshot.next, u64::MAX), all);

    // The next process reads the rest alone.
    world.watched.take_read(id.stream());
    opened.store(true, Ordering::SeqCst);
    world.restart().await;
    let workflow = world.ended(id).await;
    assert_eq!(workflow.state(), WorkflowState::Completed);
    let read = world.watched.take_read(id.stream());
    let rest = events.len() - snapshot.next as usize;
    eprintln!("{} events, of which {read} were read to go on", events.len());
    assert!(read <= rest, "{read} events were read, {rest} lie behind the snapshot");
    // Every finished call was kept: only the one in flight was made again.
    assert_eq!(world.calls().len(), ELEMENTS + 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_that_hangs_is_failed_at_its_deadline() {
    let steps = crate::support::six_steps();
    let gone = Arc::new(std::sync::Mutex::new(Vec::new()));
    let dropped = gone.clone();
    let setup =
        Setup { price: autoos_fabric::Price { input: 1_000, output: 1_000 }, ..Setup::default() };
    let world = World::new(setup, move |request| {
        if matches!(request.task, Task::Plan { .. }) {
            return ready(steps.clone());
        }
        let call = Call(request.key, dropped.clone());
        async move {
            let _call = call;
            futures::future::pending().await
        }
        .boxed()
    })
    .await;
    let mut late = submission("how many?");
    late.deadline = Some(SystemClock.now().plus_ms(1_500));
    let due = late.deadline.expect("as set");
    let id = world.runtime.submit(late).await.expect("accepted").workflow;
    let three = |w: &Workflow| {
        let running = w.steps.values().filter(|s| matches!(s.state, StepState::Running(_)));
        w.plan.is_some() && running.count() == 3
    };
    world.until(id, three).await;
    let workflow = world.ended(id).await;
    assert_eq!(workflow.state(), WorkflowState::Failed);
    let end = workflow.end.as_ref().expect("it has ended");
    assert!(end.reason.as_deref().is_some_and(|why| why.contains("deadline")), "{end:?}");
    let events = world.journal.read(id.stream(), 0, usize::MAX).await.expect("reads");
    let ended = events.last().expect("there are some").at;
    assert!(ended >= due, "not before its time");
    eprintln!("ended {} ms after its deadline", ended.since_ms(due));
    assert_eq!(workflow.budget.reserved, 0, "what was in flight is settled");
    assert!(workflow.steps.values().all(|s| !matches!(s.state, StepState::Running(_))));
    crate::until("the calls are given up", async || {
        (gone.lock().expect("not poisoned").len() == 3).then_some(())
    })
    .await;
    crate::until("nothing is open", async || (world.runtime.open().await == 0).then_some(())).await;
}

/// A call to a model: leaves a note when it is given up.
struct Call(String, Arc<std::sync::Mutex<Vec<String>>>);

impl Drop for Call {
    fn drop(&mut self) {
        self.1.lock().expect("not poisoned").push(std::mem::take(&mut self.0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_in_flight_is_awaited_beyond_the_deadline() {
    let steps = plan(json!([
        {"id": "effect", "work": {"tool": {"name": "test.count", "args": {}}},
         "limits": {"timeout_ms": 60_000}},
    ]));
    let tool = Counter::new(false, true);
    let (runs, gate) = (tool.runs.clone(), tool.gate.clone());
    let setup = Setup { tool: Some(tool), ..Setup::default() };
    let world = World::new(setup, move |_| ready(steps.clone())).await;
    let mut late = submission("count");
    late.deadline = Some(SystemClock.now().plus_ms(1_000));
    let id = world.runtime.submit(late).await.expect("accepted").workflow;
    let workflow = world.until(id, |w| w.cancelled.is_some()).await;
    assert!(workflow.end.is_none(), "its effect is still in flight");
    assert_eq!(runs.lock().expect("not poisoned").len(), 1);
    release(&gate);
    let workflow = world.ended(id).await;
    assert_eq!(workflow.state(), WorkflowState::Failed, "{workflow:#?}");
    assert!(matches!(workflow.steps["effect"].state, StepState::Completed(_)), "it is known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_end_with_the_runtime() {
    let gone = Arc::new(std::sync::Mutex::new(Vec::new()));
    let dropped = gone.clone();
    let world = World::new(Setup::default(), move |request| {
        let call = Call(request.key, dropped.clone());
        async move {
            let _call = call;
            futures::future::pending().await
        }
        .boxed()
    })
    .await;
    world.runtime.submit(submission("how many?")).await.expect("accepted");
    crate::until("it is asked", async || (!world.calls().is_empty()).then_some(())).await;
    world.runtime.stop().await;
    crate::until("its call is given up", async || {
        (!gone.lock().expect("not poisoned").is_empty()).then_some(())
    })
    .await;
}
