//! Scenarios of reading: pages, scans, subscriptions, and groups of consumers.

use super::{append, batch, kinds, pair, write};
use crate::{Cursor, Error, Groups, Position, SharedJournal, Standing, event_of};
use autoos_kernel::id::Shard;
use futures::StreamExt;
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn pages(journal: SharedJournal) {
    let (_, workflow) = pair(1);
    for seq in 0..50 {
        append(&journal, workflow, seq, &[&seq.to_string()]).await;
    }
    for from in [0, 1, 17, 49, 50, 51] {
        for limit in [0, 1, 7, 100] {
            let events = journal.read(workflow, from, limit).await.expect("reads");
            let expected: Vec<String> =
                (from..50).take(limit).map(|n: u64| n.to_string()).collect();
            assert_eq!(kinds(&events), expected, "from {from}, limit {limit}");
        }
    }
}

pub(super) async fn scans(journal: SharedJournal) {
    let shards = journal.shards();
    for n in 0..64 {
        let (intent, workflow) = pair(n);
        let writes = vec![
            write(intent, 0, &["a", "b"], Standing::Closed),
            write(workflow, 0, &["c"], Standing::Running),
        ];
        journal.append(batch(&journal, writes)).await.expect("appends");
    }
    let mut total = 0;
    for (shard, end) in journal.end().0 {
        let all = journal.scan(shard, 0, usize::MAX).await.expect("scans");
        let offsets: Vec<u64> = all.iter().map(|(position, _)| position.offset).collect();
        assert_eq!(offsets, (0..end).collect::<Vec<_>>(), "offsets have no gap");
        assert!(
            all.iter().all(|(position, e)| {
                position.shard == shard && e.stream.shard(shards) == shard
            })
        );
        for from in 0..=end {
            let some = journal.scan(shard, from, 2).await.expect("scans");
            let from = from as usize;
            assert_eq!(some, all[from..(from + 2).min(all.len())]);
            let kept = journal.kept(shard, from as u64, 2).await.expect("scans");
            let read = kept.iter().map(|k| (k.position, event_of(&k.bytes).expect("is an event")));
            assert_eq!(read.collect::<Vec<_>>(), some);
            assert!(kept.iter().zip(&some).all(|(kept, (_, event))| kept.stream == event.stream));
        }
        total += all.len();
    }
    assert_eq!(total, 64 * 3);
}

pub(super) async fn subscribes(journal: SharedJournal) {
    for n in 0..20 {
        append(&journal, pair(n).1, 0, &["old"]).await;
    }
    let mut live = journal.subscribe(Cursor::default());
    let writer = {
        let journal = journal.clone();
        async move {
            for seq in 1..30 {
                for n in 0..20 {
                    append(&journal, pair(n).1, seq, &["new"]).await;
                }
            }
        }
    };
    let reader = async {
        let mut ends = BTreeMap::new();
        let mut seqs = BTreeMap::new();
        for _ in 0..600 {
            let (position, event) = live.next().await.expect("never ends").expect("reads");
            let offset = ends.entry(position.shard).or_insert(0);
            assert_eq!(position.offset, *offset, "gapless within a shard");
            *offset += 1;
            let seq = seqs.entry(event.stream).or_insert(0);
            assert_eq!(event.seq, *seq, "ordered within a stream");
            *seq += 1;
        }
        assert!(seqs.values().all(|seq| *seq == 30));
    };
    futures::join!(writer, reader);
}

pub(super) async fn subscribes_from(journal: SharedJournal) {
    for n in 0..20 {
        append(&journal, pair(n).1, 0, &["old", "old"]).await;
    }
    let mut live = journal.subscribe(journal.end());
    append(&journal, pair(7).1, 2, &["new"]).await;
    let (position, event) = live.next().await.expect("never ends").expect("reads");
    assert_eq!((event.kind.as_str(), event.seq), ("new", 2));
    let mut from = journal.end();
    from.0.insert(position.shard, position.offset);
    let again = journal.subscribe(from).next().await.expect("never ends").expect("reads");
    assert_eq!(again, (position, event));
}

pub(super) async fn groups(journal: SharedJournal) {
    let (_, workflow) = pair(1);
    append(&journal, workflow, 0, &["a", "b", "c"]).await;
    let shard = workflow.shard(journal.shards());
    let at = |offset| Position { shard, offset };
    assert_eq!(journal.group_cursor("mail").await.expect("reads"), Cursor::default());
    journal.group_ack("mail", at(1)).await.expect("acknowledges");
    journal.group_ack("mail", at(1)).await.expect("repeats");
    assert_eq!(journal.group_cursor("mail").await.expect("reads").0, [(shard, 2)].into());
    let back = journal.group_ack("mail", at(0)).await;
    assert!(matches!(back, Err(Error::Conflict(_))), "{back:?}");
    let ahead = journal.group_ack("mail", at(3)).await;
    assert!(matches!(ahead, Err(Error::Invalid(_))), "{ahead:?}");
    journal.group_ack("mail", at(2)).await.expect("acknowledges");
    assert_eq!(journal.group_cursor("mail").await.expect("reads").0, [(shard, 3)].into());
    assert_eq!(journal.group_cursor("other").await.expect("reads"), Cursor::default());
}

pub(super) async fn leases(journal: SharedJournal) {
    for n in 0..40 {
        append(&journal, pair(n).1, 0, &["a", "b"]).await;
    }
    let groups = Groups::new(journal.clone());
    let all: BTreeSet<Shard> = (0..journal.shards()).map(Shard).collect();
    let mut one = groups.join("mail", "one").await.expect("joins");
    assert_eq!(one.leased(), all, "alone, it has every shard");
    let (position, _) = one.next().await.expect("reads");
    one.ack(position).await.expect("acknowledges");
    let mut two = groups.join("mail", "two").await.expect("joins");
    assert!(one.leased().is_disjoint(&two.leased()));
    assert_eq!(&one.leased() | &two.leased(), all);
    if all.len() > 1 {
        assert!(one.leased().len().abs_diff(two.leased().len()) <= 1);
    }
    drop(one);
    assert_eq!(two.leased(), all, "what a member had goes to the others");
    let mut seen = BTreeSet::new();
    // 80 events, of which one was acknowledged by the first member.
    while seen.len() < 79 {
        let (position, _) = two.next().await.expect("reads");
        seen.insert((position.shard, position.offset));
        two.ack(position).await.expect("acknowledges");
    }
    assert!(!seen.contains(&(position.shard, position.offset)), "acknowledged is not redelivered");
    assert_eq!(journal.group_cursor("mail").await.expect("reads").0, {
        let mut ends = journal.end().0;
        ends.retain(|_, end| *end > 0);
        ends
    });
}
