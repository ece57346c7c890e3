//! `log`: how much a node logs, while it runs.

use super::{COMPLETED, Global, workflow::print};
use crate::{config::Config, door::Door, fail::Said, show};
use axum::http::Method;
use clap::Subcommand;
use serde_json::json;

/// The log of a node.
#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    /// Show the filter in force, or put another in force until the node ends
    #[command(after_help = "Examples:\n  autoos log level\n  autoos log level info\n  \
        autoos log level warn,autoos_fabric=debug")]
    Level {
        /// A level, or module=level, comma-separated
        filter: Option<String>,
    },
}

impl Log {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        // A node inside this process would log as long as this command takes.
        let Some(door) = Door::running(global, config).await? else {
            return Err(Said::new(
                "no_node",
                "no node runs on this data directory",
                "start one with autoos serve, or name one with --node URL",
            )
            .into());
        };
        let Self::Level { filter } = self;
        let answer = match filter {
            None => door.get("/api/v1/log").await,
            Some(filter) => {
                door.ask(Method::PUT, "/api/v1/log", Some(&json!({ "level": filter }))).await
            }
        };
        door.close().await;
        print(&answer?, global.output, |answer| show::line(&show::text(answer, "level")));
        Ok(COMPLETED)
    }
}
