//! A word to calls that have not begun: they must not any more.
//!
//! A workflow that is cancelled says so here before it says so to whoever asked. So a call that
//! waited for a thread meanwhile is refused rather than made behind an acknowledged cancellation.
//! What has begun is not broken off.

use crate::Failure;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Shared by all calls of one workflow; once set, set for good.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on none of its calls begins.
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether a call may begin.
    ///
    /// # Errors
    /// [`Failure::Denied`], which leaves no doubt that nothing took place.
    pub fn check(&self) -> Result<(), Failure> {
        match self.0.load(Ordering::SeqCst) {
            false => Ok(()),
            true => Err(Failure::Denied("its workflow ended before it began".to_owned())),
        }
    }
}
