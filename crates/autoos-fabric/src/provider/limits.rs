//! What a provider lets through per second, learned from its refusals: pure arithmetic.
//!
//! Nothing is limited until something is known. A Retry-After holds every call back until it is
//! over. When a good part of the calls of some seconds is refused, the limit is what was accepted
//! in them; it then grows by a quarter every five seconds, and is lifted once it is four times
//! as high. A limit that the provider states in its headers holds as stated. Requests and tokens
//! have a limit each, since either may be what was hit.

use serde::Serialize;

/// How long refusals and acceptances are counted, in milliseconds.
const WINDOW_MS: u64 = 5_000;
/// The least of a window that a limit is concluded from, in milliseconds.
const SOON_MS: u64 = 1_000;
/// Refusals in a window before anything is concluded from them.
const REFUSALS: u32 = 3;
/// Growth of a limit for each window without a conclusion.
const GROWTH: f64 = 1.25;
/// A limit that has grown so many times over is lifted.
const LIFTED: f64 = 4.0;
/// The lowest limits that are concluded, per second; lower ones come with a Retry-After.
const FLOOR: (f64, f64) = (1.0, 1_000.0);

/// What a provider said of its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stated {
    /// Requests per minute.
    pub requests_per_min: Option<u64>,
    /// Tokens per minute.
    pub tokens_per_min: Option<u64>,
}

/// The limits of one provider; times are in milliseconds and never go back.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    not_before_ms: u64,
    window_ms: u64,
    accepted: u32,
    accepted_tokens: u64,
    refused: u32,
    requests: Bucket,
    tokens: Bucket,
}

/// Limits as people see them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitsStatus {
    /// Calls that run at once.
    pub max_in_flight: u32,
    /// Calls that may wait.
    pub max_queued: u32,
    /// Requests per minute, where a limit is known.
    pub requests_per_min: Option<u64>,
    /// Tokens per minute, where a limit is known.
    pub tokens_per_min: Option<u64>,
    /// For how long it wants no calls, in milliseconds.
    pub wait_ms: u64,
}

/// A bucket that may be overdrawn by the last that is taken out of it.
#[derive(Debug, Clone)]
struct Bucket {
    floor: f64,
    /// Per second; none without a limit.
    rate: Option<f64>,
    /// What the limit was when it was concluded or stated.
    base: f64,
    stated: bool,
    level: f64,
    at_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            not_before_ms: 0,
            window_ms: 0,
            accepted: 0,
            accepted_tokens: 0,
            refused: 0,
            requests: Bucket::new(FLOOR.0),
            tokens: Bucket::new(FLOOR.1),
        }
    }
}

impl Limits {
    /// How long the next call has to wait, in milliseconds.
    pub(crate) fn wait(&self, now_ms: u64) -> u64 {
        let held = self.not_before_ms.saturating_sub(now_ms);
        held.max(self.requests.wait(now_ms)).max(self.tokens.wait(now_ms))
    }

    /// A call is made that may take so many tokens.
    pub(crate) fn started(&mut self, tokens: u64, now_ms: u64) {
        self.requests.take(1, now_ms);
        self.tokens.take(tokens, now_ms);
    }

    /// A call was let through; it took so many tokens of those that were expected.
    pub(crate) fn accepted(&mut self, expected: u64, took: u64, now_ms: u64) {
        self.tokens.give_back(expected.saturating_sub(took));
        self.accepted = self.accepted.saturating_add(1);
        self.accepted_tokens = self.accepted_tokens.saturating_add(took);
        self.conclude(now_ms);
    }

    /// A call was refused for a limit.
    pub(crate) fn refused(&mut self, expected: u64, retry_after_ms: Option<u64>, now_ms: u64) {
        self.tokens.give_back(expected);
        self.refused = self.refused.saturating_add(1);
        let until = now_ms.saturating_add(retry_after_ms.unwrap_or(0));
        self.not_before_ms = self.not_before_ms.max(until);
        self.conclude(now_ms);
    }

    /// The provider stated limits.
    pub(crate) fn stated(&mut self, stated: Stated) {
        self.requests.state(stated.requests_per_min);
        self.tokens.state(stated.tokens_per_min);
    }

    fn conclude(&mut self, now_ms: u64) {
        if self.window_ms == 0 {
            self.window_ms = now_ms;
        }
        let passed = now_ms.saturating_sub(self.window_ms);
        let all = self.accepted.saturating_add(self.refused);
        let hit = self.refused >= REFUSALS && self.refused.saturating_mul(10) >= all;
        if passed < SOON_MS || (passed < WINDOW_MS && !hit) {
            return;
        }
        if hit {
            #[allow(clippy::cast_precision_loss, reason = "a rate")]
            let (seconds, tokens) = (passed as f64 / 1_000.0, self.accepted_tokens as f64);
            self.requests.cut(f64::from(self.accepted) / seconds);
            self.tokens.cut(tokens / seconds);
        } else {
            self.requests.grow();
            self.tokens.grow();
        }
        (self.window_ms, self.accepted, self.accepted_tokens, self.refused) = (now_ms, 0, 0, 0);
    }

    /// Requests and tokens per minute, where a limit is known.
    pub(crate) fn per_minute(&self) -> (Option<u64>, Option<u64>) {
        (self.requests.per_minute(), self.tokens.per_minute())
    }
}

