//! A journal that is heard: each append to a workflow whose trace is kept has what it brought
//! folded into spans, by a task of its own and from the journal itself.
//!
//! The ear rings a bell and nothing more: which workflow has news. So nothing is lost when two rings
//! become one, a workflow that a node takes over is folded from its first event, and a span is the
//! same whoever makes it. Kept are the traces that were chosen at their beginning, and those of
//! workflows that fail, ask a human, or are forks. Left out: appends on other nodes, which hear
//! themselves.

use autoos_journal::{
    Batch, BodyKey, Cursor, Error, Event, Head, Journal, Leading, Position, SharedJournal,
    Snapshot, Trace,
};
use autoos_kernel::{
    body::BodyRef,
    id::{IntentId, Prefix, Shard, StreamId, WorkflowId},
    time::Timestamp,
};
use autoos_telemetry::{Context, Kind, Live, Sink, id};
use autoos_views::Spans;
use futures::{FutureExt as _, future::BoxFuture, stream::BoxStream};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use uuid::Uuid;

/// Events by which a trace is kept from then on, whatever was decided at its beginning.
const KEEP: [&str; 4] = ["escalated", "escalation_resolved", "failed", "forked"];
/// Workflows whose spans are folded at once; one that is put out is folded anew when it goes on.
const FOLDS_MAX: usize = 10_000;
/// Events that are read at once.
const PAGE: usize = 1_000;

/// The journal with an ear.
#[derive(Clone)]
pub struct Heard {
    journal: SharedJournal,
    bell: Arc<Bell>,
}

/// Which workflows have news.
#[derive(Default)]
struct Bell {
    state: Mutex<News>,
    rung: Notify,
}

#[derive(Default)]
struct News {
    of: BTreeSet<Uuid>,
    /// Kept although they were not chosen.
    kept: HashSet<Uuid>,
}

impl Bell {
    fn with<T>(&self, look: impl FnOnce(&mut News) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ring(&self, uuid: Uuid) {
        self.with(|news| news.of.insert(uuid));
        self.rung.notify_one();
    }
}

/// The task that folds.
pub struct Folding {
    task: JoinHandle<()>,
    bell: Arc<Bell>,
    folds: Arc<tokio::sync::Mutex<Folds>>,
}

impl Heard {
    /// Hears what is appended to `journal`, and hands the spans to `sink`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(journal: SharedJournal, sink: impl Sink) -> (Self, Folding) {
        let bell = Arc::<Bell>::default();
        let folds = Folds { journal: journal.clone(), sink: Box::new(sink), open: HashMap::new() };
        let folds = Arc::new(tokio::sync::Mutex::new(folds));
        let (rung, folding) = (bell.clone(), folds.clone());
        let task = tokio::spawn(async move {
            loop {
                rung.rung.notified().await;
                folding.lock().await.take(&rung).await;
            }
        });
        (Self { journal, bell: bell.clone() }, Folding { task, bell, folds })
    }

    /// The workflow of a batch that is to be told of, and the trace where it was chosen.
    fn told(&self, batch: &Batch) -> Option<(Uuid, Option<Trace>)> {
        let of_work = |s: StreamId| matches!(s.prefix, Prefix::INTENT | Prefix::WORKFLOW);
        let write = batch.writes.iter().find(|write| of_work(write.stream))?;
        let uuid = write.stream.uuid;
        let trace = write.events.first().and_then(|event| event.trace);
        if let Some(trace) = trace.filter(|trace| trace.sampled) {
            return Some((uuid, Some(trace)));
        }
        let mut events = batch.writes.iter().flat_map(|write| &write.events);
        if events.any(|event| KEEP.contains(&event.kind.as_str())) {
            self.bell.with(|news| news.kept.insert(uuid));
            return Some((uuid, None));
        }
        self.bell.with(|news| news.kept.contains(&uuid)).then_some((uuid, None))
    }
}

impl Folding {
    /// Folds what was heard until now, and ends.
    pub async fn stop(self) {
        self.task.abort();
        self.folds.lock().await.take(&self.bell).await;
    }
}

struct Folds {
    journal: SharedJournal,
    sink: Box<dyn Sink>,
    open: HashMap<Uuid, Fold>,
}

struct Fold {
    spans: Spans,
    intent_next: u64,
    next: u64,
}

impl Folds {
    async fn take(&mut self, bell: &Bell) {
        for uuid in bell.with(|news| std::mem::take(&mut news.of)) {
            match self.fold(uuid).await {
                Ok(false) => {}
                Ok(true) => {
                    self.open.remove(&uuid);
                    bell.with(|news| news.kept.remove(&uuid));
                }
                Err(error) => {
                    // The next event of it is a reason to try again from its first.
                    tracing::debug!(workflow = %WorkflowId(uuid), %error, "no spans of it");
                    self.open.remove(&uuid);
                }
            }
        }
        if self.open.len() > FOLDS_MAX {
            self.open.clear();
        }
    }

