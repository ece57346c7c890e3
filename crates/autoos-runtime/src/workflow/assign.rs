//! What an agent is told: the attempt in the machine's state and the step in the plan, made one.

use super::record::{answer_name, refuted_name};
use crate::{
    agent::{Assignment, Input, Job, Origin, Reviewed, Shelf, Written},
    brief::Brief,
    inputs::{Inputs, written},
    parts::{Parts, Setup},
};
use autoos_kernel::{
    plan::{Plan, Source, Work},
    words::LlmRole,
    workflow::{Purpose, Step, StepState, Workflow, is_planning},
};
use autoos_tools::Stop;
use serde_json::Value;
use std::{collections::HashMap, sync::Arc};

/// Everything that assignments are made of.
pub(super) struct Desk<'a> {
    pub(super) parts: &'a Parts,
    pub(super) setup: &'a Setup,
    pub(super) brief: &'a Arc<Brief>,
    pub(super) shelf: &'a Arc<Shelf>,
    pub(super) stop: &'a Stop,
    pub(super) workflow: &'a Workflow,
    pub(super) plan: Option<Arc<Plan>>,
    pub(super) outputs: &'a HashMap<String, Arc<Value>>,
}

impl Desk<'_> {
    /// The assignment of a step's attempt in flight; none when the step has none, or is unknown
    /// to the plan.
    pub(super) fn assign(&self, id: &str) -> Option<Assignment> {
        let step = self.workflow.steps.get(id)?;
        let StepState::Running(run) = &step.state else { return None };
        let model = match &step.reviewing {
            Some(reviewing) => reviewing.model.clone(),
            None => step.candidate().map(|m| m.model.clone()),
        };
        let effectful = step.outline.is_effectful();
        let job = if is_planning(id) {
            let options = &self.setup.options;
            Job::Plan {
                model: model?,
                tools: self.setup.tools.clone(),
                prompt_tokens: options.planning_prompt_tokens,
                output_tokens: options.planning_output_tokens,
                refused: self.workflow.refused.clone(),
                around: self.around(),
                lessons: self.setup.lessons.book().for_planners(),
            }
        } else {
            self.job(id, model, effectful)?
        };
        Some(Assignment {
            parts: self.parts.clone(),
            brief: self.brief.clone(),
            shelf: self.shelf.clone(),
            counts: self.setup.counts.clone(),
            step: id.to_owned(),
            attempt: run.attempt,
            agent: step.agent?,
            deadline: run.deadline,
            key: if effectful {
                self.workflow.effect_key(id)
            } else {
                self.workflow.call_key(id, run.attempt)
            },
            timeout_ms: step.outline.timeout_ms,
            stop: self.stop.clone(),
            // A second answer knows nothing of the first, nor of what was wrong before.
            note: step.note.clone().filter(|_| run.purpose != Purpose::Second),
            job,
        })
    }

    fn job(&self, id: &str, model: Option<String>, effectful: bool) -> Option<Job> {
        let plan = self.plan.as_ref()?;
        let state = self.workflow.steps.get(id)?;
        // An element of a list is written where its list is.
        let name = state.parent.as_ref().map_or(id, |(list, _)| list.as_str());
        let index = plan.steps.iter().position(|step| step.id == name)?;
        let step = &plan.steps[index];
        let inputs = Inputs { brief: self.brief, workflow: self.workflow, outputs: self.outputs };
        let item = inputs.item(plan, state);
        let reads = match &step.work {
            Work::Tool { reads: Some(source), .. } => inputs.find(source, item.as_ref()),
            _ => None,
        };
        let named = step.inputs.iter().map(|(name, source)| Input {
            name: name.clone(),
            found: inputs.find(source, item.as_ref()),
            origin: origin(plan, source),
        });
        Some(Job::Step {
            written: Written { plan: plan.clone(), index },
            model,
            inputs: named.collect(),
            reads,
            effectful,
            reviewed: self.reviewed(id, state),
        })
    }

    /// The plan that is made anew around a failure, and what the new one must look to.
    fn around(&self) -> Option<(Arc<Plan>, Vec<String>)> {
        let mutation = self.workflow.mutation.as_ref()?;
        let failed = self.workflow.steps.get(&mutation.step)?;
        let why = failed.note.clone().unwrap_or_default();
        let mut told = vec![format!(
            "step {} failed for good ({}): {why}. Reach the same goals by another way: split it, \
             use another tool, or ask for less",
            mutation.step, mutation.exit
        )];
        let steps = self.workflow.steps.iter().filter(|(id, _)| !is_planning(id));
        let kept: Vec<&str> =
            steps.filter(|(_, s)| is_kept(s)).map(|(id, _)| id.as_str()).collect();
        if !kept.is_empty() {
            told.push(format!(
                "these steps are done or under way; keep them as they are and use their outputs: {}",
                kept.join(", ")
            ));
        }
        Some((self.plan.clone()?, told))
    }

    /// What is asked for to be sure of a step's answer, and the answers that are there.
    fn reviewed(&self, id: &str, step: &Step) -> Option<Reviewed> {
        let review = step.outline.review()?;
        let there = step.reviewing.as_ref().map_or(0, |reviewing| reviewing.answers.len());
        let answers =
            (0..there).filter_map(|n| self.outputs.get(&answer_name(id, n)).cloned()).collect();
        Some(Reviewed {
            answers,
            author: step.reviewing.as_ref().and_then(|r| Some(r.answers.first()?.model.clone())),
            witnesses: self.witnesses(id, step),
            overruled: step
                .reviewing
                .as_ref()
                .and_then(|r| Some(r.contested.as_ref()?.model.clone())),
            assurance: review.assurance,
            ceiling: step.ceiling(),
            judge: step.purpose() == Purpose::Review,
        })
    }

    /// What others than its vendor answered to the same.
    fn witnesses(&self, id: &str, step: &Step) -> Vec<(String, Arc<Value>)> {
        let answers = step.reviewing.as_ref().map_or(&[][..], |reviewing| &reviewing.answers);
        let Some(first) = answers.first() else { return Vec::new() };
        let second = answers.iter().enumerate().skip(1).map(|(n, a)| (answer_name(id, n), a));
        let refuted = step.refuted.iter().enumerate().map(|(n, a)| (refuted_name(id, n), a));
        let others = second.chain(refuted).filter(|(_, answer)| answer.vendor != first.vendor);
        let named = others
            .filter_map(|(name, answer)| Some((answer.model.clone(), self.outputs.get(&name)?)));
        named.map(|(model, value)| (model, value.clone())).collect()
    }
}

/// Who made what a source points at.
fn origin(plan: &Plan, source: &Source) -> Origin {
    let Source::Step { id, .. } = source else { return Origin::Given };
    match written(plan, id).map(|step| &step.work) {
        Some(Work::Ask { role: LlmRole::Verifier, .. }) => Origin::Verifier,
        Some(Work::Ask { .. }) => Origin::Model,
        _ => Origin::Given,
    }
}

/// Whether a new plan finds the step's output, or will.
fn is_kept(step: &Step) -> bool {
    !step.is_replaceable() && !matches!(step.state, StepState::Skipped { .. })
}
