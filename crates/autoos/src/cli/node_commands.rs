//! The node itself: `provider`, `key`, `backup`, `doctor`.

use super::{COMPLETED, ERROR, Global, Output, workflow::print};
use crate::{config::Config, door::Door, show};
use anyhow::Context as _;
use autoos_journal::{LocalJournal, LocalOptions};
use axum::http::Method;
use clap::Subcommand;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Providers and their models.
#[derive(Debug, Subcommand)]
pub(crate) enum Provider {
    /// How every provider is doing
    List,
}

/// API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key and show it, once; from then on every request needs one
    Create {
        /// What it is for
        name: String,
        /// Whose it is
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// List keys
    List,
    /// Take a key away
    Revoke {
        /// Its id
        id: String,
    },
}

/// Copies of a data directory.
#[derive(Debug, Subcommand)]
pub(crate) enum Backup {
    /// Copy the journal while it is in use
    Create {
        /// Where the copy goes; a folder that is not there yet
        target: PathBuf,
    },
    /// Make a data directory of a copy
    Restore {
        /// The copy
        source: PathBuf,
        /// The new data directory
        target: PathBuf,
    },
}

impl Provider {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let Self::List = self;
        let door = Door::open(global, config).await?;
        let providers = door.get("/api/v1/providers").await;
        door.close().await;
        print(&providers?, global.output, show::providers);
        Ok(COMPLETED)
    }
}

impl Key {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let door = Door::open(global, config).await?;
        let answer = match &self {
            Self::Create { name, tenant } => {
                door.post("/api/v1/keys", &json!({ "name": name, "tenant": tenant })).await
            }
            Self::List => door.get("/api/v1/keys").await,
            Self::Revoke { id } => {
                door.ask(Method::DELETE, &format!("/api/v1/keys/{id}"), None).await
            }
        };
        door.close().await;
        print(&answer?, global.output, |answer| match &self {
            Self::Create { .. } => show::new_key(answer),
            Self::List => show::keys(answer),
            Self::Revoke { id } => show::line(&format!("{id} is revoked")),
        });
        Ok(COMPLETED)
    }
}

impl Backup {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        match self {
            Self::Create { target } => {
                let target = std::path::absolute(&target)?;
                let door = Door::open(global, config).await?;
                let made = match &door {
                    Door::Here(node) => node
                        .journal
                        .backup(target.join("journal"))
                        .await
                        .map(|_| ())
                        .map_err(Into::into),
                    Door::There(_) => Err(anyhow::anyhow!(
                        "a node runs on this data directory: stop it, or copy its folder with the \
                         file system's own snapshot"
                    )),
                };
                door.close().await;
                made.with_context(|| format!("no backup was made in {}", target.display()))?;
                copy_beside(&config.data_dir(global.data_dir.as_deref())?, &target)?;
                show::line(&format!("backed up to {}", target.display()));
            }
            Self::Restore { source, target } => {
                autoos_journal::restore(&source.join("journal"), &target.join("journal"))
                    .with_context(|| format!("cannot restore {}", source.display()))?;
                copy_beside(&source, &target)?;
                show::line(&format!("restored; use it with --data-dir {}", target.display()));
            }
        }
        Ok(COMPLETED)
    }
}

/// Copies what a data directory has beside its journal: the pepper of the keys and what the tools
/// have done, without which keys would not open and effects could not be told.
fn copy_beside(from: &Path, to: &Path) -> anyhow::Result<()> {
    for name in ["keys.pepper", "tools"] {
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

/// Looks a data directory over: whether it opens, what was found, whether every chain holds.
pub(crate) async fn doctor(global: &Global, config: &Config) -> anyhow::Result<u8> {
    let dir = config.data_dir(global.data_dir.as_deref())?;
    if !dir.join("journal").is_dir() {
        anyhow::bail!("{} is no data directory: it has no journal", dir.display());
    }
    let journal = LocalJournal::open(LocalOptions::new(dir.join("journal")))
        .with_context(|| format!("cannot open the journal in {}", dir.display()))?;
    let opening = journal.recovery().clone();
    match journal.verify_streams().await {
        Ok(events) => {
            if global.output == Output::Json {
                let repaired = (!opening.is_clean()).then(|| format!("{opening:?}"));
                show::json(&json!({ "data_dir": dir, "events": events, "repaired": repaired }));
                return Ok(COMPLETED);
            }
            show::line(&format!("{}: {events} events, every chain holds", dir.display()));
            if !opening.is_clean() {
                show::line(&format!("at its opening: {opening:?}"));
            }
            Ok(COMPLETED)
        }
        Err(error) => {
            eprintln!("error: {error}");
            Ok(ERROR)
        }
    }
}
