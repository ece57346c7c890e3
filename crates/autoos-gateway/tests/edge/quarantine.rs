//! A workflow that died again and again is counted by the node's health, refuses commands with
//! what to do, and is tried again when someone resumes it.

use crate::support::{Answered, LONG, Node, Setup, hanging, node};
use autoos_journal::{Error, Outcome};
use serde_json::json;
use std::time::{Duration, Instant};

/// Asks until the answer is as wanted: these are states that a client can only ask for.
async fn until(node: &Node, path: &str, wanted: impl Fn(&Answered) -> bool) -> Answered {
    let last = Instant::now() + LONG;
    loop {
        let answer = node.get(path).await;
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < last, "never came: {:?}", answer.body);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_workflow_is_seen_and_resumed() {
    let node = node(Setup { script: hanging(), ..Setup::default() }).await;
    let id = node.submit(json!({"intent": "do the parts"})).await;
    let path = format!("/api/v1/workflows/{id}");
    until(&node, &path, |answer| {
        let steps = answer.body["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        steps.iter().filter(|step| step["state"] == "running").count() == 3
    })
    .await;
    assert_eq!(node.get("/health").await.body["quarantined_workflows"], 0);
    // Whatever it wants to record fails: the command, then what each fold would recover.
    for _ in 0..5 {
        node.journal.fail_next(Error::Io("as the test wants".into()), Outcome::Lost);
    }
    let refused = node.post(&format!("{path}/pause"), json!({})).await;
    refused.is(503, "not_recorded");
    until(&node, "/health", |answer| answer.body["quarantined_workflows"] == 1).await;
    let refused = node.post(&format!("{path}/pause"), json!({})).await;
    refused.is(409, "quarantined");
    refused.says("as the test wants");
    assert!(refused.body["what_to_do"].as_str().is_some_and(|text| text.contains("resume")));
    assert_eq!(node.get(&path).await.status, 200, "it can still be read");
    // Others go on.
    assert_eq!(node.post("/api/v1/intents", json!({"intent": "do the parts"})).await.status, 201);
    // The reason is gone: it was never paused, so that resuming only has it tried again.
    node.post(&format!("{path}/resume"), json!({})).await;
    until(&node, "/health", |answer| answer.body["quarantined_workflows"] == 0).await;
    let paused = node.post(&format!("{path}/pause"), json!({})).await;
    assert_eq!(paused.status, 200, "{:?}", paused.body);
    node.stop().await;
}
