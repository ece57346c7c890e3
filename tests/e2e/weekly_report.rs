//! "Send weekly sales report email": the example of examples/weekly_report on real nodes, with a
//! real mail server. Its executor's draft is wrong: that is found, another drafts, and the mail goes
//! out once, whenever the node is killed.

use crate::support::{Node, autoos, client};
use autoos_tools::testing::{Act, SmtpServer, Stage};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a test waits for something that comes, unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a vendor takes in the tests that kill the node, in milliseconds.
const THINKING_MS: i64 = 40;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/weekly_report")
}

/// A folder with the example in it, whose vendors take their time where they are to.
fn laid_out(delay_ms: Option<i64>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::copy(example().join("sales.csv"), dir.path().join("sales.csv")).expect("copied");
    for name in ["planner.toml", "writer.toml", "checker.toml"] {
        let text = std::fs::read_to_string(example().join(name)).expect("the script");
        let mut script: toml::Table = toml::from_str(&text).expect("TOML");
        let rules = script.get_mut("rule").and_then(toml::Value::as_array_mut).expect("rules");
        for rule in rules {
            let answer = rule.get_mut("answer").and_then(toml::Value::as_table_mut);
            answer
                .expect("an answer")
                .extend(delay_ms.map(|ms| ("delay_ms".to_owned(), ms.into())));
        }
        std::fs::write(dir.path().join(name), script.to_string()).expect("written");
    }
    dir
}

/// A node on that folder that sends by this server.
fn node(dir: &Path, smtp: &SmtpServer) -> Node {
    let text = std::fs::read_to_string(example().join("autoos.toml")).expect("the configuration");
    let mut config: toml::Table = toml::from_str(&text).expect("TOML");
    let mail = config.get_mut("mail").and_then(toml::Value::as_table_mut).expect("mail");
    mail.insert("port".into(), i64::from(smtp.port()).into());
    std::fs::write(dir.join("autoos.toml"), config.to_string()).expect("written");
    Node::serve(autoos(dir), &["--config", "autoos.toml", "--root", "."])
}

async fn submit(node: &Node, dir: &Path, key: &str, risk: &str) -> String {
    let sales = dir.join("sales.csv").canonicalize().expect("it is there");
    let body = json!({
        "intent": "Send weekly sales report email", "risk": risk, "idempotency_key": key,
        "context": {"sales": {"file": sales}},
    });
    let (status, made) = node.post("/api/v1/intents", &body).await;
    assert!((200..300).contains(&status), "{made}");
    made["workflow_id"].as_str().expect("an id").to_owned()
}

/// Where a workflow stands once nothing happens by itself any more.
async fn settled(node: &Node, id: &str) -> Value {
    node.until(id, &["completed", "failed", "escalated", "cancelled"]).await
}

/// The events of a workflow's own stream, in order.
async fn events(node: &Node, id: &str) -> Vec<Value> {
    let (status, audit) = node.get(&format!("/api/v1/workflows/{id}/audit")).await;
    assert_eq!(status, 200, "{audit}");
    let all = audit["entries"].as_array().or(audit.as_array()).expect("entries");
    let own = |e: &&Value| e["stream"].as_str().is_some_and(|s| s.starts_with("wf-"));
    all.iter().filter(own).cloned().collect()
}

/// What an event says.
fn said(event: &Value) -> &Value {
    &event["data"][event["kind"].as_str().unwrap_or_default()]
}

fn find<'a>(events: &'a [Value], kind: &str, step: &str) -> Vec<&'a Value> {
    let about = |e: &&Value| e["kind"] == kind && said(e)["step"] == step;
    events.iter().filter(about).map(said).collect()
}

/// Whom the draft was asked of, and what for: `birch/writer answer`.
fn asked(events: &[Value]) -> Vec<String> {
    let one = |e: &&Value| {
        let purpose = e["purpose"].as_str().unwrap_or("answer");
        format!("{} {purpose}", e["model"].as_str().unwrap_or_default())
    };
    find(events, "attempt_started", "draft").iter().map(one).collect()
}

/// How the draft is made sure of, by the plan that was adopted.
fn review(events: &[Value]) -> Value {
    let adopted = events.iter().find(|e| e["kind"] == "plan_adopted").expect("a plan");
    let steps = said(adopted)["outline"]["steps"].as_array().expect("steps");
    let draft = steps.iter().find(|s| s["id"] == "draft").expect("a draft");
    draft["kind"]["ask"]["review"].clone()
}

