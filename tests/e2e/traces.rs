//! The trace of a run in which everything happens: a retry, another model, two plans anew, a human,
//! and a kill in the middle. What a collector gets is one tree, and the journal gives it again.

use crate::{
    collector::{Collector, Span, Tree, hex, text},
    support::{Node, autoos, client, finish},
};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT: &str = "b7ad6b7169203331";
const ORDERS: &str = "month,region,orders\nMarch,north,704\nMarch,south,500\nApril,north,690\n";

/// The orders are added up, a note is drafted, an archive is read that nobody may read, and an answer
/// is written.
fn plan(archive: &str) -> Value {
    let limits = json!({"timeout_ms": 60_000, "prompt_tokens": 2_000, "output_tokens": 300});
    let retry = json!({"attempts": 4, "base_ms": 10, "cap_ms": 20});
    json!({"name": "orders", "result": "answer",
        "intent": {"summary": "the orders of March", "task_kind": "table.report"},
        "steps": [
        {"id": "months", "work": {"tool": {"name": "table.query", "reads": {"context": "orders"},
            "args": {"group_by": ["month"],
                     "aggregate": [{"op": "sum", "column": "orders", "as": "orders"}]}}}},
        {"id": "draft", "inputs": {"months": {"step": {"id": "months"}}}, "limits": limits,
         "retry": retry, "work": {"ask": {"role": "executor", "instruction": "draft a note"}}},
        {"id": archive, "after": ["draft"],
         "work": {"tool": {"name": "fs.read", "args": {"path": format!("/srv/{archive}.txt")}}}},
        {"id": "answer", "inputs": {"months": {"step": {"id": "months"}},
            "old": {"step": {"id": archive}}}, "limits": limits, "retry": retry,
         "work": {"ask": {"role": "synthesizer", "instruction": "say how many"}}},
    ]})
}

/// Writes what the vendors say. A slow one never gets to the answer.
fn configure(dir: &Path, slow: bool, telemetry: &str) {
    let value = |value: Value| json!({"value": value});
    let plans = ["archive", "archive2", "archive3"]
        .map(|archive| json!({"role": "planner", "times": 1, "answer": value(plan(archive))}));
    let said = "March brought 1204 orders.";
    let answer = if slow { json!({"hang": true}) } else { json!({"text": said}) };
    let scripts = [
        ("mapper", json!({"rule": plans})),
        (
            "alpha",
            json!({"rule": [
                {"times": 1, "answer": {"fail": "server"}},
                {"answer": {"fail": "auth"}},
            ]}),
        ),
        (
            "beta",
            json!({"rule": [
                {"role": "synthesizer", "answer": answer},
                {"answer": {"text": said}},
            ]}),
        ),
    ];
    let mut config = telemetry.to_owned();
    for (vendor, script) in scripts {
        let path = dir.join(format!("{vendor}.json"));
        std::fs::write(&path, script.to_string()).expect("written");
        let quality = if vendor == "alpha" { 0.99 } else { 0.5 };
        config.push_str(&format!(
            "\n[fabric.providers.{vendor}]\nkind = \"scripted\"\nscript = {path:?}\n\
             models = [{{ id = \"m\", price = {{ input = 1000000, output = 5000000 }}, \
             quality = {{ general = {quality} }} }}]\n"
        ));
    }
    config.push_str(
        "\n[fabric.roles]\nplanner = [\"mapper/m\"]\nexecutor = [\"alpha/m\", \"beta/m\"]\n\
         synthesizer = [\"beta/m\"]\nverifier = [\"beta/m\"]\n",
    );
    std::fs::write(dir.join("autoos.toml"), config).expect("written");
}

fn node(dir: &Path) -> Node {
    Node::start(dir, &["--config", "autoos.toml"])
}

/// Stops a node while the collector in this process goes on.
async fn stop(node: Node) {
    tokio::task::spawn_blocking(move || node.stop()).await.expect("it ends");
}

async fn submit(node: &Node, flags: &str) -> String {
    let body = json!({"intent": "How many orders came in in March?", "risk": "low",
                      "context": {"orders": ORDERS}});
    let request = client()
        .post(format!("{}/api/v1/intents", node.url))
        .header("traceparent", format!("00-{TRACE}-{CLIENT}-{flags}"))
        .json(&body);
    let (status, made) = crate::support::answer(request).await;
    assert_eq!(status, 201, "{made}");
    made["workflow_id"].as_str().expect("an id").to_owned()
}

