//! The one thread that applies the entries of a replicated log, of all shards.
//!
//! What waits is drawn up together and published at once; each entry's answers go back with it.
//! A refused request is an answer like any other. What is not the same on every replica, a failed
//! read or damage, halts this one.

use super::{
    applier::Front,
    check::{Checker, Draw},
    core::{Core, lock},
    entry::{self, Asked},
    layer::Layer,
};
use crate::{Error, Position, store::Import};
use autoos_kernel::id::Shard;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::Receiver,
    },
    time::Duration,
};
use tokio::sync::oneshot;

/// A draw is closed once it took in this much, bytes: the caches of the checker outlast it.
const DRAW_BYTES: usize = 4 << 20;

/// An entry to be applied.
pub struct Entry {
    /// The epoch that may write the shard at this place of its log.
    pub epoch: u64,
    /// Where the log stands after it, for whoever asks [`Replica::mark`](super::Replica::mark).
    pub mark: Vec<u8>,
    /// Its requests, as [`entry`](super::entry()) put them together; none where it holds none.
    pub requests: Option<Arc<[u8]>>,
}

/// What became of a request: where its batch ends, or nothing where it was none.
pub type Answer = Result<Option<Position>, Error>;

/// The answers of each entry.
type Applied = Result<Vec<Vec<Answer>>, Error>;

pub(super) enum Job {
    Apply { shard: Shard, entries: Vec<Entry>, answer: oneshot::Sender<Applied> },
    Install { shard: Shard, import: Import, answer: oneshot::Sender<Result<(), Error>> },
    Stop,
}

/// The replicated log asks how far the store is when it wants to know. It is told that something
/// was erased, which it still holds.
pub(super) struct Asks(pub(super) Arc<AtomicBool>);

impl Front for Asks {
    fn applied(&mut self, layer: &Layer) -> Result<(), Error> {
        if !layer.erased.is_empty() {
            self.0.store(true, Relaxed);
        }
        Ok(())
    }

    fn durable(&mut self, _: u64) -> Result<bool, Error> {
        Ok(false)
    }
}

pub(super) struct Folder {
    core: Arc<Core>,
    checker: Checker,
    frame: u64,
    jobs: Receiver<Job>,
}

impl Folder {
    pub(super) fn new(core: Arc<Core>, frame: u64, jobs: Receiver<Job>) -> Self {
        Self { checker: Checker::new(core.clone()), core, frame, jobs }
    }

    pub(super) fn run(mut self) {
        // Each way out of here, a panic included, must let the applier and the callers go.
        struct Gone(Arc<Core>);
        impl Drop for Gone {
            fn drop(&mut self) {
                self.0.close();
                self.0.signal(|signals| signals.stop = true);
            }
        }
        let _gone = Gone(self.core.clone());
        while let Ok(job) = self.jobs.recv() {
            let mut draw = self.checker.draw(None);
            let (mut answers, mut bytes, mut next) = (Vec::new(), 0, Some(job));
            let (mut stop, mut install) = (false, None);
            let mut damage = self.room().err();
            while let Some(job) = next {
                match job {
                    Job::Stop => stop = true,
                    Job::Install { shard, import, answer } => {
                        install = Some((shard, import, answer));
                    }
                    Job::Apply { shard, entries, answer } => {
                        bytes += entries.iter().map(size).sum::<usize>();
                        let result = match &damage {
                            Some(error) => Err(error.clone()),
                            None => self.apply(shard, entries, &mut draw),
                        };
                        if let Err(error) = &result {
                            damage = Some(error.clone());
                        }
                        answers.push((answer, result));
                    }
                }
                let close = stop || install.is_some() || bytes >= DRAW_BYTES;
                next = if close { None } else { self.jobs.try_recv().ok() };
            }
            self.finish(draw, damage, answers);
            if let Some((shard, import, answer)) = install {
                let result = self.install(shard, import);
                if let Err(error) = &result {
                    self.core
                        .halt(format!("a copy of shard {} was not installed: {error}", shard.0));
                }
                let _ = answer.send(result);
            }
            if stop {
                return;
            }
        }
    }

    fn finish(
        &mut self,
        draw: Draw,
        damage: Option<Error>,
        answers: Vec<(oneshot::Sender<Applied>, Applied)>,
    ) {
        if let Some(error) = damage {
            // Nothing of the draw is shown: a restart applies all of it again.
            self.core.suspect(&error);
            self.core.halt(format!("an entry of the replicated log cannot be applied: {error}"));
            for (answer, _) in answers {
                let _ = answer.send(Err(error.clone()));
            }
            return;
        }
        self.frame += 1;
        self.checker.publish(self.frame, draw);
        for (answer, result) in answers {
            // Whoever asked may be gone; what was applied stays applied.
            let _ = answer.send(result);
        }
    }

    /// Puts a copy from another node in the place of all that this one has of a shard. Readers see
    /// the one or the other.
    fn install(&mut self, shard: Shard, import: Import) -> Result<(), Error> {
        self.core.check()?;
        let gate = lock(&self.core.gate);
        let mut layers = self.core.tail.write();
        let end = self.core.store.install(shard, import)?;
        layers.active.drop_shard(shard, self.core.shards);
        layers.ends[usize::from(shard.0)] = end;
        drop(layers);
        // The log lets go of what is in the copy: it must be durable now.
        self.core.store.checkpoint()?;
        drop(gate);
        self.checker.replaced(shard, end);
        if let Some(commits) = &*lock(&self.core.commits) {
            commits.send_modify(|n| *n += 1);
        }
        Ok(())
    }

    /// Waits for room in memory.
    fn room(&self) -> Result<(), Error> {
        loop {
            self.core.check()?;
            self.core.space.recover();
            let signals = lock(&self.core.signals);
            if self.core.tail.read().active.bytes < self.core.options.tail_bytes {
                return Ok(());
            }
            drop(self.core.changed.wait_timeout(signals, Duration::from_millis(100)));
        }
    }

    fn apply(
        &mut self,
        shard: Shard,
        entries: Vec<Entry>,
        draw: &mut Draw,
    ) -> Result<Vec<Vec<Answer>>, Error> {
        let mut all = Vec::with_capacity(entries.len());
        for Entry { epoch, mark, requests } in entries {
            let asked = match requests {
                Some(requests) => entry::decode(&requests, shard, &self.core.vault)?,
                None => Vec::new(),
            };
            let mut answers = Vec::with_capacity(asked.len());
            for asked in asked {
                let answer = match asked {
                    Asked::Append(draft, bodies) => {
                        self.checker.append(epoch, draft, bodies, draw).map(Some)
                    }
                    Asked::Erase(owner) => self.checker.erase(owner, draw).map(|_| None),
                    Asked::Ack(group, position) => {
                        self.checker.ack(group, position, draw).map(|_| None)
                    }
                };
                match answer {
                    Err(error) if !is_refusal(&error) => return Err(error),
                    answer => answers.push(answer),
                }
            }
            Checker::mark(shard, mark, draw);
            all.push(answers);
        }
        Ok(all)
    }
}

/// Whether every replica refuses the same for the same reason.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Sequence { .. }
            | Error::StaleEpoch { .. }
            | Error::Invalid(_)
            | Error::Conflict(_)
            | Error::Erased(_)
            | Error::Archived(_)
    )
}

fn size(entry: &Entry) -> usize {
    entry.requests.as_ref().map_or(0, |requests| requests.len())
}
