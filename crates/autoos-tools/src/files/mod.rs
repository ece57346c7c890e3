//! Which file a path means, and whether a call may touch it.
//!
//! The one door to the disk for every tool. A path is made canonical, must then lie below a root
//! or be granted to the call, and is opened again name by name without following links
//! (`beneath`), so that a tree changed in between is noticed and not followed. The node's own
//! data, `/proc`, `/sys` and `/dev` are out of reach whatever the roots are. Left out: what is done
//! with a file, and hard links, which are the file itself and cannot be told from it.

mod beneath;
pub(crate) mod fault;
mod lines;
mod source;
mod walk;

pub use lines::{Deadline, Line, Lines};
pub use source::Source;
pub use walk::{Entry, EntryKind, Walk};

use crate::Failure;
use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Longest path that is looked at, in bytes; the limit of Linux.
const PATH_MAX: usize = 4096;

/// Kernel interfaces: a file there is a question to the kernel, often with secrets in the answer.
const SYSTEM: [&str; 3] = ["/proc", "/sys", "/dev"];

/// The files that tools may touch.
#[derive(Debug, Clone)]
pub struct Files(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    roots: Vec<Area>,
    /// The node's own data: keys and journal.
    own: Option<PathBuf>,
}

/// A directory with all below it, or one file.
#[derive(Debug, Clone)]
struct Area {
    /// As it was given, made absolute.
    given: PathBuf,
    /// Canonical.
    real: PathBuf,
    directory: bool,
    writable: bool,
    /// Given to one call, and so reaching into the node's own data too (uploads lie there).
    granted: bool,
}

/// A file that is open for reading.
#[derive(Debug)]
pub struct Opened {
    /// The file, a regular one.
    pub file: File,
    /// Its canonical path.
    pub path: PathBuf,
    /// Its size in bytes when it was opened.
    pub size: u64,
}

/// A name in an open directory where a file may be written.
#[derive(Debug)]
pub struct Target {
    /// The directory.
    pub directory: OwnedFd,
    /// The file's name in it.
    pub name: std::ffi::OsString,
    /// The whole path, canonical.
    pub path: PathBuf,
}

/// Where a path turned out to lie.
struct Place {
    top: PathBuf,
    relative: PathBuf,
}

impl Place {
    fn path(&self) -> PathBuf {
        if self.relative.as_os_str().is_empty() {
            self.top.clone()
        } else {
            self.top.join(&self.relative)
        }
    }
}

impl Files {
    /// The files below `roots` for reading and below `writable` for reading and writing, without
    /// what lies in `own`, the node's data directory.
    ///
    /// # Errors
    /// A root that cannot be opened or is no directory.
    pub fn new(roots: &[PathBuf], writable: &[PathBuf], own: Option<&Path>) -> io::Result<Self> {
        let area = |path: &PathBuf, writable| {
            Area::new(path, writable, false).and_then(|area| match area.directory {
                true => Ok(area),
                false => Err(io::Error::new(io::ErrorKind::NotADirectory, "not a directory")),
            })
        };
        let named = |path: &Path, error: io::Error| {
            io::Error::new(
                error.kind(),
                format!("the root {} cannot be used: {error}", path.display()),
            )
        };
        let mut all = Vec::new();
        for path in writable {
            all.push(area(path, true).map_err(|error| named(path, error))?);
        }
        for path in roots {
            all.push(area(path, false).map_err(|error| named(path, error))?);
        }
        // A data directory that does not exist yet has nothing to hide yet; the builder makes it.
        let own = own.map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
        Ok(Self(Arc::new(Inner { roots: all, own })))
    }

    /// The roots, canonical; `true` for those that may be written below.
    pub fn roots(&self) -> impl Iterator<Item = (&Path, bool)> {
        self.0.roots.iter().map(|root| (root.real.as_path(), root.writable))
    }

