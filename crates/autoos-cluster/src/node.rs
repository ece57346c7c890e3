//! A node's share of the replicated journal: its groups, their log, and what runs beside them.

use crate::{
    links::Links,
    machine::{Machine, mark_of},
    network::Network,
    server::Server,
    shard::{Lead, Proposal, Proposer, WAITING, follow},
    storage::GroupLog,
    types::{NodeId, Peer, Raft},
};
use autoos_journal::{
    Error, Leading, LocalOptions,
    entries::{EntryLog, EntryLogOptions},
    replica::{Replica, Request},
};
use autoos_kernel::id::Shard;
use openraft::{Config, SnapshotPolicy, async_runtime::WatchReceiver as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    runtime::{Handle, Runtime},
    sync::{mpsc, oneshot, watch},
};

/// How many voters a shard has at most.
pub const VOTERS: usize = 3;
/// How often the log is looked after, milliseconds.
const KEEP_MS: u64 = 5_000;
/// How often the log is purged of what was erased, at most, milliseconds. Followers that are
/// further behind are then filled from the store.
const PURGE_MS: u64 = 60_000;

/// How long a checkpoint of the store may take.
const CHECKPOINT: Duration = Duration::from_secs(60);
/// How long a leader tries to let go of its log.
const LET_GO: Duration = Duration::from_secs(1);

/// How soon a leader is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How often a leader is heard of, milliseconds.
    pub heartbeat_ms: u64,
    /// After how long without it an election begins, at least and at most, milliseconds.
    pub election_ms: (u64, u64),
}

impl Timing {
    /// For machines that are sometimes busy: a new leader within about two seconds.
    pub const STEADY: Self = Self { heartbeat_ms: 150, election_ms: (500, 1_000) };
    /// For machines with time to spare: a new leader within about one second.
    pub const FAST: Self = Self { heartbeat_ms: 100, election_ms: (300, 600) };
}

/// How a node of the cluster is opened.
#[derive(Clone)]
pub struct Options {
    /// Where its journal lies, and how it is kept. `segment_bytes` and `keep_log_bytes` are those
    /// of the log of all groups.
    pub journal: LocalOptions,
    /// Who it is. Never one that was used before with another directory.
    pub node: NodeId,
    /// How soon a leader is missed.
    pub timing: Timing,
    /// How long an append waits for the others before its outcome is called unknown.
    pub confirm: Duration,
}

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new(journal: LocalOptions, node: NodeId) -> Self {
        Self { journal, node, timing: Timing::STEADY, confirm: Duration::from_secs(10) }
    }
}

/// Where one shard stands, as this node sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShardStatus {
    /// Which shard.
    pub shard: u16,
    /// The node that leads it.
    pub leader: Option<NodeId>,
    /// The term of its votes.
    pub term: u64,
    /// Who has a vote.
    pub voters: BTreeSet<NodeId>,
    /// Who follows without one.
    pub learners: BTreeSet<NodeId>,
    /// The last entry of this node's log.
    pub last: Option<u64>,
    /// The last entry that this node applied.
    pub applied: Option<u64>,
    /// The last entry that the log let go of.
    pub purged: Option<u64>,
    /// On the leader: the last entry that each other node is known to have.
    pub matched: BTreeMap<NodeId, Option<u64>>,
    /// Why the group has ended on this node, if it has.
    pub ended: Option<String>,
}

pub(crate) struct Group {
    pub(crate) raft: Raft,
    pub(crate) lead: watch::Receiver<Lead>,
    pub(crate) proposals: mpsc::Sender<Proposal>,
}

/// The journal of a cluster, as one of its nodes has it.
pub struct ClusterJournal {
    pub(crate) replica: Arc<Replica>,
    pub(crate) groups: Vec<Group>,
    pub(crate) leading: watch::Sender<Leading>,
    pub(crate) node: NodeId,
    log: Arc<EntryLog>,
    server: Server,
    /// The threads of consensus. Taken when it ends.
    runtime: Mutex<Option<Runtime>>,
    pub(crate) handle: Handle,
}

