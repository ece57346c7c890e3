//! Files that clients send ahead, to name them as contexts.
//!
//! An upload is streamed to the disk in bounded memory and becomes visible once it is whole and
//! durable: `<uploads>/<tenant>/<uuid>/<name>`. The tenant's folder is a hash of its name, so one
//! tenant cannot name another's files. Which workflow used what is noted beside them, so that
//! erasing a workflow takes its uploads with it. Left out: an age at which unused ones go.

use crate::fault::Fault;
use autoos_kernel::id::WorkflowId;
use futures::{Stream, StreamExt as _};
use serde::Serialize;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    fs,
    io::{AsyncWriteExt as _, BufWriter},
    sync::Semaphore,
};
use uuid::Uuid;

/// The longest name of a file, in bytes.
const NAME_MAX: usize = 128;
/// What an upload that is not whole yet ends in.
const PART: &str = ".part";

/// The uploads of a node.
pub(crate) struct Uploads {
    dir: Option<PathBuf>,
    max_bytes: u64,
    idle: Duration,
    running: Arc<Semaphore>,
}

/// An upload that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Uploaded {
    /// What to put into a context.
    pub(crate) upload: String,
    pub(crate) name: String,
    pub(crate) bytes: u64,
}

impl Uploads {
    pub(crate) fn new(options: &crate::Options) -> Self {
        Self {
            dir: options.uploads.clone(),
            max_bytes: options.max_upload_bytes,
            idle: Duration::from_millis(options.upload_idle_ms),
            running: Arc::new(Semaphore::new(options.max_uploads.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Removes what a process before left half done.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub(crate) async fn clean(&self) -> io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        fs::create_dir_all(dir).await?;
        let mut tenants = fs::read_dir(dir).await?;
        while let Some(tenant) = tenants.next_entry().await? {
            if !tenant.file_type().await?.is_dir() {
                continue;
            }
            let mut uploads = fs::read_dir(tenant.path()).await?;
            while let Some(upload) = uploads.next_entry().await? {
                if upload.file_name().to_string_lossy().ends_with(PART) {
                    fs::remove_dir_all(upload.path()).await?;
                }
            }
        }
        Ok(())
    }

    fn dir(&self, tenant: &str) -> Result<PathBuf, Fault> {
        let dir = self.dir.as_ref().ok_or(Fault::Unsupported("takes no uploads"))?;
        Ok(dir.join(&blake3::hash(tenant.as_bytes()).to_hex()[..32]))
    }

    /// Takes a file: everything that `pieces` gives, in order. Nothing is left of one that breaks
    /// off.
    pub(crate) async fn take<B: AsRef<[u8]>>(
        &self,
        tenant: &str,
        id: Uuid,
        name: &str,
        pieces: impl Stream<Item = Result<B, Fault>> + Send,
    ) -> Result<Uploaded, Fault> {
        check_name(name)?;
        let tenant = self.dir(tenant)?;
        let busy = |_| Fault::Busy { what: "uploads at once" };
        let _place = self.running.clone().try_acquire_owned().map_err(busy)?;
        let (part, whole) = (tenant.join(format!("{id}{PART}")), tenant.join(id.to_string()));
        let written = self.write(&part, name, pieces).await;
        let bytes = match written {
            Ok(bytes) => bytes,
            Err(fault) => {
                if let Err(why) = fs::remove_dir_all(&part).await {
                    tracing::warn!(%why, "a broken upload could not be removed");
                }
                return Err(fault);
            }
        };
        fs::rename(&part, &whole).await.map_err(disk)?;
        sync_dir(&tenant).await.map_err(disk)?;
        Ok(Uploaded { upload: format!("up-{id}"), name: name.to_owned(), bytes })
    }

    async fn write<B: AsRef<[u8]>>(
        &self,
        part: &Path,
        name: &str,
        pieces: impl Stream<Item = Result<B, Fault>> + Send,
    ) -> Result<u64, Fault> {
        fs::create_dir_all(part).await.map_err(disk)?;
        let file = fs::File::create_new(part.join(name)).await.map_err(disk)?;
        let mut file = BufWriter::with_capacity(256 << 10, file);
        let mut bytes = 0u64;
        let mut pieces = std::pin::pin!(pieces);
        loop {
            let next = tokio::time::timeout(self.idle, pieces.next()).await;
            let silent =
                |_| Fault::Timeout { ms: u64::try_from(self.idle.as_millis()).unwrap_or(0) };
            let Some(piece) = next.map_err(silent)? else { break };
            let piece = piece?;
            bytes += piece.as_ref().len() as u64;
            if bytes > self.max_bytes {
                return Err(Fault::TooLarge { limit: self.max_bytes });
            }
            file.write_all(piece.as_ref()).await.map_err(disk)?;
        }
        file.flush().await.map_err(disk)?;
        file.get_ref().sync_all().await.map_err(disk)?;
        sync_dir(part).await.map_err(disk)?;
        Ok(bytes)
    }

    /// The file of an upload and its name.
    pub(crate) async fn find(&self, tenant: &str, id: &str) -> Result<(PathBuf, String), Fault> {
        let missing = || Fault::Missing(format!("there is no upload {id:.64}"));
        let dir = self.dir(tenant)?.join(uuid(id).ok_or_else(missing)?.to_string());
        let mut files = fs::read_dir(&dir).await.map_err(|_| missing())?;
        let file = files.next_entry().await.map_err(disk)?.ok_or_else(missing)?;
        Ok((file.path(), file.file_name().to_string_lossy().into_owned()))
    }

    /// Removes an upload; what uses it can no longer read it.
    pub(crate) async fn remove(&self, tenant: &str, id: &str) -> Result<(), Fault> {
        let (path, _) = self.find(tenant, id).await?;
        let dir = path.parent().unwrap_or(&path);
        fs::remove_dir_all(dir).await.map_err(disk)
    }

    /// Notes what a workflow uses. A note that is lost leaves a file behind when the workflow is
    /// erased, and is said.
    pub(crate) async fn used(&self, tenant: &str, workflow: WorkflowId, uploads: &[String]) {
        if uploads.is_empty() {
            return;
        }
        let noted = async {
            let note = self.note(tenant, workflow)?;
            fs::create_dir_all(note.parent().unwrap_or(&note)).await.map_err(disk)?;
            fs::write(note, uploads.join("\n")).await.map_err(disk)
        };
        if let Err(why) = noted.await {
            tracing::error!(%workflow, %why, "its uploads will not be erased with it");
        }
    }

    fn note(&self, tenant: &str, workflow: WorkflowId) -> Result<PathBuf, Fault> {
        Ok(self.dir(tenant)?.join("used").join(workflow.to_string()))
    }

    /// Removes everything that a workflow used.
    pub(crate) async fn erase(&self, tenant: &str, workflow: WorkflowId) -> Result<(), Fault> {
        let Ok(note) = self.note(tenant, workflow) else { return Ok(()) };
        let uploads = match fs::read_to_string(&note).await {
            Ok(uploads) => uploads,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(disk(error)),
        };
        for upload in uploads.lines() {
            match self.remove(tenant, upload).await {
                Ok(()) | Err(Fault::Missing(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        fs::remove_file(&note).await.map_err(disk)
    }
}

fn uuid(id: &str) -> Option<Uuid> {
    Uuid::try_parse(id.strip_prefix("up-")?).ok()
}

fn check_name(name: &str) -> Result<(), Fault> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    let good = !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(fits);
    if good && !name.starts_with(['.', ' ']) {
        return Ok(());
    }
    Err(Fault::Invalid(format!(
        "{name:.64?} is no name for an upload: 1 to {NAME_MAX} bytes of letters, digits, '-', \
         '_', '.' and spaces, not beginning with '.' or a space"
    )))
}

fn disk(error: io::Error) -> Fault {
    Fault::Internal(format!("uploads: {error}"))
}

async fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir).await?.sync_all().await
}
