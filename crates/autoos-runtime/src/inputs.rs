//! Where a step's inputs come from: pure look-ups in contexts and outputs.

use crate::brief::{Brief, Source as Content};
use autoos_kernel::{
    plan::{Plan, Source, WorkflowStep},
    workflow::{Step, StepState, Verdict, Workflow},
};
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};

/// Everything that a source can point into.
pub(crate) struct Inputs<'a> {
    pub(crate) brief: &'a Brief,
    pub(crate) workflow: &'a Workflow,
    pub(crate) outputs: &'a HashMap<String, Arc<Value>>,
}

/// What a source points at.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// A value.
    Value(Arc<Value>),
    /// A file of the node.
    File(std::path::PathBuf),
}

impl Inputs<'_> {
    /// What `source` points at, seen from an element of a list where there is one; none when it
    /// is not there, because a step was left out or the pointer leads nowhere.
    pub(crate) fn find(&self, source: &Source, item: Option<&Value>) -> Option<Found> {
        match source {
            Source::Context(name) => match &self.brief.context(name)?.content {
                Content::Text(text) => {
                    Some(Found::Value(Arc::new(Value::String(text.to_string()))))
                }
                Content::File(path) => Some(Found::File(path.clone())),
            },
            Source::Item(at) => Some(Found::Value(Arc::new(item?.pointer(at)?.clone()))),
            Source::Step { id, at } => {
                let whole = self.output(id)?;
                if at.is_empty() {
                    return Some(Found::Value(whole));
                }
                Some(Found::Value(Arc::new(whole.pointer(at)?.clone())))
            }
        }
    }

    /// The output of a step; of a list the outputs of its elements, null for those left out.
    fn output(&self, id: &str) -> Option<Arc<Value>> {
        let step = self.workflow.steps.get(id)?;
        match (&step.state, step.items) {
            (StepState::Completed(_), _) => self.outputs.get(id).cloned(),
            (StepState::Gathered, Some(items)) => {
                let element = |item| {
                    let output = self.outputs.get(&format!("{id}.{item}"));
                    output.map_or(Value::Null, |value| (**value).clone())
                };
                Some(Arc::new((0..items).map(element).collect()))
            }
            _ => None,
        }
    }

    /// The element that a step of a list is at.
    pub(crate) fn item(&self, plan: &Plan, step: &Step) -> Option<Value> {
        let (list, index) = step.parent.as_ref()?;
        let source = written(plan, list)?.each.as_ref()?;
        match self.find(source, None)? {
            Found::Value(value) => value.get(*index as usize).cloned(),
            Found::File(_) => None,
        }
    }

    /// Looks at a step's condition, then at its list.
    pub(crate) fn evaluate(&self, plan: &Plan, id: &str) -> Verdict {
        let Some(step) = written(plan, id) else {
            return Verdict::Impossible { reason: format!("the plan has no step {id}") };
        };
        if let Some(condition) = &step.when {
            let found = self.find(&condition.value, None);
            let holds = match &found {
                Some(Found::Value(value)) => condition.is.holds(Some(value)),
                Some(Found::File(path)) => {
                    condition.is.holds(Some(&Value::String(path.display().to_string())))
                }
                None => condition.is.holds(None),
            };
            if !holds {
                return Verdict::Skip { reason: "its condition does not hold".into() };
            }
        }
        let Some(source) = &step.each else { return Verdict::Run };
        let Some(Found::Value(value)) = self.find(source, None) else {
            return Verdict::Impossible { reason: "the list of 'each' is not there".into() };
        };
        let Some(list) = value.as_array() else {
            return Verdict::Impossible { reason: "what 'each' points at is not a list".into() };
        };
        match u32::try_from(list.len()) {
            Ok(items) if items <= step.limits.items => Verdict::Each(items),
            _ => Verdict::Impossible {
                reason: format!(
                    "the list has {} elements, and limits.items allows {}",
                    list.len(),
                    step.limits.items
                ),
            },
        }
    }
}

/// A step as the plan has it.
pub(crate) fn written<'a>(plan: &'a Plan, id: &str) -> Option<&'a WorkflowStep> {
    plan.steps.iter().find(|s| s.id == id)
}
