//! The keeper: the one task that follows the journal and signs.
//!
//! It lives as long as its [`Keeper`]. It is woken by commits, waits a moment so that it reads
//! many events at once, and holds a tree per shard, a few hundred bytes each. The trees lie beside
//! the key from one checkpoint to the next start; ones that do not fit the newest checkpoint are
//! computed anew from the journal, and ones that then contradict it are said so, loudly: nothing
//! is signed over a history that is another than the one signed before.

use crate::{
    Checkpoint, Error, Key, PublicKey, Share, SignedCheckpoint, Tree,
    checkpoint::{self, KIND},
    log::{PAGE, Pages},
};
use autoos_journal::{Batch, Cursor, NewEvent, SharedJournal, Standing, StreamWrite, event_digest};
use autoos_kernel::{
    id::{Prefix, Shard},
    time::Timestamp,
};
use futures::StreamExt as _;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

/// How long after a commit the journal is read: what comes meanwhile is read with it.
const GATHER: Duration = Duration::from_millis(200);
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// The same where that means to read the whole journal.
const RETRY_LATER: Duration = Duration::from_secs(3_600);
/// Who decides checkpoints.
const ACTOR: &str = "audit";
/// Where the trees lie from one start to the next.
const TREES: &str = "trees";

/// How checkpoints are kept. [`Options::new`] has the defaults.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the key and the trees lie; made if it is not there.
    pub dir: PathBuf,
    /// An event is covered by a checkpoint after this time at the latest.
    pub every: Duration,
    /// A checkpoint is made after so many events.
    pub events: u64,
    /// A file that gets every checkpoint as a line of JSON. Kept where the node's users cannot
    /// change it, it shows even a history that was written anew with the node's own key.
    pub witness: Option<PathBuf>,
}

impl Options {
    /// The defaults, in `dir`: a checkpoint a minute, or after 65,536 events.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), every: Duration::from_secs(60), events: 1 << 16, witness: None }
    }
}

/// How the keeper is doing.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// The newest checkpoint.
    pub last: Option<SignedCheckpoint>,
    /// Why there is none newer.
    pub problem: Option<String>,
}

enum Message {
    /// Cover what was recorded until now; answers with the checkpoint that does.
    Cover(oneshot::Sender<Result<Option<SignedCheckpoint>, Error>>),
    Stop(oneshot::Sender<()>),
}

/// The checkpoints of one journal.
pub struct Keeper {
    key: Key,
    status: watch::Receiver<Status>,
    inbox: mpsc::Sender<Message>,
    task: JoinHandle<()>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Keeper {
    /// Begins to follow `journal`. What was recorded before is read in the background.
    ///
    /// # Errors
    /// When the key cannot be had.
    pub fn start(journal: SharedJournal, options: Options) -> Result<Self, Error> {
        let key = Key::open(&options.dir)?;
        let (said, status) = watch::channel(Status::default());
        let (inbox, messages) = mpsc::channel(16);
        let pen = Pen {
            trees: vec![Tree::default(); usize::from(journal.shards())],
            journal,
            key: key.clone(),
            options,
            said,
            last: None,
            next: 0,
            uncovered: 0,
            since: Instant::now(),
        };
        let task = tokio::spawn(pen.run(messages));
        Ok(Self { key, status, inbox, task })
    }

    /// The public part of the key that signs.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// The key that signs.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Returns once all that was recorded before is covered, with the checkpoint that covers it;
    /// none where nothing was ever recorded.
    ///
    /// # Errors
    /// When the journal cannot be read or does not take the checkpoint.
    pub async fn cover(&self) -> Result<Option<SignedCheckpoint>, Error> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::Cover(reply)).await.map_err(|_| Error::Stopping)?;
        answer.await.map_err(|_| Error::Stopping)?
    }

    /// Covers what was recorded and ends. Call it before the journal is closed, and after all
    /// others have ended.
    pub async fn stop(&self) {
        let (reply, done) = oneshot::channel();
        if self.inbox.send(Message::Stop(reply)).await.is_ok() {
            // A keeper that died has said so.
            let _ = done.await;
        }
    }
}

/// The task.
struct Pen {
    journal: SharedJournal,
    key: Key,
    options: Options,
    said: watch::Sender<Status>,
    trees: Vec<Tree>,
    last: Option<SignedCheckpoint>,
    /// The sequence that the next checkpoint gets.
    next: u64,
    /// Events in the trees that the last checkpoint has not, without checkpoints themselves.
    uncovered: u64,
    /// When the first of them was read.
    since: Instant,
}

