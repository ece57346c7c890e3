//! What an error of the file system means to whoever asked for the file.

use crate::Failure;
use std::{io, path::Path};

/// The failure that `error`, met at `path`, is to a caller.
pub(crate) fn of(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    // A bounded reader below may have put its own failure into the error.
    if let Some(failure) = error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>()) {
        return failure.clone();
    }
    match rustix::io::Errno::from_io_error(error) {
        Some(rustix::io::Errno::LOOP) => Failure::Denied(format!(
            "{shown} changed or became a symbolic link while it was being opened; give the path \
             of the file itself"
        )),
        Some(rustix::io::Errno::XDEV) => {
            Failure::Denied(format!("{shown} leads out of the directory that it was asked in"))
        }
        Some(rustix::io::Errno::NXIO) => Failure::Denied(format!(
            "{shown} is a device, a pipe or a socket; tools read regular files"
        )),
        Some(rustix::io::Errno::ISDIR) => Failure::Invalid(format!(
            "{shown} is a directory; give a file, or list it with fs.list"
        )),
        Some(rustix::io::Errno::NOTDIR) => {
            Failure::Invalid(format!("{shown} is not a directory, or lies below a file"))
        }
        Some(rustix::io::Errno::NAMETOOLONG) => Failure::Invalid(
            "the path is longer than the file system allows; give a shorter one".to_owned(),
        ),
        _ => by_kind(&shown.to_string(), error),
    }
}

fn by_kind(shown: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::Invalid(format!("there is no file {shown}; check the name with fs.list"))
        }
        io::ErrorKind::PermissionDenied => Failure::Denied(format!(
            "the operating system does not let this node open {shown}; change its permissions or \
             the node's user"
        )),
        io::ErrorKind::InvalidInput => Failure::Invalid(format!("{shown} is not a path")),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::Unavailable(format!(
            "there is no room left for {shown}; free some and try again"
        )),
        _ => Failure::Unavailable(format!("{shown} could not be worked with: {error}")),
    }
}
