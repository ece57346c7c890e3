//! Uploads: streamed in, named in a context, the tenant's own, gone with their workflow.

use crate::support::{Setup, hanging, node};
use autoos_gateway::Options;
use futures::stream;
use serde_json::{Value, json};
use std::path::Path;

fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}

fn pieces(count: usize) -> reqwest::Body {
    let pieces = (0..count).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 64 << 10]));
    reqwest::Body::wrap_stream(stream::iter(pieces))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_a_context_and_goes_with_its_workflow() {
    let node = node(Setup::default()).await;
    let request = node.http.put(node.url("/api/v1/uploads/app.log")).body(pieces(64));
    let made = node.send(request).await;
    assert_eq!((made.status, &made.body["bytes"]), (201, &json!(64 * 65_536)), "{:?}", made.body);
    let upload = made.body["upload"].as_str().expect("an id").to_owned();

    let ask = |upload: &str| {
        let body = json!({"intent": "do the parts", "context": {"log": {"upload": upload}}});
        node.post("/api/v1/intents", body)
    };
    let id = ask(&upload).await.body["workflow_id"].as_str().expect("an id").to_owned();
    let ended = node.ended(&id).await;
    let context = json!({"name": "log", "label": "app.log", "bytes": 64 * 65_536});
    assert_eq!(ended["contexts"], json!([context]));
    ask("up-00000000-0000-0000-0000-000000000007").await.is(404, "not_found");
    ask("../../etc").await.is(404, "not_found");

    let uploads = node.dir.path().join("uploads");
    assert_eq!(files(&uploads).iter().filter(|f| f.ends_with("app.log")).count(), 1);
    let erase = node.url(&format!("/api/v1/workflows/{id}?erase=true"));
    assert_eq!(node.send(node.http.delete(erase)).await.status, 200);
    assert_eq!(files(&uploads), Vec::<String>::new());
    ask(&upload).await.is(404, "not_found");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_are_too_large_broken_or_misnamed_leave_nothing() {
    let options = Options { max_upload_bytes: 100_000, upload_idle_ms: 50, ..Options::default() };
    let node = node(Setup { options, ..Setup::default() }).await;
    let put = |name: &str, body: reqwest::Body| {
        let path = format!("/api/v1/uploads/{name}");
        node.send(node.http.put(node.url(&path)).body(body))
    };
    put("a.log", vec![b'x'; 100_001].into()).await.is(413, "too_large");
    put("a.log", pieces(2)).await.is(413, "too_large");
    let silent = stream::pending::<Result<Vec<u8>, std::io::Error>>();
    put("a.log", reqwest::Body::wrap_stream(silent)).await.is(504, "timeout");
    for name in ["..%2Fa", ".hidden", "a%00b", "a%2Fb", &"x".repeat(200)] {
        put(name, "x".into()).await.is(400, "invalid");
    }
    assert_eq!(files(&node.dir.path().join("uploads")), Vec::<String>::new());

    let made = put("a.log", "x".into()).await;
    let id = made.body["upload"].as_str().expect("an id").to_owned();
    let remove = || {
        let path = node.url(&format!("/api/v1/uploads/{id}"));
        node.send(node.http.delete(path))
    };
    assert_eq!(remove().await.status, 204);
    remove().await.is(404, "not_found");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_its_tenants_own() {
    let node = node(Setup::default()).await;
    let (_, acme) = node.keys.create("acme", "acme").await.expect("a key");
    let (_, other) = node.keys.create("other", "other").await.expect("a key");
    let request = node.http.put(node.url("/api/v1/uploads/app.log"));
    let made = node.send(request.bearer_auth(acme.expose()).body("ERROR x\n")).await;
    let body = json!({"intent": "x", "context": {"log": {"upload": made.body["upload"]}}});
    let request = node.http.post(node.url("/api/v1/intents")).bearer_auth(other.expose());
    node.send(request.json(&body)).await.is(404, "not_found");
    let request = node.http.post(node.url("/api/v1/intents")).bearer_auth(acme.expose());
    assert_eq!(node.send(request.json(&body)).await.status, 201);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_folder_takes_none() {
    let node = node(Setup { script: hanging(), no_uploads: true, ..Setup::default() }).await;
    let answer = node.send(node.http.put(node.url("/api/v1/uploads/a.log")).body("x")).await;
    answer.is(501, "unsupported");
    assert_ne!(answer.body["what_to_do"], Value::Null);
    node.stop().await;
}
