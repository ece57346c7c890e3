//! What stands behind a provider actor: one endpoint that answers one request at a time.
//!
//! The vendors' clients, the scripted provider and the built-in engine implement [`Provider`];
//! the actor in front bounds their calls, watches their lines, and asks none that is out. Left
//! out: choice of a model (the router) and retries (the recovery ladder).
//!
//! | module | what it is |
//! |---|---|
//! | `actor`, `supervisor` | the actors: a queue, a task per call, restarts |
//! | `desk`, `ticket` | what they and callers share; what settles each call once |
//! | `breaker`, `limits` | pure rules: whether a provider is asked, and how often |
//! | `line` | signs of life of one call, and how long it may be without |
//! | `health` | counts, for people |
//! | `vendor`, `scripted` | the endpoints |

pub(crate) mod actor;
mod breaker;
pub(crate) mod desk;
pub(crate) mod health;
mod limits;
mod line;
pub mod scripted;
pub(crate) mod supervisor;
mod ticket;
pub(crate) mod vendor;

pub use breaker::BreakerStatus;
pub use health::{Condition, LastError, ModelStatus, ProviderStatus};
pub use limits::{LimitsStatus, Stated};
pub use line::Line;

use crate::{Failure, LlmResponse, Request};
use futures::future::BoxFuture;

/// One endpoint, asked once per call.
pub trait Provider: Send + Sync + 'static {
    /// The name it is configured by; the part of a model's id before the first `/`.
    fn name(&self) -> &str;

    /// Asks once, and shows on the line when pieces of the answer come. The future may be
    /// dropped at any await, and a panic in it is settled as a crash by the actor; work that
    /// computes for long belongs on a blocking thread.
    fn ask(&self, request: Request, line: Line)
    -> BoxFuture<'static, Result<LlmResponse, Failure>>;
}
