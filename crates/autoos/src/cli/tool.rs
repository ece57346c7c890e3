//! Tools by hand: the same registry, schemas and bounds that agents have, without a node.

use super::{COMPLETED, ERROR, Global, Output};
use crate::{config::Config, show};
use anyhow::Context as _;
use autoos_kernel::tool::Catalog as _;
use autoos_tools::{Registry, ToolCall, ToolGateway as _};
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
                let spec = tools.tool(&name).with_context(|| unknown(&tools, &name))?;
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
                };
                match tools.call(call).await {
                    Ok(result) => {
                        show::json(&result.output);
                        Ok(COMPLETED)
                    }
                    Err(failure) => {
                        eprintln!("error: {failure}");
                        Ok(ERROR)
                    }
                }
            }
        }
    }
}

fn unknown(tools: &Registry, name: &str) -> String {
    let known: Vec<&str> = tools.tools().iter().map(|spec| spec.name.as_str()).collect();
    format!("no tool is called {name}; there are {}", known.join(", "))
}

fn registry(
    global: &Global,
    config: &Config,
    roots: &[PathBuf],
    write_roots: &[PathBuf],
    hosts: &[String],
) -> anyhow::Result<Arc<Registry>> {
    let dir = config.data_dir(global.data_dir.as_deref())?;
    let tools = Registry::builder()
        .roots(config.tools.roots.iter().chain(roots).cloned())
        .write_roots(config.tools.write_roots.iter().chain(write_roots).cloned())
        .allow_hosts(config.tools.allow_hosts.iter().chain(hosts).cloned())
        .data_dir(dir.join("tools"))
        .build()?;
    Ok(tools)
}
