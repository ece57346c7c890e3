//! The simulated journal of one stream: what is submitted becomes durable later, acknowledged later
//! still, and may be lost in between when the process dies.

use autoos_kernel::{
    codec::Recorded,
    id::WorkflowId,
    time::Timestamp,
    workflow::{Event, Workflow},
};

/// An event as the journal keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Entry {
    pub(crate) fn event(&self) -> Result<Event, String> {
        let event = Event::decode(self.kind, &self.body)?;
        event.ok_or_else(|| format!("kind {} is unknown to its own writer", self.kind))
    }
}

/// An append that is on its way: all of it becomes durable or nothing.
struct Flight {
    number: u64,
    entries: Vec<Entry>,
}

#[derive(Default)]
pub(crate) struct Journal {
    durable: Vec<Entry>,
    flight: Option<Flight>,
    appends: u64,
    /// How many entries were acknowledged to someone.
    acknowledged: usize,
}

impl Journal {
    /// Submits events after those that are durable. One append is in flight at a time.
    pub(crate) fn append(&mut self, epoch: u64, events: Vec<(Timestamp, Event)>) -> u64 {
        assert!(self.flight.is_none(), "the owner appends before the last append has come back");
        self.appends += 1;
        let first = self.durable.len() as u64;
        let entry = |(n, (at, event)): (usize, (Timestamp, Event))| Entry {
            seq: first + n as u64,
            epoch,
            at,
            kind: event.kind(),
            body: event.encode(),
        };
        let entries = events.into_iter().enumerate().map(entry).collect();
        self.flight = Some(Flight { number: self.appends, entries });
        self.appends
    }

    /// The append is synced: what became durable by it.
    pub(crate) fn sync(&mut self, number: u64) -> Vec<Entry> {
        match self.flight.take_if(|flight| flight.number == number) {
            Some(flight) => {
                self.durable.extend(flight.entries.iter().cloned());
                flight.entries
            }
            None => Vec::new(),
        }
    }

    /// The process dies; an append that was in flight reached the disk, or it did not.
    pub(crate) fn crash(&mut self, reached: bool) -> Vec<Entry> {
        let number = self.flight.as_ref().map(|flight| flight.number);
        match number {
            Some(number) if reached => self.sync(number),
            _ => {
                self.flight = None;
                Vec::new()
            }
        }
    }

    /// Someone was told that all entries below `next` are kept.
    pub(crate) fn acknowledge(&mut self, next: usize) {
        self.acknowledged = self.acknowledged.max(next);
    }

    /// What will stand before the next append, the one in flight included.
    pub(crate) fn submitted(&self) -> usize {
        self.durable.len() + self.flight.as_ref().map_or(0, |flight| flight.entries.len())
    }

    /// I1: what was acknowledged is there. I2: what is there has no gap, no entry of an older epoch
    /// behind one of a newer.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.acknowledged > self.durable.len() {
            let (told, kept) = (self.acknowledged, self.durable.len());
            return Err(format!("I1: {told} events were acknowledged and {kept} are kept"));
        }
        let gap = self.durable.iter().enumerate().find(|(n, entry)| entry.seq != *n as u64);
        if let Some((n, entry)) = gap {
            return Err(format!("I2: the event at {n} has sequence {}", entry.seq));
        }
        if self.durable.windows(2).any(|pair| pair[0].epoch > pair[1].epoch) {
            return Err("I2: an older epoch wrote after a newer one".to_owned());
        }
        Ok(())
    }

    /// The fold of what is durable.
    pub(crate) fn fold(&self, id: WorkflowId) -> Result<Workflow, String> {
        let mut workflow = Workflow::new(id);
        for entry in &self.durable {
            workflow.fold(&entry.event()?, entry.at);
        }
        Ok(workflow)
    }
}
