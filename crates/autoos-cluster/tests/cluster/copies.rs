//! Nodes that are filled from another's store, and members that come and go, under load.

use crate::support::{Trio, peer, soon};
use autoos_journal::{Body, Error, Journal, conformance::pair};
use autoos_kernel::id::Shard;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Keeps `work` company with appends until it is over; returns how many rounds that were.
async fn under_load(trio: &Trio, work: impl Future<Output = ()>) -> u64 {
    let over = AtomicBool::new(false);
    let load = async {
        let mut round = 0;
        while !over.load(Relaxed) {
            for n in 100..104 {
                trio.record(pair(n).1, round, &["load"]).await;
            }
            round += 1;
        }
        round
    };
    let work = async {
        work.await;
        over.store(true, Relaxed);
    };
    futures::join!(load, work).0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_missed_what_the_log_let_go_of_is_filled_under_load() {
    let trio = Trio::start(3, 2).await;
    let (kept, gone) = (pair(1).1, pair(2).1);
    for stream in [kept, gone] {
        let node = trio.node(trio.leader(stream.shard(2)).await);
        let key = node.body_key(stream.uuid).await.expect("given");
        let writes = vec![autoos_journal::conformance::write(
            stream,
            0,
            &["said"],
            autoos_journal::Standing::Running,
        )];
        let bodies = vec![Body::new(&key, vec![7; 40_000])];
        let epoch = node.epoch(stream.shard(2));
        node.append(autoos_journal::Batch { epoch, writes, bodies }).await.expect("appends");
    }
    let behind = (1..=3).find(|n| trio.node(*n).leading().borrow().0.len() < 2).expect("some");
    trio.down(behind).await;
    for round in 0..30 {
        for n in 10..20 {
            trio.record(pair(n).1, round, &["missed"]).await;
        }
    }
    let node = trio.node(trio.leader(gone.shard(2)).await);
    node.erase(gone.uuid).await.expect("erases");
    // A leader that sends its log to who is down hands over before it lets go of it.
    soon("purging", async {
        let purged = |shard: &autoos_cluster::ShardStatus| shard.purged >= Some(100);
        while !trio.all().iter().all(|node| node.status().iter().all(purged)) {
            for node in trio.all() {
                node.purge().await;
            }
        }
    })
    .await;
    let rounds = under_load(&trio, async {
        trio.up(behind).await;
        trio.agree_on(behind, 10..20, 30).await;
    })
    .await;
    trio.agree().await;
    let node = trio.node(behind);
    assert_eq!(node.read(pair(100).1, 0, 10_000).await.expect("reads").len() as u64, rounds);
    assert!(matches!(node.body_key(gone.uuid).await, Err(Error::Erased(_))));
    // What it was filled with is still there after a restart.
    drop(node);
    trio.down(behind).await;
    trio.up(behind).await;
    trio.agree().await;
    trio.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_takes_the_place_of_another_under_load() {
    let trio = Trio::start(3, 2).await;
    for n in 10..20 {
        trio.record(pair(n).1, 0, &["before"]).await;
    }
    let rounds = under_load(&trio, async {
        trio.up(4).await;
        trio.everywhere(async |node| node.add_learner(4, peer(4)).await).await;
        trio.agree_on(4, 10..20, 1).await;
        let members = [(2, peer(2)), (3, peer(3)), (4, peer(4))].into();
        let live = [2, 3, 4].into();
        soon("draining", async {
            while !trio.node(1).leading().borrow().0.is_empty() {
                trio.node(1).rebalance(&live, true).await.expect("hands over");
                tokio::task::yield_now().await;
            }
        })
        .await;
        trio.everywhere(async |node| node.set_voters(&members).await).await;
        trio.everywhere(async |node| node.remove(1).await).await;
        trio.down(1).await;
    })
    .await;
    for shard in trio.node(4).status() {
        assert_eq!(shard.voters, [2, 3, 4].into(), "{shard:?}");
        assert!(shard.learners.is_empty());
    }
    // The new one counts: with another one gone it makes the quorum.
    trio.down(2).await;
    trio.record(pair(100).1, rounds, &["after"]).await;
    trio.agree().await;
    assert!(trio.leader(Shard(0)).await != 1);
    trio.stop().await;
}
