//! The circuit breaker in front of a provider: a pure state machine.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | closed | calls go through | five failures in a row, or half of the last twenty: open |
//! | closed | the key is refused, or the credit is used up | open at once, for longer |
//! | open | calls are refused until its time is over | then the next call is a probe: half-open |
//! | half-open | one probe is under way, others are refused | an answer closes, a failure opens for twice as long |
//!
//! An answer that says no (a bad request, a declined task, a limit) is an answer: the provider is
//! alive. Left out: limits (`limits`), and how good the answers are (the learned figures).

use crate::FailureClass;
use serde::Serialize;

/// Failures in a row that open it.
const IN_A_ROW: u32 = 5;
/// Ends that are remembered.
const RECENT: u32 = 20;
/// Failures among them that open it.
const TOO_MANY: u32 = 10;
/// How long it is open at first, and at most, in milliseconds.
const OPEN_MS: (u64, u64) = (1_000, 60_000);
/// The same when the key or the credit is at fault, which a second does not mend.
const OUT_MS: (u64, u64) = (15_000, 600_000);
/// When to ask again while a probe is under way, in milliseconds.
const PROBE_MS: u64 = 500;

/// A breaker; the times that it is given are in milliseconds since 1970 and never go back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Breaker {
    state: State,
    since_ms: u64,
    /// Times that it opened since it was last closed.
    opened: u32,
    /// Failures since the last answer.
    in_a_row: u32,
    /// The last ends, a set bit for each failure; the newest is the lowest.
    recent: u32,
    /// What opened it.
    cause: Option<FailureClass>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        until_ms: u64,
    },
    HalfOpen,
}

/// What lets a call through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It is closed.
    Plain,
    /// Whether it stays open depends on this call.
    Probe,
}

/// How a call ended, as far as the breaker is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The provider said something.
    Alive,
    /// It did not, or that it cannot.
    Failed(FailureClass),
    /// The call was given up before anything was known.
    Nothing,
}

impl End {
    /// What a failure of this class says about the provider.
    pub(crate) fn of(class: FailureClass) -> Self {
        use FailureClass as C;
        match class {
            C::Server | C::Timeout | C::Network | C::Crashed | C::Unavailable | C::Auth => {
                Self::Failed(class)
            }
            C::RateLimit | C::BadRequest | C::Malformed | C::Unable | C::Invalid | C::Denied => {
                Self::Alive
            }
        }
    }
}

/// A breaker as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakerStatus {
    /// `closed`, `open` or `half_open`.
    pub state: &'static str,
    /// Since when, in milliseconds since 1970; 0 when it was never open.
    pub since_ms: u64,
    /// When the next probe may be made, in milliseconds from now.
    pub retry_in_ms: Option<u64>,
    /// What opened it.
    pub cause: Option<FailureClass>,
}

impl Breaker {
    /// For how long it lets nothing through, and what opened it; none when it would now.
    pub(crate) fn shut(&self, now_ms: u64) -> Option<(u64, FailureClass)> {
        let cause = self.cause.unwrap_or(FailureClass::Unavailable);
        match self.state {
            State::Open { until_ms } if until_ms > now_ms => Some((until_ms - now_ms, cause)),
            State::Closed | State::Open { .. } => None,
            // What opened it may be over: whoever comes now waits for the probe.
            State::HalfOpen => Some((PROBE_MS, FailureClass::RateLimit)),
        }
    }

    /// Someone says that what opened it is mended: the next call is a probe.
    pub(crate) fn retry_now(&mut self, now_ms: u64) {
        if let State::Open { until_ms } = &mut self.state {
            *until_ms = (*until_ms).min(now_ms);
        }
    }

    /// Lets a call through, or says for how long not.
    ///
    /// # Errors
    /// As [`shut`](Self::shut).
    pub(crate) fn admit(&mut self, now_ms: u64) -> Result<Pass, (u64, FailureClass)> {
        if let Some(shut) = self.shut(now_ms) {
            return Err(shut);
        }
        if self.state == State::Closed {
            return Ok(Pass::Plain);
        }
        (self.state, self.since_ms) = (State::HalfOpen, now_ms);
        Ok(Pass::Probe)
    }

    /// A call that was let through is over. `retry_after_ms` is what the provider asked for.
    /// Calls from before it opened say nothing any more.
    pub(crate) fn ended(&mut self, pass: Pass, end: End, retry_after_ms: u64, now_ms: u64) {
        match (self.state, pass, end) {
            (State::HalfOpen, Pass::Probe, End::Alive) => {
                *self = Self { since_ms: now_ms, ..Self::default() };
            }
            (State::HalfOpen, Pass::Probe, End::Nothing) => {
                self.state = State::Open { until_ms: now_ms };
            }
            (State::HalfOpen, Pass::Probe, End::Failed(class)) => {
                self.open(class, retry_after_ms, now_ms);
            }
            (State::Closed, _, End::Alive) => self.count(false),
            (State::Closed, _, End::Failed(class)) => {
                self.count(true);
                let many = self.recent.count_ones() >= TOO_MANY;
                let out = class == FailureClass::Auth || retry_after_ms > 0;
                if out || many || self.in_a_row >= IN_A_ROW {
                    self.open(class, retry_after_ms, now_ms);
                }
            }
            _ => {}
        }
    }

