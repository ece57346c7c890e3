//! The pen of the calls: one stream per node and hour, one event per call, one append in flight.
//!
//! What comes while an append is under way goes into the next one, so that many calls share one
//! sync of the disk. The texts of all calls of an append are one body under the hour's key, which
//! costs the store one row instead of two for each; erasing an hour's key takes them all.
//!
//! | | |
//! |---|---|
//! | owner | the gateway |
//! | takes | calls that are over, at most [`max_calls`](super::OpenaiOptions::max_calls) |
//! | ends with | the last of the gateway; what waits is recorded before a stop |

use super::options::OpenaiOptions;
use autoos_journal::{
    Batch, Body, BodyKey, Error, NewEvent, SharedJournal, Standing, StreamWrite, Trace,
};
use autoos_kernel::{
    call::{Called, Event, Texts},
    codec::Recorded as _,
    id::{CallsId, StreamId},
    time::Timestamp,
};
use autoos_runtime::Clock;
use axum::body::Bytes;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::AbortHandle,
};

/// Calls that are recorded at once.
const AT_ONCE: usize = 1_024;
/// Bytes of texts that are recorded at once, unless one call has more.
const TEXTS: usize = 4 << 20;
/// How often an append is tried again when another was first, or nothing certain was said.
const TRIES: usize = 4;
/// A stop waits so long for what is not recorded yet.
const STOP: Duration = Duration::from_secs(10);
/// So many hours past their time are looked into for texts that are still there.
const OVERDUE: u64 = 14 * 24;
/// How often hours past their time are looked for.
const LOOK: Duration = Duration::from_secs(3_600);
/// When that is done for the first time.
const FIRST_LOOK: Duration = Duration::from_secs(60);

/// A call that is over.
pub(super) struct Entry {
    pub(super) called: Called,
    pub(super) request: Bytes,
    pub(super) answer: Bytes,
    pub(super) trace: Option<Trace>,
    /// Told once it is durable.
    pub(super) done: Option<oneshot::Sender<Result<(), Error>>>,
    /// Held until then.
    pub(super) _place: Option<OwnedSemaphorePermit>,
}

enum Message {
    Record(Box<Entry>),
    /// Told once all that came before is recorded.
    Flush(oneshot::Sender<()>),
}

/// The way to the pen.
pub(crate) struct Recorder {
    to: mpsc::UnboundedSender<Message>,
    places: Arc<Semaphore>,
    task: AbortHandle,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Recorder {
    pub(crate) fn start(
        journal: SharedJournal,
        clock: Arc<dyn Clock>,
        options: &OpenaiOptions,
    ) -> Self {
        let (to, messages) = mpsc::unbounded_channel();
        let places = Arc::new(Semaphore::new(options.max_calls.min(Semaphore::MAX_PERMITS)));
        let (node, keep_hours) = (options.node.clone(), options.keep_hours);
        let pen = Pen { journal, clock, node, keep_hours, hour: None };
        let task = tokio::spawn(pen.run(messages)).abort_handle();
        Self { to, places, task }
    }

    /// A place for a call; none when too many are under way.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Hands a call over.
    pub(super) fn record(&self, entry: Entry) {
        // A pen that is gone drops the entry, and whoever waits for it is told so.
        let _ = self.to.send(Message::Record(Box::new(entry)));
    }

    /// Waits until what came so far is recorded.
    pub(crate) async fn flush(&self) {
        let (done, told) = oneshot::channel();
        if self.to.send(Message::Flush(done)).is_ok()
            && tokio::time::timeout(STOP, told).await.is_err()
        {
            tracing::warn!("calls that are over could not be recorded before the stop");
        }
    }
}

/// An hour that calls are recorded in.
struct Hour {
    at: Timestamp,
    stream: StreamId,
    key: BodyKey,
    next: u64,
    /// The time of its last event: they are in order.
    last: Timestamp,
}

struct Pen {
    journal: SharedJournal,
    clock: Arc<dyn Clock>,
    node: String,
    keep_hours: u64,
    hour: Option<Hour>,
}

impl Pen {
    async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        let mut waiting = Vec::new();
        let mut look = tokio::time::interval_at(tokio::time::Instant::now() + FIRST_LOOK, LOOK);
        loop {
            tokio::select! {
                came = messages.recv_many(&mut waiting, AT_ONCE) => {
                    if came == 0 {
                        return;
                    }
                    self.take(std::mem::take(&mut waiting)).await;
                }
                _ = look.tick() => self.erase_old().await,
            }
        }
    }

    async fn take(&mut self, messages: Vec<Message>) {
        let (mut group, mut bytes) = (Vec::new(), 0);
        let mut flushes = Vec::new();
        for message in messages {
            let entry = match message {
                Message::Record(entry) => *entry,
                Message::Flush(done) => {
                    flushes.push(done);
                    continue;
                }
            };
            bytes += entry.request.len() + entry.answer.len();
            if bytes > TEXTS && !group.is_empty() {
                self.record(std::mem::take(&mut group)).await;
                bytes = entry.request.len() + entry.answer.len();
            }
            group.push(entry);
        }
        if !group.is_empty() {
            self.record(group).await;
        }
        for done in flushes {
            // Whoever waited too long has gone.
            let _ = done.send(());
        }
    }

