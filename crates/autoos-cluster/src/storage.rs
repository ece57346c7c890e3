//! A group's share of the node's one log, as openraft asks for it.
//!
//! An entry can be read as soon as it was given; openraft is told when it is durable, and counts
//! it then. A vote is durable before its saving returns. An error is passed on as it is and ends
//! the group on this node: a log that failed once is never tried again.

use crate::{
    types::{Entry, LogId, Types, Vote},
    wire,
};
use autoos_journal::entries::{Done, EntryLog};
use openraft::{
    OptionalSend,
    storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage},
};
use std::{
    fmt::Debug,
    io,
    ops::{Bound, RangeBounds},
    sync::Arc,
};
use tokio::sync::oneshot;

/// What one message to a follower carries at most, bytes; one entry always.
const READ_BYTES: usize = 4 << 20;

/// The log of one group.
#[derive(Clone)]
pub struct GroupLog {
    log: Arc<EntryLog>,
    group: u16,
}

impl GroupLog {
    /// The log of `group`.
    #[must_use]
    pub fn new(log: Arc<EntryLog>, group: u16) -> Self {
        Self { log, group }
    }

    fn read(&self, from: u64, until: u64, limit: usize) -> io::Result<Vec<Entry>> {
        let entries = self.log.read(self.group, from, until, limit)?;
        entries.iter().map(|bytes| wire::entry(bytes)).collect()
    }

    /// Runs a write and waits for it to be durable.
    async fn durable(&self, write: impl FnOnce(&EntryLog, u16, Done)) -> io::Result<()> {
        let (done, told) = oneshot::channel();
        write(
            &self.log,
            self.group,
            Box::new(move |result| {
                let _ = done.send(result);
            }),
        );
        told.await.unwrap_or_else(|_| Err(io::Error::other("the log was closed")))
    }
}

impl RaftLogReader<Types> for GroupLog {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<Entry>> {
        let from = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index + 1,
            Bound::Unbounded => 0,
        };
        let until = match range.end_bound() {
            Bound::Included(index) => index + 1,
            Bound::Excluded(index) => *index,
            Bound::Unbounded => u64::MAX,
        };
        self.read(from, until, usize::MAX)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        self.log.state(self.group).vote.map(|vote| wire::kept_vote(&vote)).transpose()
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start, end, READ_BYTES)
    }
}

impl RaftLogStorage<Types> for GroupLog {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let state = self.log.state(self.group);
        let purged = state.purged.map(|(_, mark)| wire::kept_id(&mark)).transpose()?;
        let last = match state.last {
            Some(index) => self.read(index, index + 1, usize::MAX)?.pop().map(|e| e.log_id),
            None => purged,
        };
        Ok(LogState { last_purged_log_id: purged, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let vote = wire::keep_vote(vote);
        self.durable(|log, group, done| log.vote(group, vote, done)).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(committed) = committed {
            self.log.commit(self.group, wire::keep_id(&committed));
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        self.log.state(self.group).committed.map(|id| wire::kept_id(&id)).transpose()
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries =
            entries.into_iter().map(|entry| (entry.log_id.index, wire::keep_entry(&entry)));
        let done = Box::new(|result| callback.io_completed(result));
        self.log.append(self.group, entries.collect(), done);
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |last| last.index + 1);
        self.durable(|log, group, done| log.truncate(group, from, done)).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let mark = wire::keep_id(&upto);
        self.durable(|log, group, done| log.purge(group, upto.index, mark, done)).await
    }
}
