//! The check that stands between a plan and its run, whoever wrote it.
//!
//! All problems are told at once, each naming the step and what to change, since a planner gets
//! them back as its next prompt and a person wants to edit once.

use super::{
    Plan, Source, Work, WorkflowStep,
    outline::{Candidate, Outline, StepKind, StepOutline},
};
use crate::{tool::Catalog, words::LlmRole};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Steps that a plan may have.
pub const STEPS_MAX: usize = 1_000;
/// Attempts that a step may ask for.
pub const ATTEMPTS_MAX: u32 = 20;
/// The longest attempt, in milliseconds.
pub const TIMEOUT_MAX_MS: u64 = 3_600_000;
/// The longest wait, in milliseconds: one year.
pub const WAIT_MAX_MS: u64 = 366 * 86_400_000;

/// The models that exist, as far as a plan's check needs to know.
pub trait Models {
    /// Who may serve a role, the preferred first, each with the most that one call with these
    /// bounds can cost.
    fn candidates(&self, role: LlmRole, prompt_tokens: u32, output_tokens: u32) -> Vec<Candidate>;
}

/// What a plan is checked against.
pub struct Against<'a> {
    /// The tools that exist.
    pub tools: &'a dyn Catalog,
    /// The models that exist.
    pub models: &'a dyn Models,
    /// The names of the contexts that came with the intent.
    pub contexts: &'a [String],
    /// What is left to spend, in micro-dollars.
    pub budget_microusd: u64,
    /// Whether every step must be verified: the risk is critical.
    pub all_critical: bool,
}

