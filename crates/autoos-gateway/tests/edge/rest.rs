//! REST: every route's happy path, and what comes of bad input.

use crate::support::{Setup, hanging, node};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_seeds_lines_work_as_written() {
    let node = node(Setup::default()).await;
    let health = node.get("/health").await;
    assert_eq!((health.status, &health.body["status"]), (200, &json!("ok")));
    assert_eq!(health.body["journal"]["state"], "ok");

    let body = r#"{"intent": "Analyze system logs and identify errors", "user_id": "user-dev", "context": {"priority": "high"}}"#;
    let request = node
        .http
        .post(node.url("/api/v1/intents"))
        .header("Content-Type", "application/json")
        .header("X-API-Key", "dev-key-123")
        .body(body);
    let made = node.send(request).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let id = made.body["workflow_id"].as_str().expect("an id").to_owned();
    let uuid = id.strip_prefix("wf-").expect("a workflow's id");
    assert_eq!(made.body["intent_id"], format!("in-{uuid}"));
    assert_eq!(made.headers["location"], format!("/api/v1/workflows/{id}"));

    let path = format!("/api/v1/workflows/{id}");
    let seen = node.send(node.http.get(node.url(&path)).header("X-API-Key", "dev-key-123")).await;
    assert_eq!(seen.status, 200);
    assert_eq!(seen.body["intent"], "Analyze system logs and identify errors");
    assert_eq!((&seen.body["user"], &seen.body["risk"]), (&json!("user-dev"), &json!("high")));

    let ended = node.ended(&id).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    let audit = node.get(&format!("{path}/audit")).await;
    let entries = audit.body["entries"].as_array().expect("entries");
    assert_eq!(entries[0]["kind"], "accepted");
    assert!(entries.iter().any(|e| e["kind"] == "completed"), "{entries:?}");
    let verified = node.get(&format!("{path}/audit/verify")).await;
    assert_eq!(verified.body["ok"], true);
    assert_eq!(verified.body["found"]["events"], entries.len());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_repeating_gives_the_same_workflow_or_a_conflict() {
    let node = node(Setup::default()).await;
    let send = |intent: &str| {
        let body = json!({"intent": intent});
        node.send(
            node.http
                .post(node.url("/api/v1/intents"))
                .header("Idempotency-Key", "order-7")
                .json(&body),
        )
    };
    let first = send("do the parts").await;
    assert_eq!((first.status, &first.body["existed"]), (201, &json!(false)));
    let again = send("do the parts").await;
    assert_eq!((again.status, &again.body["existed"]), (200, &json!(true)));
    assert_eq!(again.body["workflow_id"], first.body["workflow_id"]);
    let in_body = json!({"intent": "do the parts", "idempotency_key": "order-7"});
    let in_body = node.post("/api/v1/intents", in_body).await;
    assert_eq!(in_body.body["workflow_id"], first.body["workflow_id"]);
    let other = send("do other parts").await;
    other.is(409, "idempotency_conflict");
    other.says(first.body["workflow_id"].as_str().expect("an id"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_page_and_filter() {
    let node = node(Setup::default()).await;
    let mut made = Vec::new();
    let mut last = String::new();
    for n in 0..5 {
        let user = if n % 2 == 0 { "even" } else { "odd" };
        let body = json!({"intent": format!("do the parts of {n}"), "user_id": user});
        let answer = node.post("/api/v1/intents", body).await;
        made.push(answer.body["workflow_id"].as_str().expect("an id").to_owned());
        last = answer.body["position"].as_str().expect("a position").to_owned();
        // A read may wait for what was acknowledged.
        let list = node.get(&format!("/api/v1/workflows?after={last}")).await;
        assert_eq!(list.body["items"].as_array().map(Vec::len), Some(n + 1), "{:?}", list.body);
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/workflows?limit=2&page_token={token}");
        let page = node.get(&path).await.body;
        let items = page["items"].as_array().expect("items").clone();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|i| i["id"].as_str().expect("an id").to_owned()));
        match page["next"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    let mut sorted = (seen.clone(), made.clone());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1);
    let count = |body: Value| body["items"].as_array().map(Vec::len);
    assert_eq!(count(node.get("/api/v1/workflows?user_id=odd").await.body), Some(2));
    assert_eq!(count(node.get("/api/v1/workflows?text=PARTS%20OF%203").await.body), Some(1));
    for id in &made {
        node.ended(id).await;
    }
    let done = format!("/api/v1/workflows?state=completed&after={last}");
    let done = node.get(&done).await;
    assert!(count(done.body).is_some_and(|n| n >= 1));
    let none = node.get("/api/v1/workflows?state=paused,escalated").await;
    assert_eq!(count(none.body), Some(0));

    node.get("/api/v1/workflows?page_token=zz").await.is(400, "invalid");
    node.get("/api/v1/workflows?limit=501").await.is(400, "invalid");
    node.get("/api/v1/workflows?state=lost").await.is(400, "invalid");
    let unknown = node.get("/api/v1/workflows?colour=red").await;
    unknown.is(400, "invalid");
    unknown.says("colour");
    node.get("/api/v1/workflows?after=0:999999").await.is(400, "invalid");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_are_paused_resumed_cancelled_and_erased() {
    let node = node(Setup { script: hanging(), ..Setup::default() }).await;
    let id = node.submit(json!({"intent": "do the parts"})).await;
    let path = format!("/api/v1/workflows/{id}");
    let paused = node.post(&format!("{path}/pause"), json!({})).await;
    assert_eq!((paused.status, &paused.body["changed"]), (200, &json!(true)), "{:?}", paused.body);
    let again = node.post(&format!("{path}/pause"), json!({})).await;
    assert_eq!((again.status, &again.body["changed"]), (200, &json!(false)));
    assert_eq!(node.get(&path).await.body["state"], "paused");
    assert_eq!(node.post(&format!("{path}/resume"), json!({})).await.status, 200);

    let why = json!({"reason": "no longer needed"});
    assert_eq!(node.post(&format!("{path}/cancel"), why).await.status, 200);
    let ended = node.ended(&id).await;
    assert_eq!(ended["state"], "cancelled");
    assert_eq!(ended["cancelled"]["reason"], "no longer needed");
    node.post(&format!("{path}/cancel"), json!({})).await.is(409, "rejected");
    node.send(node.http.delete(node.url(&path))).await.is(409, "rejected");

    let erase = format!("{path}?erase=true");
    let erased = node.send(node.http.delete(node.url(&erase))).await;
    assert_eq!((erased.status, &erased.body["erased"]), (200, &json!(true)));
    let seen = node.get(&path).await.body;
    assert_eq!((&seen["erased"], &seen["intent"]), (&json!(true), &Value::Null));
    assert_eq!(node.get(&format!("{path}/audit/verify")).await.body["ok"], true);

    let other = node.submit(json!({"intent": "do the parts"})).await;
    let deleted = node.http.delete(node.url(&format!("/api/v1/workflows/{other}")));
    assert_eq!(node.send(deleted).await.status, 200);
    assert_eq!(node.ended(&other).await["state"], "cancelled");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_made_without_running_and_shown_once_it_runs() {
    let node = node(Setup::default()).await;
    let planned = node.post("/api/v1/plans", json!({"intent": "do the parts"})).await;
    assert_eq!(planned.status, 200, "{:?}", planned.body);
    assert_eq!(planned.body["worst_case_microusd"], 0);
    let plan = planned.body["plan"].clone();
    assert_eq!(plan["result"], "answer");
    assert_eq!(node.get("/api/v1/workflows").await.body["items"], json!([]));

    let id = node.submit(json!({"intent": "do the parts", "plan": plan})).await;
    let shown = node.get(&format!("/api/v1/workflows/{id}/plan")).await;
    assert_eq!((shown.status, &shown.body), (200, &plan));

    let mut cyclic = plan;
    cyclic["steps"][0]["after"] = json!(["answer"]);
    let refused = json!({"intent": "do the parts", "plan": cyclic});
    let refused = node.post("/api/v1/intents", refused).await;
    refused.is(400, "invalid");
    assert!(!refused.body["problems"].as_array().expect("problems").is_empty());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_human_is_asked_and_answers() {
    use autoos_fabric::{
        FailureClass,
        provider::scripted::{Answer, Rule, Script},
    };
    use autoos_kernel::words::LlmRole;
    let answer = Answer::fail(FailureClass::Auth);
    let fails = Rule { role: Some(LlmRole::Executor), times: Some(3), answer, ..Rule::default() };
    let node = node(Setup { script: Script { rules: vec![fails] }, ..Setup::default() }).await;
    let id = node.submit(json!({"intent": "do the parts"})).await;
    // Parts fail side by side, and each asks. A retry has the provider tried again at once; those
    // beside it may ask once more before it is back.
    let mut answered = 0;
    while node.get(&format!("/api/v1/workflows/{id}")).await.body["state"] != "completed" {
        let open = node.get("/api/v1/escalations").await;
        assert_eq!(open.status, 200);
        for item in open.body["items"].as_array().expect("items") {
            assert_eq!(item["workflow"], id);
            let path = format!("/api/v1/escalations/{id}/{}/resolve", item["number"]);
            node.post(&path, json!({"answer": "maybe"})).await.is(400, "invalid");
            let done = node.post(&path, json!({"answer": "retry", "by": "ann"})).await;
            if done.status == 200 {
                answered += 1;
                node.post(&path, json!({"answer": "retry"})).await.is(409, "rejected");
            } else {
                // The list is a moment behind: this one was answered already.
                done.is(409, "rejected");
            }
        }
        tokio::task::yield_now().await;
    }
    assert!(answered >= 2, "{answered}");
    let missing = format!("/api/v1/escalations/{id}/99/resolve");
    node.post(&missing, json!({"answer": "retry"})).await.is(404, "not_found");
    let ended = node.ended(&id).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    assert_eq!(ended["escalations"][0]["resolved"]["by"], "ann");
    let all = node.get("/api/v1/escalations?all=true&limit=2").await.body;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2));
    assert!(all["next"].is_string());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_by_hand_is_checked_before_it_is_taken() {
    use autoos_fabric::{
        FailureClass,
        provider::scripted::{Answer, Rule, Script},
    };
    use autoos_kernel::words::LlmRole;
    let answer = Answer::fail(FailureClass::Auth);
    let fails = Rule { role: Some(LlmRole::Planner), answer, ..Rule::default() };
    let node = node(Setup { script: Script { rules: vec![fails] }, ..Setup::default() }).await;
    let id = node.submit(json!({"intent": "do the parts"})).await;
    let path = format!("/api/v1/workflows/{id}");
    let mut events = node.http.get(node.url(&format!("{path}/events"))).send().await.expect("ok");
    let before = loop {
        let view = node.get(&path).await.body;
        if view["state"] == "escalated" {
            break view;
        }
        assert!(events.chunk().await.expect("a piece").is_some(), "it ended: {view}");
    };
    let number = before["escalations"][0]["number"].clone();
    let resolve = async |value: Value| {
        let path = format!("/api/v1/escalations/{id}/{number}/resolve");
        node.post(&path, json!({"answer": "edit", "value": value})).await
    };
    let step =
        |id: &str, after: &str| json!({"id": id, "work": {"wait": {"ms": 1}}, "after": [after]});
    let cyclic = json!({"name": "x", "result": "zz", "steps": [step("a", "b"), step("b", "a")]});
    for (bad, says) in [
        (json!("a plan"), "expected an object"),
        (json!(["a"]), "expected an object"),
        (json!({"name": "x"}), "missing field"),
        (json!({"name": "x", "steps": [], "result": "a", "colour": 1}), "colour"),
        (cyclic, "the plan: "),
    ] {
        let refused = resolve(bad).await;
        refused.is(400, "invalid");
        refused.says(says);
    }
    let path_of_99 = format!("/api/v1/escalations/{id}/99/resolve");
    let missing = node.post(&path_of_99, json!({"answer": "retry"})).await;
    missing.is(404, "not_found");
    missing.says(&format!("open: {number}"));
    assert_eq!(node.get(&path).await.body["seq"], before["seq"], "nothing has changed");

    let call = json!({"tool": {"name": "text.summarize", "args": {"text": "It is done."}}});
    let step = json!({"id": "a", "work": call});
    let good = json!({"name": "by hand", "result": "a", "steps": [step]});
    let taken = resolve(good).await;
    assert_eq!(taken.status, 200, "{:?}", taken.body);
    assert_eq!(node.ended(&id).await["state"], "completed");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_shows_what_it_has() {
    let node = node(Setup::default()).await;
    node.done().await;
    let tools = node.get("/api/v1/tools").await.body;
    let names: Vec<_> = tools["tools"].as_array().expect("tools").iter().collect();
    assert!(names.iter().any(|tool| tool["name"] == "fs.read"), "{names:?}");
    let providers = node.get("/api/v1/providers").await.body;
    assert_eq!(providers["providers"][0]["name"], "scripted");
    let costs = node.get("/api/v1/costs?by=model").await;
    assert_eq!((costs.status, &costs.body["by"]), (200, &json!("model")));
    let costs = node.get("/api/v1/costs?by=tenant,user,model,day").await;
    let keys = costs.body["lines"][0]["keys"].as_array().expect("keys").clone();
    assert_eq!((keys.len(), &keys[0]), (4, &json!("default")), "{:?}", costs.body);
    for bad in ["weather", "user,user", "user,", ""] {
        node.get(&format!("/api/v1/costs?by={bad}")).await.is(400, "invalid");
    }

    node.journal.set_degraded(Some("the disk is full".into()));
    let health = node.get("/health").await;
    assert_eq!((health.status, &health.body["status"]), (200, &json!("degraded")));
    assert_eq!(health.body["journal"]["reason"], "the disk is full");
    let refused = node.post("/api/v1/intents", json!({"intent": "do the parts"})).await;
    refused.is(503, "read_only");
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(node.get("/api/v1/workflows").await.status, 200);
    node.journal.set_degraded(None);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_docs_are_whole_and_ask_nobody_else() {
    let node = node(Setup::default()).await;
    let page = node.get("/docs").await;
    assert_eq!(
        (page.status, page.headers["content-type"].to_str().ok()),
        (200, Some("text/html; charset=utf-8"))
    );
    let html = page.body.as_str().expect("a page");
    for outside in ["http://", "https://", "src=", "@import", "url(", "//cdn"] {
        assert!(!html.contains(outside), "{outside} is in the page");
    }
    assert!(html.contains("/openapi.json"));
    let policy = page.headers["content-security-policy"].to_str().expect("a policy");
    assert!(policy.starts_with("default-src 'none'"));
    let api = node.get("/openapi.json").await.body;
    assert_eq!(api["openapi"], "3.1.0");

    // What is described is what is answered: every field that is always there, and no other.
    let id = node.done().await;
    let shape = |name: &str| api["components"]["schemas"][name].clone();
    let fits = |value: &Value, name: &str| {
        let shape = shape(name);
        for field in shape["required"].as_array().expect("fields") {
            assert!(
                value.get(field.as_str().expect("is there")).is_some(),
                "{name}.{field}: {value}"
            );
        }
        for field in value.as_object().expect("an object").keys() {
            assert!(shape["properties"].get(field).is_some(), "{name}.{field} is not described");
        }
    };
    let workflow = node.get(&format!("/api/v1/workflows/{id}")).await.body;
    fits(&workflow, "Workflow");
    fits(&workflow["result"], "Result");
    fits(&node.get("/health").await.body, "Health");
    let audit = node.get(&format!("/api/v1/workflows/{id}/audit")).await.body;
    fits(&audit, "Audit");
    fits(&audit["entries"][0], "Entry");
    let list = node.get("/api/v1/workflows").await.body;
    fits(&list, "Workflows");
    fits(&list["items"][0], "Summary");
    node.stop().await;
}
