//! What programs read: with `--output json` every command prints one JSON document, or one in each
//! line where it streams, and every error is one too, with its code and what to do.

use crate::support::{Node, autoos, finish, samples};
use serde_json::Value;
use std::path::Path;

/// The exit code and standard output as JSON: a document, or one for each line.
fn run(dir: &Path, arguments: &[&str]) -> (i32, Value) {
    let (code, out, err) = finish(autoos(dir).args(arguments).args(["--output", "json"]));
    let lines = || out.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
    let value = serde_json::from_str(&out).or_else(|_| lines().map(Value::from));
    let value = value.unwrap_or_else(|why| panic!("{arguments:?}: {why}\n{out}\n{err}"));
    (code, value)
}

/// The error of a command that fails: the last line of standard error, and nothing on the other.
fn fails(dir: &Path, arguments: &[&str]) -> (i32, Value) {
    let (code, out, err) = finish(autoos(dir).args(arguments).args(["--output", "json"]));
    assert_eq!(out, "", "{arguments:?}");
    let last = err.lines().last().unwrap_or_default();
    let error: Value = serde_json::from_str(last)
        .unwrap_or_else(|why| panic!("{arguments:?} ended with {code}: {why}\n{err}"));
    let error = error["error"].clone();
    for field in ["code", "sentence", "what_to_do"] {
        let text = error[field].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{arguments:?} has no {field}: {error}");
    }
    (code, error)
}

#[test]
fn every_command_prints_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let log = format!("log=@{}", samples().join("system.log").display());
    let at = |name: &str| dir.join(name).display().to_string();
    let plan = at("plan.toml");
    let intent = "Analyze the system logs and identify errors";

    let (code, planned) = run(dir, &["plan", intent, "--context", &log, "-o", &plan]);
    assert_eq!((code, planned["plan"]["steps"].is_array()), (0, true));
    let (code, view) = run(dir, &["run", intent, "--context", &log]);
    assert_eq!((code, &view["state"]), (0, &"completed".into()));
    let id = view["id"].as_str().expect("an id").to_owned();
    let (code, view) = run(dir, &["apply", &plan, "--context", &log]);
    assert_eq!((code, &view["state"]), (0, &"completed".into()));
    let (code, asked) = run(dir, &["run", "Analyze the logs"]);
    assert_eq!((code, &asked["state"]), (4, &"escalated".into()));
    let waits = asked["id"].as_str().expect("an id").to_owned();

    for arguments in [
        &["workflow", "list", "--state", "completed,escalated", "--since", "1h"][..],
        &["workflow", "show", &id],
        &["workflow", "watch", &id],
        &["why", &id],
        &["why", &id, "1"],
        &["workflow", "diff", &id, &waits],
        &["workflow", "fork", &id, "--at", "4"],
        &["workflow", "fork", &id, "--at", "4", "--no-wait"],
        &["lesson", "list"],
        &["audit", "show", &id],
        &["audit", "verify", &id],
        &["audit", "key"],
        &["audit", "verify", "--all"],
        &["audit", "export", &id, "-o", &at("case.jsonl")],
        &["audit", "export", "--all", "--texts", "-o", &at("all.jsonl")],
        &["audit", "verify", &at("case.jsonl")],
        &["audit", "verify", &at("all.jsonl")],
        &["workflow", "show", &id, "--svg", &at("picture.svg")],
        &["escalation", "list"],
        &["escalation", "show", &waits],
        &["cost", "--by", "tenant,user,model,day"],
        &["provider", "list"],
        &["tool", "list"],
        &["tool", "describe", "fs.read"],
        &["tool", "call", "text.summarize", "--args", r#"{"text": "One. Two."}"#],
        &["completions", "bash"],
        &["doctor"],
        &["backup", "create", &at("copy")],
        &["backup", "verify", &at("copy")],
        &["backup", "restore", &at("copy"), &at("restored")],
        &["intent", "submit", "x"],
        &["workflow", "cancel", &waits],
        &["workflow", "delete", &id],
        &["key", "create", "one"],
        &["key", "list"],
    ] {
        let (code, value) = run(dir, arguments);
        assert_eq!(code, 0, "{arguments:?}: {value}");
        assert!(value.is_object() || value.is_array(), "{arguments:?}: {value}");
    }
    let (_, list) = run(dir, &["workflow", "list", "--limit", "1"]);
    let next = list["next"].as_str().expect("more");
    let (_, page) = run(dir, &["workflow", "list", "--limit", "1", "--page", next]);
    assert_ne!(page["items"][0]["id"], list["items"][0]["id"]);
}

