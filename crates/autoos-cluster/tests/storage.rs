//! The log and the state machine keep what openraft asks of them, and a log that lost power
//! keeps what it said was durable.

use autoos_cluster::{GroupLog, Machine, Types};
use autoos_journal::{
    LocalOptions,
    disk::SimDisk,
    entries::{Done, EntryLog, EntryLogOptions},
    replica::Replica,
};
use autoos_kernel::id::Shard;
use openraft::{
    StorageError,
    testing::log::{StoreBuilder, Suite},
};
use std::{
    path::Path,
    sync::{Arc, mpsc},
};

struct Builder;

impl StoreBuilder<Types, GroupLog, Machine, tempfile::TempDir> for Builder {
    async fn build(&self) -> Result<(tempfile::TempDir, GroupLog, Machine), StorageError<Types>> {
        let dir = tempfile::tempdir().expect("a directory");
        let options = LocalOptions::new(dir.path()).small();
        let replica = Arc::new(Replica::open(options).expect("opens"));
        let group = 5;
        let log = EntryLog::open(EntryLogOptions {
            dir: dir.path().join("raft"),
            id: replica.id(),
            groups: 16,
            segment_bytes: 4096,
            disk: Arc::new(autoos_journal::disk::RealDisk),
        });
        let log = GroupLog::new(Arc::new(log.expect("opens")), group);
        Ok((dir, log, Machine::open(replica, Shard(group)).expect("opens")))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_what_openraft_asks_for() {
    Suite::test_all(Builder).await.expect("all of the suite");
}

/// Waits for a write to be durable.
fn wait(start: impl FnOnce(Done)) {
    let (done, answered) = mpsc::channel();
    start(Box::new(move |result| drop(done.send(result))));
    answered.recv().expect("answers").expect("is durable");
}

fn open(disk: &SimDisk, segment_bytes: u64) -> EntryLog {
    EntryLog::open(EntryLogOptions {
        dir: Path::new("/raft").into(),
        id: [7; 16],
        groups: 3,
        segment_bytes,
        disk: Arc::new(disk.clone()),
    })
    .expect("opens")
}

/// A number that looks random, from one that does not.
fn mixed(n: u64) -> u64 {
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

fn text(group: u16, index: u64, round: u64) -> Arc<[u8]> {
    let len = (mixed(index * 31 + u64::from(group) + round * 977) % 600) as usize;
    let mut bytes = format!("{group} {index} {round} ").into_bytes();
    bytes.resize(bytes.len() + len, b'x');
    bytes.into()
}

/// What a caller may count on: all that it was told of.
#[derive(Default, Clone, Debug)]
struct Told {
    vote: Option<Vec<u8>>,
    entries: Vec<(u64, Arc<[u8]>)>,
}

#[test]
fn a_power_loss_takes_nothing_that_was_told_durable() {
    for seed in 0..40u64 {
        let disk = SimDisk::new();
        let mut told: Vec<Told> = vec![Told::default(); 3];
        // What was told, and what was asked for since and may or may not be there.
        let mut asked_votes: Vec<Vec<Vec<u8>>> = vec![vec![]; 3];
        {
            let log = open(&disk, 3000);
            disk.cut_power_after(20 + mixed(seed) % 120);
            for step in 0..60u64 {
                let group = (mixed(seed * 1000 + step) % 3) as u16;
                let known = &mut told[usize::from(group)];
                let (done, answered) = mpsc::channel();
                let done = Box::new(move |result: std::io::Result<()>| {
                    let _ = done.send(result.is_ok());
                });
                if mixed(seed * 77 + step).is_multiple_of(4) {
                    let vote = format!("vote {step}").into_bytes();
                    asked_votes[usize::from(group)].push(vote.clone());
                    log.vote(group, vote.clone(), done);
                    if !answered.recv().unwrap_or(false) {
                        break;
                    }
                    known.vote = Some(vote);
                    asked_votes[usize::from(group)].clear();
                } else {
                    let index = known.entries.len() as u64;
                    let entries: Vec<_> =
                        (index..index + 3).map(|n| (n, text(group, n, step))).collect();
                    log.append(group, entries.clone(), done);
                    if !answered.recv().unwrap_or(false) {
                        break;
                    }
                    known.entries.extend(entries);
                }
            }
        }
        let mut sectors = seed;
        let after = disk.after_power_loss(|| {
            sectors += 1;
            mixed(sectors).is_multiple_of(2)
        });
        let log = open(&after, 3000);
        for (group, known) in (0..).zip(&told) {
            let state = log.state(group);
            let votes = &asked_votes[usize::from(group)];
            let vote_kept = state.vote == known.vote
                || state.vote.as_ref().is_some_and(|vote| votes.contains(vote));
            assert!(vote_kept, "seed {seed}: {:?} of {:?}", state.vote, known.vote);
            let read = log.read(group, 0, u64::MAX, usize::MAX).expect("reads");
            assert!(read.len() >= known.entries.len(), "seed {seed}: entries are gone");
            assert!(known.entries.iter().zip(&read).all(|((_, bytes), read)| bytes == read));
        }
    }
}

#[test]
fn a_sync_stands_behind_each_word_and_many_share_one() {
    let disk = SimDisk::new();
    let log = open(&disk, 1 << 20);
    for n in 0..10u64 {
        let before = disk.counts().0;
        wait(|done| log.vote(0, format!("vote {n}").into_bytes(), done));
        assert!(disk.counts().0 > before, "a vote is synced before it counts");
        let before = disk.counts().0;
        wait(|done| log.append(1, vec![(n, text(1, n, 0))], done));
        assert!(disk.counts().0 > before, "an entry is synced before it counts");
    }
    let before = disk.counts().0;
    let (done, answered) = mpsc::channel();
    for n in 10..2010u64 {
        let done = done.clone();
        let told = Box::new(move |result: std::io::Result<()>| {
            let _ = done.send(result.is_ok());
        });
        log.append(1, vec![(n, text(1, n, 0))], told);
        // Readable at once, durable or not.
        assert_eq!(log.read(1, n, n + 1, 1).expect("reads").len(), 1);
    }
    assert!((10..2010).all(|_| answered.recv().expect("answers")));
    assert!(disk.counts().0 - before < 1500, "what waits shares a sync");
    disk.fail_sync_after(0);
    for _ in 0..2 {
        let (done, answered) = mpsc::channel();
        log.vote(0, b"late".to_vec(), Box::new(move |result| drop(done.send(result))));
        assert!(answered.recv().expect("answers").is_err(), "a failed sync is final");
    }
}

#[test]
fn purged_segments_go_and_the_rest_reads_back_from_the_disk() {
    let disk = SimDisk::new();
    {
        let log = open(&disk, 2000);
        wait(|done| log.vote(2, b"mine".to_vec(), done));
        for n in 0..200u64 {
            wait(|done| log.append(0, vec![(n, text(0, n, 0))], done));
        }
        wait(|done| log.append(1, vec![(0, text(1, 0, 0))], done));
        let full = log.bytes();
        wait(|done| log.truncate(0, 190, done));
        wait(|done| log.append(0, vec![(190, text(0, 190, 1))], done));
        wait(|done| log.purge(0, 180, b"purged".to_vec(), done));
        assert!(log.bytes() < full / 2, "{} of {full}", log.bytes());
    }
    let log = open(&disk, 2000);
    let state = log.state(0);
    assert_eq!((state.purged, state.last), (Some((180, b"purged".to_vec())), Some(190)));
    assert_eq!(log.state(2).vote, Some(b"mine".to_vec()), "restated in the newer segments");
    let read = log.read(0, 0, u64::MAX, usize::MAX).expect("reads");
    assert_eq!(read.len(), 10, "nothing before the purge");
    assert_eq!((&read[8], &read[9]), (&text(0, 189, 0), &text(0, 190, 1)));
    assert_eq!(log.read(0, 181, 190, 1).expect("reads").len(), 1, "one entry always");
}
