//! Lists, questions and sums are right after every start: after a stop, after kill -9, and when
//! the files of the index are damaged or gone.

use crate::support::Node;
use serde_json::{Value, json};
use std::{fs, path::Path};

/// A step that no tool may do, so that a human is asked.
fn refused() -> Value {
    json!({"name": "ask", "result": "read", "steps": [{
        "id": "read",
        "work": {"tool": {"name": "fs.read", "args": {"path": "/nowhere/at-all"}}},
    }]})
}

async fn submit(node: &Node, text: &str) -> String {
    let body = json!({"intent": text, "user_id": "ann", "plan": refused()});
    let (status, answer) = node.post("/api/v1/intents", &body).await;
    assert!((200..300).contains(&status), "{answer}");
    let id = answer["workflow_id"].as_str().expect("an id").to_owned();
    node.until(&id, &["escalated"]).await;
    id
}

/// What lists show once they cover all there is: rows, open questions, and the counters.
async fn shown(node: &Node) -> (Vec<Value>, Vec<Value>, Vec<String>) {
    loop {
        let (status, list) = node.get("/api/v1/workflows?limit=100").await;
        assert_eq!(status, 200, "{list}");
        if list["complete"] == json!(true) {
            let (_, questions) = node.get("/api/v1/escalations?limit=100").await;
            let rows = |page: &Value| page["items"].as_array().expect("rows").clone();
            let (_, metrics) = node.get("/metrics").await;
            let counted = ["autoos_workflows{", "autoos_recovery_total{", "autoos_attempts_total{"];
            let lines = metrics.as_str().expect("text").lines();
            let lines = lines.filter(|line| counted.iter().any(|name| line.starts_with(name)));
            return (rows(&list), rows(&questions), lines.map(str::to_owned).collect());
        }
        // Each answer is an event of the node; it builds beside answering.
        tokio::task::yield_now().await;
    }
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let views = dir.join("data").join("views");
    fs::read_dir(views).expect("the index is kept").map(|f| f.expect("a file").path()).collect()
}

#[tokio::test]
async fn lists_are_right_after_every_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let node = Node::start(dir.path(), &[]);
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(submit(&node, &format!("before the stop {n}")).await);
    }
    let before = shown(&node).await;
    assert_eq!((before.0.len(), before.1.len()), (5, 5));
    node.stop();
    assert!(!files(dir.path()).is_empty());

    // What comes now is in no file when the process is killed.
    let node = Node::start(dir.path(), &[]);
    assert_eq!(shown(&node).await, before);
    for n in 0..5 {
        ids.push(submit(&node, &format!("before the kill {n}")).await);
    }
    let path = format!("/api/v1/escalations/{}/1/resolve", ids[0]);
    let (status, answer) = node.post(&path, &json!({"answer": "edit", "value": "seen"})).await;
    assert_eq!(status, 200, "{answer}");
    node.until(&ids[0], &["completed"]).await;
    let before = settled(&node, 9).await;
    node.kill();
    let node = Node::start(dir.path(), &[]);
    assert_eq!(shown(&node).await, before);
    node.stop();

    for (n, path) in files(dir.path()).into_iter().enumerate() {
        let mut bytes = fs::read(&path).expect("reads");
        match n % 3 {
            0 => fs::remove_file(&path).expect("removed"),
            1 => fs::write(&path, &bytes[..bytes.len() / 2]).expect("cut"),
            _ => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 8;
                fs::write(&path, bytes).expect("changed");
            }
        }
    }
    let node = Node::start(dir.path(), &[]);
    assert_eq!(shown(&node).await, before);
    // And one that waited through all of it goes on.
    let path = format!("/api/v1/escalations/{}/1/resolve", ids[1]);
    let (status, answer) = node.post(&path, &json!({"answer": "edit", "value": "seen"})).await;
    assert_eq!(status, 200, "{answer}");
    node.until(&ids[1], &["completed"]).await;
}

/// What is shown once so many questions are open.
async fn settled(node: &Node, open: usize) -> (Vec<Value>, Vec<Value>, Vec<String>) {
    loop {
        let now = shown(node).await;
        if now.1.len() == open {
            return now;
        }
        tokio::task::yield_now().await;
    }
}
