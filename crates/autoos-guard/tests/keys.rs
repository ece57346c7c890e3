//! API keys through their public interface, on the journal in memory.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

use autoos_guard::{DEFAULT_TENANT, Denied, Error, Keys};
use autoos_journal::{
    Batch, MemoryJournal, NewEvent, Outcome, SharedJournal, Standing, StreamWrite,
};
use autoos_kernel::{
    id::{Shard, StreamId},
    time::Timestamp,
};
use std::{sync::Arc, time::Duration};

struct Node {
    memory: Arc<MemoryJournal>,
    journal: SharedJournal,
    data: tempfile::TempDir,
}

impl Node {
    fn new() -> Self {
        let memory = MemoryJournal::new(4);
        Self { journal: memory.clone(), memory, data: tempfile::tempdir().unwrap() }
    }

    async fn keys(&self) -> Keys {
        Keys::open(self.journal.clone(), self.data.path()).await.unwrap()
    }

    /// Every event of the journal.
    async fn events(&self) -> Vec<autoos_journal::Event> {
        let mut all = Vec::new();
        for shard in 0..self.journal.shards() {
            let events = self.journal.scan(Shard(shard), 0, usize::MAX).await.unwrap();
            all.extend(events.into_iter().map(|(_, event)| event));
        }
        all
    }
}

#[tokio::test]
async fn open_until_the_first_key_and_never_again() {
    let node = Node::new();
    let keys = node.keys().await;
    assert!(keys.is_open());
    for presented in [None, Some(""), Some("dev-key-123")] {
        let caller = keys.check(presented).unwrap();
        assert_eq!((&*caller.tenant, caller.key_id), (DEFAULT_TENANT, None));
    }
    let (info, secret) = keys.create("laptop", "acme").await.unwrap();
    assert!(!keys.is_open());
    let caller = keys.check(Some(secret.expose())).unwrap();
    assert_eq!((&*caller.tenant, caller.key_id), ("acme", Some(info.id.clone())));
    assert_eq!(keys.check(None), Err(Denied::Missing));
    assert_eq!(keys.check(Some("")), Err(Denied::Missing));
    assert_eq!(keys.check(Some("dev-key-123")), Err(Denied::Invalid));
    assert_eq!(keys.check(Some(&secret.expose()[..30])), Err(Denied::Invalid));
    assert_eq!(keys.check(Some(&format!("{} ", secret.expose()))), Err(Denied::Invalid));
    assert_eq!(keys.check(Some(&"x".repeat(1_000_000))), Err(Denied::Invalid));

    let (_, second) = keys.create("server", "umbrella").await.unwrap();
    let revoked = keys.revoke(&info.id).await.unwrap();
    assert!(revoked.revoked.is_some());
    assert_eq!(keys.check(Some(secret.expose())), Err(Denied::Invalid));
    assert_eq!(&*keys.check(Some(second.expose())).unwrap().tenant, "umbrella");
    // Again: nothing changes and nothing is recorded.
    let before = node.events().await.len();
    assert_eq!(keys.revoke(&info.id).await.unwrap(), revoked);
    assert_eq!(node.events().await.len(), before);

    let last = keys.list()[1].id.clone();
    keys.revoke(&last).await.unwrap();
    assert!(!keys.is_open(), "revoking all keys must not open the node");
    assert_eq!(keys.check(None), Err(Denied::Missing));
    assert_eq!(keys.check(Some(second.expose())), Err(Denied::Invalid));
    assert!(matches!(keys.revoke("key-nobody").await, Err(Error::Missing(_))));
}

