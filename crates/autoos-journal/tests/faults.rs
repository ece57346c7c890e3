//! Faults of the disk under the log: power loss at any moment, a failed sync, a full disk, and
//! how many syncs appends take. The disk is a simulated one that loses what was not synced.

use autoos_journal::{
    Error, LocalJournal, LocalOptions, SharedJournal, Standing,
    conformance::{batch, pair, write},
    disk::SimDisk,
};
use futures::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{collections::BTreeMap, path::Path, sync::Arc};

fn options(dir: &Path, disk: &SimDisk) -> LocalOptions {
    let mut options = LocalOptions::new(dir).small();
    options.disk = Arc::new(disk.clone());
    options.segment_bytes = 8 << 10;
    // The tests lose the event store at will: the log must reach back to the beginning.
    options.keep_log_bytes = 1 << 30;
    options
}

async fn append(journal: &SharedJournal, n: u128, seq: u64) -> Result<(), Error> {
    let text = format!("{n}/{seq}");
    let writes = vec![write(pair(n).1, seq, &[&text], Standing::Running)];
    journal.append(batch(journal, writes)).await.map(drop)
}

/// Appends to 8 streams at once until the disk gives up; what was acknowledged of each, and how
/// many were begun.
async fn append_until_failure(journal: &SharedJournal, from: &[u64; 8]) -> [u64; 8] {
    let streams = from.iter().enumerate().map(|(n, from)| {
        let journal = journal.clone();
        async move {
            let mut seq = *from;
            while append(&journal, n as u128, seq).await.is_ok() {
                seq += 1;
            }
            seq
        }
    });
    let reached = join_all(streams).await;
    reached.try_into().expect("8 streams")
}

