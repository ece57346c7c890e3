//! Why, comparisons, forks, lessons and raised budgets at the edge.

use crate::support::{Setup, node};
use autoos_fabric::{
    FailureClass,
    provider::scripted::{Answer, Rule, Script},
};
use autoos_kernel::words::LlmRole;
use autoos_proto::v1::{
    self, escalations_client::EscalationsClient, lessons_client::LessonsClient,
    workflows_client::WorkflowsClient,
};
use serde_json::{Value, json};
use tonic::{Code, transport::Channel};

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_says_why_over_rest_and_grpc() {
    let node = node(Setup::default()).await;
    let id = node.done().await;
    let why = node.get(&format!("/api/v1/workflows/{id}/why")).await;
    assert_eq!(why.status, 200, "{:?}", why.body);
    let api = node.get("/openapi.json").await.body;
    let shape = &api["components"]["schemas"]["Why"];
    let described: Vec<_> = shape["required"].as_array().expect("fields").clone();
    let fields = why.body.as_object().expect("an object");
    assert_eq!(described.len(), fields.len());
    assert!(described.iter().all(|field| fields.contains_key(field.as_str().expect("a name"))));
    assert_eq!(why.body["plans"][0]["revision"], 1);
    assert!(why.body["timeline"].as_array().expect("moments").len() > 5);

    let missing = node.get(&format!("/api/v1/workflows/{id}/why?claim=no%20such%20claim")).await;
    missing.is(404, "not_found");
    let other = "wf-00000000-0000-7000-8000-000000000000";
    node.get(&format!("/api/v1/workflows/{other}/why")).await.is(404, "not_found");

    let channel = Channel::from_shared(node.url("")).expect("an address").connect().await;
    let mut workflows = WorkflowsClient::new(channel.expect("a connection"));
    let asked = v1::ExplainWorkflowRequest { workflow_id: id.clone(), claim: String::new() };
    let told = workflows.explain_workflow(asked).await.expect("told").into_inner();
    let told: Value = serde_json::from_str(&told.why_json).expect("JSON");
    assert_eq!(told, why.body);
    let asked = v1::ExplainWorkflowRequest { workflow_id: id, claim: "no such claim".into() };
    let refused = workflows.explain_workflow(asked).await.expect_err("refused");
    assert_eq!(refused.code(), Code::NotFound);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_goes_on_and_is_held_against_its_parent() {
    let node = node(Setup::default()).await;
    let id = node.done().await;
    let path = format!("/api/v1/workflows/{id}");
    let whole = node.get(&path).await.body["seq"].as_u64().expect("a number");
    let fork = async |body: Value| node.post(&format!("{path}/fork"), body).await;
    // There is nothing left to do behind its end.
    fork(json!({"at": whole})).await.is(400, "invalid");
    fork(json!({"at": 0})).await.is(400, "invalid");
    fork(json!({"model": "x"})).await.is(400, "invalid");
    fork(json!({"at": 4, "model": "nobody/knows"})).await.is(400, "invalid");
    let made = fork(json!({"at": 4})).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let other = made.body["workflow_id"].as_str().expect("an id").to_owned();
    assert_eq!(node.ended(&other).await["state"], "completed");

    let found = node.get(&format!("{path}/diff?with={other}")).await;
    assert_eq!(found.status, 200, "{:?}", found.body);
    assert_eq!(
        (&found.body["shared_events"], &found.body["right"]["id"]),
        (&json!(4), &json!(other))
    );
    assert_eq!(found.body["right"]["forked_from"], id);
    assert_eq!(found.body["result"], json!([]), "the script answers the same");
    node.get(&format!("{path}/diff?with=42")).await.is(400, "invalid");
    node.get(&format!("{path}/diff")).await.is(400, "invalid");
    let why = node.get(&format!("/api/v1/workflows/{other}/why")).await.body;
    assert_eq!((&why["forked"]["parent"], &why["forked"]["events"]), (&json!(id), &json!(4)));

    let channel = Channel::from_shared(node.url("")).expect("an address").connect().await;
    let mut workflows = WorkflowsClient::new(channel.expect("a connection"));
    let ask = v1::ForkWorkflowRequest { workflow_id: id.clone(), at: 4, model: String::new() };
    let third = workflows.fork_workflow(ask).await.expect("forked").into_inner().workflow_id;
    assert_eq!(node.ended(&third).await["state"], "completed");
    let ask = v1::CompareWorkflowsRequest { left_id: other, right_id: third };
    let found = workflows.compare_workflows(ask).await.expect("compared").into_inner();
    let found: Value = serde_json::from_str(&found.comparison_json).expect("JSON");
    assert_eq!((&found["shared_events"], &found["result"]), (&Value::Null, &json!([])));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lessons_are_listed_and_taken_back_once() {
    // The same model fails at the same work in three workflows.
    let answer = Answer::fail(FailureClass::Unable);
    let fails = Rule { role: Some(LlmRole::Executor), answer, ..Rule::default() };
    let node = node(Setup { script: Script { rules: vec![fails] }, ..Setup::default() }).await;
    assert_eq!(node.get("/api/v1/lessons").await.body, json!({"lessons": []}));
    for _ in 0..3 {
        node.submit(json!({"intent": "do the parts"})).await;
    }
    let learned = loop {
        let lessons = node.get("/api/v1/lessons").await.body["lessons"].clone();
        if lessons.as_array().is_some_and(|lessons| !lessons.is_empty()) {
            break lessons;
        }
        tokio::task::yield_now().await;
    };
    let number = learned[0]["number"].as_u64().expect("a number");
    assert!(learned[0]["sentence"].as_str().expect("text").contains("executor"), "{learned}");
    assert_eq!(
        (&learned[0]["remedy"], &learned[0]["reverted"]),
        (&json!("prefer_other"), &Value::Null)
    );
    let path = format!("/api/v1/lessons/{number}/revert");
    assert_eq!(node.post(&path, json!({})).await.status, 200);
    node.post(&path, json!({})).await.is(409, "conflict");
    node.post("/api/v1/lessons/99/revert", json!({})).await.is(404, "not_found");
    node.post("/api/v1/lessons/x/revert", json!({})).await.is(400, "invalid");
    let after = node.get("/api/v1/lessons").await.body["lessons"].clone();
    assert!(after[0]["reverted"]["by"].is_string(), "{after}");
    let channel = Channel::from_shared(node.url("")).expect("an address").connect().await;
    let mut lessons = LessonsClient::new(channel.expect("a connection"));
    let listed =
        lessons.list_lessons(v1::ListLessonsRequest {}).await.expect("listed").into_inner();
    assert_eq!(listed.lessons[0].remedy, "prefer_other");
    assert!(!listed.lessons[0].reverted_by.is_empty());
    let ask = v1::RevertLessonRequest { number: 99 };
    assert_eq!(lessons.revert_lesson(ask).await.expect_err("refused").code(), Code::NotFound);
    let metrics = node.get("/metrics").await.body;
    let metrics = metrics.as_str().expect("text");
    assert!(metrics.contains("autoos_lessons{state=\"reverted\"} 1"), "{metrics}");
    assert!(metrics.contains("autoos_ladder_climbs_total{rung=\"escalate\",reason=\"unable\"}"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_raised_by_an_answer() {
    for over_grpc in [false, true] {
        let answer = Answer::fail(FailureClass::BadRequest);
        let role = Some(LlmRole::Planner);
        let fails = Rule { role, times: Some(2), answer, ..Rule::default() };
        let node = node(Setup { script: Script { rules: vec![fails] }, ..Setup::default() }).await;
        let id = node.submit(json!({"intent": "do the parts"})).await;
        let path = format!("/api/v1/workflows/{id}");
        let events = node.http.get(node.url(&format!("{path}/events")));
        let mut events = events.send().await.expect("ok");
        let before = loop {
            let view = node.get(&path).await.body;
            if view["state"] == "escalated" {
                break view;
            }
            assert!(events.chunk().await.expect("a piece").is_some(), "it ended: {view}");
        };
        let granted = |view: &Value| view["budget"]["granted_microusd"].as_u64().expect("money");
        let resolve = format!("/api/v1/escalations/{id}/1/resolve");
        if over_grpc {
            let channel = Channel::from_shared(node.url("")).expect("an address").connect().await;
            let mut escalations = EscalationsClient::new(channel.expect("a connection"));
            let ask = |more| v1::ResolveEscalationRequest {
                workflow_id: id.clone(),
                number: 1,
                answer: Some(v1::resolve_escalation_request::Answer::RaiseMicrousd(more)),
                by: "ann".into(),
            };
            let refused = escalations.resolve_escalation(ask(0)).await.expect_err("refused");
            assert_eq!(refused.code(), Code::InvalidArgument);
            escalations.resolve_escalation(ask(2_000_000)).await.expect("raised");
        } else {
            for bad in [
                json!({"answer": "raise"}),
                json!({"answer": "raise", "budget_usd": 0}),
                json!({"answer": "raise", "budget_usd": -1}),
                json!({"answer": "retry", "budget_usd": 1}),
            ] {
                node.post(&resolve, bad).await.is(400, "invalid");
            }
            let raised = json!({"answer": "raise", "budget_usd": 2, "by": "ann"});
            assert_eq!(node.post(&resolve, raised).await.status, 200);
        }
        let ended = node.ended(&id).await;
        assert_eq!(granted(&ended), granted(&before) + 2_000_000, "{ended}");
        assert_eq!(ended["escalations"][0]["resolved"]["decision"], "raise");
        node.stop().await;
    }
}
