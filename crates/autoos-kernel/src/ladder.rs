//! The recovery ladder: what ended an attempt decides where to start, and each rung is bounded.
//!
//! | an attempt ended by | first rung |
//! |---|---|
//! | rate limit, server, timeout, network, malformed answer, tool unavailable or crashed | 1 retry |
//! | panic, stall, lost host | 2 replace the agent |
//! | auth, bad request, unable; doubt and veto, which are cross-verified; a verdict that stands alone | 3 swap the LLM |
//! | invalid or denied work | 4 mutate the strategy |
//! | exhausted budget, unknown effect | 5 escalate |
//!
//! A rung that cannot help leads to the next: a tool has no other model, the built-in engine
//! cannot be retried into knowing more, a plan that a person wrote is not planned anew. A model
//! that keeps failing is retried once by its agent and once by a fresh one before another model is
//! asked; a malformed answer goes back once.

use crate::{
    plan::{FallbackStrategy, RetryConfig},
    rng::Rng,
};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

/// Why a call or an attempt brought nothing, as far as the ladder tells failures apart.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FailureClass {
    /// The vendor wants fewer calls for a while.
    RateLimit,
    /// The key is missing, wrong or out of credit.
    Auth,
    /// The vendor says that the request is wrong: the same request fails again there.
    BadRequest,
    /// The vendor failed.
    Server,
    /// No answer, no first token or no next chunk in time.
    Timeout,
    /// The vendor could not be reached, or the connection broke.
    Network,
    /// The answer is not what was asked for: no JSON, not the schema, cut.
    Malformed,
    /// The model declined, or cannot do this and says so.
    Unable,
    /// Arguments or input that the tool cannot work with.
    Invalid,
    /// Outside what the caller may touch.
    Denied,
    /// Something outside failed for now.
    Unavailable,
    /// The worker crashed.
    Crashed,
}

/// How an attempt ended, other than well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// A call failed.
    Failed(FailureClass),
    /// The agent panicked.
    Panicked,
    /// The agent made no progress until its deadline.
    Stalled,
    /// The answer is not sure enough for the risk.
    Unsure,
    /// A verifier rejected it.
    Vetoed,
    /// A verifier's own end: its verdict against an answer stands alone, since the evidence bears the
    /// answer out and an independent one says the same. Another verifier is asked.
    Contested,
    /// The grant does not cover the next call.
    Overspent,
    /// The process or machine that worked it is gone.
    HostLost,
    /// An effectful call was made, and whether it took place is unknown.
    EffectUnknown,
    /// Someone cancelled it.
    Cancelled,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(class) => write!(f, "{class}"),
            Self::Panicked => f.write_str("panicked"),
            Self::Stalled => f.write_str("stalled"),
            Self::Unsure => f.write_str("unsure"),
            Self::Vetoed => f.write_str("vetoed"),
            Self::Contested => f.write_str("contested"),
            Self::Overspent => f.write_str("overspent"),
            Self::HostLost => f.write_str("host_lost"),
            Self::EffectUnknown => f.write_str("effect_unknown"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// A level of the ladder.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Rung {
    /// The same agent tries again after a while.
    Retry,
    /// A fresh agent tries, with a note of what failed.
    ReplaceAgent,
    /// Another model is asked.
    SwapLlm,
    /// The failed part is planned anew.
    MutateStrategy,
    /// A human is asked.
    Escalate,
}

/// The rung that an exit starts on.
#[must_use]
pub fn first_rung(exit: Exit) -> Rung {
    use FailureClass as C;
    match exit {
        Exit::Failed(
            C::RateLimit
            | C::Server
            | C::Timeout
            | C::Network
            | C::Malformed
            | C::Unavailable
            | C::Crashed,
        ) => Rung::Retry,
        Exit::Panicked | Exit::Stalled | Exit::HostLost => Rung::ReplaceAgent,
        Exit::Failed(C::Auth | C::BadRequest | C::Unable)
        | Exit::Unsure
        | Exit::Vetoed
        | Exit::Contested => Rung::SwapLlm,
        Exit::Failed(C::Invalid | C::Denied) => Rung::MutateStrategy,
        Exit::Overspent | Exit::EffectUnknown | Exit::Cancelled => Rung::Escalate,
    }
}

