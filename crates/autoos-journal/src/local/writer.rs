//! The writer: the one thread that writes the log.
//!
//! It takes all that waits (under load also what comes a moment later, see [`Company`]), checks
//! each request in order, writes one frame, syncs once, makes the frame visible, and only then
//! answers. A request that fails its checks is answered at once
//! and leaves nothing in the frame. A failed sync halts the journal: what is on the disk is
//! unknown then, and a second sync may lie.

use super::{
    cache::Cache,
    company::Company,
    core::{Core, lock},
    layer::Layer,
    mark::encode_mark,
};
use crate::{
    BodyKey, Error, Position, Standing,
    disk::DiskFile,
    ledger::{Draft, Row, StreamHead},
    log::{
        appender::{Appender, Failure},
        frame::{self, JournalId},
        record::{self, Record},
    },
    memory::{check_ack, wrong_key},
    row::raw_stream,
};
use autoos_kernel::{body::BodyRef, id::StreamId};
use serde_bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

/// A frame is closed once it is this large.
const FRAME_BYTES: usize = 4 << 20;
/// A frame is closed once it holds this many requests.
const FRAME_REQUESTS: usize = 4096;
/// How long an acknowledgement waits for something else to share its sync with.
const LINGER: Duration = Duration::from_millis(20);

type Answer<T> = oneshot::Sender<Result<T, Error>>;

/// What the writer is asked to do.
pub(crate) enum Request {
    Append(Box<Append>),
    Erase {
        owner: Uuid,
        answer: Answer<()>,
    },
    Ack {
        group: String,
        position: Position,
        answer: Answer<()>,
    },
    Retire {
        stream: StreamId,
        answer: Answer<bool>,
    },
    /// Begin a new segment, so that the one in hand can be purged.
    Rotate {
        purge: bool,
    },
    Stop,
}

pub(crate) struct Append {
    pub(crate) draft: Draft,
    pub(crate) bodies: Vec<SealedBody>,
    pub(crate) answer: Answer<Position>,
    /// Bounds what waits; given back with the answer.
    pub(crate) _permit: OwnedSemaphorePermit,
}

pub(crate) struct SealedBody {
    pub(crate) key: BodyKey,
    pub(crate) body: BodyRef,
    pub(crate) sealed: Arc<[u8]>,
}

/// What to tell whom once the frame is durable.
enum Pending {
    Append(Answer<Position>, Position, OwnedSemaphorePermit),
    Done(Answer<()>),
    Retired(Answer<bool>),
}

impl Pending {
    fn answer(self, result: Result<(), Error>) {
        // Whoever asked may be gone; what was recorded stays recorded.
        match self {
            Self::Append(answer, position, _permit) => {
                let _ = answer.send(result.map(|()| position));
            }
            Self::Done(answer) => {
                let _ = answer.send(result);
            }
            Self::Retired(answer) => {
                let _ = answer.send(result.map(|()| true));
            }
        }
    }
}

pub(crate) struct Writer {
    core: Arc<Core>,
    log: Appender,
    requests: Receiver<Request>,
    id: JournalId,
    /// The file that tells how far the log was acknowledged.
    mark: Box<dyn DiskFile>,
    ends: Vec<u64>,
    heads: Cache<StreamId, StreamHead>,
    keys: Cache<Uuid, BodyKey>,
    company: Company,
}

/// A frame in the making.
struct Draw {
    buffer: Vec<u8>,
    layer: Layer,
    ends: Vec<u64>,
    pending: Vec<Pending>,
    events: u64,
    batches: usize,
}

impl Writer {
    pub(crate) fn new(
        core: Arc<Core>,
        log: Appender,
        requests: Receiver<Request>,
        id: JournalId,
        mark: Box<dyn DiskFile>,
    ) -> Self {
        let ends = core.tail.read().ends.clone();
        let (heads, keys) = (Cache::new(1 << 15), Cache::new(1 << 13));
        let company = Company::new();
        Self { core, log, requests, id, mark, ends, heads, keys, company }
    }

    /// Serves until it is told to stop.
    pub(crate) fn run(mut self) {
        // Each way out of here, a panic included, must let the applier and the callers go.
        struct Gone(Arc<Core>);
        impl Drop for Gone {
            fn drop(&mut self) {
                self.0.close();
                self.0.signal(|signals| signals.stop = true);
            }
        }
        let _gone = Gone(self.core.clone());
        loop {
            let (requests, stop) = self.take();
            self.commit(requests);
            if stop {
                if let Err(error) = self.mark.sync() {
                    tracing::warn!(%error, "the mark of what was acknowledged was not synced");
                }
                return;
            }
        }
    }

