//! Intents: `run`, `plan`, `apply`, `intent submit`.

use super::{COMPLETED, Global, Output};
use crate::{
    config::Config,
    door::{Door, TypedContext},
    fail::Said,
    show,
};
use anyhow::Context as _;
use autoos_kernel::words::RiskLevel;
use clap::{Args, Subcommand};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The longest deadline, in seconds.
const DECADE: u64 = 10 * 366 * 86_400;

/// An amount as it was typed; what is no number would be sent as nothing.
pub(super) fn dollars(typed: &str) -> Result<f64, String> {
    let amount = typed.parse::<f64>().map_err(|why| why.to_string())?;
    let good = amount.is_finite() && amount >= 0.0;
    if good { Ok(amount) } else { Err("write an amount of dollars, 0 or more".to_owned()) }
}

/// What an intent can come with.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// What comes with it: NAME=@FILE, NAME=TEXT or @FILE; can be given more than once
    #[arg(long, short, value_name = "NAME=@FILE")]
    context: Vec<TypedContext>,
    /// What a wrong answer would cost: low, medium, high or critical
    #[arg(long, default_value = "medium")]
    risk: RiskLevel,
    /// What it may cost, in dollars [default: 1]
    #[arg(long, value_name = "USD", value_parser = dollars)]
    budget: Option<f64>,
    /// When it fails if it is not done, in seconds from now
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=DECADE))]
    deadline: Option<u64>,
    /// For whom
    #[arg(long, env = "USER", default_value = "local")]
    user: String,
    /// The same key gives the same workflow
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// A folder whose files tools may read
    #[arg(long, value_name = "DIR")]
    root: Vec<PathBuf>,
    /// A folder in which tools may write
    #[arg(long, value_name = "DIR")]
    write_root: Vec<PathBuf>,
    /// A host, NAME or NAME:PORT, that http.get may ask although it is not public
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
}

/// Runs an intent.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// What is asked
    intent: String,
    #[command(flatten)]
    asked: Asked,
}

/// Shows a plan.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// What is asked
    intent: String,
    /// Where the plan goes, as JSON or, with the ending .toml, as TOML
    #[arg(long = "out", short = 'o', value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    asked: Asked,
}

/// Runs a plan file.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The plan, JSON or TOML
    file: PathBuf,
    /// What is asked, for those who read it later [default: the plan's own summary]
    #[arg(long)]
    intent: Option<String>,
    #[command(flatten)]
    asked: Asked,
}

/// Intents.
#[derive(Debug, Subcommand)]
pub(crate) enum Intent {
    /// Submit an intent to a node and print its ids, without waiting for the end
    Submit(Run),
}

impl Asked {
    /// The configuration with what this command allows besides; only a node in this process
    /// listens to it.
    fn extend(&self, config: &Config) -> Config {
        let mut config = config.clone();
        config.tools.roots.extend(self.root.iter().cloned());
        config.tools.write_roots.extend(self.write_root.iter().cloned());
        config.tools.allow_hosts.extend(self.allow_host.iter().cloned());
        for context in &self.context {
            if let crate::door::TypedContent::File(path) = &context.content
                && let Ok(path) = std::fs::canonicalize(path)
            {
                // Its folder would open more than was named; the file alone is enough.
                config.gateway.file_roots.push(path);
            }
        }
        config
    }

    async fn request(&self, door: &Door, intent: &str) -> anyhow::Result<Value> {
        let mut request = json!({
            "intent": intent,
            "user_id": self.user,
            "risk": self.risk,
            "context": door.contexts(&self.context).await?,
        });
        let mut set = |name: &str, value: Value| request[name] = value;
        if let Some(budget) = self.budget {
            set("budget_usd", json!(budget));
        }
        if let Some(seconds) = self.deadline {
            let now = autoos_runtime::Clock::now(&autoos_runtime::SystemClock);
            set("deadline", json!(now.plus_ms(seconds.saturating_mul(1_000)).to_string()));
        }
        if let Some(key) = &self.idempotency_key {
            set("idempotency_key", json!(key));
        }
        Ok(request)
    }
}

impl Run {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, &self.asked.extend(config)).await?;
        let request = self.asked.request(&door, &self.intent).await?;
        finish(door, request, global.output).await
    }
}

