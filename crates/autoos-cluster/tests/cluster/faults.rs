//! What faults must not do: lose what was acknowledged, or let two nodes write.

use crate::support::Trio;
use autoos_journal::{Journal, SharedJournal, Standing, conformance};
use autoos_kernel::id::Shard;
use conformance::{batch, pair, write};

const SHARD: Shard = Shard(0);

/// Each node in turn goes and comes back, the leader too, while streams go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_go_and_come_back_lose_nothing() {
    let trio = Trio::start(3, 2).await;
    let mut next = 0;
    for round in 0..4 {
        let gone = if round % 2 == 0 { trio.leader(SHARD).await } else { 1 + round % 3 };
        for n in 0..10 {
            trio.record(pair(n).1, next, &["before"]).await;
        }
        trio.down(gone).await;
        for n in 0..10 {
            trio.record(pair(n).1, next + 1, &["without"]).await;
        }
        trio.up(gone).await;
        next += 2;
    }
    trio.agree().await;
    for node in trio.all() {
        for n in 0..10 {
            let events = node.read(pair(n).1, 0, 100).await.expect("reads");
            assert_eq!(events.len() as u64, next, "on node {}", node.node());
        }
    }
    trio.stop().await;
}

/// A leader that is cut off can record nothing, and what it tried is not there once it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_records_nothing() {
    let trio = Trio::start(3, 1).await;
    let stream = pair(1).1;
    trio.record(stream, 0, &["a"]).await;
    let old = trio.leader(SHARD).await;
    let journal: SharedJournal = trio.node(old);
    let attempt = batch(&journal, vec![write(stream, 1, &["cut off"], Standing::Running)]);
    for other in (1..=3).filter(|n| *n != old) {
        trio.net.cut(old, other);
        trio.net.cut(other, old);
    }
    let tried = tokio::spawn({
        let journal = journal.clone();
        async move { journal.append(attempt).await }
    });
    let mut others: Vec<_> = (1..=3).filter(|n| *n != old).collect();
    let new = crate::support::soon("another leader", async {
        loop {
            others.rotate_left(1);
            let node = trio.node(others[0]);
            if node.epoch(SHARD) > 0 {
                return node;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let shared: SharedJournal = new.clone();
    let writes = vec![write(stream, 1, &["b"], Standing::Running)];
    new.append(batch(&shared, writes)).await.expect("the majority goes on");
    trio.net.heal();
    let error = tried.await.expect("no panic").expect_err("nobody heard of it");
    assert!(error.is_unknown(), "its outcome was open: {error}");
    trio.agree().await;
    for node in trio.all() {
        let events = node.read(stream, 0, 10).await.expect("reads");
        let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["a", "b"], "on node {}", node.node());
    }
    trio.stop().await;
}
