//! The node itself: `provider`, `key`, `cost`.

use super::{COMPLETED, Global, workflow::print};
use crate::{
    config::Config,
    door::{Door, encoded},
    show,
};
use axum::http::Method;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

/// Providers and their models.
#[derive(Debug, Subcommand)]
pub(crate) enum Provider {
    /// How every provider is doing
    List,
}

/// API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key and show it, once; from then on every request needs one
    Create {
        /// What it is for
        name: String,
        /// Whose it is
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// List keys
    List,
    /// Take a key away
    Revoke {
        /// Its id
        id: String,
    },
}

/// What was spent.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  autoos cost --by user,model,day")]
pub(crate) struct Cost {
    /// By what it is split, the first outermost
    #[arg(long, value_enum, value_delimiter = ',', default_value = "model")]
    by: Vec<By>,
}

/// What spending is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Whose key it came with
    Tenant,
    /// For whom
    User,
    /// The model that was asked
    Model,
    /// The day in UTC
    Day,
}

impl Cost {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let names: Vec<&str> = self
            .by
            .iter()
            .map(|by| match by {
                By::Tenant => "tenant",
                By::User => "user",
                By::Model => "model",
                By::Day => "day",
            })
            .collect();
        let door = Door::open(global, config).await?;
        door.whole().await?;
        let spent = door.get(&format!("/api/v1/costs?by={}", names.join(","))).await;
        door.close().await;
        print(&spent?, global.output, show::cost);
        Ok(COMPLETED)
    }
}

impl Provider {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let Self::List = self;
        let door = Door::open(global, config).await?;
        let providers = door.get("/api/v1/providers").await;
        door.close().await;
        print(&providers?, global.output, show::providers);
        Ok(COMPLETED)
    }
}

impl Key {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, config).await?;
        let answer = match &self {
            Self::Create { name, tenant } => {
                door.post("/api/v1/keys", &json!({ "name": name, "tenant": tenant })).await
            }
            Self::List => door.get("/api/v1/keys").await,
            Self::Revoke { id } => {
                door.ask(Method::DELETE, &format!("/api/v1/keys/{}", encoded(id)), None).await
            }
        };
        door.close().await;
        print(&answer?, global.output, |answer| match &self {
            Self::Create { .. } => show::new_key(answer),
            Self::List => show::keys(answer),
            Self::Revoke { id } => show::line(&format!("{id} is revoked")),
        });
        Ok(COMPLETED)
    }
}
