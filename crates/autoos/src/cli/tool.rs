//! Tools by hand: the same registry, schemas and bounds that agents have, without a node.

use super::{COMPLETED, Global, Output};
use crate::{config::Config, fail::Said, show};
use anyhow::Context as _;
use autoos_kernel::tool::Catalog as _;
use autoos_tools::{Failure, Registry, ToolCall, ToolGateway as _};
use clap::Subcommand;
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc};

/// Tools.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// List the tools
    List,
    /// Show a tool's arguments
    Describe {
        /// Its name
        name: String,
    },
    /// Call a tool
    ///
    /// The file in `path` may be read wherever it is, since whoever types it may read it too.
    #[command(after_help = CALL_EXAMPLE)]
    Call {
        /// Its name
        name: String,
        /// Its arguments, a JSON object
        #[arg(long, default_value = "{}")]
        args: String,
        /// A folder whose files it may read besides
        #[arg(long, value_name = "DIR")]
        root: Vec<PathBuf>,
        /// A folder in which it may write
        #[arg(long, value_name = "DIR")]
        write_root: Vec<PathBuf>,
        /// A host, NAME or NAME:PORT, that http.get may ask although it is not public
        #[arg(long, value_name = "HOST")]
        allow_host: Vec<String>,
        /// Of a tool with effects: the key under which it runs at most once
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
}

const CALL_EXAMPLE: &str = "\
Example:
  autoos tool call logs.analyze --args '{\"path\": \"system.log\", \"assignments\": true}'";

impl Tool {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        match self {
            Self::List => {
                let tools = registry(global, config, &[], &[], &[])?;
                let specs: Vec<Value> = tools.tools().iter().map(|spec| json!(spec)).collect();
                match global.output {
                    Output::Json => show::json(&json!({ "tools": specs })),
                    Output::Text => show::tools(&specs),
                }
                Ok(COMPLETED)
            }
            Self::Describe { name } => {
                let tools = registry(global, config, &[], &[], &[])?;
                let spec = tools.tool(&name).ok_or_else(|| unknown(&tools, &name))?;
                show::json(&json!(spec));
                Ok(COMPLETED)
            }
            Self::Call { name, args, root, write_root, allow_host, idempotency_key } => {
                let tools = registry(global, config, &root, &write_root, &allow_host)?;
                let args: Value = serde_json::from_str(&args).context("--args is no JSON")?;
                let granted = args.get("path").and_then(Value::as_str);
                let granted = granted.and_then(|path| std::fs::canonicalize(path).ok());
                let mut args = args.clone();
                if let Some(path) = &granted {
                    args["path"] = json!(path);
                }
                let call = ToolCall {
                    tool: name,
                    args,
                    idempotency_key,
                    deadline: None,
                    granted: granted.into_iter().filter(|path| path.is_file()).collect(),
                    stop: autoos_tools::Stop::default(),
                };
                match tools.call(call).await {
                    Ok(result) => {
                        show::json(&result.output);
                        Ok(COMPLETED)
                    }
                    Err(failure) => Err(said(&failure).into()),
                }
            }
        }
    }
}

/// A tool's failure, by what to do about it.
fn said(failure: &Failure) -> Said {
    let (code, what_to_do) = match failure {
        Failure::Invalid(_) => ("invalid", "see what it takes: autoos tool describe NAME"),
        Failure::Denied(_) => (
            "forbidden",
            "open what it may touch: --root DIR, --write-root DIR or --allow-host HOST",
        ),
        Failure::Unknown(_) => ("not_found", "see what there is: autoos tool list"),
        Failure::Unavailable(_) => ("unavailable", "try again later"),
        Failure::Timeout(_) => ("timeout", "give it less to do at once"),
        _ => ("crashed", "repeat it with --log info; it is a fault of the tool"),
    };
    Said::new(code, failure.to_string(), what_to_do)
}

fn unknown(tools: &Registry, name: &str) -> Said {
    let known: Vec<&str> = tools.tools().iter().map(|spec| spec.name.as_str()).collect();
    let known = format!("there are {}", known.join(", "));
    Said::new("not_found", format!("no tool is called {name:.64?}"), known)
}

fn registry(
    global: &Global,
    config: &Config,
    roots: &[PathBuf],
    write_roots: &[PathBuf],
    hosts: &[String],
) -> anyhow::Result<Arc<Registry>> {
    let dir = config.data_dir(global.data_dir.as_deref())?;
    let tools = config.registry(&dir).roots(roots).write_roots(write_roots).allow_hosts(hosts);
    tools.build().context("in the configuration of the tools")
}
