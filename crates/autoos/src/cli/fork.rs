//! `workflow fork` and `workflow diff`: another way from some position on, and what came out
//! differently.

use super::{
    COMPLETED, Output,
    workflow::{print, watch},
};
use crate::{
    door::{Door, encoded},
    show,
};
use autoos_kernel::id::WorkflowId;
use clap::Args;
use serde_json::{Value, json};

const FORK_EXAMPLES: &str = "\
Examples:
  autoos workflow fork wf-0198… --at 12 --model openai/gpt-5.2
  autoos workflow fork wf-0198… --at 12 --no-wait

Positions are those of `autoos audit show`: --at 12 takes over the events 0 to 11.";

/// Lets another workflow go on from an earlier event of one.
#[derive(Debug, Args)]
#[command(after_help = FORK_EXAMPLES)]
pub(crate) struct Fork {
    /// The workflow to go on from
    id: WorkflowId,
    /// How many of its events are taken over
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    at: u64,
    /// The model to ask wherever it may be asked
    #[arg(long)]
    model: Option<String>,
    /// Only start it; do not wait for its end and compare
    #[arg(long)]
    no_wait: bool,
}

/// Shows two workflows side by side.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  autoos workflow diff wf-0198… wf-0199…")]
pub(crate) struct Diff {
    /// The one
    left: WorkflowId,
    /// The other
    right: WorkflowId,
}

impl Fork {
    pub(super) async fn with(self, door: &Door, output: Output) -> anyhow::Result<u8> {
        let mut body = json!({ "at": self.at });
        if let Some(model) = &self.model {
            body["model"] = json!(model);
        }
        let made = door.post(&format!("/api/v1/workflows/{}/fork", self.id), &body).await?;
        let fork: WorkflowId = show::text(&made, "workflow_id").parse()?;
        if self.no_wait {
            print(&made, output, |_| {
                show::line(&format!(
                    "{fork} goes on from the first {} events of {}",
                    self.at, self.id
                ));
                show::line(&format!("compare them: autoos workflow diff {} {fork}", self.id));
            });
            return Ok(COMPLETED);
        }
        let code = match output {
            Output::Text => watch(door, &fork, self.at, output).await?,
            // One document is printed: the comparison, which names the fork.
            Output::Json => settled(door, &fork).await?,
        };
        let found = compare(door, &self.id, &fork).await?;
        print(&found, output, |found| {
            show::line("");
            show::comparison(found);
        });
        Ok(code)
    }
}

impl Diff {
    pub(super) async fn with(self, door: &Door, output: Output) -> anyhow::Result<u8> {
        print(&compare(door, &self.left, &self.right).await?, output, show::comparison);
        Ok(COMPLETED)
    }
}

async fn compare(door: &Door, left: &WorkflowId, right: &WorkflowId) -> anyhow::Result<Value> {
    let with = encoded(&right.to_string());
    door.get(&format!("/api/v1/workflows/{left}/diff?with={with}")).await
}

/// Waits without a word until it has ended or asks a human, and gives its exit code.
async fn settled(door: &Door, id: &WorkflowId) -> anyhow::Result<u8> {
    use futures::StreamExt as _;
    let mut changes = door.watch(&id.to_string(), 0).await?;
    let known = super::workflow::events(door, id).await?;
    while let Some(change) = changes.next().await {
        if show::waits_for_human(&change?, known) {
            break;
        }
    }
    Ok(show::exit_code(&door.get(&format!("/api/v1/workflows/{id}")).await?))
}
