//! Several vendors in one node, each failing in its own way: who is asked, who is not, and how
//! soon a provider that says nothing is found out.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use autoos_fabric::{
    Fabric, FabricConfig, Failure, FailureClass, Judgement, Llm, Request, Routed, Task, TaskKind,
    Wish,
    provider::{Condition, scripted::Entry},
};
use autoos_journal::{MemoryJournal, SharedJournal};
use autoos_kernel::{
    rng::Rng,
    words::{LlmRole, RiskLevel},
};
use std::{path::PathBuf, time::Duration};

/// It is never time to explore.
struct Steady;

impl Rng for Steady {
    fn next_u64(&mut self) -> u64 {
        999
    }
}

/// Two scripted vendors: `a` is the better one, and plays this script.
struct Node {
    fabric: Fabric,
    ledger: PathBuf,
    _dir: tempfile::TempDir,
}

impl Node {
    async fn start(script: &str) -> Self {
        Self::with(script, "", None).await
    }

    async fn with(script: &str, more: &str, journal: Option<SharedJournal>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (path, ledger) = (dir.path().join("a.toml"), dir.path().join("a.jsonl"));
        std::fs::write(&path, script).unwrap();
        let config: FabricConfig = toml::from_str(&format!(
            "[providers.a]\nkind = \"scripted\"\nvendor = \"acme\"\nscript = {path:?}\n\
             ledger = {ledger:?}\n{more}\n\
             models = [{{ id = \"m\", price = {{ input = 3, output = 4 }}, \
             quality = {{ general = 0.9 }} }}]\n\
             [providers.b]\nkind = \"scripted\"\nvendor = \"bolt\"\n\
             models = [{{ id = \"m\", quality = {{ general = 0.7 }} }}]\n"
        ))
        .unwrap();
        let mut builder = Fabric::builder(config);
        if let Some(journal) = journal {
            builder = builder.journal(journal);
        }
        Self { fabric: builder.start().await.unwrap(), ledger, _dir: dir }
    }

    async fn ask(&self, text: &str) -> Result<String, Failure> {
        self.fabric.ask(request(text)).await.map(|response| response.text)
    }

