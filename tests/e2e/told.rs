//! What is told of work while it goes wrong: the log at its finest level, metrics, health and the
//! files of the data directory, none of which may hold a prompt, an answer or a key. The vendor
//! repeats all of them in its errors.

use crate::support::{Node, autoos, client};
use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::any,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// In the intent, in its context, in the vendor's answer and in the key for it.
const CANARIES: [&str; 4] =
    ["canary-of-the-intent", "canary-of-the-context", "canary-of-the-answer", "canary-of-the-key"];

/// A vendor that fails in another way each time and repeats what it got. Says where it listens.
async fn vendor() -> (String, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let answer = move |headers: HeaderMap, body: String| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        async move {
            let echo = format!("{body}\n{headers:?}\n{}", CANARIES[2]);
            match n % 4 {
                0 => (StatusCode::INTERNAL_SERVER_ERROR, echo),
                1 => (StatusCode::BAD_REQUEST, json!({"error": {"message": echo}}).to_string()),
                2 => (StatusCode::OK, echo),
                _ => {
                    let message = json!({"role": "assistant", "content": CANARIES[2]});
                    let choices =
                        json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
                    (StatusCode::OK, json!({"choices": choices}).to_string())
                }
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let app = Router::new().fallback(any(answer));
    tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
    (format!("http://{address}/v1"), calls)
}

fn configure(dir: &Path, vendor: &str) -> String {
    let crash = json!({"rule": [{"answer": {"panic": true}}]});
    fs::write(dir.join("script.json"), crash.to_string()).expect("written");
    let text = format!(
        "[fabric.providers.house]\nkind = \"openai_compatible\"\nbase_url = {vendor:?}\n\
         api_key = \"env:HOUSE_KEY\"\nmodels = [{{ id = \"m\", context_tokens = 8192 }}]\n\
         [fabric.providers.crash]\nkind = \"scripted\"\nscript = {:?}\n\
         models = [{{ id = \"m\" }}]\n\
         [fabric.roles]\nexecutor = [\"house/m\", \"crash/m\"]\n",
        dir.join("script.json"),
    );
    let path = dir.join("config.toml");
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

fn intent() -> Value {
    json!({"intent": CANARIES[0], "risk": "low", "budget_usd": 1.0,
        "context": {"note": CANARIES[1]},
        "plan": {"name": "told", "result": "ask", "steps": [
            {"id": "ask", "inputs": {"note": {"context": "note"}},
             "retry": {"attempts": 6, "base_ms": 5, "cap_ms": 20},
             "limits": {"prompt_tokens": 1_000, "output_tokens": 200, "timeout_ms": 10_000},
             "work": {"ask": {"role": "executor", "instruction": CANARIES[0],
                              "schema": {"type": "object", "required": ["it"]}}}}]}})
}

/// Every file below a folder.
fn files(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder").flatten() {
        if entry.path().is_dir() { files(&entry.path(), found) } else { found.push(entry.path()) }
    }
}

fn is_clean(text: &str, what: &str) {
    for canary in CANARIES {
        let at = text.find(canary).map(|at| {
            let begin = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            text[begin..].chars().take(400).collect::<String>()
        });
        assert_eq!(at, None, "{canary} is in {what}");
    }
}

#[tokio::test]
async fn whatever_goes_wrong_no_prompt_and_no_key_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let (vendor, calls) = vendor().await;
    let log = dir.path().join("log");
    let mut command = autoos(dir.path());
    command
        .args(["--config", &configure(dir.path(), &vendor)])
        .args(["--log", "trace", "--log-format", "json"])
        .env("HOUSE_KEY", CANARIES[3])
        .stderr(fs::File::create(&log).expect("made"));
    let node = Node::serve(command, &[]);
    let (status, made) = node.post("/api/v1/intents", &intent()).await;
    assert_eq!(status, 201, "{made}");
    let id = made["workflow_id"].as_str().expect("an id").to_owned();
    let view = node.until(&id, &["escalated", "failed", "completed"]).await;
    assert!(calls.load(Ordering::Relaxed) >= 2, "{view:#}");
    for path in ["/metrics", "/health", "/api/v1/providers", "/openapi.json"] {
        let told = client().get(format!("{}{path}", node.url)).send().await.expect("answers");
        is_clean(&told.text().await.expect("text"), path);
    }
    // The level is turned while it runs, and what was logged before stays.
    let (code, said, err) =
        crate::support::finish(autoos(dir.path()).args(["log", "level", "error"]));
    assert_eq!((code, said.trim()), (0, "error"), "{err}");
    let before = fs::read_to_string(&log).expect("a log");
    node.get("/api/v1/workflows").await;
    let after = fs::read_to_string(&log).expect("a log");
    let quiet = after[before.len()..].lines().filter(|line| line.contains("/api/v1/workflows"));
    assert_eq!(quiet.count(), 0, "it logs no requests any more");
    node.stop();

    let log = fs::read_to_string(&log).expect("a log");
    is_clean(&log, "the log");
    let mut said = Vec::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        for field in ["time", "level", "target", "message"] {
            assert!(line[field].is_string(), "{line}");
        }
        said.push(line);
    }
    let has = |message: &str, field: &str| {
        said.iter().any(|line| line["message"] == message && !line[field].is_null())
    };
    assert!(has("request", "request_id"), "requests are logged");
    assert!(has("a thread panicked", "location"), "a crash is logged");
    for line in &said {
        let own = line["target"].as_str().is_some_and(|target| target.starts_with("autoos"));
        let message = line["message"].as_str().unwrap_or_default();
        assert!(own || message.is_empty() || message.starts_with("<text, "), "{line}");
    }
    let mut kept = Vec::new();
    files(&dir.path().join("data"), &mut kept);
    assert!(kept.len() > 3);
    for file in kept {
        let bytes = fs::read(&file).expect("a file");
        is_clean(&String::from_utf8_lossy(&bytes), &file.display().to_string());
    }
}
