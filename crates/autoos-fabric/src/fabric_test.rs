//! The fabric and its actors: order of models, bounds, crashes, restarts, cancellation, status.

use super::*;
use crate::{
    LlmResponse, Price, Task, Usage,
    provider::{
        Line, Provider,
        scripted::{Answer, Rule},
    },
};
use serde_json::json;
use std::sync::Mutex;
use tokio::sync::{Notify, Semaphore};

fn request(model: &str, role: LlmRole, task: Task) -> Request {
    Request {
        key: "wf-1/s/1".into(),
        model: model.into(),
        role,
        task,
        schema: None,
        complaint: None,
        tools: Vec::new(),
        prompt_tokens: 1_000,
        output_tokens: 100,
        timeout_ms: 10_000,
    }
}

fn execute(model: &str, instruction: &str) -> Request {
    let task = Task::Execute { instruction: instruction.into(), inputs: Default::default() };
    request(model, LlmRole::Executor, task)
}

/// A provider whose calls wait at a gate, and panic or end as their instruction says.
struct Gated {
    gate: Arc<Semaphore>,
    arrived: Arc<Notify>,
    running: Arc<Mutex<(u32, u32)>>,
}

struct Running(Arc<Mutex<(u32, u32)>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().unwrap().0 -= 1;
    }
}

impl Provider for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    fn ask(&self, request: Request, _: Line) -> BoxFuture<'static, Result<LlmResponse, Failure>> {
        let (gate, arrived) = (Arc::clone(&self.gate), Arc::clone(&self.arrived));
        let running = Arc::clone(&self.running);
        async move {
            {
                let mut counts = running.lock().unwrap();
                counts.0 += 1;
                counts.1 = counts.1.max(counts.0);
            }
            let _running = Running(running);
            arrived.notify_one();
            gate.acquire().await.expect("the gate stays").forget();
            let Task::Execute { instruction, .. } = &request.task else { unreachable!() };
            assert_ne!(instruction, "panic", "as it was told");
            Ok(LlmResponse {
                model: request.model,
                text: "done".into(),
                value: None,
                plan: None,
                tool_calls: Vec::new(),
                usage: Usage::default(),
                cost_microusd: 5,
                latency_ms: 1,
                first_token_ms: None,
            })
        }
        .boxed()
    }
}

struct Setup {
    fabric: Fabric,
    gate: Arc<Semaphore>,
    arrived: Arc<Notify>,
    running: Arc<Mutex<(u32, u32)>>,
}

const GATED: &str = "gated/m";

async fn gated(in_flight: u32, queued: u32) -> Setup {
    let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let running = Arc::new(Mutex::new((0, 0)));
    let provider = Gated {
        gate: Arc::clone(&gate),
        arrived: Arc::clone(&arrived),
        running: Arc::clone(&running),
    };
    let model = Model {
        id: GATED.into(),
        vendor: "test".into(),
        provider: "gated".into(),
        context_tokens: 1_000,
        price: Price::default(),
        language_model: true,
        abilities: Default::default(),
    };
    let fabric = Fabric::builder(FabricConfig::default())
        .provider(Arc::new(provider), vec![model], &[LlmRole::Executor], (in_flight, queued))
        .start()
        .await
        .unwrap();
    Setup { fabric, gate, arrived, running }
}

#[tokio::test]
async fn calls_beyond_the_bounds_wait_or_are_refused_with_a_hint() {
    let setup = gated(2, 3).await;
    let asked: Vec<_> =
        (0..5).map(|_| tokio::spawn(setup.fabric.ask(execute(GATED, "work")))).collect();
    setup.arrived.notified().await;
    // All five are in once the sixth finds no room.
    let refused = loop {
        match setup.fabric.ask(execute(GATED, "one more")).now_or_never() {
            Some(Err(failure)) => break failure,
            // A place was free still; the call was given up with its future.
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!(refused.class, FailureClass::RateLimit);
    assert!(refused.retry_after_ms.is_some_and(|ms| ms >= 100), "{refused:?}");
    assert_eq!(refused.cost_microusd, Some(0));
    setup.gate.add_permits(100);
    for call in asked {
        assert_eq!(call.await.unwrap().unwrap().text, "done");
    }
    assert_eq!(setup.running.lock().unwrap().1, 2, "never more at once than allowed");
    let status = &setup.fabric.status()[0];
    assert_eq!((status.in_flight, status.queued), (0, 0), "{status:?}");
    assert!(status.refused >= 1 && status.calls >= 5 && status.cost_microusd >= 25, "{status:?}");
}

#[tokio::test]
async fn a_call_that_panics_is_settled_and_the_next_one_is_served() {
    let setup = gated(1, 10).await;
    setup.gate.add_permits(2);
    let failure = setup.fabric.ask(execute(GATED, "panic")).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Crashed);
    assert_eq!(failure.cost_microusd, None, "what it had cost is not known");
    let status = &setup.fabric.status()[0];
    assert_eq!((status.failures, status.consecutive_failures, status.in_flight), (1, 1, 0));
    assert_eq!(status.last_error.as_ref().unwrap().class, FailureClass::Crashed);
    setup.fabric.ask(execute(GATED, "work")).await.unwrap();
    assert_eq!(setup.fabric.status()[0].consecutive_failures, 0);
}

#[tokio::test]
async fn a_call_that_is_given_up_stops_and_gives_its_place_back() {
    let setup = gated(1, 10).await;
    let given_up = tokio::spawn(setup.fabric.ask(execute(GATED, "work")));
    setup.arrived.notified().await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    setup.gate.add_permits(1);
    // The only place is free again, and the gate's only permit is there for this one.
    setup.fabric.ask(execute(GATED, "work")).await.unwrap();
    assert_eq!(setup.running.lock().unwrap().0, 0);
    assert_eq!(setup.fabric.status()[0].failures, 0, "nothing is held against the provider");
}

#[tokio::test]
async fn a_deadline_counts_as_a_failure_and_stops_the_call() {
    let setup = gated(1, 10).await;
    let hasty = Request { timeout_ms: 20, ..execute(GATED, "work") };
    let failure = setup.fabric.ask(hasty).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Timeout);
    assert_eq!(setup.fabric.status()[0].failures, 1);
    // The only place and the gate's only permit are there for this one.
    setup.gate.add_permits(1);
    setup.fabric.ask(execute(GATED, "work")).await.unwrap();
}