    /// Calls that `a` really got.
    fn calls(&self) -> Vec<Entry> {
        let text = std::fs::read_to_string(&self.ledger).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn route(&self, risk: RiskLevel) -> Routed {
        self.fabric.route(&Wish::new(LlmRole::Executor, risk, false), &mut Steady)
    }

    fn chosen(&self) -> String {
        self.route(RiskLevel::High).chosen().unwrap().model
    }
}

fn request(text: &str) -> Request {
    Request {
        key: "wf-1/s/1".into(),
        model: "a/m".into(),
        role: LlmRole::Executor,
        task: Task::Execute { instruction: text.into(), inputs: Default::default() },
        schema: None,
        complaint: None,
        tools: Vec::new(),
        prompt_tokens: 1_000,
        output_tokens: 100,
        timeout_ms: 60_000,
    }
}

const FAILS_FIVE_TIMES: &str = "[[rule]]\ntimes = 5\nanswer = { fail = \"server\" }\n";

#[tokio::test]
async fn a_provider_that_fails_is_left_alone_until_one_probe_succeeds() {
    let node = Node::start(FAILS_FIVE_TIMES).await;
    assert_eq!(node.chosen(), "a/m");
    for _ in 0..5 {
        assert_eq!(node.ask("x").await.unwrap_err().class, FailureClass::Server);
    }
    let refused = node.ask("x").await.unwrap_err();
    assert_eq!((refused.class, refused.cost_microusd), (FailureClass::Server, Some(0)));
    assert!(refused.retry_after_ms.unwrap() <= 1_000 && refused.detail.contains("not asked"));
    assert_eq!(node.calls().len(), 5, "it was not asked");
    assert_eq!(node.chosen(), "b/m");
    let status = &node.fabric.status()[0];
    assert_eq!((status.health, status.breaker.state), (Condition::Out, "open"), "{status:?}");
    assert_eq!(status.breaker.cause, Some(FailureClass::Server));

    // The next call that gets through is the probe. A breaker lets time alone pass before it: the
    // wait is the one that the refusal names.
    let probe = async {
        while let Err(failure) = node.ask("x").await {
            let wait = failure.retry_after_ms.expect("it says when to come back");
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), probe).await.expect("a probe gets through");
    let status = &node.fabric.status()[0];
    assert_eq!((status.health, status.breaker.state), (Condition::Healthy, "closed"), "{status:?}");
    assert_eq!(node.calls().len(), 6);
}

#[tokio::test]
async fn calls_that_wait_are_not_made_when_their_provider_goes_out() {
    let script = "[[rule]]\nanswer = { fail = \"server\" }\n";
    let node = Node::with(script, "max_in_flight = 1", None).await;
    let asked: Vec<_> = (0..40).map(|_| node.ask("x")).collect();
    let failures: Vec<Failure> =
        futures::future::join_all(asked).await.into_iter().map(Result::unwrap_err).collect();
    assert_eq!(node.calls().len(), 5);
    let refused =
        failures.iter().filter(|f| f.detail.contains("not asked") && f.cost_microusd == Some(0));
    assert_eq!(refused.count(), 35, "each is answered, and says when to come back");
}

#[tokio::test]
async fn a_refused_key_takes_a_provider_out_at_once() {
    let node = Node::start("[[rule]]\nanswer = { fail = \"auth\" }\n").await;
    assert_eq!(node.ask("x").await.unwrap_err().class, FailureClass::Auth);
    let refused = node.ask("x").await.unwrap_err();
    assert_eq!(refused.class, FailureClass::Auth, "so that another model is asked");
    assert!(refused.retry_after_ms.unwrap() > 10_000);
    assert_eq!(node.calls().len(), 1);
    assert_eq!(node.chosen(), "b/m");
}

#[tokio::test]
async fn retry_after_is_kept_to_and_with_all_out_it_is_said_when_to_come_back() {
    let script = "[[rule]]\nanswer = { fail = \"rate_limit\", retry_after_ms = 30000 }\n";
    let node = Node::start(script).await;
    assert_eq!(node.ask("x").await.unwrap_err().retry_after_ms, Some(30_000));
    let refused = node.ask("x").await.unwrap_err();
    assert_eq!(refused.class, FailureClass::RateLimit);
    assert!((20_000..=30_000).contains(&refused.retry_after_ms.unwrap()));
    assert_eq!(node.calls().len(), 1, "it was not asked before");
    assert!(node.fabric.status()[0].limits.wait_ms > 20_000);
    let mut wish = Wish::new(LlmRole::Executor, RiskLevel::High, false);
    wish.exclude.push("b/m".into());
    let Routed::Later { in_ms, reason, .. } = node.fabric.route(&wish, &mut Steady) else {
        panic!("someone was found")
    };
    assert!((20_000..=30_000).contains(&in_ms), "{reason}");
}

/// Twenty quick answers, in pieces.
const QUICK: &str = "[[rule]]\ntimes = 20\nanswer = { example = true, pieces = 3 }\n";

async fn quick(then: &str) -> Node {
    let node = Node::start(&format!("{QUICK}[[rule]]\nanswer = {{ {then} }}\n")).await;
    for _ in 0..20 {
        node.ask("x").await.unwrap();
    }
    node
}

#[tokio::test]
async fn a_quick_provider_that_hangs_is_found_within_seconds_before_and_in_an_answer() {
    // The configured patience is minutes; the call's own deadline is one.
    for (then, what) in [
        ("hang = true", "no first token"),
        ("example = true, hang_after = 2", "the answer stopped"),
    ] {
        let failure = quick(then).await.ask("x").await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Timeout);
        assert!(failure.detail.contains(what), "{failure}");
        let within: u64 = failure
            .detail
            .split_whitespace()
            .find_map(|word| word.parse().ok())
            .expect("it says after how long");
        assert!(within <= 5_000, "{failure}");
    }
}

