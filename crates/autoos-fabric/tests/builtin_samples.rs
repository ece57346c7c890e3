//! The samples of the project: what the built-in engine says of them is borne out, every claim.

use autoos_fabric::{
    LlmResponse, Request, Task,
    builtin::Builtin,
    provider::Provider as _,
    verify::{Evidence, ground},
};
use autoos_kernel::words::LlmRole;
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
        granted: vec![path],
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
    let LlmResponse { text, .. } = Builtin.ask(request).await.expect("it answers");
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
