//! The edge of AUTOOS: gRPC, gRPC-web and REST on one port.
//!
//! It authenticates, converts, admits or refuses, and hands over to the runtime; what it shows it
//! reads from the views and never from an actor. Every operation is written once, in `edge`; the
//! protocols only convert. Every error is one row of one table, in `fault`.
//! Left out: TLS and CORS (a proxy's or the cluster's), and quotas per key.

mod accounts;
mod answer;
mod ask;
mod audit;
mod auth;
mod backups;
mod body;
mod call;
mod edge;
mod explain;
mod fault;
mod grpc;
mod json;
mod layer;
mod log;
mod meters;
mod nodes;
mod openai;
mod options;
mod rest;
mod serve;
mod uploads;
mod webhook;
mod wire;

pub use auth::OwnerToken;
pub use backups::{Backup, Backups};
pub use log::LogLevel;
pub use nodes::{BadSecret, Directory, Nodes};
pub use openai::{CacheOptions, OpenaiOptions};
pub use options::Options;
pub use webhook::{Deliveries, Webhook, WebhookOptions};

use autoos_fabric::ProviderStatus;
use autoos_guard::Keys;
use autoos_journal::Groups;
use autoos_meter::Family;
use autoos_runtime::Runtime;
use autoos_views::Views;
use edge::{Edge, Inner, Limits};
use std::{future::Future, io, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::watch};

/// Says how the providers are doing.
pub type Providers = Arc<dyn Fn() -> Vec<ProviderStatus> + Send + Sync>;
/// Gives the metrics of what only the wiring knows; asked on a thread that may block.
pub type Figures = Arc<dyn Fn() -> Vec<Family> + Send + Sync>;

/// What the edge stands on.
pub struct GatewayParts {
    /// Takes intents and commands.
    pub runtime: Runtime,
    /// Folds of the same journal, for reading.
    pub views: Views,
    /// Who may come in.
    pub keys: Keys,
    /// Says how the providers are doing; none shows none.
    pub providers: Option<Providers>,
    /// More metrics; none gives none.
    pub figures: Option<Figures>,
    /// Makes backups; none makes none.
    pub backups: Option<Backups>,
    /// Changes how much is logged; none changes nothing.
    pub log_level: Option<LogLevel>,
    /// Signs checkpoints of the journal; none signs none, and exports nothing.
    pub keeper: Option<Arc<autoos_audit::Keeper>>,
    /// Opens the node to whoever can read its data directory; none does not.
    pub owner: Option<OwnerToken>,
    /// The other nodes; none where this one is alone.
    pub nodes: Option<Nodes>,
    /// Limits and times.
    pub options: Options,
}

/// Why the edge does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Without a key nobody could be told from anybody.
    #[error(
        "no API key exists, so only this machine may be served, and {0} can be reached from \
         others: listen on 127.0.0.1, or make a key first with `autoos key create`"
    )]
    OpenToAll(SocketAddr),
    /// Between nodes nothing is encrypted.
    #[error(
        "nodes speak without TLS, so they may only meet on one machine, and {0} can be reached from \
         others: listen on 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// The folder of uploads, or the listener, cannot be used.
    #[error("{what}: {error}")]
    Io {
        /// Which.
        what: &'static str,
        /// What the system says.
        error: io::Error,
    },
}

/// The edge, ready to serve.
pub struct Gateway {
    edge: Edge,
    stop: watch::Sender<bool>,
}

impl Gateway {
    /// An edge on these parts. Consumer groups are leased by it: one gateway per journal.
    #[must_use]
    pub fn new(parts: GatewayParts) -> Self {
        let GatewayParts {
            runtime,
            views,
            keys,
            providers,
            figures,
            backups,
            log_level,
            keeper,
            owner,
            nodes,
            options,
        } = parts;
        let journal = runtime.parts().journal.clone();
        let calls = openai::Calls::start(journal.clone(), runtime.parts().clock.clone(), &options);
        let (stop, stopping) = watch::channel(false);
        let edge = Edge::new(Inner {
            runtime,
            views,
            groups: Groups::new(journal.clone()),
            journal,
            providers,
            figures,
            backups,
            log_level,
            keeper,
            auth: auth::Auth::new(keys, owner),
            uploads: uploads::Uploads::new(&options),
            meters: meters::Meters::default(),
            nodes,
            calls,
            limits: Limits::new(&options),
            options,
            stopping,
        });
        Self { edge, stop }
    }

    /// The same routes without a port, for the process that holds the data directory: whoever
    /// can read its files needs no key, and sees what the operator sees.
    pub fn local(&self) -> axum::Router {
        serve::app(&self.edge).layer(axum::Extension(auth::Owner))
    }

    /// Whether it would serve on this address.
    ///
    /// # Errors
    /// [`Error::OpenToAll`] when no key exists and the address is reached from other machines.
    pub fn check(&self, address: SocketAddr) -> Result<(), Error> {
        let local = address.ip().to_canonical().is_loopback();
        if local || !self.edge.auth.is_open() { Ok(()) } else { Err(Error::OpenToAll(address)) }
    }

    /// Serves until `shutdown`; then streams end, and what runs has
    /// [`drain_ms`](Options::drain_ms) to end.
    ///
    /// # Errors
    /// As [`Self::check`], and [`Error::Io`] for the listener and the folder of uploads.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let address =
            listener.local_addr().map_err(|error| Error::Io { what: "listener", error })?;
        self.check(address)?;
        let cleaned = self.edge.uploads.clean().await;
        cleaned.map_err(|error| Error::Io { what: "uploads", error })?;
        serve::run(&self.edge, serve::app(&self.edge), listener, &self.stop, shutdown).await;
        self.edge.calls.recorder.flush().await;
        Ok(())
    }

    /// Serves the other nodes until `shutdown`: what they hand over, and nobody else. Strangers are
    /// refused by the secret of [`Nodes`], without which nobody comes in.
    ///
    /// # Errors
    /// [`Error::NotLoopback`] for an address that is reached from other machines.
    pub async fn serve_nodes(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let address =
            listener.local_addr().map_err(|error| Error::Io { what: "listener", error })?;
        if !address.ip().to_canonical().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let app = serve::node_app(&self.edge);
        serve::run(&self.edge, app, listener, &self.stop, shutdown).await;
        Ok(())
    }
}