    /// All that waits, at least one request, and whether it is time to stop.
    fn take(&mut self) -> (Vec<Request>, bool) {
        let mut requests = Vec::new();
        let (mut bytes, mut appends) = (0, 0);
        let mut lazy_until: Option<Instant> = None;
        let mut urgent = false;
        loop {
            let next = match (requests.is_empty(), lazy_until.filter(|_| !urgent)) {
                (true, _) => self.requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
                (false, Some(until)) => {
                    self.requests.recv_timeout(until.saturating_duration_since(Instant::now()))
                }
                (false, None) => self.requests.try_recv().map_err(|_| RecvTimeoutError::Timeout),
            };
            match next {
                Ok(Request::Stop) | Err(RecvTimeoutError::Disconnected) => return (requests, true),
                Err(RecvTimeoutError::Timeout) => {
                    let wait = self.company.wait(appends, Instant::now());
                    match wait.filter(|_| urgent) {
                        Some(wait) => std::thread::sleep(wait),
                        None => return (requests, false),
                    }
                }
                Ok(request) => {
                    match &request {
                        Request::Ack { .. } => {
                            lazy_until.get_or_insert_with(|| Instant::now() + LINGER);
                        }
                        Request::Append(append) => {
                            urgent = true;
                            appends += 1;
                            bytes += append.size();
                        }
                        _ => urgent = true,
                    }
                    requests.push(request);
                }
            }
            if bytes >= FRAME_BYTES || requests.len() >= FRAME_REQUESTS {
                return (requests, false);
            }
        }
    }

    fn commit(&mut self, requests: Vec<Request>) {
        let mut draw = Draw {
            buffer: frame::begin(),
            layer: Layer::default(),
            ends: self.ends.clone(),
            pending: Vec::new(),
            events: 0,
            batches: 0,
        };
        record::begin(&mut draw.buffer);
        let refusal = self.refusal();
        let mut rotate = None;
        for request in requests {
            match request {
                Request::Append(append) => match &refusal {
                    Some(error) => self.refuse(append.answer, error.clone()),
                    None => self.append(*append, &mut draw),
                },
                Request::Erase { owner, answer } => self.erase(owner, answer, &mut draw),
                Request::Ack { group, position, answer } => {
                    self.ack(group, position, answer, &mut draw);
                }
                Request::Retire { stream, answer } => self.retire(stream, answer, &mut draw),
                Request::Rotate { purge } => rotate = Some(rotate.unwrap_or(false) | purge),
                Request::Stop => {}
            }
        }
        if !draw.pending.is_empty() {
            self.write(draw);
        }
        let full = self.log.len() >= self.core.options.segment_bytes;
        if full || rotate.is_some() {
            self.rotate(rotate.unwrap_or(false));
        }
    }

    /// Why appends cannot be taken now. Waits for room in memory, as long as there is hope.
    fn refusal(&self) -> Option<Error> {
        let limit = self.core.options.tail_bytes;
        loop {
            if let Err(error) = self.core.check() {
                return Some(error);
            }
            if !self.core.space.recover() {
                return self.core.space.degraded().map(Error::ReadOnly);
            }
            let signals = lock(&self.core.signals);
            if self.core.tail.read().active.bytes < limit {
                return None;
            }
            // The applier tells when it took a layer; the timeout is for a disk that fills up.
            let wait = self.core.changed.wait_timeout(signals, Duration::from_millis(100));
            drop(wait);
        }
    }

    fn refuse<T>(&self, answer: Answer<T>, error: Error) {
        self.core.counters.refused.fetch_add(1, Relaxed);
        let _ = answer.send(Err(error));
    }

