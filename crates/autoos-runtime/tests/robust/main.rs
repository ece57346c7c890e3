//! What holds when things go wrong: too much at once, a full disk, damage, histories that grew
//! long, deadlines, cancellations, agents that panic or hang, and texts that are erased. Left out: real
//! processes, which `tests/e2e` has, and the simulator's random faults.

#[path = "../support/mod.rs"]
mod support;

mod agents;
mod cancel;
mod disk;
mod histories;
mod overload;
mod quarantine;
mod settle;
mod texts;

use std::time::{Duration, Instant};

/// Waits until something that announces itself nowhere is so.
async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let last = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(Instant::now() < last, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
