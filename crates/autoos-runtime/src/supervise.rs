//! The one supervision policy: what a parent makes of the end of a child.
//!
//! ractor's default lets a supervisor die with its child. Here a parent never does: it is told
//! what happened and decides by its rules, as it does for every other exit.

use ractor::{ActorId, SupervisionEvent};
use tokio::task::AbortHandle;

/// What happened to a child.
#[derive(Debug)]
pub(crate) enum Loss {
    /// It ended as it should.
    Ended(ActorId),
    /// It panicked or failed, with what it said.
    Died(ActorId, String),
}

/// A task that ends with its owner, however that ends: an actor that is killed hears no goodbye.
pub(crate) struct Bound(pub(crate) AbortHandle);

impl Drop for Bound {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads a supervision event; none when nothing was lost.
pub(crate) fn loss(event: &SupervisionEvent) -> Option<Loss> {
    match event {
        SupervisionEvent::ActorTerminated(cell, _, _) => Some(Loss::Ended(cell.get_id())),
        SupervisionEvent::ActorFailed(cell, error) => {
            Some(Loss::Died(cell.get_id(), error.to_string()))
        }
        _ => None,
    }
}
