//! The writer: the one thread that writes the log.
//!
//! It takes all that waits (under load also what comes a moment later, see [`Company`]), checks
//! each request in order, writes one frame, syncs once, makes the frame visible, and only then
//! answers. A request that fails its checks is answered at once
//! and leaves nothing in the frame. A failed sync halts the journal: what is on the disk is
//! unknown then, and a second sync may lie.

use super::{company::Company, identity::Identity, keep::Keep, mark::encode_mark};
use crate::{
    Error, Position,
    disk::DiskFile,
    ledger::Draft,
    log::{
        appender::{Appender, Failure},
        frame::{self, JournalId},
        record,
    },
    replica::{
        check::{Checker, Draw, SealedBody},
        core::{Core, lock},
    },
};
use autoos_kernel::id::StreamId;
use std::{
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
    checker: Checker,
    epoch: u64,
    log: Appender,
    keep: Arc<Keep>,
    requests: Receiver<Request>,
    id: JournalId,
    /// The file that tells how far the log was acknowledged.
    mark: Box<dyn DiskFile>,
    company: Company,
}

impl Writer {
    pub(crate) fn new(
        core: Arc<Core>,
        identity: &Identity,
        log: Appender,
        keep: Arc<Keep>,
        requests: Receiver<Request>,
        mark: Box<dyn DiskFile>,
    ) -> Self {
        let checker = Checker::new(core.clone());
        let Identity { id, epoch, .. } = *identity;
        Self { core, checker, epoch, log, keep, requests, id, mark, company: Company::new() }
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
        let mut buffer = frame::begin();
        record::begin(&mut buffer);
        let mut draw = self.checker.draw(Some(buffer));
        let mut pending = Vec::new();
        let refusal = self.refusal();
        let mut rotate = None;
        for request in requests {
            match request {
                Request::Append(append) => match &refusal {
                    Some(error) => self.refuse(append.answer, error.clone()),
                    None => pending.extend(self.append(*append, &mut draw)),
                },
                Request::Erase { owner, answer } => {
                    let result =
                        self.core.check().and_then(|()| self.checker.erase(owner, &mut draw));
                    pending.extend(self.drawn(result, answer));
                }
                Request::Ack { group, position, answer } => {
                    let check = self.core.check();
                    let result = check.and_then(|()| self.checker.ack(group, position, &mut draw));
                    pending.extend(self.drawn(result, answer));
                }
                Request::Retire { stream, answer } => {
                    match self.core.check().and_then(|()| self.checker.retire(stream, &mut draw)) {
                        Err(error) => self.refuse(answer, error),
                        Ok(false) => drop(answer.send(Ok(false))),
                        Ok(true) => pending.push(Pending::Retired(answer)),
                    }
                }
                Request::Rotate { purge } => rotate = Some(rotate.unwrap_or(false) | purge),
                Request::Stop => {}
            }
        }
        if !pending.is_empty() {
            self.write(draw, pending);
        }
        let full = self.log.len() >= self.core.options.segment_bytes;
        if full || rotate.is_some() {
            self.rotate(rotate.unwrap_or(false));
        }
    }

    fn append(&mut self, append: Append, draw: &mut Draw) -> Option<Pending> {
        let Append { draft, bodies, answer, _permit: permit } = append;
        match self.checker.append(self.epoch, draft, bodies, draw) {
            Ok(position) => Some(Pending::Append(answer, position, permit)),
            Err(error) => {
                self.refuse(answer, error);
                None
            }
        }
    }

    /// What is left to tell of a request that was drawn up; the rest is answered at once.
    fn drawn(&self, result: Result<bool, Error>, answer: Answer<()>) -> Option<Pending> {
        match result {
            Ok(true) => return Some(Pending::Done(answer)),
            Ok(false) => drop(answer.send(Ok(()))),
            Err(error) => self.refuse(answer, error),
        }
        None
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

    fn write(&mut self, mut draw: Draw, pending: Vec<Pending>) {
        self.company.frame(draw.batches);
        let buffer = draw.take_log();
        let (bytes, began) = (buffer.len(), Instant::now());
        let result = match self.log.append(buffer) {
            Ok(seq) => {
                self.core.counters.frame(bytes, draw.batches, began.elapsed());
                self.mark(seq);
                self.checker.publish(seq, draw);
                Ok(())
            }
            Err(Failure::Full(error)) => {
                // What the caches learned from this frame never happened.
                self.checker.forget();
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

    fn rotate(&mut self, purge: bool) {
        match self.log.rotate() {
            Ok(segment) => {
                let last = segment.last;
                self.keep.add(segment);
                if purge {
                    self.keep.purge_to.fetch_max(last, Relaxed);
                    self.core.signal(|signals| signals.checkpoint = true);
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
