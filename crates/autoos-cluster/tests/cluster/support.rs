//! A cluster in one process, whose nodes can be killed, cut off and started again.

use autoos_cluster::{ClusterJournal, MemoryNet, NodeId, Options, Peer, Timing};
use autoos_journal::{Error, Journal, LocalOptions, Standing, conformance::write, disk::Disk};
use autoos_kernel::id::{Shard, StreamId};
use std::{
    collections::BTreeMap,
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

/// The longest that anything is waited for: a bound for hangs, not a measure.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Trio {
    dirs: TempDir,
    pub(crate) net: MemoryNet,
    nodes: Mutex<BTreeMap<NodeId, Arc<ClusterJournal>>>,
    pub(crate) members: BTreeMap<NodeId, Peer>,
    shards: u16,
    pub(crate) disks: Mutex<BTreeMap<NodeId, Arc<dyn Disk>>>,
}

pub(crate) fn peer(node: NodeId) -> Peer {
    Peer { name: format!("node-{node}"), addr: String::new() }
}

/// Waits for something that will be so.
pub(crate) async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

impl Trio {
    /// A cluster of `count` nodes that leads all its shards.
    pub(crate) async fn start(count: u64, shards: u16) -> Self {
        let trio = Self::cold(count, shards);
        for node in trio.members.keys().copied().collect::<Vec<_>>() {
            trio.up(node).await;
        }
        for node in trio.all() {
            node.init(&trio.members).await.expect("begins");
        }
        for shard in 0..shards {
            trio.leader(Shard(shard)).await;
        }
        trio
    }

    /// The same, before any node is up.
    pub(crate) fn cold(count: u64, shards: u16) -> Self {
        Self {
            dirs: tempfile::tempdir().expect("a directory"),
            net: MemoryNet::new(),
            nodes: Mutex::default(),
            members: (1..=count).map(|id| (id, peer(id))).collect(),
            shards,
            disks: Mutex::default(),
        }
    }

    pub(crate) fn dir(&self, node: NodeId) -> PathBuf {
        self.dirs.path().join(format!("node-{node}"))
    }

    /// Starts a node, or starts it again.
    pub(crate) async fn up(&self, node: NodeId) -> Arc<ClusterJournal> {
        let mut journal = LocalOptions::new(self.dir(node)).small();
        journal.shards = self.shards;
        journal.verify_events = 10_000;
        // All nodes of a cluster share the key of the installation.
        let key = autoos_journal::Key([42; 32]);
        let disk = self.disks.lock().expect("not poisoned").get(&node).cloned();
        if let Some(disk) = disk {
            journal.disk = disk;
        }
        autoos_journal::replica::give_install_key(&*journal.disk, &journal.dir, &key)
            .expect("takes the key");
        let mut options = Options::new(journal, node);
        options.timing = Timing::STEADY;
        let opened = ClusterJournal::open(options, self.net.links(node)).await.expect("opens");
        self.net.join(node, opened.server(), opened.handle().clone());
        self.nodes.lock().expect("not poisoned").insert(node, opened.clone());
        opened
    }

    /// Takes a node off the net and ends it, whatever it was doing.
    pub(crate) async fn down(&self, node: NodeId) {
        self.net.leave(node);
        let gone = self.nodes.lock().expect("not poisoned").remove(&node);
        if let Some(gone) = gone {
            soon("a node's end", gone.close()).await;
        }
    }

    pub(crate) async fn stop(self) {
        for node in self.all() {
            self.down(node.node()).await;
        }
    }

    pub(crate) fn node(&self, node: NodeId) -> Arc<ClusterJournal> {
        self.nodes.lock().expect("not poisoned")[&node].clone()
    }

    pub(crate) fn all(&self) -> Vec<Arc<ClusterJournal>> {
        self.nodes.lock().expect("not poisoned").values().cloned().collect()
    }

