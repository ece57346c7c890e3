//! The local journal passes the conformance suite, on its own and with a checkpoint at every
//! turn, and keeps everything across restarts.

use autoos_journal::{
    Body, Cursor, Error, LocalJournal, LocalOptions, Position, SharedJournal, Snapshot, Standing,
    conformance::{self, batch, pair, write},
};
use autoos_kernel::{id::StreamId, time::Timestamp};
use std::{path::Path, sync::Arc};

fn open(dir: &Path) -> Arc<LocalJournal> {
    LocalJournal::open(LocalOptions::new(dir).small()).expect("opens")
}

fn shared(journal: &Arc<LocalJournal>) -> SharedJournal {
    journal.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let dirs = std::sync::Mutex::new(vec![]);
    for shards in [1, 16] {
        conformance::all(|| async {
            let dir = tempfile::tempdir().expect("a directory");
            let options = LocalOptions { shards, ..LocalOptions::new(dir.path()).small() };
            dirs.lock().expect("one thread").push(dir);
            LocalJournal::open(options).expect("opens") as SharedJournal
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_everything_across_restarts() {
    let dir = tempfile::tempdir().expect("a directory");
    let streams: Vec<StreamId> = (0..50).flat_map(|n| [pair(n).0, pair(n).1]).collect();
    let mut epochs = vec![];
    let mut bodies = vec![];
    for life in 0..4u64 {
        let local = open(dir.path());
        let journal = shared(&local);
        epochs.push(journal.epoch(streams[0].shard(16)));
        assert!(local.recovery().is_clean(), "{:?}", local.recovery());
        for (n, stream) in streams.iter().enumerate() {
            let standing = match n % 4 {
                0 => Standing::Running,
                1 => Standing::Waiting { wake: Some(Timestamp(life * 1000 + n as u64)) },
                2 => Standing::Waiting { wake: None },
                _ => Standing::Closed,
            };
            let key = journal.body_key(stream.uuid).await.expect("given");
            let body = Body::new(&key, format!("{stream} says {life}").into_bytes());
            let mut full = batch(&journal, vec![write(*stream, life * 2, &["a", "b"], standing)]);
            full.bodies = vec![body.clone()];
            journal.append(full).await.expect("appends");
            bodies.push((stream.uuid, body));
        }
        let snapshot = Snapshot { next: life, version: 1, state: vec![life as u8; 20_000] };
        journal.save_snapshot(streams[0], snapshot).await.expect("saves");
        let (shard, end) = journal.end().0.into_iter().find(|(_, end)| *end > 0).expect("has some");
        journal.group_ack("mail", Position { shard, offset: end - 1 }).await.expect("acks");
        if life % 2 == 0 {
            local.close().await;
            assert!(matches!(journal.head(streams[0]).await, Ok(Some(_))), "reads go on");
            let late = journal.append(batch(
                &journal,
                vec![write(streams[0], life * 2 + 2, &["x"], Standing::Running)],
            ));
            assert!(matches!(late.await, Err(Error::Halted(_))));
        }
    }
    assert!(epochs.windows(2).all(|pair| pair[0] < pair[1]), "{epochs:?}");
    let local = open(dir.path());
    let journal = shared(&local);
    for stream in &streams {
        assert_eq!(journal.read(*stream, 0, 100).await.expect("reads").len(), 8);
        assert_eq!(journal.read(*stream, 5, 2).await.expect("reads").len(), 2);
    }
    let mut running = journal.running().await.expect("reads");
    running.sort();
    let mut expected: Vec<_> = streams.iter().step_by(4).copied().collect();
    expected.sort();
    assert_eq!(running, expected);
    let due = journal.due(Timestamp(3017), 100).await.expect("reads");
    assert_eq!(due, [streams[1], streams[5], streams[9], streams[13], streams[17]]);
    for (owner, body) in bodies {
        let read = journal.body(owner, body.body).await.expect("reads");
        assert_eq!(read, Some(body.bytes));
    }
    let snapshot = journal.snapshot(streams[0]).await.expect("reads").expect("kept");
    assert_eq!((snapshot.next, snapshot.state.len()), (3, 20_000));
    assert_ne!(journal.group_cursor("mail").await.expect("reads"), Cursor::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_alone_moves_nothing_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let stream = pair(1).1;
    for life in 0..3 {
        let local = open(dir.path());
        assert!(local.recovery().is_clean(), "{:?}", local.recovery());
        assert_eq!(local.recovery().replayed_frames, 0, "it was closed in order");
        let journal = shared(&local);
        let writes = vec![write(stream, life, &["a"], Standing::Running)];
        journal.append(batch(&journal, writes)).await.expect("appends");
        local.checkpoint().expect("is durable");
        let snapshot = Snapshot { next: life, version: 1, state: vec![1] };
        journal.save_snapshot(stream, snapshot).await.expect("saves");
        local.close().await;
    }
    let journal = shared(&open(dir.path()));
    assert_eq!(journal.snapshot(stream).await.expect("reads").expect("is kept").next, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_held_by_one_process() {
    let dir = tempfile::tempdir().expect("a directory");
    let held = open(dir.path());
    let refused = LocalJournal::open(LocalOptions::new(dir.path()).small());
    let error = refused.err().expect("is held");
    assert!(error.to_string().contains("another process holds the journal"), "{error}");
    drop(held);
    open(dir.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erasing_purges_the_log_and_survives_restarts() {
    let dir = tempfile::tempdir().expect("a directory");
    let local = open(dir.path());
    let journal = shared(&local);
    let (one, two) = (pair(1).1, pair(2).1);
    let mut refs = vec![];
    for stream in [one, two] {
        let key = journal.body_key(stream.uuid).await.expect("given");
        let mut full = batch(&journal, vec![write(stream, 0, &["said"], Standing::Running)]);
        full.bodies = vec![Body::new(&key, b"hear me".to_vec())];
        refs.push(full.bodies[0].body);
        journal.append(full).await.expect("appends");
    }
    assert!(log_holds(dir.path(), &refs[0].hash));
    journal.erase(one.uuid).await.expect("erases");
    // The purge comes by itself; the word that it is due goes when it is done.
    while log_holds(dir.path(), &refs[0].hash) {
        local.checkpoint().expect("is durable");
    }
    drop((journal, local));
    let journal = shared(&open(dir.path()));
    assert!(matches!(journal.body(one.uuid, refs[0]).await, Err(Error::Erased(_))));
    assert!(matches!(journal.body_key(one.uuid).await, Err(Error::Erased(_))));
    let kept = journal.body(two.uuid, refs[1]).await.expect("reads");
    assert_eq!(kept.as_deref(), Some(&b"hear me"[..]));
    assert_eq!(journal.read(one, 0, 10).await.expect("reads").len(), 1, "events stay");
}

/// Whether some file of the log holds these bytes.
fn log_holds(dir: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(dir.join("log")).expect("is there").any(|file| {
        // A segment may be purged between the listing and the reading.
        let content = std::fs::read(file.expect("lists").path()).unwrap_or_default();
        content.windows(bytes.len()).any(|part| part == bytes)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archives_what_was_closed() {
    let dir = tempfile::tempdir().expect("a directory");
    let local = open(dir.path());
    let journal = shared(&local);
    // Each batch has an intent that closes early and a workflow that closes late.
    for n in 0..20 {
        let (intent, workflow) = pair(n);
        let writes = vec![
            write(intent, 0, &["asked", "answered"], Standing::Closed),
            write(workflow, 0, &["began"], Standing::Running),
        ];
        let key = journal.body_key(intent.uuid).await.expect("given");
        let mut full = batch(&journal, writes);
        full.bodies = vec![Body::new(&key, b"text".to_vec())];
        journal.append(full).await.expect("appends");
    }
    let late = vec![write(pair(0).1, 1, &["done"], Standing::Closed)];
    journal.append(batch(&journal, late)).await.expect("appends");
    local.checkpoint().expect("is durable");
    let heads_before = journal.head(pair(0).0).await.expect("reads");
    assert_eq!(local.archive(Timestamp(1)).await.expect("archives"), 0, "none closed before 1");
    assert_eq!(local.archive(Timestamp(1000)).await.expect("archives"), 21);
    assert_eq!(local.archive(Timestamp(1000)).await.expect("archives"), 0);
    local.checkpoint().expect("is durable");
    drop((journal, local));
    let local = open(dir.path());
    assert!(local.recovery().is_clean(), "{:?}", local.recovery());
    let journal = shared(&local);
    assert_eq!(journal.head(pair(0).0).await.expect("reads"), heads_before);
    assert!(matches!(journal.read(pair(0).0, 0, 10).await, Err(Error::Archived(_))));
    assert!(matches!(journal.body_key(pair(0).0.uuid).await, Err(Error::Erased(_))));
    journal.body_key(pair(1).0.uuid).await.expect("its workflow is still at work");
    let kept = journal.read(pair(1).1, 0, 10).await.expect("reads");
    assert_eq!(kept.len(), 1, "what shared a row with it is kept");
    let more = vec![write(pair(0).0, 2, &["x"], Standing::Running)];
    assert!(matches!(journal.append(batch(&journal, more)).await, Err(Error::Archived(_))));
    let mut left = 0;
    for shard in journal.end().0.into_keys() {
        left += journal.scan(shard, 0, usize::MAX).await.expect("scans").len();
    }
    assert_eq!(left, 19, "the workflows that still run");
}
