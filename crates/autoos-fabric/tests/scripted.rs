//! The scripted provider: rules, the ledger in a file, and the example that it plays by default.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use autoos_fabric::{
    Fabric, FabricConfig, FailureClass, Llm, Request, Task, Verdict,
    provider::scripted::{Entry, Script, six_steps},
};
use autoos_kernel::{plan::Plan, words::LlmRole};

fn request(role: LlmRole, text: &str, key: &str) -> Request {
    let inputs = serde_json::Map::new();
    let instruction = text.to_owned();
    let task = match role {
        LlmRole::Planner => Task::Plan {
            intent: instruction,
            contexts: Vec::new(),
            risk: Default::default(),
            tools: Default::default(),
            refused: None,
            lessons: Vec::new(),
        },
        LlmRole::Verifier => Task::Verify { instruction, inputs },
        LlmRole::Synthesizer => Task::Synthesize { intent: "x".into(), instruction, inputs },
        LlmRole::Executor | LlmRole::Auditor => Task::Execute { instruction, inputs },
    };
    Request {
        key: key.into(),
        model: "play/default".into(),
        role,
        task,
        schema: None,
        complaint: None,
        tools: Vec::new(),
        prompt_tokens: 1_000,
        output_tokens: 100,
        timeout_ms: 10_000,
    }
}

fn configured(toml: &str) -> FabricConfig {
    toml::from_str(toml).unwrap()
}

const SCRIPT: &str = r#"
[[rule]]
contains = "flaky"
attempt = 1
answer = { fail = "rate_limit", retry_after_ms = 30 }

[[rule]]
contains = "flaky"
answer = { text = "second time lucky" }

[[rule]]
contains = "once"
times = 1
answer = { panic = true }

[[rule]]
contains = "garbage"
complaint = false
role = "verifier"
answer = { text = "I think it is fine!" }

[[rule]]
contains = "hangs"
answer = { hang = true }

[[rule]]
contains = "priced"
answer = { text = "ok", usage = { input = 1000000, output = 2000000 } }
"#;

async fn scripted(dir: &tempfile::TempDir) -> (Fabric, std::path::PathBuf) {
    let script = dir.path().join("script.toml");
    std::fs::write(&script, SCRIPT).unwrap();
    let ledger = dir.path().join("ledger.jsonl");
    let config = configured(&format!(
        "[providers.play]\nkind = \"scripted\"\nscript = {script:?}\nledger = {ledger:?}\n\
         models = [{{ id = \"default\", price = {{ input = 3, output = 4 }} }}]\n"
    ));
    (Fabric::start(config).await.unwrap(), ledger)
}

#[tokio::test]
async fn rules_answer_in_order_by_role_text_attempt_and_use() {
    let dir = tempfile::tempdir().unwrap();
    let (fabric, _) = scripted(&dir).await;
    let ask = |role, text: &str| fabric.ask(request(role, text, "k"));
    let execute = |text: &str| ask(LlmRole::Executor, text);

    let failure = execute("a flaky thing").await.unwrap_err();
    assert_eq!((failure.class, failure.retry_after_ms), (FailureClass::RateLimit, Some(30)));
    assert_eq!(execute("a flaky thing").await.unwrap().text, "second time lucky");
    assert_eq!(execute("another flaky thing").await.unwrap_err().class, FailureClass::RateLimit);

    assert_eq!(execute("once only").await.unwrap_err().class, FailureClass::Crashed);
    assert_eq!(execute("once only").await.unwrap().text.len(), 500);

    let failure = ask(LlmRole::Verifier, "garbage").await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Malformed);
    let mut again = request(LlmRole::Verifier, "garbage", "k2");
    again.complaint = Some(failure.detail);
    assert!(fabric.ask(again).await.unwrap().value.is_some());

    let hasty = Request { timeout_ms: 20, ..request(LlmRole::Executor, "hangs", "k") };
    assert_eq!(fabric.ask(hasty).await.unwrap_err().class, FailureClass::Timeout);
    assert_eq!(execute("priced").await.unwrap().cost_microusd, 3 + 8);
}

#[tokio::test]
async fn the_ledger_has_a_line_for_each_call_and_outlives_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let keys = ["wf-1/a/1", "wf-1/a/2", "wf-1/b/1"];
    let mut path = None;
    for key in keys {
        // A node of its own for each call.
        let (fabric, ledger) = scripted(&dir).await;
        let asked = Request { timeout_ms: 20, ..request(LlmRole::Executor, "hangs", key) };
        // Written before it is answered: this one never is.
        assert!(fabric.ask(asked).await.is_err());
        path = Some(ledger);
    }
    let text = std::fs::read_to_string(path.unwrap()).unwrap();
    let entries: Vec<Entry> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(entries.iter().map(|e| e.key.as_str()).collect::<Vec<_>>(), keys);
    assert!(entries.iter().all(|e| e.role == LlmRole::Executor && e.model == "play/default"));
}

#[tokio::test]
async fn by_default_it_plays_the_example_of_six_steps() {
    let (fabric, scripted) = Fabric::scripted(Script::default()).await.unwrap();
    let ask = |role, key: &str| {
        fabric.ask(Request { model: "scripted/default".into(), ..request(role, "any", key) })
    };
    let plan = ask(LlmRole::Planner, "p").await.unwrap().value.unwrap();
    assert_eq!(serde_json::from_value::<Plan>(plan).unwrap(), six_steps());
    assert_eq!(ask(LlmRole::Executor, "e").await.unwrap().text.len(), 500);
    assert_eq!(ask(LlmRole::Synthesizer, "s").await.unwrap().text.len(), 500);
    let verdict = ask(LlmRole::Verifier, "v").await.unwrap();
    assert_eq!(verdict.text.len(), 500);
    let verdict: Verdict = serde_json::from_value(verdict.value.unwrap()).unwrap();
    assert!(verdict.supported && verdict.confidence > 0.9);
    assert_eq!(scripted.calls(), 4);
    let keys: Vec<String> = scripted.ledger().into_iter().map(|e| e.key).collect();
    assert_eq!(keys, ["p", "e", "s", "v"]);
}

#[tokio::test]
async fn a_script_that_does_not_read_is_refused_with_where() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("script.json");
    std::fs::write(&script, r#"{"rule": [{"contians": "typo"}]}"#).unwrap();
    let config =
        configured(&format!("[providers.play]\nkind = \"scripted\"\nscript = {script:?}\n"));
    let error = match Fabric::start(config).await {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    };
    assert!(error.contains("providers.play") && error.contains("contians"), "{error}");
}
