//! What hangs on each step of a plan, and so how its answer is made sure of.
//!
//! An answer matters when it is the result, when the plan calls it critical, or when a tool with an
//! effect is fed by it. What a risk asks for then is [`assurance`]'s to say.

use super::{
    FallbackStrategy, Plan, Source, Work, WorkflowStep,
    check::{Against, inputs_from, sources, step_of},
    outline::{Candidate, Review},
};
use crate::{
    assurance::{self, Assurance},
    tool::Catalog,
    words::{EffectClass, LlmRole, RiskLevel},
};
use std::collections::{BTreeMap, BTreeSet};

/// Tokens that a verdict may have.
const VERDICT_TOKENS: u32 = 1_000;

/// Who may serve a step; those that lessons speak against come last.
pub(super) fn candidates(
    role: LlmRole,
    kind: &str,
    step: &WorkflowStep,
    against: &Against<'_>,
) -> Vec<Candidate> {
    let limits = step.limits;
    let all = against.models.candidates(role, limits.prompt_tokens, limits.output_tokens);
    taught(all, kind, against)
}

/// The same with the lessons that speak against them for a kind of work, those last.
fn taught(mut models: Vec<Candidate>, kind: &str, against: &Against<'_>) -> Vec<Candidate> {
    for candidate in &mut models {
        candidate.lesson = against.lessons.against(&candidate.model, kind).map(|l| l.number);
    }
    models.sort_by_key(|candidate| candidate.lesson.is_some());
    models
}

/// What hangs on the steps of a plan.
pub(super) struct Stakes<'a> {
    /// The step that brings the result.
    result: &'a str,
    /// Steps by the tool with an effect that they feed.
    feeds: BTreeMap<&'a str, &'a str>,
    /// Steps whose whole output a verifier of the plan judges before the workflow is done.
    verified: BTreeSet<&'a str>,
}

impl<'a> Stakes<'a> {
    pub(super) fn of(plan: &'a Plan, tools: &dyn Catalog) -> Self {
        let mut feeds: BTreeMap<&str, &str> = BTreeMap::new();
        let effect = |name: &str| tools.tool(name).is_some_and(|t| t.effect != EffectClass::Pure);
        let mut open: Vec<(&str, &str)> = Vec::new();
        for step in &plan.steps {
            if let Work::Tool { name, .. } = &step.work
                && effect(name)
            {
                open.extend(sources(step).filter_map(step_of).map(|from| (from, name.as_str())));
            }
        }
        while let Some((id, tool)) = open.pop() {
            if feeds.insert(id, tool).is_some() {
                continue;
            }
            let step = plan.steps.iter().find(|s| s.id == id);
            let further = step.into_iter().flat_map(inputs_from);
            open.extend(further.map(|from| (from, tool)));
        }
        let sure: Vec<&WorkflowStep> = plan.steps.iter().filter(|s| is_sure_verifier(s)).collect();
        let whole = |source: &'a Source| match source {
            Source::Step { id, at } if at.is_empty() => Some(id.as_str()),
            _ => None,
        };
        let judged = |s: &&'a WorkflowStep| s.inputs.values().filter_map(whole);
        let verified = sure.iter().flat_map(judged).collect();
        Self { result: &plan.result, feeds, verified }
    }

    /// The tool with an effect that a step's output reaches.
    pub(super) fn tool_fed_by(&self, id: &str) -> Option<&'a str> {
        self.feeds.get(id).copied()
    }

    /// How the answer of a step is made sure of, beyond its grounding.
    pub(super) fn review(
        &self,
        step: &WorkflowStep,
        role: LlmRole,
        kind: &str,
        models: &[Candidate],
        against: &Against<'_>,
        risk: RiskLevel,
    ) -> Option<Review> {
        if matches!(role, LlmRole::Verifier | LlmRole::Auditor) {
            return None;
        }
        let id = step.id.as_str();
        let feeds = self.feeds.contains_key(id);
        let matters = step.critical || id == self.result || feeds || risk == RiskLevel::Critical;
        let lesson = against.lessons.verify_more(kind);
        let mut assurance = if matters { Assurance::of(risk) } else { Assurance::Grounded };
        if step.critical {
            assurance = assurance.max(Assurance::Verified);
        }
        let asked = assurance;
        if lesson.is_some() {
            assurance = assurance.stricter();
        }
        // The plan's own verifier is as good as another, as long as its vendor does not matter and
        // nothing acts before it has spoken.
        if assurance == Assurance::Verified && self.verified.contains(id) && !feeds {
            return None;
        }
        let prompt = step.limits.prompt_tokens.saturating_add(step.limits.output_tokens);
        let mut verifying = against.models.candidates(LlmRole::Verifier, prompt, VERDICT_TOKENS);
        // Where verifiers are of the vendor that may answer, whoever else may answer judges too:
        // another vendor's word is worth more than the role it usually plays.
        let alone = |a: &Candidate| verifying.iter().all(|v| v.fixed || v.vendor == a.vendor);
        if assurance >= Assurance::OtherVendor && models.iter().any(|a| !a.fixed && alone(a)) {
            let known: BTreeSet<String> = verifying.iter().map(|c| c.model.clone()).collect();
            let others = against.models.candidates(role, prompt, VERDICT_TOKENS);
            verifying.extend(others.into_iter().filter(|c| !c.fixed && !known.contains(&c.model)));
        }
        let verifying = taught(verifying, LlmRole::Verifier.into(), against);
        let mut review = assurance::review(assurance, models, verifying.clone());
        // No lesson asks for what cannot be had: every such answer would be a human's from then on.
        if assurance > asked && review.as_ref().is_some_and(|r| r.ceiling.is_some()) {
            review = assurance::review(asked, models, verifying);
        }
        let review = review?;
        Some(Review { lesson: lesson.map(|l| l.number), ..review })
    }
}

pub(super) fn is_verifier(step: &WorkflowStep) -> bool {
    matches!(step.work, Work::Ask { role: LlmRole::Verifier, .. })
}

/// A verifier that nothing but a human can leave out.
pub(super) fn is_sure_verifier(step: &WorkflowStep) -> bool {
    is_verifier(step) && step.when.is_none() && step.fallback != FallbackStrategy::Skip
}