/// Whether an effectful call that ended so may have taken place all the same. The other ends say
/// that the call was never made, or refused, or that its answer was seen.
#[must_use]
pub fn leaves_doubt(exit: Exit) -> bool {
    use FailureClass as C;
    match exit {
        Exit::Failed(
            C::Server | C::Timeout | C::Network | C::Malformed | C::Unavailable | C::Crashed,
        )
        | Exit::Panicked
        | Exit::Stalled
        | Exit::HostLost
        | Exit::EffectUnknown
        | Exit::Cancelled => true,
        Exit::Failed(
            C::RateLimit | C::Auth | C::BadRequest | C::Unable | C::Invalid | C::Denied,
        )
        | Exit::Unsure
        | Exit::Vetoed
        | Exit::Contested
        | Exit::Overspent => false,
    }
}

/// Agents that may be lost to a dying host before a human is asked; a host that dies says
/// nothing about the step, so these do not count as its attempts.
pub const HOSTS_LOST_MAX: u32 = 100;

/// The longest Retry-After that is waited for, in milliseconds: one hour. A vendor that wants
/// more is as good as gone, and another model is asked.
pub const RETRY_AFTER_MAX_MS: u64 = 3_600_000;

/// What was already tried for a step, and what is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Attempts that count, since the step began or a human had it retried.
    pub attempts: u32,
    /// Of them on the present model, or tool.
    pub on_model: u32,
    /// Agents lost with their host.
    pub hosts_lost: u32,
    /// Models not asked yet.
    pub models_left: u32,
}

/// What could be tried beyond what the step's own retries say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// The failed part may be planned anew.
    pub mutate: bool,
    /// Whoever was asked answers the same each time.
    pub fixed: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The same agent again, after so many milliseconds.
    Retry {
        /// How long to wait.
        wait_ms: u64,
    },
    /// Another agent, after so many milliseconds.
    Replace {
        /// How long to wait.
        wait_ms: u64,
    },
    /// The next model, at once.
    Swap,
    /// A new plan for the failed part.
    Mutate,
    /// Ask a human.
    Escalate,
    /// Leave the step out.
    Skip,
    /// Give the workflow up.
    Fail,
}

/// The next move for a step whose attempt ended by `exit`.
///
/// `retry_after_ms` is the vendor's wish and outranks our own cap.
pub fn next(
    exit: Exit,
    tried: Tried,
    room: Room,
    retry: RetryConfig,
    fallback: FallbackStrategy,
    retry_after_ms: Option<u64>,
    rng: &mut dyn Rng,
) -> Next {
    let left = retry.attempts.saturating_sub(tried.attempts);
    let rung = first_rung(exit);
    if exit == Exit::HostLost {
        let bearable = tried.hosts_lost <= HOSTS_LOST_MAX;
        return if bearable { Next::Replace { wait_ms: 0 } } else { Next::Escalate };
    }
    if left > tried.models_left {
        match rung {
            Rung::Retry if goes_back(exit, tried, retry_after_ms) => {
                let wait_ms = backoff(retry, tried.on_model, retry_after_ms, rng);
                return if tried.on_model < 2 {
                    Next::Retry { wait_ms }
                } else {
                    Next::Replace { wait_ms }
                };
            }
            Rung::ReplaceAgent => return Next::Replace { wait_ms: 0 },
            // With nobody else to ask, a fresh agent hears once what was wrong.
            Rung::SwapLlm
                if is_doubt(exit)
                    && tried.models_left == 0
                    && tried.attempts < 2
                    && !room.fixed =>
            {
                return Next::Replace { wait_ms: 0 };
            }
            _ => {}
        }
    }
    if rung <= Rung::SwapLlm && left > 0 && tried.models_left > 0 {
        return Next::Swap;
    }
    let escalates = fallback == FallbackStrategy::Escalate;
    if rung <= Rung::MutateStrategy && escalates && room.mutate && plan_may_help(exit) {
        return Next::Mutate;
    }
    match (rung, fallback) {
        // Money and unknown effects are a human's to decide, whatever the plan says.
        (Rung::Escalate, _) | (_, FallbackStrategy::Escalate) => Next::Escalate,
        (_, FallbackStrategy::Skip) => Next::Skip,
        (_, FallbackStrategy::Fail) => Next::Fail,
    }
}

