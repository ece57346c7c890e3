//! The pepper: 32 random bytes in a file of the data directory, apart from the journal. Hashes of
//! keys are made under it, so that a copy of the journal alone lets nobody test a guess.

use crate::Error;
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    path::Path,
};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The name of the file.
pub(crate) const FILE: &str = "keys.pepper";
const BYTES: usize = 32;

/// The secret under which keys are hashed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Pepper([u8; BYTES]);

impl Pepper {
    /// Reads the pepper of `data_dir`. When there is none yet it is made, unless keys `exist`
    /// already, whose hashes would then match nothing.
    pub(crate) fn open(data_dir: &Path, exist: bool) -> Result<Self, Error> {
        let path = data_dir.join(FILE);
        match fs::metadata(&path) {
            Ok(found) => check_mode(&path, &found)?,
            Err(error) if error.kind() == ErrorKind::NotFound && exist => {
                let what = "it is missing, and no API key can be checked without it: put it back \
                            from where it was backed up";
                return Err(wrong(&path, what));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => make(data_dir, &path)?,
            Err(error) => return Err(wrong(&path, error)),
        }
        let mut bytes = fs::read(&path).map_err(|error| wrong(&path, error))?;
        let pepper = <[u8; BYTES]>::try_from(bytes.as_slice()).map(Self);
        bytes.zeroize();
        pepper.map_err(|_| wrong(&path, "it does not hold 32 bytes: put it back from a backup"))
    }

    /// The hash of a key under this pepper. Comparing two of them takes the same time whether
    /// and wherever they differ.
    pub(crate) fn hash(&self, key: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.0, key.as_bytes())
    }
}

fn wrong(path: &Path, what: impl ToString) -> Error {
    Error::Pepper { path: path.to_owned(), what: what.to_string() }
}

#[cfg(unix)]
fn check_mode(path: &Path, found: &fs::Metadata) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let what = format!("others may read it (mode {mode:o}): chmod 600 it");
        return Err(wrong(path, what));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &fs::Metadata) -> Result<(), Error> {
    Ok(())
}

/// Makes the file whole and durable, or finds that another process was first, whose file stays.
fn make(data_dir: &Path, path: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| wrong(path, error);
    fs::create_dir_all(data_dir).map_err(failed)?;
    let draft = data_dir.join(format!(".{FILE}.{:016x}", rand::random::<u64>()));
    let made = write_draft(&draft).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    let removed = fs::remove_file(&draft);
    made.and(removed).and_then(|()| sync_dir(data_dir)).map_err(failed)
}

fn write_draft(draft: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    let mut bytes: [u8; BYTES] = rand::random();
    let written = file.write_all(&bytes);
    bytes.zeroize();
    written?;
    file.sync_all()
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(not(unix))]
fn sync_dir(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let first = Pepper::open(&data, false).unwrap();
        let again = Pepper::open(&data, true).unwrap();
        assert_eq!(first.hash("aos_x"), again.hash("aos_x"));
        assert_ne!(first.hash("aos_x"), blake3::hash(b"aos_x"));
        let files: Vec<_> = fs::read_dir(&data).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(files, [FILE]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = data.join(FILE);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let error = Pepper::open(&data, true).err().unwrap().to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn a_lost_or_cut_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let lost = Pepper::open(dir.path(), true).err().unwrap().to_string();
        assert!(lost.contains("it is missing"), "{lost}");
        drop(Pepper::open(dir.path(), false).unwrap());
        let path = dir.path().join(FILE);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(31).unwrap();
        let cut = Pepper::open(dir.path(), true).err().unwrap().to_string();
        assert!(cut.contains("32 bytes"), "{cut}");
    }
}
