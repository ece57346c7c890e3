//! Two workflows side by side: what came out differently, step by step. Made for a fork and its
//! parent, and right for any two.

use crate::{
    Error,
    assemble::{self, Bodies},
    diff::{self, Line},
    story::Story,
    view::{StepStatus, Tokens, WorkView},
};
use autoos_journal::SharedJournal;
use autoos_kernel::{
    id::WorkflowId,
    words::WorkflowState,
    workflow::{Output, StepState, is_planning},
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// Two workflows side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The one.
    pub left: Side,
    /// The other.
    pub right: Side,
    /// Events that both share from their start, where one was forked from the other.
    pub shared_events: Option<u64>,
    /// Every step of either, those of the left first.
    pub steps: Vec<Pair>,
    /// How the result of the right differs from that of the left; empty when it does not.
    pub result: Vec<Line>,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// The workflow.
    pub id: WorkflowId,
    /// Where it stands.
    pub state: WorkflowState,
    /// The workflow that it was forked from.
    pub forked_from: Option<WorkflowId>,
    /// Whether its texts were destroyed: then nothing is said of what they were.
    pub erased: bool,
    /// How sure its result is, in 0..=1.
    pub confidence: Option<f64>,
    /// What it spent, what it took over from a parent included.
    pub cost_microusd: u64,
    /// Tokens of all calls.
    pub tokens: Tokens,
    /// From its acceptance to its end, or to its last event.
    pub duration_ms: u64,
    /// Every model that was asked.
    pub models: Vec<String>,
    /// The result, as text.
    pub result: Option<String>,
    /// Why there is none.
    pub failure: Option<String>,
}

/// A step on both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The step.
    pub id: String,
    /// On the left; none where it has no such step.
    pub left: Option<StepSide>,
    /// On the right.
    pub right: Option<StepSide>,
    /// Whether both brought the same; none where one of them brought nothing that can be read.
    pub same: Option<bool>,
    /// How the output of the right differs from that of the left.
    pub changes: Vec<Line>,
}

/// A step on one side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepSide {
    /// Where it stands.
    pub state: StepStatus,
    /// Who was asked last, or the tool.
    pub by: String,
    /// Attempts.
    pub attempts: usize,
    /// How sure its output is, in 0..=1.
    pub confidence: Option<f64>,
    /// What all attempts cost.
    pub cost_microusd: u64,
}

/// One of the two while they are compared.
struct Half {
    story: Story,
    side: Side,
}

/// Compares two workflows.
pub(crate) async fn compare(
    journal: &SharedJournal,
    left: WorkflowId,
    right: WorkflowId,
) -> Result<Comparison, Error> {
    let (left, right) = (half(journal, left).await?, half(journal, right).await?);
    let mut ids: Vec<&String> = Vec::new();
    let mut known = BTreeSet::new();
    for story in [&left.story, &right.story] {
        ids.extend(story.workflow.steps.keys().filter(|id| known.insert(id.as_str())));
    }
    // Plannings first, as they were first.
    ids.sort_by_key(|id| !is_planning(id));
    let mut steps = Vec::with_capacity(ids.len());
    for id in ids {
        let (was, is) = (output(journal, &left, id).await?, output(journal, &right, id).await?);
        steps.push(Pair {
            id: id.clone(),
            left: step(&left.story, id),
            right: step(&right.story, id),
            same: was.as_ref().zip(is.as_ref()).map(|(was, is)| was == is),
            changes: was.zip(is).map(|(was, is)| diff::lines(&was, &is)).unwrap_or_default(),
        });
    }
    let text = |half: &Half| half.side.result.clone().unwrap_or_default();
    let result = diff::lines(&text(&left), &text(&right));
    let shared_events = shared(&left.story, &right.story);
    Ok(Comparison { left: left.side, right: right.side, shared_events, steps, result })
}

/// What both have in common from their start.
fn shared(left: &Story, right: &Story) -> Option<u64> {
    let of = |child: &Story, parent: &Story| {
        let fork = child.workflow.fork.as_ref()?;
        (fork.parent == parent.workflow.id).then_some(fork.at)
    };
    of(left, right).or_else(|| of(right, left))
}

async fn half(journal: &SharedJournal, id: WorkflowId) -> Result<Half, Error> {
    let story = Story::read(journal, id, u64::MAX).await?.ok_or(Error::Missing(id))?;
    let view = assemble::workflow(journal, story.clone()).await?;
    let models: BTreeSet<String> = view
        .steps
        .iter()
        .flat_map(|step| step.attempts.iter().filter_map(|attempt| attempt.model.clone()))
        .collect();
    let result = view.result.as_ref().and_then(|result| {
        result.text.clone().or_else(|| result.value.as_ref().map(|value| format!("{value:#}")))
    });
    let side = Side {
        id,
        state: view.state,
        forked_from: story.workflow.fork.as_ref().map(|fork| fork.parent),
        erased: view.erased,
        confidence: view.result.as_ref().and_then(|result| result.confidence),
        cost_microusd: view.budget.spent_microusd.saturating_add(view.budget.excess_microusd),
        tokens: view.tokens,
        duration_ms: view.duration_ms,
        models: models.into_iter().collect(),
        result,
        failure: view.failure,
    };
    Ok(Half { story, side })
}

fn step(story: &Story, id: &str) -> Option<StepSide> {
    let view = assemble::step(story, id)?;
    Some(StepSide {
        state: view.state,
        by: match view.work {
            WorkView::Tool { tool, .. } => tool,
            WorkView::Ask { model, role } => model.unwrap_or_else(|| role.to_string()),
            WorkView::Wait { .. } => "a timer".to_owned(),
        },
        attempts: view.attempts.len(),
        confidence: view.confidence,
        cost_microusd: view.cost_microusd,
    })
}

/// What a step brought, as text with a value's fields each in a line.
async fn output(journal: &SharedJournal, half: &Half, id: &str) -> Result<Option<String>, Error> {
    let state = half.story.workflow.steps.get(id).map(|step| &step.state);
    let Some(StepState::Completed(Output { body, .. })) = state else { return Ok(None) };
    let bodies = Bodies { journal, owner: half.side.id.0 };
    Ok(bodies.json(*body).await?.map(|value| match value {
        Value::String(text) => text,
        other => format!("{other:#}"),
    }))
}