#[tokio::test]
async fn an_actor_that_ends_is_started_anew_and_its_calls_are_settled() {
    let setup = gated(1, 10).await;
    let running = tokio::spawn(setup.fabric.ask(execute(GATED, "work")));
    setup.arrived.notified().await;
    let waiting = tokio::spawn(setup.fabric.ask(execute(GATED, "work")));
    let slot = Arc::clone(setup.fabric.slot(GATED).unwrap());
    while setup.fabric.status()[0].queued == 0 {
        tokio::task::yield_now().await;
    }
    slot.actor().unwrap().kill();
    for call in [running, waiting] {
        assert_eq!(call.await.unwrap().unwrap_err().class, FailureClass::Crashed);
    }
    while setup.fabric.status()[0].restarts == 0 || slot.actor().is_none() {
        tokio::task::yield_now().await;
    }
    setup.gate.add_permits(1);
    setup.fabric.ask(execute(GATED, "work")).await.unwrap();
    // The other providers were not touched by it.
    assert_eq!(setup.fabric.status().last().unwrap().restarts, 0);
}

#[tokio::test]
async fn an_actor_that_keeps_ending_stays_down_and_says_so_at_once() {
    let setup = gated(1, 10).await;
    let slot = Arc::clone(setup.fabric.slot(GATED).unwrap());
    for restart in 0..=5u32 {
        let actor = slot.actor().unwrap();
        actor.kill();
        while slot.actor().is_some_and(|now| now.get_id() == actor.get_id())
            || (restart < 5 && slot.actor().is_none())
        {
            tokio::task::yield_now().await;
        }
    }
    let failure = setup.fabric.ask(execute(GATED, "work")).await.unwrap_err();
    assert_eq!((failure.class, failure.cost_microusd), (FailureClass::Crashed, Some(0)));
    assert_eq!(setup.fabric.status()[0].restarts, 5);
}

#[tokio::test]
async fn the_actors_end_with_the_last_clone() {
    let setup = gated(1, 10).await;
    let actor = setup.fabric.slot(GATED).unwrap().actor().unwrap();
    let clone = setup.fabric.clone();
    drop(setup.fabric);
    setup.gate.add_permits(1);
    clone.ask(execute(GATED, "work")).await.unwrap();
    drop(clone);
    while actor.get_status() != ractor::ActorStatus::Stopped {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_model_that_nobody_serves_is_said() {
    let (fabric, _) = Fabric::scripted(Script::default()).await.unwrap();
    let failure = fabric.ask(execute("nobody/x", "work")).await.unwrap_err();
    assert_eq!((failure.class, failure.cost_microusd), (FailureClass::BadRequest, Some(0)));
}

#[tokio::test]
async fn the_built_in_engine_comes_last_for_the_roles_that_it_plays() {
    let (fabric, _) = Fabric::scripted(Script::default()).await.unwrap();
    let ids = |role| fabric.candidates(role).into_iter().map(|m| m.id).collect::<Vec<_>>();
    for role in [LlmRole::Planner, LlmRole::Verifier, LlmRole::Synthesizer] {
        assert_eq!(ids(role), ["scripted/default", "builtin/rules"]);
    }
    assert_eq!(ids(LlmRole::Executor), ["scripted/default"]);
    let alone = Fabric::start(FabricConfig::default()).await.unwrap();
    assert_eq!(alone.candidates(LlmRole::Planner)[0].id, "builtin/rules");
    assert!(alone.candidates(LlmRole::Executor).is_empty());
    assert_eq!(alone.models().len(), 1);
}

#[tokio::test]
async fn answers_are_held_against_their_task() {
    let script = Script {
        rules: vec![
            Rule::role(
                LlmRole::Planner,
                Answer::value(json!({"unable": {"reason": "no", "needs": ["a log"]}})),
            ),
            Rule::role(
                LlmRole::Verifier,
                Answer::value(json!({"supported": true, "confidence": 17})),
            ),
        ],
    };
    let (fabric, _) = Fabric::scripted(script).await.unwrap();
    let plan = Task::Plan {
        intent: "x".into(),
        contexts: Vec::new(),
        risk: Default::default(),
        tools: Default::default(),
        refused: None,
        lessons: Vec::new(),
    };
    let answer = fabric.ask(request("scripted/default", LlmRole::Planner, plan)).await.unwrap();
    assert_eq!(answer.value.unwrap()["unable"]["needs"][0], "a log");
    let verify = Task::Verify { instruction: "x".into(), inputs: Default::default() };
    let failure =
        fabric.ask(request("scripted/default", LlmRole::Verifier, verify)).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Malformed);
    assert!(
        failure.detail.contains("/confidence") && failure.detail.contains("maximum"),
        "{failure}"
    );
}
