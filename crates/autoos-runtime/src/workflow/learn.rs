//! What the ends of attempts teach: failures for the lessons, verdicts for what the fabric knows of
//! its models. Told only once the end is recorded.

use crate::lessons::Lessons;
use autoos_fabric::{Judgement, Llm, TaskKind};
use autoos_kernel::{
    id::WorkflowId,
    ladder::{Exit, is_doubt},
    lesson::FailureRecord,
    plan::outline::StepKind,
    words::LlmRole,
    workflow::{Command, Decision, Event, Output, Purpose, Step, StepState, Workflow},
};

/// Something to be told.
pub(super) enum Learned {
    Failure(FailureRecord),
    Verdict(Judgement),
    /// A step of this kind brought what it should.
    Pass(WorkflowId, String),
}

impl Learned {
    pub(super) fn tell(self, lessons: &Lessons, llm: &dyn Llm) {
        match self {
            Self::Failure(record) => lessons.note(record),
            Self::Verdict(judgement) => llm.judged(&judgement),
            Self::Pass(workflow, task) => lessons.pass(workflow, task),
        }
    }
}

/// An attempt in flight, as it stood before a command.
pub(super) struct Before {
    step: String,
    task: String,
    tool: Option<String>,
    /// Who gave the answer that the attempt works on or makes sure of.
    author: Option<String>,
    /// Who works the attempt.
    worker: Option<String>,
    purpose: Purpose,
    /// Of an answer that is being made sure of: how sure it was by itself, and what kind of call
    /// brought it.
    answer: Option<(f64, TaskKind)>,
    /// Whose verdict against the answer stood alone.
    contested: Option<String>,
    /// The only other answer, which was rejected before, and how sure it was by itself.
    refuted: Option<(String, f64)>,
    /// Whether its work is a verdict on other steps.
    judges: bool,
    /// The most that its answer's confidence may come to.
    ceiling: Option<f64>,
}

impl Before {
    fn is_capped(&self, doubtful: &Option<Output>) -> bool {
        let sure = doubtful.as_ref().and_then(|output| output.confidence);
        matches!((sure, self.ceiling), (Some(sure), Some(ceiling)) if sure >= ceiling)
    }
}

/// What the command may end.
pub(super) fn before(command: &Command, workflow: &Workflow) -> Vec<Before> {
    let running = |step: &Step| match &step.state {
        StepState::Running(run) => Some(run.purpose),
        _ => None,
    };
    let one = |(id, step): (&String, &Step)| Some(look(id, step, running(step)?));
    match command {
        Command::Ended { step, .. } => {
            workflow.steps.get_key_value(step).and_then(one).into_iter().collect()
        }
        Command::Create(_) => Vec::new(),
        _ => workflow.steps.iter().filter_map(one).collect(),
    }
}

fn look(id: &str, step: &Step, purpose: Purpose) -> Before {
    let (role, tool) = match &step.outline.kind {
        StepKind::Ask { role, .. } => (Some(*role), None),
        StepKind::Tool { name, .. } => (None, Some(name.clone())),
        StepKind::Wait { .. } => (None, None),
    };
    let author = step.candidate().map(|c| c.model.clone());
    let reviewing = step.reviewing.as_ref();
    let worker = match purpose {
        Purpose::Answer => author.clone(),
        Purpose::Second | Purpose::Review => reviewing.and_then(|r| r.model.clone()),
    };
    let first = reviewing.and_then(|r| r.answers.first());
    let answer = first
        .and_then(|a| a.output.confidence)
        .and_then(|sure| Some((sure, TaskKind::of(role?, step.outline.data))));
    let task = step.outline.task().to_owned();
    let judges = matches!(role, Some(LlmRole::Verifier | LlmRole::Auditor));
    let ceiling = step.ceiling().map(|ceiling| ceiling.confidence);
    let contested = reviewing.and_then(|r| Some(r.contested.as_ref()?.model.clone()));
    let refuted = match step.refuted.as_slice() {
        [one] => one.output.confidence.map(|sure| (one.model.clone(), sure)),
        _ => None,
    };
    let step = id.to_owned();
    Before {
        step,
        task,
        tool,
        author,
        worker,
        purpose,
        answer,
        contested,
        refuted,
        judges,
        ceiling,
    }
}