    /// Opens a file for reading, below the roots or one of `granted`.
    ///
    /// # Errors
    /// [`Failure::Denied`] where the call may not look, [`Failure::Invalid`] where no such file is.
    pub fn open(&self, path: &str, granted: &[PathBuf]) -> Result<Opened, Failure> {
        let place = self.place(path, granted)?;
        let shown = place.path();
        let fault = |error: io::Error| fault::of(&shown, &error);
        let Some(name) = place.relative.file_name() else {
            return Err(fault(rustix::io::Errno::ISDIR.into()));
        };
        let parent = place.relative.parent().unwrap_or(Path::new(""));
        let directory = beneath::directory(&place.top, parent).map_err(fault)?;
        let file = beneath::regular_file(&directory, name).map_err(fault)?;
        let size = file.metadata().map_err(fault)?.len();
        Ok(Opened { file, path: shown, size })
    }

    /// The tree below a directory, or the one file that `path` is.
    ///
    /// # Errors
    /// As [`Files::open`].
    pub fn walk(&self, path: &str, granted: &[PathBuf]) -> Result<Walk, Failure> {
        let place = self.place(path, granted)?;
        let own = self.0.own.as_ref().filter(|own| !place.path().starts_with(own));
        Walk::new(place.top.clone(), place.relative.clone(), own.cloned())
            .map_err(|error| fault::of(&place.path(), &error))
    }

    /// The place for a file that is to be written, in an existing directory below a writable root.
    ///
    /// # Errors
    /// [`Failure::Denied`] outside the writable roots, [`Failure::Invalid`] without its directory.
    pub fn target(&self, path: &str) -> Result<Target, Failure> {
        let asked = checked(path)?;
        let name = match asked.components().next_back() {
            Some(std::path::Component::Normal(name)) if !path.ends_with('/') => name.to_owned(),
            _ => return Err(Failure::Invalid(format!("{path:?} does not name a file"))),
        };
        let writable: Vec<&Area> = self.0.roots.iter().filter(|root| root.writable).collect();
        if writable.is_empty() {
            return Err(Failure::Denied(format!(
                "{path:?} cannot be written: no directory is open for writing; start the node with \
                 --write-root DIR to open one"
            )));
        }
        let parent = asked.parent().unwrap_or(Path::new(""));
        let parents: Vec<PathBuf> = match parent.is_absolute() {
            true => vec![parent.to_owned()],
            false => writable.iter().map(|root| root.real.join(parent)).collect(),
        };
        let mut missing = None;
        for parent in &parents {
            match parent.canonicalize() {
                Ok(real) => {
                    if let Some(root) = writable.iter().find(|root| root.holds(&real)) {
                        return self.target_in(root, &real, name);
                    }
                }
                Err(error) if writable.iter().any(|root| root.reads_as(parent)) => {
                    missing = Some(fault::of(parent, &error));
                }
                Err(_) => {}
            }
        }
        Err(missing.unwrap_or_else(|| {
            Failure::Denied(format!(
                "{path:?} is outside the directories open for writing ({}); start the node with \
                 --write-root DIR to open another",
                listed(writable.iter().copied())
            ))
        }))
    }

    fn target_in(
        &self,
        root: &Area,
        parent: &Path,
        name: std::ffi::OsString,
    ) -> Result<Target, Failure> {
        let path = parent.join(&name);
        self.refuse_reserved(&path, false)?;
        let relative = parent.strip_prefix(&root.real).unwrap_or(Path::new(""));
        let directory =
            beneath::directory(&root.real, relative).map_err(|error| fault::of(parent, &error))?;
        Ok(Target { directory, name, path })
    }

    fn place(&self, path: &str, granted: &[PathBuf]) -> Result<Place, Failure> {
        let asked = checked(path)?;
        let grants = granted.iter().filter_map(|path| Area::new(path, false, true).ok());
        // A grant comes first: it reaches where the roots do not.
        let areas: Vec<Area> = grants.chain(self.0.roots.iter().cloned()).collect();
        let mut missing = None;
        for candidate in candidates(asked, &areas) {
            match candidate.canonicalize() {
                Ok(real) => {
                    if let Some(area) = areas.iter().find(|area| area.holds(&real)) {
                        self.refuse_reserved(&real, area.granted)?;
                        return Ok(area.place(&real));
                    }
                }
                // What is outside is not even said to be missing: that would tell what exists.
                Err(error) if areas.iter().any(|area| area.reads_as(&candidate)) => {
                    missing.get_or_insert(fault::of(&candidate, &error));
                }
                Err(_) => {}
            }
        }
        Err(missing.unwrap_or_else(|| outside(path, &areas)))
    }

