//! Folds of the journal that people read: one workflow, lists, the audit trail, watching, open
//! questions, spending, counts.
//!
//! Two kinds of reading. **By id** ([`Views::workflow`], [`Views::audit`], [`Views::watch`] …)
//! folds the workflow's own streams when asked, so what was acknowledged is there at once, and it
//! works from the first moment. **Over all** ([`Views::list`], [`Views::escalations`],
//! [`Views::cost_by`], [`Views::metrics`]) reads an index in memory that follows the journal a
//! moment behind; [`Views::wait_for`] waits until it holds a position. The index is [kept](Keep)
//! in files of its own from one start to the next, and what they have not is read from the
//! journal in the background; [`Views::ready`] says how far that is.
//!
//! Nothing here writes to the journal. Left out: folds that decide something, which live with their rule, and
//! kernel snapshots, since they lack what people ask for (who was asked when, tokens): a view
//! folds a stream from its start.

mod assemble;
mod audit;
mod compare;
mod cost;
mod diff;
mod error;
mod follower;
mod index;
mod inputs;
mod metrics;
pub mod picture;
mod sentence;
mod spans;
mod story;
mod view;
mod wake;
mod watch;
mod why;

pub use audit::{AuditDecision, AuditEntry, Verified};
pub use compare::{Comparison, Pair, Side, StepSide};
pub use cost::{BillLine, CostLine, Dimension};
pub use diff::Line;
pub use error::Error;
pub use follower::Ready;
pub use index::{EscalationFilter, EscalationItem, Filter, Keep, Page, Summary};
pub use inputs::AuditInput;
pub use metrics::{BOUNDS_MS, Histogram, Metrics, Word};
pub use spans::Spans;
pub use view::{
    AttemptView, BudgetView, Calls, CancelView, ClimbView, ContextView, EscalationView, PlanView,
    ResolvedView, ResultView, StepStatus, StepView, Tokens, WorkView, WorkflowView,
};
pub use watch::Change;
pub use why::{
    Asked, AttemptTold, ClaimTold, ClimbTold, CostOf, Costs, ForkedFrom, Ground, LessonTold,
    Moment, Outcome, PlanDiff, PlanTold, Question, Reading, ReviewTold, StepTold, WaitTold, Why,
};

use autoos_journal::{Position, SharedJournal};
use autoos_kernel::{
    id::WorkflowId,
    lesson::Lesson,
    plan::Plan,
    workflow::{Output, StepState},
};
use follower::Shared;
use futures::stream::BoxStream;
use index::{Index, Share, checkpoint::Keeper};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use story::Story;
use tokio::task::JoinHandle;

/// How long a stop waits for the index to take in what was recorded before it.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// The views of one journal; cheap to clone.
#[derive(Clone)]
pub struct Views {
    shared: Arc<Shared>,
    follower: Arc<Follower>,
}

/// The follower's task, which ends with the last of the views that it feeds, and every watch
/// with it.
struct Follower {
    task: JoinHandle<()>,
    shared: Arc<Shared>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.stop();
    }
}

/// Whose a workflow is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Whose key it came with.
    pub tenant: String,
    /// For whom.
    pub user: String,
}

