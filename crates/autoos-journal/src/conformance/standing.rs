//! Scenarios of what a restart must know: who runs, who waits until when, and snapshots.

use super::{batch, pair, write};
use crate::{SharedJournal, Snapshot, Standing};
use autoos_kernel::{id::StreamId, time::Timestamp};

async fn stand(journal: &SharedJournal, stream: StreamId, seq: u64, standing: Standing) {
    let writes = vec![write(stream, seq, &["moved"], standing)];
    journal.append(batch(journal, writes)).await.expect("appends");
}

fn until(at: u64) -> Standing {
    Standing::Waiting { wake: Some(Timestamp(at)) }
}

pub(super) async fn index(journal: SharedJournal) {
    let streams: Vec<StreamId> = (0..30).map(|n| pair(n).1).collect();
    for stream in &streams {
        stand(&journal, *stream, 0, Standing::Running).await;
    }
    let mut running = journal.running().await.expect("reads");
    running.sort();
    assert_eq!(running, streams);
    for (n, stream) in streams.iter().enumerate() {
        let to = [Standing::Closed, Standing::Waiting { wake: None }, until(5)][n % 3];
        stand(&journal, *stream, 1, to).await;
    }
    assert_eq!(journal.running().await.expect("reads"), vec![]);
    stand(&journal, streams[1], 2, Standing::Running).await;
    assert_eq!(journal.running().await.expect("reads"), [streams[1]]);
    let head = journal.head(streams[1]).await.expect("reads").expect("has events");
    assert_eq!(head.standing, Standing::Running);
}

pub(super) async fn timers(journal: SharedJournal) {
    assert_eq!(journal.next_due().await.expect("reads"), None);
    let streams: Vec<StreamId> = (0..30).map(|n| pair(n).1).collect();
    for (n, stream) in streams.iter().enumerate() {
        // Shuffled: 7 and 30 have no common divisor.
        stand(&journal, *stream, 0, until(1000 + (n as u64 * 7 % 30) * 10)).await;
    }
    assert_eq!(journal.next_due().await.expect("reads"), Some(Timestamp(1000)));
    assert_eq!(journal.due(Timestamp(999), 100).await.expect("reads"), vec![]);
    let by_time =
        |k: usize| *streams.iter().enumerate().find(|(n, _)| n * 7 % 30 == k).expect("all").1;
    let due = journal.due(Timestamp(1050), 100).await.expect("reads");
    assert_eq!(due, (0..=5).map(by_time).collect::<Vec<_>>(), "earliest first, now included");
    let due = journal.due(Timestamp(u64::MAX), 3).await.expect("reads");
    assert_eq!(due, (0..3).map(by_time).collect::<Vec<_>>());
    stand(&journal, by_time(0), 1, Standing::Running).await;
    stand(&journal, by_time(1), 1, until(9000)).await;
    stand(&journal, by_time(2), 1, Standing::Closed).await;
    assert_eq!(journal.next_due().await.expect("reads"), Some(Timestamp(1030)));
    let due = journal.due(Timestamp(u64::MAX), 100).await.expect("reads");
    assert_eq!((due.len(), due.last()), (28, Some(&by_time(1))));
}

pub(super) async fn snapshots(journal: SharedJournal) {
    let (_, workflow) = pair(1);
    stand(&journal, workflow, 0, Standing::Running).await;
    assert_eq!(journal.snapshot(workflow).await.expect("reads"), None);
    for (next, size) in [(1, 10), (1, 100_000), (1, 3)] {
        let state = (0..size).map(|n| n as u8).collect();
        let kept = Snapshot { next, version: 3, state };
        journal.save_snapshot(workflow, kept.clone()).await.expect("saves");
        assert_eq!(journal.snapshot(workflow).await.expect("reads"), Some(kept));
    }
}
