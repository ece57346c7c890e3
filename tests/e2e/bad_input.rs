//! Bad input: a clear error each, and a node that goes on.

use crate::support::{Node, answer, autoos, client, finish};
use serde_json::json;

#[tokio::test]
async fn a_node_says_what_is_wrong_and_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let node = Node::start(dir.path(), &[]);
    let url = format!("{}/api/v1/intents", node.url);
    let raw =
        |body: Vec<u8>| client().post(&url).header("content-type", "application/json").body(body);
    let cyclic = json!({"intent": "x", "plan": {"name": "x", "result": "a", "steps": [
        {"id": "a", "work": {"wait": {"ms": 1}}, "after": ["b"]},
        {"id": "b", "work": {"tool": {"name": "fs.list", "args": {"path": "/"}}}, "after": ["a"]},
    ]}});
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("empty intent", br#"{"intent": "  "}"#.to_vec()),
        ("no JSON", b"{".to_vec()),
        ("bad UTF-8", b"{\"intent\": \"\xff\xfe\"}".to_vec()),
        ("unknown field", br#"{"intent": "x", "intnet": 1}"#.to_vec()),
        (
            "deep",
            [b"{\"intent\": \"x\", \"context\": {\"a\": ".to_vec(), vec![b'['; 10_000]].concat(),
        ),
        ("5 MB", json!({"intent": "x ".repeat(2_500_000)}).to_string().into_bytes()),
        (
            "a file outside",
            br#"{"intent": "x", "context": {"a": {"file": "/etc/shadow"}}}"#.to_vec(),
        ),
        ("cyclic plan", cyclic.to_string().into_bytes()),
    ];
    for (name, body) in cases {
        let (status, said) = answer(raw(body)).await;
        assert!((400..500).contains(&status), "{name}: {status} {said}");
        assert!(said["detail"].as_str().or(said["title"].as_str()).is_some(), "{name}: {said}");
    }
    let (status, _) = node.get("/api/v1/workflows/wf-nonsense").await;
    assert!(status == 400 || status == 404);
    let (status, _) = node.get("/health").await;
    assert_eq!(status, 200);
}

#[test]
fn commands_say_what_is_wrong() {
    let dir = tempfile::tempdir().expect("a folder");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["run"], 2, "INTENT"),
        (&["run", "x", "--context", "log=@/no/such/file"], 1, "/no/such/file"),
        (&["run", ""], 1, "empty"),
        (&["apply", "/no/such/plan.toml"], 1, "/no/such/plan.toml"),
        (&["--config", "/no/such.toml", "run", "x"], 1, "/no/such.toml"),
        (&["workflow", "show", "wf-00000000-0000-7000-8000-000000000000"], 1, "no workflow"),
        (&["tool", "call", "no.tool"], 1, "no.tool"),
    ];
    for (arguments, wanted, word) in cases {
        let (code, out, err) = finish(autoos(dir.path()).args(*arguments));
        assert_eq!(code, *wanted, "{arguments:?}: {out}{err}");
        assert!(format!("{out}{err}").contains(word), "{arguments:?}: {out}{err}");
    }
}
