//! Watching a node: what goes wrong is counted by name, Prometheus' own tool is content with all of
//! it, and dashboards and alerts name nothing that is not there.

use crate::support::{Node, client};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Steps that meet a limit, silence, a refused key, a veto and a tool that fails, one after another.
fn plan(missing: &Path) -> Value {
    let retry = json!({"attempts": 4, "base_ms": 5, "cap_ms": 20});
    let limits = json!({"prompt_tokens": 1_000, "output_tokens": 300, "timeout_ms": 20_000});
    let ask = |id: &str, role: &str, after: &[&str]| {
        json!({"id": id, "inputs": {"order": {"context": "order"}}, "after": after, "retry": retry,
               "limits": limits, "work": {"ask": {"role": role, "instruction": format!("[{id}]")}}})
    };
    json!({"name": "watched", "result": "answer", "steps": [
        ask("limited", "executor", &[]),
        ask("silent", "executor", &["limited"]),
        ask("judged", "verifier", &["silent"]),
        ask("refused", "executor", &["judged"]),
        {"id": "read", "after": ["refused"], "retry": retry, "work": {"tool": {
            "name": "fs.read", "args": {"path": missing.display().to_string()}}}},
        ask("answer", "synthesizer", &["read"]),
    ]})
}

fn configure(dir: &Path) -> String {
    let verdict = |supported: bool| {
        json!({"value": {"supported": supported, "confidence": 0.95, "method": "read",
               "problems": if supported { json!([]) } else { json!(["it is not so"]) }}})
    };
    let once = |step: &str, answer: Value| json!({"contains": step, "times": 1, "answer": answer});
    let script = json!({"rule": [
        {"role": "planner", "answer": {"value": plan(&dir.join("missing.txt"))}},
        once("[limited]", json!({"fail": "rate_limit", "retry_after_ms": 10})),
        once("[silent]", json!({"hang": true})),
        {"contains": "[refused]", "complaint": false, "answer": {"fail": "auth"}},
        once("[judged]", verdict(false)),
        {"role": "verifier", "answer": verdict(true)},
        {"answer": {"text": "The order came to 1204 EUR."}},
    ]});
    fs::write(dir.join("script.json"), script.to_string()).expect("written");
    let mut text = String::new();
    for vendor in ["alpha", "beta"] {
        text.push_str(&format!(
            "[fabric.providers.{vendor}]\nkind = \"scripted\"\nscript = {:?}\n\
             models = [{{ id = \"m\", price = {{ input = 3000000, output = 15000000 }} }}]\n\
             timeouts = {{ first_token_ms = 3000, chunk_ms = 3000 }}\n",
            dir.join("script.json"),
        ));
    }
    text.push_str("[fabric.roles]\n");
    for role in ["planner", "executor", "verifier", "synthesizer"] {
        text.push_str(&format!("{role} = [\"alpha/m\", \"beta/m\"]\n"));
    }
    let path = dir.join("config.toml");
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

async fn scrape(node: &Node) -> String {
    let answer = client().get(format!("{}/metrics", node.url)).send().await.expect("it answers");
    answer.text().await.expect("text")
}

/// The sum of the series of a name that have all of these labels.
fn sum(text: &str, name: &str, labels: &[&str]) -> f64 {
    let fits = |line: &&str| {
        let behind = line.strip_prefix(name).unwrap_or("no");
        behind.starts_with(['{', ' ']) && labels.iter().all(|label| behind.contains(label))
    };
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
    text.lines().filter(fits).filter_map(value).sum()
}

#[tokio::test]
async fn what_goes_wrong_is_counted_and_watched() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path().display().to_string();
    let node = Node::start(dir.path(), &["--config", &configure(dir.path()), "--root", &root]);
    let body = json!({"intent": "Watch this", "risk": "low", "budget_usd": 1.0,
                      "context": {"order": "The order came to 1204 EUR."}});
    let (status, made) = node.post("/api/v1/intents", &body).await;
    assert_eq!(status, 201, "{made}");
    let id = made["workflow_id"].as_str().expect("an id").to_owned();
    let view = node.until(&id, &["escalated", "completed", "failed"]).await;
    assert_eq!(view["state"], "escalated", "{view:#}");
    let (_, lists) = node.get("/api/v1/workflows").await;
    assert_eq!(lists["items"][0]["state"], "escalated", "{lists}");
    let waiting = scrape(&node).await;
    assert_eq!(sum(&waiting, "autoos_workflows", &["state=\"escalated\""]), 1.0, "{waiting}");
    // A refused key keeps a provider out for fifteen seconds at least.
    assert_eq!(sum(&waiting, "autoos_provider_breaker_state", &["\"open\""]), 1.0, "{waiting}");
    let (status, said) =
        node.post(&format!("/api/v1/escalations/{id}/1/resolve"), &json!({"answer": "skip"})).await;
    assert!((200..300).contains(&status), "{status} {said}");
    node.until(&id, &["completed"]).await;
    // The views follow a moment behind; each look is a request, so nothing is waited for idly.
    let mut text = scrape(&node).await;
    while sum(&text, "autoos_workflows_ended_total", &[]) < 1.0 {
        text = scrape(&node).await;
    }
    counted(&text);
    promtool_is_content(&text);
    all_is_there(&text);
    node.stop();
}

