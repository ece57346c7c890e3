//! The index of all workflows: what finding, ordering and counting them needs, and no texts.
//!
//! It is a fold of all shards, one [share](Share) each, kept in memory by the follower at some
//! 90 bytes a workflow, and in a [file](checkpoint) per share from one start to the next. What is
//! shown of a workflow that was found is read from its own stream.

pub(crate) mod checkpoint;
mod entry;
mod list;
mod names;
mod newest;
mod share;

pub use checkpoint::Keep;
pub use list::{EscalationFilter, EscalationItem, Filter, Page, Summary};

pub(crate) use entry::{Entry, Seen};
pub(crate) use list::{escalations, list};
pub(crate) use names::{NameId, Names};
pub(crate) use share::{Chunk, Mark, Share};

use crate::{
    cost::{Bill, Dimension},
    metrics::Metrics,
    story::decode,
};
use autoos_journal::{self as journal, Cursor};
use autoos_kernel::{
    call,
    id::{Prefix, Shard, WorkflowId},
    intent,
    time::Timestamp,
    workflow,
};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;

/// The fold of all shards. Each share has a lock of its own, and nobody who holds one for writing
/// takes another.
#[derive(Debug)]
pub(crate) struct Index {
    shares: Vec<RwLock<Share>>,
}

/// A kernel event that the index knows.
#[derive(Debug)]
pub(crate) enum Known {
    /// Of an intent.
    Intent(intent::Event),
    /// Of a workflow.
    Workflow(workflow::Event),
    /// A call of a client.
    Call(call::Event),
    /// Known by its kind, and not readable.
    Unreadable(String),
}

/// An event on its way into the index; decoded before the index is locked.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) owner: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) known: Known,
    /// Whether a fork took it over: its parent has paid for it.
    pub(crate) copied: bool,
}

impl Decoded {
    /// None for what the index leaves out: other streams and unknown kinds.
    pub(crate) fn of(event: &journal::Event) -> Option<Self> {
        let known = match event.stream.prefix {
            Prefix::INTENT => decode(event).map(|known| known.map(Known::Intent)),
            Prefix::WORKFLOW => decode(event).map(|known| known.map(Known::Workflow)),
            Prefix::CALLS => decode(event).map(|known| known.map(Known::Call)),
            _ => return None,
        };
        let known = match known {
            Ok(known) => known?,
            Err(error) => Known::Unreadable(error.to_string()),
        };
        let parent = |cause: &String| cause.parse::<WorkflowId>().is_ok();
        let copied = event.cause.as_ref().is_some_and(parent);
        Some(Self { owner: event.stream.uuid, at: event.at, known, copied })
    }
}

impl Index {
    /// An index of these shares, in the order of their shards.
    pub(crate) fn of(shares: Vec<Share>) -> Self {
        Self { shares: shares.into_iter().map(RwLock::new).collect() }
    }

    /// The share of a shard.
    ///
    /// # Panics
    /// When there is no such shard.
    pub(crate) fn read(&self, shard: Shard) -> RwLockReadGuard<'_, Share> {
        // A share is folded by code that does not panic; a poisoned one is as good as any.
        self.shares[usize::from(shard.0)].read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The share of a shard, to be changed.
    ///
    /// # Panics
    /// When there is no such shard.
    pub(crate) fn write(&self, shard: Shard) -> RwLockWriteGuard<'_, Share> {
        self.shares[usize::from(shard.0)].write().unwrap_or_else(PoisonError::into_inner)
    }

    /// All shards.
    pub(crate) fn shards(&self) -> impl Iterator<Item = Shard> + use<> {
        // Shards are numbered by a u16.
        (0..self.shares.len() as u16).map(Shard)
    }

    fn all(&self) -> Vec<RwLockReadGuard<'_, Share>> {
        self.shards().map(|shard| self.read(shard)).collect()
    }

    /// The offset of each shard up to which everything is in the index.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor(self.shards().map(|shard| (shard, self.read(shard).next)).collect())
    }

    /// Counts of all shards.
    pub(crate) fn metrics(&self) -> Metrics {
        let mut sum = Metrics::default();
        self.shards().for_each(|shard| sum.merge(&self.read(shard).metrics));
        sum
    }

    /// What one tenant, or all, spent, split by `dimensions`.
    pub(crate) fn bill(&self, dimensions: &[Dimension], tenant: Option<&str>) -> Bill {
        let mut bill = Bill::new();
        for shard in self.shards() {
            let share = self.read(shard);
            share.costs.bill(dimensions, tenant, &share.names, &mut bill);
        }
        bill
    }
}
