//! Workflows from submission to their end, on the happy path and off it.

mod support;

use autoos_fabric::{FailureClass, Price, Request, Task};
use autoos_kernel::{
    ladder::Exit,
    words::WorkflowState,
    workflow::{Command, Rejected, StepState},
};
use autoos_runtime::{Answer, Options, Refusal};
use futures::FutureExt as _;
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use support::{
    Counter, Setup, World, failure, obliging, one_step, plan, ready, release, six_steps, submission,
};

fn is_work(request: &Request) -> bool {
    !matches!(request.task, Task::Plan { .. })
}

#[tokio::test]
async fn six_steps_run_each_once() {
    let oblige = obliging(six_steps());
    let world = World::new(Setup::default(), move |r| ready(oblige(&r))).await;
    let submitted = world.runtime.submit(submission("how many?")).await.expect("accepted");
    let workflow = world.ended(submitted.workflow).await;
    assert_eq!(workflow.state(), WorkflowState::Completed, "{workflow:#?}");
    let output = workflow.end.and_then(|e| e.output).expect("a result");
    assert!(output.confidence.expect("measured") >= 0.6);
    assert_eq!(world.calls().len(), 6);
    assert_eq!(workflow.budget.spent, 120.min(workflow.budget.spent));
}

#[tokio::test]
async fn a_failing_vendor_is_retried_then_swapped() {
    let oblige = obliging(one_step());
    let setup = Setup { names: vec!["m1", "m2"], ..Setup::default() };
    let world = World::new(setup, move |r| {
        if is_work(&r) && r.model == "m1" {
            return futures::future::ready(Err(failure(FailureClass::Server))).boxed();
        }
        ready(oblige(&r))
    })
    .await;
    let submitted = world.runtime.submit(submission("how many?")).await.expect("accepted");
    let workflow = world.ended(submitted.workflow).await;
    assert_eq!(workflow.state(), WorkflowState::Completed);
    let asked: Vec<String> = world.calls().into_iter().skip(1).map(|(_, model)| model).collect();
    // Four attempts, one kept for the second model.
    assert_eq!(asked, ["m1", "m1", "m1", "m2"]);
}

#[tokio::test]
async fn a_rejected_key_is_swapped_at_once() {
    let oblige = obliging(one_step());
    let setup = Setup { names: vec!["m1", "m2"], ..Setup::default() };
    let world = World::new(setup, move |r| {
        if r.model == "m1" {
            return futures::future::ready(Err(failure(FailureClass::Auth))).boxed();
        }
        ready(oblige(&r))
    })
    .await;
    let submitted = world.runtime.submit(submission("how many?")).await.expect("accepted");
    assert_eq!(world.ended(submitted.workflow).await.state(), WorkflowState::Completed);
    let asked: Vec<String> = world.calls().into_iter().map(|(_, model)| model).collect();
    assert_eq!(asked, ["m1", "m2", "m1", "m2"]);
}

#[tokio::test]
async fn an_agent_that_panics_is_replaced() {
    let oblige = obliging(one_step());
    let panics = Arc::new(AtomicU32::new(0));
    let count = panics.clone();
    let world = World::new(Setup::default(), move |r| {
        if is_work(&r) && count.fetch_add(1, Ordering::SeqCst) == 0 {
            return async { panic!("as the test wants") }.boxed();
        }
        ready(oblige(&r))
    })
    .await;
    let submitted = world.runtime.submit(submission("how many?")).await.expect("accepted");
    let workflow = world.ended(submitted.workflow).await;
    assert_eq!(workflow.state(), WorkflowState::Completed);
    assert_eq!(workflow.steps["answer"].attempts, 2);
}

#[tokio::test]
async fn a_doubtful_answer_waits_for_a_human_at_no_cost() {
    let plan = one_step();
    let mut world = World::new(Setup::default(), move |r| {
        ready(if is_work(&r) { json!("The count is 977 in Ruritania.") } else { plan.clone() })
    })
    .await;
    let submitted = world.runtime.submit(submission("how many?")).await.expect("accepted");
    let id = submitted.workflow;
    let workflow = world.until(id, |w| w.escalations.contains_key(&1)).await;
    assert_eq!(workflow.state(), WorkflowState::Escalated);
    assert_eq!(workflow.escalations[&1].exit, Exit::Unsure);
    while world.runtime.open().await > 0 {
        tokio::task::yield_now().await;
    }
    world.restart().await;
    assert_eq!(world.runtime.open().await, 0, "a waiting workflow is not brought back");
    world
        .runtime
        .resolve(id, 1, Answer::Approve, "someone".into())
        .await
        .expect("an answer there is");
    let workflow = world.ended(id).await;
    assert_eq!(workflow.state(), WorkflowState::Completed);
    let again = world.runtime.resolve(id, 1, Answer::Approve, "someone".into()).await;
    assert!(matches!(again, Err(Refusal::Rejected(Rejected::Ended(_)))), "{again:?}");
}

