//! Submits an intent to a node over gRPC, watches it, and prints what it brought.
//!
//! The canonical example: each other one changes one thing of it.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use anyhow::Context as _;
use autoos_proto::v1::{
    self, Context, GetWorkflowRequest, Intent, SubmitIntentRequest, WatchWorkflowRequest,
    context::Content, intents_client::IntentsClient, workflows_client::WorkflowsClient,
};
use tonic::transport::Channel;

const LOG: &str = "\
2026-01-31 08:15:00 INFO  worker-1 started
2026-01-31 08:15:02 ERROR db connection to 10.0.0.7 refused
2026-01-31 08:15:04 ERROR db connection to 10.0.0.9 refused
2026-01-31 08:15:09 ERROR disk /dev/sdb1 is full
";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let node = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8000".into());
    let channel = Channel::from_shared(node.clone())?;
    let channel = channel.connect().await.with_context(|| format!("no node at {node}"))?;

    let log = Context {
        name: "log".into(),
        label: "sample.log".into(),
        content: Some(Content::Text(LOG.into())),
    };
    let submitted = IntentsClient::new(channel.clone())
        .submit_intent(SubmitIntentRequest {
            intent: Some(Intent {
                text: "Analyze the system logs and identify errors".into(),
                user: "rust-example".into(),
                contexts: vec![log],
                ..Intent::default()
            }),
            // With a key a repetition after a lost answer starts nothing a second time.
            idempotency_key: String::new(),
        })
        .await?
        .into_inner();
    println!("workflow {}", submitted.workflow_id);

    let mut workflows = WorkflowsClient::new(channel);
    let watch = WatchWorkflowRequest { workflow_id: submitted.workflow_id.clone(), from_seq: 0 };
    let mut changes = workflows.watch_workflow(watch).await?.into_inner();
    while let Some(change) = changes.message().await? {
        let what = change.entry.map(|entry| entry.what).unwrap_or_default();
        println!("  {}/{} {what}", change.steps_over, change.steps);
        if change.state == v1::WorkflowState::Escalated as i32 {
            break;
        }
    }

    let get = GetWorkflowRequest { workflow_id: submitted.workflow_id, at_seq: None };
    let workflow = workflows.get_workflow(get).await?.into_inner();
    println!("{}", workflow.state().as_str_name());
    let result = workflow.result.context("it brought nothing")?;
    println!("{}", result.text.unwrap_or(result.value_json));
    println!("confidence {:.2}", result.confidence.unwrap_or_default());
    Ok(())
}
