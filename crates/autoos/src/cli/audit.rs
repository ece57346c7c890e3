//! `audit`: what happened and why, and files that prove it.

use super::{COMPLETED, FAILED, Global, Output, workflow::print};
use crate::{
    config::Config,
    door::{Door, with_query},
    fail::Said,
    show,
};
use anyhow::Context as _;
use autoos_audit::{PublicKey, SignedCheckpoint, Trust, Verdict, verify};
use autoos_kernel::id::WorkflowId;
use clap::{Args, Subcommand};
use futures::StreamExt as _;
use std::{
    io::{BufRead, BufReader, Read, Write as _},
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;

/// The audit.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Every decision of a workflow: who, what, why, and what it rests on
    Show {
        /// The workflow's id
        id: WorkflowId,
    },
    /// Find what was changed: in a workflow, in everything, or in an exported file
    Verify(Verify),
    /// Write a file that proves itself: events, hash chains, signed checkpoints
    Export(Export),
    /// The public key and the newest checkpoint; keep both where the node's users cannot change them
    Key,
}

/// Exports.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  autoos audit export wf-0198… -o case.jsonl
  autoos audit export --all -o audit.jsonl
  autoos audit verify audit.jsonl --key ed25519:… --checkpoint witness.jsonl")]
pub(crate) struct Export {
    /// The workflows; of others the file holds hashes alone
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<WorkflowId>,
    /// Everything that the journal holds
    #[arg(long)]
    all: bool,
    /// Where it goes; to standard output without it
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    out: Option<PathBuf>,
    /// Give texts in plain besides, as far as they were not erased
    #[arg(long)]
    texts: bool,
}

/// Verifies.
#[derive(Debug, Args)]
#[command(after_help = "\
A file is verified by itself, without a node. Without --key that shows that it is whole, not who
wrote it; with --checkpoint even a history that was written anew with the node's own key is found.

Exit codes: 0 all is as it was written, 3 it is not, 1 it could not be read.")]
pub(crate) struct Verify {
    /// A workflow's id, or an exported file
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "WORKFLOW|FILE")]
    what: Option<String>,
    /// Everything that the data directory holds
    #[arg(long)]
    all: bool,
    /// The public key that may sign, ed25519:…, or a file with it; may be given again
    #[arg(long, value_name = "KEY|FILE")]
    key: Vec<String>,
    /// A file of checkpoints that were kept elsewhere, one a line
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
}

impl Audit {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        // A file needs no node, and no data directory.
        let this = match self {
            Self::Verify(Verify { what: Some(file), all: false, key, checkpoint })
                if file.parse::<WorkflowId>().is_err() =>
            {
                let trust = trust(&key, &checkpoint)?;
                let path = PathBuf::from(file);
                let file = std::fs::File::open(&path)
                    .with_context(|| format!("cannot read the export {}", path.display()))?;
                let found = blocking(BufReader::new(file), trust).await;
                let found = found.with_context(|| format!("cannot read {}", path.display()))?;
                return Ok(told(&found, &path.display().to_string(), global.output));
            }
            this => this,
        };
        let door = Door::open(global, config).await?;
        let code = this.with(&door, global.output).await;
        door.close().await;
        code
    }

    async fn with(self, door: &Door, output: Output) -> anyhow::Result<u8> {
        match self {
            Self::Show { id } => {
                let audit = door.get(&format!("/api/v1/workflows/{id}/audit")).await?;
                print(&audit, output, show::audit);
            }
            Self::Key => {
                let status = door.get("/api/v1/audit").await?;
                print(&status, output, show::audit_key);
            }
            Self::Export(export) => export.with(door, output).await?,
            Self::Verify(Verify { what: Some(id), .. }) => {
                let found = door.get(&format!("/api/v1/workflows/{id}/audit/verify")).await?;
                print(&found, output, |found| show::verified(&id, found));
            }
            Self::Verify(Verify { key, checkpoint, .. }) => {
                let trust = trust(&key, &checkpoint)?;
                let found = everything(door, trust).await?;
                return Ok(told(&found, "the journal", output));
            }
        }
        Ok(COMPLETED)
    }
}

