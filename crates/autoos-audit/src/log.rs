//! Reading a shard in pages, with the check that nothing in it is missing.

use crate::Error;
use autoos_journal::{Kept, SharedJournal};
use autoos_kernel::id::Shard;

/// Events that are read at once.
pub(crate) const PAGE: usize = 1_024;

/// The events of one shard, in order.
pub(crate) struct Pages<'a> {
    journal: &'a SharedJournal,
    shard: Shard,
    at: u64,
    end: u64,
}

impl<'a> Pages<'a> {
    /// Those from offset `at` on, up to but without `end`.
    pub(crate) fn new(journal: &'a SharedJournal, shard: Shard, at: u64, end: u64) -> Self {
        Self { journal, shard, at, end }
    }

    /// The next of them, at most `limit`; none when there are no more.
    pub(crate) async fn next(&mut self, limit: usize) -> Result<Option<Vec<Kept>>, Error> {
        if self.at >= self.end {
            return Ok(None);
        }
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let page = self.journal.kept(self.shard, self.at, left.min(limit)).await?;
        let gap = |to: u64| Error::Archived { shard: self.shard.0, from: self.at, to };
        for (at, kept) in (self.at..).zip(&page) {
            if kept.position.offset != at {
                return Err(gap(kept.position.offset - 1));
            }
        }
        if page.is_empty() {
            return Err(gap(self.end - 1));
        }
        self.at += page.len() as u64;
        Ok(Some(page))
    }
}