impl Pen {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut begun = false;
        // When something that failed is tried again.
        let mut rest = None;
        loop {
            let due = (self.uncovered > 0).then_some(self.since + self.options.every);
            let turn = tokio::select! {
                message = messages.recv() => match message {
                    Some(Message::Cover(reply)) => {
                        let covered = self.cover(&mut begun).await;
                        if covered.is_ok() {
                            self.tell(&Ok(()));
                        }
                        let _ = reply.send(covered);
                        continue;
                    }
                    Some(Message::Stop(reply)) => {
                        let covered = self.cover(&mut begun).await.map(|_| ());
                        self.tell(&covered);
                        let _ = reply.send(());
                        return;
                    }
                    None => return,
                },
                () = wait_until(rest), if rest.is_some() => self.turn(&mut begun).await,
                () = std::future::ready(()), if !begun && rest.is_none() => {
                    self.turn(&mut begun).await
                }
                () = news(&self.journal, &self.trees), if begun && rest.is_none() => {
                    self.turn(&mut begun).await
                }
                () = wait_until(due), if begun && rest.is_none() && due.is_some() => {
                    self.turn(&mut begun).await
                }
            };
            self.tell(&turn);
            rest = turn
                .err()
                .map(|error| Instant::now() + if error.stays() { RETRY_LATER } else { RETRY });
        }
    }

    /// Reads what is new, and signs when it is time.
    async fn turn(&mut self, begun: &mut bool) -> Result<(), Error> {
        self.begin(begun).await?;
        self.read_on().await?;
        let waited = self.since.elapsed() >= self.options.every;
        if self.uncovered >= self.options.events || (self.uncovered > 0 && waited) {
            self.sign().await?;
        }
        Ok(())
    }

    async fn cover(&mut self, begun: &mut bool) -> Result<Option<SignedCheckpoint>, Error> {
        self.begin(begun).await?;
        self.read_on().await?;
        if self.uncovered > 0 {
            self.sign().await?;
        }
        Ok(self.last.clone())
    }

    fn tell(&self, result: &Result<(), Error>) {
        let problem = result.as_ref().err().map(ToString::to_string);
        if let Some(problem) = &problem
            && self.said.borrow().problem.as_ref() != Some(problem)
        {
            tracing::warn!(%problem, "no checkpoint is signed");
        }
        self.said.send_replace(Status { last: self.last.clone(), problem });
    }

    /// Takes up the newest checkpoint, and the trees that it is over.
    async fn begin(&mut self, begun: &mut bool) -> Result<(), Error> {
        if *begun {
            return Ok(());
        }
        self.read_last().await?;
        if let Some(last) = &self.last
            && let Some(trees) = read_trees(&self.options.dir).filter(|trees| fits(trees, last))
        {
            self.trees = trees;
            *begun = true;
            return Ok(());
        }
        self.trees = vec![Tree::default(); self.trees.len()];
        if let Some(last) = self.last.clone() {
            tracing::info!("the trees of the audit are computed anew from the journal");
            for (shard, share) in (0..).map(Shard).zip(&last.checkpoint.shards) {
                self.read_shard(shard, share.events).await?;
            }
            if !fits(&self.trees, &last) {
                return Err(Error::Contradicted(format!(
                    "the journal is not what checkpoint {} signed: keep a copy of the data \
                     directory and find the place with autoos audit verify --all",
                    last.checkpoint.number
                )));
            }
            self.uncovered = 0;
        }
        *begun = true;
        Ok(())
    }

    /// Looks up the newest checkpoint and where the stream of them ends.
    async fn read_last(&mut self) -> Result<(), Error> {
        let head = self.journal.head(checkpoint::stream()).await?;
        self.next = head.map_or(0, |head| head.next);
        let Some(seq) = self.next.checked_sub(1) else { return Ok(()) };
        let events = self.journal.read(checkpoint::stream(), seq, 1).await?;
        self.last = events.first().and_then(SignedCheckpoint::decode);
        if self.last.is_none() {
            return Err(Error::Contradicted(
                "the newest checkpoint cannot be read: was it written by a newer version of autoos?"
                    .into(),
            ));
        }
        Ok(())
    }

    async fn read_on(&mut self) -> Result<(), Error> {
        for (shard, end) in self.journal.end().0 {
            self.read_shard(shard, end).await?;
        }
        Ok(())
    }

    /// Takes the events of a shard into its tree, up to but without offset `end`.
    async fn read_shard(&mut self, shard: Shard, end: u64) -> Result<(), Error> {
        let Some(tree) = self.trees.get_mut(usize::from(shard.0)) else { return Ok(()) };
        let mut pages = Pages::new(&self.journal, shard, tree.end(), end);
        while let Some(page) = pages.next(PAGE).await? {
            for kept in &page {
                tree.push(&event_digest(&kept.bytes));
                if kept.stream.prefix != Prefix::CHECKPOINTS {
                    if self.uncovered == 0 {
                        self.since = Instant::now();
                    }
                    self.uncovered += 1;
                }
            }
        }
        Ok(())
    }

    /// Signs the trees as they stand, records that, and keeps them.
    async fn sign(&mut self) -> Result<(), Error> {
        let shard = checkpoint::stream().shard(self.journal.shards());
        let epoch = self.journal.epoch(shard);
        self.read_last().await?;
        if epoch == 0 {
            // The node that leads the shard signs.
            self.uncovered = 0;
            return Ok(());
        }
        let shares = self.trees.iter().map(|t| Share { events: t.end(), root: t.root() });
        let made = Checkpoint {
            number: self.last.as_ref().map_or(1, |last| last.checkpoint.number + 1),
            at_ms: now(),
            previous: self.last.as_ref().map(|last| last.checkpoint.hash()).unwrap_or_default(),
            key: self.key.public(),
            shards: shares.collect(),
        }
        .sign(&self.key);
        let event = NewEvent {
            at: made.checkpoint.at_ms,
            actor: ACTOR.into(),
            cause: None,
            trace: None,
            kind: KIND.into(),
            body: made.encode(),
        };
        let write = StreamWrite {
            stream: checkpoint::stream(),
            expect: self.next,
            events: vec![event],
            standing: Standing::Waiting { wake: None },
        };
        let batch = Batch { epoch, writes: vec![write], bodies: Vec::new() };
        if let Err(error) = self.journal.append(batch).await {
            // It may have been recorded, or another node's was: where the stream stands now.
            self.read_last().await?;
            return Err(error.into());
        }
        self.next += 1;
        self.uncovered = 0;
        self.last = Some(made.clone());
        let (trees, options) = (self.trees.clone(), self.options.clone());
        let kept = tokio::task::spawn_blocking(move || {
            // Without the file the next start computes them anew.
            if let Err(error) = write_trees(&options.dir, &trees) {
                tracing::warn!(%error, "the trees of the audit were not kept");
            }
            options.witness.as_deref().map_or(Ok(()), |path| bear_witness(path, &made))
        });
        kept.await.map_err(|_| Error::Stopping)?
    }
}

