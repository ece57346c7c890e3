//! From a submission to the append that accepts it: everything that needs no actor.

use crate::{
    accounts::Hold,
    brief::{Brief, Context, Loaded, Source},
    clock::SystemRng,
    hosts::new_uuid,
    parts::{Book, Options, Parts, Setup},
    route::Fabrics,
    submission::{NewContent, Refusal, Submission},
    workflow::{new_events, standing},
};
use autoos_journal::{Batch, Body, BodyKey, Standing, StreamWrite, Trace};
use autoos_kernel::{
    id::{IntentId, WorkflowId, uuid_of_key},
    intent::{self, Content, Intent},
    plan::{
        FallbackStrategy, Plan, RetryConfig,
        check::{self, Against, Models as _},
        outline::{Outline, StepKind, StepOutline},
    },
    words::{LlmRole, RiskLevel},
    workflow::{Command, Means, PLANNING, Seed, Workflow},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// The longest intent, in bytes.
const TEXT_MAX: usize = 64 * 1024;
/// The longest inline context, in bytes.
const INLINE_MAX: usize = 16 * 1024 * 1024;
/// Contexts that an intent may bring.
const CONTEXTS_MAX: usize = 64;

/// An acceptance, ready to be recorded.
pub(crate) struct Acceptance {
    pub(crate) loaded: Loaded,
    pub(crate) batch: Batch,
    pub(crate) trace: Option<Trace>,
    /// What its accounts granted it.
    pub(crate) holds: Vec<Hold>,
}

/// Checks a submission and decides its acceptance.
pub(crate) async fn prepare(
    parts: &Parts,
    setup: &Setup,
    submission: Submission,
) -> Result<Acceptance, Refusal> {
    validate(&submission)?;
    let options = &setup.options;
    let now = parts.clock.now();
    let uuid = match &submission.idempotency_key {
        Some(key) => uuid_of_key(&submission.tenant, key),
        None => new_uuid(parts)?,
    };
    let budget = submission.budget_microusd.unwrap_or(options.budget_microusd);
    let outline = match &submission.plan {
        Some(plan) => Some(check_plan(parts, setup, &submission, plan, budget)?),
        None => None,
    };
    let key = parts.journal.body_key(uuid).await?;
    let fingerprint = fingerprint(&submission, &key);
    let mut bodies = Bodies { key: &key, kept: Vec::new() };
    let (contexts, plain) = contexts(&submission, &mut bodies).await?;
    let request = intent::Request {
        tenant: submission.tenant,
        user: submission.user,
        text: bodies.keep(submission.text.clone().into_bytes()),
        contexts,
        risk: submission.risk,
        budget_microusd: budget,
        deadline: submission.deadline,
        fingerprint,
    };
    let plan = submission.plan.map(Arc::new);
    let given = match (&plan, outline) {
        (Some(plan), Some(outline)) => {
            let bytes = serde_json::to_vec(&**plan)
                .map_err(|why| Refusal::Invalid(vec![format!("the plan: {why}")]))?;
            Some((bodies.keep(bytes), outline))
        }
        _ => None,
    };
    let seed = Seed {
        risk: request.risk,
        granted_microusd: budget,
        deadline: request.deadline,
        patience_ms: options.patience_ms,
        planner: given.is_none().then(|| planner(parts, options)),
        plan: given,
    };
    let bodies = bodies.kept;
    let mut intent = Intent::new(IntentId(uuid));
    let accepted = intent
        .decide(intent::Command::Accept(request))
        .map_err(|why| Refusal::Invalid(vec![why.to_string()]))?;
    let mut workflow = Workflow::new(WorkflowId(uuid));
    let router = Fabrics(&*parts.llm);
    let mut means = Means { rng: &mut SystemRng, router: &router };
    let created = workflow.decide(Command::Create(seed), now, &mut means)?;
    let workflow_next = created.len() as u64;

    let shard = workflow.id.stream().shard(parts.journal.shards());
    let trace = submission.trace;
    let write = |stream, events, standing| StreamWrite { stream, expect: 0, events, standing };
    let batch = Batch {
        epoch: parts.journal.epoch(shard),
        writes: vec![
            write(
                intent.id.stream(),
                new_events(accepted, &key, "intent", trace, now),
                // Its workflow says whether it must be woken; it never wakes by itself.
                Standing::Waiting { wake: None },
            ),
            write(
                workflow.id.stream(),
                new_events(created, &key, "intent", trace, now),
                standing(&workflow, now),
            ),
        ],
        bodies,
    };
    let (text, risk) = (submission.text, submission.risk);
    let brief = Brief { uuid, text, risk, contexts: plain, key, trace };
    let loaded = Loaded {
        brief: Arc::new(brief),
        intent,
        intent_next: 1,
        workflow_next,
        plan: workflow.plan.as_ref().map(|adopted| adopted.body).zip(plan),
        workflow,
        outputs: HashMap::new(),
    };
    Ok(Acceptance { loaded, batch, trace, holds: Vec::new() })
}

fn validate(submission: &Submission) -> Result<(), Refusal> {
    let mut problems = Vec::new();
    if submission.text.trim().is_empty() {
        problems.push("the intent is empty: say what is to be done".to_owned());
    }
    if submission.text.len() > TEXT_MAX {
        problems.push(format!(
            "the intent has {} bytes, and {TEXT_MAX} are the most: give long material as a context",
            submission.text.len()
        ));
    }
    if submission.contexts.len() > CONTEXTS_MAX {
        problems
            .push(format!("{} contexts are more than {CONTEXTS_MAX}", submission.contexts.len()));
    }
    let mut names = BTreeSet::new();
    for context in &submission.contexts {
        let name = &context.name;
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            problems.push(format!(
                "the context {name:?} needs a name of 1 to 64 letters, digits, '-', '_' and '.'"
            ));
        }
        if !names.insert(name) {
            problems.push(format!("two contexts are called {name:?}"));
        }
        if let NewContent::Text(text) = &context.content
            && text.len() > INLINE_MAX
        {
            problems.push(format!(
                "the context {name:?} has {} bytes, and {INLINE_MAX} are the most inline: put it \
                 into a file of the node",
                text.len()
            ));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Refusal::Invalid(problems)) }
}

