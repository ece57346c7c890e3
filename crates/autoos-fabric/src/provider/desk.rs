//! The desk in front of a provider: what its actor and its callers share.
//!
//! It outlives the actor, so that a breaker stays open and a limit stays known when the actor is
//! started anew. Each call that is let in has a [`Ticket`] that it is settled by.

use super::{
    Came, Provider, Work,
    breaker::{Breaker, Pass},
    health::Health,
    limits::{Limits, LimitsStatus},
    ticket::Ticket,
};
use crate::{
    Failure, FailureClass, config::Timeouts, figures::Calls, learned::owner::Learning, router::Gate,
};
use autoos_telemetry::Context;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// A limit holds calls back for so long; whoever would wait longer is told when to come back.
const HOLD_MS: u64 = 1_000;

/// What an answer is handed over by.
pub(super) type Reply = oneshot::Sender<Result<Came, Failure>>;
/// Where it is waited for.
pub(crate) type Answer = oneshot::Receiver<Result<Came, Failure>>;

/// How many calls a provider is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Calls that run at once.
    pub(crate) max_in_flight: u32,
    /// Calls that wait for one of those.
    pub(crate) max_queued: u32,
    /// How long a call may be silent; none for work in this process.
    pub(crate) timeouts: Option<Timeouts>,
}

/// What the actor and whoever calls it share.
pub(crate) struct Desk {
    /// The endpoint.
    pub(crate) provider: Arc<dyn Provider>,
    pub(super) bounds: Bounds,
    /// Permits to be here at all, running or waiting.
    permits: u32,
    door: Arc<Semaphore>,
    guard: Mutex<Guard>,
    pub(super) health: Health,
    pub(super) learning: Arc<Learning>,
    /// What its calls came to, for metrics.
    pub(crate) calls: Calls,
    /// A moment on both clocks: the guard's time never goes back.
    began: (Instant, u64),
}

/// What decides whether a call may be made.
#[derive(Default)]
pub(super) struct Guard {
    pub(super) breaker: Breaker,
    pub(super) limits: Limits,
    /// Calls of a model that were ended for silence, halved by each answer.
    pub(super) silences: HashMap<String, u32>,
}

/// One call on its way.
pub(crate) struct Call {
    pub(super) work: Work,
    pub(super) reply: Reply,
    /// Held until the call is over.
    pub(super) permit: OwnedSemaphorePermit,
    pub(super) ticket: Arc<Ticket>,
    /// Where in a trace it was asked for.
    pub(super) place: Option<Context>,
    /// When it was let in.
    pub(super) admitted: Instant,
}

impl Call {
    /// What it is settled by.
    pub(crate) fn ticket(&self) -> Arc<Ticket> {
        Arc::clone(&self.ticket)
    }
}

