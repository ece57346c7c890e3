//! Backups of a node that runs, asked for from its own machine.
//!
//! The node writes the copy itself, since it alone holds its data directory. A copy holds the work
//! and the keys of all tenants, and goes wherever the request says: so only the operator may ask
//! for one, and only from the machine that it is written on.

use crate::{call::Call, edge::Edge, fault::Fault};
use autoos_guard::DEFAULT_TENANT;
use futures::future::BoxFuture;
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Makes a backup in a folder; what went wrong is a sentence for people.
pub type Backups = Arc<dyn Fn(PathBuf) -> BoxFuture<'static, Result<Backup, String>> + Send + Sync>;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Where it is, on the node's machine.
    pub target: String,
    /// Events.
    pub events: u64,
    /// Bytes of its log.
    pub bytes: u64,
}

impl Edge {
    /// Makes a backup and returns once it is whole. Giving the request up does not end it.
    pub(crate) async fn backup(&self, call: &Call, target: &str) -> Result<Backup, Fault> {
        if !call.here {
            return Err(Fault::Forbidden(
                "a backup is written on the node's machine and asked for from there, and this \
                 request comes from another"
                    .into(),
            ));
        }
        if call.caller.tenant != DEFAULT_TENANT {
            return Err(Fault::Forbidden(format!(
                "a backup holds the work of all tenants, and this key is of {}",
                call.caller.tenant
            )));
        }
        if !Path::new(target).is_absolute() || target.contains('\0') {
            return Err(Fault::Invalid(format!(
                "target is {target:.64?}, and must be an absolute path on the node's machine"
            )));
        }
        let backups = self.backups.as_ref().ok_or(Fault::Unsupported("makes no backups"))?;
        let made = tokio::spawn(backups(target.into())).await;
        made.map_err(|why| Fault::Internal(format!("a backup: {why}")))?.map_err(Fault::Backup)
    }
}
