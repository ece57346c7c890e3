//! Room on the disk: when it runs out the journal takes no more appends, and a ballast file is
//! given up so that what must still be written (erasures, the event store) finds room.

use super::core::lock;
use crate::disk::Disk;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

const NAME: &str = "ballast";

/// Watches the room that is left.
pub(crate) struct Space {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    ballast: u64,
    reserve: u64,
    /// Why appends are refused.
    degraded: Mutex<Option<String>>,
}

impl Space {
    /// Lays the ballast down; where there is no room for it, the journal begins read-only.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path, ballast: u64, reserve: u64) -> Self {
        let space = Self { disk, dir: dir.into(), ballast, reserve, degraded: Mutex::default() };
        if !space.laid() && !space.lay() {
            space.degrade("there is no room for the ballast file");
        }
        space
    }

    pub(crate) fn degraded(&self) -> Option<String> {
        lock(&self.degraded).clone()
    }

    /// Takes no more appends, and makes room by giving up the ballast.
    pub(crate) fn degrade(&self, why: &str) {
        let mut degraded = lock(&self.degraded);
        if degraded.is_none() {
            let dir = self.dir.display();
            let text = format!("the disk of {dir} is full ({why}): free some space");
            tracing::error!(text, "the journal is read-only");
            *degraded = Some(text);
        }
        if let Err(error) = self.disk.remove(&self.dir.join(NAME))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::error!(%error, "the ballast file could not be removed");
        }
    }

    /// Whether there is room for what must be written besides the log.
    pub(crate) fn is_low(&self) -> bool {
        self.disk.available(&self.dir).is_ok_and(|bytes| bytes < self.reserve)
    }

    /// Takes appends again if there is room by now; answers whether it does.
    pub(crate) fn recover(&self) -> bool {
        if self.degraded().is_none() {
            return true;
        }
        let room = self.disk.available(&self.dir).unwrap_or(0);
        // As much again as the ballast takes, or the next append would be refused again.
        if room < 2 * (self.ballast + self.reserve) || !self.lay() {
            return false;
        }
        tracing::info!("there is room again, the journal takes appends");
        *lock(&self.degraded) = None;
        true
    }

    fn laid(&self) -> bool {
        let path = self.dir.join(NAME);
        self.disk.list(&self.dir).is_ok_and(|files| files.contains(&path))
    }

    /// Writes the ballast: real bytes, since a file that is only long takes no room.
    fn lay(&self) -> bool {
        let path = self.dir.join(NAME);
        let written = (|| {
            let mut file = self.disk.open(&path)?;
            let zeros = vec![0; 1 << 20];
            let mut at = 0;
            while at < self.ballast {
                let len = (self.ballast - at).min(zeros.len() as u64);
                file.write_at(at, &zeros[..len as usize])?;
                at += len;
            }
            // Not synced: the room is taken when the bytes are written, and a first start is
            // not held up by them.
            Ok::<(), io::Error>(())
        })();
        if let Err(error) = &written {
            tracing::warn!(%error, "the ballast file could not be written");
            let _ = self.disk.remove(&path);
        }
        written.is_ok()
    }
}
