//! How a provider is doing, as its actor and the calls it runs see it.

use crate::{Failure, FailureClass, LlmResponse};
use serde::Serialize;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A provider as people see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProviderStatus {
    /// Its name.
    pub name: String,
    /// Who made its models.
    pub vendor: String,
    /// The ids of its models.
    pub models: Vec<String>,
    /// Calls that run.
    pub in_flight: u32,
    /// Calls that wait to run.
    pub queued: u32,
    /// Calls that were started since the node began.
    pub calls: u64,
    /// Calls that brought no answer.
    pub failures: u64,
    /// Calls that were turned away because too many waited.
    pub refused: u64,
    /// Failures since the last answer.
    pub consecutive_failures: u32,
    /// The last failure.
    pub last_error: Option<LastError>,
    /// Micro-dollars spent, as far as it is known.
    pub cost_microusd: u64,
    /// Milliseconds that an answer takes, the last ones counting most.
    pub latency_ms: Option<u64>,
    /// Times that its actor had to be started anew.
    pub restarts: u32,
}

/// A failure, to be looked at by people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// Its class.
    pub class: FailureClass,
    /// What happened, in one line.
    pub detail: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

#[derive(Debug, Default)]
struct Counts {
    in_flight: u32,
    calls: u64,
    failures: u64,
    refused: u64,
    consecutive_failures: u32,
    last_error: Option<LastError>,
    cost_microusd: u64,
    latency_ms: Option<u64>,
    restarts: u32,
}

/// Counts that calls write and people read; never held across an await.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Counts>);

impl Health {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn began(&self) {
        let mut counts = self.counts();
        counts.in_flight += 1;
        counts.calls += 1;
    }

    /// A call is over, however it ended.
    pub(super) fn ended(&self) {
        let mut counts = self.counts();
        counts.in_flight = counts.in_flight.saturating_sub(1);
    }

    pub(super) fn answered(&self, response: &LlmResponse, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let mut counts = self.counts();
        counts.consecutive_failures = 0;
        counts.cost_microusd = counts.cost_microusd.saturating_add(response.cost_microusd);
        counts.latency_ms = Some(counts.latency_ms.map_or(took, |mean| (mean * 7 + took) / 8));
    }

    pub(super) fn failed(&self, failure: &Failure) {
        let mut counts = self.counts();
        counts.failures += 1;
        counts.consecutive_failures = counts.consecutive_failures.saturating_add(1);
        let cost = failure.cost_microusd.unwrap_or(0);
        counts.cost_microusd = counts.cost_microusd.saturating_add(cost);
        counts.last_error = Some(LastError {
            class: failure.class,
            detail: failure.detail.clone(),
            at_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)),
        });
    }

    pub(super) fn refused(&self) {
        self.counts().refused += 1;
    }

    pub(super) fn restarted(&self) {
        self.counts().restarts += 1;
    }

    pub(super) fn latency_ms(&self) -> Option<u64> {
        self.counts().latency_ms
    }

    /// Fills in what is counted here; `queued` comes from the permits.
    pub(super) fn status(&self, admitted: u32) -> ProviderStatus {
        let counts = self.counts();
        ProviderStatus {
            name: String::new(),
            vendor: String::new(),
            models: Vec::new(),
            in_flight: counts.in_flight,
            queued: admitted.saturating_sub(counts.in_flight),
            calls: counts.calls,
            failures: counts.failures,
            refused: counts.refused,
            consecutive_failures: counts.consecutive_failures,
            last_error: counts.last_error.clone(),
            cost_microusd: counts.cost_microusd,
            latency_ms: counts.latency_ms,
            restarts: counts.restarts,
        }
    }
}