    async fn record(&mut self, mut group: Vec<Entry>) {
        let mut tries = TRIES;
        let recorded = loop {
            let error = match self.append(&mut group).await {
                Ok(()) => break Ok(()),
                Err(error) => error,
            };
            // What is known of the hour may not be so any more.
            self.hour = None;
            tries -= 1;
            let again = error.is_unknown() || matches!(error, Error::Sequence { .. });
            if !again || tries == 0 {
                break Err(error);
            }
            match self.is_there(&group).await {
                Ok(true) => break Ok(()),
                Ok(false) => {}
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = &recorded {
            tracing::error!(%error, calls = group.len(), "calls are over and could not be recorded");
        }
        for entry in group {
            if let Some(done) = entry.done {
                // Whoever has gone wants to know nothing.
                let _ = done.send(recorded.clone());
            }
        }
    }

    async fn append(&mut self, group: &mut [Entry]) -> Result<(), Error> {
        let now = self.clock.now();
        let shards = self.journal.shards();
        let hour = match &mut self.hour {
            Some(hour) if hour.at == now.hour() => hour,
            _ => {
                let hour = open(&self.journal, &self.node, now).await?;
                self.hour.insert(hour)
            }
        };
        let at = now.max(hour.last);
        let size = group.iter().map(|entry| entry.request.len() + entry.answer.len()).sum();
        let mut texts = Vec::with_capacity(size);
        let length = |bytes: &Bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut places = Vec::with_capacity(group.len());
        for entry in group.iter() {
            places.push(u32::try_from(texts.len()).unwrap_or(u32::MAX));
            texts.extend_from_slice(&entry.request);
            texts.extend_from_slice(&entry.answer);
        }
        let body = Body::new(&hour.key, texts);
        let mut events = Vec::with_capacity(group.len());
        for (entry, at_byte) in group.iter_mut().zip(places) {
            entry.called.texts = Some(Texts {
                body: body.body,
                at: at_byte,
                request: length(&entry.request),
                answer: length(&entry.answer),
            });
            let event = Event::Called(Box::new(entry.called.clone()));
            events.push(NewEvent {
                at,
                actor: "gateway".into(),
                cause: None,
                trace: entry.trace,
                kind: event.kind().to_owned(),
                body: event.encode(),
            });
        }
        let count = events.len() as u64;
        let (stream, expect) = (hour.stream, hour.next);
        let standing = Standing::Waiting { wake: None };
        let write = StreamWrite { stream, expect, events, standing };
        let epoch = self.journal.epoch(stream.shard(shards));
        self.journal.append(Batch { epoch, writes: vec![write], bodies: vec![body] }).await?;
        hour.next += count;
        hour.last = at;
        Ok(())
    }

    /// Whether an append of which nothing certain was said is there.
    async fn is_there(&mut self, group: &[Entry]) -> Result<bool, Error> {
        let hour = open(&self.journal, &self.node, self.clock.now()).await?;
        let Some(last) = hour.next.checked_sub(1) else { return Ok(false) };
        let events = self.journal.read(hour.stream, last, 1).await?;
        let known = events.first().and_then(|event| Event::decode(&event.kind, &event.body).ok());
        let id = known.flatten().map(|Event::Called(called)| called.id);
        Ok(id.is_some() && id == group.last().map(|entry| entry.called.id))
    }

    /// Erases the texts of hours that are past their time.
    async fn erase_old(&self) {
        if self.keep_hours == 0 {
            return;
        }
        let now = self.clock.now().hour();
        for back in self.keep_hours + 1..=self.keep_hours + OVERDUE {
            let Some(ms) = now.0.checked_sub(back * Timestamp::HOUR_MS) else { return };
            let owner = CallsId::of(&self.node, Timestamp(ms));
            let erased = async {
                let there = self.journal.head(owner.stream()).await?.is_some();
                // A key that is gone already says so.
                match there {
                    true if self.journal.body_key(owner.0).await.is_ok() => {
                        self.journal.erase(owner.0).await.map(|()| true)
                    }
                    _ => Ok(false),
                }
            };
            match erased.await {
                Ok(true) => {
                    tracing::info!(hour = %Timestamp(ms), "the texts of its calls are erased")
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "texts of calls past their time stay for now"),
            }
        }
    }
}

async fn open(journal: &SharedJournal, node: &str, now: Timestamp) -> Result<Hour, Error> {
    let id = CallsId::of(node, now);
    let stream = id.stream();
    let next = journal.head(stream).await?.map_or(0, |head| head.next);
    let key = journal.body_key(id.0).await?;
    Ok(Hour { at: now.hour(), stream, key, next, last: Timestamp(0) })
}