impl ClusterJournal {
    /// Opens this node's share and begins to take part. `links` carry what it sends; what peers
    /// send is given to [`Self::server`]. A node that never took part waits for
    /// [`Self::init`], or for others to make it a member.
    ///
    /// # Errors
    /// The directory cannot be opened, or is damaged; the text says what to do.
    pub async fn open(options: Options, links: Arc<dyn Links>) -> Result<Arc<Self>, Error> {
        let journal = options.journal.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let replica = Replica::open(journal.clone())?;
            let log = EntryLog::open(EntryLogOptions {
                dir: journal.dir.join("raft"),
                id: replica.id(),
                groups: replica.shards(),
                segment_bytes: journal.segment_bytes,
                disk: journal.disk,
            })?;
            Ok::<_, Error>((Arc::new(replica), Arc::new(log)))
        });
        let (replica, log) = opened.await.map_err(|error| Error::Halted(error.to_string()))??;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("raft")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let runtime = Mutex::new(Some(runtime));
        let started = start(&options, &replica, &log, &links, &handle).await;
        let groups = match started {
            Ok(groups) => groups,
            Err(error) => {
                stop(&runtime);
                return Err(error);
            }
        };
        let rafts = groups.iter().map(|group| group.raft.clone()).collect();
        let server = Server::new(replica.clone(), rafts);
        let leading = watch::Sender::new(Leading::default());
        for (shard, group) in (0..).map(Shard).zip(&groups) {
            handle.spawn(lead(replica.clone(), shard, group.lead.clone(), leading.clone()));
        }
        let keep = options.journal.keep_log_bytes;
        let rafts = groups.iter().map(|group| group.raft.clone()).collect();
        handle.spawn(look_after(replica.clone(), log.clone(), rafts, keep));
        let node = options.node;
        Ok(Arc::new(Self { replica, groups, leading, node, log, server, runtime, handle }))
    }

    /// The door for what peers send.
    #[must_use]
    pub fn server(&self) -> Server {
        self.server.clone()
    }

    /// The threads of consensus: what serves peers' requests belongs on them.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Who this node is.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Where each shard stands.
    #[must_use]
    pub fn status(&self) -> Vec<ShardStatus> {
        (0..).zip(&self.groups).map(|(shard, group)| status(shard, &group.raft)).collect()
    }

    /// A hash of all that a shard holds on this node, and the index of the entry that it is of.
    ///
    /// # Errors
    /// The store's.
    pub async fn digest(&self, shard: Shard) -> Result<(Option<u64>, [u8; 32]), Error> {
        let (mark, digest) = self.replica.digest(shard).await?;
        let mark = mark.map(|mark| crate::wire::kept_mark(&mark)).transpose()?;
        Ok((mark.and_then(|mark| mark.applied).map(|id| id.index), digest))
    }

    /// What was counted since the opening.
    #[must_use]
    pub fn stats(&self) -> autoos_journal::Stats {
        self.replica.stats()
    }

    /// Asks a request of its shard and waits for what becomes of it.
    pub(crate) async fn ask(
        proposals: mpsc::Sender<Proposal>,
        request: Request,
    ) -> Result<Option<autoos_journal::Position>, Error> {
        let (answer, answered) = oneshot::channel();
        let ended = || Error::Halted("the node was closed".into());
        proposals.send(Proposal { request, answer }).await.map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| {
            Err(Error::Unconfirmed("the node was closed while it was under way".into()))
        })
    }

    /// Lets the log on this node go of all that is applied, behind a checkpoint of the store. It
    /// happens by itself when the log grows; followers that are further behind are filled from
    /// the store.
    pub async fn purge(&self) {
        let groups: Vec<Raft> = self.groups.iter().map(|group| group.raft.clone()).collect();
        purge(&self.log, &groups).await;
    }

    /// What the log of all groups takes on the disk, bytes.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// Ends taking part, and makes the store durable. What was acknowledged stays with the others
    /// and on this disk.
    pub async fn close(&self) {
        self.leading.send_replace(Leading::default());
        for group in &self.groups {
            if let Err(error) = group.raft.shutdown().await {
                tracing::warn!(%error, "a group did not end in order");
            }
        }
        stop(&self.runtime);
        self.replica.close().await;
    }
}

