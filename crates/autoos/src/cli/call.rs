//! `call`: what clients asked of models through the node, and what came of it.

use super::{COMPLETED, Global, workflow::print};
use crate::{
    config::Config,
    door::{Door, encoded},
    show,
};
use clap::Subcommand;

/// What clients asked of models through the node.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  autoos call list\n  autoos call show 0198…")]
pub(crate) enum Call {
    /// List calls, newest first
    List {
        /// So many at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Where to go on: `next` of the page before
        #[arg(long, value_name = "TOKEN")]
        page: Option<String>,
    },
    /// Show a call, with what was asked and answered
    Show {
        /// Its id: the header `autoos-call` of its answer
        id: String,
    },
}

impl Call {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, config).await?;
        let path = match &self {
            Self::List { limit, page } => {
                let page = page.as_ref().map(|page| format!("&page_token={}", encoded(page)));
                format!("/api/v1/calls?limit={limit}{}", page.unwrap_or_default())
            }
            Self::Show { id } => format!("/api/v1/calls/{}", encoded(id)),
        };
        let answer = door.get(&path).await;
        door.close().await;
        print(&answer?, global.output, |answer| match &self {
            Self::List { .. } => show::calls(answer),
            Self::Show { .. } => show::call(answer),
        });
        Ok(COMPLETED)
    }
}
