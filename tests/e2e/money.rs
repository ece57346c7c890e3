//! Limits hold: with many clients at once, and whenever the node is killed. What counts is the
//! ledger of the one who was really called.

use crate::support::{Node, answer, autoos, client, finish};
use autoos_kernel::rng::{Rng as _, Seeded};
use futures::future::join_all;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

const KILLS: u64 = 15;
/// Clients that submit at once.
const CLIENTS: u64 = 6;

fn config(dir: &Path, limits: &str) -> String {
    let script = json!({"rule": [{"role": "executor", "answer": {"text": "done", "delay_ms": 3}}]});
    std::fs::write(dir.join("script.json"), script.to_string()).expect("written");
    let text = format!(
        "[fabric.providers.scripted]\nkind = \"scripted\"\nscript = {:?}\nledger = {:?}\n\
         models = [{{ id = \"default\", price = {{ input = 1000000, output = 1000000 }} }}]\n\
         [fabric.roles]\nexecutor = [\"scripted/default\"]\n{limits}",
        dir.join("script.json"),
        dir.join("ledger")
    );
    let path = dir.join("config.toml");
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

fn plan(steps: Value) -> Value {
    json!({"name": "money", "result": "answer", "steps": steps})
}

fn ask(id: &str, after: Value) -> Value {
    json!({"id": id, "work": {"ask": {"role": "executor", "instruction": format!("work {id}")}},
           "after": after, "retry": {"attempts": 4, "base_ms": 1, "cap_ms": 5}})
}

async fn account(node: &Node, path: &str) -> Value {
    let (status, account) = node.get(path).await;
    assert_eq!(status, 200, "{account}");
    account
}

/// The account once nothing is granted any more; settlement follows the end of a workflow.
async fn settled(node: &Node, path: &str) -> Value {
    let last = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let account = account(node, path).await;
        if account["granted_microusd"] == 0 {
            return account;
        }
        assert!(std::time::Instant::now() < last, "never settled: {account}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn fifty_clients_at_once_over_a_limit_for_ten() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = config(dir.path(), "");
    let node = Node::start(dir.path(), &["--config", &config]);
    let cli = |words: &[&str]| {
        let (code, out, err) = finish(autoos(dir.path()).args(words));
        assert_eq!(code, 0, "{words:?}: {out} {err}");
        out
    };
    cli(&["account", "set", "--limit", "2.15"]);
    let body = |key: &str| {
        let wait = json!({"id": "first", "work": {"wait": {"ms": 3_600_000}}});
        let steps = plan(json!([wait, ask("answer", json!(["first"]))]));
        json!({"intent": "work", "idempotency_key": key, "risk": "low", "budget_usd": 0.2,
               "plan": steps})
    };
    let all = (0..50).map(|n| {
        let request = client().post(format!("{}/api/v1/intents", node.url));
        answer(request.json(&body(&format!("{n}"))))
    });
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for (status, made) in join_all(all).await {
        match status {
            201 => accepted.push(made["workflow_id"].as_str().expect("an id").to_owned()),
            402 => {
                assert_eq!(made["code"], "over_limit", "{made}");
                refused += 1;
            }
            _ => panic!("{status}: {made}"),
        }
    }
    assert_eq!((accepted.len(), refused), (10, 40));
    let shown = cli(&["account", "show"]);
    assert!(shown.contains("left      $0.15"), "{shown}");
    assert!(shown.contains("granted   $2 to 10 workflows"), "{shown}");
    for id in &accepted {
        let (status, _) = node.post(&format!("/api/v1/workflows/{id}/cancel"), &json!({})).await;
        assert_eq!(status, 200);
    }
    let path = "/api/v1/accounts/default";
    assert_eq!(settled(&node, path).await["left_microusd"], 2_150_000);
    let (status, made) = node.post("/api/v1/intents", &body("more")).await;
    assert_eq!(status, 201, "{made}");
    cli(&["account", "set", "--limit", "none"]);
    assert!(cli(&["account", "list"]).contains("no limit"));
    node.stop();
}

#[tokio::test]
async fn no_kill_lets_more_be_spent_than_the_limits() {
    let seed = std::env::var("AUTOOS_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(7);
    eprintln!("repeat with AUTOOS_TEST_SEED={seed}");
    let mut rng = Seeded(seed);
    let dir = tempfile::tempdir().expect("a folder");
    let limits = "[[accounts.limits]]\ntenant = \"default\"\nusd = 0.4\n\
                  [[accounts.limits]]\ntenant = \"default\"\nuser = \"ann\"\nusd = 0.25\nper = \"day\"\n";
    let config = config(dir.path(), limits);
    let arguments = ["--config", &config];
    let steps = plan(json!([
        ask("left", json!([])),
        ask("right", json!([])),
        ask("answer", json!(["left", "right"])),
    ]));
    let (accepted, refused) = (Mutex::new(Vec::new()), AtomicU32::new(0));
    for round in 0..KILLS {
        let node = Node::start(dir.path(), &arguments);
        let url = format!("{}/api/v1/intents", node.url);
        let (answers, http) = (Semaphore::new(0), client());
        let submit = async |who: u64| {
            for n in 0.. {
                let key = format!("{round}-{who}-{n}");
                let user = if who.is_multiple_of(2) { "ann" } else { "bob" };
                let body = json!({"intent": "work", "user_id": user, "idempotency_key": key,
                                  "risk": "low", "budget_usd": 0.15, "plan": steps});
                // The node may be gone by now; only what it acknowledged counts.
                let Ok(answer) = http.post(&url).json(&body).send().await else { return };
                let status = answer.status().as_u16();
                let Ok(made) = answer.json::<Value>().await else { return };
                match (status, made["workflow_id"].as_str()) {
                    (201, Some(id)) => accepted.lock().expect("whole").push(id.to_owned()),
                    (402, _) => drop(refused.fetch_add(1, Ordering::Relaxed)),
                    _ => panic!("{status}: {made}"),
                }
                answers.add_permits(1);
            }
        };
        // After so many answers, and then at any moment.
        let kill = async {
            let enough = u32::try_from(1 + rng.up_to(60)).expect("a small number");
            let _ = answers.acquire_many(enough).await.expect("it is open");
            tokio::time::sleep(Duration::from_millis(rng.up_to(20))).await;
        };
        tokio::select! {
            () = kill => {}
            _ = join_all((0..CLIENTS).map(submit)) => panic!("the node went away by itself"),
        }
        node.kill();
    }
    let accepted = accepted.into_inner().expect("whole");
    let refused = refused.into_inner();
    let node = Node::start(dir.path(), &arguments);
    let mut states: BTreeMap<String, u32> = BTreeMap::new();
    let (mut page, mut ids) = (String::new(), Vec::new());
    loop {
        let (_, list) = node.get(&format!("/api/v1/workflows?limit=500{page}")).await;
        let items = list["items"].as_array().expect("a list");
        ids.extend(items.iter().filter_map(|row| row["id"].as_str()).map(str::to_owned));
        match list["next"].as_str() {
            Some(next) => page = format!("&page_token={next}"),
            None if list["complete"] == true => break,
            None => {
                (page, ids) = (String::new(), Vec::new());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    assert!(accepted.iter().all(|id| ids.contains(id)), "nothing acknowledged is lost");
    for id in &ids {
        let view = node.until(id, &["completed", "failed", "escalated", "cancelled"]).await;
        let state = view["state"].as_str().unwrap_or_default().to_owned();
        if state == "escalated" {
            // It would hold its grant until someone answers.
            node.post(&format!("/api/v1/workflows/{id}/cancel"), &json!({})).await;
            node.until(id, &["failed", "cancelled"]).await;
        }
        *states.entry(state).or_default() += 1;
    }
    let tenant = settled(&node, "/api/v1/accounts/default").await;
    let ann = settled(&node, "/api/v1/accounts/default?user=ann").await;
    let ledger = std::fs::read_to_string(dir.path().join("ledger")).expect("it was called");
    let called: u64 = ledger
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is whole"))
        .map(|call| call["cost_microusd"].as_u64().expect("a cost"))
        .sum();
    let ever = tenant["ever_microusd"].as_u64().expect("an amount");
    assert!(called > 0 && called <= ever, "{called} were charged, {ever} are known of");
    assert!(ever <= 400_000, "{tenant}");
    assert!(ann["ever_microusd"].as_u64().is_some_and(|ann| ann <= 250_000 && ann <= ever));
    // The bill says the same as the accounts.
    let (_, bill) = node.get("/api/v1/costs?by=tenant,user").await;
    let lines = bill["lines"].as_array().expect("lines");
    let sum = |lines: &mut dyn Iterator<Item = &Value>| -> u64 {
        lines.filter_map(|line| line["cost_microusd"].as_u64()).sum()
    };
    assert_eq!(sum(&mut lines.iter()), ever, "{bill}");
    let anns = sum(&mut lines.iter().filter(|line| line["keys"][1] == "ann"));
    assert_eq!(Some(anns), ann["ever_microusd"].as_u64(), "{bill}");
    eprintln!(
        "{} workflows over {KILLS} kills, {refused} refused: {states:?}; {called} charged of \
         {ever} known of and 400000 allowed",
        ids.len()
    );
    node.stop();
}
