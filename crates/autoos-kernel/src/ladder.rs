//! The recovery ladder: what failed decides where on it to start, and each rung is bounded.
//!
//! | exit | first rung |
//! |---|---|
//! | rate limit, server, timeout, network, malformed answer, tool unavailable, crash | 1 retry |
//! | panic, stall, lost host | 2 replace the agent |
//! | auth, unsupported, refusal | 3 swap the model |
//! | doubt, veto | 3 swap the model, which cross-verifies |
//! | invalid work, denied work, unable | 4 mutate the strategy |
//! | exhausted budget, unknown effect | 5 escalate |
//!
//! Rungs 2 and 4 are in the table and not yet climbed to: [`next`] passes over them.

use crate::{
    plan::{FallbackStrategy, RetryConfig},
    time::Timestamp,
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
