//! The intent's actor: owner of one `in-…` stream and parent of the workflow that runs it.
//!
//! | | |
//! |---|---|
//! | parent | its shard's actor |
//! | children | its workflow's actor |
//! | takes | orders for its workflow, plans to judge, its workflow's end, the shard's wish to put it away |
//! | survives a restart | the acceptance and the end; a plan under judgement is judged again |
//!
//! Acceptance is one append that writes the first events of both streams, and only then is the
//! client answered. With an idempotency key the streams' id derives from it, so a duplicate fails
//! on the expected sequence, and is answered with what is there.

mod accept;
mod actor;

pub(crate) use accept::{Acceptance, judge, prepare};
pub(crate) use actor::{Arguments, IntentActor, Start};

use crate::{brief::Loaded, submission::Refusal, workflow::Order};
use autoos_journal::{Error, Position};
use autoos_kernel::{
    body::BodyRef,
    plan::Plan,
    words::{RiskLevel, WorkflowState},
};
use std::{collections::BTreeSet, sync::Arc};

/// Messages to an intent.
pub(crate) enum Message {
    /// From the journal: the acceptance came back.
    Accepted(Result<Position, Error>),
    /// From its own task: what the journal holds of it.
    Loaded(Box<Result<Option<Loaded>, Error>>),
    /// From the shard: something is asked of the workflow.
    Order(Box<Order>),
    /// From its workflow: is this plan good?
    Judge {
        /// The document's name.
        body: BodyRef,
        /// The plan, or why the document is none.
        plan: Result<Arc<Plan>, String>,
        /// What is left to spend, in micro-dollars.
        free_microusd: u64,
        /// What a wrong answer would cost.
        risk: RiskLevel,
        /// The steps that an earlier revision has done.
        done: BTreeSet<String>,
        /// The plan in force, and which of its steps are done or under way: none before the first.
        kept: Option<(Arc<Plan>, BTreeSet<String>)>,
    },
    /// From its workflow: nothing to do for a while.
    Idle,
    /// From the shard: be put away if there is still nothing to do.
    Retire,
    /// From its workflow: whether it went.
    Retired(bool),
    /// From its workflow: it has ended.
    Finished {
        /// How.
        end: WorkflowState,
        /// What it cost, in micro-dollars.
        spent_microusd: u64,
        /// The sequence of the next event of the intent's stream, to which the end was written.
        next: u64,
    },
    /// From its own task: whether the accounts are settled and the end is recorded.
    Settled(Result<Position, Refusal>),
}

/// Where the answer to a submission goes.
pub(crate) type Reply = tokio::sync::oneshot::Sender<Result<(Position, bool), Refusal>>;
