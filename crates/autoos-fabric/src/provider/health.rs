//! How a provider is doing, as its desk and the calls it runs see it.

use super::{breaker::BreakerStatus, limits::LimitsStatus};
use crate::{
    Failure, FailureClass,
    learned::{Record, Sketch},
};
use serde::Serialize;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// How a provider is doing, in a word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It takes calls.
    #[default]
    Healthy,
    /// It takes calls, and the last ones failed or a limit holds them back.
    Degraded,
    /// It takes no calls now.
    Out,
}

/// A provider as people see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProviderStatus {
    /// Its name.
    pub name: String,
    /// Who made its models.
    pub vendor: String,
    /// The ids of its models.
    pub models: Vec<String>,
    /// How it is doing, in a word.
    pub health: Condition,
    /// Whether calls go through, since when not, and until when.
    pub breaker: BreakerStatus,
    /// What it is known to let through.
    pub limits: LimitsStatus,
    /// What calls taught about each of its models, since they were first asked; models that
    /// never were are not listed.
    pub learned: Vec<ModelStatus>,
    /// Calls that run.
    pub in_flight: u32,
    /// Calls that wait to run.
    pub queued: u32,
    /// Calls that were started since the node began.
    pub calls: u64,
    /// Calls that brought no answer.
    pub failures: u64,
    /// Calls that were turned away: too many waited, a limit held, or it was out.
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

/// What calls taught about a model, since it was first asked, by whatever process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelStatus {
    /// Its id.
    pub id: String,
    /// Calls that ended.
    pub calls: u64,
    /// Of them, calls that brought no answer.
    pub failures: u64,
    /// Failures by class.
    pub errors: Vec<(FailureClass, u64)>,
    /// The part of its calls that failed, in 0..=1.
    pub error_rate: f64,
    /// In 0..=1: an answer adds 0.01, a failure and a wrong answer take 0.05.
    pub reliability: f64,
    /// Micro-dollars spent.
    pub cost_microusd: u64,
    /// Half of the answers took at most so many milliseconds.
    pub latency_p50_ms: Option<u64>,
    /// All but a twentieth took at most so many.
    pub latency_p95_ms: Option<u64>,
    /// Half of the first signs of life came within so many milliseconds.
    pub first_token_p50_ms: Option<u64>,
    /// All but a twentieth came within so many.
    pub first_token_p95_ms: Option<u64>,
    /// How far its confidence is from how often it is right, in 0..=1; none before answers were
    /// judged.
    pub calibration_error: Option<f64>,
}

impl ModelStatus {
    /// The figures of a model.
    pub(crate) fn of(id: &str, record: &Record) -> Self {
        let quantiles = |s: &Sketch| (s.quantile_ms(0.5), s.quantile_ms(0.95));
        let (latency_p50_ms, latency_p95_ms) = quantiles(&record.total);
        let (first_token_p50_ms, first_token_p95_ms) = quantiles(&record.first);
        let failures = record.failures();
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let error_rate = failures as f64 / record.calls.max(1) as f64;
        Self {
            id: id.to_owned(),
            calls: record.calls,
            failures,
            errors: record.errors.clone(),
            error_rate,
            reliability: record.reliability,
            cost_microusd: record.cost_microusd,
            latency_p50_ms,
            latency_p95_ms,
            first_token_p50_ms,
            first_token_p95_ms,
            calibration_error: record.calibration_error(),
        }
    }
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

/// How a call ended.
pub(super) enum Ended<'a> {
    /// With an answer.
    Answered {
        /// What it cost.
        cost_microusd: u64,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// Without one.
    Failed(&'a Failure),
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

    pub(super) fn settled(&self, ended: Ended<'_>) {
        let mut counts = self.counts();
        match ended {
            Ended::Answered { cost_microusd, took_ms } => {
                counts.consecutive_failures = 0;
                counts.cost_microusd = counts.cost_microusd.saturating_add(cost_microusd);
                let mean = counts.latency_ms.map_or(took_ms, |mean| (mean * 7 + took_ms) / 8);
                counts.latency_ms = Some(mean);
            }
            Ended::Failed(failure) => {
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
        }
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
    pub(super) fn status(
        &self,
        admitted: u32,
        breaker: BreakerStatus,
        limits: LimitsStatus,
    ) -> ProviderStatus {
        let counts = self.counts();
        let health = if breaker.state == "open" && breaker.retry_in_ms != Some(0) {
            Condition::Out
        } else if breaker.state != "closed" || counts.consecutive_failures > 0 || limits.wait_ms > 0
        {
            Condition::Degraded
        } else {
            Condition::Healthy
        };
        ProviderStatus {
            health,
            breaker,
            limits,
            learned: Vec::new(),
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
