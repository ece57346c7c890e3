//! Commands: what can be typed, and who does it.

mod bench;
mod node_commands;
mod run;
mod serve;
mod tool;
mod workflow;

use crate::config::Config;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Exit codes.
pub(crate) const COMPLETED: u8 = 0;
pub(crate) const ERROR: u8 = 1;
pub(crate) const FAILED: u8 = 3;
pub(crate) const ESCALATED: u8 = 4;
pub(crate) const CANCELLED: u8 = 5;

/// An automation operating system for intelligence: state an intent, get a verified answer.
#[derive(Debug, Parser)]
#[command(name = "autoos", version, about, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  autoos run \"Analyze the system logs and identify errors\" --context log=@system.log
  autoos run \"Which region sold most in sales.csv?\" --context sales=@sales.csv --output json
  autoos serve
  autoos workflow list
  autoos audit show wf-0198…

Exit codes: 0 completed, 1 error, 2 usage, 3 workflow failed, 4 escalated, 5 cancelled.";

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Where everything is kept [default: the platform's data directory]
    #[arg(long, global = true, env = "AUTOOS_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The configuration file
    #[arg(long, global = true, env = "AUTOOS_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A node to speak to, instead of the one on the data directory
    #[arg(long, global = true, env = "AUTOOS_NODE", value_name = "URL")]
    pub(crate) node: Option<String>,
    /// The key to speak to a node with
    #[arg(long, global = true, env = "AUTOOS_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// How results are printed
    #[arg(long, global = true, default_value = "text")]
    pub(crate) output: Output,
    /// What is logged to standard error, for example info or autoos_runtime=debug
    #[arg(long, global = true, env = "AUTOOS_LOG", default_value = "warn", value_name = "FILTER")]
    pub(crate) log: String,
    /// How it is logged
    #[arg(long, global = true, env = "AUTOOS_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: Output,
}

/// For people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an intent and print its result
    Run(run::Run),
    /// Show the plan for an intent and what it may cost; runs nothing, spends nothing
    Plan(run::Plan),
    /// Run a plan file
    Apply(run::Apply),
    /// Serve gRPC and REST
    Serve(serve::Serve),
    /// Intents
    #[command(subcommand)]
    Intent(run::Intent),
    /// Workflows
    #[command(subcommand)]
    Workflow(workflow::Workflow),
    /// The audit trail of a workflow
    #[command(subcommand)]
    Audit(workflow::Audit),
    /// Questions that wait for a human
    #[command(subcommand)]
    Escalation(workflow::Escalation),
    /// What was spent
    Cost(workflow::Cost),
    /// Providers and their models
    #[command(subcommand)]
    Provider(node_commands::Provider),
    /// Tools
    #[command(subcommand)]
    Tool(tool::Tool),
    /// API keys
    #[command(subcommand)]
    Key(node_commands::Key),
    /// Copies of a data directory
    #[command(subcommand)]
    Backup(node_commands::Backup),
    /// Look a data directory over
    Doctor,
    /// Measure a node
    Bench(bench::Bench),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Does what was typed and gives the exit code.
pub(crate) async fn main(arguments: Arguments) -> anyhow::Result<u8> {
    let global = &arguments.global;
    start_logging(global)?;
    let config = Config::read(global.config.as_deref())?;
    match arguments.command {
        Command::Run(run) => run.run(global, &config).await,
        Command::Plan(plan) => plan.run(global, &config).await,
        Command::Apply(apply) => apply.run(global, &config).await,
        Command::Serve(serve) => serve.run(global, &config).await,
        Command::Intent(intent) => intent.run(global, &config).await,
        Command::Workflow(workflow) => workflow.run(global, &config).await,
        Command::Audit(audit) => audit.run(global, &config).await,
        Command::Escalation(escalation) => escalation.run(global, &config).await,
        Command::Cost(cost) => cost.run(global, &config).await,
        Command::Provider(provider) => provider.run(global, &config).await,
        Command::Tool(tool) => tool.run(global, &config).await,
        Command::Key(key) => key.run(global, &config).await,
        Command::Backup(backup) => backup.run(global, &config).await,
        Command::Doctor => node_commands::doctor(global, &config).await,
        Command::Bench(bench) => bench.run(global, &config).await,
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Arguments::command(),
                "autoos",
                &mut std::io::stdout(),
            );
            Ok(COMPLETED)
        }
    }
}

fn start_logging(global: &Global) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&global.log)
        .map_err(|error| anyhow::anyhow!("--log {}: {error}", global.log))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    match global.log_format {
        Output::Text => logs.init(),
        Output::Json => logs.json().init(),
    }
    Ok(())
}
