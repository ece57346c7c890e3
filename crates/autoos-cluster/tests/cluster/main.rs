//! Three nodes in one process: what a cluster must do whatever happens to one of them.

mod copies;
mod faults;
mod power;
mod sockets;
mod support;

use autoos_journal::{Error, Journal, SharedJournal, Standing, conformance};
use autoos_kernel::id::Shard;
use conformance::{batch, pair, write};
use std::sync::Mutex;
use support::Trio;

/// The leader of all shards passes the suite of every journal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let kept = Mutex::new(Vec::new());
    conformance::all(|| async {
        let trio = Trio::start(1, 1).await;
        let journal: SharedJournal = trio.node(1);
        kept.lock().expect("one thread").push(trio);
        journal
    })
    .await;
    let trios = kept.into_inner().expect("one thread");
    for trio in trios {
        trio.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_agree_and_only_the_leader_takes_appends() {
    let trio = Trio::start(3, 4).await;
    for n in 0..60 {
        trio.record(pair(n).1, 0, &["a", "b"]).await;
    }
    // Leadership is spread: no node leads all four.
    let leads: Vec<usize> = (1..=3).map(|n| trio.node(n).leading().borrow().0.len()).collect();
    assert!(leads.iter().all(|count| *count >= 1), "{leads:?}");
    let stream = pair(1).1;
    let shard = stream.shard(4);
    let leader = trio.leader(shard).await;
    for n in 1..=3 {
        let node = trio.node(n);
        if n != leader {
            let writes = vec![write(stream, 2, &["c"], Standing::Running)];
            let refused = node.append(batch(&(node.clone() as SharedJournal), writes)).await;
            match refused {
                Err(Error::NotLeader { shard: of, leader: Some(name) }) => {
                    assert_eq!((of, name), (shard, format!("node-{leader}")));
                }
                other => panic!("expected a refusal that names the leader, got {other:?}"),
            }
            assert_eq!(node.epoch(shard), 0, "who does not lead has no epoch");
        }
    }
    trio.agree().await;
    for n in 1..=3 {
        assert_eq!(trio.node(n).read(stream, 0, 10).await.expect("reads").len(), 2, "on node {n}");
    }
    trio.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_epoch_is_refused_after_the_lead_was_handed_over() {
    let trio = Trio::start(3, 1).await;
    let (stream, shard) = (pair(1).1, Shard(0));
    trio.record(stream, 0, &["a"]).await;
    let old = trio.leader(shard).await;
    let journal: SharedJournal = trio.node(old);
    let stale = batch(&journal, vec![write(stream, 1, &["late"], Standing::Running)]);
    let to = (1..=3).find(|n| *n != old).expect("another one");
    trio.node(old).transfer(shard, to).await.expect("is asked for");
    trio.leads(to, shard).await;
    trio.record(stream, 1, &["b"]).await;
    assert!(stale.epoch < trio.node(to).epoch(shard));
    let refused = trio.node(to).append(stale.clone()).await;
    assert!(matches!(refused, Err(Error::StaleEpoch { .. })), "{refused:?}");
    let refused = trio.node(old).append(stale).await;
    assert!(matches!(refused, Err(Error::NotLeader { .. })), "{refused:?}");
    trio.agree().await;
    trio.stop().await;
}