    /// The node that may act for a shard; of several that believe it, the newest.
    pub(crate) async fn leader(&self, shard: Shard) -> NodeId {
        soon("a leader", async {
            loop {
                let epochs = self.all().into_iter().map(|node| (node.epoch(shard), node.node()));
                if let Some((epoch, node)) = epochs.max()
                    && epoch > 0
                {
                    return node;
                }
                let waits = self.all().into_iter().map(|node| {
                    Box::pin(async move {
                        let _ = node.leading().changed().await;
                    })
                });
                let wait = futures::future::select_all(waits);
                // Leadership may have changed before the wait began.
                let _ = tokio::time::timeout(Duration::from_millis(50), wait).await;
            }
        })
        .await
    }

    /// Waits until `node` leads a shard.
    pub(crate) async fn leads(&self, node: NodeId, shard: Shard) {
        let mut leading = self.node(node).leading();
        soon("leading", leading.wait_for(|leading| leading.0.contains_key(&shard)))
            .await
            .expect("the node lives");
    }

    /// Records events at whoever leads, until it is so.
    pub(crate) async fn record(&self, stream: StreamId, expect: u64, kinds: &[&str]) {
        soon("an append", async {
            loop {
                let shard = stream.shard(self.shards);
                let node = self.node(self.leader(shard).await);
                let batch = autoos_journal::Batch {
                    epoch: node.epoch(shard),
                    writes: vec![write(stream, expect, kinds, Standing::Running)],
                    bodies: vec![],
                };
                match node.append(batch).await {
                    Ok(_) => return,
                    // A try before, whose outcome was unknown, was recorded.
                    Err(Error::Sequence { actual, .. })
                        if actual == expect + kinds.len() as u64 =>
                    {
                        return;
                    }
                    Err(
                        Error::NotLeader { .. }
                        | Error::StaleEpoch { .. }
                        | Error::Unconfirmed(_)
                        | Error::Halted(_),
                    ) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        })
        .await;
    }

    /// Waits until all nodes that are up have applied the same, and holds their states against
    /// each other.
    pub(crate) async fn agree(&self) {
        for shard in (0..self.shards).map(Shard) {
            soon("agreement", async {
                loop {
                    let mut digests = Vec::new();
                    for node in self.all() {
                        digests.push(node.digest(shard).await.expect("reads"));
                    }
                    if digests.windows(2).all(|pair| pair[0].0 == pair[1].0) {
                        assert!(
                            digests.windows(2).all(|pair| pair[0].1 == pair[1].1),
                            "replicas of shard {} differ at the same place: {digests:?}",
                            shard.0
                        );
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
    }
}

impl Trio {
    /// Waits until a node has `count` events of each of some streams.
    pub(crate) async fn agree_on(
        &self,
        node: NodeId,
        streams: std::ops::Range<u128>,
        count: usize,
    ) {
        let node = self.node(node);
        soon("catching up", async {
            for n in streams {
                let stream = autoos_journal::conformance::pair(n).1;
                while node.read(stream, 0, count).await.expect("reads").len() < count {
                    tokio::task::yield_now().await;
                }
            }
        })
        .await;
    }

    /// Does something on every node, again where the lead has just moved, until each shard's
    /// leader has done it.
    pub(crate) async fn everywhere<F>(&self, change: F)
    where
        F: AsyncFn(Arc<ClusterJournal>) -> Result<(), Error>,
    {
        soon("a change everywhere", async {
            loop {
                for shard in 0..self.shards {
                    self.leader(Shard(shard)).await;
                }
                let before: Vec<_> =
                    self.all().iter().map(|node| node.leading().borrow().clone()).collect();
                let mut done = true;
                for node in self.all() {
                    done &= change(node).await.is_ok();
                }
                let after: Vec<_> =
                    self.all().iter().map(|node| node.leading().borrow().clone()).collect();
                if done && before == after {
                    return;
                }
            }
        })
        .await;
    }
}
