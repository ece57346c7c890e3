//! Runs a plan that a person wrote: no planner is asked. The node checks it like any other, and
//! says what it may cost before anything runs.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use anyhow::Context as _;
use autoos_proto::v1::{
    Context, GetWorkflowRequest, Intent, PlanIntentRequest, SubmitIntentRequest,
    WatchWorkflowRequest, context::Content, intents_client::IntentsClient,
    workflows_client::WorkflowsClient,
};
use serde_json::json;
use tonic::transport::Channel;

const SALES: &str = "region,units\nnorth,12\nsouth,7\nnorth,5\n";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let node = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8000".into());
    let channel = Channel::from_shared(node.clone())?;
    let channel = channel.connect().await.with_context(|| format!("no node at {node}"))?;

    // Two steps: read the table, and only when it has rows let a moment pass.
    let plan = json!({
        "name": "units-by-region",
        "steps": [
            {
                "id": "units",
                "work": {"tool": {
                    "name": "table.query",
                    "args": {
                        "group_by": ["region"],
                        "aggregate": [{"op": "sum", "column": "units"}],
                    },
                    "reads": {"context": "sales"},
                }},
                "limits": {"timeout_ms": 10_000},
            },
            {
                "id": "settle",
                "when": {
                    "value": {"step": {"id": "units", "at": "/rows/0"}},
                    "is": {"exists": true},
                },
                "work": {"wait": {"ms": 10}},
            },
        ],
        "result": "units",
    });
    let sales = Context {
        name: "sales".into(),
        label: "sales.csv".into(),
        content: Some(Content::Text(SALES.into())),
    };
    let intent = Intent {
        text: "Sum the units of each region".into(),
        contexts: vec![sales],
        plan_json: plan.to_string(),
        ..Intent::default()
    };

    let mut intents = IntentsClient::new(channel.clone());
    let checked = intents.plan_intent(PlanIntentRequest { intent: Some(intent.clone()) }).await?;
    println!("at most {} micro-dollars", checked.into_inner().worst_case_microusd);

    let request = SubmitIntentRequest { intent: Some(intent), idempotency_key: String::new() };
    let workflow_id = intents.submit_intent(request).await?.into_inner().workflow_id;
    let mut workflows = WorkflowsClient::new(channel);
    let watch = WatchWorkflowRequest { workflow_id: workflow_id.clone(), from_seq: 0 };
    let mut changes = workflows.watch_workflow(watch).await?.into_inner();
    // The stream ends with the workflow.
    while changes.message().await?.is_some() {}

    let get = GetWorkflowRequest { workflow_id, at_seq: None };
    let workflow = workflows.get_workflow(get).await?.into_inner();
    println!("{}", workflow.state().as_str_name());
    println!("{}", workflow.result.context("it brought nothing")?.value_json);
    Ok(())
}
