//! `lesson`: what recurring failures have taught.

use super::{COMPLETED, Global, workflow::print};
use crate::{config::Config, door::Door, show};
use clap::Subcommand;
use serde_json::json;

/// Lessons from failures.
#[derive(Debug, Subcommand)]
pub(crate) enum Lesson {
    /// List lessons, the reverted ones included
    List,
    /// Take a lesson back; it takes new failures to learn it again
    Revert {
        /// Its number
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        number: u32,
    },
}

impl Lesson {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, config).await?;
        let answer = match self {
            Self::List => door.get("/api/v1/lessons").await,
            Self::Revert { number } => {
                door.post(&format!("/api/v1/lessons/{number}/revert"), &json!({})).await
            }
        };
        door.close().await;
        print(&answer?, global.output, |answer| match self {
            Self::List => show::lessons(answer),
            Self::Revert { number } => show::line(&format!("lesson {number} counts no longer")),
        });
        Ok(COMPLETED)
    }
}
