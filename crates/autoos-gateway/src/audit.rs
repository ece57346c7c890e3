//! The audit that proves itself, over the edge: its public key, its checkpoints, its exports.
//!
//! An export of some workflows is for whom they belong to: of others it holds hashes alone. One
//! of everything is the operator's.

use crate::{call::Call, edge::Edge, fault::Fault};
use autoos_audit::{Error, Export, Keeper, PublicKey, Scope, SignedCheckpoint};
use autoos_guard::DEFAULT_TENANT;
use autoos_kernel::id::WorkflowId;
use futures::stream::{BoxStream, StreamExt as _};
use serde::Serialize;

/// How the audit is doing.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AuditStatus {
    /// What its signatures are verified with.
    pub(crate) key: PublicKey,
    /// The newest checkpoint.
    pub(crate) checkpoint: Option<SignedCheckpoint>,
    /// Its hash, which names it and all before it.
    pub(crate) hash: Option<String>,
    /// Why there is none newer.
    pub(crate) problem: Option<String>,
}

impl Edge {
    fn keeper(&self) -> Result<&Keeper, Fault> {
        self.keeper.as_deref().ok_or(Fault::Unsupported("signs no checkpoints"))
    }

    pub(crate) fn audit_status(&self) -> Result<AuditStatus, Fault> {
        let keeper = self.keeper()?;
        let status = keeper.status();
        let hash = status.last.as_ref().map(|last| last.checkpoint.hash().to_string());
        let (key, problem) = (keeper.public_key(), status.problem);
        Ok(AuditStatus { key, checkpoint: status.last, hash, problem })
    }

    /// The bytes of an export of some workflows, or of everything where none is named. It holds a
    /// place among the open streams.
    pub(crate) async fn export(
        &self,
        call: &Call,
        workflows: Vec<WorkflowId>,
        texts: bool,
    ) -> Result<BoxStream<'static, Result<Vec<u8>, Fault>>, Fault> {
        if workflows.is_empty() && call.caller.tenant != DEFAULT_TENANT {
            return Err(Fault::Forbidden(format!(
                "an export of everything holds the work of all tenants, and this key is of {}: \
                 name workflows",
                call.caller.tenant
            )));
        }
        for id in &workflows {
            self.own(call, *id).await?;
        }
        let keeper = self.keeper()?;
        let place = self.place_for_stream()?;
        // So that a checkpoint is over all of it. An export is worth having without one, too.
        if let Err(error) = keeper.cover().await {
            tracing::warn!(%error, "an export is made without a new checkpoint");
        }
        let all = workflows.is_empty();
        let export = Export {
            journal: self.journal.clone(),
            key: keeper.key().clone(),
            scope: if all { Scope::All } else { Scope::Workflows(workflows) },
            texts,
        };
        let pieces = export.stream().map(|piece| {
            piece.map_err(|error| match error {
                Error::Journal(error) => Fault::Journal(error),
                other => Fault::Internal(other.to_string()),
            })
        });
        Ok(self.until_stop(pieces, place))
    }
}
