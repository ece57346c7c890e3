//! What a revision of a plan changed: pure.

use super::document::PlanDiff;
use autoos_kernel::{
    plan::{
        Plan, Work,
        outline::{Outline, StepKind},
    },
    workflow::{Workflow, is_planning},
};

/// Compares a revision with how the workflow stood before it was adopted; the documents say
/// whether a step that is there again does something else.
pub(super) fn diff(
    before: &Workflow,
    outline: &Outline,
    documents: (Option<&Plan>, Option<&Plan>),
) -> PlanDiff {
    let mut diff = PlanDiff::default();
    for step in &outline.steps {
        let id = step.id.clone();
        match before.steps.get(&step.id) {
            None => diff.new.push(id),
            Some(known) if !known.is_replaceable() => diff.kept.push(id),
            Some(known) => {
                let other = match documents {
                    (Some(old), Some(new)) => written(old, &id) != written(new, &id),
                    // Without their texts only the shape can be compared.
                    _ => known.outline.kind != step.kind || known.outline.needs != step.needs,
                };
                if other { diff.changed.push(id) } else { diff.again.push(id) }
            }
        }
    }
    let named = |id: &str| outline.steps.iter().any(|step| step.id == id);
    let gone = before.steps.iter().filter(|(id, step)| {
        !is_planning(id) && step.parent.is_none() && step.is_replaceable() && !named(id)
    });
    diff.dropped = gone.map(|(id, _)| id.clone()).collect();
    diff
}

fn written<'a>(plan: &'a Plan, id: &str) -> Option<&'a autoos_kernel::plan::WorkflowStep> {
    plan.steps.iter().find(|step| step.id == id)
}

/// The steps of a plan, each with what it does.
pub(super) fn steps(outline: &Outline, document: Option<&Plan>) -> Vec<(String, String)> {
    let told = |id: &str| {
        let step = document.and_then(|plan| written(plan, id))?;
        Some(step.title.clone()).filter(|title| !title.is_empty()).or_else(|| match &step.work {
            Work::Ask { instruction, .. } => Some(instruction.clone()),
            Work::Tool { .. } | Work::Wait { .. } => None,
        })
    };
    let of = |kind: &StepKind| work(kind);
    outline
        .steps
        .iter()
        .map(|s| (s.id.clone(), told(&s.id).unwrap_or_else(|| of(&s.kind))))
        .collect()
}

/// What a step is worked by.
pub(super) fn work(kind: &StepKind) -> String {
    match kind {
        StepKind::Tool { name, .. } => name.clone(),
        StepKind::Ask { role, .. } => role.to_string(),
        StepKind::Wait { ms } => format!("wait {ms} ms"),
    }
}
