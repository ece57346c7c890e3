//! The seed's lines, as written.

use crate::support::{Node, answer, client};
use serde_json::json;

#[tokio::test]
async fn the_seeds_lines_work_as_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let node = Node::start(dir.path(), &[]);
    let (status, health) = node.get("/health").await;
    assert_eq!((status, health["status"].as_str()), (200, Some("ok")), "{health}");
    let body = json!({
        "intent": "Analyze system logs and identify errors",
        "user_id": "user-dev",
        "context": {"priority": "high"},
    });
    let (status, made) = node.post("/api/v1/intents", &body).await;
    assert!((200..300).contains(&status), "{status} {made}");
    let id = made["workflow_id"].as_str().expect("an id").to_owned();
    assert!(made["intent_id"].as_str().is_some_and(|id| id.starts_with("in-")));
    // It brings no log, and so a human is asked for one.
    let view = node.until(&id, &["escalated"]).await;
    assert_eq!(view["risk"], "high");
    let detail = view["escalations"][0]["detail"].as_str().expect("a reason");
    assert!(detail.contains("log"), "{detail}");
    let (status, audit) = node.get(&format!("/api/v1/workflows/{id}/audit")).await;
    assert_eq!(status, 200);
    assert!(audit.to_string().contains("escalated"), "{audit}");
    let metrics = client().get(format!("{}/metrics", node.url)).send().await.expect("answers");
    assert!(metrics.text().await.expect("text").contains("autoos_"));
    let docs = client().get(format!("{}/docs", node.url)).send().await.expect("answers");
    assert!(docs.status().is_success());
    let cancel = client().delete(format!("{}/api/v1/workflows/{id}", node.url));
    let (status, said) = answer(cancel).await;
    assert!((200..300).contains(&status), "{status} {said}");
    node.until(&id, &["cancelled"]).await;
}
