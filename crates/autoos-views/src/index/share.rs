//! One shard's share of the index: a fold of that shard alone.
//!
//! A workflow lies in one shard with its intent, so shares know nothing of each other: each is
//! built, kept on disk and thrown away by itself. Rows are small (a test holds them to it) and
//! lie in one vector; the orders are vectors of numbers of rows, since what comes is nearly
//! always the newest.

use super::{
    Decoded, Known,
    entry::Entry,
    names::{NameId, Names},
};
use crate::{cost::Costs, metrics::Metrics};
use autoos_journal::{self as journal, Position};
use autoos_kernel::{call, intent, time::Timestamp, workflow};
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher as _, RandomState};
use uuid::Uuid;

/// The number of an entry in its share.
pub(super) type Slot = u32;

/// The fold of one shard.
#[derive(Debug, Default)]
pub(crate) struct Share {
    pub(super) entries: Vec<Entry>,
    slots: HashTable<Slot>,
    hasher: RandomState,
    /// All entries, oldest first.
    pub(super) order: Vec<Slot>,
    /// Every question to a human by when it was asked.
    pub(super) asked: Vec<Asked>,
    pub(super) names: Names,
    /// Counts for dashboards.
    pub(super) metrics: Metrics,
    /// Spending by who and what.
    pub(super) costs: Costs,
    /// The offset of the first event that is not in it.
    pub(crate) next: u64,
    /// The last event that is in it.
    pub(super) last: Option<Mark>,
}

/// A question to a human; whether it is open is known to its workflow's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) at: Timestamp,
    pub(super) slot: Slot,
    pub(super) number: u32,
}

/// How an event is known again: where it lay, and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) offset: u64,
    hash: [u8; 32],
}

impl Mark {
    pub(crate) fn of(position: Position, event: &journal::Event) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(event.stream.uuid.as_bytes());
        for number in [position.offset, event.seq, event.epoch, event.at.0] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(event.kind.as_bytes());
        hasher.update(&event.body);
        Self { offset: position.offset, hash: *hasher.finalize().as_bytes() }
    }
}

/// Events on their way into a share.
#[derive(Debug)]
pub(crate) struct Chunk {
    events: Vec<Decoded>,
    /// The offset behind them.
    next: u64,
    /// The last event, known or not.
    last: Option<Mark>,
}

impl Chunk {
    /// Events of one shard, decoded before the share is locked; `next` is the offset behind them.
    pub(crate) fn of(events: &[(Position, journal::Event)], next: u64) -> Self {
        Self {
            next,
            last: events.last().map(|(position, event)| Mark::of(*position, event)),
            events: events.iter().filter_map(|(_, event)| Decoded::of(event)).collect(),
        }
    }
}

impl Share {
    /// Folds a chunk that begins where this share ends.
    pub(crate) fn take(&mut self, chunk: &Chunk) {
        for event in &chunk.events {
            self.fold(event);
        }
        self.next = chunk.next;
        self.last = chunk.last.or(self.last);
    }

    fn fold(&mut self, event: &Decoded) {
        match &event.known {
            Known::Intent(intent::Event::Accepted(request)) => {
                let tenant = self.names.enter(&request.tenant);
                let user = self.names.enter(&request.user);
                let slot = self.enter(event);
                let entry = &mut self.entries[slot as usize];
                (entry.tenant, entry.user) = (tenant, user);
            }
            Known::Intent(intent::Event::Ended { .. } | intent::Event::Settled { .. }) => {}
            Known::Workflow(known) => self.fold_workflow(event, known),
            Known::Call(call::Event::Called(called)) => self.fold_call(event.at, called),
            Known::Unreadable(why) => {
                tracing::warn!(owner = %event.owner, %why, "left out of lists and metrics");
            }
        }
    }

    /// A call of a client is a line of the bill and nothing else.
    fn fold_call(&mut self, at: Timestamp, called: &call::Called) {
        let Some(model) = &called.model else { return };
        let names = [&called.tenant, &called.user, model].map(|name| self.names.enter(name));
        let tokens = match called.outcome {
            // What was kept took no tokens of anybody.
            call::Outcome::Cached => (0, 0),
            _ => (called.input_tokens, called.output_tokens),
        };
        self.costs.charge(names, at, called.cost_microusd, tokens);
    }