#[tokio::test]
async fn a_slow_answer_that_keeps_coming_is_no_failure() {
    // Longer than the deadline of three seconds in all, and never silent for as long.
    let node = quick("example = true, pieces = 8, piece_ms = 500").await;
    assert_eq!(node.ask("x").await.unwrap().len(), 500);
    assert_eq!(node.fabric.status()[0].failures, 0);
}

#[tokio::test]
async fn a_model_without_history_gets_its_configured_patience() {
    let script = "[[rule]]\nanswer = { hang = true }\n";
    let more = "timeouts = { connect_ms = 1000, first_token_ms = 300, chunk_ms = 300 }";
    let node = Node::with(script, more, None).await;
    let failure = node.ask("x").await.unwrap_err();
    assert!(failure.detail.contains("no first token within 300 ms"), "{failure}");
}

#[tokio::test]
async fn answers_are_bent_as_the_script_says() {
    let script = r#"
[[rule]]
contains = "lie"
answer = { text = "In 2 shops sales were 1204 EUR.", lie = true }
[[rule]]
contains = "half"
answer = { value = { count = 3, more = [1, 2] }, keep = 12 }
[[rule]]
contains = "huge"
answer = { bytes = 50000000, cost_microusd = 77 }
[[rule]]
contains = "broken"
answer = { example = true, pieces = 4, cut_after = 2 }
[[rule]]
input_contains = "needle"
answer = { text = "found" }
[[rule]]
nth = 6
answer = { text = "the sixth" }
"#;
    let node = Node::start(script).await;
    assert_eq!(node.ask("lie").await.unwrap(), "In 2 shops sales were 2204 EUR.");
    let half = Request { schema: Some(serde_json::json!({})), ..request("half") };
    let failure = node.fabric.ask(half).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Malformed);
    assert!(failure.detail.contains("ends too early"), "{failure}");
    let failure = node.ask("huge").await.unwrap_err();
    assert_eq!((failure.class, failure.cost_microusd), (FailureClass::Malformed, Some(77)));
    assert_eq!(node.ask("broken").await.unwrap_err().class, FailureClass::Network);
    let mut inputs = serde_json::Map::new();
    inputs.insert("hay".into(), "a needle".into());
    let task = Task::Execute { instruction: "x".into(), inputs };
    assert_eq!(node.fabric.ask(Request { task, ..request("x") }).await.unwrap().text, "found");
    assert_eq!(node.ask("x").await.unwrap(), "the sixth");
    let costs: Vec<u64> = node.calls().into_iter().map(|entry| entry.cost_microusd).collect();
    assert_eq!(costs[2], 77);
    assert_eq!(costs.len(), 6);
}

#[tokio::test]
async fn what_was_learned_moves_the_choice_and_survives_a_restart() {
    let journal: SharedJournal = MemoryJournal::new(16);
    let node = Node::with("", "", Some(journal.clone())).await;
    for _ in 0..4 {
        node.ask("x").await.unwrap();
        node.fabric.judged(&Judgement {
            model: "a/m".into(),
            kind: TaskKind::Analyze,
            confidence: 0.9,
            right: false,
        });
    }
    assert_eq!(node.chosen(), "b/m", "its answers were wrong");
    let before = node.fabric.learned("a/m").unwrap();
    assert_eq!((before.calls, before.total.count()), (4, 4));
    node.fabric.stop().await;
    drop(node);

    let node = Node::with("", "", Some(journal)).await;
    let after = node.fabric.learned("a/m").unwrap();
    assert!((after.reliability - before.reliability).abs() < 1e-9);
    assert_eq!((after.calls, &after.total), (before.calls, &before.total));
    assert_eq!(node.chosen(), "b/m");
    let status = &node.fabric.status()[0];
    assert_eq!((status.calls, status.learned[0].calls), (0, 4), "{status:?}");
    assert!(status.learned[0].calibration_error.unwrap() > 0.8);
    let (model, kind) = ("nobody/x".to_owned(), TaskKind::Plan);
    node.fabric.judged(&Judgement { model, kind, confidence: f64::NAN, right: true });
    assert!(node.fabric.learned("nobody/x").is_none(), "what nobody serves teaches nothing");
}