/// Everything that was acknowledged is there, what else is there was asked for, and in order.
async fn check(journal: &SharedJournal, acked: &[u64; 8], seed: u64) -> [u64; 8] {
    let mut found = [0; 8];
    for (n, acked) in acked.iter().enumerate() {
        let events = journal.read(pair(n as u128).1, 0, usize::MAX).await.expect("reads");
        for (event, seq) in events.iter().zip(0..) {
            assert_eq!(event.kind, format!("{n}/{seq}"), "seed {seed}");
        }
        found[n] = events.len() as u64;
        assert!(found[n] >= *acked, "seed {seed}: stream {n} lost {} of {acked}", found[n]);
        assert!(found[n] <= acked + 1, "seed {seed}: stream {n} has what nobody wrote");
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_loss_loses_nothing_acknowledged() {
    let (mut total, mut torn, mut cuts_at_open) = (0, 0, 0);
    for seed in 0..60 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut disk = SimDisk::new();
        let dir = tempfile::tempdir().expect("a directory");
        let mut reached = [0; 8];
        for _life in 0..4 {
            let soon = rng.random_bool(0.3);
            disk.cut_power_after(rng.random_range(if soon { 0..30 } else { 30..400 }));
            match LocalJournal::open(options(dir.path(), &disk)) {
                Ok(journal) => {
                    torn += u32::from(journal.recovery().torn.is_some());
                    let journal: SharedJournal = journal;
                    let found = check(&journal, &reached, seed).await;
                    let acked = append_until_failure(&journal, &found).await;
                    total += acked.iter().sum::<u64>() - found.iter().sum::<u64>();
                    reached = acked;
                }
                // The power may go during the opening, too; nothing else may stop it.
                Err(Error::Io(_)) => cuts_at_open += 1,
                Err(error) => panic!("seed {seed}: {error}"),
            }
            disk = disk.after_power_loss(|| rng.random_bool(0.5));
            if rng.random_bool(0.5) {
                // The event store comes back as old as it can be: not at all.
                let _ = std::fs::remove_dir_all(dir.path().join("store"));
            }
        }
        let journal = LocalJournal::open(options(dir.path(), &disk))
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        torn += u32::from(journal.recovery().torn.is_some());
        assert_eq!(journal.recovery().repairs, Vec::<String>::new(), "seed {seed}");
        let journal: SharedJournal = journal;
        let found = check(&journal, &reached, seed).await;
        append(&journal, 0, found[0]).await.expect("works again");
    }
    eprintln!("{total} acknowledged, {torn} torn frames, {cuts_at_open} cuts while opening");
    assert!(total > 1000 && torn > 0 && cuts_at_open > 0, "the faults did happen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_halts() {
    let (disk, dir) = (SimDisk::new(), tempfile::tempdir().expect("a directory"));
    let local = LocalJournal::open(options(dir.path(), &disk)).expect("opens");
    let journal: SharedJournal = local.clone();
    append(&journal, 0, 0).await.expect("appends");
    disk.fail_sync_after(0);
    let failed = append(&journal, 0, 1).await.expect_err("the sync failed");
    assert!(failed.is_unknown(), "{failed}");
    let syncs = disk.counts().0;
    disk.fail_sync_after(1000);
    let refused = append(&journal, 0, 1).await.expect_err("it has halted");
    assert!(matches!(refused, Error::Halted(_)), "{refused}");
    assert_eq!(disk.counts().0, syncs, "it is never tried again");
    assert!(journal.degraded().expect("is told").contains("halted"));
    let seen = journal.read(pair(0).1, 0, 10).await.expect("reads");
    assert_eq!(seen.len(), 1, "what is not durable is not shown");
    drop((journal, local));
    let disk = disk.after_power_loss(|| false);
    let journal: SharedJournal =
        LocalJournal::open(options(dir.path(), &disk)).expect("opens again");
    assert_eq!(journal.read(pair(0).1, 0, 10).await.expect("reads").len(), 1);
    append(&journal, 0, 1).await.expect("appends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledgement_follows_a_sync_and_many_share_one() {
    let (disk, dir) = (SimDisk::new(), tempfile::tempdir().expect("a directory"));
    let mut options = options(dir.path(), &disk);
    options.segment_bytes = 64 << 20;
    let local = LocalJournal::open(options).expect("opens");
    let journal: SharedJournal = local.clone();
    for seq in 0..50 {
        let before = disk.counts().0;
        append(&journal, 0, seq).await.expect("appends");
        assert!(disk.counts().0 > before, "append {seq} was acknowledged without a sync");
    }
    let before = disk.counts().0;
    let appends = (100..1124u128).map(|n| append(&journal, n, 0));
    assert!(join_all(appends).await.iter().all(Result::is_ok));
    let syncs = disk.counts().0 - before;
    eprintln!("1,024 concurrent appends took {syncs} syncs");
    assert!((1..=256).contains(&syncs), "{syncs} syncs for 1,024 appends");
    let stats = local.stats();
    assert_eq!((stats.events, stats.batches), (1074, 1074));
    assert_eq!(stats.sync.count(), stats.frames);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_makes_it_read_only_until_there_is_room() {
    for extra in [0, 100, 1000, 5000, 20_000] {
        let (disk, dir) = (SimDisk::new(), tempfile::tempdir().expect("a directory"));
        let mut options = options(dir.path(), &disk);
        options.reserve_bytes = 0;
        let local = LocalJournal::open(options.clone()).expect("opens");
        let journal: SharedJournal = local.clone();
        disk.set_capacity(Some(disk.used() + extra));
        let mut acked = BTreeMap::new();
        let refused = 'full: {
            for seq in 0.. {
                for n in 0..8 {
                    match append(&journal, n, seq).await {
                        Ok(()) => *acked.entry(n).or_insert(0) += 1,
                        Err(error) => break 'full error,
                    }
                }
            }
            unreachable!("the disk is never full")
        };
        assert!(matches!(refused, Error::ReadOnly(_)), "{refused}");
        assert!(!refused.is_unknown() && refused.to_string().contains("free some space"));
        assert!(journal.degraded().is_some());
        let again = append(&journal, 99, 0).await.expect_err("still full");
        assert!(matches!(again, Error::ReadOnly(_)), "{again}");
        for (n, count) in &acked {
            let events = journal.read(pair(*n).1, 0, usize::MAX).await.expect("reads");
            assert_eq!(events.len(), *count, "nothing acknowledged is lost, nothing else is there");
        }
        journal.erase(pair(0).1.uuid).await.expect("what frees is still possible");
        disk.set_capacity(None);
        append(&journal, 99, 0).await.expect("works again");
        assert_eq!(journal.degraded(), None);
        drop((journal, local));
        let journal: SharedJournal = LocalJournal::open(options).expect("opens again");
        for (n, count) in &acked {
            let events = journal.read(pair(*n).1, 0, usize::MAX).await.expect("reads");
            assert_eq!(events.len(), *count);
        }
    }
}
