//! From a fold and its bodies to what is shown.

use crate::{
    Error,
    story::{StepStory, Story},
    view::{
        CancelView, ContextView, EscalationView, PlanView, ResolvedView, ResultView, StepStatus,
        StepView, WorkView, WorkflowView,
    },
};
use autoos_journal::{self as journal, SharedJournal};
use autoos_kernel::{
    body::BodyRef,
    plan::outline::StepKind,
    workflow::{Escalation, Output, Step, StepState, is_planning},
};
use serde_json::Value;
use uuid::Uuid;

/// The bodies of one workflow.
pub(crate) struct Bodies<'a> {
    pub(crate) journal: &'a SharedJournal,
    pub(crate) owner: Uuid,
}

impl Bodies<'_> {
    /// The bytes of a body, or none, and whether that is because it was erased.
    pub(crate) async fn fetch(&self, body: BodyRef) -> Result<(Option<Vec<u8>>, bool), Error> {
        match self.journal.body(self.owner, body).await {
            Ok(bytes) => Ok((bytes, false)),
            Err(journal::Error::Erased(_)) => Ok((None, true)),
            Err(error) => Err(error.into()),
        }
    }

    /// A body as text, or none, and whether that is because it was erased.
    pub(crate) async fn text(&self, body: BodyRef) -> Result<(Option<String>, bool), Error> {
        let (bytes, erased) = self.fetch(body).await?;
        Ok((bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()), erased))
    }

    /// A body as a JSON document; one that is none is shown as the text that it is.
    pub(crate) async fn json(&self, body: BodyRef) -> Result<Option<Value>, Error> {
        Ok(self.fetch(body).await?.0.map(|bytes| {
            serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()))
        }))
    }
}

/// Everything about one workflow.
pub(crate) async fn workflow(
    journal: &SharedJournal,
    mut story: Story,
) -> Result<WorkflowView, Error> {
    story.read_plan(journal).await?;
    let workflow = &story.workflow;
    let bodies = Bodies { journal, owner: workflow.id.0 };
    let request = story.intent.request.as_ref();
    let created = if request.is_some() { Some(story.accepted) } else { workflow.created };
    let created = created.unwrap_or_default();
    let updated = workflow.updated.max(created);
    let ended = workflow.end.as_ref().map(|end| end.at);
    let (intent, erased) = match request {
        Some(request) => bodies.text(request.text).await?,
        None => (None, false),
    };
    let result = match workflow.end.as_ref().and_then(|end| end.output.as_ref()) {
        Some(output) => Some(result(&bodies, output).await?),
        None => None,
    };
    let contexts = request.map(|r| r.contexts.as_slice()).unwrap_or_default();
    Ok(WorkflowView {
        id: workflow.id,
        intent_id: workflow.id.intent(),
        intent,
        erased,
        tenant: request.map(|r| r.tenant.clone()).unwrap_or_default(),
        user: request.map(|r| r.user.clone()).unwrap_or_default(),
        contexts: contexts
            .iter()
            .map(|c| ContextView { name: c.name.clone(), label: c.label.clone(), bytes: c.bytes })
            .collect(),
        state: workflow.state(),
        risk: workflow.risk,
        created,
        updated,
        ended,
        deadline: workflow.deadline,
        duration_ms: ended.unwrap_or(updated).since_ms(created),
        budget: workflow.budget.into(),
        plan: plan(&story),
        refused: workflow.refused.clone(),
        steps: order(&story).iter().filter_map(|id| step(&story, id)).collect(),
        escalations: escalations(&bodies, &story).await?,
        cancelled: workflow.cancelled.clone().map(|(by, reason)| CancelView { by, reason }),
        result,
        failure: workflow.end.as_ref().and_then(|end| end.reason.clone()),
        tokens: story.tokens,
        calls: story.calls,
        seq: story.next,
    })
}

fn plan(story: &Story) -> Option<PlanView> {
    let adopted = story.workflow.plan.as_ref()?;
    let document = story.plan.as_ref();
    Some(PlanView {
        name: document.map(|p| p.name.clone()),
        version: document.map(|p| p.version),
        revision: adopted.revision,
        worst_case_microusd: adopted.outline.worst_case_microusd,
        task_kind: document.map(|p| p.intent.task_kind.clone()).filter(|kind| !kind.is_empty()),
        result: adopted.outline.result.clone(),
    })
}

/// The ids of all steps in the order in which people follow them.
fn order(story: &Story) -> Vec<String> {
    let steps = &story.workflow.steps;
    let mut order = Vec::with_capacity(steps.len());
    let outline = story.workflow.plan.iter().flat_map(|p| &p.outline.steps);
    let outline: Vec<&str> = outline.map(|s| s.id.as_str()).collect();
    let plannings = steps.keys().map(String::as_str).filter(|id| is_planning(id));
    // Of earlier plans: what a later one goes without.
    let left = steps.iter().filter(|(id, step)| {
        !is_planning(id) && step.parent.is_none() && !outline.contains(&id.as_str())
    });
    let left = left.map(|(id, _)| id.as_str());
    for id in plannings.chain(outline.iter().copied()).chain(left) {
        let Some(step) = steps.get(id) else { continue };
        order.push(id.to_owned());
        order.extend((0..step.items.unwrap_or(0)).map(|item| format!("{id}.{item}")));
    }
    order
}

