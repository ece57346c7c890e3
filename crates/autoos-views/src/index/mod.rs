//! The index of all workflows: what finding, ordering and counting them needs, and no texts.
//!
//! It is a fold of all shards, kept in memory by the follower, at some 250 bytes a workflow. What
//! is shown of a workflow that was found is read from its own stream. Left out: keeping it across
//! restarts; views write nothing, so a start builds it anew beside everything else.

mod entry;
mod list;

pub use list::{EscalationFilter, EscalationItem, Filter, Page, Summary};

pub(crate) use entry::{Entry, Seen};
pub(crate) use list::{escalations, list};

use crate::{cost::Costs, metrics::Metrics, story::decode};
use autoos_journal as journal;
use autoos_kernel::{id::Prefix, intent, time::Timestamp, workflow};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};
use uuid::Uuid;

/// The fold of all shards.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: HashMap<Uuid, Entry>,
    /// All entries, oldest first.
    order: BTreeSet<(Timestamp, Uuid)>,
    /// Every question to a human by when it was asked, and whether it is open.
    asked: BTreeMap<(Timestamp, Uuid, u32), bool>,
    /// Tenants and users, each kept once.
    names: HashSet<Arc<str>>,
    /// Counts for dashboards.
    pub(crate) metrics: Metrics,
    /// Spending by who and what.
    pub(crate) costs: Costs,
    /// Events of a known kind that did not decode.
    pub(crate) unreadable: u64,
}

/// A kernel event that the index knows.
#[derive(Debug)]
pub(crate) enum Known {
    /// Of an intent.
    Intent(intent::Event),
    /// Of a workflow.
    Workflow(workflow::Event),
    /// Known by its kind, and not readable.
    Unreadable(String),
}

/// An event on its way into the index; decoded before the index is locked.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) owner: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) known: Known,
}

impl Decoded {
    /// None for what the index leaves out: other streams and unknown kinds.
    pub(crate) fn of(event: &journal::Event) -> Option<Self> {
        let known = match event.stream.prefix {
            Prefix::INTENT => decode(event).map(|known| known.map(Known::Intent)),
            Prefix::WORKFLOW => decode(event).map(|known| known.map(Known::Workflow)),
            _ => return None,
        };
        let known = match known {
            Ok(known) => known?,
            Err(error) => Known::Unreadable(error.to_string()),
        };
        Some(Self { owner: event.stream.uuid, at: event.at, known })
    }
}

impl Index {
    /// Folds one event.
    pub(crate) fn fold(&mut self, event: &Decoded) {
        match &event.known {
            Known::Intent(intent::Event::Accepted(request)) => {
                let tenant = self.name(&request.tenant);
                let user = self.name(&request.user);
                let entry = self.enter(event);
                entry.tenant = tenant;
                entry.user = user;
            }
            Known::Intent(intent::Event::Settled { .. }) => {}
            Known::Workflow(known) => self.fold_workflow(event, known),
            Known::Unreadable(why) => {
                self.unreadable += 1;
                tracing::warn!(workflow = %event.owner, %why, "left out of lists and metrics");
            }
        }
    }

    fn fold_workflow(&mut self, event: &Decoded, known: &workflow::Event) {
        let (at, owner) = (event.at, event.owner);
        let entry = self.enter(event);
        let before = entry.known_state();
        let seen = entry.fold(known, at);
        let asked = seen.asked.clone();
        let (tenant, user) = (entry.tenant.clone(), entry.user.clone());
        let (after, created) = (entry.known_state(), entry.created);
        self.metrics.count_state(before, after);
        self.metrics.fold(known, &seen, at, created);
        self.costs.fold(known, &seen, &tenant, &user, at);
        for (asked_at, number, open) in asked {
            self.asked.insert((asked_at, owner, number), open);
        }
    }

    /// The entry of an event's workflow; a new one at its first event.
    fn enter(&mut self, event: &Decoded) -> &mut Entry {
        let (owner, at) = (event.owner, event.at);
        self.entries.entry(owner).or_insert_with(|| {
            self.order.insert((at, owner));
            Entry::new(at)
        })
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        self.names.insert(name.clone());
        name
    }
}
