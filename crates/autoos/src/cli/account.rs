//! `account`: what tenants and users may spend in all their workflows.

use super::{COMPLETED, Global, run::dollars, workflow::print};
use crate::{
    config::Config,
    door::{Door, encoded, with_query},
    show,
};
use axum::http::Method;
use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use serde_json::json;

/// Accounts of tenants and users.
#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Set what a tenant or a user may spend; in force at once for what is submitted from then on
    #[command(after_help = "Examples:\n  autoos account set --limit 5.00 --per day\n  \
        autoos account set --tenant acme --user ann --limit 0.50\n  \
        autoos account set --tenant acme --limit none")]
    Set {
        #[command(flatten)]
        whose: Whose,
        /// So many dollars, or none for no limit
        #[arg(long, value_name = "USD", value_parser = limit)]
        limit: Limit,
        /// After how long it begins anew, in UTC: day, month or total, which is never
        #[arg(long, default_value = "total", value_parser = ["day", "month", "total"])]
        per: String,
    },
    /// List accounts: limits, what was spent, what is left
    List {
        /// Only those of this tenant
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Show one account
    Show {
        #[command(flatten)]
        whose: Whose,
    },
}

/// Whose account.
#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// The tenant
    #[arg(long, default_value = "default", value_parser = NonEmptyStringValueParser::new())]
    tenant: String,
    /// One of its users; without it the account counts what all of them spend
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    user: Option<String>,
}

/// A limit as it was typed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(Option<f64>);

fn limit(typed: &str) -> Result<Limit, String> {
    match typed {
        "none" => Ok(Limit(None)),
        amount => dollars(amount).map(|usd| Limit(Some(usd))),
    }
}

impl Whose {
    fn path(&self) -> String {
        let path = format!("/api/v1/accounts/{}", encoded(&self.tenant));
        with_query(&path, &[("user", self.user.clone())])
    }
}

impl Account {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, config).await?;
        let answer = match &self {
            Self::Set { whose, limit: Limit(usd), per } => {
                let body = json!({ "limit_usd": usd, "period": per });
                door.ask(Method::PUT, &whose.path(), Some(&body)).await
            }
            Self::List { tenant } => {
                door.get(&with_query("/api/v1/accounts", &[("tenant", tenant.clone())])).await
            }
            Self::Show { whose } => door.get(&whose.path()).await,
        };
        door.close().await;
        print(&answer?, global.output, |answer| match &self {
            Self::List { .. } => show::accounts(answer),
            Self::Set { .. } | Self::Show { .. } => show::account(answer),
        });
        Ok(COMPLETED)
    }
}
