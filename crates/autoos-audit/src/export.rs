//! The writer of exports.
//!
//! It goes through the journal from checkpoint to checkpoint and holds one page of events at a
//! time; of streams it keeps where each stands. An export of some workflows goes through their
//! shards alone, and gives what others did there as hashes.

use crate::{
    Error, FORMAT, Hash, Key, SignedCheckpoint, Tree, checkpoint,
    line::{End, EventLine, Header, Kept, Line, Pruned, Says},
    log::{PAGE, Pages},
};
use autoos_journal::{
    self as journal, SharedJournal, chain_link, chain_start, event_digest, event_of, open_texts,
};
use autoos_kernel::{
    codec::Recorded,
    id::{Prefix, Shard, StreamId, WorkflowId},
    intent, workflow,
};
use futures::stream::{self, BoxStream, StreamExt as _};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use tokio::sync::mpsc;

/// Bytes that are sent at once.
const CHUNK: usize = 64 << 10;

/// Whose events an export holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything in the journal.
    All,
    /// These workflows and their intents; hashes of all else in their shards, so that the
    /// checkpoints can be computed.
    Workflows(Vec<WorkflowId>),
}

/// An export to be made.
#[derive(Clone)]
pub struct Export {
    /// Of which journal.
    pub journal: SharedJournal,
    /// Who signs it.
    pub key: Key,
    /// What it holds.
    pub scope: Scope,
    /// Whether texts are given in plain besides, as far as they were not erased.
    pub texts: bool,
}

impl Export {
    /// The bytes of the file, piece by piece, as of now. After an error it ends, and what came
    /// before is no whole export: a verification says so.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn stream(self) -> BoxStream<'static, Result<Vec<u8>, Error>> {
        let (pieces, received) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut writer = Writer::new(self, pieces.clone());
            if let Err(error) = writer.run().await {
                // A reader that is gone wants no error either.
                let _ = pieces.send(Err(error)).await;
            }
        });
        stream::unfold(received, |mut received| async move {
            received.recv().await.map(|piece| (piece, received))
        })
        .boxed()
    }
}

struct Writer {
    export: Export,
    /// The streams that are wanted; none wants all.
    wanted: Option<BTreeSet<StreamId>>,
    /// The shards that are gone through.
    shards: Vec<Shard>,
    /// The offset of each shard that comes next.
    at: Vec<u64>,
    /// What is left out since the last event of each shard, as hashes.
    pruned: Vec<Tree>,
    chains: HashMap<StreamId, (u64, [u8; 32])>,
    says: Says,
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
    pieces: mpsc::Sender<Result<Vec<u8>, Error>>,
}

impl Writer {
    fn new(export: Export, pieces: mpsc::Sender<Result<Vec<u8>, Error>>) -> Self {
        let count = export.journal.shards();
        let wanted = match &export.scope {
            Scope::All => None,
            Scope::Workflows(ids) => {
                Some(ids.iter().flat_map(|id| [id.intent().stream(), id.stream()]).collect())
            }
        };
        let touched = |shard: &Shard| {
            wanted.as_ref().is_none_or(|streams: &BTreeSet<StreamId>| {
                streams.iter().any(|stream| stream.shard(count) == *shard)
            })
        };
        Self {
            shards: (0..count).map(Shard).filter(touched).collect(),
            at: vec![0; usize::from(count)],
            pruned: vec![Tree::default(); usize::from(count)],
            wanted,
            export,
            chains: HashMap::new(),
            says: Says::default(),
            hasher: blake3::Hasher::new(),
            buffer: Vec::with_capacity(CHUNK * 2),
            pieces,
        }
    }

    async fn run(&mut self) -> Result<(), Error> {
        // What is recorded from here on is not in it.
        let ends = self.export.journal.end();
        let workflows = match &self.export.scope {
            Scope::All => Vec::new(),
            Scope::Workflows(ids) => ids.clone(),
        };
        self.write(&Line::Header(Header {
            format: FORMAT,
            by: format!("autoos {}", env!("CARGO_PKG_VERSION")),
            shards: self.export.journal.shards(),
            workflows,
            key: self.export.key.public(),
        }))
        .await?;
        self.checkpoints().await?;
        for shard in self.shards.clone() {
            self.shard(shard, ends.0.get(&shard).copied().unwrap_or(0)).await?;
        }
        self.end().await
    }

