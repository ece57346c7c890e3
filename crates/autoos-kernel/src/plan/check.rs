//! The check that stands between a plan and its run, whoever wrote it.
//!
//! All problems are told at once, each naming the step and what to change, since a planner gets
//! them back as its next prompt and a person wants to edit once.

use super::{
    Plan, Source, Work, WorkflowStep,
    graph::{self, Node},
    outline::{Candidate, Outline, StepKind, StepOutline},
    stakes::{self, Stakes, is_sure_verifier, is_verifier},
};
use crate::{
    lesson::Book,
    tool::Catalog,
    words::{EffectClass, LlmRole, RiskLevel},
    workflow::PLANNING,
};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeSet};

/// Steps that a plan may have.
pub const STEPS_MAX: usize = 1_000;
/// Steps and elements of lists that a plan may come to, all lists as long as they may be.
pub const RUNS_MAX: u64 = 10_000;
/// Problems that are told at once; more would be no help, and they ride in an event.
pub const PROBLEMS_MAX: usize = 100;
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
    /// What the client said a wrong answer would cost; the plan may say more.
    pub risk: RiskLevel,
    /// What was learned from failures.
    pub lessons: &'a Book,
    /// Steps of the plan before that are done: they cost nothing any more.
    pub done: &'a BTreeSet<String>,
}

/// Checks a plan and gives its outline, or every problem that it has.
///
/// # Errors
/// The problems, each a sentence for whoever wrote the plan.
pub fn check(plan: &Plan, against: &Against<'_>) -> Result<Outline, Vec<String>> {
    if plan.steps.is_empty() {
        return Err(vec!["the plan has no steps".into()]);
    }
    if plan.steps.len() > STEPS_MAX {
        return Err(vec![format!("{} steps are more than {STEPS_MAX}", plan.steps.len())]);
    }
    let mut problems = Vec::new();
    check_words(plan, against, &mut problems);
    if !problems.is_empty() {
        return Err(bounded(problems));
    }
    let risk = plan.intent.risk.map_or(against.risk, |risk| risk.max(against.risk));
    let hang = Stakes::of(plan, against.tools);
    let order = check_order(plan, &mut problems);
    let mut worst_case_microusd = 0u64;
    let mut steps = Vec::with_capacity(order.len());
    for index in order {
        let step = &plan.steps[index];
        let outline = outline(step, plan, against, risk, &hang, &mut problems);
        if !against.done.contains(&step.id) {
            worst_case_microusd =
                worst_case_microusd.saturating_add(outline.worst_case(step.each.is_some()));
        }
        steps.push(outline);
    }
    check_verified(plan, &steps, risk == RiskLevel::Critical, &mut problems);
    if worst_case_microusd > against.budget_microusd {
        problems.push(format!(
            "the plan may cost {} at worst, and {} is left to spend: lower the steps' token \
             limits or attempts, or raise the budget",
            dollars(worst_case_microusd),
            dollars(against.budget_microusd)
        ));
    }
    if problems.is_empty() {
        let risk = (risk > against.risk).then_some(risk);
        Ok(Outline { steps, result: plan.result.clone(), worst_case_microusd, risk })
    } else {
        Err(bounded(problems))
    }
}

/// Each problem once, and not without end.
fn bounded(problems: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut once: Vec<String> = problems.into_iter().filter(|p| seen.insert(p.clone())).collect();
    let left_out = once.len().saturating_sub(PROBLEMS_MAX);
    if left_out > 0 {
        once.truncate(PROBLEMS_MAX);
        once.push(format!("and {left_out} more"));
    }
    once
}

/// A name as it is shown in a problem: what the plan calls it, if that is of decent length.
fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(64) {
        None => Cow::Borrowed(name),
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
    }
}

/// What can be said of the steps and goals one by one.
fn check_words(plan: &Plan, against: &Against<'_>, problems: &mut Vec<String>) {
    let mut ids = BTreeSet::new();
    for step in &plan.steps {
        if !ids.insert(step.id.as_str()) {
            problems.push(format!("step {}: two steps have this id", shown(&step.id)));
        }
    }
    let waits = |s: &&WorkflowStep| matches!(s.work, Work::Wait { .. });
    let waits: BTreeSet<&str> = plan.steps.iter().filter(waits).map(|s| s.id.as_str()).collect();
    let mut runs = 0u64;
    for step in &plan.steps {
        check_bounds(step, problems);
        check_sources(step, &ids, &waits, against.contexts, problems);
        check_tool(step, against.tools, problems);
        runs += 1 + step.each.as_ref().map_or(0, |_| u64::from(step.limits.items));
    }
    if runs > RUNS_MAX {
        problems.push(format!(
            "the steps and the elements of their lists may come to {runs}, more than {RUNS_MAX}: \
             lower limits.items"
        ));
    }
    match plan.steps.iter().find(|s| s.id == plan.result) {
        None => problems.push(format!("the result names no step: {:?}", shown(&plan.result))),
        Some(step) if step.each.is_some() || waits.contains(step.id.as_str()) => problems
            .push(format!("step {}: the result must be one output, not a list or a wait", step.id)),
        Some(_) => {}
    }
    check_goals(plan, problems);
}

