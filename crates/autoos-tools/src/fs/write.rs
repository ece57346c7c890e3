//! `fs.write`: a file written once for each idempotency key, whole or not at all.
//!
//! | step | after a crash here, `outcome` finds | and says |
//! |---|---|---|
//! | the new file is written and synced beside its target | no record | not done |
//! | the ledger says *prepared*, with the new file's inode | the new file still beside | not done |
//! | the new file gets its name | its inode under the target's name | done |
//! | the ledger says *done* | that | done |
//!
//! Prepared, and neither beside nor in place: somebody else replaced or removed it, and whether it
//! was ever in place cannot be told: *unknown*. Left out: hard links and extended attributes of a
//! replaced file, which stay with the old one; and two nodes that write to one directory.

use crate::{
    Failure, Files, Outcome, Tool, ToolCall, ToolResult, args,
    files::{Target, fault},
    ledger::{self, Ledger, LedgerError},
};
use autoos_kernel::{
    tool::ToolSpec,
    words::{EffectClass, TrustLevel},
};
use rustix::{
    fs::{
        AtFlags, FileType, Mode, OFlags, fchmod, fsync, linkat, openat, renameat, statat, unlinkat,
    },
    io::Errno,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Largest text of one call, and largest file that is appended to, in bytes.
const TEXT_MAX: u64 = 16 * 1024 * 1024;
const APPEND_MAX: u64 = 256 * 1024 * 1024;

/// What has just become durable; for tests that stop here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing yet.
    Begun,
    /// The new file lies beside its target.
    Written,
    /// The ledger says so.
    Prepared,
    /// It has its name; not synced.
    Named,
    /// Its name is synced.
    Synced,
    /// The ledger says so.
    Recorded,
}

/// Writes files.
pub struct FsWrite {
    spec: ToolSpec,
    files: Files,
    ledger: Ledger<Record>,
    /// One write at a time: an append reads what it adds to.
    lock: Mutex<()>,
    probe: Box<dyn Fn(Step) + Send + Sync>,
}

impl std::fmt::Debug for FsWrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FsWrite").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Create,
    Replace,
    Append,
}

/// What is known of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    v: u32,
    key: String,
    /// Hash of the arguments: a key is good for one call.
    args: String,
    target: PathBuf,
    /// Hash and size of the whole file as it will be.
    content: String,
    size: u64,
    /// Bytes that the call brought.
    bytes_written: u64,
    created: bool,
    /// The new file before it got its name: it keeps its inode when it does.
    device: u64,
    inode: u64,
    state: State,
}

/// How far a write got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// The new file lies synced beside its target; it may have got its name since.
    Prepared,
    /// It has its name, synced.
    Done,
}

impl ledger::Record for Record {
    fn key(&self) -> &str {
        &self.key
    }

    fn version(&self) -> u32 {
        self.v
    }
}

/// A checked call.
struct Wish<'a> {
    key: &'a str,
    args: String,
    target: Target,
    /// The new file's name until it gets its own.
    beside: OsString,
    text: &'a str,
    how: How,
}

impl FsWrite {
    /// Writes below the writable roots of `files` and keeps its ledger in `data_dir`.
    ///
    /// # Errors
    /// The ledger's directory cannot be made.
    pub fn new(files: Files, data_dir: &Path) -> io::Result<Self> {
        let ledger = Ledger::open(data_dir.join("tools").join("fs.write"))?;
        Ok(Self { spec: spec(), files, ledger, lock: Mutex::default(), probe: Box::new(|_| {}) })
    }

    /// Calls `probe` after each step, which a test can then make the last one.
    pub fn with_probe(mut self, probe: impl Fn(Step) + Send + Sync + 'static) -> Self {
        self.probe = Box::new(probe);
        self
    }