/// What a human's answer says of the one that was in doubt: approved it was right, and wrong where
/// something else was put in its place. Any other answer says nothing about it.
pub(super) fn human(command: &Command, workflow: &Workflow) -> Option<Learned> {
    let Command::Resolve { escalation, decision, .. } = command else { return None };
    let right = match decision {
        Decision::Approve => true,
        Decision::Edit(_) => false,
        Decision::Retry | Decision::Raise(_) | Decision::Skip | Decision::Abandon => return None,
    };
    let escalation = workflow.escalations.get(escalation).filter(|e| e.resolved.is_none())?;
    let step = workflow.steps.get(&escalation.step)?;
    let StepKind::Ask { role, .. } = &step.outline.kind else { return None };
    let doubtful = step.doubtful.as_ref()?;
    // A rejected answer is known with the confidence that it had before the verdict.
    let refuted = step.refuted.iter().rfind(|answer| answer.output.body == doubtful.body);
    let (model, confidence) = match refuted {
        Some(answer) => (answer.model.clone(), answer.output.confidence?),
        None => (step.candidate()?.model.clone(), doubtful.confidence?),
    };
    let kind = TaskKind::of(*role, step.outline.data);
    Some(Learned::Verdict(Judgement { model, kind, confidence, right }))
}

/// What the events that came of it teach.
pub(super) fn after(before: &[Before], events: &[Event], workflow: &Workflow) -> Vec<Learned> {
    let mut learned = Vec::new();
    for event in events {
        let (Event::AttemptFailed { step, .. } | Event::AttemptCompleted { step, .. }) = event
        else {
            continue;
        };
        let Some(was) = before.iter().find(|was| was.step == *step) else { continue };
        let doubt = match event {
            // A verifier of the plan that rejects the work has done its own; and whose answer is
            // only not surer than its review lets it be has done nothing wrong.
            Event::AttemptFailed { exit, .. } if is_doubt(*exit) && was.judges => continue,
            // Who was wrong is known once another has judged.
            Event::AttemptFailed { exit: Exit::Contested, .. } => continue,
            Event::AttemptFailed { exit: Exit::Unsure, doubtful, .. }
                if was.is_capped(doubtful) =>
            {
                continue;
            }
            Event::AttemptFailed { exit, .. } => {
                // A verdict against an answer is the author's failure.
                let author = was.purpose == Purpose::Answer || is_doubt(*exit);
                let model = if author { &was.author } else { &was.worker };
                let review = was.purpose == Purpose::Review && !author;
                let task = if review { "verifier".to_owned() } else { was.task.clone() };
                learned.push(Learned::Failure(FailureRecord {
                    workflow: workflow.id,
                    step: step.clone(),
                    task,
                    model: model.clone(),
                    tool: was.tool.clone(),
                    exit: *exit,
                }));
                is_doubt(*exit)
            }
            _ => {
                let task = was.tool.as_ref().unwrap_or(&was.task).clone();
                learned.push(Learned::Pass(workflow.id, task));
                false
            }
        };
        let judged = doubt || matches!(event, Event::AttemptCompleted { .. });
        if was.purpose == Purpose::Review
            && judged
            && let (Some((confidence, kind)), Some(model)) = (was.answer, was.author.clone())
        {
            let right = !doubt;
            learned.push(Learned::Verdict(Judgement { model, kind, confidence, right }));
            if let Some(verifier) = &was.contested {
                settled(was, kind, verifier, right, workflow, &mut learned);
            }
        }
    }
    learned
}

/// Another judged what a verdict stood alone against: whoever is overruled was wrong.
fn settled(
    was: &Before,
    kind: TaskKind,
    verifier: &str,
    overruled: bool,
    workflow: &Workflow,
    learned: &mut Vec<Learned>,
) {
    // A verdict is taken at its word.
    let (model, confidence) = (verifier.to_owned(), 1.0);
    let verify = TaskKind::of(LlmRole::Verifier, false);
    learned.push(Learned::Verdict(Judgement {
        model,
        kind: verify,
        confidence,
        right: !overruled,
    }));
    if !overruled {
        return;
    }
    learned.push(Learned::Failure(FailureRecord {
        workflow: workflow.id,
        step: was.step.clone(),
        task: LlmRole::Verifier.to_string(),
        model: Some(verifier.to_owned()),
        tool: None,
        exit: Exit::Contested,
    }));
    // What it rejected before, and the same answer stands now, was right.
    if let Some((model, confidence)) = was.refuted.clone() {
        learned.push(Learned::Verdict(Judgement { model, kind, confidence, right: true }));
    }
}