impl Drop for ClusterJournal {
    fn drop(&mut self) {
        stop(&self.runtime);
    }
}

fn stop(runtime: &Mutex<Option<Runtime>>) {
    if let Some(runtime) = runtime.lock().unwrap_or_else(PoisonError::into_inner).take() {
        runtime.shutdown_background();
    }
}

/// The settings of every group. The reasons are openraft's own defaults: they lose what was
/// acknowledged when a leader restarts, vote without asking first, and keep a heartbeat that a
/// busy machine misses.
fn config(timing: Timing) -> Result<Config, Error> {
    let config = Config {
        cluster_name: "autoos".into(),
        heartbeat_interval: timing.heartbeat_ms,
        election_timeout_min: timing.election_ms.0,
        election_timeout_max: timing.election_ms.1,
        enable_leader_restore: Some(false),
        enable_pre_vote: Some(true),
        // The log is let go of when it grows, by `look_after`.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        max_payload_entries: 64,
        install_snapshot_timeout: 600_000,
        ..Config::default()
    };
    config.validate().map_err(|error| Error::Invalid(error.to_string()))
}

async fn start(
    options: &Options,
    replica: &Arc<Replica>,
    log: &Arc<EntryLog>,
    links: &Arc<dyn Links>,
    handle: &Handle,
) -> Result<Vec<Group>, Error> {
    let config = Arc::new(config(options.timing)?);
    let mut groups = Vec::new();
    for shard in (0..replica.shards()).map(Shard) {
        let network = Network { links: links.clone(), replica: replica.clone(), group: shard.0 };
        let machine = Machine::open(replica.clone(), shard)?;
        let storage = GroupLog::new(log.clone(), shard.0);
        let (node, config) = (options.node, config.clone());
        let raft = handle
            .spawn(async move { Raft::new(node, config, network, storage, machine).await })
            .await
            .map_err(|error| Error::Halted(error.to_string()))?
            .map_err(|error| Error::Halted(format!("shard {} did not start: {error}", shard.0)))?;
        let (sender, lead) = watch::channel(Lead::default());
        handle.spawn(follow(raft.clone(), node, sender));
        let (proposals, waiting) = mpsc::channel(WAITING);
        let confirm = options.confirm;
        let proposer = Proposer { shard, raft: raft.clone(), lead: lead.clone(), waiting, confirm };
        handle.spawn(proposer.run());
        groups.push(Group { raft, lead, proposals });
    }
    Ok(groups)
}

/// Tells which epoch this node leads a shard under, as that changes.
async fn lead(
    replica: Arc<Replica>,
    shard: Shard,
    mut lead: watch::Receiver<Lead>,
    leading: watch::Sender<Leading>,
) {
    loop {
        let mine = lead.borrow_and_update().mine;
        let base = mark_of(&replica, shard).map_or(0, |mark| mark.base);
        let epoch = mine.map(|leader| base + leader.term);
        leading.send_if_modified(|known| {
            if known.0.get(&shard) == epoch.as_ref() {
                return false;
            }
            match epoch {
                Some(epoch) => known.0.insert(shard, epoch),
                None => known.0.remove(&shard),
            };
            true
        });
        if lead.changed().await.is_err() {
            return;
        }
    }
}

