//! A node: the parts put together over one data directory.

use crate::config::Config;
use anyhow::Context as _;
use autoos_fabric::Fabric;
use autoos_gateway::{Gateway, GatewayParts};
use autoos_guard::Keys;
use autoos_journal::{LocalJournal, LocalOptions};
use autoos_runtime::{Parts, Runtime, SystemClock};
use autoos_tools::Registry;
use autoos_views::Views;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A node that runs in this process.
pub(crate) struct Node {
    pub(crate) journal: Arc<LocalJournal>,
    pub(crate) runtime: Runtime,
    pub(crate) views: Views,
    pub(crate) gateway: Gateway,
    pub(crate) keys: Keys,
    dir: PathBuf,
}

/// What a running node leaves in its data directory, so that commands find it.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Address {
    /// Where it listens.
    pub(crate) url: String,
    /// Its process.
    pub(crate) pid: u32,
}

impl Address {
    fn path(dir: &Path) -> PathBuf {
        dir.join("node.json")
    }

    /// The address of the node on a data directory, if one left it there.
    pub(crate) fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(dir)).ok()?).ok()
    }
}

impl Node {
    /// Opens the data directory and starts everything on it.
    pub(crate) async fn start(config: &Config, dir: &Path) -> anyhow::Result<Self> {
        let journal = LocalJournal::open(LocalOptions::new(dir.join("journal")))
            .with_context(|| format!("cannot open the journal in {}", dir.display()))?;
        let fabric_config = config.fabric.clone().with_detected(|name| std::env::var(name).ok());
        let fabric =
            Fabric::start(fabric_config).await.context("in the configuration of the fabric")?;
        let tools = Registry::builder()
            .roots(config.tools.roots.clone())
            .write_roots(config.tools.write_roots.clone())
            .allow_hosts(config.tools.allow_hosts.clone())
            .data_dir(dir.join("tools"))
            .build()
            .context("in the configuration of the tools")?;
        let views = Views::start(journal.clone());
        let keys = Keys::open(journal.clone(), dir).await.context("cannot read the keys")?;
        let parts = Parts {
            journal: journal.clone(),
            llm: Arc::new(fabric.clone()),
            tools,
            clock: Arc::new(SystemClock),
        };
        let runtime = Runtime::start(parts, config.runtime.clone()).await?;
        let mut options = config.gateway.clone();
        options.uploads.get_or_insert_with(|| dir.join("uploads"));
        let gateway = Gateway::new(GatewayParts {
            runtime: runtime.clone(),
            views: views.clone(),
            keys: keys.clone(),
            providers: Some({
                let fabric = fabric.clone();
                Arc::new(move || fabric.status())
            }),
            samples: Some(crate::figures::of_journal(&journal)),
            options,
        });
        Ok(Self { journal, runtime, views, gateway, keys, dir: dir.to_owned() })
    }

    /// Says in the data directory where this node listens.
    pub(crate) fn announce(&self, url: &str) -> anyhow::Result<()> {
        let address = Address { url: url.to_owned(), pid: std::process::id() };
        let path = Address::path(&self.dir);
        std::fs::write(&path, serde_json::to_vec(&address)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Ends everything in order; what is in flight goes on with the next start.
    pub(crate) async fn stop(self) {
        // Nothing to remove where nothing was announced.
        let _ = std::fs::remove_file(Address::path(&self.dir));
        self.runtime.stop().await;
        self.journal.close().await;
    }
}