impl Plan {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, &self.asked.extend(config)).await?;
        let request = self.asked.request(&door, &self.intent).await?;
        let planned = door.post("/api/v1/plans", &request).await;
        door.close().await;
        let planned = planned?;
        if let Some(path) = &self.file {
            let plan = planned.get("plan").context("the node's answer has no plan")?;
            let text = if path.extension().is_some_and(|e| e == "toml") {
                toml::to_string_pretty(plan)?
            } else {
                format!("{plan:#}\n")
            };
            std::fs::write(path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        match global.output {
            Output::Json => show::json(&planned),
            Output::Text => show::plan(&planned),
        }
        Ok(COMPLETED)
    }
}

impl Apply {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let text = std::fs::read_to_string(&self.file)
            .with_context(|| format!("cannot read the plan {}", self.file.display()))?;
        let plan: autoos_kernel::plan::Plan = if self.file.extension().is_some_and(|e| e == "toml")
        {
            toml::from_str(&text).with_context(|| format!("in {}", self.file.display()))?
        } else if text.trim_start().starts_with('[') {
            // A list would pass for a plan, field by field.
            let said = format!("{} is a list, and a plan is an object", self.file.display());
            return Err(Said::new("malformed", said, "see what plan -o FILE writes").into());
        } else {
            serde_json::from_str(&text).with_context(|| format!("in {}", self.file.display()))?
        };
        let said = [&plan.intent.summary, &plan.name];
        let summary = said.into_iter().find(|text| !text.is_empty());
        let intent = self.intent.as_ref().or(summary).context("the plan has no name")?.clone();
        let door = Door::open(global, &self.asked.extend(config)).await?;
        let mut request = self.asked.request(&door, &intent).await?;
        request["plan"] = serde_json::to_value(&plan)?;
        finish(door, request, global.output).await
    }
}

impl Intent {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let Self::Submit(run) = self;
        let door = Door::open(global, &run.asked.extend(config)).await?;
        let request = run.asked.request(&door, &run.intent).await?;
        let submitted = door.post("/api/v1/intents", &request).await;
        door.close().await;
        let submitted = submitted?;
        match global.output {
            Output::Json => show::json(&submitted),
            Output::Text => {
                show::line(&format!("intent    {}", show::text(&submitted, "intent_id")));
                show::line(&format!("workflow  {}", show::text(&submitted, "workflow_id")));
            }
        }
        Ok(COMPLETED)
    }
}

/// Submits, follows, prints; closes the door whatever happens.
async fn finish(door: Door, request: Value, output: Output) -> anyhow::Result<u8> {
    let code = submit_and_follow(&door, request, output).await;
    door.close().await;
    code
}

async fn submit_and_follow(door: &Door, request: Value, output: Output) -> anyhow::Result<u8> {
    let submitted = door.post("/api/v1/intents", &request).await?;
    let id = show::text(&submitted, "workflow_id").to_owned();
    let mut progress = show::Progress::new(output, &show::text(&request, "intent"), &id);
    follow(door, &id, (0, 0), &mut progress).await?;
    let view = door.get(&format!("/api/v1/workflows/{id}")).await?;
    match output {
        Output::Json => show::json(&view),
        Output::Text => show::result(&view),
    }
    Ok(show::exit_code(&view))
}

/// Shows what happens from sequence `from` on, until the workflow ends or waits for a human; what
/// it waited for before sequence `known` is history. Ctrl-C cancels it.
pub(crate) async fn follow(
    door: &Door,
    id: &str,
    (from, known): (u64, u64),
    progress: &mut show::Progress,
) -> anyhow::Result<()> {
    let mut changes = door.watch(id, from).await?;
    let mut cancelled = false;
    loop {
        let change = tokio::select! {
            change = changes.next() => change,
            _ = tokio::signal::ctrl_c(), if !cancelled => {
                cancelled = true;
                progress.say("cancelling (press Ctrl-C again to leave it running)");
                let reason = json!({ "reason": "interrupted at the terminal" });
                door.post(&format!("/api/v1/workflows/{id}/cancel"), &reason).await?;
                continue;
            }
            _ = tokio::signal::ctrl_c(), if cancelled => anyhow::bail!("left while {id} was being cancelled"),
        };
        let Some(change) = change else { return Ok(()) };
        let change = change?;
        if progress.new_plan(&change) {
            let view = door.get(&format!("/api/v1/workflows/{id}")).await?;
            progress.plan(&view);
        }
        progress.change(&change);
        if show::waits_for_human(&change, known) {
            return Ok(());
        }
    }
}
