//! An intent as a client asked for it, before it is a submission: what REST and gRPC both become.

use crate::{call::Call, edge::Edge, fault::Fault};
use autoos_kernel::{
    id::{WorkflowId, uuid_of_key},
    plan::Plan,
    time::Timestamp,
    words::RiskLevel,
};
use autoos_runtime::{NewContent, NewContext, Submission};
use std::path::{Path, PathBuf};

/// The longest idempotency key and the longest name of a user, in bytes.
const NAME_MAX: usize = 256;

/// What a client asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ask {
    pub(crate) text: String,
    pub(crate) user: Option<String>,
    pub(crate) contexts: Vec<AskContext>,
    pub(crate) risk: RiskLevel,
    pub(crate) budget_microusd: Option<u64>,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) plan: Option<Plan>,
}

/// Something that comes with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AskContext {
    pub(crate) name: String,
    pub(crate) label: Option<String>,
    pub(crate) content: AskContent,
}

/// Where that is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AskContent {
    Text(String),
    /// The id of an upload.
    Upload(String),
    /// A file of the node.
    File(PathBuf),
}

impl Ask {
    /// The submission, with the uploads that it uses.
    pub(crate) async fn prepare(
        self,
        edge: &Edge,
        call: &Call,
    ) -> Result<(Submission, Vec<String>), Fault> {
        for (what, name) in [("user_id", &self.user), ("idempotency_key", &self.idempotency_key)] {
            if name.as_ref().is_some_and(|name| name.len() > NAME_MAX) {
                return Err(Fault::Invalid(format!("{what} has more than {NAME_MAX} bytes")));
            }
        }
        if self.text.contains('\0') {
            return Err(Fault::Invalid("the intent holds a NUL character: send text".into()));
        }
        self.check_deadline(edge, call).await?;
        let (mut contexts, mut uploads) = (Vec::with_capacity(self.contexts.len()), Vec::new());
        for context in self.contexts {
            let (label, content) = match context.content {
                AskContent::Text(text) => (None, NewContent::Text(text)),
                AskContent::Upload(id) => {
                    let (path, name) = edge.uploads.find(&call.caller.tenant, &id).await?;
                    uploads.push(id);
                    (Some(name), NewContent::File(path))
                }
                AskContent::File(path) => {
                    let path = edge.readable(&context.name, &path).await?;
                    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                    (name, NewContent::File(path))
                }
            };
            let label = context.label.or(label).unwrap_or_else(|| context.name.clone());
            contexts.push(NewContext { name: context.name, label, content });
        }
        let submission = Submission {
            tenant: call.caller.tenant.clone(),
            user: self.user.unwrap_or_else(|| call.caller.name.clone()),
            text: self.text,
            contexts,
            risk: self.risk,
            budget_microusd: self.budget_microusd,
            deadline: self.deadline,
            idempotency_key: self.idempotency_key,
            plan: self.plan,
            trace: call.trace,
        };
        Ok((submission, uploads))
    }
}

impl Ask {
    /// Refuses what could only fail. A repetition gives the workflow that there is, however late.
    async fn check_deadline(&self, edge: &Edge, call: &Call) -> Result<(), Fault> {
        let now = edge.runtime.parts().clock.now();
        let Some(deadline) = self.deadline.filter(|deadline| *deadline <= now) else {
            return Ok(());
        };
        if let Some(key) = &self.idempotency_key {
            let id = WorkflowId(uuid_of_key(&call.caller.tenant, key));
            if edge.views.owner(id).await?.is_some() {
                return Ok(());
            }
        }
        Err(Fault::Invalid(format!(
            "the deadline {deadline} is past, since it is {now} here: send a later one, or none"
        )))
    }
}

impl Edge {
    /// A file that clients may name: below one of the roots that the operator opened, whatever
    /// the path looks like. Nothing is told of what lies outside.
    async fn readable(&self, context: &str, path: &Path) -> Result<PathBuf, Fault> {
        let denied = || {
            let roots = self.options.file_roots.iter().map(|root| root.display().to_string());
            let open = match roots.collect::<Vec<_>>() {
                roots if roots.is_empty() => "it opens no folder".to_owned(),
                roots => format!("it opens those below {}", roots.join(", ")),
            };
            Fault::NotServed(format!(
                "context {context}: the node opens no such file to clients; {open}"
            ))
        };
        let path = tokio::fs::canonicalize(path).await.map_err(|_| denied())?;
        for root in &self.options.file_roots {
            if let Ok(root) = tokio::fs::canonicalize(root).await
                && path.starts_with(&root)
            {
                return Ok(path);
            }
        }
        Err(denied())
    }
}