    fn append(&mut self, append: Append, draw: &mut Draw) {
        let Append { draft, bodies, answer, _permit: permit } = append;
        match self.admit(draft, &bodies, draw) {
            Err(error) => self.refuse(answer, error),
            Ok(row) => {
                for body in bodies {
                    self.put_body(body, draw);
                }
                let value = Bytes::new(&row.value);
                let record = Record::Row { shard: row.shard.0, offset: row.offset, value };
                record::push(&mut draw.buffer, &record);
                draw.ends[usize::from(row.shard.0)] = row.end();
                draw.events += row.count;
                draw.batches += 1;
                let position = Position { shard: row.shard, offset: row.end() - 1 };
                draw.layer.row(Arc::new(row));
                draw.pending.push(Pending::Append(answer, position, permit));
            }
        }
    }

    fn admit(&mut self, draft: Draft, bodies: &[SealedBody], draw: &Draw) -> Result<Row, Error> {
        let mut checked: HashMap<Uuid, &BodyKey> = HashMap::new();
        for body in bodies {
            let owner = body.key.owner;
            match checked.insert(owner, &body.key) {
                Some(key) if *key != body.key => return Err(wrong_key(owner)),
                Some(_) => {}
                None => self.check_key(&body.key, draw)?,
            }
        }
        let offset = draw.ends[usize::from(draft.shard.0)];
        let (core, heads) = (&self.core, &mut self.heads);
        draft.admit(core.epoch, offset, |stream| {
            if let Some(change) = draw.layer.changes.get(&stream) {
                return Ok(Some(change.after));
            }
            match heads.get(&stream) {
                Some(head) => Ok(Some(head)),
                None => core.head(stream),
            }
        })
    }

    fn check_key(&mut self, key: &BodyKey, draw: &Draw) -> Result<(), Error> {
        let owner = key.owner;
        if draw.layer.erased.contains(&owner) || self.core.is_erased(owner)? {
            return Err(Error::Erased(owner));
        }
        let known = match self.keys.get(&owner) {
            Some(known) => Some(known),
            None => self.core.stored_key(owner)?,
        };
        match known {
            Some(known) if known != *key => Err(wrong_key(owner)),
            _ => Ok(()),
        }
    }

    fn put_body(&mut self, body: SealedBody, draw: &mut Draw) {
        let owner = body.key.owner;
        let raw = Bytes::new(owner.as_bytes());
        let has_key = self.keys.get(&owner).is_some()
            || self.core.stored_key(owner).is_ok_and(|key| key.is_some());
        if !has_key {
            let wrapped = self.core.vault.wrap(&body.key);
            let record = Record::Key { owner: raw, wrapped: Bytes::new(&wrapped) };
            record::push(&mut draw.buffer, &record);
            draw.layer.key(owner, wrapped);
        }
        self.keys.insert(owner, body.key);
        if self.has_body(owner, body.body, has_key, draw) {
            return;
        }
        let hash = Bytes::new(&body.body.hash);
        let sealed = Bytes::new(&body.sealed);
        let record = Record::Body { owner: raw, hash, len: body.body.len, sealed };
        record::push(&mut draw.buffer, &record);
        draw.layer.body(owner, body.body, body.sealed);
    }

    /// Whether a body is stored already. When that cannot be told it is stored again: harmless.
    fn has_body(&self, owner: Uuid, body: BodyRef, has_key: bool, draw: &Draw) -> bool {
        draw.layer.bodies.contains_key(&(owner, body))
            || has_key
                && (self.core.tail.read().body(owner, body).is_some()
                    || self.core.store.has_body(owner, body).unwrap_or(false))
    }

    fn erase(&mut self, owner: Uuid, answer: Answer<()>, draw: &mut Draw) {
        match self.core.check().and_then(|()| self.core.is_erased(owner)) {
            Err(error) => self.refuse(answer, error),
            Ok(true) => drop(answer.send(Ok(()))),
            Ok(false) => {
                let record = Record::Erase { owner: Bytes::new(owner.as_bytes()) };
                record::push(&mut draw.buffer, &record);
                draw.layer.erase(owner);
                self.keys.remove(&owner);
                draw.pending.push(Pending::Done(answer));
            }
        }
    }

    fn ack(&mut self, group: String, position: Position, answer: Answer<()>, draw: &mut Draw) {
        let shard = position.shard;
        let key = (group, shard);
        let acked = match draw.layer.acks.get(&key) {
            Some(next) => Ok(Some(*next)),
            None => self.core.check().and_then(|()| self.core.group_ack(&key.0, shard)),
        };
        let end = self.ends.get(usize::from(shard.0)).copied();
        match acked.and_then(|acked| Ok((acked, check_ack(&key.0, position, acked, end)?))) {
            Err(error) => self.refuse(answer, error),
            Ok((acked, next)) if acked == Some(next) && !draw.layer.acks.contains_key(&key) => {
                drop(answer.send(Ok(())));
            }
            Ok((_, next)) => {
                let record = Record::Ack { group: &key.0, shard: shard.0, next };
                record::push(&mut draw.buffer, &record);
                draw.layer.ack(key.0, shard, next);
                draw.pending.push(Pending::Done(answer));
            }
        }
    }

