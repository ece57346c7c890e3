//! The in-memory journal passes the conformance suite and fails when it is told to.

use autoos_journal::{
    Error, Journal, MemoryJournal, Outcome, SharedJournal, Standing,
    conformance::{self, batch, pair, write},
};

#[tokio::test]
async fn conforms() {
    for shards in [1, 16] {
        conformance::all(|| async move { MemoryJournal::new(shards) as SharedJournal }).await;
    }
}

#[tokio::test]
async fn fails_as_told() {
    let journal = MemoryJournal::new(16);
    let shared: SharedJournal = journal.clone();
    let stream = pair(1).1;
    let next = |seq| batch(&shared, vec![write(stream, seq, &["x"], Standing::Running)]);
    journal.fail_next(Error::Io("broken".into()), Outcome::Lost);
    journal.fail_next(Error::Io("broken".into()), Outcome::Recorded);
    assert!(journal.append(next(0)).await.expect_err("was told to").is_unknown());
    assert!(journal.head(stream).await.expect("reads").is_none());
    assert!(journal.append(next(0)).await.expect_err("was told to").is_unknown());
    assert_eq!(journal.head(stream).await.expect("reads").expect("recorded").next, 1);

    journal.set_degraded(Some("no room".into()));
    assert!(matches!(journal.append(next(1)).await, Err(Error::ReadOnly(_))));
    journal.set_degraded(None);
    let stale = next(1);
    journal.next_epoch();
    assert!(matches!(journal.append(stale).await, Err(Error::StaleEpoch { .. })));
    journal.append(next(1)).await.expect("works again");
}

#[tokio::test]
async fn nodes_hold_shards_in_turn() {
    let first = MemoryJournal::new(16);
    let second = first.node("second");
    let stream = pair(1).1;
    let shard = stream.shard(16);
    let mut leading = second.leading();
    assert!(leading.borrow_and_update().0.is_empty());

    // Whoever does not lead the shard hears who does, and nothing is recorded.
    let one: SharedJournal = first.clone();
    let two: SharedJournal = second.clone();
    let next = |from: &SharedJournal, seq| {
        batch(from, vec![write(stream, seq, &["x"], Standing::Running)])
    };
    match second.append(next(&two, 0)).await {
        Err(error @ Error::NotLeader { .. }) => {
            assert!(!error.is_unknown());
            assert!(error.to_string().ends_with("is led by node"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert!(first.head(stream).await.expect("reads").is_none());

    // The shard goes over: the new leader is told its epoch, the old one is refused, and even
    // one that has it again does not write under the epoch of before.
    let old = next(&one, 0);
    let epoch = first.give(shard, Some("second"));
    leading.changed().await.expect("it is told");
    assert_eq!(leading.borrow_and_update().0, [(shard, epoch)].into());
    assert!(!first.leading().borrow().0.contains_key(&shard));
    assert!(matches!(first.append(old.clone()).await, Err(Error::NotLeader { .. })));
    second.append(next(&two, 0)).await.expect("it leads");
    assert_eq!(first.give(shard, Some("node")), epoch + 1);
    assert!(matches!(first.append(old).await, Err(Error::StaleEpoch { .. })));
    first.append(next(&one, 1)).await.expect("under the new epoch");

    // A shard that nobody leads takes nothing, and nobody is named.
    first.give(shard, None);
    let refused = first.append(next(&one, 2)).await.expect_err("nobody leads it");
    assert!(matches!(refused, Error::NotLeader { leader: None, .. }), "{refused}");
}