    fn refuse_reserved(&self, real: &Path, granted: bool) -> Result<(), Failure> {
        if SYSTEM.iter().any(|system| real.starts_with(system)) {
            return Err(Failure::Denied(format!(
                "{} is an interface of the operating system, which tools do not touch; give a \
                 regular file",
                real.display()
            )));
        }
        match &self.0.own {
            Some(own) if !granted && real.starts_with(own) => Err(Failure::Denied(format!(
                "{} lies in this node's own data, which tools do not touch",
                real.display()
            ))),
            _ => Ok(()),
        }
    }
}

impl Area {
    fn new(path: &Path, writable: bool, granted: bool) -> io::Result<Self> {
        let given = std::path::absolute(path)?;
        let real = given.canonicalize()?;
        let directory = real.metadata()?.is_dir();
        Ok(Self { given, real, directory, writable, granted })
    }

    /// Whether the canonical path `real` is this file, or lies in this directory.
    fn holds(&self, real: &Path) -> bool {
        match self.directory {
            true => real.starts_with(&self.real),
            false => real == self.real,
        }
    }

    /// Whether `path`, as it is written, claims to lie here: without links, without leaving.
    fn reads_as(&self, path: &Path) -> bool {
        let plain = path.components().all(|part| !matches!(part, std::path::Component::ParentDir));
        plain && (path.starts_with(&self.given) || path.starts_with(&self.real))
    }

    fn place(&self, real: &Path) -> Place {
        let top = match self.directory {
            true => self.real.clone(),
            false => self.real.parent().unwrap_or(Path::new("/")).to_owned(),
        };
        let relative = real.strip_prefix(&top).unwrap_or(Path::new("")).to_owned();
        Place { top, relative }
    }
}

/// What an asked path may mean. A relative one is looked for below each area, and a granted file
/// may be called by the end of its path when no other ends so.
fn candidates(asked: &Path, areas: &[Area]) -> Vec<PathBuf> {
    if asked.is_absolute() {
        return vec![asked.to_owned()];
    }
    let mut found: Vec<PathBuf> =
        areas.iter().filter(|area| area.directory).map(|area| area.real.join(asked)).collect();
    let plain = asked.strip_prefix("./").unwrap_or(asked);
    let mut ending = areas.iter().filter(|area| area.granted && area.given.ends_with(plain));
    if let (Some(area), None) = (ending.next(), ending.next()) {
        found.insert(0, area.real.clone());
    }
    found
}

fn checked(path: &str) -> Result<&Path, Failure> {
    if path.is_empty() {
        return Err(Failure::Invalid("the path is empty; name a file".to_owned()));
    }
    if path.len() > PATH_MAX {
        return Err(Failure::Invalid(format!(
            "the path is {} bytes long; the longest is {PATH_MAX}",
            path.len()
        )));
    }
    if path.contains('\0') {
        return Err(Failure::Invalid("the path holds a NUL character; remove it".to_owned()));
    }
    Ok(Path::new(path))
}

fn outside(path: &str, areas: &[Area]) -> Failure {
    match areas.is_empty() {
        true => Failure::Denied(format!(
            "{path:?} cannot be read: no directory is open to tools; start the node with --root DIR, \
             or hand the file over as context of the intent"
        )),
        false => Failure::Denied(format!(
            "{path:?} is outside what this call may read ({}); start the node with --root DIR to \
             open a directory, or hand the file over as context of the intent",
            listed(areas)
        )),
    }
}

fn listed<'a>(areas: impl IntoIterator<Item = &'a Area>) -> String {
    let names: Vec<String> =
        areas.into_iter().map(|area| area.real.display().to_string()).collect();
    names.join(", ")
}
