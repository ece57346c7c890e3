//! `serve`: a node that stays.

use super::{COMPLETED, Global, Output};
use crate::{
    config::Config,
    node::{self, Node},
    show,
};
use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tokio::net::TcpListener;

/// Serves gRPC and REST on one port.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where it listens
    #[arg(long, env = "AUTOOS_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// A folder whose files tools may read, and clients may name as contexts
    #[arg(long, value_name = "DIR")]
    root: Vec<PathBuf>,
    /// A folder in which tools may write
    #[arg(long, value_name = "DIR")]
    write_root: Vec<PathBuf>,
    /// A host, NAME or NAME:PORT, that http.get may ask although it is not public
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
}

impl Serve {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let mut config = config.clone();
        config.tools.roots.extend(self.root.iter().cloned());
        config.gateway.file_roots.extend(self.root);
        config.tools.write_roots.extend(self.write_root);
        config.tools.allow_hosts.extend(self.allow_host);
        let dir = config.data_dir(global.data_dir.as_deref())?;
        node::make_data_dir(&dir)?;
        // The port first: a node that cannot be reached must not take up work.
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr()?;
        let node = Node::start(&config, &dir).await?;
        node.gateway.check(address)?;
        node.announce(&format!("http://{address}"))?;
        said(global.output, &dir, address, node.keys.is_open());
        let served = node.gateway.serve(listener, stopped()).await;
        match global.output {
            Output::Json => show::line(&json!({ "event": "stopping" }).to_string()),
            Output::Text => show::line("stopping"),
        }
        node.stop().await;
        served.context("serving ended")?;
        Ok(COMPLETED)
    }
}

/// Tells where the node listens, and who is served.
fn said(output: Output, dir: &Path, address: SocketAddr, open: bool) {
    let url = format!("http://{address}");
    if output == Output::Json {
        let said = json!({ "event": "listening", "url": url, "data_dir": dir, "open": open });
        return show::line(&said.to_string());
    }
    show::line(&format!("listening on {url} (gRPC and REST; documentation at /docs)"));
    show::line(&format!("data in {}", dir.display()));
    if open {
        show::line("no API key exists: only this machine is served, and any X-API-Key will do");
    }
}

/// Until someone asks the process to end.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        // Ctrl-C alone then.
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
