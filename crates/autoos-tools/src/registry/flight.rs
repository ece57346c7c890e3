//! Which effectful calls are under way, and whether one that waits may still begin.

use crate::{Failure, ToolCall};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

/// The keys under way, with their tools.
#[derive(Debug, Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashSet<(String, String)>>>);

/// Holds a key until it is dropped, which is when the thread of the call ends.
#[derive(Debug)]
pub(super) struct Flight {
    flights: Flights,
    key: Option<(String, String)>,
}

impl Flights {
    /// # Errors
    /// [`Failure::Unavailable`] while a call with this key is under way.
    pub(super) fn begin(&self, call: &ToolCall) -> Result<Flight, Failure> {
        let key = call.idempotency_key.as_ref().map(|key| (call.tool.clone(), key.clone()));
        if let Some(key) = &key
            && !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone())
        {
            return Err(Failure::Unavailable(format!(
                "a call of {} with this idempotency key is still under way; ask for its outcome \
                 later",
                call.tool
            )));
        }
        Ok(Flight { flights: self.clone(), key })
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        }
    }
}

/// Whether work begins is decided once: by the thread that would do it or by who gave up on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Start(Arc<AtomicU8>);

const OPEN: u8 = 0;
const BEGUN: u8 = 1;
const FORBIDDEN: u8 = 2;

impl Start {
    /// Whether the work may begin now.
    pub(super) fn begin(&self) -> bool {
        self.decide(BEGUN)
    }

    /// Once this is dropped, work that has not begun must not begin any more.
    pub(super) fn forbidden_on_drop(&self) -> GivingUp {
        GivingUp(self.clone())
    }

    fn decide(&self, to: u8) -> bool {
        self.0.compare_exchange(OPEN, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Whoever waits for the work; gone, it is forbidden to begin.
#[derive(Debug)]
pub(super) struct GivingUp(Start);

impl Drop for GivingUp {
    fn drop(&mut self) {
        self.0.decide(FORBIDDEN);
    }
}
