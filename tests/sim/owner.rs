//! The owner of the workflow as the runtime has it: decides, records, acts. One append is in flight;
//! what arrives meanwhile is decided into the next one; an effect is performed once what led to it
//! is acknowledged.

use crate::bug::Bug;
use autoos_kernel::{
    time::Timestamp,
    workflow::{Command, Effect, Event, Means, Rejected, Workflow},
};
use std::collections::BTreeSet;

pub(crate) struct Owner {
    pub(crate) epoch: u64,
    /// The state ahead of the journal: commands are decided on it.
    pub(crate) ahead: Workflow,
    /// The state as acknowledged: effects are performed on it.
    pub(crate) recorded: Workflow,
    /// Decided, not submitted yet.
    pending: Vec<(Timestamp, Event)>,
    /// Submitted, not acknowledged yet.
    flight: Vec<(Timestamp, Event)>,
    begun: BTreeSet<Effect>,
    bug: Option<Bug>,
}

impl Owner {
    /// A new process, with what the journal gave it.
    pub(crate) fn new(epoch: u64, folded: Workflow, bug: Option<Bug>) -> Self {
        Self {
            epoch,
            ahead: folded.clone(),
            recorded: folded,
            pending: Vec::new(),
            flight: Vec::new(),
            begun: BTreeSet::new(),
            bug,
        }
    }

    pub(crate) fn decide(
        &mut self,
        command: Command,
        now: Timestamp,
        means: &mut Means<'_>,
    ) -> Result<usize, Rejected> {
        if self.bug == Some(Bug::Overspend) {
            self.ahead.budget.granted = u64::MAX;
        }
        let before = self.ahead.clone();
        let events = self.ahead.decide(command, now, means)?;
        let planted = match self.bug {
            Some(bug) => bug.tamper(events.clone()),
            None => events.clone(),
        };
        if planted != events {
            self.ahead = before;
            planted.iter().for_each(|event| self.ahead.fold(event, now));
        }
        let decided = planted.len();
        self.pending.extend(planted.into_iter().map(|event| (now, event)));
        Ok(decided)
    }

    /// What is to be submitted now; nothing while an append is in flight.
    pub(crate) fn submit(&mut self) -> Option<Vec<(Timestamp, Event)>> {
        if !self.flight.is_empty() || self.pending.is_empty() {
            return None;
        }
        self.flight = std::mem::take(&mut self.pending);
        Some(self.flight.clone())
    }

    /// How many events are decided and not submitted.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// The append in flight came back.
    pub(crate) fn acknowledged(&mut self) {
        for (at, event) in std::mem::take(&mut self.flight) {
            self.recorded.fold(&event, at);
        }
    }

    /// What is to be begun now.
    pub(crate) fn begin(&mut self, now: Timestamp) -> Vec<Effect> {
        let asked =
            if self.bug == Some(Bug::AskBeforeTheDeadline) { Timestamp(u64::MAX) } else { now };
        let wanted = self.ahead.outstanding(asked);
        let mut sure = self.recorded.outstanding(asked);
        if self.bug == Some(Bug::ActBeforeRecording) {
            sure.clone_from(&wanted);
        }
        self.begun.retain(|effect| wanted.contains(effect));
        let fresh: Vec<Effect> =
            sure.intersection(&wanted).filter(|e| !self.begun.contains(e)).cloned().collect();
        self.begun.extend(fresh.iter().cloned());
        fresh
    }

    /// When it must look again.
    pub(crate) fn wake(&self, now: Timestamp) -> Option<Timestamp> {
        if self.bug == Some(Bug::ForgetTimers) { None } else { self.ahead.wake(now) }
    }
}