/// What the run must have left, by name.
fn counted(text: &str) {
    for (name, labels, wanted) in [
        ("autoos_workflows_created_total", &[][..], 1.0),
        ("autoos_workflows_ended_total", &["state=\"completed\""], 1.0),
        ("autoos_workflow_duration_seconds_count", &[], 1.0),
        ("autoos_attempt_failures_total", &["exit=\"rate_limit\""], 1.0),
        ("autoos_attempt_failures_total", &["exit=\"timeout\""], 1.0),
        ("autoos_attempt_failures_total", &["exit=\"auth\""], 1.0),
        ("autoos_attempt_failures_total", &["exit=\"vetoed\""], 1.0),
        ("autoos_ladder_climbs_total", &["rung=\"retry\"", "reason=\"rate_limit\""], 1.0),
        ("autoos_ladder_climbs_total", &["rung=\"swap_llm\"", "reason=\"auth\""], 1.0),
        ("autoos_ladder_climbs_total", &["rung=\"escalate\""], 1.0),
        ("autoos_escalations_resolved_total", &["decision=\"skip\""], 1.0),
        ("autoos_model_errors_total", &["class=\"rate_limit\""], 1.0),
        ("autoos_model_errors_total", &["class=\"auth\""], 1.0),
        ("gen_ai_client_operation_duration_seconds_count", &["error_type=\"timeout\""], 1.0),
        ("autoos_detection_seconds_count", &["fault=\"silence\""], 1.0),
        ("autoos_detection_seconds_bucket", &["fault=\"silence\"", "le=\"2.0\""], 0.0),
        ("autoos_workflows_quarantined", &[], 0.0),
        ("autoos_journal_degraded", &[], 0.0),
        ("autoos_views_ready", &[], 1.0),
    ] {
        let found = sum(text, name, labels);
        // Each vendor plays its own script: a step that is tried at the other one to learn meets
        // the same once more.
        let met = if wanted > 0.0 { found >= wanted } else { found == 0.0 };
        assert!(met, "{name} {labels:?}: {found} in\n{text}");
    }
    for (name, labels) in [
        ("autoos_tool_calls_total", &["tool=\"fs.read\""][..]),
        ("autoos_tool_call_duration_seconds_count", &["tool=\"fs.read\""]),
        ("autoos_steps_total", &[]),
        ("autoos_tokens_total", &["direction=\"input\""]),
        ("autoos_cost_usd_total", &[]),
        ("autoos_model_cost_usd_total", &["model=\"beta/m\""]),
        ("autoos_model_reliability_ratio", &["model=\"alpha/m\""]),
        ("autoos_claims_total", &["verdict=\"supported\""]),
        ("autoos_answer_confidence_ratio_count", &[]),
        ("gen_ai_client_token_usage_sum", &["gen_ai_token_type=\"output\""]),
        ("gen_ai_client_operation_time_to_first_chunk_seconds_count", &[]),
        ("autoos_journal_append_seconds_count", &[]),
        ("autoos_journal_sync_seconds_sum", &[]),
        ("autoos_journal_batch_appends_count", &[]),
        ("autoos_journal_log_bytes", &[]),
        ("autoos_journal_disk_free_bytes", &[]),
        ("autoos_requests_total", &["route=\"/api/v1/intents\"", "status=\"201\""]),
        ("process_resident_memory_bytes", &[]),
        ("process_cpu_seconds_total", &[]),
    ] {
        assert!(sum(text, name, labels) > 0.0, "{name} {labels:?} in\n{text}");
    }
}