#[tokio::test]
async fn a_restart_knows_the_same_keys() {
    let node = Node::new();
    let keys = node.keys().await;
    let (gone, _) = keys.create("old", "acme").await.unwrap();
    let (_, secret) = keys.create("new", "acme").await.unwrap();
    keys.revoke(&gone.id).await.unwrap();
    let list = keys.list();
    drop(keys);
    let again = node.keys().await;
    assert_eq!(again.list(), list);
    assert!(again.check(Some(secret.expose())).is_ok());
    // A copy of the journal without the pepper lets nobody in, and does not pretend to work.
    let elsewhere = tempfile::tempdir().unwrap();
    let error = Keys::open(node.journal.clone(), elsewhere.path()).await.unwrap_err();
    assert!(matches!(error, Error::Pepper { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_happens_elsewhere_counts_within_a_second() {
    let node = Node::new();
    let (here, there) = (node.keys().await, node.keys().await);
    let (info, secret) = there.create("phone", "acme").await.unwrap();
    tokio::time::advance(Duration::from_millis(900)).await;
    settle().await;
    assert!(!here.is_open());
    assert!(here.check(Some(secret.expose())).is_ok());
    there.revoke(&info.id).await.unwrap();
    tokio::time::advance(Duration::from_millis(900)).await;
    settle().await;
    assert_eq!(here.check(Some(secret.expose())), Err(Denied::Invalid));
}

/// Lets tasks that are ready run; the paused clock moves for nobody else.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_lose_nothing() {
    let node = Node::new();
    let (one, two) = (node.keys().await, node.keys().await);
    let mut making = Vec::new();
    for n in 0..20 {
        let keys = if n % 2 == 0 { one.clone() } else { two.clone() };
        making.push(tokio::spawn(async move {
            loop {
                match keys.create(&format!("key {n}"), "acme").await {
                    Err(Error::Contended) => {}
                    made => return made.unwrap().1,
                }
            }
        }));
    }
    let mut secrets = Vec::new();
    for made in making {
        secrets.push(made.await.unwrap());
    }
    let fresh = node.keys().await;
    assert_eq!(fresh.list().len(), 20);
    assert!(secrets.iter().all(|secret| fresh.check(Some(secret.expose())).is_ok()));
}

#[tokio::test]
async fn a_dump_of_the_journal_holds_no_secret() {
    let node = Node::new();
    let keys = node.keys().await;
    let (info, secret) = keys.create("laptop", "acme").await.unwrap();
    let events = node.events().await;
    assert_eq!(events.len(), 1);
    let canary = secret.expose().as_bytes();
    let bare = *blake3::hash(canary).as_bytes();
    let pepper = std::fs::read(node.data.path().join("keys.pepper")).unwrap();
    let body = &events[0].body;
    let holds = |needle: &[u8]| body.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"laptop"), "the search finds what is there");
    assert!(!holds(&canary[4..]) && !holds(&canary[4..20]));
    assert!(!holds(&bare) && !holds(&pepper));

    // Nor does anything that could be printed.
    let denied = keys.check(Some("aos_wrong")).unwrap_err();
    let printed = format!(
        "{keys:?} {info:?} {secret:?} {:?} {denied:?} {denied} {:?} {}",
        keys.list(),
        keys.check(Some(secret.expose())),
        serde_json::to_string(&info).unwrap(),
    );
    assert!(!printed.contains(&secret.expose()[4..]), "{printed}");
}

#[tokio::test]
async fn names_are_checked_and_failures_told() {
    let node = Node::new();
    let keys = node.keys().await;
    for (name, tenant) in [("", "acme"), ("a", ""), ("a\nb", "acme"), ("a", &"x".repeat(200))] {
        assert!(matches!(keys.create(name, tenant).await, Err(Error::Invalid(_))));
    }
    node.memory.set_degraded(Some("the disk is full".into()));
    let error = keys.create("laptop", "acme").await.unwrap_err();
    assert!(matches!(error, Error::Journal(autoos_journal::Error::ReadOnly(_))), "{error}");
    assert!(keys.is_open() && keys.list().is_empty());
    node.memory.set_degraded(None);
    // Recorded although the answer was an error: the key exists, and the node is closed.
    let lost = autoos_journal::Error::Io("the answer was lost".into());
    node.memory.fail_next(lost, Outcome::Recorded);
    assert!(keys.create("laptop", "acme").await.is_err());
    let again = node.keys().await;
    assert!(!again.is_open());
    assert_eq!(again.list().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_cannot_be_read_lets_nobody_in() {
    let node = Node::new();
    let keys = node.keys().await;
    let stream: StreamId = "ky-6175746f-6f73-8000-8000-00006b657973".parse().unwrap();
    let event = NewEvent {
        at: Timestamp(1),
        actor: "someone".into(),
        cause: None,
        trace: None,
        kind: "key_created".into(),
        body: b"\xc1".to_vec(),
    };
    let shard = stream.shard(node.journal.shards());
    let standing = Standing::Waiting { wake: None };
    let write = StreamWrite { stream, expect: 0, events: vec![event], standing };
    let batch = Batch { epoch: node.journal.epoch(shard), writes: vec![write], bodies: vec![] };
    node.journal.append(batch).await.unwrap();
    tokio::time::advance(Duration::from_millis(900)).await;
    settle().await;
    assert!(!keys.is_open());
    assert_eq!(keys.check(Some("dev-key-123")), Err(Denied::Unavailable));
    assert!(matches!(keys.create("a", "b").await, Err(Error::Damaged(_))));
    let opened = Keys::open(node.journal.clone(), node.data.path()).await;
    assert!(matches!(opened, Err(Error::Damaged(_))));
}