/// Until something was recorded that the trees have not.
async fn news(journal: &SharedJournal, trees: &[Tree]) {
    let ends = (0..).map(Shard).zip(trees.iter().map(Tree::end));
    let mut events = journal.subscribe(Cursor(ends.collect()));
    match events.next().await {
        Some(_) => tokio::time::sleep(GATHER).await,
        // The journal ended, and the node with it.
        None => std::future::pending().await,
    }
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Whether trees are those that a checkpoint signs.
fn fits(trees: &[Tree], signed: &SignedCheckpoint) -> bool {
    let shards = &signed.checkpoint.shards;
    trees.len() == shards.len()
        && trees.iter().zip(shards).all(|(t, s)| t.end() == s.events && t.root() == s.root)
}

fn read_trees(dir: &Path) -> Option<Vec<Tree>> {
    rmp_serde::from_slice(&fs::read(dir.join(TREES)).ok()?).ok()
}

fn write_trees(dir: &Path, trees: &[Tree]) -> std::io::Result<()> {
    let bytes = rmp_serde::to_vec(trees).map_err(std::io::Error::other)?;
    let (path, part) = (dir.join(TREES), dir.join("trees.part"));
    fs::write(&part, bytes)?;
    fs::rename(part, path)
}

/// Adds a checkpoint to the witness's file, durably.
fn bear_witness(path: &Path, signed: &SignedCheckpoint) -> Result<(), Error> {
    let mut line = serde_json::to_vec(signed).map_err(|error| Error::Key(error.to_string()))?;
    line.push(b'\n');
    let write = || {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(&line)?;
        file.sync_data()
    };
    write().map_err(Error::io(format!("the audit's witness {}", path.display())))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