    /// All that is covered by checkpoints, and these.
    async fn checkpoints(&mut self) -> Result<(), Error> {
        let (journal, stream) = (self.export.journal.clone(), checkpoint::stream());
        let Some(head) = journal.head(stream).await? else { return Ok(()) };
        // The newest proves all that an export of a few workflows holds.
        let mut seq = if self.wanted.is_some() { head.next.saturating_sub(1) } else { 0 };
        while seq < head.next {
            let left = usize::try_from(head.next - seq).unwrap_or(usize::MAX);
            let page = journal.read(stream, seq, left.min(PAGE)).await?;
            for event in &page {
                // One that this version cannot read is an event like any other.
                if let Some(signed) = SignedCheckpoint::decode(event) {
                    self.covered(signed).await?;
                }
            }
            if page.is_empty() {
                break;
            }
            seq += page.len() as u64;
        }
        Ok(())
    }

    async fn covered(&mut self, signed: SignedCheckpoint) -> Result<(), Error> {
        for shard in self.shards.clone() {
            if let Some(share) = signed.checkpoint.shards.get(usize::from(shard.0)) {
                self.shard(shard, share.events).await?;
            }
        }
        self.write(&Line::Checkpoint(Box::new(signed))).await
    }

    /// The events of a shard up to but without offset `end`.
    async fn shard(&mut self, shard: Shard, end: u64) -> Result<(), Error> {
        let at = usize::from(shard.0);
        let journal = self.export.journal.clone();
        let mut pages = Pages::new(&journal, shard, self.at[at], end);
        while let Some(page) = pages.next(PAGE).await? {
            for kept in page {
                let digest = event_digest(&kept.bytes);
                if self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(&kept.stream)) {
                    self.pruned[at].push(&digest);
                    continue;
                }
                self.prune(shard, kept.position.offset + 1).await?;
                self.event(kept, &digest).await?;
            }
        }
        self.at[at] = self.at[at].max(end);
        self.prune(shard, self.at[at]).await
    }

    /// Writes what was left out of a shard; what is left out next begins at `next`.
    async fn prune(&mut self, shard: Shard, next: u64) -> Result<(), Error> {
        let run = std::mem::replace(&mut self.pruned[usize::from(shard.0)], Tree::from(next));
        for subtree in run.subtrees() {
            self.write(&Line::Pruned(Pruned { shard: shard.0, subtree: *subtree })).await?;
        }
        Ok(())
    }

    async fn event(&mut self, kept: journal::Kept, digest: &[u8; 32]) -> Result<(), Error> {
        let event = event_of(&kept.bytes)?;
        let stream = kept.stream;
        let (next, chain) =
            self.chains.get(&stream).copied().unwrap_or_else(|| (0, chain_start(stream)));
        let chain = chain_link(&chain, digest);
        self.chains.insert(stream, (next + 1, chain));
        let data = if self.export.texts { self.plain(&event).await? } else { None };
        self.write(&Line::Event(Box::new(EventLine {
            shard: kept.position.shard.0,
            offset: kept.position.offset,
            stream,
            seq: event.seq,
            at_ms: event.at,
            actor: event.actor,
            kind: event.kind,
            chain: Hash(chain),
            bytes: Kept(kept.bytes),
            data,
        })))
        .await
    }

    /// What an event says, its texts opened; none where this version does not know its kind.
    async fn plain(&self, event: &journal::Event) -> Result<Option<Value>, Error> {
        fn data<E: Recorded>(event: &journal::Event) -> Option<Value> {
            let known = E::decode(&event.kind, &event.body).ok().flatten()?;
            serde_json::to_value(known).ok()
        }
        let mut opened = [event.clone()];
        open_texts(&*self.export.journal, &mut opened).await?;
        Ok(match event.stream.prefix {
            Prefix::INTENT => data::<intent::Event>(&opened[0]),
            Prefix::WORKFLOW => data::<workflow::Event>(&opened[0]),
            _ => None,
        })
    }

    async fn end(&mut self) -> Result<(), Error> {
        let mut says = std::mem::take(&mut self.says);
        says.hash = Hash(*self.hasher.finalize().as_bytes());
        if let Some(wanted) = &self.wanted {
            let head = |stream: &StreamId| {
                let (events, chain) = self.chains.get(stream)?;
                Some((*stream, (*events, Hash(*chain))))
            };
            says.heads = wanted.iter().filter_map(head).collect();
        }
        let signature = self.export.key.sign(&says.text());
        self.write(&Line::End(Box::new(End { says, signature }))).await?;
        self.flush().await
    }

    async fn write(&mut self, line: &Line) -> Result<(), Error> {
        let bytes = line.write();
        self.says.lines += 1;
        self.hasher.update(&bytes);
        self.buffer.extend_from_slice(&bytes);
        if self.buffer.len() >= CHUNK { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let piece = std::mem::take(&mut self.buffer);
        self.pieces.send(Ok(piece)).await.map_err(|_| Error::Stopping)
    }
}