impl Export {
    async fn with(self, door: &Door, output: Output) -> anyhow::Result<()> {
        let ids: Vec<String> = self.ids.iter().map(ToString::to_string).collect();
        let query = [
            ("workflows", Some(ids.join(",")).filter(|ids| !ids.is_empty())),
            ("texts", self.texts.then(|| "true".to_owned())),
        ];
        let mut pieces = door.bytes(&with_query("/api/v1/audit/export", &query)).await?;
        let Some(path) = &self.out else {
            while let Some(piece) = pieces.next().await {
                std::io::stdout().lock().write_all(&piece?)?;
            }
            return Ok(());
        };
        let bytes = write(path, &mut pieces).await?;
        let made = serde_json::json!({ "file": path, "bytes": bytes });
        print(&made, output, |_| {
            show::line(&format!("{bytes} bytes in {}", path.display()));
            show::line(&format!("verify it anywhere: autoos audit verify {}", path.display()));
        });
        Ok(())
    }
}

type Pieces = futures::stream::BoxStream<'static, anyhow::Result<Vec<u8>>>;

/// Writes a file that is whole, or none.
async fn write(path: &Path, pieces: &mut Pieces) -> anyhow::Result<u64> {
    let said = || format!("cannot write {}", path.display());
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).with_context(said)?;
    let mut bytes = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece.context("the export was broken off")?;
        file.write_all(&piece).with_context(said)?;
        bytes += piece.len() as u64;
    }
    file.as_file().sync_all().with_context(said)?;
    file.persist(path).with_context(said)?;
    Ok(bytes)
}

/// Verifies all that a node's journal holds, as its export would have it, without a file.
async fn everything(door: &Door, trust: Trust) -> anyhow::Result<Verdict> {
    let mut pieces = door.bytes("/api/v1/audit/export").await?;
    let (sender, receiver) = mpsc::channel(4);
    let reading = blocking(BufReader::new(Received { receiver, piece: Vec::new(), at: 0 }), trust);
    let feeding = async move {
        while let Some(piece) = pieces.next().await {
            if sender.send(piece?).await.is_err() {
                break;
            }
        }
        anyhow::Ok(())
    };
    let (found, fed) = tokio::join!(reading, feeding);
    fed.context("the journal could not be read to its end")?;
    found
}

async fn blocking(file: impl BufRead + Send + 'static, trust: Trust) -> anyhow::Result<Verdict> {
    Ok(tokio::task::spawn_blocking(move || verify(file, &trust)).await??)
}

/// Pieces that arrive, as something that is read.
struct Received {
    receiver: mpsc::Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Received {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.piece.len() {
            match self.receiver.blocking_recv() {
                Some(piece) => (self.piece, self.at) = (piece, 0),
                None => return Ok(0),
            }
        }
        let count = into.len().min(self.piece.len() - self.at);
        into[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// What a file is held against.
fn trust(keys: &[String], checkpoints: &[PathBuf]) -> anyhow::Result<Trust> {
    let mut trust = Trust::default();
    for typed in keys {
        let text = match std::fs::read_to_string(typed) {
            Ok(text) => text,
            Err(_) => typed.clone(),
        };
        let words = text.split_whitespace().find(|word| word.starts_with("ed25519:"));
        let key: Result<PublicKey, _> = words.unwrap_or(typed).parse();
        trust.keys.push(key.map_err(|why| {
            Said::new("usage", format!("--key: {why}"), "take it from autoos audit key")
        })?);
    }
    for path in checkpoints {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the checkpoints {}", path.display()))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let read = serde_json::from_str::<SignedCheckpoint>(line).ok();
            let signed = read.filter(SignedCheckpoint::is_signed).with_context(|| {
                format!("{} has a line that is no signed checkpoint", path.display())
            })?;
            trust.witnesses.push(signed);
        }
    }
    Ok(trust)
}

fn told(found: &Verdict, what: &str, output: Output) -> u8 {
    match output {
        Output::Json => show::json(&serde_json::to_value(found).unwrap_or_default()),
        Output::Text => show::verdict(found, what),
    }
    if found.ok { COMPLETED } else { FAILED }
}
