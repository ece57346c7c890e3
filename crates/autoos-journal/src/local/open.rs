//! Opening: lock, identity, key, store, log, and then the threads.

use super::{
    LocalJournal, LocalOptions, ROOM_KIB, RecoveryReport,
    identity::{Identity, load_key},
    keep::{Keep, LogFront},
    mark::{decode_mark, encode_mark},
    recover::{Verdict, judge},
    replay::Replay,
    writer::Writer,
};
use crate::{
    Error, Leading,
    disk::Disk,
    ledger,
    log::{
        appender::Appender,
        reader::{self, Walk},
    },
    replica::{
        applier::Applier,
        core::{Core, SUSPECT},
        space::Space,
    },
    store::{Applied, Store},
};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::Ordering::Relaxed, mpsc},
    time::Instant,
};
use tokio::sync::{Semaphore, watch};

/// The directory of the log.
pub(crate) const LOG: &str = "log";
/// The directory of the event store.
pub(crate) const STORE: &str = "store";
/// Left while the log still holds what was erased.
pub(crate) const PURGE: &str = "purge";
pub(super) const MARK: &str = "acked";

pub(super) fn open(options: LocalOptions) -> Result<Arc<LocalJournal>, Error> {
    let began = Instant::now();
    if options.shards == 0 {
        return Err(ledger::invalid("a journal has at least one shard"));
    }
    fs::create_dir_all(&options.dir)?;
    let lock = take_lock(&options.dir)?;
    let disk = options.disk.clone();
    let dir = options.dir.clone();
    disk.create_dir(&dir.join(LOG))?;
    let mut report = RecoveryReport::default();

    let known = Identity::load(&*disk, &dir, &mut report.warnings)?;
    if known.is_none() && has_data(&*disk, &dir)? {
        return Err(Error::Corrupt(format!(
            "{} holds a journal without its identity files: restore them from a backup",
            dir.display()
        )));
    }
    let vault = load_key(&*disk, &dir, known.as_ref().map(|known| &known.key))?;
    let mut identity = known.unwrap_or_else(|| Identity {
        id: rand::random(),
        shards: options.shards,
        epoch: 0,
        key: vault.fingerprint(),
    });
    // A new epoch before anything is written under it: whoever held the old one is refused.
    identity.epoch += 1;
    identity.save(&*disk, &dir)?;

    let mut opening = Opening { disk: &*disk, dir: &dir, identity: &identity, report };
    let mark = opening.mark()?;
    let store = opening.store(options.verify_events, mark)?;
    let (walk, applied) = opening.recover(&store, mark)?;
    let mut report = opening.report;
    report.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tell(&report);

    let (last, crc) = walk.last.unwrap_or((applied.frame, 0));
    let log =
        Appender::begin(disk.clone(), &dir.join(LOG), identity.id, identity.shards, last + 1, crc)?;
    let mut mark_file = disk.open(&dir.join(MARK))?;
    mark_file.set_len(12)?;
    mark_file.write_at(0, &encode_mark(&identity.id, last))?;
    mark_file.sync()?;
    let space = Space::new(disk.clone(), &dir, options.ballast_bytes, options.reserve_bytes);
    let purge = disk.list(&dir)?.contains(&dir.join(PURGE));
    let core = Arc::new(Core::new(options, identity.shards, store, vault, space, applied));
    let keep = Arc::new(Keep::new(walk.segments));
    if purge {
        keep.purge_to.store(last, Relaxed);
        core.signal(|signals| signals.checkpoint = true);
    }
    let (requests, queue) = mpsc::channel();
    let writer = Writer::new(core.clone(), &identity, log, keep.clone(), queue, mark_file);
    let front = LogFront { core: core.clone(), keep, requests: requests.clone() };
    let applier = Applier::new(core.clone(), front);
    let threads = vec![
        std::thread::Builder::new().name("journal-log".into()).spawn(|| writer.run())?,
        std::thread::Builder::new().name("journal-store".into()).spawn(|| applier.run())?,
    ];
    Ok(Arc::new(LocalJournal {
        core,
        epoch: identity.epoch,
        leading: watch::Sender::new(Leading::all(identity.shards, identity.epoch)),
        report,
        requests,
        room: Arc::new(Semaphore::new(ROOM_KIB as usize)),
        threads: Mutex::new(threads),
        _lock: lock,
    }))
}

