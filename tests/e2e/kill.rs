//! kill -9 at fifty random moments: nothing acknowledged is lost, nothing recorded is asked for
//! again, no effect takes place twice.

use crate::support::{Node, answer, client};
use autoos_kernel::rng::{Rng as _, Seeded};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, time::Duration};

const KILLS: u64 = 50;

/// Two calls in parallel, an effect that adds a line to a file, then the answer.
fn plan(file: &Path) -> Value {
    let ask = |id: &str, after: Value| {
        json!({"id": id, "work": {"ask": {"role": "executor", "instruction": format!("work {id}")}},
               "after": after, "retry": {"attempts": 10, "base_ms": 1, "cap_ms": 5}})
    };
    json!({"name": "kill", "result": "answer", "steps": [
        ask("left", json!([])),
        ask("right", json!([])),
        {"id": "effect", "after": ["left", "right"], "limits": {"timeout_ms": 500},
         "work": {"tool": {"name": "fs.write", "args": {
            "path": file.display().to_string(), "text": "once\n", "mode": "append"}}}},
        ask("answer", json!(["effect"])),
    ]})
}

fn config(dir: &Path) {
    let script = json!({"rule": [{"role": "executor", "answer": {"text": "done", "delay_ms": 3}}]});
    std::fs::write(dir.join("script.json"), script.to_string()).expect("written");
    let text = format!(
        "[fabric.providers.scripted]\nkind = \"scripted\"\nscript = {:?}\nledger = {:?}\n\
         models = [{{ id = \"default\" }}]\n[fabric.roles]\nexecutor = [\"scripted/default\"]\n",
        dir.join("script.json"),
        dir.join("ledger")
    );
    std::fs::write(dir.join("config.toml"), text).expect("written");
}

#[tokio::test]
async fn fifty_kills_lose_nothing_and_repeat_nothing() {
    let seed = std::env::var("AUTOOS_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(7);
    eprintln!("repeat with AUTOOS_TEST_SEED={seed}");
    let mut rng = Seeded(seed);
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("out");
    std::fs::create_dir(&out).expect("made");
    config(dir.path());
    let config = dir.path().join("config.toml").display().to_string();
    let arguments = ["--config", &config, "--write-root", &out.display().to_string()];
    let mut accepted = BTreeMap::new();
    for round in 0..KILLS {
        let node = Node::start(dir.path(), &arguments);
        let wait = Duration::from_millis(rng.up_to(250));
        let submit = async {
            for n in 0.. {
                let key = format!("{round}-{n}");
                let body = json!({
                    "intent": format!("work {key}"), "idempotency_key": key, "risk": "low",
                    "plan": plan(&out.join(&key)),
                });
                let request = client().post(format!("{}/api/v1/intents", node.url)).json(&body);
                // The node may be gone by now; only what it acknowledged counts.
                let Ok(answer) = request.send().await else { return };
                let Ok(made) = answer.json::<Value>().await else { return };
                let id = made["workflow_id"].as_str().unwrap_or_else(|| panic!("{made}"));
                accepted.insert(key, id.to_owned());
                tokio::task::yield_now().await;
                if n >= 5 {
                    std::future::pending::<()>().await;
                }
            }
        };
        // The time to the kill is what is random; nothing is waited for.
        let _ = tokio::time::timeout(wait, submit).await;
        node.kill();
    }
    let node = Node::start(dir.path(), &arguments);
    assert!(accepted.len() as u64 > KILLS, "only {} were accepted", accepted.len());
    let mut states: BTreeMap<String, u32> = BTreeMap::new();
    let ledger = std::fs::read_to_string(dir.path().join("ledger")).unwrap_or_default();
    for (key, id) in &accepted {
        let view = node.until(id, &["completed", "failed", "escalated", "cancelled"]).await;
        *states.entry(view["state"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        assert_eq!(view["state"], "completed", "{key}: {view:#}");
        let text = std::fs::read_to_string(out.join(key)).unwrap_or_default();
        assert_eq!(text, "once\n", "{key}: the effect took place once");
        let (_, audit) =
            answer(client().get(format!("{}/api/v1/workflows/{id}/audit", node.url))).await;
        let audit = audit.to_string();
        assert_eq!(audit.matches("\"kind\":\"attempt_completed\"").count(), 4, "{key}: {audit}");
        for step in ["left", "right", "answer"] {
            let called = ledger.lines().filter(|l| l.contains(&format!("{id}/{step}/"))).count();
            let started = view["steps"].as_array().and_then(|s| s.iter().find(|s| s["id"] == step));
            let started = started.and_then(|s| s["attempts"].as_array()).map_or(0, Vec::len);
            assert!(called <= started, "{key} {step}: {called} calls for {started} attempts");
        }
    }
    eprintln!("{} workflows over {KILLS} kills: {states:?}", accepted.len());
}