    /// Folds what is new of a workflow; answers whether that was all there will be.
    async fn fold(&mut self, uuid: Uuid) -> Result<bool, autoos_views::Error> {
        let fresh = || Fold { spans: Spans::new(WorkflowId(uuid)), intent_next: 0, next: 0 };
        let fold = self.open.entry(uuid).or_insert_with(fresh);
        let (intent, workflow) = (IntentId(uuid).stream(), WorkflowId(uuid).stream());
        let intents = read(&self.journal, intent, &mut fold.intent_next).await?;
        let events = read(&self.journal, workflow, &mut fold.next).await?;
        // The acceptance comes before all else, the end of the intent after it.
        let (first, rest) =
            intents.split_at(usize::from(intents.first().is_some_and(|event| event.seq == 0)));
        for event in first.iter().chain(&events).chain(rest) {
            fold.spans.take(event)?;
        }
        fold.spans.closed().into_iter().for_each(|span| self.sink.take(span));
        Ok(fold.spans.is_over())
    }
}

async fn read(
    journal: &SharedJournal,
    stream: StreamId,
    next: &mut u64,
) -> Result<Vec<Event>, Error> {
    let mut all = Vec::new();
    loop {
        let page = journal.read(stream, *next, PAGE).await?;
        *next += page.len() as u64;
        let last = page.len() < PAGE;
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}

impl Journal for Heard {
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<Position, Error>> {
        let Some((uuid, trace)) = self.told(&batch) else { return self.journal.append(batch) };
        let place = trace.map(|trace| Context {
            trace: trace.trace_id,
            span: id::workflow(uuid.as_u128()),
            sampled: true,
        });
        let mut span = Live::below(place, Kind::Internal, || "journal append");
        if span.is_on() {
            let events: usize = batch.writes.iter().map(|write| write.events.len()).sum();
            let bodies: usize = batch.bodies.iter().map(|body| body.bytes.len()).sum();
            let own = batch.writes.iter().flat_map(|write| &write.events);
            let bytes = bodies + own.map(|event| event.body.len()).sum::<usize>();
            span.set("autoos.journal.events", events as u64);
            span.set("autoos.journal.bodies", batch.bodies.len() as u64);
            span.set("autoos.journal.bytes", bytes as u64);
            span.set("autoos.workflow.id", WorkflowId(uuid).to_string());
        }
        let appending = self.journal.append(batch);
        let bell = self.bell.clone();
        async move {
            let result = appending.await;
            match &result {
                Ok(position) => span.set("autoos.journal.shard", u64::from(position.shard.0)),
                Err(_) => span.fail("append_failed"),
            }
            drop(span);
            bell.ring(uuid);
            result
        }
        .boxed()
    }

    fn shards(&self) -> u16 {
        self.journal.shards()
    }

    fn epoch(&self, shard: Shard) -> u64 {
        self.journal.epoch(shard)
    }

    fn leading(&self) -> watch::Receiver<Leading> {
        self.journal.leading()
    }

    fn leader(&self, shard: Shard) -> Option<String> {
        self.journal.leader(shard)
    }

    fn read(
        &self,
        stream: StreamId,
        from: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Event>, Error>> {
        self.journal.read(stream, from, limit)
    }

    fn head(&self, stream: StreamId) -> BoxFuture<'static, Result<Option<Head>, Error>> {
        self.journal.head(stream)
    }

    fn scan(
        &self,
        shard: Shard,
        offset: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(Position, Event)>, Error>> {
        self.journal.scan(shard, offset, limit)
    }

    fn end(&self) -> Cursor {
        self.journal.end()
    }

    fn subscribe(&self, from: Cursor) -> BoxStream<'static, Result<(Position, Event), Error>> {
        self.journal.subscribe(from)
    }

    fn body_key(&self, owner: Uuid) -> BoxFuture<'static, Result<BodyKey, Error>> {
        self.journal.body_key(owner)
    }

    fn body(
        &self,
        owner: Uuid,
        body: BodyRef,
    ) -> BoxFuture<'static, Result<Option<Vec<u8>>, Error>> {
        self.journal.body(owner, body)
    }

    fn erase(&self, owner: Uuid) -> BoxFuture<'static, Result<(), Error>> {
        self.journal.erase(owner)
    }

    fn save_snapshot(
        &self,
        stream: StreamId,
        snapshot: Snapshot,
    ) -> BoxFuture<'static, Result<(), Error>> {
        self.journal.save_snapshot(stream, snapshot)
    }

    fn snapshot(&self, stream: StreamId) -> BoxFuture<'static, Result<Option<Snapshot>, Error>> {
        self.journal.snapshot(stream)
    }

    fn running(&self) -> BoxFuture<'static, Result<Vec<StreamId>, Error>> {
        self.journal.running()
    }

    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<StreamId>, Error>> {
        self.journal.due(now, limit)
    }

    fn next_due(&self) -> BoxFuture<'static, Result<Option<Timestamp>, Error>> {
        self.journal.next_due()
    }

    fn group_cursor(&self, group: &str) -> BoxFuture<'static, Result<Cursor, Error>> {
        self.journal.group_cursor(group)
    }

    fn group_ack(&self, group: &str, position: Position) -> BoxFuture<'static, Result<(), Error>> {
        self.journal.group_ack(group, position)
    }

    fn degraded(&self) -> Option<String> {
        self.journal.degraded()
    }
}
