//! A node: the parts put together over one data directory.

use crate::{config::Config, traces::Traces};
use anyhow::Context as _;
use autoos_audit::Keeper;
use autoos_fabric::{Fabric, secret::SecretRef};
use autoos_gateway::{Backup, Gateway, GatewayParts, OwnerToken, Webhook, WebhookOptions};
use autoos_guard::Keys;
use autoos_journal::{LocalJournal, LocalOptions};
use autoos_kernel::account::Owner;
use autoos_runtime::{Parts, Runtime, SystemClock};
use autoos_views::{Keep, Views};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A node that runs in this process.
pub(crate) struct Node {
    pub(crate) journal: Arc<LocalJournal>,
    pub(crate) fabric: Fabric,
    pub(crate) runtime: Runtime,
    pub(crate) views: Views,
    pub(crate) gateway: Gateway,
    pub(crate) keys: Keys,
    /// Signs checkpoints of the journal.
    keeper: Arc<Keeper>,
    owner: OwnerToken,
    dir: PathBuf,
    /// Tells of escalations, where it is configured.
    webhook: Option<Webhook>,
    /// Ships spans, where a collector is named.
    traces: Option<Traces>,
}

/// What a running node leaves in its data directory, so that commands find it.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Address {
    /// Where it listens.
    pub(crate) url: String,
    /// Its process.
    pub(crate) pid: u32,
    /// What a command shows to be served without a key.
    #[serde(default)]
    pub(crate) owner: Option<String>,
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
        let fabric = Fabric::builder(fabric_config).journal(journal.clone()).start().await;
        let fabric = fabric.context("in the configuration of the fabric")?;
        let tools = config.registry(dir).build().context("in the configuration of the tools")?;
        let views = Views::open(journal.clone(), Keep::new(dir.join("views"))).await;
        let keys = Keys::open(journal.clone(), dir).await.context("cannot read the keys")?;
        let traces = Traces::start(&config.telemetry, journal.clone(), dir)?;
        let heard = traces.as_ref().map(Traces::journal);
        let parts = Parts {
            journal: heard.unwrap_or_else(|| journal.clone()),
            llm: Arc::new(fabric.clone()),
            tools,
            clock: Arc::new(SystemClock),
        };
        let runtime = Runtime::start(parts, config.runtime.clone()).await?;
        for wanted in &config.accounts.limits {
            let owner = Owner { tenant: wanted.tenant.clone(), user: wanted.user.clone() };
            let said = || format!("in the configuration of the accounts: {owner}");
            let limit = wanted.limit().with_context(said)?;
            let set = runtime.set_limit(owner.clone(), Some(limit), "configuration".into()).await;
            set.with_context(said)?;
        }
        let webhook = match &config.webhook {
            Some(options) => Some(webhook(options, &journal, &views)?),
            None => None,
        };
        let keeper = Keeper::start(journal.clone(), config.audit.options(dir));
        let keeper = Arc::new(keeper.context("the audit cannot sign")?);
        let owner = OwnerToken::new(token());
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
            figures: Some(crate::traces::with_figures(
                crate::figures::of(&journal, &fabric, webhook.as_ref().map(Webhook::deliveries)),
                traces.as_ref(),
            )),
            backups: Some(backups(&journal, dir)),
            log_level: crate::logs::level(),
            keeper: Some(keeper.clone()),
            owner: Some(owner.clone()),
            nodes: None,
            options,
        });
        let dir = dir.to_owned();
        Ok(Self {
            journal,
            fabric,
            runtime,
            views,
            gateway,
            keys,
            keeper,
            owner,
            dir,
            webhook,
            traces,
        })
    }

    /// Says in the data directory where this node listens.
    pub(crate) fn announce(&self, url: &str) -> anyhow::Result<()> {
        let owner = Some(self.owner.expose().to_owned());
        let address = Address { url: url.to_owned(), pid: std::process::id(), owner };
        let path = Address::path(&self.dir);
        write_private(&path, &serde_json::to_vec(&address)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Ends everything in order; what is in flight goes on with the next start.
    pub(crate) async fn stop(self) {
        drop(self.webhook);
        // Nothing to remove where nothing was announced.
        let _ = std::fs::remove_file(Address::path(&self.dir));
        self.runtime.stop().await;
        self.fabric.stop().await;
        self.views.stop().await;
        if let Some(traces) = self.traces {
            traces.stop().await;
        }
        // After all others: what they recorded is covered.
        self.keeper.stop().await;
        self.journal.close().await;
    }
}

/// Makes the data directory where there is none; nobody but its user reads it.
pub(crate) fn make_data_dir(dir: &Path) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).with_context(|| format!("cannot make the data directory {}", dir.display()))
}

/// A file that nobody but its user reads, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension("part");
    // What a process left there before it died has rights of its own.
    let _ = std::fs::remove_file(&part);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&part)?.write_all(bytes)?;
    std::fs::rename(part, path)
}

/// Text that cannot be guessed.
fn token() -> String {
    format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>())
}

/// How this node copies its data directory while it runs.
fn backups(journal: &Arc<LocalJournal>, dir: &Path) -> autoos_gateway::Backups {
    let (journal, dir) = (journal.clone(), dir.to_owned());
    Arc::new(move |target| {
        let (journal, dir) = (journal.clone(), dir.clone());
        Box::pin(async move {
            let copied = journal.backup(target.join("journal")).await;
            let copied = copied.map_err(|error| error.to_string())?;
            // After the journal: a record of a tool that its events do not know does no harm.
            let to = target.clone();
            let beside = tokio::task::spawn_blocking(move || copy_beside(&dir, &to)).await;
            beside.map_err(|error| error.to_string())?.map_err(|error| format!("{error:#}"))?;
            let target = target.display().to_string();
            Ok(Backup { target, events: copied.events, bytes: copied.bytes })
        })
    })
}

/// Copies what a data directory has beside its journal: the pepper of the keys, what the tools
/// have done and the key of the audit, without which keys would not open, effects could not be
/// told and checkpoints would be another's.
pub(crate) fn copy_beside(from: &Path, to: &Path) -> anyhow::Result<()> {
    for name in ["keys.pepper", "tools", "audit"] {
        copy(&from.join(name), &to.join(name))
            .with_context(|| format!("cannot copy {name} to {}", to.display()))?;
    }
    Ok(())
}

/// Copies a file or a folder with its permissions; nothing where there is none.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_dir() {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else if from.is_file() {
        std::fs::copy(from, to)?;
    }
    Ok(())
}

/// Begins to tell of escalations.
fn webhook(
    options: &WebhookOptions,
    journal: &Arc<LocalJournal>,
    views: &Views,
) -> anyhow::Result<Webhook> {
    let key = SecretRef::parse(&options.secret)
        .resolve(&|name| std::env::var(name).ok())
        .map_err(|why| anyhow::anyhow!("in the configuration of the webhook, secret: {why}"))?;
    let url = reqwest::Url::parse(&options.url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .with_context(|| {
            format!("in the configuration of the webhook: {:?} is no URL", options.url)
        })?;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("the webhook's client")?;
    let options = WebhookOptions { url: url.to_string(), ..options.clone() };
    let key = key.expose().as_bytes();
    Ok(Webhook::start(journal.clone(), views.clone(), client, options, key))
}