/// The outline of a plan that came with the intent.
fn check_plan(
    parts: &Parts,
    setup: &Setup,
    submission: &Submission,
    plan: &Plan,
    budget_microusd: u64,
) -> Result<Outline, Refusal> {
    let contexts: Vec<String> = submission.contexts.iter().map(|c| c.name.clone()).collect();
    let done = BTreeSet::new();
    let risk = submission.risk;
    judge(parts, setup, plan, &contexts, risk, budget_microusd, &done).map_err(Refusal::Invalid)
}

/// The kernel's check with everything that it needs. `done` are the steps that an earlier revision
/// of the plan has done.
pub(crate) fn judge(
    parts: &Parts,
    setup: &Setup,
    plan: &Plan,
    contexts: &[String],
    risk: RiskLevel,
    budget_microusd: u64,
    done: &BTreeSet<String>,
) -> Result<Outline, Vec<String>> {
    check::check(
        plan,
        &Against {
            tools: &*parts.tools,
            models: &Book(&parts.llm),
            contexts,
            budget_microusd,
            risk,
            lessons: &setup.lessons.book(),
            done,
        },
    )
}

/// What a new plan makes otherwise of steps that are done or under way: their outputs would be taken
/// for what they are not.
pub(crate) fn changed(plan: &Plan, before: &Plan, kept: &BTreeSet<String>) -> Vec<String> {
    let of = |plan: &'_ Plan, id: &str| plan.steps.iter().find(|s| s.id == id).cloned();
    let differs = |id: &&String| match (of(plan, id), of(before, id)) {
        (Some(new), Some(old)) => {
            (&new.work, &new.inputs, &new.each) != (&old.work, &old.inputs, &old.each)
        }
        _ => false,
    };
    let told = |id: &String| {
        format!(
            "step {id}: it is done or under way, so its work, inputs and list stay as they are: \
             give other work another id"
        )
    };
    kept.iter().filter(differs).map(told).collect()
}