/// One step; none when there is no such.
pub(crate) fn step(story: &Story, id: &str) -> Option<StepView> {
    let step = story.workflow.steps.get(id)?;
    let none = StepStory::default();
    let told = story.steps.get(id).unwrap_or(&none);
    let due = match &step.state {
        StepState::BackingOff { due, .. } | StepState::Waiting { due } => Some(*due),
        _ => None,
    };
    let output = match &step.state {
        StepState::Completed(output) => Some(output),
        _ => step.doubtful.as_ref(),
    };
    Some(StepView {
        id: id.to_owned(),
        title: story.title(id),
        work: work(step, told),
        state: StepStatus::of(step),
        due,
        started: told.started,
        ended: told.ended,
        duration_ms: told.started.zip(told.ended).map(|(from, to)| to.since_ms(from)),
        cost_microusd: step.spent,
        note: note(step, told),
        confidence: output.and_then(|o| o.confidence),
        needs: step.outline.needs.clone(),
        attempts: told.attempts.clone(),
        climbs: told.climbs.clone(),
    })
}

fn work(step: &Step, told: &StepStory) -> WorkView {
    match &step.outline.kind {
        StepKind::Tool { name, effect } => WorkView::Tool { tool: name.clone(), effect: *effect },
        StepKind::Wait { ms } => WorkView::Wait { wait_ms: *ms },
        StepKind::Ask { role, models, .. } => {
            // Whoever gave, or is to give, the answer; its reviewers are named in the attempts.
            let author = models.get(step.model).map(|m| m.model.clone());
            let asked = || told.attempts.last().and_then(|a| a.model.clone());
            WorkView::Ask { role: *role, model: author.or_else(asked) }
        }
    }
}

fn note(step: &Step, told: &StepStory) -> Option<String> {
    match &step.state {
        _ if StepStatus::of(step) == StepStatus::AwaitingModels => told.awaited.clone(),
        StepState::Dropped => Some("a later plan goes without it".to_owned()),
        StepState::Skipped { reason } => Some(reason.clone()),
        StepState::Failed { exit } => Some(step.note.clone().unwrap_or_else(|| exit.to_string())),
        _ => step.note.clone(),
    }
}

async fn escalations(bodies: &Bodies<'_>, story: &Story) -> Result<Vec<EscalationView>, Error> {
    let mut views = Vec::new();
    for (number, asked) in &story.workflow.escalations {
        views.push(escalation(bodies, story, *number, asked).await?);
    }
    Ok(views)
}

/// One question to a human.
pub(crate) async fn escalation(
    bodies: &Bodies<'_>,
    story: &Story,
    number: u32,
    asked: &Escalation,
) -> Result<EscalationView, Error> {
    let open = asked.resolved.is_none() && story.workflow.end.is_none();
    let step = story.workflow.steps.get(&asked.step);
    let doubtful = step.and_then(|s| s.doubtful.as_ref()).filter(|_| open);
    let (proposed, verification) = match doubtful {
        Some(output) => (
            bodies.json(output.body).await?,
            match output.evidence {
                Some(evidence) => bodies.json(evidence).await?,
                None => None,
            },
        ),
        None => (None, None),
    };
    let mut answers = Vec::new();
    if open {
        answers.extend(doubtful.map(|_| "approve"));
        answers.extend(["edit", "retry", "raise"]);
        answers.extend((!is_planning(&asked.step)).then_some("skip"));
        answers.push("abandon");
    }
    Ok(EscalationView {
        number,
        step: asked.step.clone(),
        exit: asked.exit.to_string(),
        detail: asked.detail.clone(),
        asked: asked.at,
        due: asked.due,
        default: "abandon",
        answers,
        proposed,
        verification,
        open,
        resolved: asked.resolved.as_ref().map(|(decision, by)| ResolvedView {
            decision: decision.name(),
            by: by.clone(),
            at: story.resolved.get(&number).copied().unwrap_or_default(),
        }),
    })
}

async fn result(bodies: &Bodies<'_>, output: &Output) -> Result<ResultView, Error> {
    let (text, value) = match bodies.json(output.body).await? {
        Some(Value::String(text)) => (Some(text), None),
        other => (None, other),
    };
    let verification = match output.evidence {
        Some(evidence) => bodies.json(evidence).await?,
        None => None,
    };
    Ok(ResultView { text, value, confidence: output.confidence, verification })
}