/// The steps' indexes in an order in which they can run; none when there is no such order.
fn check_order(plan: &Plan, problems: &mut Vec<String>) -> Vec<usize> {
    let goals: Vec<Node<'_>> = plan
        .goals
        .0
        .iter()
        .map(|g| (g.id.as_str(), g.after.iter().map(String::as_str).collect()))
        .collect();
    if let Err(circle) = graph::order(&goals) {
        problems.push(format!("the goals wait for each other in a circle: {}", arrows(&circle)));
    }
    let steps: Vec<Node<'_>> = plan.steps.iter().map(|s| (s.id.as_str(), needs(s))).collect();
    graph::order(&steps).unwrap_or_else(|circle| {
        problems.push(format!("the steps wait for each other in a circle: {}", arrows(&circle)));
        Vec::new()
    })
}

fn arrows(circle: &[&str]) -> String {
    let names: Vec<Cow<'_, str>> = circle.iter().take(10).map(|name| shown(name)).collect();
    let more = if circle.len() > names.len() { " → …" } else { "" };
    format!("{}{more}", names.join(" → "))
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
    risk: RiskLevel,
    hang: &Stakes<'_>,
    problems: &mut Vec<String>,
) -> StepOutline {
    let mut task = String::new();
    let kind = match &step.work {
        Work::Tool { name, .. } => StepKind::Tool {
            name: name.clone(),
            effect: against.tools.tool(name).map_or(EffectClass::Effectful, |t| t.effect),
        },
        Work::Ask { role, .. } => {
            if let Some(tool) = hang.tool_fed_by(&step.id) {
                task = format!("{role}:{tool}");
            }
            let kind = if task.is_empty() { role.into() } else { task.as_str() };
            let models = stakes::candidates(*role, kind, step, against);
            if models.is_empty() {
                problems.push(format!("step {}: no model serves the role {role}", step.id));
            }
            let review = hang.review(step, *role, kind, &models, against, risk);
            StepKind::Ask { role: *role, models, review }
        }
        Work::Wait { ms } => StepKind::Wait { ms: *ms },
    };
    StepOutline {
        id: step.id.clone(),
        kind,
        needs: needs(step).into_iter().map(str::to_owned).collect(),
        evaluated: step.when.is_some() || step.each.is_some(),
        gated: step.critical || step.id == plan.result || hang.tool_fed_by(&step.id).is_some(),
        retry: step.retry,
        fallback: step.fallback,
        timeout_ms: step.limits.timeout_ms,
        items: step.limits.items,
        task,
        data: matches!(&step.work, Work::Ask { schema: Some(_), .. }),
    }
}

/// Every source that a step takes from.
pub(super) fn sources(step: &WorkflowStep) -> impl Iterator<Item = &Source> {
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
    let from = sources(step).filter_map(step_of);
    from.chain(step.after.iter().map(String::as_str)).collect()
}

/// The steps whose outputs this one is shown: those that it names as inputs, and the list that it
/// goes through.
pub(super) fn inputs_from(step: &WorkflowStep) -> impl Iterator<Item = &str> {
    step.inputs.values().chain(step.each.as_ref()).filter_map(step_of)
}

pub(super) fn step_of(source: &Source) -> Option<&str> {
    match source {
        Source::Step { id, .. } => Some(id),
        Source::Context(_) | Source::Item(_) => None,
    }
}

