//! Accounts: what a tenant or a user may spend, over all workflows.
//!
//! | command | when | event |
//! |---|---|---|
//! | set the limit | it is another one | `limit_set` |
//! | grant | what is used and asked for fits the limit | `granted` |
//! | grant | it does not | none: [`Rejected`] |
//! | settle | the workflow has a grant | `settled` |
//!
//! What is *used* is what was spent in the period and all that is granted and not settled, so that
//! grants never pass the limit at any position; only a limit that is lowered can lie below what is
//! used. A grant that is open when a period ends counts in the next one too, until it is settled
//! there: what is spent within one period stays within its limit, whenever a workflow began.
//!
//! Commands are idempotent by workflow (and by escalation, for a raise). Periods are those of UTC,
//! by the times of the events. Left out: which accounts a workflow has, and who asks them (the
//! runtime).

use crate::{
    id::{AccountId, WorkflowId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

/// Version of the fold, for snapshots.
pub const FOLD_VERSION: u32 = 1;

/// Whose account it is: a tenant's, or that of one user of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The tenant.
    pub tenant: String,
    /// The user; none for the tenant's own account, which counts what all its users spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl Owner {
    /// The id of the account, for ever the same.
    #[must_use]
    pub fn id(&self) -> AccountId {
        AccountId::of(&self.tenant, self.user.as_deref())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => write!(f, "user {user} of tenant {}", self.tenant),
            None => write!(f, "tenant {}", self.tenant),
        }
    }
}

/// After how long a limit begins anew.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Period {
    /// Never.
    #[default]
    Total,
    /// Each day at midnight, UTC.
    Day,
    /// Each month at its first midnight, UTC.
    Month,
}

impl Period {
    /// When the period that `now` lies in ends; none when it never does.
    #[must_use]
    pub fn end(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Total => None,
            Self::Day => Some(now.day().plus_ms(Timestamp::DAY_MS)),
            Self::Month => Some(now.next_month()),
        }
    }
}

/// What may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// So much, in micro-dollars.
    pub microusd: u64,
    /// In so long.
    pub period: Period,
}

/// An event of an account's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// What may be spent from now on.
    LimitSet {
        /// None for no limit.
        limit: Option<Limit>,
    },
    /// A workflow may spend more.
    Granted {
        /// Which.
        workflow: WorkflowId,
        /// How much more, in micro-dollars.
        microusd: u64,
        /// The escalation that it is an answer to; none for the budget it starts with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raise: Option<u32>,
        /// What its figures say it had spent before its first grant, in micro-dollars: a fork
        /// begins with what its parent spent.
        #[serde(default, skip_serializing_if = "is_zero")]
        before_microusd: u64,
        /// Whether it is no workflow but one call of a client: nothing else in the journal tells
        /// then what it spends.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        call: bool,
    },
    /// A workflow ended, or never came to be; what it did not spend is free again.
    Settled {
        /// Which.
        workflow: WorkflowId,
        /// What it spent under its grant, in micro-dollars.
        microusd: u64,
    },
}

/// An event of the stream that names the accounts there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Register {
    /// There is an account from now on.
    AccountOpened(Owner),
}

/// A command to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// This may be spent from now on; none for no limit.
    SetLimit(Option<Limit>),
    /// A workflow wants so much.
    Grant {
        /// Which.
        workflow: WorkflowId,
        /// How much, in micro-dollars.
        microusd: u64,
        /// The escalation that it is an answer to; none for the budget it starts with.
        raise: Option<u32>,
        /// What its figures say it has spent already, in micro-dollars.
        before_microusd: u64,
        /// Whether it is one call of a client.
        call: bool,
    },
    /// A workflow ended.
    Settle {
        /// Which.
        workflow: WorkflowId,
        /// What its figures say it spent, in micro-dollars.
        spent_microusd: u64,
    },
}

/// A grant that would pass the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{asked_microusd} micro-dollars are asked for, and {left_microusd} are left")]
pub struct Rejected {
    /// What was asked for, in micro-dollars.
    pub asked_microusd: u64,
    /// What is left, in micro-dollars.
    pub left_microusd: u64,
    /// When the limit begins anew; none when it never does.
    pub until: Option<Timestamp>,
}

/// The state of an account: the fold of its stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    limit: Option<Limit>,
    open: BTreeMap<WorkflowId, Grant>,
    open_microusd: u64,
    day: Tally,
    month: Tally,
    ever_microusd: u64,
}

/// What a workflow was granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Grant {
    budget: u64,
    raises: BTreeMap<u32, u64>,
    before: u64,
    #[serde(default)]
    call: bool,
}

/// What was spent since a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    since: Timestamp,
    microusd: u64,
}

impl Tally {
    /// What was spent since `start`. A clock that went back stays in the later period.
    fn at(self, start: Timestamp) -> u64 {
        if start > self.since { 0 } else { self.microusd }
    }

    fn add(&mut self, start: Timestamp, microusd: u64) {
        self.microusd = self.at(start).saturating_add(microusd);
        self.since = self.since.max(start);
    }
}