    fn hold(&self) -> MutexGuard<'_, ()> {
        // The ledger and the disk are the state; a panic leaves nothing half done in memory.
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish<'a>(&self, call: &'a ToolCall) -> Result<Wish<'a>, Failure> {
        let key = ledger::key(call)?;
        let text = args::text(call, "text")?;
        if text.len() as u64 > TEXT_MAX {
            return Err(Failure::Invalid(format!("text: at most {TEXT_MAX} bytes in one call")));
        }
        let how = match call.args.get("mode").and_then(Value::as_str) {
            Some("replace") => How::Replace,
            Some("append") => How::Append,
            _ => How::Create,
        };
        let target = self.files.target(args::text(call, "path")?)?;
        let short = &blake3::hash(key.as_bytes()).to_hex()[..24];
        let beside = OsString::from(format!(".autoos-{short}.new"));
        Ok(Wish { key, args: hash(&call.args), target, beside, text, how })
    }

    /// Writes, unless the ledger says that this was done.
    fn write(&self, wish: &Wish<'_>) -> Result<ToolResult, Failure> {
        if let Some(record) = self.ledger.get(wish.key)? {
            if record.args != wish.args {
                return Err(Failure::Invalid(
                    "this idempotency key was used for another write; use a new one".to_owned(),
                ));
            }
            match self.settle(&record, &wish.target, &wish.beside) {
                Outcome::Done(result) => {
                    self.finish(&record, &wish.target)?;
                    return Ok(result);
                }
                Outcome::Unknown => {
                    return Err(Failure::Invalid(format!(
                        "whether {} was written with this key cannot be told, since it was changed \
                         afterwards; look at it, and write with a new key if need be",
                        record.target.display()
                    )));
                }
                // From here on it is as if it had never begun.
                Outcome::NotDone => self.ledger.remove(wish.key)?,
            }
        }
        (self.probe)(Step::Begun);
        let fault = |error: io::Error| fault::of(&wish.target.path, &error);
        let record = self.prepare(wish)?;
        (self.probe)(Step::Written);
        self.ledger.put(&record)?;
        (self.probe)(Step::Prepared);
        if let Err(error) = place(wish) {
            // It has not got its name, so the key is as good as new.
            let _ = unlinkat(&wish.target.directory, &wish.beside, AtFlags::empty());
            self.ledger.remove(wish.key)?;
            return Err(if error == Errno::EXIST { exists(wish) } else { fault(error.into()) });
        }
        (self.probe)(Step::Named);
        fsync(&wish.target.directory).map_err(|error| fault(error.into()))?;
        (self.probe)(Step::Synced);
        self.finish(&record, &wish.target)?;
        (self.probe)(Step::Recorded);
        Ok(result(&record))
    }

    /// Lays the new file beside its target, synced with its name there.
    fn prepare(&self, wish: &Wish<'_>) -> Result<Record, Failure> {
        let Target { directory, name, path } = &wish.target;
        let fault = |error: io::Error| fault::of(path, &error);
        let old = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(stat),
            Err(Errno::NOENT) => None,
            Err(error) => return Err(fault(error.into())),
        };
        if let Some(old) = &old {
            if wish.how == How::Create {
                return Err(exists(wish));
            }
            if FileType::from_raw_mode(old.st_mode) != FileType::RegularFile {
                return Err(Failure::Denied(format!(
                    "{} is no regular file; give the path of one",
                    path.display()
                )));
            }
        }
        // What an earlier try left.
        match unlinkat(directory, &wish.beside, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(fault(error.into())),
        }
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(directory, &wish.beside, flags, Mode::from_raw_mode(0o644));
        let mut file = File::from(opened.map_err(|error| fault(error.into()))?);
        let mut hasher = blake3::Hasher::new();
        let mut size = 0;
        if wish.how == How::Append && old.is_some() {
            size = copy(wish, &mut file, &mut hasher)?;
        }
        file.write_all(wish.text.as_bytes()).map_err(fault)?;
        hasher.update(wish.text.as_bytes());
        size += wish.text.len() as u64;
        if let Some(old) = &old {
            let mode = Mode::from_raw_mode(old.st_mode & 0o777);
            fchmod(&file, mode).map_err(|error| fault(error.into()))?;
        }
        file.sync_all().map_err(fault)?;
        fsync(directory).map_err(|error| fault(error.into()))?;
        let stat = rustix::fs::fstat(&file).map_err(|error| fault(error.into()))?;
        let (device, inode) = identity(&stat);
        Ok(Record {
            v: 1,
            key: wish.key.to_owned(),
            args: wish.args.clone(),
            target: path.clone(),
            content: hasher.finalize().to_hex().to_string(),
            size,
            bytes_written: wish.text.len() as u64,
            created: old.is_none(),
            device,
            inode,
            state: State::Prepared,
        })
    }

    fn finish(&self, record: &Record, target: &Target) -> Result<(), LedgerError> {
        if record.state == State::Done {
            return Ok(());
        }
        // A crash may have come between name and sync.
        let synced = fsync(&target.directory);
        synced.map_err(|error| LedgerError::Io {
            path: record.target.clone(),
            error: error.into(),
        })?;
        self.ledger.put(&Record { state: State::Done, ..record.clone() })
    }

    /// What became of a write that was prepared, or is done.
    fn settle(&self, record: &Record, target: &Target, beside: &OsString) -> Outcome {
        if record.state == State::Done {
            return Outcome::Done(result(record));
        }
        let found = |name: &OsString| {
            let stat = statat(&target.directory, name, AtFlags::SYMLINK_NOFOLLOW);
            stat.map(|stat| identity(&stat) == (record.device, record.inode))
        };
        match (found(&target.name), found(beside)) {
            // A new name for the very file, or both names: a crash between linking and unlinking.
            (Ok(true), Ok(true)) => Outcome::Done(result(record)),
            (_, Ok(true)) => Outcome::NotDone,
            // An inode may be used again after the file is gone, so its content has to fit too.
            (Ok(true), _) if content(target).is_ok_and(|hash| hash == record.content) => {
                Outcome::Done(result(record))
            }
            _ => Outcome::Unknown,
        }
    }
}