/// Makes sure that no other process has the journal open, as long as the file lives.
pub(crate) fn take_lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Invalid(format!(
            "another process holds the journal in {}: stop it, or talk to it instead",
            dir.display()
        ))),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn has_data(disk: &dyn Disk, dir: &Path) -> Result<bool, Error> {
    Ok(!disk.list(&dir.join(LOG))?.is_empty() || dir.join(STORE).exists())
}

fn tell(report: &RecoveryReport) {
    if let Some(torn) = &report.torn {
        tracing::warn!("{torn}");
    }
    for text in report.repairs.iter().chain(&report.warnings) {
        tracing::warn!("{text}");
    }
    tracing::info!(
        replayed_frames = report.replayed_frames,
        took_ms = report.took_ms,
        "the journal is open"
    );
}

struct Opening<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    identity: &'a Identity,
    report: RecoveryReport,
}

impl Opening<'_> {
    /// How far the log was acknowledged, if that is known.
    fn mark(&mut self) -> Result<Option<u64>, Error> {
        let path = self.dir.join(MARK);
        match self.disk.read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
            Ok(bytes) => {
                let mark = decode_mark(&self.identity.id, &bytes);
                if mark.is_none() {
                    self.report.warnings.push(format!(
                        "{} was damaged and was made anew; until now it told how far the log was \
                         acknowledged",
                        path.display()
                    ));
                }
                Ok(mark)
            }
        }
    }

    /// The first frame of the log, by its segments' names.
    fn log_begins(&self) -> Result<Option<u64>, Error> {
        let paths = self.disk.list(&self.dir.join(LOG))?;
        Ok(paths.iter().filter_map(|path| crate::log::segment::number(path)).min())
    }

    /// The event store, checked if it is small; one that is damaged is set aside, to be rebuilt
    /// from a log that reaches back to the beginning.
    fn store(&mut self, verify_events: u64, mark: Option<u64>) -> Result<Store, Error> {
        let path = self.dir.join(STORE);
        let suspect = self.dir.join(SUSPECT);
        let was_suspect = self.disk.list(self.dir)?.contains(&suspect);
        let damage = match self.try_store(&path, verify_events) {
            Ok(store) if !was_suspect => return Ok(store),
            // What the code does not know yet is not damage.
            Err(error @ Error::TooNew(_)) => return Err(error),
            Ok(store) => {
                let text = "it was found damaged while it was read";
                if self.log_begins()? != Some(1) {
                    self.report.warnings.push(format!(
                        "the event store {} is damaged in places ({text}) and the log does not \
                         reach back to the beginning to rebuild it: restore a backup",
                        path.display()
                    ));
                    return Ok(store);
                }
                drop(store);
                text.to_owned()
            }
            Err(error) => error.to_string(),
        };
        let lacks = match self.log_begins()? {
            Some(1) => None,
            Some(first) => Some(format!("begins with frame {first}")),
            None => {
                mark.filter(|acked| *acked > 0).map(|acked| format!("lacks all {acked} frames"))
            }
        };
        if let Some(lacks) = lacks {
            return Err(Error::Corrupt(format!(
                "the event store {} is damaged ({damage}) and the log {lacks}, so it cannot be \
                 rebuilt: restore a backup into a new directory (autoos backup restore)",
                path.display()
            )));
        }
        let aside = set_aside(&path)?;
        self.report.repairs.push(format!(
            "the event store was damaged ({damage}); it was set aside as {} and rebuilt from the \
             log",
            aside.display()
        ));
        let store = Store::open(&path, self.identity.shards)?;
        if was_suspect {
            self.disk.remove(&suspect)?;
        }
        Ok(store)
    }

    fn try_store(&self, path: &Path, verify_events: u64) -> Result<Store, Error> {
        let store = Store::open(path, self.identity.shards)?;
        let applied = store.applied()?;
        let mut ends = Vec::new();
        for (shard, at_least) in (0..).zip(&applied.ends) {
            let (_, end) = store.shard_applied(autoos_kernel::id::Shard(shard))?;
            if end < *at_least {
                return Err(Error::Corrupt(format!("shard {shard} lost events")));
            }
            ends.push(end);
        }
        if ends.iter().sum::<u64>() <= verify_events {
            store.verify(&ends)?;
        }
        Ok(store)
    }

    /// Makes the log whole and carries what the store lacks into it.
    fn recover(&mut self, store: &Store, mark: Option<u64>) -> Result<(Walk, Applied), Error> {
        let log = self.dir.join(LOG);
        let id = &self.identity.id;
        let mut walk = reader::walk(self.disk, &log, id, |_, _| Ok(()))?;
        let applied = store.applied()?;
        let verdict = judge(&walk, applied.frame, mark, self.dir)?;
        if let Verdict::Cut(text) = &verdict {
            self.cut(&mut walk)?;
            self.report.torn = Some(text.clone());
        }
        let mut replay = Replay::new(store, self.identity.shards)?;
        if walk.last.is_some_and(|(last, _)| last > applied.frame) {
            reader::walk(self.disk, &log, id, |seq, payload| {
                if seq > applied.frame { replay.frame(seq, payload) } else { Ok(()) }
            })?;
        }
        self.report.replayed_frames = replay.frames;
        let ends = replay.finish()?;
        let last = walk.last.map_or(0, |(seq, _)| seq).max(applied.frame);
        let applied = Applied { frame: last, ends };
        if let Verdict::Renew(text) = verdict {
            walk = self.renew(store, &log, last, &text)?;
        }
        self.drop_empty(&mut walk)?;
        Ok((walk, applied))
    }

    /// Cuts the torn end of the last segment.
    fn cut(&self, walk: &mut Walk) -> Result<(), Error> {
        let (Some(at), Some(segment)) = (walk.torn_at, walk.segments.last_mut()) else {
            return Ok(());
        };
        if at > 0 {
            let mut file = self.disk.open(&segment.path)?;
            file.set_len(at)?;
            file.sync()?;
            segment.bytes = at;
        }
        Ok(())
    }

    /// Sets a log aside that lacks what the store has, once the store is durable.
    fn renew(&mut self, store: &Store, log: &Path, last: u64, why: &str) -> Result<Walk, Error> {
        store.checkpoint()?;
        let aside = free_name(self.disk, log);
        self.disk.rename(log, &aside)?;
        self.disk.create_dir(log)?;
        self.disk.sync_dir(self.dir)?;
        self.report.repairs.push(format!(
            "the log was damaged ({why}); the event store has all of it, so it was set aside as \
             {} and begun anew",
            aside.display()
        ));
        Ok(Walk { last: Some((last, 0)), ..Walk::default() })
    }

    /// Removes segments without frames: the next one to be begun would have the same name.
    fn drop_empty(&self, walk: &mut Walk) -> Result<(), Error> {
        let (empty, full) =
            std::mem::take(&mut walk.segments).into_iter().partition(|s| s.last < s.first);
        walk.segments = full;
        for segment in empty {
            self.disk.remove(&segment.path)?;
        }
        Ok(())
    }
}

fn free_name(disk: &dyn Disk, path: &Path) -> PathBuf {
    let taken = |name: &PathBuf| name.exists() || disk.list(name).is_ok_and(|l| !l.is_empty());
    (1..)
        .map(|n| path.with_extension(format!("damaged-{n}")))
        .find(|name| !taken(name))
        .expect("some number is free")
}

/// Renames a damaged directory out of the way.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    let aside = (1..)
        .map(|n| path.with_extension(format!("damaged-{n}")))
        .find(|name| !name.exists())
        .expect("some number is free");
    fs::rename(path, &aside)?;
    Ok(aside)
}
