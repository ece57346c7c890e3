//! `serve`: a node that stays.

use super::{COMPLETED, Global};
use crate::{config::Config, node::Node, show};
use anyhow::Context as _;
use clap::Args;
use std::{net::SocketAddr, path::PathBuf};
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
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("cannot make the data directory {}", dir.display()))?;
        // The port first: a node that cannot be reached must not take up work.
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr()?;
        let node = Node::start(&config, &dir).await?;
        node.gateway.check(address)?;
        node.announce(&format!("http://{address}"))?;
        show::line(&format!(
            "listening on http://{address} (gRPC and REST; documentation at /docs)"
        ));
        show::line(&format!("data in {}", dir.display()));
        if node.keys.is_open() {
            show::line("no API key exists: only this machine is served, and any X-API-Key will do");
        }
        let served = node.gateway.serve(listener, stopped()).await;
        show::line("stopping");
        node.stop().await;
        served.context("serving ended")?;
        Ok(COMPLETED)
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
