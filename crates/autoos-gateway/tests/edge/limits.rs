//! Too much at once is refused at once, with a hint; what is vital still gets through.

use crate::support::{Setup, hanging, node};
use autoos_gateway::Options;
use futures::future::join_all;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn more_workflows_than_may_be_open_are_refused_quickly() {
    let runtime = autoos_runtime::Options { max_open: 3, ..Default::default() };
    let node = node(Setup { script: hanging(), runtime, ..Setup::default() }).await;
    for _ in 0..3 {
        node.submit(json!({"intent": "do the parts"})).await;
    }
    let began = Instant::now();
    let refused =
        join_all((0..20).map(|_| node.post("/api/v1/intents", json!({"intent": "do the parts"}))));
    for answer in refused.await {
        answer.is(429, "overloaded");
        let seconds = answer.headers["retry-after"].to_str().expect("text").parse::<u64>();
        assert!(seconds.is_ok_and(|s| s >= 1));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_share_one_bound_of_memory() {
    let options = Options { max_bodies_bytes: 64 << 10, ..Options::default() };
    let node = node(Setup { options, ..Setup::default() }).await;
    let body = json!({"intent": "do the parts", "context": {"log": "x".repeat(128 << 10)}});
    node.post("/api/v1/intents", body).await.is(429, "overloaded");
    // What was taken for the refused one was given back.
    for _ in 0..20 {
        let body = json!({"intent": "do the parts", "context": {"log": "x".repeat(40 << 10)}});
        assert_eq!(node.post("/api/v1/intents", body).await.status, 201);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_requests_have_their_own_places() {
    let options = Options { max_streams: 1, ..Options::default() };
    let node = node(Setup { script: hanging(), options, ..Setup::default() }).await;
    let id = node.submit(json!({"intent": "do the parts"})).await;
    let path = format!("/api/v1/workflows/{id}/events");
    let held = node.http.get(node.url(&path)).send().await.expect("an answer");
    assert_eq!(held.status(), 200);
    node.get(&path).await.is(429, "overloaded");
    drop(held);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_cancelling_get_through_when_every_place_is_taken() {
    let options =
        Options { max_requests: 0, reserved_requests: 4, max_streams: 8, ..Options::default() };
    let node = node(Setup { script: hanging(), options, ..Setup::default() }).await;
    node.get("/api/v1/tools").await.is(429, "overloaded");
    assert_eq!(node.get("/health").await.status, 200);
    let missing = "/api/v1/workflows/wf-00000000-0000-0000-0000-000000000007/cancel";
    node.post(missing, json!({})).await.is(404, "not_found");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_comes_is_given_up() {
    let options = Options { request_timeout_ms: 50, ..Options::default() };
    let node = node(Setup { options, ..Setup::default() }).await;
    let body =
        reqwest::Body::wrap_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request = node.http.post(node.url("/api/v1/intents"));
    let request = request.header("Content-Type", "application/json").body(body);
    node.send(request).await.is(504, "timeout");
    node.stop().await;
}
