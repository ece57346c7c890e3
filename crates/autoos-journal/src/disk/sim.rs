//! A disk in memory that loses what was not synced, fills up, fails, and counts.
//!
//! Files keep what is durable apart from what was written since their last sync. A power loss
//! keeps, of each unsynced write, any of its sectors of 512 bytes, in any combination; names that
//! no directory sync made durable may be lost too.

use super::{Disk, DiskFile};
use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

const SECTOR: usize = 512;

/// The disk. Clones are the same disk.
#[derive(Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, Arc<Mutex<Contents>>>,
    /// The names that a directory sync made durable.
    names: BTreeMap<PathBuf, Arc<Mutex<Contents>>>,
    capacity: Option<u64>,
    /// How many more syncs succeed.
    syncs_left: Option<u64>,
    /// How many more operations succeed before the power goes.
    power_left: Option<u64>,
    syncs: u64,
    dir_syncs: u64,
    writes: u64,
}

#[derive(Default, Clone)]
struct Contents {
    /// As a reader sees it.
    now: Vec<u8>,
    /// As the last sync left it.
    durable: Vec<u8>,
}

impl SimDisk {
    /// An empty disk without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the disk take this many bytes in all; none for no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Makes syncs fail after `n` more.
    pub fn fail_sync_after(&self, n: u64) {
        self.lock().syncs_left = Some(n);
    }

    /// Cuts the power after `n` more writes and syncs: everything fails from then on.
    pub fn cut_power_after(&self, n: u64) {
        self.lock().power_left = Some(n);
    }

    /// How many bytes the files take.
    #[must_use]
    pub fn used(&self) -> u64 {
        used(&self.lock())
    }

    /// Syncs of files, syncs of directories, and writes so far.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, u64) {
        let state = self.lock();
        (state.syncs, state.dir_syncs, state.writes)
    }

    /// What a power loss leaves: a new disk with all that was synced, and of the rest what
    /// `keep` says, which is asked for each unsynced sector and name.
    #[must_use]
    pub fn after_power_loss(&self, mut keep: impl FnMut() -> bool) -> Self {
        let state = self.lock();
        let mut files = BTreeMap::new();
        let all: HashSet<&PathBuf> = state.files.keys().chain(state.names.keys()).collect();
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort();
        for path in all {
            let kept = match (state.files.get(path), state.names.get(path)) {
                // Created, renamed or removed without a sync of the directory: either may hold.
                (Some(new), None) => keep().then_some(new),
                (None, Some(old)) => keep().then_some(old),
                (Some(new), Some(old)) => {
                    Some(if Arc::ptr_eq(new, old) || keep() { new } else { old })
                }
                (None, None) => None,
            };
            if let Some(contents) = kept {
                let bytes = contents.lock().unwrap_or_else(PoisonError::into_inner).torn(&mut keep);
                let contents = Contents { now: bytes.clone(), durable: bytes };
                files.insert(path.clone(), Arc::new(Mutex::new(contents)));
            }
        }
        let names = files.clone();
        Self(Arc::new(Mutex::new(State { files, names, ..State::default() })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn torn(&self, keep: &mut impl FnMut() -> bool) -> Vec<u8> {
        // The length is metadata: it comes with the first sync after it changed, or with luck.
        let len = if self.now.len() == self.durable.len() || keep() {
            self.now.len()
        } else {
            self.durable.len()
        };
        let mut bytes = self.durable.clone();
        bytes.resize(len, 0);
        for at in (0..len).step_by(SECTOR) {
            let end = (at + SECTOR).min(len);
            let new = self.now.get(at..end.min(self.now.len())).unwrap_or_default();
            if new != &bytes[at..at + new.len()] && keep() {
                bytes[at..at + new.len()].copy_from_slice(new);
            }
        }
        bytes
    }
}

fn used(state: &State) -> u64 {
    let len = |c: &Arc<Mutex<Contents>>| {
        c.lock().unwrap_or_else(PoisonError::into_inner).now.len() as u64
    };
    state.files.values().map(len).sum()
}

impl State {
    fn powered(&mut self) -> io::Result<()> {
        match &mut self.power_left {
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn synced(&mut self) -> io::Result<()> {
        self.powered()?;
        match &mut self.syncs_left {
            Some(0) => Err(io::Error::other("input/output error")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

struct SimFile {
    disk: SimDisk,
    contents: Arc<Mutex<Contents>>,
}

impl SimFile {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.lock();
        Ok(state.files.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.lock();
        let contents = state.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(contents.lock().unwrap_or_else(PoisonError::into_inner).now.clone())
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let bytes = self.read(path)?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let part = bytes.get(at..at + len).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(part.to_vec())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let contents = self.lock().files.entry(path.into()).or_default().clone();
        Ok(Box::new(SimFile { disk: self.clone(), contents }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.powered()?;
        let moved: Vec<PathBuf> =
            state.files.keys().filter(|path| path.starts_with(from)).cloned().collect();
        if moved.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        for path in moved {
            let rest = path.strip_prefix(from).map_err(io::Error::other)?;
            let name = if rest.as_os_str().is_empty() { to.into() } else { to.join(rest) };
            if let Some(contents) = state.files.remove(&path) {
                state.files.insert(name, contents);
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.powered()?;
        state.files.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.synced()?;
        state.dir_syncs += 1;
        state.names.retain(|path, _| path.parent() != Some(dir));
        let named: Vec<_> = state
            .files
            .iter()
            .filter(|(path, _)| path.parent() == Some(dir))
            .map(|(path, contents)| (path.clone(), contents.clone()))
            .collect();
        state.names.extend(named);
        Ok(())
    }

    fn available(&self, _dir: &Path) -> io::Result<u64> {
        let state = self.lock();
        Ok(state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(used(&state))))
    }
}

impl DiskFile for SimFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.powered()?;
        state.writes += 1;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let used = used(&state);
        let mut contents = self.lock();
        let growth = (offset + bytes.len()).saturating_sub(contents.now.len());
        let room = state.capacity.map_or(usize::MAX, |c| c.saturating_sub(used) as usize);
        // As a real disk does, it takes what fits before it says that it is full.
        let taken = bytes.len() - growth.saturating_sub(room).min(bytes.len());
        if contents.now.len() < offset + taken {
            contents.now.resize(offset + taken, 0);
        }
        contents.now[offset..offset + taken].copy_from_slice(&bytes[..taken]);
        if taken < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.disk.lock().powered()?;
        self.lock().now.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.synced()?;
        state.syncs += 1;
        let mut contents = self.lock();
        contents.durable = contents.now.clone();
        Ok(())
    }
}
