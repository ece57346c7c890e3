//! `why`: what led to a workflow's result, from its journal.

use super::{COMPLETED, Global, Output};
use crate::{
    config::Config,
    door::{Door, with_query},
    show,
};
use autoos_kernel::id::WorkflowId;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  autoos why wf-0198…
  autoos why wf-0198… --long
  autoos why wf-0198… \"5,712\"     what this figure of the result rests on
  autoos why wf-0198… 3            the same for the third claim";

/// Why a workflow came out as it did.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Why {
    /// The workflow's id
    id: WorkflowId,
    /// Only this claim of the result: its number, or a part of its text
    claim: Option<String>,
    /// Everything: every attempt, score, recipe and event
    #[arg(long)]
    long: bool,
}

impl Why {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, config).await?;
        let path = format!("/api/v1/workflows/{}/why", self.id);
        let why = door.get(&with_query(&path, &[("claim", self.claim.clone())])).await;
        door.close().await;
        let why = why?;
        match (global.output, &self.claim) {
            (Output::Json, _) => show::json(&why),
            (Output::Text, Some(_)) => show::claims(&why),
            (Output::Text, None) => show::why(&why, self.long),
        }
        Ok(COMPLETED)
    }
}
