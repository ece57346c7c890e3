//! Scenarios of appending: what is checked, what is refused, and what is there afterwards.

use super::{append, batch, event, kinds, pair, write};
use crate::{Error, SharedJournal, Standing, Trace, chain_next, chain_start};
use autoos_kernel::id::{Shard, StreamId};
use futures::future::join_all;

pub(super) async fn reads_back(journal: SharedJournal) {
    let (intent, workflow) = pair(1);
    let mut first = write(intent, 0, &["asked"], Standing::Waiting { wake: None });
    first.events[0].cause = Some("request-7".into());
    first.events[0].trace =
        Some(Trace { trace_id: u128::MAX - 1, span_id: u64::MAX, sampled: false });
    first.events[0].body = vec![0, 255, 7];
    let second = write(workflow, 0, &["began", "planned"], Standing::Running);
    assert_eq!(journal.read(intent, 0, 10).await.expect("reads"), vec![]);
    assert_eq!(journal.head(intent).await.expect("reads"), None);
    let given = first.events[0].clone();
    let done = journal.append(batch(&journal, vec![first, second])).await.expect("appends");
    assert_eq!(done.shard, intent.shard(journal.shards()));
    assert_eq!(done.offset, 2, "the position is that of the last event");

    let events = journal.read(intent, 0, 10).await.expect("reads");
    assert_eq!(events.len(), 1);
    let read = &events[0];
    assert_eq!((read.v, read.stream, read.seq), (1, intent, 0));
    assert_eq!(read.epoch, journal.epoch(done.shard));
    assert_eq!((read.at, &read.actor, &read.cause), (given.at, &given.actor, &given.cause));
    assert_eq!((read.trace, &read.kind, &read.body), (given.trace, &given.kind, &given.body));
    let events = journal.read(workflow, 0, 10).await.expect("reads");
    assert_eq!(kinds(&events), ["began", "planned"]);
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [0, 1]);
    let head = journal.head(workflow).await.expect("reads").expect("has events");
    assert_eq!((head.next, head.standing), (2, Standing::Running));
    let end = journal.end();
    assert_eq!(end.0.len(), usize::from(journal.shards()), "every shard has an end");
    assert_eq!(end.0[&done.shard], 3);
}

pub(super) async fn checks_sequence(journal: SharedJournal) {
    let (_, workflow) = pair(2);
    append(&journal, workflow, 0, &["a", "b"]).await;
    for expect in [0, 1, 3] {
        let writes = vec![write(workflow, expect, &["x"], Standing::Running)];
        match journal.append(batch(&journal, writes)).await {
            Err(Error::Sequence { stream, expected, actual }) => {
                assert_eq!((stream, expected, actual), (workflow, expect, 2));
            }
            other => panic!("expected a sequence error, got {other:?}"),
        }
    }
    append(&journal, workflow, 2, &["c"]).await;
    assert_eq!(kinds(&journal.read(workflow, 0, 10).await.expect("reads")), ["a", "b", "c"]);
}

pub(super) async fn all_or_nothing(journal: SharedJournal) {
    let (intent, workflow) = pair(3);
    append(&journal, workflow, 0, &["a"]).await;
    let before = (journal.end(), journal.running().await.expect("reads"));
    let writes = vec![
        write(intent, 0, &["x"], Standing::Running),
        write(workflow, 0, &["y"], Standing::Closed),
    ];
    let refused = journal.append(batch(&journal, writes)).await;
    assert!(matches!(refused, Err(Error::Sequence { .. })), "{refused:?}");
    assert_eq!(journal.head(intent).await.expect("reads"), None);
    assert_eq!((journal.end(), journal.running().await.expect("reads")), before);
    append(&journal, intent, 0, &["x"]).await;
}

pub(super) async fn refuses_stale_epochs(journal: SharedJournal) {
    let (_, workflow) = pair(4);
    for wrong in [-1, 1] {
        let mut stale = batch(&journal, vec![write(workflow, 0, &["x"], Standing::Running)]);
        stale.epoch = stale.epoch.wrapping_add_signed(wrong);
        let refused = journal.append(stale).await;
        assert!(matches!(refused, Err(Error::StaleEpoch { .. })), "{refused:?}");
    }
    assert_eq!(journal.head(workflow).await.expect("reads"), None);
}

pub(super) async fn refuses_malformed(journal: SharedJournal) {
    let (_, workflow) = pair(5);
    let shards = journal.shards();
    let good = || write(workflow, 0, &["x"], Standing::Running);
    let mut without = good();
    without.events.clear();
    let mut long = good();
    long.events[0].kind = "k".repeat(1000);
    let mut huge = good();
    huge.events[0].body = vec![0; 9 << 20];
    let mut cases = vec![vec![without], vec![good(), good()], vec![long], vec![huge]];
    let elsewhere =
        (6..1000).map(|n| pair(n).1).find(|s| s.shard(shards) != workflow.shard(shards));
    if shards > 1 {
        let other = elsewhere.expect("some stream lies in another shard");
        cases.push(vec![good(), write(other, 0, &["x"], Standing::Running)]);
    }
    for writes in cases {
        let refused = journal.append(batch(&journal, writes)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    let mut empty = batch(&journal, vec![good()]);
    empty.writes.clear();
    let refused = journal.append(empty).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let refused = journal.scan(Shard(shards), 0, 1).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    assert!(journal.end().0.values().all(|end| *end == 0));
}

pub(super) async fn one_writer_wins(journal: SharedJournal) {
    let (_, workflow) = pair(6);
    for round in 0..20 {
        let tries = (0..8).map(|_| {
            let writes = vec![write(workflow, round, &["won"], Standing::Running)];
            journal.append(batch(&journal, writes))
        });
        let results = join_all(tries).await;
        assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1, "{results:?}");
    }
    assert_eq!(journal.read(workflow, 0, 100).await.expect("reads").len(), 20);
}

pub(super) async fn chains_verify(journal: SharedJournal) {
    let streams: Vec<StreamId> = (0..12).flat_map(|n| [pair(n).0, pair(n).1]).collect();
    for round in 0..4u64 {
        for stream in &streams {
            append(&journal, *stream, round * 2, &["a", "b"]).await;
        }
    }
    for stream in streams {
        let events = journal.read(stream, 0, 100).await.expect("reads");
        let chain = events.iter().fold(chain_start(stream), |chain, e| chain_next(&chain, e));
        let head = journal.head(stream).await.expect("reads").expect("has events");
        assert_eq!((head.next, head.chain), (8, chain));
    }
}

pub(super) async fn large_batches(journal: SharedJournal) {
    let (_, workflow) = pair(8);
    let mut large = write(workflow, 0, &[], Standing::Running);
    large.events = (0..700).map(|n| event("step", n)).collect();
    large.events[3].body = (0..300_000).map(|n| n as u8).collect();
    let bodies: Vec<_> = large.events.iter().map(|e| e.body.clone()).collect();
    journal.append(batch(&journal, vec![large])).await.expect("appends");
    append(&journal, workflow, 700, &["after"]).await;
    let events = journal.read(workflow, 0, 1000).await.expect("reads");
    assert_eq!(events.len(), 701);
    assert!(events.iter().zip(&bodies).all(|(event, body)| event.body == *body));
    let tail = journal.read(workflow, 699, 1).await.expect("reads");
    assert_eq!((tail.len(), tail[0].seq), (1, 699));
}
