//! Backup, restore and verification.
//!
//! A backup is a journal's directory without an event store: identity, key, and a log that was
//! written anew from the store, so it has the same frames and checks, and restoring is what a
//! rebuild does. It is one point of time per copy: appends go on meanwhile and are not in it. A
//! record at its end says that it is complete. It holds the key: keep it as safe as the journal.

use super::{
    LocalJournal, LocalOptions,
    identity::{Identity, KEY_FILE, load_key},
    mark::encode_mark,
    open::{LOG, MARK, STORE, take_lock},
    replay::Replay,
};
use crate::{
    Error, Journal as _,
    disk::{self, Disk, RealDisk},
    ledger,
    log::{
        appender::{Appender, Failure},
        frame, reader,
        record::{self, Record},
    },
    replica::{core::Core, reads::blocking},
    store::{Rest, Store, decode_head},
};
use autoos_kernel::id::Shard;
use serde_bytes::Bytes;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A frame of a copy is closed once it is this large.
const FRAME_BYTES: usize = 1 << 20;

/// What a backup holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Events.
    pub events: u64,
    /// Frames of its log.
    pub frames: u64,
    /// Bytes of its log.
    pub bytes: u64,
}

/// What a verification read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Events whose chain was verified.
    pub events: u64,
    /// Frames of the log that were checked.
    pub frames: u64,
    /// What is wrong; empty when all is as it was written.
    pub problems: Vec<String>,
}

impl LocalJournal {
    /// Copies the journal as it stands now into `dir`, which must be empty or not there, while
    /// appends go on.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `dir` is not empty; [`Error::Io`] when it cannot be written: what
    /// was written until then is no backup and [`restore`] refuses it.
    pub async fn backup(&self, dir: impl Into<PathBuf>) -> Result<BackupReport, Error> {
        let (core, dir) = (self.core.clone(), dir.into());
        let _upkeep = core.upkeep.lock().await;
        let id = core.clone();
        blocking(move || Copy::new(&id, &dir)?.run()).await
    }

