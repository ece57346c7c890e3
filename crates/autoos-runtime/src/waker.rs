//! The waker: brings back the workflows whose time has come, and after a full disk those that
//! must run.
//!
//! One task for the whole runtime. It sleeps until the earliest wake time in the journal's index,
//! or until a shard has put something away or has come to this
//! node, which may be due before that. While the journal takes
//! no appends it wakes nobody: who was woken could only die of it.

use crate::{hosts::Hosts, parts::Parts};
use autoos_journal::Error;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// How many are brought back in one go.
const BATCH: usize = 256;
/// The longest sleep: a clock that was set forward is noticed after it.
const NAP: Duration = Duration::from_secs(1);

/// What shards tell the waker.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Notify,
    /// Someone who must be running was put away because the journal took no appends.
    stranded: AtomicBool,
}

impl Bell {
    /// Something was put away, and may be due before anything else.
    pub(crate) fn put_away(&self) {
        self.rung.notify_one();
    }

    /// Someone was put away who must run, once the journal takes appends again.
    pub(crate) fn stranded(&self) {
        self.stranded.store(true, Ordering::SeqCst);
    }
}

pub(crate) struct Waker {
    pub(crate) parts: Parts,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) bell: Arc<Bell>,
}

impl Waker {
    /// Runs until it is aborted.
    pub(crate) async fn run(self) {
        loop {
            let wait = match self.look().await {
                Ok(wait) => wait,
                // The node stops, or its disk failed and it says so elsewhere.
                Err(Error::Halted(_)) => return,
                Err(error) => {
                    tracing::error!(%error, "cannot read who must be woken");
                    NAP
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.bell.rung.notified() => {}
            }
        }
    }

    /// Wakes whom it must, and says how long nobody else will be.
    async fn look(&self) -> Result<Duration, Error> {
        if self.parts.journal.degraded().is_some() {
            return Ok(NAP);
        }
        if self.bell.stranded.swap(false, Ordering::SeqCst)
            && let Err(error) = self.hosts.wake_running(None).await
        {
            self.bell.stranded();
            return Err(error);
        }
        self.wake_due().await
    }

    /// Brings back what is due, and says how long nothing else will be.
    async fn wake_due(&self) -> Result<Duration, Error> {
        let now = self.parts.clock.now();
        let due = self.parts.journal.due(now, BATCH).await?;
        for stream in &due {
            self.hosts.wake(stream.uuid);
        }
        if due.len() == BATCH {
            // The index moves on once these have recorded something.
            return Ok(Duration::from_millis(20));
        }
        let next = self.parts.journal.next_due().await?;
        Ok(next.map_or(NAP, |at| Duration::from_millis(at.since_ms(now).max(20)).min(NAP)))
    }
}
