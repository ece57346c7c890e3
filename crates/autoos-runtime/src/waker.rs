//! The waker: brings back the workflows whose time has come, and after a full disk those that
//! must run.
//!
//! One task for the whole runtime. It sleeps until the earliest wake time in the journal's index,
//! or until a shard has put something away, which may be due before that.

use crate::{parts::Parts, shard};
use autoos_journal::Error;
use ractor::ActorRef;
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;
use uuid::Uuid;

/// How many are brought back in one go.
const BATCH: usize = 256;
/// The longest sleep: a clock that was set forward is noticed after it.
const NAP: Duration = Duration::from_secs(1);

pub(crate) struct Waker {
    pub(crate) parts: Parts,
    pub(crate) shards: Arc<Vec<ActorRef<shard::Message>>>,
    pub(crate) put_away: Arc<Notify>,
}

impl Waker {
    /// Runs until it is aborted.
    pub(crate) async fn run(self) {
        let mut degraded = false;
        loop {
            let was = std::mem::replace(&mut degraded, self.parts.journal.degraded().is_some());
            let woken = if was && !degraded { self.wake_running().await } else { Ok(()) };
            if let Err(error) = woken {
                tracing::error!(%error, "cannot read who must be running");
                degraded = true;
            }
            let wait = match self.wake_due().await {
                Ok(wait) => wait,
                // The node stops, or its disk failed and it says so elsewhere.
                Err(Error::Halted(_)) => return,
                Err(error) => {
                    tracing::error!(%error, "cannot read what is due");
                    NAP
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.put_away.notified() => {}
            }
        }
    }

    /// Brings back everyone who must be running.
    pub(crate) async fn wake_running(&self) -> Result<(), Error> {
        for stream in self.parts.journal.running().await? {
            self.wake(stream.uuid);
        }
        Ok(())
    }

    /// Brings back what is due, and says how long nothing else will be.
    async fn wake_due(&self) -> Result<Duration, Error> {
        let now = self.parts.clock.now();
        let due = self.parts.journal.due(now, BATCH).await?;
        for stream in &due {
            self.wake(stream.uuid);
        }
        if due.len() == BATCH {
            // The index moves on once these have recorded something.
            return Ok(Duration::from_millis(20));
        }
        let next = self.parts.journal.next_due().await?;
        Ok(next.map_or(NAP, |at| Duration::from_millis(at.since_ms(now).max(20)).min(NAP)))
    }

    fn wake(&self, uuid: Uuid) {
        let shard = autoos_kernel::id::Shard::of(uuid, self.parts.journal.shards());
        // A runtime that stops has no shards, and wakes nobody.
        let _ = self.shards[usize::from(shard.0)].send_message(shard::Message::Wake(uuid));
    }
}