    fn count(&mut self, failed: bool) {
        self.in_a_row = if failed { self.in_a_row + 1 } else { 0 };
        self.recent = ((self.recent << 1) | u32::from(failed)) & ((1 << RECENT) - 1);
    }

    fn open(&mut self, class: FailureClass, retry_after_ms: u64, now_ms: u64) {
        let (first, most) = if class == FailureClass::Auth { OUT_MS } else { OPEN_MS };
        let wait = first.saturating_mul(1 << self.opened.min(16)).min(most).max(retry_after_ms);
        self.opened = self.opened.saturating_add(1);
        self.cause = Some(class);
        self.since_ms = now_ms;
        self.state = State::Open { until_ms: now_ms.saturating_add(wait) };
    }

    pub(crate) fn status(&self, now_ms: u64) -> BreakerStatus {
        let (state, retry_in_ms) = match self.state {
            State::Closed => ("closed", None),
            State::Open { until_ms } => ("open", Some(until_ms.saturating_sub(now_ms))),
            State::HalfOpen => ("half_open", None),
        };
        BreakerStatus { state, since_ms: self.since_ms, retry_in_ms, cause: self.cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: End = End::Failed(FailureClass::Server);

    fn plain(breaker: &mut Breaker, end: End, now_ms: u64) {
        assert_eq!(breaker.admit(now_ms), Ok(Pass::Plain));
        breaker.ended(Pass::Plain, end, 0, now_ms);
    }

    #[test]
    fn five_in_a_row_open_it_and_one_probe_at_a_time_closes_it() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            plain(&mut breaker, DOWN, 0);
        }
        plain(&mut breaker, End::Alive, 0);
        for _ in 0..5 {
            plain(&mut breaker, DOWN, 10);
        }
        assert_eq!(breaker.admit(10), Err((1_000, FailureClass::Server)));
        assert_eq!(breaker.admit(1_009), Err((1, FailureClass::Server)));
        assert_eq!(breaker.admit(1_010), Ok(Pass::Probe));
        assert_eq!(breaker.admit(1_011), Err((PROBE_MS, FailureClass::RateLimit)));
        breaker.ended(Pass::Probe, DOWN, 0, 1_020);
        assert_eq!(breaker.admit(1_020), Err((2_000, FailureClass::Server)), "twice as long");
        assert_eq!(breaker.admit(3_020), Ok(Pass::Probe));
        breaker.ended(Pass::Probe, End::Nothing, 0, 3_030);
        assert_eq!(breaker.admit(3_030), Ok(Pass::Probe), "a probe that was given up is free");
        breaker.ended(Pass::Probe, End::Alive, 0, 3_040);
        assert_eq!(breaker.status(3_040).state, "closed");
        for _ in 0..4 {
            plain(&mut breaker, DOWN, 3_050);
        }
        assert_eq!(breaker.status(3_050).state, "closed", "it begins anew");
    }

    #[test]
    fn whoever_says_that_it_is_mended_gets_a_probe() {
        let mut breaker = Breaker::default();
        plain(&mut breaker, End::Failed(FailureClass::Auth), 0);
        assert_eq!(breaker.admit(10), Err((14_990, FailureClass::Auth)));
        breaker.retry_now(10);
        assert_eq!(breaker.admit(10), Ok(Pass::Probe));
        breaker.ended(Pass::Probe, End::Failed(FailureClass::Auth), 0, 20);
        assert_eq!(breaker.admit(21), Err((29_999, FailureClass::Auth)), "and it was not");
    }

    #[test]
    fn half_of_twenty_open_it_and_a_fifth_does_not() {
        let mut breaker = Breaker::default();
        for n in 0..1_000 {
            plain(&mut breaker, if n % 5 == 0 { DOWN } else { End::Alive }, n);
        }
        for n in 0..20 {
            if breaker.admit(n).is_ok() {
                breaker.ended(Pass::Plain, if n % 2 == 0 { DOWN } else { End::Alive }, 0, n);
            }
        }
        assert_eq!(breaker.status(20).state, "open");
    }

    #[test]
    fn a_refused_key_opens_it_at_once_and_for_longer_each_time() {
        let mut breaker = Breaker::default();
        let out = End::of(FailureClass::Auth);
        plain(&mut breaker, out, 0);
        let mut now = 0;
        for wait in [15_000, 30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000] {
            assert_eq!(breaker.shut(now), Some((wait, FailureClass::Auth)));
            now += wait;
            assert_eq!(breaker.admit(now), Ok(Pass::Probe));
            breaker.ended(Pass::Probe, out, 0, now);
        }
    }

    #[test]
    fn what_the_provider_asks_for_is_waited_for() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.admit(0), Ok(Pass::Plain));
        breaker.ended(Pass::Plain, DOWN, 7_000, 0);
        assert_eq!(breaker.shut(0), Some((7_000, FailureClass::Server)));
    }

    #[test]
    fn stragglers_from_before_say_nothing() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            plain(&mut breaker, DOWN, 0);
        }
        breaker.ended(Pass::Plain, End::Alive, 0, 1);
        breaker.ended(Pass::Plain, DOWN, 0, 1);
        assert_eq!(breaker.shut(1), Some((999, FailureClass::Server)));
    }
}
