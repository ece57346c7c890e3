//! Backups: taken while appends go on, restored elsewhere, and refused when they are not whole.

use autoos_journal::{
    Body, Error, LocalJournal, LocalOptions, Position, SharedJournal, Standing,
    conformance::{batch, pair, write},
    restore, verify,
};
use autoos_kernel::time::Timestamp;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

fn open(dir: &Path) -> Arc<LocalJournal> {
    LocalJournal::open(LocalOptions::new(dir).small()).expect("opens")
}

async fn fill(journal: &SharedJournal, n: u128, seq: u64, standing: Standing) {
    let stream = pair(n).1;
    let key = journal.body_key(stream.uuid).await.expect("given");
    let mut full = batch(journal, vec![write(stream, seq, &["a", "b"], standing)]);
    full.bodies = vec![Body::new(&key, format!("{n} says {seq}").into_bytes())];
    journal.append(full).await.expect("appends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_appending_restores() {
    let root = tempfile::tempdir().expect("a directory");
    let (live, copy, back) =
        (root.path().join("live"), root.path().join("copy"), root.path().join("back"));
    let local = open(&live);
    let journal: SharedJournal = local.clone();
    for n in 0..40 {
        fill(&journal, n, 0, Standing::Running).await;
    }
    fill(&journal, 50, 0, Standing::Closed).await;
    fill(&journal, 51, 0, Standing::Running).await;
    journal.erase(pair(51).1.uuid).await.expect("erases");
    let position = Position { shard: pair(50).1.shard(16), offset: 0 };
    journal.group_ack("mail", position).await.expect("acknowledges");
    local.checkpoint().expect("is durable");
    assert_eq!(local.archive(Timestamp(1 << 40)).await.expect("archives"), 1);

    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (journal, stop) = (journal.clone(), stop.clone());
        async move {
            let mut seq = 2;
            while !stop.load(Ordering::Relaxed) || seq < 20 {
                for n in 0..40 {
                    fill(&journal, n, seq, Standing::Waiting { wake: Some(Timestamp(seq)) }).await;
                }
                seq += 2;
            }
            seq
        }
    });
    let report = local.backup(&copy).await.expect("copies");
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.expect("has ended");
    assert!(report.events >= 82, "{report:?}");
    let again = local.backup(&copy).await.expect_err("is not empty");
    assert!(matches!(again, Error::Invalid(_)), "{again}");
    assert_eq!(local.verify_streams().await.expect("is whole"), 40 * written + 2);
    drop((journal, local));
    assert_eq!(verify(&live).expect("reads").problems, Vec::<String>::new());

    let restored = restore(&copy, &back).expect("restores");
    assert_eq!(restored.events, report.events);
    let journal: SharedJournal = open(&back);
    for n in 0..40 {
        let stream = pair(n).1;
        let events = journal.read(stream, 0, usize::MAX).await.expect("reads");
        assert!(events.len() >= 2 && (events.len() as u64) <= written);
        let key = journal.body_key(stream.uuid).await.expect("given");
        for seq in (0..events.len() as u64).step_by(2) {
            let text = format!("{n} says {seq}").into_bytes();
            let read = journal.body(stream.uuid, key.refer(&text)).await.expect("reads");
            assert_eq!(read, Some(text), "the bodies of the copied events are there");
        }
        fill(&journal, n, events.len() as u64, Standing::Running).await;
    }
    assert!(matches!(journal.read(pair(50).1, 0, 9).await, Err(Error::Archived(_))));
    assert_eq!(journal.head(pair(50).1).await.expect("reads").expect("is kept").next, 2);
    assert!(matches!(journal.body_key(pair(51).1.uuid).await, Err(Error::Erased(_))));
    assert_eq!(journal.group_cursor("mail").await.expect("reads").0[&position.shard], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_not_whole_is_refused() {
    let root = tempfile::tempdir().expect("a directory");
    let (live, copy) = (root.path().join("live"), root.path().join("copy"));
    let local = open(&live);
    let journal: SharedJournal = local.clone();
    for n in 0..40 {
        fill(&journal, n, 0, Standing::Running).await;
    }
    local.backup(&copy).await.expect("copies");
    let segment = fs::read_dir(copy.join("log")).expect("lists").next().expect("has one");
    let segment = segment.expect("lists").path();
    let whole = fs::read(&segment).expect("reads");
    for (what, bytes) in [
        ("cut", whole[..whole.len() - 8].to_vec()),
        ("without its last frame", whole[..whole.len() / 2].to_vec()),
        ("changed", {
            let mut bytes = whole.clone();
            bytes[whole.len() / 3] ^= 4;
            bytes
        }),
    ] {
        fs::write(&segment, bytes).expect("writes");
        let back = root.path().join(what);
        let error = restore(&copy, &back).expect_err(what);
        assert!(matches!(error, Error::Corrupt(_)), "{what}: {error}");
        assert!(!back.exists(), "nothing is begun");
    }
    fs::write(&segment, whole).expect("writes");
    restore(&copy, &root.path().join("back")).expect("is whole again");
    let missing = restore(&root.path().join("nowhere"), &root.path().join("b")).expect_err("none");
    assert!(missing.to_string().contains("there is no journal"), "{missing}");
}
