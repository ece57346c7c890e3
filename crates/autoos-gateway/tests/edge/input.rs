//! Bad input: each with a clear error, none with a panic.

use crate::support::{Setup, node};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_do_not_fit_are_refused_with_what_is_wrong() {
    let node = node(Setup::default()).await;
    let send = |body: Vec<u8>| {
        let request = node.http.post(node.url("/api/v1/intents"));
        node.send(request.header("Content-Type", "application/json").body(body))
    };
    let refused = async |body: &[u8], says: &str| {
        let answer = send(body.to_vec()).await;
        answer.is(400, "invalid");
        answer.says(says);
    };
    refused(b"", "empty").await;
    refused(b"  \n", "empty").await;
    refused(b"{", "EOF").await;
    refused(b"[]", "the body is a list").await;
    refused(br#"["x", null, {}]"#, "the body is a list").await;
    refused(b"\"x\"", "the body is no object").await;
    refused(b"{\"intent\": \"a\\u0000\"}", "NUL").await;
    refused(br#"{"intent": 7}"#, "expected a string").await;
    refused(br#"{"intent": "x", "plan": ["p", 1]}"#, "expected an object").await;
    refused(br#"{"intent": "x", "context": {"a": "1", "a": "2"}}"#, "\"a\" is there twice").await;
    refused(br#"{"intent": ""}"#, "the intent is empty").await;
    refused(br#"{"intent": "x", "colour": 1}"#, "unknown field `colour`").await;
    refused(br#"{"intent": "x", "intent": "y"}"#, "duplicate field `intent`").await;
    refused(b"{\"intent\": \"\xff\"}", "not UTF-8: byte 12").await;
    refused(br#"{"intent": "x", "budget_usd": 1e400}"#, "number out of range").await;
    refused(br#"{"intent": "x", "context": {"a b": "t"}}"#, "\"a b\"").await;

    let mut deep = br#"{"intent": "x", "context": {"a": "#.to_vec();
    deep.extend(std::iter::repeat_n(b'[', 10_000));
    refused(&deep, "nested too deeply").await;

    let long = json!({"intent": "x".repeat(5 << 20)}).to_string();
    refused(long.as_bytes(), "the intent has 5242880 bytes").await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_contexts_come_inline_and_too_large_ones_are_told_the_way() {
    let options = autoos_gateway::Options { max_intent_bytes: 8 << 20, ..Default::default() };
    let node = node(Setup { options, ..Setup::default() }).await;
    let log = "12:00:01 ERROR disk full\n".repeat(200_000);
    let id = node.submit(json!({"intent": "do the parts", "context": {"log": log}})).await;
    let seen = node.get(&format!("/api/v1/workflows/{id}")).await.body;
    assert_eq!(seen["contexts"][0]["bytes"], log.len());

    let body = json!({"intent": "x", "context": {"log": log.repeat(2)}});
    let refused = node.post("/api/v1/intents", body).await;
    refused.is(413, "too_large");
    assert!(refused.body["what_to_do"].as_str().expect("advice").contains("/api/v1/uploads"));
    let reason = json!({"reason": "x".repeat(2 << 20)});
    node.post(&format!("/api/v1/workflows/{id}/cancel"), reason).await.is(413, "too_large");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_kinds_ids_methods_and_paths_are_named() {
    let node = node(Setup::default()).await;
    let request = node.http.post(node.url("/api/v1/intents")).body("intent=x");
    let form = request.header("Content-Type", "application/x-www-form-urlencoded");
    node.send(form).await.is(415, "media_type");
    let request = node.http.post(node.url("/api/v1/intents")).body("{}");
    let none = node.send(request).await;
    none.is(415, "media_type");
    none.says("has no Content-Type");
    let request = node.http.post(node.url("/api/v1/intents")).body("{}");
    let other = request.header("Content-Type", "application/json; charset=utf-16");
    node.send(other).await.is(415, "media_type");
    for query in ["limit=0", "limit=-1", "limit=501", "limit=1&limit=2", "colour=red", "since=x"] {
        node.get(&format!("/api/v1/workflows?{query}")).await.is(400, "invalid");
    }

    let missing = "/api/v1/workflows/wf-00000000-0000-0000-0000-000000000007";
    for path in [missing, &format!("{missing}/audit"), &format!("{missing}/events")] {
        node.get(path).await.is(404, "not_found");
    }
    node.post(&format!("{missing}/cancel"), json!({})).await.is(404, "not_found");
    let bad = node.get("/api/v1/workflows/42").await;
    bad.is(400, "invalid");
    bad.says("\"42\" is not an id");
    node.get("/api/v1/workflows/%ff").await.is(400, "invalid");
    let nowhere = node.get("/api/v2/intents").await;
    nowhere.is(404, "no_route");
    nowhere.says("/api/v2/intents");
    let method = node.get("/api/v1/intents").await;
    method.is(405, "method");
    assert_eq!(method.headers["allow"], "POST");
    let request = node.http.get(node.url("/api/v1/workflows/x/events"));
    node.send(request.header("last-event-id", "zz")).await.is(400, "invalid");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_node_are_open_only_where_the_operator_says() {
    let root = tempfile::tempdir().expect("a directory");
    std::fs::write(root.path().join("in.log"), "ERROR x\n").expect("written");
    let options =
        autoos_gateway::Options { file_roots: vec![root.path().to_owned()], ..Default::default() };
    let node = node(Setup { options, ..Setup::default() }).await;
    let ask = async |path: String| {
        let body = json!({"intent": "do the parts", "context": {"log": {"file": path}}});
        node.post("/api/v1/intents", body).await
    };
    let root = root.path().display();
    assert_eq!(ask(format!("{root}/in.log")).await.status, 201);
    for outside in ["/etc/hosts", &format!("{root}/../../etc/hosts"), "/no/such/file"] {
        let refused = ask(outside.to_owned()).await;
        refused.is(403, "forbidden");
        refused.says(&format!("it opens those below {root}"));
        let advice = refused.body["what_to_do"].as_str().expect("advice");
        assert!(advice.contains("--root") && advice.contains("/api/v1/uploads"), "{advice}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_keeps_its_id_and_its_trace() {
    let node = node(Setup::default()).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = node
        .http
        .post(node.url("/api/v1/intents"))
        .header("X-Request-Id", "req-42")
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .json(&json!({"intent": "do the parts"}));
    let made = node.send(request).await;
    assert_eq!(made.headers["x-request-id"], "req-42");
    let id = made.body["workflow_id"].as_str().expect("an id");
    let audit = node.get(&format!("/api/v1/workflows/{id}/audit")).await.body;
    assert_eq!(audit["entries"][0]["trace_id"], trace);
    let own = node.get("/health").await;
    assert!(own.headers["x-request-id"].len() >= 32);
    let request = node.http.get(node.url("/api/v1/workflows/x")).header("X-Request-Id", "req-43");
    let refused = node.send(request).await;
    assert_eq!(refused.body["request_id"], Value::from("req-43"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_is_past_is_refused_but_for_a_repetition() {
    let node = node(Setup::default()).await;
    let past = json!({"intent": "do the parts", "deadline": "2001-01-01T00:00:00Z"});
    for path in ["/api/v1/intents", "/api/v1/plans"] {
        let refused = node.post(path, past.clone()).await;
        refused.is(400, "invalid");
        refused.says("the deadline 2001-01-01T00:00:00.000Z is past");
    }
    assert_eq!(node.get("/api/v1/workflows").await.body["items"], json!([]));

    // The clock that counts is the node's: a workflow whose deadline came is still the same one.
    let soon = autoos_runtime::Clock::now(&autoos_runtime::SystemClock).plus_ms(1_500);
    let soon = json!({
        "intent": "do the parts", "deadline": soon.to_string(), "idempotency_key": "one"
    });
    let id = node.submit(soon.clone()).await;
    node.ended(&id).await;
    let late = loop {
        let again = node.post("/api/v1/intents", soon.clone()).await;
        assert_eq!((again.status, &again.body["workflow_id"]), (200, &json!(id)));
        let other = json!({"intent": "do the parts", "deadline": soon["deadline"]});
        let other = node.post("/api/v1/plans", other).await;
        if other.status == 400 {
            break node.post("/api/v1/intents", soon.clone()).await;
        }
    };
    assert_eq!((late.status, &late.body["workflow_id"]), (200, &json!(id)));
    node.stop().await;
}