fn cluster() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cluster")
}

/// Prometheus' tool reads the metrics, the scrape file and the alerts, and plays the alerts' tests;
/// where it is not installed, that is said.
fn promtool_is_content(text: &str) {
    let promtool = |arguments: &[&str]| {
        let mut command = Command::new("promtool");
        command.args(arguments).current_dir(cluster());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().ok()?;
        let mut input = running.stdin.take().expect("piped");
        input.write_all(if arguments[1] == "metrics" { text.as_bytes() } else { b"" }).ok();
        drop(input);
        let ended = running.wait_with_output().expect("it ends");
        let said = [ended.stdout, ended.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(ended.status.success(), "promtool {arguments:?}: {said}");
        Some(said)
    };
    let Some(said) = promtool(&["check", "metrics"]) else {
        return eprintln!("promtool is not installed: metrics and alerts are not checked by it");
    };
    assert_eq!(said, "", "promtool finds something");
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["test", "rules", "alerts_test.yml"]);
}

/// Every metric that a dashboard or an alert names is one that the node announces.
fn all_is_there(text: &str) {
    let announced: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(announced.len() >= 60, "{announced:?}");
    let mut asked = Vec::new();
    let mut dashboards = 0;
    for entry in fs::read_dir(cluster().join("grafana")).expect("dashboards") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("text");
        let dashboard: Value = serde_json::from_str(&text).expect("JSON");
        asked.extend(expressions(&dashboard));
        dashboards += 1;
    }
    assert_eq!(dashboards, 3);
    let alerts = fs::read_to_string(cluster().join("alerts.yml")).expect("alerts");
    asked.push(alerts.lines().filter(|line| !line.trim_start().starts_with('#')).collect());
    let mut names = BTreeSet::new();
    for expression in &asked {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let own = |word: &&str| {
            let prefix =
                ["autoos_", "gen_ai_client_", "process_"].iter().any(|p| word.starts_with(p));
            prefix && word.len() > 8
        };
        names.extend(words.filter(own).map(str::to_owned));
    }
    assert!(names.len() >= 40, "{names:?}");
    for name in &names {
        let parts = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let there = announced.contains(&**name) || parts.is_some_and(|n| announced.contains(n));
        assert!(there, "{name} is asked for and nowhere announced");
    }
}

/// The queries of a dashboard, which must be one that Grafana can place.
fn expressions(dashboard: &Value) -> Vec<String> {
    for field in ["uid", "title", "schemaVersion", "templating", "time"] {
        assert!(!dashboard[field].is_null(), "{field} is missing");
    }
    let (mut ids, mut placed, mut expressions) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{panel} has another's id");
        let place = |side: &str| panel["gridPos"][side].as_u64().expect("a place");
        assert!(place("x") + place("w") <= 24, "{panel} hangs over");
        for (x, y) in (place("x")..place("x") + place("w"))
            .flat_map(|x| (place("y")..place("y") + place("h")).map(move |y| (x, y)))
        {
            assert!(placed.insert((x, y)), "{panel} lies on another");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(["timeseries", "stat", "heatmap"].map(Value::from).contains(&panel["type"]));
        assert_eq!(panel["datasource"]["uid"], "${datasource}");
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty());
        for target in targets {
            assert!(target["refId"].is_string());
            expressions.push(target["expr"].as_str().expect("a query").to_owned());
        }
    }
    expressions
}
