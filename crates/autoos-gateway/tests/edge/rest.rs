//! REST: every route's happy path, and what comes of bad input.

use crate::support::{LONG, Setup, hanging, node};
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