/// The confidence with which the draft was taken.
fn confidence(events: &[Value]) -> f64 {
    let done = find(events, "attempt_completed", "draft");
    done[0]["output"]["confidence"].as_f64().expect("a figure")
}

fn assert_right(mail: &str) {
    for wanted in ["7148.20 EUR", "2691.60 EUR", "2266.50 EUR", "2190.10 EUR", "958 units"] {
        assert!(mail.contains(wanted), "no {wanted} in:\n{mail}");
    }
    for wrong in ["7841.20", "2961.60"] {
        assert!(!mail.contains(wrong), "{wrong} in:\n{mail}");
    }
}

#[tokio::test]
async fn wrong_figures_are_found_and_the_next_report_is_verified_more() {
    let (dir, smtp) = (laid_out(None), SmtpServer::start().expect("a server"));
    let node = node(dir.path(), &smtp);
    let first = submit(&node, dir.path(), "first", "high").await;
    let view = settled(&node, &first).await;
    assert_eq!(view["state"], "completed", "{view:#}");
    let told = events(&node, &first).await;

    // The draft of the first vendor asked did not stand.
    assert_eq!(review(&told)["assurance"], "other_vendor");
    assert_eq!(asked(&told)[0], "birch/writer answer", "{:?}", asked(&told));
    let doubted = find(&told, "attempt_failed", "draft");
    let exit = doubted[0]["exit"].as_str().unwrap_or_default();
    assert!(["unsure", "vetoed"].contains(&exit), "{doubted:?}");
    let dropped = doubted[0]["doubtful"]["confidence"].as_f64().expect("a figure");
    assert!(dropped < 0.75, "{dropped}");
    let swapped = find(&told, "rung_climbed", "draft");
    assert_eq!(
        (&swapped[0]["rung"], &swapped[0]["without"]),
        (&json!("swap_llm"), &json!("birch/writer"))
    );
    // Another vendor drafted, and a third judged it before the mail went out.
    let author = asked(&told).iter().rfind(|a| a.ends_with(" answer")).cloned().expect("an author");
    let judge = asked(&told).last().cloned().expect("a judge");
    assert!(judge.ends_with(" review") && judge[..5] != author[..5], "{:?}", asked(&told));
    assert!(confidence(&told) > 0.85, "{}", confidence(&told));
    assert_eq!(smtp.received().len(), 1);
    assert_right(&smtp.received()[0].text);

    // What was learned holds for the next one, and survives a restart.
    node.kill();
    let node = self::node(dir.path(), &smtp);
    let second = submit(&node, dir.path(), "second", "high").await;
    let view = settled(&node, &second).await;
    assert_eq!(view["state"], "completed", "{view:#}");
    let told = events(&node, &second).await;
    assert_eq!(
        (&review(&told)["assurance"], &review(&told)["lesson"]),
        (&json!("quorum"), &json!(1))
    );
    let purposes = asked(&told);
    assert!(purposes.iter().any(|a| a.ends_with(" second")), "{purposes:?}");
    // Nobody whose figures stand nowhere is a witness.
    let witnesses = find(&told, "attempt_answered", "draft");
    let sure = |a: &&Value| a["output"]["confidence"].as_f64().is_some_and(|c| c > 0.85);
    assert!(witnesses.len() == 2 && witnesses.iter().all(sure), "{witnesses:#?}");
    assert!(confidence(&told) > 0.85, "{}", confidence(&told));
    assert_eq!(smtp.received().len(), 2);
    assert_right(&smtp.received()[1].text);
}

#[tokio::test]
async fn critical_work_goes_on_only_above_its_threshold() {
    let (dir, smtp) = (laid_out(None), SmtpServer::start().expect("a server"));
    let node = node(dir.path(), &smtp);
    let id = submit(&node, dir.path(), "critical", "critical").await;
    let view = settled(&node, &id).await;
    assert_eq!(view["state"], "completed", "{view:#}");
    let told = events(&node, &id).await;
    assert_eq!(review(&told)["assurance"], "quorum");
    let doubted = find(&told, "attempt_failed", "draft");
    let detail = doubted[0]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("below the 0.85"), "{detail}");
    let answers = asked(&told);
    let second = answers.iter().find(|a| a.ends_with(" second")).expect("a second answer");
    assert!(!second.starts_with("birch"), "whoever was refuted is no witness: {answers:?}");
    assert!(confidence(&told) >= 0.85);
    assert_eq!(smtp.received().len(), 1);
    assert_right(&smtp.received()[0].text);
}

