//! What a workflow's machine knows of its plan: the shape, the bounds and the prices, no texts.
//!
//! It rides in events, so it holds nothing that erasing a workflow's bodies should take away.

use super::{FallbackStrategy, RetryConfig};
use crate::{
    assurance::Assurance,
    words::{EffectClass, LlmRole, RiskLevel},
    workflow::is_planning,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The shape of a checked plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// The steps, each after those that it needs.
    pub steps: Vec<StepOutline>,
    /// The step whose output is the result.
    pub result: String,
    /// What the plan may cost at worst, in micro-dollars.
    pub worst_case_microusd: u64,
    /// What a wrong answer would cost, where the plan says more than the client did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskLevel>,
}

impl Outline {
    /// Why it cannot run to its end, whatever its steps bring: a step needs one that does not come
    /// before it, or the result is none of the steps. None of what the check of plans makes.
    #[must_use]
    pub fn disorder(&self) -> Option<String> {
        let mut before = BTreeSet::new();
        for step in &self.steps {
            if let Some(need) = step.needs.iter().find(|need| !before.contains(need.as_str())) {
                return Some(format!(
                    "step {}: it needs {need:?}, which is not before it",
                    step.id
                ));
            }
            if is_planning(&step.id) || !before.insert(step.id.as_str()) {
                return Some(format!("step {}: its id is taken", step.id));
            }
        }
        let known = before.contains(self.result.as_str());
        (!known).then(|| format!("the result names no step: {:?}", self.result))
    }
}

/// The shape of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepOutline {
    /// Unique in the plan.
    pub id: String,
    /// What kind of work it is.
    pub kind: StepKind,
    /// Every step that must be over before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Whether it has a condition or a list that must be looked at before it runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evaluated: bool,
    /// Whether a result below the threshold of the risk ends its attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gated: bool,
    /// How it is tried again.
    pub retry: RetryConfig,
    /// What the last rung before a human does.
    pub fallback: FallbackStrategy,
    /// One attempt may take so long, in milliseconds.
    pub timeout_ms: u64,
    /// A list may have so many elements.
    pub items: u32,
    /// The kind of work, where the role alone does not say it: `executor:mail.send` writes what a
    /// tool then does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task: String,
    /// Whether its answer must be data of a given schema: another kind of work than text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub data: bool,
}

/// The kind of a step's work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Calls a tool.
    Tool {
        /// Its name.
        name: String,
        /// What a second call would do.
        effect: EffectClass,
    },
    /// Asks a model.
    Ask {
        /// In this role.
        role: LlmRole,
        /// Whom, the preferred first.
        models: Vec<Candidate>,
        /// How its answer is made sure of; none when its own grounding is enough.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review: Option<Review>,
    },
    /// Waits.
    Wait {
        /// How long, in milliseconds.
        ms: u64,
    },
}

/// A model that may serve a step, and the most that one call of it can cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The model's id.
    pub model: String,
    /// Prompt bound × price in + answer bound × price out, in micro-dollars.
    pub reserve_microusd: u64,
    /// Who made it: a second opinion comes from another.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub vendor: String,
    /// Whether it answers the same each time, so that asking it again brings nothing new.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fixed: bool,
    /// The number of the lesson that speaks against it for this work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lesson: Option<u32>,
}

/// How an answer is made sure of before anything is built on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// How much is asked for.
    pub assurance: Assurance,
    /// Who may review, the preferred first.
    pub models: Vec<Candidate>,
    /// The most that the answer's confidence may come to, and why, where those who look at it are
    /// less independent than they should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Ceiling>,
    /// The number of the lesson by which it is stricter than the risk alone asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lesson: Option<u32>,
}

/// A bound on confidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// In 0..=1.
    pub confidence: f64,
    /// Why, in a line.
    pub reason: String,
}

impl StepOutline {
    /// The most that one attempt can cost.
    #[must_use]
    pub fn dearest(&self) -> u64 {
        match &self.kind {
            StepKind::Ask { models, .. } => {
                models.iter().map(|m| m.reserve_microusd).max().unwrap_or(0)
            }
            StepKind::Tool { .. } | StepKind::Wait { .. } => 0,
        }
    }

    /// The most that the step can cost: elements × attempts × the dearest call, and as much again
    /// for each second answer and each review.
    #[must_use]
    pub fn worst_case(&self, each: bool) -> u64 {
        let items = if each { u64::from(self.items) } else { 1 };
        let dearest = |of: &[Candidate]| of.iter().map(|m| m.reserve_microusd).max().unwrap_or(0);
        let more = self.review().map_or(0, |review| {
            let second = if review.assurance == Assurance::Quorum { self.dearest() } else { 0 };
            second.saturating_add(dearest(&review.models))
        });
        let round = self.dearest().saturating_add(more);
        round.saturating_mul(u64::from(self.retry.attempts)).saturating_mul(items)
    }

    /// How its answer is made sure of.
    #[must_use]
    pub fn review(&self) -> Option<&Review> {
        match &self.kind {
            StepKind::Ask { review, .. } => review.as_ref(),
            StepKind::Tool { .. } | StepKind::Wait { .. } => None,
        }
    }

    /// The kind of work, as lessons and learned figures tell kinds apart: the tool, or the role and
    /// what its answer is for.
    #[must_use]
    pub fn task(&self) -> &str {
        match (&self.kind, self.task.as_str()) {
            (StepKind::Tool { name, .. }, _) => name,
            (StepKind::Ask { role, .. }, "") => role.into(),
            (StepKind::Ask { .. }, task) => task,
            (StepKind::Wait { .. }, _) => "wait",
        }
    }

    /// The models that may be asked; none for other work.
    #[must_use]
    pub fn models(&self) -> &[Candidate] {
        match &self.kind {
            StepKind::Ask { models, .. } => models,
            StepKind::Tool { .. } | StepKind::Wait { .. } => &[],
        }
    }

    /// Whether a second call could do something twice.
    #[must_use]
    pub fn is_effectful(&self) -> bool {
        matches!(&self.kind, StepKind::Tool { effect: EffectClass::Effectful, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(steps: &[(&str, &[&str])], result: &str) -> Outline {
        let step = |(id, needs): &(&str, &[&str])| StepOutline {
            id: (*id).into(),
            kind: StepKind::Wait { ms: 1 },
            needs: needs.iter().map(|need| (*need).into()).collect(),
            evaluated: false,
            gated: false,
            retry: RetryConfig::default(),
            fallback: FallbackStrategy::Escalate,
            timeout_ms: 1,
            items: 1,
            task: String::new(),
            data: false,
        };
        let steps = steps.iter().map(step).collect();
        Outline { steps, result: result.into(), worst_case_microusd: 0, risk: None }
    }

    #[test]
    fn what_could_never_end_is_told() {
        assert_eq!(outline(&[("a", &[]), ("b", &["a"])], "b").disorder(), None);
        assert!(outline(&[("b", &["a"]), ("a", &[])], "b").disorder().is_some());
        assert!(outline(&[("a", &["nobody"])], "a").disorder().is_some());
        assert!(outline(&[("a", &[]), ("a", &[])], "a").disorder().is_some());
        assert!(
            outline(&[(crate::workflow::PLANNING, &[])], crate::workflow::PLANNING)
                .disorder()
                .is_some()
        );
        assert!(outline(&[("a", &[])], "b").disorder().is_some());
        assert!(outline(&[], "a").disorder().is_some());
    }
}
