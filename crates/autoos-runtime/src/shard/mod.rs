//! The shard's actor: knows which of its intents are alive, starts them and puts them away.
//!
//! | | |
//! |---|---|
//! | parent | the runtime |
//! | children | the intents that are open |
//! | takes | submissions and orders from the runtime, wishes of its intents, wakes of the waker |
//! | survives a restart | nothing: the journal's index says who must be running |
//!
//! An intent that dies is folded anew from the journal. One that dies again and again is left
//! alone, and said to be: it never takes its shard down. Resuming it tries it again.

mod actor;

pub(crate) use actor::{Arguments, ShardActor};

use crate::{
    intent::{self, Acceptance},
    workflow::Order,
};
use autoos_kernel::id::WorkflowId;
use ractor::ActorId;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

/// Messages to a shard.
pub(crate) enum Message {
    /// From the runtime: take this on.
    Accept {
        /// What.
        acceptance: Box<Acceptance>,
        /// The place it takes among the open ones.
        permit: OwnedSemaphorePermit,
        /// Who waits.
        reply: intent::Reply,
    },
    /// From the runtime: this is asked of a workflow.
    Order(Uuid, Box<Order>),
    /// From the waker, or at the start: something of it is due.
    Wake(Uuid),
    /// From an intent: nothing to do for a while.
    Idle(Uuid),
    /// From an intent: whether it could be put away.
    Retired(Uuid, bool),
    /// From an intent: it has ended, or never began. A duplicate's actor has the id of another.
    Gone(Uuid, ActorId),
    /// From the runtime: how many are open.
    Count(oneshot::Sender<usize>),
    /// From the runtime: who is left alone, and why.
    Quarantined(oneshot::Sender<Vec<(WorkflowId, String)>>),
}
