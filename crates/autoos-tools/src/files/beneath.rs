//! Opening files below a directory without following a single symbolic link.
//!
//! A path was made canonical before it comes here, so that a link met on the way means someone
//! changed the tree in between: the walk refuses it. It goes name by name with `O_NOFOLLOW`, which
//! every Unix has, and so is exercised everywhere; Linux's `openat2` would do the same in one
//! call. Left out: deciding which directory a path may lie in (its parent module).

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, statat},
    io::Errno,
};
use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Component, Path},
};

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// `O_NONBLOCK` keeps a FIFO that appears in the last moment from holding the thread for good.
const REGULAR: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Opens the directory `relative` below `top`; an empty `relative` is `top` itself.
pub(crate) fn directory(top: &Path, relative: &Path) -> io::Result<OwnedFd> {
    let mut at = openat(rustix::fs::CWD, top, DIRECTORY, Mode::empty())?;
    for component in relative.components() {
        let Component::Normal(name) = component else {
            return Err(Errno::XDEV.into());
        };
        at = openat(&at, name, DIRECTORY, Mode::empty())?;
    }
    Ok(at)
}

/// Opens the directory `name` in `parent`, if it is one and no link to one.
pub(crate) fn child_directory(parent: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    Ok(openat(parent, name, DIRECTORY, Mode::empty())?)
}

/// Opens the regular file `name` in `parent` for reading.
///
/// Nothing but a regular file is ever opened, since opening a device can already have an effect.
pub(crate) fn regular_file(parent: impl AsFd, name: &OsStr) -> io::Result<File> {
    let before = statat(parent.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(before.st_mode) == FileType::Symlink {
        return Err(Errno::LOOP.into());
    }
    must_be_regular(&before)?;
    let file = File::from(openat(parent, name, REGULAR, Mode::empty())?);
    let after = fstat(&file)?;
    must_be_regular(&after)?;
    if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino) {
        return Err(Errno::LOOP.into());
    }
    Ok(file)
}

fn must_be_regular(stat: &Stat) -> io::Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Errno::ISDIR.into()),
        _ => Err(Errno::NXIO.into()),
    }
}
