//! `backup`: copies of a data directory, made by the node that runs on it or by this process.

use super::{COMPLETED, Global, workflow::print};
use crate::{config::Config, door::Door, node, show};
use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use std::path::PathBuf;

/// Copies of a data directory.
#[derive(Debug, Subcommand)]
pub(crate) enum Backup {
    /// Copy the data directory; a node that runs on it makes the copy and goes on
    Create {
        /// Where the copy goes, on the node's machine; a folder that is not there yet
        target: PathBuf,
    },
    /// Make a data directory of a copy
    Restore {
        /// The copy
        source: PathBuf,
        /// The new data directory
        target: PathBuf,
    },
    /// Check that a copy can be restored, by restoring it to a folder that is thrown away
    Verify {
        /// The copy
        source: PathBuf,
    },
}

impl Backup {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        match self {
            Self::Create { target } => {
                let target = std::path::absolute(&target)?;
                let door = Door::open(global, config).await?;
                let body = json!({ "target": target.display().to_string() });
                let made = door.post("/api/v1/backups", &body).await;
                door.close().await;
                print(&made?, global.output, |made| {
                    show::line(&format!(
                        "backed up {} events to {}",
                        show::number(made, "events"),
                        target.display()
                    ));
                });
            }
            Self::Restore { source, target } => {
                node::make_data_dir(&target)?;
                let restored =
                    autoos_journal::restore(&source.join("journal"), &target.join("journal"));
                if restored.is_err() {
                    // What was made for it goes again; what has something in it stays.
                    let _ = std::fs::remove_dir(&target);
                }
                let restored =
                    restored.with_context(|| format!("cannot restore {}", source.display()))?;
                node::copy_beside(&source, &target)?;
                let restored = json!({ "data_dir": target, "events": restored.events });
                print(&restored, global.output, |restored| {
                    show::line(&format!(
                        "restored {} events; use it with --data-dir {}",
                        show::number(restored, "events"),
                        target.display()
                    ));
                });
            }
            Self::Verify { source } => {
                let trial = tempfile::tempdir().context("no folder for a trial restore")?;
                let found =
                    autoos_journal::restore(&source.join("journal"), &trial.path().join("journal"))
                        .with_context(|| format!("{} cannot be restored", source.display()))?;
                let found = json!({ "ok": true, "source": source, "events": found.events, "frames": found.frames });
                print(&found, global.output, |found| {
                    show::line(&format!(
                        "{}: {} events, every chain holds; it can be restored",
                        source.display(),
                        show::number(found, "events")
                    ));
                });
            }
        }
        Ok(COMPLETED)
    }
}