/// Lets go of the log's oldest part once it is larger than `keep`, behind a checkpoint of the
/// store, and of all that is applied some time after something was erased: it holds that too.
async fn look_after(replica: Arc<Replica>, log: Arc<EntryLog>, groups: Vec<Raft>, keep: u64) {
    let mut turn = tokio::time::interval(Duration::from_millis(KEEP_MS));
    let mut purged = Instant::now();
    let mut erased = false;
    loop {
        turn.tick().await;
        erased |= replica.take_erased();
        if erased && purged.elapsed() >= Duration::from_millis(PURGE_MS) {
            (erased, purged) = (false, Instant::now());
            purge(&log, &groups).await;
        }
        if log.bytes() <= keep {
            continue;
        }
        for (number, group) in (0..).zip(&groups) {
            if log.pins(number) {
                let_go(group).await;
            }
        }
    }
}

/// Lets go of all that is applied.
async fn purge(log: &EntryLog, groups: &[Raft]) {
    for group in groups {
        let_go(group).await;
    }
    let (done, told) = oneshot::channel();
    log.rotate(Box::new(move |result| drop(done.send(result))));
    if let Ok(Err(error)) = told.await {
        tracing::warn!(%error, "the log was not purged");
    }
}

/// Lets a group's log go up to what a checkpoint of the store has made durable.
///
/// A leader's log is not let go of while it is being sent to somebody, and to a follower that is
/// down it is sent for ever. So such a leader hands over to one that has the rest: that one's log
/// is shorter already, and it fills the follower from its store.
async fn let_go(group: &Raft) {
    let before = group.metrics().borrow_watched().last_applied;
    if group.trigger().snapshot().await.is_err() {
        return;
    }
    let wait = group.wait(Some(CHECKPOINT));
    let made = wait.metrics(|metrics| metrics.snapshot >= before, "a checkpoint of the store");
    let Some(upto) = made.await.ok().and_then(|metrics| metrics.snapshot) else { return };
    if let Err(error) = group.trigger().purge_log(upto.index).await {
        tracing::warn!(%error, "the log of a group was not purged");
        return;
    }
    let wait = group.wait(Some(LET_GO));
    let gone = wait.metrics(|metrics| metrics.purged >= Some(upto), "the purge of the log").await;
    let metrics = group.metrics().borrow_watched().clone();
    if gone.is_ok() || !metrics.state.is_leader() {
        return;
    }
    let voters: BTreeSet<NodeId> = metrics.membership_config.voter_ids().collect();
    let others = metrics.replication.iter().flatten();
    let others = others.filter(|(id, _)| **id != metrics.id && voters.contains(id));
    if let Some((to, _)) = others.max_by_key(|(_, matched)| **matched)
        && let Err(error) = group.trigger().transfer_leader(*to).await
    {
        tracing::warn!(%error, "a leader that cannot let go of its log did not hand over");
    }
}

fn status(shard: u16, raft: &Raft) -> ShardStatus {
    let metrics = raft.metrics().borrow_watched().clone();
    let members = metrics.membership_config.membership();
    ShardStatus {
        shard,
        leader: metrics.current_leader,
        term: metrics.current_term,
        voters: members.voter_ids().collect(),
        learners: members.learner_ids().collect(),
        last: metrics.last_log_index,
        applied: metrics.last_applied.map(|id| id.index),
        purged: metrics.purged.map(|id| id.index),
        matched: metrics
            .replication
            .into_iter()
            .flatten()
            .map(|(id, at)| (id, at.map(|at| at.index)))
            .collect(),
        ended: metrics.running_state.err().map(|fatal| fatal.to_string()),
    }
}

/// The members with a vote in a shard: as many as [`VOTERS`], beginning with another one for each
/// shard, so that each node has about as many.
#[must_use]
pub fn voters_of(shard: u16, members: &BTreeMap<NodeId, Peer>) -> Vec<NodeId> {
    let ids: Vec<NodeId> = members.keys().copied().collect();
    let count = ids.len().min(VOTERS);
    (0..count).map(|n| ids[(usize::from(shard) + n) % ids.len()]).collect()
}
