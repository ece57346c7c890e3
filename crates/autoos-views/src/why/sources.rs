//! Where the inputs of a step come from, looked up in what the journal has: pure.

use super::history::{History, written};
use autoos_fabric::verify::Index;
use autoos_kernel::{
    plan::{Plan, Source, Work, WorkflowStep},
    words::LlmRole,
    workflow::{Output, StepState, Workflow},
};
use serde_json::Value;

/// The plan in force and what its steps brought.
pub(super) struct Sources<'a> {
    pub(super) history: &'a History,
    pub(super) plan: &'a Plan,
    pub(super) workflow: &'a Workflow,
}

/// What an input is the value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Step(String),
    Context(String),
}

/// An input of a step.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) value: Value,
}

impl Sources<'_> {
    /// A step as the plan has it; of an element that of its list.
    pub(super) fn written(&self, id: &str) -> Option<&WorkflowStep> {
        let parent = self.workflow.steps.get(id).and_then(|step| step.parent.as_ref());
        let of = parent.map_or(id, |(list, _)| list);
        self.plan.steps.iter().find(|step| step.id == of)
    }

    /// What a step brought, or the answer of it that was doubted last.
    pub(super) fn answer(&self, id: &str) -> Option<&Output> {
        let step = self.workflow.steps.get(id)?;
        match &step.state {
            StepState::Completed(output) => Some(output),
            _ => step.doubtful.as_ref(),
        }
    }

    /// The value of a step's output; of a list those of its elements.
    pub(super) fn output(&self, id: &str) -> Option<Value> {
        if let Some(output) = self.answer(id) {
            return self.history.value(output.body);
        }
        let elements = self.elements(id);
        let value = |id: &String| self.output(id).unwrap_or_default();
        (!elements.is_empty()).then(|| elements.iter().map(value).collect())
    }

    /// The elements of a list.
    pub(super) fn elements(&self, id: &str) -> Vec<String> {
        let items = self.workflow.steps.get(id).and_then(|step| step.items).unwrap_or(0);
        (0..items).map(|item| format!("{id}.{item}")).collect()
    }

    /// The inputs that are evidence for a step: verdicts are none.
    pub(super) fn inputs(&self, id: &str) -> Vec<Input> {
        let Some(step) = self.written(id) else { return Vec::new() };
        let mut inputs = Vec::new();
        for (name, source) in &step.inputs {
            let Some(origin) = self.origin(source, step) else { continue };
            if matches!(&origin, Origin::Step(of) if self.judges(of)) {
                continue;
            }
            if let Some(value) = self.find(source, id) {
                inputs.push(Input { name: name.clone(), origin, value });
            }
        }
        inputs
    }

    /// Whether a step gives verdicts rather than answers.
    pub(super) fn judges(&self, id: &str) -> bool {
        let role = |step: &WorkflowStep| match &step.work {
            Work::Ask { role, .. } => Some(*role),
            Work::Tool { .. } | Work::Wait { .. } => None,
        };
        let role = self.written(id).and_then(role);
        matches!(role, Some(LlmRole::Verifier | LlmRole::Auditor))
    }

    fn origin(&self, source: &Source, step: &WorkflowStep) -> Option<Origin> {
        match source {
            Source::Step { id, .. } => Some(Origin::Step(id.clone())),
            Source::Context(name) => Some(Origin::Context(name.clone())),
            Source::Item(_) => match step.each.as_ref()? {
                Source::Item(_) => None,
                list => self.origin(list, step),
            },
        }
    }

    /// What a source of a step points at.
    fn find(&self, source: &Source, seen_from: &str) -> Option<Value> {
        match source {
            Source::Step { id, at } => Some(self.output(id)?.pointer(at)?.clone()),
            Source::Context(name) => self.context(name),
            Source::Item(at) => {
                let (_, item) = self.workflow.steps.get(seen_from)?.parent.as_ref()?;
                let list = self.written(seen_from)?.each.as_ref()?;
                if matches!(list, Source::Item(_)) {
                    return None;
                }
                Some(self.find(list, seen_from)?.get(*item as usize)?.pointer(at)?.clone())
            }
        }
    }

    /// A context that came inline; what files hold is not in the journal.
    pub(super) fn context(&self, name: &str) -> Option<Value> {
        let request = self.history.story.intent.request.as_ref()?;
        let context = request.contexts.iter().find(|context| context.name == name)?;
        match context.content {
            autoos_kernel::intent::Content::Inline(body) => {
                self.history.text(body).map(Value::from)
            }
            autoos_kernel::intent::Content::File(_) => None,
        }
    }

    /// The evidence of a step, to check answers against.
    pub(super) fn index(&self, inputs: &[Input]) -> Index {
        Index::of(inputs.iter().map(|input| (input.name.as_str(), &input.value)))
    }

    /// What a step was asked, which its answer may repeat.
    pub(super) fn question(&self, id: &str) -> String {
        let request = self.history.story.intent.request.as_ref();
        let intent = request.and_then(|request| self.history.text(request.text)).unwrap_or("");
        match self.written(id).map(|step| &step.work) {
            Some(Work::Ask { instruction, .. }) => format!("{intent}\n{instruction}"),
            _ => intent.to_owned(),
        }
    }

    /// The answers that a step's output speaks through: itself when a model gave it, else those
    /// that it was made of.
    pub(super) fn speakers(&self, id: &str) -> Vec<String> {
        let (mut found, mut seen, mut open) = (Vec::new(), Vec::new(), vec![id.to_owned()]);
        while let Some(id) = open.pop() {
            if seen.contains(&id) {
                continue;
            }
            seen.push(id.clone());
            let Some(step) = self.written(&id) else { continue };
            if matches!(step.work, Work::Ask { .. }) && !self.judges(&id) {
                let elements = self.elements(&id);
                found.extend(if elements.is_empty() { vec![id] } else { elements });
                continue;
            }
            let reads = match &step.work {
                Work::Tool { reads, .. } => reads.as_ref(),
                Work::Ask { .. } | Work::Wait { .. } => None,
            };
            let sources = step.inputs.values().chain(reads);
            for origin in sources.filter_map(|source| self.origin(source, step)) {
                if let Origin::Step(of) = origin {
                    open.push(of);
                }
            }
        }
        found.sort();
        found
    }
}

/// The answer of a step as text.
pub(super) fn spoken(sources: &Sources<'_>, id: &str) -> Option<String> {
    sources.output(id).as_ref().map(written)
}