    fn fold_workflow(&mut self, event: &Decoded, known: &workflow::Event) {
        let at = event.at;
        let slot = self.enter(event);
        let entry = &mut self.entries[slot as usize];
        let before = entry.known_state();
        let seen = entry.fold(known, at);
        let (tenant, user) = (entry.tenant, entry.user);
        self.metrics.count_state(before, entry.known_state());
        self.metrics.fold(known, &seen, at, entry.created);
        if let Some(number) = seen.asked {
            self.ask(Asked { at, slot, number });
        }
        let model = seen.attempt.as_ref().and_then(|attempt| attempt.model.as_deref());
        if let (Some(model), Some((cost, tokens))) = (model, seen.charged.filter(|_| !event.copied))
        {
            let model = self.names.enter(model);
            self.costs.charge([tenant, user, model], at, cost, tokens);
        }
    }

    /// The slot of an event's workflow; a new one at its first event.
    fn enter(&mut self, event: &Decoded) -> Slot {
        if let Some(slot) = self.find(event.owner) {
            return slot;
        }
        let slot = self.entries.len() as Slot;
        self.entries.push(Entry::new(event.owner, event.at));
        self.remember(slot);
        let key = self.born(slot);
        let place = self.order.partition_point(|other| self.born(*other) < key);
        self.order.insert(place, slot);
        slot
    }

    fn ask(&mut self, asked: Asked) {
        let key = self.asked_at(asked);
        let place = self.asked.partition_point(|other| self.asked_at(*other) < key);
        // A journal that repeats a number repeats a question.
        if self.asked.get(place) != Some(&asked) {
            self.asked.insert(place, asked);
        }
    }

    pub(super) fn find(&self, owner: Uuid) -> Option<Slot> {
        let entries = &self.entries;
        let hash = self.hasher.hash_one(owner);
        self.slots.find(hash, |slot| entries[*slot as usize].id == owner).copied()
    }

    fn remember(&mut self, slot: Slot) {
        let (entries, hasher) = (&self.entries, &self.hasher);
        let hash = |slot: &Slot| hasher.hash_one(entries[*slot as usize].id);
        self.slots.insert_unique(hash(&slot), slot, hash);
    }

    /// Where an entry lies in the order.
    pub(super) fn born(&self, slot: Slot) -> (Timestamp, Uuid) {
        let entry = &self.entries[slot as usize];
        (entry.created, entry.id)
    }

    /// Where a question lies among them.
    pub(super) fn asked_at(&self, asked: Asked) -> (Timestamp, Uuid, u32) {
        (asked.at, self.entries[asked.slot as usize].id, asked.number)
    }

    /// The names of an entry's tenant and user.
    pub(super) fn names_of(&self, entry: &Entry) -> (&str, &str) {
        (self.names.get(entry.tenant), self.names.get(entry.user))
    }

    /// How many workflows it knows.
    pub(crate) fn workflows(&self) -> usize {
        self.entries.len()
    }

    /// A share of what a file kept; none when its parts do not fit together.
    pub(super) fn of(kept: Parts<'_>) -> Option<Self> {
        let Parts { names, mut entries, mut asked, metrics, costs, next, last } = kept;
        // What is decoded grows by doubling.
        entries.shrink_to_fit();
        asked.shrink_to_fit();
        let mut share = Self {
            slots: HashTable::with_capacity(entries.len()),
            entries,
            asked,
            names: Names::of(&names),
            metrics,
            costs,
            next,
            last,
            ..Self::default()
        };
        let count = Slot::try_from(share.entries.len()).ok()?;
        if share.asked.iter().any(|asked| asked.slot >= count) {
            return None;
        }
        (0..count).for_each(|slot| share.remember(slot));
        let mut order: Vec<Slot> = (0..count).collect();
        order.sort_unstable_by_key(|slot| share.born(*slot));
        share.order = order;
        Some(share)
    }

    /// What a file keeps of it.
    pub(super) fn parts(&self) -> KeptParts<'_> {
        KeptParts {
            names: self.names.all(),
            entries: &self.entries,
            asked: &self.asked,
            metrics: &self.metrics,
            costs: &self.costs,
            next: self.next,
            last: self.last,
        }
    }
}

/// What a file keeps of a share, on the way out; the fields are those of [`Parts`], in order.
#[derive(Serialize)]
pub(super) struct KeptParts<'a> {
    names: Vec<&'a str>,
    entries: &'a [Entry],
    asked: &'a [Asked],
    metrics: &'a Metrics,
    costs: &'a Costs,
    next: u64,
    last: Option<Mark>,
}

/// What a file kept of a share, on the way in.
#[derive(Deserialize)]
pub(super) struct Parts<'a> {
    #[serde(borrow)]
    names: Vec<&'a str>,
    entries: Vec<Entry>,
    asked: Vec<Asked>,
    metrics: Metrics,
    costs: Costs,
    next: u64,
    last: Option<Mark>,
}

/// The number that stands for a name not told yet.
pub(super) const UNTOLD: NameId = NameId::MAX;

#[cfg(test)]
#[path = "share_test.rs"]
mod tests;