/// Waits for an attempt of a step to start.
async fn started(node: &Node, id: &str, step: &str) {
    let url = format!("{}/api/v1/workflows/{id}/events", node.url);
    let mut stream = client().get(url).send().await.expect("the node answers");
    let mut text = String::new();
    while let Some(piece) = stream.chunk().await.expect("the stream goes on") {
        text.push_str(&String::from_utf8_lossy(&piece));
        let begun = |line: &str| {
            line.contains("attempt_started") && line.contains(&format!("\"step\":\"{step}\""))
        };
        if text.lines().any(begun) {
            return;
        }
    }
    panic!("{step} never started: {text}");
}

fn has(spans: &[Span], name: &str) -> bool {
    spans.iter().any(|span| span.name() == name)
}

#[tokio::test]
async fn one_tree_of_a_run_in_which_everything_happens() {
    let collector = Collector::http().await;
    let dir = tempfile::tempdir().expect("a folder");
    let telemetry = format!("[telemetry]\nendpoint = {:?}\n", collector.url);
    configure(dir.path(), true, &telemetry);
    let node = self::node(dir.path());
    let id = submit(&node, "01").await;
    let view = node.until(&id, &["escalated", "failed", "completed"]).await;
    assert_eq!(view["state"], "escalated", "{view:#}");
    let resolve = format!("/api/v1/escalations/{id}/1/resolve");
    let (status, answer) = node.post(&resolve, &json!({"answer": "skip"})).await;
    assert_eq!(status, 200, "{answer}");
    started(&node, &id, "answer").await;
    collector.until(|spans| has(spans, "escalation")).await;
    node.kill();
    configure(dir.path(), false, &telemetry);
    let node = self::node(dir.path());
    let view = node.until(&id, &["completed", "failed"]).await;
    assert_eq!(view["state"], "completed", "{view:#}");
    let spans = collector.until(|spans| has(spans, "intent")).await;
    let tree = Tree::new(TRACE, spans);

    assert_tree(&tree);
    assert_said(&tree, &id);
    assert_links(&tree);
    assert_resource(&tree);

    // The journal gives the same again, to whom it is sent.
    let other = Collector::http().await;
    let mut export = autoos(dir.path());
    export.args(["trace", "export", &id, "--endpoint", &other.url, "--config", "autoos.toml"]);
    let (code, out, err) =
        tokio::task::spawn_blocking(move || finish(&mut export)).await.expect("it ends");
    assert_eq!(code, 0, "{out}{err}");
    let again = Tree::new(TRACE, other.until(|spans| has(spans, "intent")).await);
    let of = |tree: &Tree| {
        let mut spans: Vec<_> =
            tree.spans().filter(|s| s.is_structural()).map(|s| s.wire.clone()).collect();
        spans.sort_by(|a, b| a.span_id.cmp(&b.span_id));
        spans
    };
    assert_eq!(of(&tree), of(&again));
    stop(node).await;
}

/// What is below what.
fn assert_tree(tree: &Tree) {
    let request = tree.named("POST /api/v1/intents")[0];
    assert_eq!(hex(&request.wire.parent_span_id), CLIENT);
    let intent = tree.named("intent")[0];
    assert_eq!(tree.path(intent), "POST /api/v1/intents > intent");
    let run = tree.named("invoke_workflow")[0];
    assert_eq!(tree.path(run), "POST /api/v1/intents > intent > invoke_workflow");
    let appends = tree.named("journal append");
    assert!(appends.len() > 10, "{}", appends.len());
    let quiet = |path: &String| path != "journal append" && !path.contains("actor ");
    let paths: Vec<String> = tree.paths("invoke_workflow").into_iter().filter(quiet).collect();
    let mut wanted = vec![
        "step planning",
        "step planning > invoke_agent planner",
        "step planning > invoke_agent planner > chat m",
        "step months",
        "step months > invoke_agent executor",
        "step months > invoke_agent executor > execute_tool table.query",
        "step draft",
        "step draft > invoke_agent executor",
        "step draft > invoke_agent executor > chat m",
        "step draft > climb retry",
        "step draft > invoke_agent executor",
        "step draft > invoke_agent executor > chat m",
        "step draft > climb swap_llm",
        "step draft > invoke_agent executor",
        "step draft > invoke_agent executor > chat m",
        "step archive",
        "step archive > invoke_agent executor",
        "step archive > invoke_agent executor > execute_tool fs.read",
        "step archive > climb mutate_strategy",
        "step planning.2",
        "step planning.2 > invoke_agent planner",
        "step planning.2 > invoke_agent planner > chat m",
        "step archive2",
        "step archive2 > invoke_agent executor",
        "step archive2 > invoke_agent executor > execute_tool fs.read",
        "step archive2 > climb mutate_strategy",
        "step planning.3",
        "step planning.3 > invoke_agent planner",
        "step planning.3 > invoke_agent planner > chat m",
        "step archive3",
        "step archive3 > invoke_agent executor",
        "step archive3 > invoke_agent executor > execute_tool fs.read",
        "step archive3 > escalation",
        "step answer",
        // The call that was cut off by the kill could not be told of; its attempt is.
        "step answer > invoke_agent synthesizer",
        "step answer > climb replace_agent",
        "step answer > invoke_agent synthesizer",
        "step answer > invoke_agent synthesizer > chat m",
    ];
    wanted.sort_unstable();
    assert_eq!(paths, wanted);
}

