//! Watching one workflow: what happened, then what happens, until it has ended.
//!
//! A watcher reads the workflow's own stream at its own pace and is woken when something was
//! recorded there; nothing is queued for it. So it misses nothing, gets nothing twice, and a slow
//! one holds up nobody.

use crate::{
    Error, assemble,
    audit::{self, AuditEntry},
    story::{PAGE, Story},
    view::StepView,
    wake::Waker,
};
use autoos_journal::{self as journal, SharedJournal, open_texts};
use autoos_kernel::{id::WorkflowId, words::WorkflowState};
use futures::{StreamExt, stream, stream::BoxStream};
use serde::Serialize;
use std::collections::VecDeque;

/// One event of a workflow and how things stand after it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The event.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// Where the workflow stands after it.
    pub state: WorkflowState,
    /// The step that it is about, as it stands after it.
    pub step: Option<StepView>,
    /// Steps that are over; the elements of lists and the planning step count.
    pub steps_over: usize,
    /// Steps that are known.
    pub steps: usize,
    /// What was spent so far, in micro-dollars.
    pub spent_microusd: u64,
}

struct Watcher {
    journal: SharedJournal,
    id: WorkflowId,
    from: u64,
    story: Story,
    read: VecDeque<journal::Event>,
    waker: Waker,
    over: bool,
}

/// The changes from sequence `from` on, to the one that ends the workflow.
pub(crate) fn changes(
    journal: SharedJournal,
    id: WorkflowId,
    from: u64,
    waker: Waker,
) -> BoxStream<'static, Result<Change, Error>> {
    let watcher = Watcher {
        journal,
        id,
        from,
        story: Story::new(id),
        read: VecDeque::new(),
        waker,
        over: false,
    };
    stream::unfold(watcher, |mut watcher| async move {
        let next = watcher.next().await.transpose()?;
        watcher.over |= next.is_err();
        Some((next, watcher))
    })
    .boxed()
}

impl Watcher {
    /// The next change; none once the workflow's last event was told.
    async fn next(&mut self) -> Result<Option<Change>, Error> {
        while !self.over {
            match self.read.pop_front() {
                Some(event) => {
                    let change = self.tell(&event).await?;
                    if event.seq >= self.from {
                        return Ok(Some(change));
                    }
                }
                None if self.story.workflow.end.is_some() => self.over = true,
                None => self.fill().await?,
            }
        }
        Ok(None)
    }

    /// Reads what there is, or waits for more.
    async fn fill(&mut self) -> Result<(), Error> {
        // Marked as seen before looking, so that what is recorded in between wakes the wait.
        self.waker.mark_seen();
        let mut page = self.journal.read(self.id.stream(), self.story.next, PAGE).await?;
        if page.is_empty() {
            return self.waker.wait().await;
        }
        open_texts(&*self.journal, &mut page).await?;
        self.read.extend(page);
        Ok(())
    }

    async fn tell(&mut self, event: &journal::Event) -> Result<Change, Error> {
        let revision = self.story.workflow.plan.as_ref().map(|p| p.revision);
        let (entry, about) = audit::tell(&mut self.story, event);
        if self.story.workflow.plan.as_ref().map(|p| p.revision) != revision {
            self.story.read_plan(&self.journal).await?;
        }
        let steps = &self.story.workflow.steps;
        Ok(Change {
            state: self.story.workflow.state(),
            step: about.and_then(|id| assemble::step(&self.story, &id)),
            steps_over: steps.values().filter(|s| s.state.is_over()).count(),
            steps: steps.len(),
            spent_microusd: self.story.workflow.budget.spent,
            entry,
        })
    }
}
