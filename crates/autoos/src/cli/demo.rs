//! `demo`: what the system does about vendors that fail, played by itself.

use super::Output;
use crate::demo::{self, Pace};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Plays that need nothing.
#[derive(Debug, Subcommand)]
pub(crate) enum Demo {
    /// Vendors that lie, hang, die and overcharge, and what is done about each: offline, in this
    /// process, in about a minute
    Heal(Heal),
}

/// How it is played.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  autoos demo heal --keep /tmp/heal")]
pub(crate) struct Heal {
    /// With short waits and no time to read
    #[arg(long)]
    fast: bool,
    /// A folder, new or empty, that keeps everything for a look afterwards
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl Demo {
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<u8> {
        let Self::Heal(Heal { fast, keep }) = self;
        let passing = tempfile::tempdir().context("no folder can be made for the demo")?;
        let dir = keep.as_deref().unwrap_or(passing.path());
        demo::heal(dir, keep.is_some(), Pace { fast }, output).await
    }
}
