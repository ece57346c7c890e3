//! What the edge can do, whichever protocol asks: every operation once, with its tenant's view.

use crate::{
    ask::Ask, auth::Auth, call::Call, fault::Fault, meters::Meters, nodes::Nodes, openai::Calls,
    options::Options, uploads::Uploads,
};
use autoos_fabric::ProviderStatus;
use autoos_journal::{Groups, Position, SharedJournal};
use autoos_kernel::{
    id::{Shard, WorkflowId},
    plan::{Plan, outline::Outline},
    tool::{Catalog as _, ToolSpec},
    workflow::Command,
};
use autoos_runtime::{Refusal, Runtime, Submitted};
use autoos_views::{
    AuditDecision, Change, EscalationFilter, EscalationItem, Filter, Page, Summary, Verified,
    Views, WorkflowView,
};
use futures::{Stream, StreamExt as _, stream::BoxStream};
use std::{ops::Deref, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Rows of a page where the client does not say.
pub(crate) const PAGE: usize = 50;

/// The edge; cheap to clone.
#[derive(Clone)]
pub(crate) struct Edge(Arc<Inner>);

/// What it stands on.
pub(crate) struct Inner {
    pub(crate) runtime: Runtime,
    pub(crate) views: Views,
    pub(crate) journal: SharedJournal,
    pub(crate) groups: Groups,
    pub(crate) providers: Option<crate::Providers>,
    pub(crate) figures: Option<crate::Figures>,
    pub(crate) backups: Option<crate::Backups>,
    pub(crate) log_level: Option<crate::LogLevel>,
    pub(crate) keeper: Option<Arc<autoos_audit::Keeper>>,
    pub(crate) auth: Auth,
    pub(crate) uploads: Uploads,
    pub(crate) meters: Meters,
    pub(crate) nodes: Option<Nodes>,
    pub(crate) calls: Calls,
    pub(crate) options: Options,
    pub(crate) limits: Limits,
    /// True once the node stops: what streams without end ends then.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Places for what runs.
pub(crate) struct Limits {
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) reserved: Arc<Semaphore>,
    pub(crate) streams: Arc<Semaphore>,
    /// In KiB.
    pub(crate) bodies: Arc<Semaphore>,
}

impl Limits {
    pub(crate) fn new(options: &Options) -> Self {
        let places = |n: usize| Arc::new(Semaphore::new(n.min(Semaphore::MAX_PERMITS)));
        Self {
            requests: places(options.max_requests),
            reserved: places(options.reserved_requests),
            streams: places(options.max_streams),
            bodies: places(options.max_bodies_bytes.div_ceil(1024).min(u32::MAX as usize)),
        }
    }
}

impl Deref for Edge {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Edge {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    pub(crate) async fn submit(&self, call: &Call, ask: Ask) -> Result<Submitted, Fault> {
        let (submission, uploads) = ask.prepare(self, call).await?;
        let submitted = self.runtime.submit(submission).await?;
        self.uploads.used(&call.caller.tenant, submitted.workflow, &uploads).await;
        Ok(submitted)
    }

    pub(crate) async fn plan(&self, call: &Call, ask: Ask) -> Result<(Plan, Outline), Fault> {
        let (submission, _) = ask.prepare(self, call).await?;
        Ok(self.runtime.plan(&submission).await?)
    }

    /// Refuses what is not the caller's as if it were not there.
    pub(crate) async fn own(&self, call: &Call, id: WorkflowId) -> Result<(), Fault> {
        match self.views.owner(id).await? {
            Some(owner) if owner.tenant == call.caller.tenant => Ok(()),
            Some(_) => Err(Refusal::Missing(id).into()),
            None => Err(self.missing(id)),
        }
    }

    /// What is to be said of a workflow that is not here: only the leader of its shard can say that
    /// there is none.
    fn missing(&self, id: WorkflowId) -> Fault {
        let shard = Shard::of(id.0, self.journal.shards());
        if self.journal.epoch(shard) != 0 {
            return Refusal::Missing(id).into();
        }
        Refusal::Elsewhere { leader: self.journal.leader(shard) }.into()
    }

    pub(crate) async fn workflow(
        &self,
        call: &Call,
        id: WorkflowId,
        at: Option<u64>,
    ) -> Result<WorkflowView, Fault> {
        let view = match at {
            Some(seq) => self.views.workflow_at(id, seq).await?,
            None => self.views.workflow(id).await?,
        };
        match view {
            Some(view) if view.tenant == call.caller.tenant => Ok(view),
            Some(_) => Err(Refusal::Missing(id).into()),
            None => Err(self.missing(id)),
        }
    }

    pub(crate) async fn list(
        &self,
        call: &Call,
        filter: Filter,
        page_token: Option<&str>,
        limit: usize,
        after: Option<Position>,
    ) -> Result<Page<Summary>, Fault> {
        if let Some(position) = after {
            self.reach(position).await?;
        }
        let filter = Filter { tenant: Some(call.caller.tenant.clone()), ..filter };
        Ok(self.views.list(&filter, page_token, page(limit)?).await?)
    }

    /// Waits until lists and views hold a position; the request's own timeout bounds it.
    pub(crate) async fn reach(&self, position: Position) -> Result<(), Fault> {
        let end = self.journal.end().0.get(&position.shard).copied();
        // What another node leads may not have come here yet, and is waited for.
        let all_here = end.is_none() || self.journal.epoch(position.shard) != 0;
        if all_here && position.offset >= end.unwrap_or(0) {
            return Err(Fault::Invalid(format!(
                "the position {}:{} lies beyond the journal's end",
                position.shard.0, position.offset
            )));
        }
        Ok(self.views.wait_for(position).await?)
    }

    pub(crate) async fn audit(
        &self,
        call: &Call,
        id: WorkflowId,
    ) -> Result<Vec<AuditDecision>, Fault> {
        self.own(call, id).await?;
        Ok(self.views.audit(id).await?.ok_or(Refusal::Missing(id))?)
    }

    pub(crate) async fn verify(&self, call: &Call, id: WorkflowId) -> Result<Verified, Fault> {
        self.own(call, id).await?;
        Ok(self.views.verify(id).await?.ok_or(Refusal::Missing(id))?)
    }

    /// The changes of a workflow; holds a place among the open streams.
    pub(crate) async fn watch(
        &self,
        call: &Call,
        id: WorkflowId,
        from: u64,
    ) -> Result<BoxStream<'static, Result<Change, Fault>>, Fault> {
        self.own(call, id).await?;
        let place = self.place_for_stream()?;
        let changes = self.views.watch(id, from).await?;
        Ok(self.until_stop(changes.map(|change| change.map_err(Fault::from)), place))
    }

    pub(crate) fn place_for_stream(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let place = self.limits.streams.clone().try_acquire_owned();
        place.map_err(|_| Fault::Busy { what: "open streams" })
    }

    /// A stream that ends, saying so, when the node stops, and keeps its place until it ends.
    pub(crate) fn until_stop<T: Send + 'static>(
        &self,
        items: impl Stream<Item = Result<T, Fault>> + Send + 'static,
        place: OwnedSemaphorePermit,
    ) -> BoxStream<'static, Result<T, Fault>> {
        let mut stopping = self.stopping.clone();
        let stopped = async move {
            // A sender that is gone has stopped as well.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        let said = self.clone();
        items
            .take_until(stopped)
            .chain(futures::stream::iter([()]).filter_map(move |()| {
                let stopping = *said.stopping.borrow();
                async move { stopping.then_some(Err(Fault::Stopping)) }
            }))
            .map(move |item| {
                let _held = &place;
                item
            })
            .boxed()
    }

    pub(crate) async fn document(&self, call: &Call, id: WorkflowId) -> Result<Plan, Fault> {
        self.own(call, id).await?;
        let plan = self.views.plan(id).await?;
        plan.ok_or_else(|| Fault::Missing("the workflow has no plan that can be read".into()))
    }

    pub(crate) async fn command(
        &self,
        call: &Call,
        id: WorkflowId,
        command: Command,
    ) -> Result<Option<Position>, Fault> {
        self.own(call, id).await?;
        Ok(self.runtime.command(id, command).await?)
    }

    /// Destroys a workflow's texts, and the uploads that came with it.
    pub(crate) async fn erase(&self, call: &Call, id: WorkflowId) -> Result<(), Fault> {
        self.own(call, id).await?;
        match self.runtime.erase(id, call.caller.name.clone()).await {
            Ok(()) => {}
            Err(Refusal::Invalid(why)) => return Err(Fault::Conflict(why.join("; "))),
            Err(other) => return Err(other.into()),
        }
        self.uploads.erase(&call.caller.tenant, id).await
    }

    pub(crate) async fn escalations(
        &self,
        call: &Call,
        filter: EscalationFilter,
        page_token: Option<&str>,
        limit: usize,
    ) -> Result<Page<EscalationItem>, Fault> {
        let filter = EscalationFilter { tenant: Some(call.caller.tenant.clone()), ..filter };
        Ok(self.views.escalations(&filter, page_token, page(limit)?).await?)
    }

    pub(crate) fn tools(&self) -> Vec<ToolSpec> {
        self.runtime.parts().tools.tools().into_iter().cloned().collect()
    }

    pub(crate) fn providers(&self) -> Vec<ProviderStatus> {
        self.providers.as_ref().map(|providers| providers()).unwrap_or_default()
    }
}

fn page(limit: usize) -> Result<usize, Fault> {
    match limit {
        0 => Ok(PAGE),
        1..=500 => Ok(limit),
        _ => Err(Fault::Invalid(format!("a page has 1 to 500 rows, not {limit}"))),
    }
}