#[tokio::test]
async fn a_human_may_give_the_answer() {
    let plan = one_step();
    let world = World::new(Setup::default(), move |r| {
        if is_work(&r) {
            return futures::future::ready(Err(failure(FailureClass::Unable))).boxed();
        }
        ready(plan.clone())
    })
    .await;
    let id = world.runtime.submit(submission("how many?")).await.expect("accepted").workflow;
    world.until(id, |w| w.escalations.contains_key(&1)).await;
    let no = world.runtime.resolve(id, 1, Answer::Approve, "someone".into()).await;
    assert!(matches!(no, Err(Refusal::Rejected(Rejected::Impossible(_)))), "{no:?}");
    let answer = Answer::Edit(json!("It is 42."));
    world.runtime.resolve(id, 1, answer, "someone".into()).await.expect("taken");
    assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
}

#[tokio::test]
async fn the_same_key_gives_the_same_workflow() {
    let oblige = obliging(one_step());
    let world = World::new(Setup::default(), move |r| ready(oblige(&r))).await;
    let keyed = |text: &str| {
        let mut submission = submission(text);
        submission.idempotency_key = Some("k".into());
        submission
    };
    let all = (0..50).map(|_| world.runtime.submit(keyed("how many?")));
    let all = futures::future::join_all(all).await;
    let ids: Vec<_> = all.into_iter().map(|s| s.expect("accepted")).collect();
    assert!(ids.iter().all(|s| s.workflow == ids[0].workflow));
    assert_eq!(ids.iter().filter(|s| !s.existed).count(), 1);
    world.ended(ids[0].workflow).await;
    let later = world.runtime.submit(keyed("how many?")).await.expect("known");
    assert!(later.existed);
    let other = world.runtime.submit(keyed("how few?")).await;
    assert!(matches!(other, Err(Refusal::Conflict(id)) if id == later.workflow), "{other:?}");
    assert_eq!(world.calls().len(), 2);
}

#[tokio::test]
async fn too_much_is_refused_at_once() {
    let setup =
        Setup { options: Options { max_open: 3, ..Options::default() }, ..Setup::default() };
    let world = World::new(setup, |_| futures::future::pending().boxed()).await;
    for _ in 0..3 {
        world.runtime.submit(submission("how many?")).await.expect("there is room");
    }
    let refused = world.runtime.submit(submission("how many?")).await;
    assert!(matches!(refused, Err(Refusal::Overloaded { limit: 3, .. })), "{refused:?}");
}

#[tokio::test]
async fn a_cancelled_workflow_ends_and_its_call_is_given_up() {
    let world = World::new(Setup::default(), |_| futures::future::pending().boxed()).await;
    let id = world.runtime.submit(submission("how many?")).await.expect("accepted").workflow;
    let cancel = Command::Cancel { by: "someone".into(), reason: "no longer needed".into() };
    let position = world.runtime.command(id, cancel.clone()).await.expect("taken");
    assert!(position.is_some());
    let workflow = world.ended(id).await;
    assert_eq!(workflow.state(), WorkflowState::Cancelled);
    assert!(matches!(
        world.runtime.command(id, cancel).await,
        Err(Refusal::Rejected(Rejected::Ended(WorkflowState::Cancelled)))
    ));
}

#[tokio::test]
async fn a_paused_workflow_starts_nothing_until_it_is_resumed() {
    let oblige = obliging(one_step());
    let gate = Arc::new(tokio::sync::Notify::new());
    let (held, opened) = (gate.clone(), gate);
    let world = World::new(Setup::default(), move |r| {
        let answer = oblige(&r);
        let held = held.clone();
        if is_work(&r) {
            return ready(answer);
        }
        async move {
            held.notified().await;
            Ok(answer)
        }
        .boxed()
    })
    .await;
    let id = world.runtime.submit(submission("how many?")).await.expect("accepted").workflow;
    let by = || "someone".to_owned();
    world.runtime.command(id, Command::Pause { by: by() }).await.expect("taken");
    opened.notify_one();
    let workflow = world.until(id, |w| w.plan.is_some()).await;
    assert_eq!(workflow.state(), WorkflowState::Paused);
    assert_eq!(workflow.steps["answer"].state, StepState::Blocked);
    world.runtime.command(id, Command::Resume { by: by() }).await.expect("taken");
    assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
}

#[tokio::test]
async fn what_cannot_be_paid_is_not_called() {
    let oblige = obliging(one_step());
    let setup = Setup { price: Price { input: 1_000_000, output: 1_000_000 }, ..Setup::default() };
    let world = World::new(setup, move |r| ready(oblige(&r))).await;
    let mut poor = submission("how many?");
    poor.budget_microusd = Some(100);
    let id = world.runtime.submit(poor).await.expect("accepted").workflow;
    let workflow = world.until(id, |w| w.escalations.contains_key(&1)).await;
    assert_eq!(workflow.escalations[&1].exit, Exit::Overspent);
    assert!(world.calls().is_empty());
}

