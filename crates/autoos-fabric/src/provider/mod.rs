//! What stands behind a provider actor: one endpoint that answers one request at a time.
//!
//! The vendors' clients, the scripted provider and the built-in engine implement [`Provider`];
//! the actor in front counts, bounds and times their calls. Left out: choice of a model (the
//! roles of the configuration) and retries (the recovery ladder).

pub(crate) mod actor;
mod health;
pub mod scripted;
pub(crate) mod supervisor;
pub(crate) mod vendor;

pub use health::{LastError, ProviderStatus};

use crate::{Failure, LlmResponse, Request};
use futures::future::BoxFuture;

/// One endpoint, asked once per call.
pub trait Provider: Send + Sync + 'static {
    /// The name it is configured by; the part of a model's id before the first `/`.
    fn name(&self) -> &str;

    /// Asks once. The future may be dropped at any await, and a panic in it is settled as a
    /// crash by the actor; work that computes for long belongs on a blocking thread.
    fn ask(&self, request: Request) -> BoxFuture<'static, Result<LlmResponse, Failure>>;
}
