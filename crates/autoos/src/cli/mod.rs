//! Commands: what can be typed, and who does it.

mod account;
mod audit;
mod backup;
mod bench;
mod bench_calls;
mod bench_tracing;
mod bench_waiting;
mod call;
mod cpu;
mod demo;
mod doctor;
mod escalation;
mod eval;
mod fork;
mod lesson;
mod log;
mod node_commands;
mod run;
mod serve;
mod tool;
mod top;
mod trace;
mod why;
mod workflow;

pub(crate) use run::follow;

use crate::{config::Config, fail::Said, logs, show};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use serde_json::json;
use std::{io::IsTerminal as _, path::PathBuf};

/// Exit codes.
pub(crate) const COMPLETED: u8 = 0;
pub(crate) const ERROR: u8 = 1;
pub(crate) const USAGE: u8 = 2;
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
  autoos why wf-0198…
  autoos audit show wf-0198…
  autoos escalation resolve wf-0198… retry
  autoos doctor

Exit codes: 0 completed, 1 error, 2 usage, 3 workflow or verification failed, 4 escalated, 5 cancelled.";

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
    /// What happened and why, and files that prove it
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Why a workflow came out as it did, and what each claim of its result rests on
    Why(why::Why),
    /// What clients asked of models through the node
    #[command(subcommand)]
    Call(call::Call),
    /// The spans of a workflow
    #[command(subcommand)]
    Trace(trace::Trace),
    /// Questions that wait for a human
    #[command(subcommand)]
    Escalation(escalation::Escalation),
    /// What was spent
    Cost(node_commands::Cost),
    /// What tenants and users may spend
    #[command(subcommand)]
    Account(account::Account),
    /// Providers and their models
    #[command(subcommand)]
    Provider(node_commands::Provider),
    /// Lessons from failures that recur
    #[command(subcommand)]
    Lesson(lesson::Lesson),
    /// How much a node logs
    #[command(subcommand)]
    Log(log::Log),
    /// The fabric's decisions on recorded data, offline: JSON lines in, JSON lines out
    #[command(subcommand)]
    Eval(eval::Eval),
    /// Tools
    #[command(subcommand)]
    Tool(tool::Tool),
    /// API keys
    #[command(subcommand)]
    Key(node_commands::Key),
    /// Copies of a data directory
    #[command(subcommand)]
    Backup(backup::Backup),
    /// Look this machine and the data directory over; every line says what to do
    Doctor(doctor::Doctor),
    /// Watch the node that runs: workflows, throughput, cost, providers
    Top(top::Top),
    /// Measure a node
    Bench(bench::Bench),
    /// Watch the node heal itself: vendors that lie, hang, die and overcharge, played offline
    #[command(subcommand)]
    Demo(demo::Demo),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Reads what was typed; what cannot be read has been told, in the way that was asked for, when
/// this gives its exit code.
pub(crate) fn parse() -> Result<Arguments, u8> {
    Arguments::try_parse().map_err(|error| {
        let text = !error.use_stderr() || {
            let typed: Vec<String> =
                std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
            !typed.iter().any(|word| word == "--output=json")
                && !typed.windows(2).any(|pair| pair == ["--output", "json"])
        };
        if text {
            // Whoever closed the pipe wants no more.
            let _ = error.print();
        } else {
            let text = error.render().to_string();
            let (sentence, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
            let sentence = sentence.trim().trim_start_matches("error: ").replace('\n', " ");
            let rest = rest.trim().replace('\n', " ");
            let advice = if rest.is_empty() { "see autoos --help".to_owned() } else { rest };
            Said::new("usage", sentence, advice).print(Output::Json);
        }
        u8::try_from(error.exit_code()).unwrap_or(USAGE)
    })
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
        Command::Why(why) => why.run(global, &config).await,
        Command::Trace(trace) => trace.run(global, &config).await,
        Command::Lesson(lesson) => lesson.run(global, &config).await,
        Command::Escalation(escalation) => escalation.run(global, &config).await,
        Command::Call(call) => call.run(global, &config).await,
        Command::Cost(cost) => cost.run(global, &config).await,
        Command::Account(account) => account.run(global, &config).await,
        Command::Provider(provider) => provider.run(global, &config).await,
        Command::Log(log) => log.run(global, &config).await,
        Command::Eval(eval) => eval.run(global),
        Command::Tool(tool) => tool.run(global, &config).await,
        Command::Key(key) => key.run(global, &config).await,
        Command::Backup(backup) => backup.run(global, &config).await,
        Command::Doctor(doctor) => doctor.run(global, &config).await,
        Command::Top(top) => top.run(global, &config).await,
        Command::Bench(bench) => bench.run(global, &config).await,
        Command::Demo(demo) => demo.run(global.output).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "autoos", &mut script);
            let script = String::from_utf8_lossy(&script);
            match global.output {
                Output::Json => {
                    show::json(&json!({ "shell": shell.to_string(), "script": script }))
                }
                Output::Text => show::line(script.trim_end()),
            }
            Ok(COMPLETED)
        }
    }
}

fn start_logging(global: &Global) -> anyhow::Result<()> {
    let form = match global.log_format {
        Output::Json => logs::Form::Json,
        Output::Text => logs::Form::Text { colour: std::io::stderr().is_terminal() },
    };
    logs::start(&global.log, form).map_err(|error| {
        let advice = "write a level, info for example, or module=level, comma-separated";
        Said::new("usage", format!("--log {}: {error}", global.log), advice).into()
    })
}
