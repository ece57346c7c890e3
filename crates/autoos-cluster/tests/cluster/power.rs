//! Power losses: what was not synced is gone, and nothing that was acknowledged is.

use crate::support::{Trio, soon};
use autoos_journal::{
    Journal, SharedJournal, Standing,
    conformance::{batch, pair, write},
    disk::{Disk, DiskFile, SimDisk},
};
use autoos_kernel::id::Shard;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
};

/// A disk whose syncs can be held up.
#[derive(Clone, Default)]
struct Slow {
    disk: SimDisk,
    held: Arc<(Mutex<bool>, Condvar)>,
}

struct SlowFile {
    file: Box<dyn DiskFile>,
    held: Arc<(Mutex<bool>, Condvar)>,
}

impl Slow {
    fn hold(&self, hold: bool) {
        *self.held.0.lock().expect("not poisoned") = hold;
        self.held.1.notify_all();
    }
}

impl Disk for Slow {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list(dir)
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.disk.read(path)
    }
    fn read_at(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.disk.read_at(path, offset, len)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.disk.open(path)?;
        Ok(Box::new(SlowFile { file, held: self.held.clone() }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
    fn available(&self, dir: &Path) -> io::Result<u64> {
        self.disk.available(dir)
    }
}

impl DiskFile for SlowFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }
    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync(&mut self) -> io::Result<()> {
        let mut held = self.held.0.lock().expect("not poisoned");
        while *held {
            held = self.held.1.wait(held).expect("not poisoned");
        }
        drop(held);
        self.file.sync()
    }
}

/// The leader's disk is slow, the others have what it sends; then it loses its power and is back
/// at once with a shorter log. By openraft's own defaults it would go on as the leader and give
/// the places of what it lost to something else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_back_at_once_with_a_shorter_log_loses_nothing() {
    let trio = Trio::cold(3, 1);
    let mut disks: Vec<Slow> = (0..3).map(|_| Slow::default()).collect();
    for (node, disk) in (1..).zip(&disks) {
        trio.disks.lock().expect("not poisoned").insert(node, Arc::new(disk.clone()));
        trio.up(node).await;
    }
    for node in trio.all() {
        node.init(&trio.members).await.expect("begins");
    }
    trio.record(pair(0).1, 0, &["first"]).await;
    for round in 1..=3u64 {
        let leader = trio.leader(Shard(0)).await;
        let journal: SharedJournal = trio.node(leader);
        let at = usize::try_from(leader - 1).expect("small");
        let disk = disks[at].clone();
        disk.hold(true);
        let tries = (0..20u128).map(|n| {
            let stream = pair(u128::from(round) * 100 + n).1;
            let writes = vec![write(stream, 0, &["tried"], Standing::Running)];
            let append = journal.append(batch(&journal, writes));
            (stream, tokio::spawn(append))
        });
        let tries: Vec<_> = tries.collect();
        let other = trio.node(leader % 3 + 1);
        // The others have all of it on their disks; whether they know it is committed is open.
        soon("replication", async {
            let want = trio.node(leader).status()[0].last;
            while other.status()[0].last < want.max(Some(1)) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let acked: Vec<_> =
            tries.iter().filter(|(_, task)| task.is_finished()).map(|(id, _)| *id).collect();
        // The power goes with all that was not synced.
        let after = disk.disk.after_power_loss(|| false);
        trio.net.leave(leader);
        disk.hold(false);
        drop(journal);
        trio.down(leader).await;
        let mut told = Vec::new();
        for (stream, task) in tries {
            // Each of them holds the node until its answer, and so the directory's lock.
            let answer = soon("an answer", task).await.expect("no panic");
            if acked.contains(&stream) && answer.is_ok() {
                told.push(stream);
            }
        }
        let next = Slow { disk: after, ..Slow::default() };
        trio.disks.lock().expect("not poisoned").insert(leader, Arc::new(next.clone()));
        disks[at] = next;
        trio.up(leader).await;
        trio.record(pair(0).1, round, &["after"]).await;
        trio.agree().await;
        for node in trio.all() {
            for stream in &told {
                let events = node.read(*stream, 0, 10).await.expect("reads");
                assert_eq!(events.len(), 1, "{stream} was acknowledged, on {}", node.node());
            }
        }
    }
    trio.stop().await;
}
