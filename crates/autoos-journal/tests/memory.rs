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