#[test]
fn every_error_is_json_with_a_code_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let missing = "wf-00000000-0000-7000-8000-000000000000";
    let empty = dir.join("empty");
    std::fs::write(&empty, "").expect("written");
    let empty = empty.display().to_string();
    let list = dir.join("list.json");
    std::fs::write(&list, "[1]").expect("written");
    let list = list.display().to_string();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["run"], 2, "usage"),
        (&["fly"], 2, "usage"),
        (&["run", "x", "--risk", "none"], 2, "usage"),
        (&["run", "x", "--context", "nothing"], 2, "usage"),
        (&["workflow", "show", "42"], 2, "usage"),
        (&["top", "--interval", "0"], 2, "usage"),
        (&["top"], 1, "no_node"),
        (&["run", ""], 1, "invalid"),
        (&["run", "x", "--deadline", "0"], 2, "usage"),
        (&["run", "x", "--budget=-1"], 2, "usage"),
        (&["run", "x", "--budget", "nan"], 2, "usage"),
        (&["run", "x", "--budget", "1e300"], 1, "invalid"),
        (&["--log", "=[", "run", "x"], 1, "usage"),
        (&["apply", &list], 1, "malformed"),
        (&["run", "x", "--context", "log=@/no/such/file"], 1, "not_found"),
        (&["apply", "/no/such/plan.toml"], 1, "not_found"),
        (&["apply", &empty], 1, "malformed"),
        (&["--config", "/no/such.toml", "run", "x"], 1, "not_found"),
        (&["--node", "nonsense", "workflow", "list"], 1, "usage"),
        (&["--node", "http://127.0.0.1:1", "workflow", "list"], 1, "unreachable"),
        (&["workflow", "show", missing], 1, "not_found"),
        (&["workflow", "list", "--state", "happy"], 1, "invalid"),
        (&["workflow", "list", "--limit", "0"], 1, "invalid"),
        (&["workflow", "list", "--since", "99999999999999d"], 1, "usage"),
        (&["workflow", "list", "--page", "?&#"], 1, "invalid"),
        (&["escalation", "resolve", missing, "retry"], 1, "not_found"),
        (&["escalation", "resolve", missing, "edit"], 1, "usage"),
        (&["escalation", "resolve", missing, "retry", "--value", "1"], 1, "usage"),
        (&["escalation", "resolve", missing, "retry", "--number", "-1"], 2, "usage"),
        (&["escalation", "resolve", missing, "raise"], 1, "usage"),
        (&["escalation", "resolve", missing, "raise", "--budget", "0"], 1, "usage"),
        (&["escalation", "resolve", missing, "retry", "--budget", "1"], 1, "usage"),
        (&["why", missing], 1, "not_found"),
        (&["why", "42"], 2, "usage"),
        (&["workflow", "fork", missing, "--at", "3"], 1, "not_found"),
        (&["workflow", "fork", missing, "--at", "0"], 2, "usage"),
        (&["workflow", "diff", missing, missing], 1, "not_found"),
        (&["lesson", "revert", "7"], 1, "not_found"),
        (&["cost", "--by", "weather"], 2, "usage"),
        (&["cost", "--by", "user,user"], 1, "invalid"),
        (&["tool", "call", "no.tool"], 1, "not_found"),
        (&["tool", "call", "fs.read", "--args", "{"], 1, "malformed"),
        (&["tool", "describe", "no.tool"], 1, "not_found"),
        (&["key", "revoke", "../x"], 1, "not_found"),
        (&["key", "create", ""], 1, "invalid"),
        (&["backup", "create", "/proc/no/such"], 1, "backup_failed"),
        (&["backup", "restore", "/no/such", &empty], 1, "exists"),
        (&["backup", "verify", "/no/such"], 1, "invalid"),
        (&["serve", "--listen", "0.0.0.0:0"], 1, "open_to_all"),
    ];
    for (arguments, wanted, code) in cases {
        let (exit, error) = fails(dir, arguments);
        let found = (exit, error["code"].as_str().unwrap_or_default());
        assert_eq!(found, (*wanted, *code), "{arguments:?}: {error}");
    }
}

#[tokio::test]
async fn a_backup_goes_through_the_node_that_runs_and_lost_keys_lock_nobody_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let node = Node::start(dir, &[]);
    let (code, made) = run(dir, &["run", "Analyze the logs"]);
    assert_eq!(code, 4, "{made}");
    let copy = dir.join("copy").display().to_string();
    let (code, backup) = run(dir, &["backup", "create", &copy]);
    assert_eq!((code, backup["target"].as_str()), (0, Some(&*copy)));
    let (code, verified) = run(dir, &["backup", "verify", &copy]);
    assert_eq!((code, &verified["events"]), (0, &backup["events"]));
    assert!(backup["events"].as_u64().is_some_and(|events| events > 2), "{backup}");

    let (_, look) = run(dir, &["top", "--count", "1"]);
    assert_eq!((&look["status"], &look["workflows"]["escalated"]), (&"ok".into(), &1.into()));
    let (code, health) = run(dir, &["doctor"]);
    assert_eq!((code, &health["ok"]), (0, &true.into()), "{health}");

    // The node goes on, and whoever can read its directory makes the next key.
    let (_, key) = run(dir, &["key", "create", "one"]);
    let (code, _) = run(dir, &["key", "revoke", key["key"]["id"].as_str().expect("an id")]);
    assert_eq!(code, 0);
    assert_eq!(node.get("/api/v1/workflows").await.0, 401);
    let (code, next) = run(dir, &["key", "create", "two"]);
    assert_eq!((code, next["secret"].is_string()), (0, true));
    let wrong = ["--api-key", "aos_wrong", "workflow", "list"];
    assert_eq!(fails(dir, &wrong).1["code"], "unauthenticated");
}