    /// Reads every stream and verifies its chain, while the journal is in use; returns how many
    /// events that were.
    ///
    /// # Errors
    /// [`Error::Corrupt`] at the first stream that is not as it was written.
    pub async fn verify_streams(&self) -> Result<u64, Error> {
        let mut events = 0;
        for shard in (0..self.core.shards).map(Shard) {
            let core = self.core.clone();
            let streams = blocking(move || {
                let mut streams = Vec::new();
                core.store.visit_rest(shard, |rest| {
                    if let Rest::Head(stream, head) = rest
                        && decode_head(head)?.base < decode_head(head)?.next
                    {
                        streams.push(stream);
                    }
                    Ok(())
                })?;
                Ok(streams)
            })
            .await?;
            for stream in streams {
                match self.read(stream, 0, usize::MAX).await {
                    Ok(read) => events += read.len() as u64,
                    // It was archived since it was listed.
                    Err(Error::Archived(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(events)
    }
}

struct Copy<'a> {
    core: &'a Core,
    disk: Arc<dyn Disk>,
    dir: &'a Path,
    identity: Identity,
    log: Appender,
    buffer: Vec<u8>,
    report: BackupReport,
}

impl<'a> Copy<'a> {
    fn new(core: &'a Core, dir: &'a Path) -> Result<Self, Error> {
        must_be_empty(dir)?;
        let disk = core.options.disk.clone();
        fs::create_dir_all(dir.join(LOG))?;
        disk.create_dir(&dir.join(LOG))?;
        let mut warnings = vec![];
        let identity = Identity::load(&*disk, &core.options.dir, &mut warnings)?
            .ok_or_else(|| Error::Corrupt("the journal's identity files are gone".into()))?;
        let log = Appender::begin(disk.clone(), &dir.join(LOG), identity.id, core.shards, 1, 0)?;
        let mut buffer = frame::begin();
        record::begin(&mut buffer);
        Ok(Self { core, disk, dir, identity, log, buffer, report: BackupReport::default() })
    }

    fn run(mut self) -> Result<BackupReport, Error> {
        self.core.settle()?;
        let ends = self.core.store.applied()?.ends;
        for (shard, end) in (0..).map(Shard).zip(ends) {
            self.archived_heads(shard)?;
            self.rows(shard, end)?;
            self.rest(shard, end)?;
        }
        if self.has_records() {
            self.cut_frame()?;
        }
        let frames = self.report.frames + 1;
        self.push(&Record::Seal { frames })?;
        self.cut_frame()?;
        let key = self.disk.read(&self.core.options.dir.join(KEY_FILE))?;
        disk::replace(&*self.disk, &self.dir.join(KEY_FILE), &key)?;
        let mark = encode_mark(&self.identity.id, frames);
        disk::replace(&*self.disk, &self.dir.join(MARK), &mark)?;
        self.identity.save(&*self.disk, self.dir)?;
        Ok(self.report)
    }

    fn archived_heads(&mut self, shard: Shard) -> Result<(), Error> {
        let core = self.core;
        core.store.visit_rest(shard, |rest| {
            if let Rest::Head(stream, bytes) = rest {
                let head = decode_head(bytes)?;
                if head.base == head.next {
                    let raw = crate::row::raw_stream(stream);
                    let (stream, head) = (Bytes::new(&raw), Bytes::new(bytes));
                    self.push(&Record::Head { stream, head })?;
                }
            }
            Ok(())
        })
    }

    fn rows(&mut self, shard: Shard, end: u64) -> Result<(), Error> {
        let core = self.core;
        core.store.scan_rows(shard, 0, end, |offset, count, row| {
            if row.is_empty() {
                self.push(&Record::Gap { shard: shard.0, offset, count })?;
            } else {
                self.report.events += count;
                self.push(&Record::Row { shard: shard.0, offset, value: Bytes::new(row) })?;
            }
            Ok(true)
        })
    }

    fn rest(&mut self, shard: Shard, end: u64) -> Result<(), Error> {
        let core = self.core;
        core.store.visit_rest(shard, |rest| match rest {
            Rest::Key(owner, wrapped) => {
                let owner = Bytes::new(owner.as_bytes());
                self.push(&Record::Key { owner, wrapped: Bytes::new(wrapped) })
            }
            Rest::Body(owner, body, sealed) => self.push(&Record::Body {
                owner: Bytes::new(owner.as_bytes()),
                hash: Bytes::new(&body.hash),
                len: body.len,
                sealed: Bytes::new(sealed),
            }),
            Rest::Erased(owner) => {
                self.push(&Record::Erase { owner: Bytes::new(owner.as_bytes()) })
            }
            Rest::Group(group, next) => {
                let group = std::str::from_utf8(group)
                    .map_err(|_| Error::Corrupt("a group's name is damaged".into()))?;
                // It may have moved on since; a cursor behind the copy's end would skip events.
                self.push(&Record::Ack { group, shard: shard.0, next: next.min(end) })
            }
            Rest::Head(..) => Ok(()),
        })
    }

    fn has_records(&self) -> bool {
        self.buffer.len() > frame::HEADER + 1
    }

    fn push(&mut self, record: &Record<'_>) -> Result<(), Error> {
        record::push(&mut self.buffer, record);
        if self.buffer.len() < FRAME_BYTES { Ok(()) } else { self.cut_frame() }
    }

    fn cut_frame(&mut self) -> Result<(), Error> {
        let mut buffer = frame::begin();
        record::begin(&mut buffer);
        let full = std::mem::replace(&mut self.buffer, buffer);
        self.report.bytes += full.len() as u64;
        self.log.append(full).map_err(failed)?;
        self.report.frames += 1;
        if self.log.len() >= self.core.options.segment_bytes {
            self.log.rotate().map_err(failed)?;
        }
        Ok(())
    }
}

fn failed(failure: Failure) -> Error {
    match failure {
        Failure::Full(error) | Failure::Fatal(error) => {
            Error::Io(format!("writing the backup failed: {error}"))
        }
    }
}

fn must_be_empty(dir: &Path) -> Result<(), Error> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(ledger::invalid(format!(
                "{} is not empty: name a directory that is empty or not there",
                dir.display()
            ))),
        },
    }
}

/// Makes a journal in `dir`, which must be empty or not there, from a backup; checks the whole
/// backup before and the whole journal after. The backup stays as it is. Blocks.
///
/// # Errors
/// The backup is incomplete or damaged, `dir` is not empty, or the disk fails.
pub fn restore(backup: &Path, dir: &Path) -> Result<VerifyReport, Error> {
    must_be_empty(dir)?;
    let disk = RealDisk;
    let identity = identity_of(&disk, backup)?;
    load_key(&disk, backup, Some(&identity.key))?;
    let mut sealed = None;
    let walk = reader::walk(&disk, &backup.join(LOG), &identity.id, |seq, payload| {
        let records = record::decode(payload)?;
        sealed = match records.last() {
            Some(Record::Seal { frames }) => Some(*frames == seq),
            _ => None,
        };
        Ok(())
    })?;
    if let Some(damage) = walk.damage.first() {
        return Err(Error::Corrupt(format!("the backup is damaged: {}", damage.text)));
    }
    if sealed != Some(true) || walk.first() != Some(1) {
        return Err(Error::Corrupt(format!(
            "the backup in {} is not complete: make a new one",
            backup.display()
        )));
    }
    fs::create_dir_all(dir.join(LOG))?;
    for name in [KEY_FILE, MARK] {
        disk::replace(&disk, &dir.join(name), &disk.read(&backup.join(name))?)?;
    }
    for segment in walk.segments {
        let name = segment.path.file_name().expect("a segment has a name");
        disk::replace(&disk, &dir.join(LOG).join(name), &disk.read(&segment.path)?)?;
    }
    // Last: without an identity a directory is no journal.
    identity.save(&disk, dir)?;
    drop(LocalJournal::open(LocalOptions::new(dir))?);
    let report = verify(dir)?;
    match report.problems.first() {
        None => Ok(report),
        Some(problem) => Err(Error::Corrupt(format!("what was restored is damaged: {problem}"))),
    }
}

fn identity_of(disk: &dyn Disk, dir: &Path) -> Result<Identity, Error> {
    let none = || ledger::invalid(format!("there is no journal in {}", dir.display()));
    Identity::load(disk, dir, &mut vec![])?.ok_or_else(none)
}

/// Checks the journal in `dir`, which no process may hold: every frame of the log, and of the
/// event store every chain, head and index. Changes nothing but what the store's own opening
/// does. Blocks.
///
/// # Errors
/// There is no journal, it is held, or the disk fails. Damage is no error but in the report.
pub fn verify(dir: &Path) -> Result<VerifyReport, Error> {
    let disk = RealDisk;
    let identity = identity_of(&disk, dir)?;
    let _lock = take_lock(dir)?;
    let mut report = VerifyReport::default();
    if let Err(error) = load_key(&disk, dir, Some(&identity.key)) {
        report.problems.push(error.to_string());
    }
    let walk = reader::walk(&disk, &dir.join(LOG), &identity.id, |_, payload| {
        report.frames += 1;
        record::decode(payload).map(drop)
    });
    match walk {
        Err(error) => report.problems.push(error.to_string()),
        Ok(walk) => report.problems.extend(walk.damage.into_iter().map(|damage| damage.text)),
    }
    if dir.join(STORE).exists() {
        match verify_store(&dir.join(STORE), identity.shards) {
            Ok(events) => report.events = events,
            Err(error) => report.problems.push(error.to_string()),
        }
    }
    Ok(report)
}

fn verify_store(path: &Path, shards: u16) -> Result<u64, Error> {
    let store = Store::open(path, shards)?;
    let ends = Replay::new(&store, shards)?.finish()?;
    store.verify(&ends)
}