/// What is said of them.
fn assert_said(tree: &Tree, id: &str) {
    let run = tree.named("invoke_workflow")[0];
    assert_eq!(run.get("gen_ai.operation.name"), "invoke_workflow");
    assert_eq!(
        (run.get("autoos.workflow.id"), run.get("autoos.state")),
        (id.to_owned(), "completed".to_owned())
    );
    let happened: Vec<&str> = run.wire.events.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(happened.iter().filter(|e| **e == "autoos.plan_adopted").count(), 3);
    assert!(happened.contains(&"autoos.taken_over"), "{happened:?}");

    let below = |name: &str, step: &str| -> Vec<&Span> {
        tree.named(name).into_iter().filter(|s| s.get("autoos.step.id") == step).collect()
    };
    let drafts = below("invoke_agent executor", "draft");
    let models: Vec<String> = drafts.iter().map(|s| s.get("autoos.model")).collect();
    assert_eq!(models, ["alpha/m", "alpha/m", "beta/m"]);
    let errors: Vec<String> = drafts.iter().map(|s| s.get("error.type")).collect();
    assert_eq!(errors, ["server", "auth", ""]);
    let codes: Vec<i32> =
        drafts.iter().map(|s| s.wire.status.as_ref().map_or(0, |s| s.code)).collect();
    assert_eq!(codes, [2, 2, 1]);
    let done = drafts[2];
    assert_eq!(done.get("gen_ai.agent.name"), "executor");
    assert!(done.get("gen_ai.usage.input_tokens").parse::<u64>().expect("tokens") > 0);
    let judged = done.wire.events.iter().find(|e| e.name == "gen_ai.evaluation.result");
    let judged = judged.expect("it was evaluated");
    assert_eq!(text(&judged.attributes, "gen_ai.evaluation.score.label"), "passed");

    let chats = tree.named("chat m");
    for chat in &chats {
        assert_eq!(chat.get("gen_ai.operation.name"), "chat");
        assert_eq!(chat.wire.kind, 3, "a client's");
        assert!(!chat.get("autoos.mailbox_wait_ms").is_empty());
        // Nobody opted in.
        assert_eq!(chat.get("gen_ai.input.messages"), "");
    }
    let providers: Vec<String> = chats.iter().map(|s| s.get("gen_ai.provider.name")).collect();
    for provider in ["mapper", "alpha", "beta"] {
        assert!(providers.iter().any(|p| p == provider), "{providers:?}");
    }
    let good = chats.iter().find(|s| s.get("error.type").is_empty()).expect("one that answered");
    assert_eq!(good.get("gen_ai.response.finish_reasons"), "stop");
    assert!(good.get("gen_ai.usage.output_tokens").parse::<u64>().expect("tokens") > 0);
    assert_eq!(tree.named("execute_tool fs.read")[0].get("error.type"), "denied");

    let asked = tree.named("escalation")[0];
    assert_eq!(asked.get("autoos.decision"), "skip");
    let answers = tree.named("invoke_agent synthesizer");
    assert_eq!(answers[0].get("error.type"), "host_lost");
    let levels: Vec<String> = ["retry", "replace_agent", "swap_llm", "mutate_strategy"]
        .map(|rung| tree.named(&format!("climb {rung}"))[0].get("autoos.recovery_level"))
        .to_vec();
    assert_eq!(levels, ["1", "2", "3", "4"]);
    assert_eq!(asked.get("autoos.recovery_level"), "5");
}