impl Tool for FsWrite {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        let wish = self.wish(call)?;
        let _held = self.hold();
        self.write(&wish)
    }

    fn outcome(&self, call: &ToolCall) -> Outcome {
        let _held = self.hold();
        let key = call.idempotency_key.as_deref().unwrap_or_default();
        match self.ledger.get(key) {
            Ok(None) => Outcome::NotDone,
            Ok(Some(record)) if record.state == State::Done => Outcome::Done(result(&record)),
            Ok(Some(record)) => match self.wish(call) {
                Ok(wish) if wish.args == record.args => {
                    self.settle(&record, &wish.target, &wish.beside)
                }
                _ => Outcome::Unknown,
            },
            Err(_) => Outcome::Unknown,
        }
    }
}

/// Gives the new file its name: at once, and for `create` only where there is none yet.
fn place(wish: &Wish<'_>) -> Result<(), Errno> {
    let Target { directory, name, .. } = &wish.target;
    if wish.how != How::Create {
        return renameat(directory, &wish.beside, directory, name);
    }
    linkat(directory, &wish.beside, directory, name, AtFlags::empty())?;
    // The file is in place; a name too many does not undo that.
    let _ = unlinkat(directory, &wish.beside, AtFlags::empty());
    Ok(())
}

fn copy(wish: &Wish<'_>, to: &mut File, hasher: &mut blake3::Hasher) -> Result<u64, Failure> {
    let path = &wish.target.path;
    let fault = |error: io::Error| fault::of(path, &error);
    let mut from = read(&wish.target).map_err(fault)?;
    if from.metadata().map_err(fault)?.len() > APPEND_MAX {
        return Err(Failure::Invalid(format!(
            "{} is larger than {APPEND_MAX} bytes, too large to append to",
            path.display()
        )));
    }
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let read = from.read(&mut buffer).map_err(fault)?;
        if read == 0 {
            return Ok(size);
        }
        to.write_all(&buffer[..read]).map_err(fault)?;
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

fn read(target: &Target) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(openat(&target.directory, &target.name, flags, Mode::empty())?))
}

fn content(target: &Target) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut read(target)?, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn exists(wish: &Wish<'_>) -> Failure {
    Failure::Invalid(format!(
        "{} exists; give another path, or mode \"replace\" or \"append\"",
        wish.target.path.display()
    ))
}

fn result(record: &Record) -> ToolResult {
    let output = json!({
        "path": record.target.display().to_string(),
        "bytes_written": record.bytes_written,
        "size": record.size,
        "created": record.created,
        "blake3": record.content,
    });
    ToolResult { output, bytes_read: 0 }
}

/// By meaning and not by spelling: the arguments may have been written down and read again.
fn hash(args: &Value) -> String {
    let mut hasher = blake3::Hasher::new();
    for name in ["path", "text", "mode"] {
        let value = args.get(name).and_then(Value::as_str).unwrap_or_default();
        hasher.update(&(value.len() as u64).to_le_bytes()).update(value.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

#[allow(clippy::unnecessary_cast)] // The widths differ between systems.
fn identity(stat: &rustix::fs::Stat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}

fn spec() -> ToolSpec {
    ToolSpec {
        name: "fs.write".to_owned(),
        description: "Writes a text file below a directory that is open for writing, whole or not \
                      at all, and at most once for each idempotency key."
            .to_owned(),
        arguments: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "minLength": 1},
                "text": {"type": "string"},
                "mode": {"enum": ["create", "replace", "append"],
                    "description": "create, which refuses a file that exists, unless given"},
            },
            "required": ["path", "text"],
            "additionalProperties": false,
        }),
        trust: TrustLevel::Vetted,
        effect: EffectClass::Effectful,
        reads: false,
        timeout_ms: 60_000,
    }
}