/// Follows a workflow until its event `seq` is there; false when it ended before.
async fn reached(node: &Node, id: &str, seq: usize) -> bool {
    let url = format!("{}/api/v1/workflows/{id}/events", node.url);
    let mut stream = client().get(url).timeout(PATIENCE).send().await.expect("the node answers");
    let mut text = String::new();
    let wanted = [format!("id: {seq}\n"), format!("id:{seq}\n")];
    while let Some(piece) = stream.chunk().await.expect("the stream goes on") {
        text.push_str(&String::from_utf8_lossy(&piece));
        if wanted.iter().any(|line| text.contains(line.as_str())) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn killed_at_every_boundary_the_mail_goes_out_once() {
    // What there is to be killed at.
    let (dir, smtp) = (laid_out(Some(THINKING_MS)), SmtpServer::start().expect("a server"));
    let whole = node(dir.path(), &smtp);
    let id = submit(&whole, dir.path(), "whole", "high").await;
    settled(&whole, &id).await;
    let told = events(&whole, &id).await;
    whole.kill();
    let is_send = |e: &Value| e["kind"] == "attempt_started" && said(e)["step"] == "send";
    let sends = told.iter().position(is_send).expect("it sends");
    assert!(told.len() > sends + 1 && sends > 10, "{told:#?}");

    for (seq, at) in told.iter().enumerate() {
        let dir = laid_out(Some(THINKING_MS));
        let (before, after) =
            (SmtpServer::start().expect("a server"), SmtpServer::start().expect("a server"));
        if seq <= sends {
            // Nothing of the mail gets through before the kill, however late that comes.
            before.fault(Stage::Connect, Act::Hang);
        }
        let node = self::node(dir.path(), &before);
        let id = submit(&node, dir.path(), "report", "high").await;
        assert!(reached(&node, &id, seq).await, "it has no event {seq}");
        node.kill();
        let node = self::node(dir.path(), &after);
        let view = settled(&node, &id).await;
        let (kind, step) = (&at["kind"], &said(at)["step"]);
        assert_eq!(view["state"], "completed", "killed at {seq}, {kind} {step}: {view:#}");
        let mails = [before.received(), after.received()].concat();
        assert_eq!(mails.len(), 1, "killed at {seq}, {kind} {step}");
        assert_right(&mails[0].text);
        let told = events(&node, &id).await;
        assert!(confidence(&told) > 0.85);
        eprintln!("killed at {seq:>2} {kind} {step}: 1 mail, {} events", told.len());
    }
}

#[tokio::test]
async fn killed_in_mid_send_the_mail_goes_out_at_most_once() {
    // Before the final dot nothing is taken: it is sent again. After it nobody can tell: a human is
    // asked, and no second mail goes out.
    for (stage, state, mails) in [(Stage::Text, "completed", 1), (Stage::Dot, "escalated", 1)] {
        let (dir, smtp) = (laid_out(None), SmtpServer::start().expect("a server"));
        smtp.fault(stage, Act::Hang);
        let node = node(dir.path(), &smtp);
        let id = submit(&node, dir.path(), "report", "high").await;
        assert!(smtp.wait(stage, 1, PATIENCE), "the mail never came to {stage:?}");
        node.kill();
        let node = self::node(dir.path(), &smtp);
        let view = settled(&node, &id).await;
        assert_eq!(view["state"], state, "{stage:?}: {view:#}");
        assert_eq!(smtp.received().len(), mails, "{stage:?}");
        assert_right(&smtp.received()[0].text);
        if state == "completed" {
            continue;
        }
        let question = &view["escalations"][0];
        assert_eq!(
            (&question["step"], &question["exit"]),
            (&json!("send"), &json!("effect_unknown"))
        );
        // Who has looked into the recipient's box says so, and the workflow ends.
        let answer = json!({"answer": "edit", "value": {"sent": true, "said_by": "ann"}});
        let (status, said) =
            node.post(&format!("/api/v1/escalations/{id}/1/resolve"), &answer).await;
        assert!((200..300).contains(&status), "{said}");
        let view = node.until(&id, &["completed"]).await;
        assert_eq!(view["result"]["value"]["said_by"], "ann", "{view:#}");
        assert_eq!(smtp.received().len(), mails);
    }
}