/// What follows what.
fn assert_links(tree: &Tree) {
    let mut drafts = tree.named("invoke_agent executor");
    drafts.retain(|s| s.get("autoos.step.id") == "draft");
    let ids: Vec<&Vec<u8>> = drafts.iter().map(|s| &s.wire.span_id).collect();
    assert_eq!(drafts[0].links(), []);
    assert_eq!(drafts[1].links(), [("retry".to_owned(), ids[0].clone())]);
    assert_eq!(drafts[2].links(), [("swap_llm".to_owned(), ids[1].clone())]);
    let (why, of) = tree.named("step planning.2")[0].links()[0].clone();
    assert_eq!(why, "planned_anew");
    assert_eq!(tree.by_id(&of).get("autoos.step.id"), "archive");
    let answers = tree.named("invoke_agent synthesizer");
    let lost = answers[0].wire.span_id.clone();
    assert_eq!(answers[1].links(), [("replace_agent".to_owned(), lost)]);
}

/// Who tells.
fn assert_resource(tree: &Tree) {
    for span in tree.spans() {
        assert_eq!(span.resource["service.name"], "autoos");
        assert!(span.resource.contains_key("service.version"));
        let node = ["service.instance.id", "host.name"];
        assert!(span.is_structural() || node.iter().all(|key| span.resource.contains_key(*key)));
        assert!(span.wire.start_time_unix_nano <= span.wire.end_time_unix_nano);
    }
}

/// One figure of `/metrics`, all series of a name together.
async fn figure(node: &Node, name: &str) -> f64 {
    let (_, text) = node.get("/metrics").await;
    let text = text.as_str().expect("text").to_owned();
    let of_name =
        |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    let value = |line: &str| line.rsplit(' ').next().and_then(|v| v.parse::<f64>().ok());
    text.lines().filter(of_name).filter_map(value).sum()
}

#[tokio::test]
async fn a_collector_that_is_away_holds_up_nobody_and_gets_spans_when_it_is_back() {
    // An address at which nobody listens, for now.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let dir = tempfile::tempdir().expect("a folder");
    let telemetry =
        format!("[telemetry]\nendpoint = \"http://{address}\"\nprotocol = \"grpc\"\nqueue = 8\n");
    configure(dir.path(), false, &telemetry);
    let node = self::node(dir.path());
    let id = submit(&node, "01").await;
    let view = node.until(&id, &["escalated", "failed", "completed"]).await;
    assert_eq!(view["state"], "escalated", "{view:#}");
    let dropped = async {
        // Folding goes on behind the workflow.
        while figure(&node, "autoos_trace_spans_dropped_total").await == 0.0 {}
    };
    tokio::time::timeout(Duration::from_secs(30), dropped)
        .await
        .expect("what has no room is counted");
    assert_eq!(figure(&node, "autoos_trace_spans_total").await, 0.0);

    let collector = Collector::grpc(address).await;
    // What had been waiting comes first.
    collector.until(|spans| !spans.is_empty()).await;
    assert!(figure(&node, "autoos_trace_export_failures_total").await > 0.0);
    let resolve = format!("/api/v1/escalations/{id}/1/resolve");
    let (status, answer) = node.post(&resolve, &json!({"answer": "skip"})).await;
    assert_eq!(status, 200, "{answer}");
    node.until(&id, &["completed"]).await;
    collector.until(|spans| has(spans, "escalation")).await;
    stop(node).await;
}

#[tokio::test]
async fn what_was_not_chosen_is_kept_once_it_needs_a_human() {
    let collector = Collector::http().await;
    let dir = tempfile::tempdir().expect("a folder");
    let telemetry = format!("[telemetry]\nendpoint = {:?}\n", collector.url);
    configure(dir.path(), false, &telemetry);
    let node = self::node(dir.path());
    // The client says that its trace is not kept.
    let id = submit(&node, "00").await;
    let spans = collector.until(|spans| has(spans, "step draft")).await;
    let tree = Tree::new(TRACE, spans);
    assert!(tree.named("chat m").is_empty(), "nothing was measured of it");
    assert!(tree.spans().all(Span::is_structural));
    let resolve = format!("/api/v1/escalations/{id}/1/resolve");
    node.until(&id, &["escalated"]).await;
    let (status, answer) = node.post(&resolve, &json!({"answer": "abandon"})).await;
    assert_eq!(status, 200, "{answer}");
    let tree = Tree::new(TRACE, collector.until(|spans| has(spans, "intent")).await);
    assert_eq!(tree.named("invoke_workflow")[0].get("error.type"), "denied");
    assert_eq!(hex(&tree.named("intent")[0].wire.parent_span_id), CLIENT);
    stop(node).await;
}
