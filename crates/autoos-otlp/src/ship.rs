//! The queue, and the thread that empties it.
//!
//! The shipper has a thread and a runtime of its own, so that encoding and a slow collector take
//! nothing from those who work. A batch that does not arrive is sent again after a pause that
//! doubles; meanwhile the queue fills, and what it has no room for is dropped and counted.

use crate::{
    convert::Resource,
    settings::Settings,
    wire::{Error, Wire},
};
use autoos_telemetry::{Sink, Span};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// Spans of one delivery at most.
const BATCH: usize = 512;
/// How long the first span of a delivery waits for others.
const GATHER: Duration = Duration::from_millis(500);
/// The first pause after a delivery that did not arrive; it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long a stop waits for what is queued.
const STOP: Duration = Duration::from_secs(3);

/// Takes spans without ever waiting; cheap to clone.
#[derive(Clone)]
pub struct Queue {
    spans: mpsc::Sender<Span>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    full: AtomicU64,
    refused: AtomicU64,
    failures: AtomicU64,
}

/// What became of spans so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Spans that the collector took.
    pub sent: u64,
    /// Spans for which the queue had no room.
    pub dropped_full: u64,
    /// Spans that the collector refused.
    pub dropped_refused: u64,
    /// Deliveries that did not arrive.
    pub failures: u64,
    /// Spans that wait.
    pub queued: u64,
}

impl Sink for Queue {
    fn take(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.counts.full.fetch_add(1, Relaxed);
        }
    }
}

impl Queue {
    /// What became of spans so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let get = |count: &AtomicU64| count.load(Relaxed);
        Stats {
            sent: get(&self.counts.sent),
            dropped_full: get(&self.counts.full),
            dropped_refused: get(&self.counts.refused),
            failures: get(&self.counts.failures),
            queued: (self.spans.max_capacity() - self.spans.capacity()) as u64,
        }
    }
}

/// The thread that empties a queue.
pub struct Shipper {
    stop: oneshot::Sender<oneshot::Sender<()>>,
}

impl Shipper {
    /// Starts it.
    ///
    /// # Errors
    /// When the settings cannot work, or there is no thread to be had.
    pub fn start(settings: &Settings, resource: Resource) -> Result<(Self, Queue), String> {
        let (spans, taken) = mpsc::channel(settings.queue);
        let counts = Arc::new(Counts::default());
        let queue = Queue { spans, counts: counts.clone() };
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|why| format!("no runtime for spans: {why}"))?;
        let wire = {
            let _inside = runtime.enter();
            Wire::new(settings)?
        };
        let ship = Ship {
            wire,
            resource,
            counts,
            taken,
            batch: Vec::new(),
            most: BATCH.min(settings.queue),
        };
        std::thread::Builder::new()
            .name("otlp".into())
            .spawn(move || runtime.block_on(ship.run(stopped)))
            .map_err(|why| format!("no thread for spans: {why}"))?;
        Ok((Self { stop }, queue))
    }

    /// Sends what is queued, as far as that is done within three seconds, and ends.
    pub async fn stop(self) {
        let (tell, told) = oneshot::channel();
        if self.stop.send(tell).is_ok() && tokio::time::timeout(STOP, told).await.is_err() {
            tracing::warn!("spans were left behind: the collector did not take them in time");
        }
    }
}

struct Ship {
    wire: Wire,
    resource: Resource,
    counts: Arc<Counts>,
    taken: mpsc::Receiver<Span>,
    batch: Vec<Span>,
    /// Spans of one delivery at most.
    most: usize,
}

impl Ship {
    async fn run(mut self, mut stop: oneshot::Receiver<oneshot::Sender<()>>) {
        loop {
            tokio::select! {
                told = &mut stop => {
                    // Whoever starts it and is gone without a stop has no spans left either.
                    if let Ok(told) = told {
                        self.flush().await;
                        let _ = told.send(());
                    }
                    return;
                }
                () = self.work() => {}
            }
        }
    }

    /// One delivery, until it has arrived or was refused.
    async fn work(&mut self) {
        if self.batch.is_empty() && self.taken.recv_many(&mut self.batch, self.most).await == 0 {
            return std::future::pending().await;
        }
        let gather = async {
            while self.batch.len() < self.most {
                let room = self.most - self.batch.len();
                if self.taken.recv_many(&mut self.batch, room).await == 0 {
                    return;
                }
            }
        };
        // Whoever is fewer than a batch by then goes alone.
        let _ = tokio::time::timeout(GATHER, gather).await;
        let mut pause = PAUSE_MIN;
        while let Err(again_ms) = self.deliver().await {
            tokio::time::sleep(again_ms.map_or(pause, |ms| Duration::from_millis(ms).max(pause)))
                .await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Sends the batch once; an error says when the collector wants to be asked again.
    async fn deliver(&mut self) -> Result<(), Option<u64>> {
        let spans = self.batch.len() as u64;
        match self.wire.send(self.resource.request(self.batch.clone())).await {
            Ok(rejected) => {
                self.counts.sent.fetch_add(spans.saturating_sub(rejected), Relaxed);
                self.counts.refused.fetch_add(rejected, Relaxed);
            }
            Err(Error::Refused(why)) => {
                tracing::warn!(why, spans, "the collector refused spans");
                self.counts.refused.fetch_add(spans, Relaxed);
                self.counts.failures.fetch_add(1, Relaxed);
            }
            Err(Error::Away { why, again_ms }) => {
                if self.counts.failures.fetch_add(1, Relaxed) == 0 {
                    tracing::warn!(why, "spans do not arrive, and are sent again");
                }
                return Err(again_ms);
            }
        }
        self.batch.clear();
        Ok(())
    }

    /// Sends all that is queued, each batch once.
    async fn flush(&mut self) {
        loop {
            while self.batch.len() < self.most {
                let Ok(span) = self.taken.try_recv() else { break };
                self.batch.push(span);
            }
            if self.batch.is_empty() || self.deliver().await.is_err() {
                return;
            }
        }
    }
}