#[tokio::test]
async fn lists_conditions_and_timers_run() {
    let steps = plan(json!([
        {"id": "list", "work": {"ask": {"role": "executor", "instruction": "list", "schema": {"type": "array"}}},
         "inputs": {"numbers": {"context": "numbers"}}},
        {"id": "each", "each": {"step": {"id": "list"}},
         "work": {"ask": {"role": "executor", "instruction": "one"}}, "inputs": {"it": {"item": "/n"}}},
        {"id": "never", "when": {"value": {"step": {"id": "list", "at": "/0/n"}}, "is": {"above": 100.0}},
         "work": {"ask": {"role": "executor", "instruction": "never"}}},
        {"id": "nap", "work": {"wait": {"ms": 5}}, "after": ["each"]},
        {"id": "answer", "after": ["nap", "never"], "inputs": {"all": {"step": {"id": "each"}}},
         "work": {"ask": {"role": "executor", "instruction": "answer"}}},
    ]));
    let world = World::new(Setup::default(), move |r| {
        ready(match &r.task {
            Task::Plan { .. } => steps.clone(),
            Task::Execute { instruction, .. } if instruction == "list" => {
                json!([{"n": 1}, {"n": 2}, {"n": 3}])
            }
            Task::Execute { instruction, inputs } if instruction == "one" => {
                json!(format!("{}", inputs["it"]))
            }
            Task::Execute { inputs, .. } => {
                assert_eq!(inputs["all"], json!(["1", "2", "3"]));
                json!("1 and 2 and 3")
            }
            other => panic!("unexpected {other:?}"),
        })
    })
    .await;
    let id = world.runtime.submit(submission("each?")).await.expect("accepted").workflow;
    let workflow = world.ended(id).await;
    assert_eq!(workflow.state(), WorkflowState::Completed, "{workflow:#?}");
    assert!(matches!(workflow.steps["never"].state, StepState::Skipped { .. }));
    assert_eq!(world.calls().len(), 6);
}

#[tokio::test]
async fn a_restart_repeats_no_finished_call() {
    let oblige = obliging(six_steps());
    let held = Arc::new(AtomicU32::new(0));
    let count = held.clone();
    let mut world = World::new(Setup::default(), move |r| {
        // The first verifier never answers: the process is lost with it.
        if matches!(r.task, Task::Verify { .. }) && count.fetch_add(1, Ordering::SeqCst) == 0 {
            return futures::future::pending().boxed();
        }
        ready(oblige(&r))
    })
    .await;
    let id = world.runtime.submit(submission("how many?")).await.expect("accepted").workflow;
    world
        .until(id, |w| {
            w.steps.get("check").is_some_and(|s| matches!(s.state, StepState::Running(_)))
        })
        .await;
    while held.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    world.restart().await;
    assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
    // Six calls, and one more for the one that was lost in flight.
    assert_eq!(world.calls().len(), 7);
    let mut keys: Vec<String> = world.calls().into_iter().map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 7, "every attempt has a key of its own");
}

fn counting_plan(timeout_ms: u64) -> serde_json::Value {
    plan(json!([
        {"id": "effect", "work": {"tool": {"name": "test.count", "args": {}}},
         "limits": {"timeout_ms": timeout_ms}},
        {"id": "answer", "after": ["effect"], "inputs": {"numbers": {"context": "numbers"}},
         "work": {"ask": {"role": "executor", "instruction": "answer"}}},
    ]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_that_was_in_flight_is_asked_about_and_not_repeated() {
    for (knows, state) in [(true, WorkflowState::Completed), (false, WorkflowState::Escalated)] {
        let oblige = obliging(counting_plan(1));
        let tool = Counter::new(false, knows);
        let (runs, gate) = (tool.runs.clone(), tool.gate.clone());
        let setup = Setup { tool: Some(tool), ..Setup::default() };
        let mut world = World::new(setup, move |r| ready(oblige(&r))).await;
        let id = world.runtime.submit(submission("count")).await.expect("accepted").workflow;
        while runs.lock().expect("not poisoned").is_empty() {
            tokio::task::yield_now().await;
        }
        world.restart().await;
        let done = |w: &autoos_kernel::workflow::Workflow| {
            w.end.is_some() || w.escalations.contains_key(&1)
        };
        let workflow = world.until(id, done).await;
        assert_eq!(workflow.state(), state, "{workflow:#?}");
        release(&gate);
        let runs: Vec<u32> = runs.lock().expect("not poisoned").values().copied().collect();
        assert_eq!(runs, [1], "knows: {knows}");
    }
}
