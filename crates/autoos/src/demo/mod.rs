//! `autoos demo heal`: one scene for each thing that goes wrong with vendors, each on a real node
//! whose vendors are played from scripts.
//!
//! All scenes share one data directory, so what one teaches the next knows. A scene says itself what
//! must have happened and looks it up in the journal: one in which it did not is an error. Left out:
//! everything that heals, which is the node's.

mod scene;
mod scenes;
mod seen;
mod stage;
mod vendor;

use crate::{
    cli::{COMPLETED, ERROR, Output},
    show,
};
use anyhow::Context as _;
use serde_json::{Value, json};
use stage::Stage;
use std::{path::Path, time::Duration};

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Short waits and no time to read.
    pub(crate) fast: bool,
}

impl Pace {
    /// A wait of the scenes, in milliseconds.
    fn ms(self, ms: u64) -> u64 {
        if self.fast { (ms / 10).max(1) } else { ms }
    }

    /// Time to read.
    async fn read(self, ms: u64) {
        if !self.fast {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }
}

/// Plays every scene and gives the exit code; `kept` tells that `dir` stays.
pub(crate) async fn heal(dir: &Path, kept: bool, pace: Pace, output: Output) -> anyhow::Result<u8> {
    let occupied = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    anyhow::ensure!(!occupied, "{} is not empty: name a new folder", dir.display());
    let stage = Stage::new(dir, pace, output)?;
    if output == Output::Text {
        show::line(OPENING);
    }
    // A vendor's crash is part of the play; its backtrace is not.
    std::panic::set_hook(Box::new(|_| ()));
    let scenes = scenes::all(&stage);
    let of = scenes.len();
    let (mut told, mut failed, mut last) = (Vec::new(), 0, None);
    for (at, scene) in scenes.into_iter().enumerate() {
        let title = scene.title;
        let played = stage.play((at + 1, of), scene).await;
        let played = played.with_context(|| format!("in the scene {title:?}"))?;
        failed += usize::from(played.shown.is_err());
        told.push(json!({
            "scene": title,
            "workflow": played.id,
            "state": played.state,
            "rungs": played.rungs,
            "shown": played.shown.as_ref().ok(),
            "missing": played.shown.as_ref().err(),
        }));
        last = Some(played.id);
        pace.read(2_000).await;
    }
    let why = match &last {
        Some(id) => stage.why(id).await?,
        None => Value::Null,
    };
    match output {
        Output::Json => show::json(&json!({ "scenes": told, "failed": failed, "why": why })),
        Output::Text => ending(dir, kept, of, failed),
    }
    Ok(if failed == 0 { COMPLETED } else { ERROR })
}

const OPENING: &str = "\
Vendors fail. Here they are played from scripts: they refuse, hang, die, lie and overcharge, and
nothing leaves this machine. The node that meets them is the real one. It climbs a ladder:

  rung 1  the same agent tries again
  rung 2  a fresh agent tries, with a note of what failed
  rung 3  another vendor's model is asked
  rung 4  the failed part is planned anew
  rung 5  a human is asked";

fn ending(dir: &Path, kept: bool, of: usize, failed: usize) {
    show::line("");
    match failed {
        0 => show::line(&format!("All {of} scenes went as they should.")),
        _ => show::line(&format!("{failed} of {of} scenes did not go as they should.")),
    }
    if kept {
        let data = stage::data(dir);
        show::line(&format!("Look around: autoos --data-dir {} workflow list", data.display()));
    }
}
