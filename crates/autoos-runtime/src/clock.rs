//! The clock and the randomness that the runtime decides with; tests bring their own.

use autoos_kernel::{rng::Rng, time::Timestamp};
use rand::RngCore as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Says what time it is.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The operating system's randomness, through the thread's generator.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemRng;

impl Rng for SystemRng {
    fn next_u64(&mut self) -> u64 {
        rand::rng().next_u64()
    }
}