impl Views {
    /// Views of `journal` with an index in memory alone; starts to build it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(journal: SharedJournal) -> Self {
        let shares = (0..journal.shards()).map(|_| Share::default()).collect();
        Self::with(journal, shares, None)
    }

    /// Views of `journal` with an index that is kept in files: reads those, then goes on from
    /// where they end. What they lack or do not fit is built from the journal. One process at a
    /// time may keep an index in a directory.
    pub async fn open(journal: SharedJournal, keep: Keep) -> Self {
        let (keeper, shares) = Keeper::open(keep, &journal).await;
        Self::with(journal, shares, Some(keeper))
    }

    fn with(journal: SharedJournal, shares: Vec<Share>, keeper: Option<Keeper>) -> Self {
        let end = journal.end();
        let shared = Shared::new(journal, &end, Index::of(shares), keeper);
        let task = tokio::spawn(follower::run(shared.clone(), end));
        let follower = Follower { task, shared: shared.clone() };
        Self { shared, follower: Arc::new(follower) }
    }

    /// Takes in what was recorded before, as far as that is done within two seconds, ends
    /// following and every watch, and writes the index to its files. Call it before the journal
    /// is closed; without it the next start reads more of the journal.
    pub async fn stop(&self) {
        let end = self.shared.journal.end();
        // What is not reached by then is read at the next start.
        let reached = follower::reach_all(&self.shared, &end);
        if tokio::time::timeout(STOP_WAIT, reached).await.is_err() {
            tracing::info!("the views' index is behind the journal, the next start reads on");
        }
        self.follower.task.abort();
        self.shared.stop();
        self.shared.save(self.shared.index.shards().collect()).await;
    }

    /// Everything about one workflow as of now; none when there is no such.
    ///
    /// # Errors
    /// When the journal cannot be read, or the stream is [damaged](Error::Damaged).
    pub async fn workflow(&self, id: WorkflowId) -> Result<Option<WorkflowView>, Error> {
        self.view(id, u64::MAX).await
    }

    /// Everything about one workflow as of its event with sequence `seq`, that one included; as
    /// of its last event when it has fewer.
    ///
    /// # Errors
    /// As [`Self::workflow`].
    pub async fn workflow_at(
        &self,
        id: WorkflowId,
        seq: u64,
    ) -> Result<Option<WorkflowView>, Error> {
        self.view(id, seq.saturating_add(1)).await
    }

    async fn view(&self, id: WorkflowId, until: u64) -> Result<Option<WorkflowView>, Error> {
        match Story::read(&self.shared.journal, id, until).await? {
            Some(story) => Ok(Some(assemble::workflow(&self.shared.journal, story).await?)),
            None => Ok(None),
        }
    }

    /// Whose a workflow is; none when there is no such. Reads one event.
    ///
    /// # Errors
    /// As [`Self::workflow`].
    pub async fn owner(&self, id: WorkflowId) -> Result<Option<Owner>, Error> {
        let mut story = Story::new(id);
        for event in self.shared.journal.read(id.intent().stream(), 0, 1).await? {
            story.fold_intent(&event)?;
        }
        let request = story.intent.request;
        Ok(request.map(|request| Owner { tenant: request.tenant, user: request.user }))
    }

    /// The plan in force, as a document; none when there is none, or it was erased.
    ///
    /// # Errors
    /// [`Error::Missing`], and as [`Self::workflow`].
    pub async fn plan(&self, id: WorkflowId) -> Result<Option<Plan>, Error> {
        let mut story = self.story(id).await?;
        story.read_plan(&self.shared.journal).await?;
        Ok(story.plan)
    }

    /// What a step brought, and how that was verified; none when it brought nothing yet or its
    /// output was erased.
    ///
    /// # Errors
    /// [`Error::Missing`], and as [`Self::workflow`].
    pub async fn output(
        &self,
        id: WorkflowId,
        step: &str,
    ) -> Result<Option<(Value, Option<Value>)>, Error> {
        let story = self.story(id).await?;
        let Some(StepState::Completed(Output { body, evidence, .. })) =
            story.workflow.steps.get(step).map(|s| &s.state)
        else {
            return Ok(None);
        };
        let bodies = assemble::Bodies { journal: &self.shared.journal, owner: id.0 };
        let Some(value) = bodies.json(*body).await? else { return Ok(None) };
        let evidence = match evidence {
            Some(evidence) => bodies.json(*evidence).await?,
            None => None,
        };
        Ok(Some((value, evidence)))
    }

    async fn story(&self, id: WorkflowId) -> Result<Story, Error> {
        let story = Story::read(&self.shared.journal, id, u64::MAX).await?;
        story.ok_or(Error::Missing(id))
    }

    /// Every event of a workflow and its intent in order of time; none when there is no such. An
    /// event that cannot be read is shown as that.
    ///
    /// # Errors
    /// When the journal cannot be read; a broken chain is `Corrupt`.
    pub async fn audit(&self, id: WorkflowId) -> Result<Option<Vec<AuditDecision>>, Error> {
        audit::trail(&self.shared.journal, id).await
    }

    /// Why a workflow came out as it did; none when there is no such. `lessons` is the book, from
    /// which the sentences of those that had to do with it are taken.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn why(&self, id: WorkflowId, lessons: &[Lesson]) -> Result<Option<Why>, Error> {
        why::explain(&self.shared.journal, id, lessons).await
    }

    /// The spans of a workflow, folded from its events; none when there is no such.
    ///
    /// # Errors
    /// As [`Self::workflow`].
    pub async fn spans(&self, id: WorkflowId) -> Result<Option<Spans>, Error> {
        Spans::read(&self.shared.journal, id).await
    }

    /// Two workflows side by side: what came out differently.
    ///
    /// # Errors
    /// [`Error::Missing`], and as [`Self::workflow`].
    pub async fn compare(&self, left: WorkflowId, right: WorkflowId) -> Result<Comparison, Error> {
        compare::compare(&self.shared.journal, left, right).await
    }

    /// Computes the chains of a workflow and its intent anew from their first events and holds
    /// them against what was acknowledged; none when there is no such workflow.
    ///
    /// # Errors
    /// `Corrupt` when they differ, naming the stream, and when the journal cannot be read.
    pub async fn verify(&self, id: WorkflowId) -> Result<Option<Verified>, Error> {
        audit::verify(&self.shared.journal, id).await
    }

    /// The events of a workflow's stream from sequence `from` on, then those to come; ends after
    /// the event that ends the workflow. None is missed or given twice, and a slow reader holds
    /// up nobody. After an error it ends; go on with `from` behind the last event received.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Stopped`], and when the journal cannot be read.
    pub async fn watch(
        &self,
        id: WorkflowId,
        from: u64,
    ) -> Result<BoxStream<'static, Result<Change, Error>>, Error> {
        let waker = self.shared.wakers.register(id.0)?;
        if self.shared.journal.head(id.stream()).await?.is_none() {
            return Err(Error::Missing(id));
        }
        Ok(watch::changes(self.shared.journal.clone(), id, from, waker))
    }

    /// A page of workflows, newest first, of at most `limit` (1 to 500) rows. The figures are the
    /// index's, a moment behind.
    ///
    /// # Errors
    /// [`Error::BadToken`], and when the journal cannot be read.
    pub async fn list(
        &self,
        filter: &Filter,
        page_token: Option<&str>,
        limit: usize,
    ) -> Result<Page<Summary>, Error> {
        let complete = self.is_ready();
        let Shared { journal, index, .. } = &*self.shared;
        let (items, next) = index::list(journal, index, filter, page_token, limit).await?;
        Ok(Page { items, next, complete })
    }

    /// A page of questions to humans across workflows, newest first, of at most `limit` (1 to
    /// 500) rows.
    ///
    /// # Errors
    /// [`Error::BadToken`], and when the journal cannot be read. A workflow that is
    /// [damaged](Error::Damaged) is left out, and the log says so.
    pub async fn escalations(
        &self,
        filter: &EscalationFilter,
        page_token: Option<&str>,
        limit: usize,
    ) -> Result<Page<EscalationItem>, Error> {
        let complete = self.is_ready();
        let Shared { journal, index, .. } = &*self.shared;
        let (items, next) = index::escalations(journal, index, filter, page_token, limit).await?;
        Ok(Page { items, next, complete })
    }

    /// What was spent, by tenant, user, model or day, of one tenant or of all.
    #[must_use]
    pub fn cost_by(&self, dimension: Dimension, tenant: Option<&str>) -> Vec<CostLine> {
        self.bill(&[dimension], tenant).into_iter().map(CostLine::from).collect()
    }

    /// What was spent, split by several dimensions at once, of one tenant or of all; one line
    /// with the sum of all without a dimension.
    #[must_use]
    pub fn bill(&self, dimensions: &[Dimension], tenant: Option<&str>) -> Vec<BillLine> {
        cost::lines(self.shared.index.bill(dimensions, tenant))
    }

    /// Counts since the journal began; none until the index has all there was at the start, so
    /// that nobody takes a part of history for a reset.
    #[must_use]
    pub fn metrics(&self) -> Option<Metrics> {
        self.is_ready().then(|| self.shared.index.metrics())
    }

    /// Whether lists, counts and sums cover all there is.
    #[must_use]
    pub fn ready(&self) -> Ready {
        self.shared.progress.borrow().ready.clone()
    }

    fn is_ready(&self) -> bool {
        self.ready() == Ready::Yes
    }

    /// Waits until [`Self::ready`] is `Yes`.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub async fn wait_ready(&self) -> Result<(), Error> {
        let mut progress = self.shared.progress.subscribe();
        let over = |ready: &Ready| matches!(ready, Ready::Yes | Ready::Stopped);
        let found = progress.wait_for(|p| over(&p.ready)).await.map_err(|_| Error::Stopped)?;
        if found.ready == Ready::Stopped { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Waits until the index holds the event at `position`: the list that comes then shows it.
    ///
    /// # Errors
    /// [`Error::Stopped`]. It sets no time limit; the caller does.
    pub async fn wait_for(&self, position: Position) -> Result<(), Error> {
        follower::reach(&self.shared, position).await
    }
}
