//! Subscriptions: history first, then what comes, without a gap between the two.
//!
//! A subscription reads from the store at its own pace and is woken by commits; it holds no
//! queue of its own beyond one page, so a slow reader costs nobody anything.

use crate::{Cursor, Error, Event, Position};
use autoos_kernel::id::Shard;
use futures::{
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt},
};
use std::collections::VecDeque;
use tokio::sync::watch;

/// Events that are read at once.
const PAGE: usize = 256;

/// What a subscription reads from: the two ends of a journal that it needs.
pub(crate) trait Source: Send + Sync + 'static {
    /// The end of each shard.
    fn ends(&self) -> Cursor;
    /// As [`Journal::scan`](crate::Journal::scan).
    fn page(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Event)>, Error>>;
}

struct Follower<S> {
    source: S,
    commits: watch::Receiver<u64>,
    at: Cursor,
    page: VecDeque<(Position, Event)>,
    /// The shard that was read last: the others get their turn first.
    last: u16,
    failed: bool,
}

/// The stream behind [`Journal::subscribe`](crate::Journal::subscribe); `commits` changes after
/// each commit, and the stream ends when its sender is gone.
pub(crate) fn follow<S: Source>(
    source: S,
    from: Cursor,
    commits: watch::Receiver<u64>,
) -> BoxStream<'static, Result<(Position, Event), Error>> {
    let follower =
        Follower { source, commits, at: from, page: VecDeque::new(), last: 0, failed: false };
    stream::unfold(follower, |mut follower| async move {
        let next = follower.next().await?;
        follower.failed = next.is_err();
        Some((next, follower))
    })
    .boxed()
}

impl<S: Source> Follower<S> {
    async fn next(&mut self) -> Option<Result<(Position, Event), Error>> {
        if self.failed {
            return None;
        }
        loop {
            if let Some(found) = self.page.pop_front() {
                return Some(Ok(found));
            }
            // Marked as seen before looking, so that a commit in between wakes the wait below.
            self.commits.borrow_and_update();
            let Some((shard, end)) = self.behind() else {
                self.commits.changed().await.ok()?;
                continue;
            };
            if let Err(error) = self.turn(shard, end).await {
                return Some(Err(error));
            }
        }
    }

    /// The next shard in turn that has events to read, and its end.
    fn behind(&self) -> Option<(Shard, u64)> {
        let ends = self.source.ends();
        let behind = |(shard, end): (&Shard, &u64)| {
            (self.at.0.get(shard).copied().unwrap_or(0) < *end).then_some((*shard, *end))
        };
        let later = ends.0.iter().filter(|(shard, _)| shard.0 > self.last).find_map(behind);
        later.or_else(|| ends.0.iter().find_map(behind))
    }

    async fn turn(&mut self, shard: Shard, end: u64) -> Result<(), Error> {
        let from = self.at.0.get(&shard).copied().unwrap_or(0);
        let page = self.source.page(shard, from, PAGE).await?;
        self.last = shard.0;
        // A short page holds all there was up to `end`; what is missing in it is archived.
        let reached = if page.len() < PAGE { end } else { from };
        let after = page.last().map_or(from, |(position, _)| position.offset + 1);
        self.at.0.insert(shard, after.max(reached));
        self.page.extend(page);
        Ok(())
    }
}