    /// Drops the events of a stream that is closed, and whose events are all in the store.
    fn retire(&mut self, stream: StreamId, answer: Answer<bool>, draw: &mut Draw) {
        let recent = draw.layer.changes.contains_key(&stream)
            || !self.core.tail.read().stream(stream).is_empty()
            || self.core.tail.read().is_retired(stream);
        let head = self.core.check().and_then(|()| self.core.head(stream));
        match head {
            Err(error) => self.refuse(answer, error),
            Ok(Some(head))
                if !recent && head.standing == Standing::Closed && head.base < head.next =>
            {
                let raw = raw_stream(stream);
                record::push(&mut draw.buffer, &Record::Retire { stream: Bytes::new(&raw) });
                draw.layer.retire(stream);
                self.heads.insert(stream, StreamHead { base: head.next, ..head });
                draw.pending.push(Pending::Retired(answer));
            }
            Ok(_) => drop(answer.send(Ok(false))),
        }
    }

    fn write(&mut self, draw: Draw) {
        let Draw { buffer, mut layer, ends, pending, events, batches } = draw;
        self.company.frame(batches);
        let (bytes, began) = (buffer.len(), Instant::now());
        let result = match self.log.append(buffer) {
            Ok(seq) => {
                layer.frame = seq;
                let counters = &self.core.counters;
                counters.frame(bytes, began.elapsed());
                counters.events.fetch_add(events, Relaxed);
                counters.batches.fetch_add(batches as u64, Relaxed);
                self.mark(seq);
                self.ends = ends;
                self.publish(layer);
                Ok(())
            }
            Err(Failure::Full(error)) => {
                // What the caches learned from this frame never happened.
                self.heads.clear();
                self.keys.clear();
                self.core.space.degrade(&error.to_string());
                Err(Error::ReadOnly(self.core.space.degraded().unwrap_or_default()))
            }
            Err(Failure::Fatal(error)) => {
                let why = format!("writing the log failed: {error}; start the node again");
                self.core.halt(why.clone());
                Err(Error::Halted(why))
            }
        };
        for pending in pending {
            pending.answer(result.clone());
        }
    }

    /// Notes what is acknowledged next. It is not synced: after a kill it is exact, after a power
    /// loss it may be old, and it is never ahead of the log.
    fn mark(&mut self, seq: u64) {
        if let Err(error) = self.mark.write_at(0, &encode_mark(&self.id, seq)) {
            tracing::warn!(%error, "the mark of what was acknowledged was not written");
        }
    }

    /// Makes a durable frame visible.
    fn publish(&mut self, layer: Layer) {
        for (stream, change) in &layer.changes {
            self.heads.insert(*stream, change.after);
        }
        for owner in layer.keys.keys().chain(&layer.erased) {
            self.core.born(*owner);
        }
        let mut layers = self.core.tail.write();
        layers.active.absorb(layer);
        layers.ends.clone_from(&self.ends);
        drop(layers);
        if let Some(commits) = &*lock(&self.core.commits) {
            commits.send_modify(|n| *n += 1);
        }
        self.core.signal(|_| {});
    }

    fn rotate(&mut self, purge: bool) {
        match self.log.rotate() {
            Ok(segment) => {
                let last = segment.last;
                lock(&self.core.segments).push_back(segment);
                if purge {
                    self.core.signal(|signals| {
                        signals.purge_to = signals.purge_to.max(last);
                        signals.checkpoint = true;
                    });
                }
            }
            Err(Failure::Full(error)) => self.core.space.degrade(&error.to_string()),
            Err(Failure::Fatal(error)) => {
                self.core.halt(format!("a new segment of the log failed: {error}"));
            }
        }
    }
}

impl Append {
    fn size(&self) -> usize {
        self.draft.bytes + self.bodies.iter().map(|body| body.sealed.len()).sum::<usize>()
    }
}