impl Desk {
    pub(crate) fn new(
        provider: Arc<dyn Provider>,
        bounds: Bounds,
        learning: Arc<Learning>,
    ) -> Self {
        let permits = bounds.max_in_flight.saturating_add(bounds.max_queued);
        let door = Arc::new(Semaphore::new(permits as usize));
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began = (Instant::now(), u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        let (guard, health, calls) = (Mutex::default(), Health::default(), Calls::default());
        Self { provider, bounds, permits, door, guard, health, learning, calls, began }
    }

    pub(super) fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now_ms(&self) -> u64 {
        let passed = u64::try_from(self.began.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.began.1.saturating_add(passed)
    }

    /// Lets a call in, or says when to come back. A provider that is out, or wants no calls for
    /// a while, is not asked.
    ///
    /// # Errors
    /// A failure that cost nothing: of the class that opened the breaker, or `rate_limit`.
    pub(crate) fn admit(self: &Arc<Self>, work: Work) -> Result<(Call, Answer), Failure> {
        let turned_away = |class, detail, ms| Err(self.turn_away(work.model(), class, detail, ms));
        let name = self.provider.name();
        let Ok(permit) = Arc::clone(&self.door).try_acquire_owned() else {
            let waiting = self.bounds.max_queued;
            let detail = format!("{waiting} calls wait for {name} already");
            return turned_away(FailureClass::RateLimit, detail, self.room_in_ms());
        };
        let now = self.now_ms();
        let pass = {
            let mut guard = self.guard();
            let wait = guard.limits.wait(now);
            if wait > HOLD_MS {
                let detail = format!("{name} wants no calls for {wait} ms");
                return turned_away(FailureClass::RateLimit, detail, wait);
            }
            match guard.breaker.admit(now) {
                Ok(pass) => pass,
                Err((for_ms, cause)) => return turned_away(cause, self.out(for_ms, cause), for_ms),
            }
        };
        let (reply, answer) = oneshot::channel();
        let ticket = Arc::new(Ticket::new(Arc::clone(self), pass, &work));
        let (place, admitted) = (autoos_telemetry::current(), Instant::now());
        Ok((Call { work, reply, permit, ticket, place, admitted }, answer))
    }

    /// What a call that waits is told when its provider went out in the meantime. A probe is made.
    pub(super) fn out_by_now(&self, call: &Call) -> Option<Failure> {
        if call.ticket.pass == Pass::Probe {
            return None;
        }
        let (for_ms, cause) = self.guard().breaker.shut(self.now_ms())?;
        let detail = self.out(for_ms, cause);
        Some(self.turn_away(call.work.model(), cause, detail, for_ms))
    }

    /// Someone says that it works again.
    pub(crate) fn retry_now(&self) {
        let now = self.now_ms();
        self.guard().breaker.retry_now(now);
    }

    fn out(&self, for_ms: u64, cause: FailureClass) -> String {
        let name = self.provider.name();
        if cause == FailureClass::RateLimit {
            return format!("{name} is being tried again, and takes no other call before that");
        }
        format!("{name} is not asked for {for_ms} ms, since it failed: {cause}")
    }

    /// A failure of a call that was not made, and when to try again.
    fn turn_away(
        &self,
        model: &str,
        class: FailureClass,
        detail: String,
        retry_ms: u64,
    ) -> Failure {
        self.health.refused();
        let mut failure = Failure::new(model, class, detail);
        failure.retry_after_ms = Some(retry_ms);
        failure.cost_microusd = Some(0);
        failure
    }

    /// Whether it takes calls now, as far as the desk knows.
    pub(crate) fn gate(&self) -> Gate {
        let now = self.now_ms();
        let guard = self.guard();
        let held = Some(guard.limits.wait(now)).filter(|wait| *wait > HOLD_MS);
        let open = guard.breaker.shut(now).map(|(for_ms, _)| for_ms);
        drop(guard);
        let full = (self.door.available_permits() == 0).then(|| self.room_in_ms());
        match [held, open, full].into_iter().flatten().max() {
            Some(for_ms) => Gate::Shut { for_ms },
            None => Gate::Open,
        }
    }

    /// How long the next call in the queue has to wait for its turn, in milliseconds.
    pub(super) fn wait_ms(&self) -> u64 {
        self.guard().limits.wait(self.now_ms())
    }

    /// When the queue will have moved by half, as far as the last answers tell.
    fn room_in_ms(&self) -> u64 {
        let rounds = u64::from(self.permits / self.bounds.max_in_flight.max(1)).div_ceil(2).max(1);
        (self.health.latency_ms().unwrap_or(1_000) * rounds).clamp(100, 30_000)
    }

    pub(crate) fn restarted(&self) {
        self.health.restarted();
    }

    /// Fills in what is known here.
    pub(crate) fn status(&self) -> super::ProviderStatus {
        let free = u32::try_from(self.door.available_permits()).unwrap_or(self.permits);
        let now = self.now_ms();
        let guard = self.guard();
        let (requests_per_min, tokens_per_min) = guard.limits.per_minute();
        let limits = LimitsStatus {
            max_in_flight: self.bounds.max_in_flight,
            max_queued: self.bounds.max_queued,
            requests_per_min,
            tokens_per_min,
            wait_ms: guard.limits.wait(now),
        };
        let breaker = guard.breaker.status(now);
        drop(guard);
        self.health.status(self.permits.saturating_sub(free), breaker, limits)
    }
}
