//! The samples of the project: what the built-in engine says of them is borne out, every claim.

use autoos_fabric::{
    ContextInfo, LlmResponse, Request, Task,
    builtin::Builtin,
    provider::Provider as _,
    verify::{Evidence, ground},
};
use autoos_kernel::{tool::Catalog as _, words::LlmRole};
use autoos_tools::{Registry, ToolCall, ToolGateway as _};
use serde_json::{Map, Value, json};
use std::path::Path;

async fn analyzed(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data").join(name);
    let path = path.canonicalize().expect("the sample is there");
    let tools = Registry::builder().build().expect("tools");
    let call = ToolCall {
        tool: "logs.analyze".into(),
        args: json!({ "path": path }),
        idempotency_key: None,
        deadline: None,
        granted: vec![path],
        stop: autoos_tools::Stop::default(),
    };
    tools.call(call).await.expect("it analyses").output
}

async fn answer(inputs: &Map<String, Value>) -> String {
    let request = Request {
        key: "k".into(),
        model: "builtin/rules".into(),
        role: LlmRole::Synthesizer,
        task: Task::Synthesize {
            intent: "find the errors and say which log had more".into(),
            instruction: "Write the answer from the tools' outputs".into(),
            inputs: inputs.clone(),
        },
        schema: None,
        tools: Vec::new(),
        complaint: None,
        prompt_tokens: 8_000,
        output_tokens: 2_000,
        timeout_ms: 10_000,
    };
    let LlmResponse { text, .. } =
        Builtin.ask(request, Default::default()).await.expect("it answers");
    text
}

#[tokio::test]
async fn every_claim_about_the_samples_is_borne_out() {
    let (system, gateway) = (analyzed("system.log").await, analyzed("gateway.log").await);
    let sets = [
        vec![("log", &system)],
        vec![("log", &gateway)],
        vec![("system", &system), ("gateway", &gateway)],
    ];
    for set in sets {
        let inputs: Map<String, Value> =
            set.iter().map(|(name, value)| ((*name).to_owned(), (*value).clone())).collect();
        let text = answer(&inputs).await;
        let evidence: Vec<Evidence> = inputs
            .iter()
            .map(|(name, value)| Evidence { name: name.clone(), value: value.clone() })
            .collect();
        let grounding = ground(&text, &evidence);
        let wrong: Vec<String> = grounding.unsupported().map(|claim| claim.sentence()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}\nin\n{text}");
        assert!(grounding.checked() > 20);
    }
}

/// What the rules would pass over is declined, and a reason quotes no more than two words of it.
#[test]
fn what_would_be_passed_over_is_declined() {
    let head = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data").join(name);
        let text = std::fs::read_to_string(path).expect("the sample is there");
        let end = text.char_indices().take(4_000).last().map_or(0, |(at, _)| at);
        text[..end].to_owned()
    };
    let context = |name: &str, label: &str| ContextInfo {
        name: name.into(),
        file: true,
        label: label.into(),
        bytes: 100_000,
        head: head(label),
    };
    let contexts = [context("log", "system.log"), context("sales", "sales.csv")];
    let tools = Registry::builder().build().expect("tools");
    let intents = [
        "top 3 weeks by revenue in region east and the count of NullPointerException in the log",
        "Do not analyze the log",
        "Find the errors in the log but ignore timeouts",
        "show me the errors in the log of the last month",
        "Who is responsible for the errors in the log?",
        "Translate the password hunter2 of patient Mary to French",
    ];
    for intent in intents {
        let task = Task::Plan {
            intent: intent.into(),
            contexts: contexts.to_vec(),
            risk: autoos_kernel::words::RiskLevel::Low,
            tools: tools.tools().into_iter().cloned().collect(),
            refused: None,
            lessons: Vec::new(),
        };
        let (_, value) = Builtin::answer(&task).expect("it answers");
        let value = value.expect("data");
        let unable = value.get("unable").unwrap_or_else(|| panic!("{intent}: {value:#}"));
        assert!(!unable.to_string().contains("hunter2"), "{unable}");
    }
}
