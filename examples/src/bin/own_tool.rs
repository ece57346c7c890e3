//! A node inside a program, with a tool of the program's own: the registry checks its arguments,
//! bounds it in time, and its calls are journaled like those of any other.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use anyhow::Context as _;
use autoos_fabric::{Fabric, FabricConfig};
use autoos_journal::{LocalJournal, LocalOptions};
use autoos_kernel::{
    plan::Plan,
    tool::ToolSpec,
    words::{EffectClass, RiskLevel, TrustLevel},
};
use autoos_runtime::{Options, Parts, Runtime, Submission, SystemClock};
use autoos_tools::{Failure, Registry, Tool, ToolCall, ToolResult};
use autoos_views::Views;
use futures::StreamExt as _;
use serde_json::json;
use std::sync::Arc;

/// Turns degrees Celsius into Fahrenheit.
struct Fahrenheit(ToolSpec);

impl Fahrenheit {
    fn new() -> Self {
        Self(ToolSpec {
            name: "units.fahrenheit".into(),
            description: "Turns degrees Celsius into degrees Fahrenheit.".into(),
            arguments: json!({
                "type": "object",
                "properties": {"celsius": {"type": "number", "minimum": -273.15}},
                "required": ["celsius"],
                "additionalProperties": false,
            }),
            trust: TrustLevel::Vetted,
            effect: EffectClass::Pure,
            reads: false,
            timeout_ms: 1_000,
        })
    }
}

impl Tool for Fahrenheit {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        // The schema was checked: a number is there.
        let celsius = call.args["celsius"].as_f64().unwrap_or_default();
        let output = json!({"fahrenheit": celsius * 9.0 / 5.0 + 32.0});
        Ok(ToolResult { output, bytes_read: 0 })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The one thing that the fabric needs from its TLS library; an error says it was done before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = tempfile::tempdir()?;
    let journal = LocalJournal::open(LocalOptions::new(dir.path().join("journal")))?;
    let fabric = Fabric::start(FabricConfig::default()).await?;
    let tools = Registry::builder().with_tool(Arc::new(Fahrenheit::new())).build()?;
    let parts = Parts {
        journal: journal.clone(),
        llm: Arc::new(fabric),
        tools,
        clock: Arc::new(SystemClock),
    };
    let views = Views::start(journal.clone());
    let runtime = Runtime::start(parts, Options::default()).await?;

    let plan: Plan = serde_json::from_value(json!({
        "name": "warm",
        "steps": [{
            "id": "turn",
            "work": {"tool": {"name": "units.fahrenheit", "args": {"celsius": 21.5}}},
        }],
        "result": "turn",
    }))?;
    let submitted = runtime
        .submit(Submission {
            tenant: "default".into(),
            user: "own-tool-example".into(),
            text: "How warm is 21.5 °C in Fahrenheit?".into(),
            contexts: Vec::new(),
            risk: RiskLevel::Low,
            budget_microusd: None,
            deadline: None,
            idempotency_key: None,
            plan: Some(plan),
            trace: None,
        })
        .await?;

    let mut changes = views.watch(submitted.workflow, 0).await?;
    while let Some(change) = changes.next().await {
        println!("  {}", change?.entry.what);
    }
    let view = views.workflow(submitted.workflow).await?.context("it is there")?;
    println!("{} {}", view.state, view.result.and_then(|r| r.value).unwrap_or_default());

    // What is in flight would go on with the next start; here all has ended.
    runtime.stop().await;
    journal.close().await;
    Ok(())
}