/// The planning step: the first of every workflow that comes without a plan.
pub(crate) fn planner(parts: &Parts, options: &Options) -> StepOutline {
    let models = Book(&parts.llm).candidates(
        LlmRole::Planner,
        options.planning_prompt_tokens,
        options.planning_output_tokens,
    );
    StepOutline {
        id: PLANNING.into(),
        kind: StepKind::Ask { role: LlmRole::Planner, models, review: None },
        needs: Vec::new(),
        evaluated: false,
        gated: false,
        retry: RetryConfig::default(),
        fallback: FallbackStrategy::Escalate,
        timeout_ms: options.planning_timeout_ms,
        items: 1,
        task: String::new(),
        data: false,
    }
}

struct Bodies<'a> {
    key: &'a BodyKey,
    kept: Vec<Body>,
}

impl Bodies<'_> {
    fn keep(&mut self, bytes: Vec<u8>) -> autoos_kernel::body::BodyRef {
        let body = Body::new(self.key, bytes);
        let name = body.body;
        self.kept.push(body);
        name
    }
}

/// The contexts as the stream keeps them and as agents read them.
async fn contexts(
    submission: &Submission,
    bodies: &mut Bodies<'_>,
) -> Result<(Vec<intent::Context>, Vec<Context>), Refusal> {
    let (mut kept, mut plain) = (Vec::new(), Vec::new());
    for context in &submission.contexts {
        let (bytes, content, source) = match &context.content {
            NewContent::Text(text) => (
                text.len() as u64,
                Content::Inline(bodies.keep(text.clone().into_bytes())),
                Source::Text(text.as_str().into()),
            ),
            NewContent::File(path) => {
                let missing = |why: std::io::Error| {
                    Refusal::Invalid(vec![format!(
                        "context {}: {}: {why}",
                        context.name,
                        path.display()
                    )])
                };
                let path = tokio::fs::canonicalize(path).await.map_err(missing)?;
                let meta = tokio::fs::metadata(&path).await.map_err(missing)?;
                if !meta.is_file() {
                    return Err(Refusal::Invalid(vec![format!(
                        "context {}: {} is not a regular file",
                        context.name,
                        path.display()
                    )]));
                }
                let name = bodies.keep(path.display().to_string().into_bytes());
                (meta.len(), Content::File(name), Source::File(path))
            }
        };
        kept.push(intent::Context {
            name: context.name.clone(),
            label: context.label.clone(),
            bytes,
            content,
        });
        plain.push(Context {
            name: context.name.clone(),
            label: context.label.clone(),
            bytes,
            content: source,
        });
    }
    Ok((kept, plain))
}

/// A hash of everything that the client asked for, under the workflow's own key, so that the
/// journal gives nothing away.
fn fingerprint(submission: &Submission, key: &BodyKey) -> [u8; 32] {
    let mut said = vec![
        submission.user.clone(),
        submission.text.clone(),
        submission.risk.to_string(),
        format!("{:?} {:?}", submission.budget_microusd, submission.deadline),
        submission.plan.as_ref().map(|p| serde_json::json!(p).to_string()).unwrap_or_default(),
    ];
    for context in &submission.contexts {
        said.extend([context.name.clone(), context.label.clone()]);
        said.push(match &context.content {
            NewContent::Text(text) => text.clone(),
            NewContent::File(path) => path.display().to_string(),
        });
    }
    let bytes = serde_json::json!(said).to_string().into_bytes();
    key.refer(&bytes).hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use autoos_kernel::plan::{Work, WorkflowStep};
    use serde_json::json;

    fn plan(path: &str) -> Plan {
        let step = json!({
            "id": "read",
            "work": {"tool": {"name": "fs.read", "args": {"path": path}}},
        });
        let step: WorkflowStep = serde_json::from_value(step).expect("a step");
        assert!(matches!(step.work, Work::Tool { .. }));
        Plan { steps: vec![step], ..Plan::default() }
    }

    #[test]
    fn what_is_done_is_not_taken_for_other_work() {
        let kept = BTreeSet::from(["read".to_owned()]);
        assert_eq!(changed(&plan("/a"), &plan("/a"), &kept), Vec::<String>::new());
        assert_eq!(changed(&plan("/b"), &plan("/a"), &kept).len(), 1);
        // What is not done yet may change.
        assert_eq!(changed(&plan("/b"), &plan("/a"), &BTreeSet::new()), Vec::<String>::new());
    }
}