fn check_bounds(step: &WorkflowStep, problems: &mut Vec<String>) {
    let id = &step.id;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if id.is_empty() || id.len() > 64 || !id.chars().all(fits) {
        problems
            .push(format!("step {:?}: an id has 1 to 64 letters, digits, '-' and '_'", shown(id)));
    }
    if id == PLANNING {
        problems.push(format!("step {id}: this id belongs to the planning step, choose another"));
    }
    let id = shown(id);
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
    waits: &BTreeSet<&str>,
    contexts: &[String],
    problems: &mut Vec<String>,
) {
    let id = shown(&step.id);
    for name in needs(step) {
        if !ids.contains(name) {
            let name = shown(name);
            problems.push(format!("step {id}: it needs {name:?}, and no step has that id"));
        }
    }
    if matches!(step.each, Some(Source::Item(_))) {
        problems.push(format!("step {id}: its list in 'each' cannot be an item of itself"));
    }
    if step.when.as_ref().is_some_and(|when| matches!(when.value, Source::Item(_))) {
        problems.push(format!(
            "step {id}: 'when' is looked at once, before the list, and there is no item yet"
        ));
    }
    for source in sources(step) {
        match source {
            Source::Context(name) if !contexts.contains(name) => problems.push(format!(
                "step {id}: no context is called {:?}; there are {contexts:?}",
                shown(name)
            )),
            Source::Item(_) if step.each.is_none() => {
                problems.push(format!("step {id}: it takes an item and has no list in 'each'"));
            }
            Source::Step { id: other, .. } if waits.contains(other.as_str()) => problems.push(
                format!("step {id}: {other} only waits and has no output, name it in 'after'"),
            ),
            _ => {}
        }
    }
}

fn check_tool(step: &WorkflowStep, tools: &dyn Catalog, problems: &mut Vec<String>) {
    let Work::Tool { name, args, reads } = &step.work else { return };
    let id = shown(&step.id);
    let Some(spec) = tools.tool(name) else {
        let known: Vec<&str> = tools.tools().iter().map(|t| t.name.as_str()).collect();
        let name = shown(name);
        problems.push(format!("step {id}: no tool is called {name:?}; there are {known:?}"));
        return;
    };
    if reads.is_some() && !spec.reads {
        problems.push(format!("step {id}: {name} reads nothing, leave 'reads' out"));
    }
    if let Some(key) = args.keys().find(|key| step.inputs.contains_key(*key)) {
        let key = shown(key);
        problems.push(format!("step {id}: {key:?} is both an argument and an input"));
    }
    let mut later: Vec<&str> = step.inputs.keys().map(String::as_str).collect();
    if reads.is_some() {
        // Of the two, what the tool knows: one that reads only files takes no text.
        let properties = spec.arguments.get("properties");
        let known = |key: &&str| properties.is_none_or(|all| all.get(key).is_some());
        later.extend(["path", "text"].into_iter().filter(known));
    }
    if let Err(problem) = tools.check_args(name, &Value::Object(args.clone()), &later) {
        problems.push(format!("step {id}: {problem}"));
    }
}

/// Every critical step must be reviewed, or be an input of a verifier that nothing but a human can
/// leave out: one that is skipped would verify nothing. Verifiers themselves need no other.
fn check_verified(plan: &Plan, outlines: &[StepOutline], all: bool, problems: &mut Vec<String>) {
    let verifiers = plan.steps.iter().filter(|s| is_sure_verifier(s));
    let mut verified: BTreeSet<&str> = verifiers.flat_map(inputs_from).collect();
    let reviewed = outlines.iter().filter(|o| o.review().is_some_and(|r| !r.models.is_empty()));
    verified.extend(reviewed.map(|o| o.id.as_str()));
    for step in &plan.steps {
        let works = !is_verifier(step) && !matches!(step.work, Work::Wait { .. });
        let must = works && (step.critical || (all && step.id != plan.result));
        if must && !verified.contains(step.id.as_str()) {
            problems.push(format!(
                "step {}: it is critical, and no step with the role verifier, without 'when' and \
                 with a fallback other than skip, takes it as an input",
                step.id
            ));
        }
    }
}

fn check_goals(plan: &Plan, problems: &mut Vec<String>) {
    let mut ids = BTreeSet::new();
    for goal in &plan.goals.0 {
        if !ids.insert(goal.id.as_str()) {
            problems.push(format!("goal {}: two goals have this id", shown(&goal.id)));
        }
    }
    let served: BTreeSet<&str> = plan.steps.iter().filter_map(|s| s.goal.as_deref()).collect();
    for goal in &plan.goals.0 {
        let id = shown(&goal.id);
        if !served.contains(goal.id.as_str()) {
            problems.push(format!("goal {id}: no step serves it"));
        }
        for other in goal.after.iter().filter(|g| !ids.contains(g.as_str())) {
            let other = shown(other);
            problems.push(format!("goal {id}: it comes after {other:?}, which is no goal"));
        }
    }
    for step in &plan.steps {
        if let Some(goal) = step.goal.as_deref().filter(|g| !ids.contains(g)) {
            let (id, goal) = (shown(&step.id), shown(goal));
            problems.push(format!("step {id}: it serves {goal:?}, which is no goal"));
        }
    }
}

#[cfg(test)]
#[path = "check_test.rs"]
mod tests;