/// Checks a plan and gives its outline, or every problem that it has.
///
/// # Errors
/// The problems, each a sentence for whoever wrote the plan.
pub fn check(plan: &Plan, against: &Against<'_>) -> Result<Outline, Vec<String>> {
    let mut problems = Vec::new();
    if plan.steps.is_empty() {
        return Err(vec!["the plan has no steps".into()]);
    }
    if plan.steps.len() > STEPS_MAX {
        return Err(vec![format!("{} steps are more than {STEPS_MAX}", plan.steps.len())]);
    }
    let ids: BTreeSet<&str> = plan.steps.iter().map(|s| s.id.as_str()).collect();
    for step in &plan.steps {
        check_bounds(step, &mut problems);
        check_sources(step, &ids, against.contexts, &mut problems);
        check_tool(step, against.tools, &mut problems);
    }
    if ids.len() < plan.steps.len() {
        problems.push("two steps have the same id".into());
    }
    match plan.steps.iter().find(|s| s.id == plan.result) {
        None => problems.push(format!("the result names no step: {:?}", plan.result)),
        Some(step) if step.each.is_some() || matches!(step.work, Work::Wait { .. }) => problems
            .push(format!("step {}: the result must be one output, not a list or a wait", step.id)),
        Some(_) => {}
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    check_verified(plan, against.all_critical, &mut problems);
    check_goals(plan, &mut problems);
    let order = match topological(plan) {
        Ok(order) => order,
        Err(cycle) => {
            problems.push(cycle);
            return Err(problems);
        }
    };
    let mut worst_case_microusd = 0u64;
    let mut steps = Vec::with_capacity(order.len());
    for step in order {
        let outline = outline(step, plan, against, &mut problems);
        worst_case_microusd =
            worst_case_microusd.saturating_add(outline.worst_case(step.each.is_some()));
        steps.push(outline);
    }
    if worst_case_microusd > against.budget_microusd {
        problems.push(format!(
            "the plan may cost {} at worst, and {} is left to spend: lower the steps' token \
             limits or attempts, or raise the budget",
            dollars(worst_case_microusd),
            dollars(against.budget_microusd)
        ));
    }
    if problems.is_empty() {
        Ok(Outline { steps, result: plan.result.clone(), worst_case_microusd })
    } else {
        Err(problems)
    }
}

/// Micro-dollars as people read them.
#[must_use]
pub fn dollars(microusd: u64) -> String {
    format!("${}.{:06}", microusd / 1_000_000, microusd % 1_000_000)
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

fn outline(
    step: &WorkflowStep,
    plan: &Plan,
    against: &Against<'_>,
    problems: &mut Vec<String>,
) -> StepOutline {
    let kind = match &step.work {
        Work::Tool { name, .. } => StepKind::Tool {
            name: name.clone(),
            effect: against
                .tools
                .tool(name)
                .map_or(crate::words::EffectClass::Effectful, |t| t.effect),
        },
        Work::Ask { role, .. } => {
            let models = against.models.candidates(
                *role,
                step.limits.prompt_tokens,
                step.limits.output_tokens,
            );
            if models.is_empty() {
                problems.push(format!("step {}: no model serves the role {role}", step.id));
            }
            StepKind::Ask { role: *role, models }
        }
        Work::Wait { ms } => StepKind::Wait { ms: *ms },
    };
    StepOutline {
        id: step.id.clone(),
        kind,
        needs: needs(step).into_iter().map(str::to_owned).collect(),
        evaluated: step.when.is_some() || step.each.is_some(),
        gated: step.critical || step.id == plan.result,
        retry: step.retry,
        fallback: step.fallback,
        timeout_ms: step.limits.timeout_ms,
        items: step.limits.items,
    }
}

/// Every source that a step takes from.
fn sources(step: &WorkflowStep) -> impl Iterator<Item = &Source> {
    let reads = match &step.work {
        Work::Tool { reads, .. } => reads.as_ref(),
        Work::Ask { .. } | Work::Wait { .. } => None,
    };
    step.inputs
        .values()
        .chain(reads)
        .chain(step.when.as_ref().map(|c| &c.value))
        .chain(step.each.as_ref())
}

/// The steps that must be over before this one.
fn needs(step: &WorkflowStep) -> BTreeSet<&str> {
    let from = sources(step).filter_map(|source| match source {
        Source::Step { id, .. } => Some(id.as_str()),
        Source::Context(_) | Source::Item(_) => None,
    });
    from.chain(step.after.iter().map(String::as_str)).collect()
}

fn check_bounds(step: &WorkflowStep, problems: &mut Vec<String>) {
    let id = &step.id;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if id.is_empty() || id.len() > 64 || !id.chars().all(fits) {
        problems.push(format!(
            "step {:?}: an id has 1 to 64 letters, digits, '-' and '_'",
            id.chars().take(64).collect::<String>()
        ));
    }
    if id == super::super::workflow::PLANNING {
        problems.push(format!("step {id}: this id belongs to the planning step, choose another"));
    }
    let mut within = |what: &str, value: u64, most: u64| {
        if value == 0 || value > most {
            problems.push(format!("step {id}: {what} is {value}, it must be 1 to {most}"));
        }
    };
    within("retry.attempts", step.retry.attempts.into(), ATTEMPTS_MAX.into());
    within("limits.timeout_ms", step.limits.timeout_ms, TIMEOUT_MAX_MS);
    within("limits.prompt_tokens", step.limits.prompt_tokens.into(), 2_000_000);
    within("limits.output_tokens", step.limits.output_tokens.into(), 200_000);
    within("limits.items", step.limits.items.into(), 1_000);
    if let Work::Wait { ms } = step.work {
        within("wait.ms", ms, WAIT_MAX_MS);
    }
}

fn check_sources(
    step: &WorkflowStep,
    ids: &BTreeSet<&str>,
    contexts: &[String],
    problems: &mut Vec<String>,
) {
    for name in needs(step) {
        if !ids.contains(name) {
            problems.push(format!("step {}: it needs {name:?}, and no step has that id", step.id));
        }
    }
    for source in sources(step) {
        match source {
            Source::Context(name) if !contexts.contains(name) => problems.push(format!(
                "step {}: no context is called {name:?}; there are {contexts:?}",
                step.id
            )),
            Source::Item(_) if step.each.is_none() => problems
                .push(format!("step {}: it takes an item and has no list in 'each'", step.id)),
            _ => {}
        }
    }
}

fn check_tool(step: &WorkflowStep, tools: &dyn Catalog, problems: &mut Vec<String>) {
    let Work::Tool { name, args, reads } = &step.work else { return };
    let Some(spec) = tools.tool(name) else {
        let known: Vec<&str> = tools.tools().iter().map(|t| t.name.as_str()).collect();
        problems.push(format!("step {}: no tool is called {name:?}; there are {known:?}", step.id));
        return;
    };
    if reads.is_some() && !spec.reads {
        problems.push(format!("step {}: {name} reads nothing, leave 'reads' out", step.id));
    }
    if args.keys().any(|key| step.inputs.contains_key(key)) {
        problems.push(format!("step {}: an input has the name of an argument", step.id));
    }
    let mut later: Vec<&str> = step.inputs.keys().map(String::as_str).collect();
    if reads.is_some() {
        later.extend(["path", "text"]);
    }
    if let Err(problem) = tools.check_args(name, &Value::Object(args.clone()), &later) {
        problems.push(format!("step {}: {problem}", step.id));
    }
}

/// Every critical step must be an input of a verifier that comes to stand before the result.
fn check_verified(plan: &Plan, all: bool, problems: &mut Vec<String>) {
    let is_verifier =
        |s: &WorkflowStep| matches!(s.work, Work::Ask { role: LlmRole::Verifier, .. });
    let verified: BTreeSet<&str> =
        plan.steps.iter().filter(|s| is_verifier(s)).flat_map(needs).collect();
    for step in &plan.steps {
        let works = !is_verifier(step) && !matches!(step.work, Work::Wait { .. });
        let must = step.critical || (all && works && step.id != plan.result);
        if must && !verified.contains(step.id.as_str()) {
            problems.push(format!(
                "step {}: it is critical, and no step with the role verifier takes it as an input",
                step.id
            ));
        }
    }
}

fn check_goals(plan: &Plan, problems: &mut Vec<String>) {
    let ids: BTreeSet<&str> = plan.goals.0.iter().map(|g| g.id.as_str()).collect();
    for goal in &plan.goals.0 {
        let served = plan.steps.iter().any(|s| s.goal.as_deref() == Some(goal.id.as_str()));
        if !served {
            problems.push(format!("goal {}: no step serves it", goal.id));
        }
        for other in goal.after.iter().filter(|g| !ids.contains(g.as_str())) {
            problems.push(format!("goal {}: it comes after {other:?}, which is no goal", goal.id));
        }
    }
    for step in &plan.steps {
        if let Some(goal) = step.goal.as_deref().filter(|g| !ids.contains(g)) {
            problems.push(format!("step {}: it serves {goal:?}, which is no goal", step.id));
        }
    }
}

/// The steps, each after those that it needs, and otherwise as they were written (Kahn 1962).
fn topological(plan: &Plan) -> Result<Vec<&WorkflowStep>, String> {
    let mut waits: BTreeMap<&str, usize> = BTreeMap::new();
    let mut followers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let needs = needs(step);
        waits.insert(&step.id, needs.len());
        for need in needs {
            followers.entry(need).or_default().push(index);
        }
    }
    let mut ready: BTreeSet<usize> =
        (0..plan.steps.len()).filter(|i| waits[plan.steps[*i].id.as_str()] == 0).collect();
    let mut order = Vec::with_capacity(plan.steps.len());
    while let Some(index) = ready.pop_first() {
        let step = &plan.steps[index];
        order.push(step);
        for follower in followers.remove(step.id.as_str()).unwrap_or_default() {
            let left = waits.get_mut(plan.steps[follower].id.as_str());
            if let Some(left) = left {
                *left -= 1;
                if *left == 0 {
                    ready.insert(follower);
                }
            }
        }
    }
    if order.len() == plan.steps.len() {
        return Ok(order);
    }
    let stuck: Vec<&str> =
        waits.iter().filter(|(_, left)| **left > 0).map(|(id, _)| *id).take(10).collect();
    Err(format!("the steps wait for each other in a circle: {}", stuck.join(", ")))
}

#[cfg(test)]
#[path = "check_test.rs"]
mod tests;
