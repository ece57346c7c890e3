//! A tree of files, entry by entry in the order of names.
//!
//! Directories are entered by descriptor and symbolic links are shown, never followed. One
//! directory is in memory at a time per level, and both the levels and the entries of one
//! directory are bounded.

use super::beneath;
use rustix::fs::{AtFlags, Dir, FileType, Stat, fstat, stat, statat};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

/// Deepest level below the beginning.
const DEPTH: usize = 64;
/// Most entries of one directory.
const ENTRIES: usize = 100_000;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, wherever it leads.
    Symlink,
    /// A device, a pipe, a socket.
    Other,
}

/// One entry of the tree.
#[derive(Debug)]
pub struct Entry {
    /// Its path as seen from the beginning of the walk.
    pub relative: PathBuf,
    /// Its whole path.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed, in seconds since 1970.
    pub modified_s: i64,
}

struct Level {
    directory: OwnedFd,
    relative: PathBuf,
    names: std::vec::IntoIter<OsString>,
}

/// A walk through a tree, or over one file.
pub struct Walk {
    top: PathBuf,
    levels: Vec<Level>,
    /// Device and inode of the node's own data, which is not entered.
    own: Option<(u64, u64)>,
    recursive: bool,
    incomplete: bool,
    directory: bool,
}

impl Walk {
    pub(super) fn new(top: PathBuf, relative: PathBuf, own: Option<PathBuf>) -> io::Result<Self> {
        let own = own.and_then(|path| stat(&path).ok()).map(|stat| identity(&stat));
        let whole = match relative.as_os_str().is_empty() {
            true => top.clone(),
            false => top.join(&relative),
        };
        let is_directory = match relative.as_os_str().is_empty() {
            true => true,
            false => {
                let parent = beneath::directory(&top, relative.parent().unwrap_or(Path::new("")))?;
                let name = relative.file_name().unwrap_or(OsStr::new("."));
                let found = statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(found.st_mode) == FileType::Directory
            }
        };
        let mut walk = Self {
            top: whole.clone(),
            levels: Vec::new(),
            own,
            recursive: true,
            incomplete: false,
            directory: is_directory,
        };
        if is_directory {
            walk.enter(beneath::directory(&top, &relative)?, PathBuf::new())?;
            return Ok(walk);
        }
        let parent = relative.parent().unwrap_or(Path::new(""));
        let directory = beneath::directory(&top, parent)?;
        let name = relative.file_name().unwrap_or_default().to_owned();
        walk.top = whole.parent().unwrap_or(Path::new("/")).to_owned();
        walk.levels.push(Level {
            directory,
            relative: PathBuf::new(),
            names: vec![name].into_iter(),
        });
        Ok(walk)
    }

    /// Whether directories below are entered; they are unless told otherwise.
    pub fn recursive(mut self, recursive: bool) -> Self {
        self.recursive = recursive;
        self
    }

    /// Whether it began at a directory; else it is over one file.
    pub fn is_directory(&self) -> bool {
        self.directory
    }

    /// Where the walk begins: the directory, or the one file's directory.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// Whether something was left out: too deep, too many, or not to be entered.
    pub fn incomplete(&self) -> bool {
        self.incomplete
    }

    /// Opens the entry that was returned last, if it is a regular file.
    pub fn open(&self, entry: &Entry) -> io::Result<File> {
        let name = entry.relative.file_name().unwrap_or_default();
        let parent = entry.relative.parent().unwrap_or(Path::new(""));
        match self.levels.iter().rev().find(|level| level.relative == parent) {
            Some(level) => beneath::regular_file(&level.directory, name),
            None => Err(rustix::io::Errno::NOENT.into()),
        }
    }

    fn enter(&mut self, directory: OwnedFd, relative: PathBuf) -> io::Result<()> {
        if self.own == Some(identity(&fstat(&directory)?)) {
            return Ok(());
        }
        let mut names = Vec::new();
        for entry in Dir::read_from(directory.as_fd())? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.len() == ENTRIES {
                self.incomplete = true;
                break;
            }
            names.push(OsStr::from_bytes(name).to_owned());
        }
        names.sort();
        self.levels.push(Level { directory, relative, names: names.into_iter() });
        Ok(())
    }

    fn step(&mut self) -> Option<Entry> {
        loop {
            let level = self.levels.last_mut()?;
            let Some(name) = level.names.next() else {
                self.levels.pop();
                continue;
            };
            // It may be gone by now: then it is not part of the tree.
            let Ok(found) = statat(&level.directory, &name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let relative = level.relative.join(&name);
            let entry = Entry {
                path: self.top.join(&relative),
                relative,
                kind: kind(&found),
                size: u64::try_from(found.st_size).unwrap_or(0),
                modified_s: found.st_mtime,
            };
            if entry.kind == EntryKind::Directory && self.recursive {
                self.descend(&name, entry.relative.clone());
            }
            return Some(entry);
        }
    }

    fn descend(&mut self, name: &OsStr, relative: PathBuf) {
        if self.levels.len() > DEPTH {
            self.incomplete = true;
            return;
        }
        let Some(level) = self.levels.last() else { return };
        let entered = beneath::child_directory(&level.directory, name)
            .and_then(|directory| self.enter(directory, relative));
        self.incomplete |= entered.is_err();
    }
}

impl Iterator for Walk {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        self.step()
    }
}

#[allow(clippy::unnecessary_cast)] // The widths differ between systems.
fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}

fn kind(stat: &Stat) -> EntryKind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        _ => EntryKind::Other,
    }
}