/// Whether the same model, or tool, is worth another attempt.
fn goes_back(exit: Exit, tried: Tried, retry_after_ms: Option<u64>) -> bool {
    let bearable = retry_after_ms.is_none_or(|wish| wish <= RETRY_AFTER_MAX_MS);
    let once = exit == Exit::Failed(FailureClass::Malformed) && tried.models_left > 0;
    bearable && (!once || tried.on_model < 2)
}

/// Whether the answer came and was not good enough.
#[must_use]
pub fn is_doubt(exit: Exit) -> bool {
    matches!(exit, Exit::Unsure | Exit::Vetoed)
}

/// Whether whoever was asked was out of reach rather than unable: later may bring what now does
/// not.
#[must_use]
pub fn may_pass(exit: Exit) -> bool {
    use FailureClass as C;
    let class = |c| matches!(c, C::RateLimit | C::Server | C::Timeout | C::Network);
    matches!(exit, Exit::Failed(c) if class(c)) || exit == Exit::Stalled
}

/// A plan around the failure is no help where the vendor's door is shut: it needs a model too.
fn plan_may_help(exit: Exit) -> bool {
    exit != Exit::Failed(FailureClass::Auth)
}

/// Full jitter (Brooker 2015): a random wait up to `base · 2^(n-1)`, capped.
fn backoff(
    retry: RetryConfig,
    failures: u32,
    retry_after_ms: Option<u64>,
    rng: &mut dyn Rng,
) -> u64 {
    let doublings = failures.saturating_sub(1).min(32);
    let ceiling = retry.base_ms.saturating_mul(1 << doublings).min(retry.cap_ms);
    let jitter = rng.up_to(ceiling);
    retry_after_ms.map_or(jitter, |wish| wish.saturating_add(jitter.min(1_000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seeded;

    fn go(exit: Exit, attempts: u32, models_left: u32, fallback: FallbackStrategy) -> Next {
        let tried = Tried { attempts, on_model: attempts, hosts_lost: 0, models_left };
        let retry = RetryConfig { attempts: 4, base_ms: 0, cap_ms: 0 };
        next(exit, tried, Room::default(), retry, fallback, None, &mut Seeded(1))
    }

    #[test]
    fn one_attempt_is_kept_for_each_untried_model() {
        let server = Exit::Failed(FailureClass::Server);
        let escalate = FallbackStrategy::Escalate;
        assert_eq!(go(server, 1, 2, escalate), Next::Retry { wait_ms: 0 });
        assert_eq!(go(server, 2, 2, escalate), Next::Swap);
        assert_eq!(go(server, 3, 1, escalate), Next::Swap);
        assert_eq!(go(server, 4, 0, escalate), Next::Escalate);
        assert_eq!(go(server, 3, 0, escalate), Next::Replace { wait_ms: 0 });
    }

    #[test]
    fn the_class_decides_where_to_start() {
        let auth = Exit::Failed(FailureClass::Auth);
        let denied = Exit::Failed(FailureClass::Denied);
        assert_eq!(go(auth, 1, 1, FallbackStrategy::Escalate), Next::Swap);
        assert_eq!(go(auth, 1, 0, FallbackStrategy::Fail), Next::Fail);
        assert_eq!(go(Exit::Unsure, 1, 1, FallbackStrategy::Skip), Next::Swap);
        assert_eq!(go(denied, 1, 1, FallbackStrategy::Skip), Next::Skip);
        let panicked = go(Exit::Panicked, 1, 0, FallbackStrategy::Escalate);
        assert_eq!(panicked, Next::Replace { wait_ms: 0 });
    }

    #[test]
    fn a_stubborn_model_gets_a_fresh_agent_and_then_another_takes_over() {
        let server = Exit::Failed(FailureClass::Server);
        let escalate = FallbackStrategy::Escalate;
        assert_eq!(go(server, 1, 1, escalate), Next::Retry { wait_ms: 0 });
        assert_eq!(go(server, 2, 1, escalate), Next::Replace { wait_ms: 0 });
        assert_eq!(go(server, 3, 1, escalate), Next::Swap);
        let malformed = Exit::Failed(FailureClass::Malformed);
        assert_eq!(go(malformed, 1, 1, escalate), Next::Retry { wait_ms: 0 });
        assert_eq!(go(malformed, 2, 1, escalate), Next::Swap);
    }

    #[test]
    fn doubt_is_told_once_to_a_fresh_agent_when_nobody_else_can_be_asked() {
        let go = |on_model, fixed| {
            let tried = Tried { attempts: on_model, on_model, hosts_lost: 0, models_left: 0 };
            let retry = RetryConfig { attempts: 4, base_ms: 0, cap_ms: 0 };
            let room = Room { mutate: true, fixed };
            let escalate = FallbackStrategy::Escalate;
            next(Exit::Vetoed, tried, room, retry, escalate, None, &mut Seeded(1))
        };
        assert_eq!(go(1, false), Next::Replace { wait_ms: 0 });
        assert_eq!(go(2, false), Next::Mutate);
        assert_eq!(go(1, true), Next::Mutate);
    }

    #[test]
    fn a_new_plan_comes_before_a_human_and_not_for_money() {
        let go = |exit, fallback| {
            let tried = Tried { attempts: 4, on_model: 4, hosts_lost: 0, models_left: 0 };
            let retry = RetryConfig { attempts: 4, base_ms: 0, cap_ms: 0 };
            let room = Room { mutate: true, fixed: false };
            next(exit, tried, room, retry, fallback, None, &mut Seeded(1))
        };
        let denied = Exit::Failed(FailureClass::Denied);
        assert_eq!(go(denied, FallbackStrategy::Escalate), Next::Mutate);
        assert_eq!(go(denied, FallbackStrategy::Skip), Next::Skip);
        assert_eq!(go(Exit::Panicked, FallbackStrategy::Escalate), Next::Mutate);
        assert_eq!(go(Exit::Overspent, FallbackStrategy::Escalate), Next::Escalate);
        let auth = Exit::Failed(FailureClass::Auth);
        assert_eq!(go(auth, FallbackStrategy::Escalate), Next::Escalate);
    }

    #[test]
    fn money_and_unknown_effects_are_for_a_human() {
        assert_eq!(go(Exit::Overspent, 1, 3, FallbackStrategy::Skip), Next::Escalate);
        assert_eq!(go(Exit::EffectUnknown, 1, 3, FallbackStrategy::Fail), Next::Escalate);
    }

    #[test]
    fn hosts_that_die_for_ever_are_shown_to_a_human() {
        let retry = RetryConfig { attempts: 1, base_ms: 0, cap_ms: 0 };
        let lost = |hosts_lost| {
            let tried = Tried { hosts_lost, ..Tried::default() };
            let (room, skip) = (Room::default(), FallbackStrategy::Skip);
            next(Exit::HostLost, tried, room, retry, skip, None, &mut Seeded(1))
        };
        assert_eq!(lost(HOSTS_LOST_MAX), Next::Replace { wait_ms: 0 });
        assert_eq!(lost(HOSTS_LOST_MAX + 1), Next::Escalate);
    }

    #[test]
    fn an_endless_retry_after_is_not_waited_for() {
        let exit = Exit::Failed(FailureClass::RateLimit);
        let retry = RetryConfig { attempts: 4, base_ms: 0, cap_ms: 0 };
        let ask = |models_left, wish| {
            let tried = Tried { attempts: 1, on_model: 1, hosts_lost: 0, models_left };
            let (room, fail) = (Room::default(), FallbackStrategy::Fail);
            next(exit, tried, room, retry, fail, Some(wish), &mut Seeded(1))
        };
        assert_eq!(ask(1, RETRY_AFTER_MAX_MS), Next::Retry { wait_ms: RETRY_AFTER_MAX_MS });
        assert_eq!(ask(1, RETRY_AFTER_MAX_MS + 1), Next::Swap);
        assert_eq!(ask(0, u64::MAX), Next::Fail);
    }

    #[test]
    fn the_vendors_wish_outranks_our_cap() {
        let retry = RetryConfig { attempts: 4, base_ms: 100, cap_ms: 200 };
        let mut rng = Seeded(3);
        for failures in 1..40 {
            assert!(backoff(retry, failures, None, &mut rng) <= 200);
            let wait = backoff(retry, failures, Some(60_000), &mut rng);
            assert!((60_000..=60_200).contains(&wait));
        }
    }
}