impl Bucket {
    fn new(floor: f64) -> Self {
        Self { floor, rate: None, base: 0.0, stated: false, level: 0.0, at_ms: 0 }
    }

    /// What is in it: a second's worth at most.
    fn level(&self, rate: f64, now_ms: u64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let passed = now_ms.saturating_sub(self.at_ms) as f64 / 1_000.0;
        (self.level + passed * rate).min(rate.max(1.0))
    }

    fn wait(&self, now_ms: u64) -> u64 {
        let Some(rate) = self.rate else { return 0 };
        let level = self.level(rate, now_ms);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded")]
        let wait = (-level / rate * 1_000.0).ceil().clamp(0.0, 3_600_000.0) as u64;
        wait
    }

    fn take(&mut self, cost: u64, now_ms: u64) {
        let Some(rate) = self.rate else { return };
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let cost = cost as f64;
        self.level = self.level(rate, now_ms) - cost;
        self.at_ms = now_ms;
    }

    fn give_back(&mut self, cost: u64) {
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let cost = cost as f64;
        if self.rate.is_some() {
            self.level += cost;
        }
    }

    fn cut(&mut self, accepted: f64) {
        let rate = self.rate.map_or(accepted, |rate| rate.min(accepted)).max(self.floor);
        // What was stated is known; a lower limit is concluded all the same, and grows back.
        if !self.stated {
            self.base = rate;
        }
        self.rate = Some(rate);
    }

    fn grow(&mut self) {
        let Some(rate) = self.rate else { return };
        let grown = rate * GROWTH;
        self.rate = match self.stated {
            true => Some(grown.min(self.base)),
            false => (grown < self.base * LIFTED).then_some(grown),
        };
    }

    fn state(&mut self, per_min: Option<u64>) {
        let Some(per_min) = per_min.filter(|n| *n > 0) else { return };
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let rate = per_min as f64 / 60.0;
        if !self.stated || (self.base - rate).abs() > f64::EPSILON {
            (self.rate, self.base, self.stated) = (Some(rate), rate, true);
        }
    }

    fn per_minute(&self) -> Option<u64> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
        self.rate.map(|rate| (rate * 60.0).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vendor that takes `limit` calls in each second is sent as many as the limits let, one
    /// every `every_ms` at most. Accepted and refused calls.
    fn drive(
        limits: &mut Limits,
        limit: u32,
        every_ms: u64,
        from_ms: u64,
        for_ms: u64,
    ) -> [u32; 2] {
        let (mut accepted, mut refused, mut second, mut used) = (0, 0, 0, 0);
        let mut now = from_ms;
        while now < from_ms + for_ms {
            if now / 1_000 != second {
                (second, used) = (now / 1_000, 0);
            }
            if limits.wait(now) == 0 {
                limits.started(100, now);
                if used < limit {
                    used += 1;
                    accepted += 1;
                    limits.accepted(100, 100, now);
                } else {
                    refused += 1;
                    limits.refused(100, None, now);
                }
            }
            now += every_ms;
        }
        [accepted, refused]
    }

    #[test]
    fn nothing_is_limited_before_a_refusal_and_a_few_say_nothing() {
        let mut limits = Limits::default();
        for n in 0..10_000 {
            assert_eq!(limits.wait(n), 0);
            limits.started(1_000_000, n);
            if n % 20 == 0 {
                limits.refused(0, None, n);
            } else {
                limits.accepted(1_000_000, 10, n);
            }
        }
        assert_eq!(limits.per_minute(), (None, None));
    }

    #[test]
    fn a_limit_is_found_and_kept_to() {
        let mut limits = Limits::default();
        // Fifty a second are offered, ten are taken.
        drive(&mut limits, 10, 20, 1_000, 10_000);
        let [accepted, refused] = drive(&mut limits, 10, 20, 11_000, 60_000);
        assert!(accepted >= 400, "{accepted} of at most 600");
        assert!(refused <= accepted / 4, "{refused} refused beside {accepted}");
    }

    #[test]
    fn a_limit_that_is_gone_is_lifted() {
        let mut limits = Limits::default();
        drive(&mut limits, 10, 20, 1_000, 10_000);
        assert!(limits.per_minute().0.is_some());
        drive(&mut limits, 1_000, 20, 11_000, 60_000);
        assert_eq!(limits.per_minute(), (None, None));
    }

    #[test]
    fn retry_after_is_kept_to() {
        let mut limits = Limits::default();
        limits.refused(0, Some(7_000), 100);
        limits.refused(0, Some(10), 101);
        assert_eq!((limits.wait(100), limits.wait(7_099), limits.wait(7_100)), (7_000, 1, 0));
    }

    #[test]
    fn stated_limits_hold_and_large_calls_are_paid_off() {
        let mut limits = Limits::default();
        limits.stated(Stated { requests_per_min: None, tokens_per_min: Some(60_000) });
        assert_eq!(limits.per_minute(), (None, Some(60_000)));
        assert_eq!(limits.wait(1_000), 0);
        limits.started(5_000, 1_000);
        assert_eq!(limits.wait(1_000), 4_000, "it began with a second's worth");
        limits.accepted(5_000, 2_000, 1_000);
        assert_eq!(limits.wait(1_000), 1_000);
        drive(&mut limits, 1_000, 20, 10_000, 60_000);
        assert_eq!(limits.per_minute(), (None, Some(60_000)), "it is not lifted");
    }
}