/// How an account stands at a moment. Amounts are micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// What may be spent.
    pub limit: Option<Limit>,
    /// Spent in the period; ever, where there is no limit.
    pub spent_microusd: u64,
    /// Granted to workflows that have not ended.
    pub granted_microusd: u64,
    /// Spent since the account was opened.
    pub ever_microusd: u64,
    /// Free to be granted; none where there is no limit.
    pub left_microusd: Option<u64>,
    /// Workflows that have a grant.
    pub workflows: usize,
    /// When the limit begins anew; none when it never does.
    pub until: Option<Timestamp>,
}

impl Account {
    /// What may be spent.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        self.limit
    }

    /// The workflows that have a grant.
    pub fn open(&self) -> impl Iterator<Item = WorkflowId> {
        self.open.keys().copied()
    }

    /// What a workflow's figures may come to under its grant, in micro-dollars; none when it has
    /// no grant.
    #[must_use]
    pub fn granted(&self, workflow: WorkflowId) -> Option<u64> {
        self.open.get(&workflow).map(|grant| grant.before.saturating_add(grant.total()))
    }

    /// Whether a grant is that of one call of a client.
    #[must_use]
    pub fn is_call(&self, workflow: WorkflowId) -> bool {
        self.open.get(&workflow).is_some_and(|grant| grant.call)
    }

    /// What was spent in the period that `now` lies in.
    #[must_use]
    pub fn spent(&self, now: Timestamp) -> u64 {
        match self.limit.map(|limit| limit.period).unwrap_or_default() {
            Period::Total => self.ever_microusd,
            Period::Day => self.day.at(now.day()),
            Period::Month => self.month.at(now.month()),
        }
    }

    /// What counts against the limit at `now`: spent in the period, or granted and not settled.
    #[must_use]
    pub fn used(&self, now: Timestamp) -> u64 {
        self.spent(now).saturating_add(self.open_microusd)
    }

    /// How it stands at `now`.
    #[must_use]
    pub fn figures(&self, now: Timestamp) -> Figures {
        Figures {
            limit: self.limit,
            spent_microusd: self.spent(now),
            granted_microusd: self.open_microusd,
            ever_microusd: self.ever_microusd,
            left_microusd: self.limit.map(|limit| limit.microusd.saturating_sub(self.used(now))),
            workflows: self.open.len(),
            until: self.limit.and_then(|limit| limit.period.end(now)),
        }
    }

    /// Decides a command and folds what it decides; none when what it asks for is so already.
    ///
    /// # Errors
    /// [`Rejected`], and then nothing has changed.
    pub fn decide(&mut self, command: Command, now: Timestamp) -> Result<Option<Event>, Rejected> {
        let event = match command {
            Command::SetLimit(limit) => (limit != self.limit).then_some(Event::LimitSet { limit }),
            Command::Grant { workflow, microusd, raise, before_microusd, call } => {
                self.grant((workflow, call), microusd, raise, before_microusd, now)?
            }
            Command::Settle { workflow, spent_microusd } => self.open.get(&workflow).map(|grant| {
                Event::Settled { workflow, microusd: spent_microusd.saturating_sub(grant.before) }
            }),
        };
        if let Some(event) = &event {
            self.fold(event, now);
        }
        Ok(event)
    }

    /// Where there is no limit nothing is granted, since nothing could be refused.
    fn grant(
        &self,
        (workflow, call): (WorkflowId, bool),
        asked: u64,
        raise: Option<u32>,
        before: u64,
        now: Timestamp,
    ) -> Result<Option<Event>, Rejected> {
        let Some(limit) = self.limit else { return Ok(None) };
        let known = self.open.get(&workflow).map_or(0, |grant| match raise {
            None => grant.budget,
            Some(n) => grant.raises.get(&n).copied().unwrap_or(0),
        });
        let more = asked.saturating_sub(known);
        if more == 0 {
            return Ok(None);
        }
        let left = limit.microusd.saturating_sub(self.used(now));
        if more > left {
            return Err(Rejected {
                asked_microusd: more,
                left_microusd: left,
                until: limit.period.end(now),
            });
        }
        let before_microusd = if self.open.contains_key(&workflow) { 0 } else { before };
        Ok(Some(Event::Granted { workflow, microusd: more, raise, before_microusd, call }))
    }

    /// Folds one event that was decided at `at`.
    pub fn fold(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::LimitSet { limit } => self.limit = *limit,
            Event::Granted { workflow, microusd, raise, before_microusd, call } => {
                let first = || Grant { before: *before_microusd, call: *call, ..Grant::default() };
                let grant = self.open.entry(*workflow).or_insert_with(first);
                let part = match raise {
                    None => &mut grant.budget,
                    Some(n) => grant.raises.entry(*n).or_default(),
                };
                *part = part.saturating_add(*microusd);
                self.open_microusd = self.open_microusd.saturating_add(*microusd);
            }
            Event::Settled { workflow, microusd } => {
                if let Some(grant) = self.open.remove(workflow) {
                    self.open_microusd = self.open_microusd.saturating_sub(grant.total());
                }
                self.day.add(at.day(), *microusd);
                self.month.add(at.month(), *microusd);
                self.ever_microusd = self.ever_microusd.saturating_add(*microusd);
            }
        }
    }
}

impl Grant {
    fn total(&self) -> u64 {
        self.raises.values().fold(self.budget, |sum, raise| sum.saturating_add(*raise))
    }
}

fn is_zero(amount: &u64) -> bool {
    *amount == 0
}

#[cfg(test)]
#[path = "account_test.rs"]
mod tests;
