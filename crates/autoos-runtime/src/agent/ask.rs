//! An attempt that asks a model.

use super::{
    Assignment, Input, Job, Origin, Product,
    actor::{Miss, Report},
    read_plan,
    trust::{self, Looked},
};
use crate::{
    brief::{Brief, Context, Source},
    inputs::Found,
    parts::{Parts, Setup},
};
use autoos_fabric::{ContextInfo, LlmResponse, Request, Task, TaskKind, Verdict};
use autoos_kernel::{
    ladder::{Exit, FailureClass},
    plan::{Plan, Work},
    tool::ToolSpec,
    words::LlmRole,
};
use serde::Deserialize as _;
use serde_json::Value;
use std::{path::Path, sync::Arc};

/// What a planner sees of a context, in bytes.
const HEAD: usize = 4 * 1024;
/// What any other role sees of a file that it is given whole, in bytes; tools read the rest.
const EXCERPT: usize = 256 * 1024;

/// A second answer that is by itself less sure than this is held against nobody: what it says does
/// not stand in the evidence, and someone else is asked.
const WITNESS_LEAST: f64 = 0.6;

/// Has the plan made.
pub(super) async fn plan(assignment: &Assignment) -> Report {
    let Job::Plan { model, tools, prompt_tokens, output_tokens, refused, around, lessons } =
        &assignment.job
    else {
        return nothing(Miss::failed(FailureClass::Invalid, "this is no planning step"));
    };
    let request = Request {
        key: assignment.key.clone(),
        model: model.clone(),
        role: LlmRole::Planner,
        task: planning(tools, &assignment.brief, around.as_ref(), lessons).await,
        schema: None,
        tools: Vec::new(),
        complaint: complaint(assignment, refused),
        prompt_tokens: *prompt_tokens,
        output_tokens: *output_tokens,
        timeout_ms: assignment.timeout_ms,
    };
    send(assignment, request, |response| {
        let (value, plan) = planned(response)?;
        Ok(Product { value, plan: Some(plan), trust: None })
    })
    .await
}

/// A plan that belongs to no workflow.
pub(crate) async fn plan_once(
    parts: &Parts,
    setup: &Setup,
    brief: &Brief,
    model: String,
) -> Result<Plan, String> {
    let options = &setup.options;
    let request = Request {
        key: format!("plan/{}", brief.uuid),
        model,
        role: LlmRole::Planner,
        task: planning(&setup.tools, brief, None, &setup.lessons.book().for_planners()).await,
        schema: None,
        tools: Vec::new(),
        complaint: None,
        prompt_tokens: options.planning_prompt_tokens,
        output_tokens: options.planning_output_tokens,
        timeout_ms: options.planning_timeout_ms,
    };
    let response = parts.llm.ask(request).await.map_err(|failure| failure.to_string())?;
    let (_, plan) = planned(response).map_err(|miss| miss.detail)?;
    Ok(Arc::unwrap_or_clone(plan))
}

async fn planning(
    tools: &Arc<[ToolSpec]>,
    brief: &Brief,
    around: Option<&(Arc<Plan>, Vec<String>)>,
    lessons: &[String],
) -> Task {
    let mut contexts = Vec::with_capacity(brief.contexts.len());
    for context in &brief.contexts {
        contexts.push(info(context).await);
    }
    Task::Plan {
        intent: brief.text.clone(),
        contexts,
        risk: brief.risk,
        tools: tools.clone(),
        refused: around.map(|(plan, why)| (Box::new((**plan).clone()), why.clone())),
        lessons: lessons.to_vec(),
    }
}

/// A planner's answer, as it came and as a plan.
fn planned(mut response: LlmResponse) -> Result<(Value, Arc<Plan>), Miss> {
    let read = response.plan.take();
    let value = value_of(response)?;
    if let Some(plan) = read {
        return Ok((value, plan));
    }
    if let Some(unable) = value.get("unable") {
        return Err(Miss::failed(FailureClass::Unable, unable_detail(unable)));
    }
    let plan = read_plan(&value).map_err(|why| Miss::failed(FailureClass::Malformed, why))?;
    Ok((value, Arc::new(plan)))
}

/// Works a step of the plan.
pub(super) async fn work(assignment: &Assignment) -> Report {
    let nobody = || nothing(Miss::failed(FailureClass::Invalid, "this step asks nobody"));
    let Job::Step { written, model, inputs, reviewed, .. } = &assignment.job else {
        return nobody();
    };
    let Work::Ask { role, instruction, schema } = &written.work else { return nobody() };
    let Some(model) = model else {
        return nothing(Miss::failed(FailureClass::Auth, "no model serves this role"));
    };
    let gathered = match gather(inputs).await {
        Ok(gathered) => gathered,
        Err(why) => return nothing(Miss::failed(FailureClass::Invalid, why)),
    };
    let asked = trust::Asked { intent: &assignment.brief.text, instruction };
    let instruction = instruction.clone();
    let inputs = gathered.iter().map(|g| (g.name.clone(), (*g.value).clone())).collect();
    let intent = assignment.brief.text.clone();
    let task = match role {
        LlmRole::Verifier | LlmRole::Auditor => Task::Verify { instruction, inputs },
        LlmRole::Synthesizer => Task::Synthesize { intent, instruction, inputs },
        LlmRole::Planner | LlmRole::Executor => Task::Execute { instruction, inputs },
    };
    let request = Request {
        key: assignment.key.clone(),
        model: model.clone(),
        role: *role,
        task,
        schema: schema.clone(),
        tools: Vec::new(),
        // A verifier is not pressed to agree.
        complaint: complaint(assignment, &[]).filter(|_| *role != LlmRole::Verifier),
        prompt_tokens: written.limits.prompt_tokens,
        output_tokens: written.limits.output_tokens,
        timeout_ms: assignment.timeout_ms,
    };
    let role = *role;
    let reviewed = reviewed.as_ref();
    let kind = TaskKind::of(role, schema.is_some());
    let calibration = match reviewed {
        None => Some(assignment.parts.llm.calibration(model, kind)),
        Some(_) => None,
    };
    // Someone else has answered before, whose answer this model never sees; the two are compared
    // when they are judged.
    let is_witness = reviewed.is_some_and(|r| !r.answers.is_empty());
    send(assignment, request, move |response| match role {
        LlmRole::Verifier | LlmRole::Auditor => verdict(response),
        _ => {
            let looked = Looked {
                ceiling: reviewed.and_then(|r| r.ceiling.as_ref()),
                assurance: reviewed.map(|r| r.assurance),
                calibration: calibration.as_ref(),
                // It will be held against the same once more.
                shelf: reviewed.map(|_| &*assignment.shelf),
                ..Looked::default()
            };
            let value = response.value.unwrap_or(Value::String(response.text));
            let trust = trust::assess_with(&trust::spoken(&value), asked, &gathered, &looked);
            if is_witness && trust.confidence < WITNESS_LEAST {
                let detail = format!(
                    "the second answer is no good witness: {}",
                    trust.document["summary"].as_str().unwrap_or_default()
                );
                return Err(Miss::failed(FailureClass::Unable, detail));
            }
            Ok(Product { value, plan: None, trust: Some(trust) })
        }
    })
    .await
}

pub(super) async fn send(
    assignment: &Assignment,
    request: Request,
    read: impl FnOnce(LlmResponse) -> Result<Product, Miss>,
) -> Report {
    match assignment.parts.llm.ask(request).await {
        Ok(response) => {
            let cost = Some(response.cost_microusd);
            let tokens = (response.usage.input, response.usage.output);
            Report { end: read(response), cost, tokens }
        }
        Err(failure) => {
            let mut miss = Miss::failed(failure.class, failure.to_string());
            miss.retry_after_ms = failure.retry_after_ms;
            Report { end: Err(miss), cost: failure.cost_microusd, tokens: (0, 0) }
        }
    }
}

/// The end of an attempt that asked nobody.
pub(super) fn nothing(miss: Miss) -> Report {
    Report { end: Err(miss), cost: Some(0), tokens: (0, 0) }
}

/// A verdict against the work is an exit of its own, which the ladder answers by asking another.
fn verdict(response: LlmResponse) -> Result<Product, Miss> {
    let value = value_of(response)?;
    let verdict = read_verdict(&value)?;
    let supported = verdict.supported;
    let detail = format!("not supported: {}", verdict.problems.join("; "));
    let trust = Some(trust::of_verdict(&verdict));
    let product = Product { value, plan: None, trust };
    if supported {
        return Ok(product);
    }
    Err(Miss {
        exit: Exit::Vetoed,
        detail,
        retry_after_ms: None,
        doubtful: Some(Box::new(product)),
    })
}

/// The verdict that a verifier gave.
pub(super) fn verdict_of(response: LlmResponse) -> Result<Verdict, Miss> {
    read_verdict(&value_of(response)?)
}

fn read_verdict(value: &Value) -> Result<Verdict, Miss> {
    let verdict = Verdict::deserialize(value).map_err(|why| {
        Miss::failed(FailureClass::Malformed, format!("the verdict does not parse: {why}"))
    })?;
    if (0.0..=1.0).contains(&verdict.confidence) {
        return Ok(verdict);
    }
    let detail = "the verdict's confidence is not within 0 and 1";
    Err(Miss::failed(FailureClass::Malformed, detail))
}

fn value_of(response: LlmResponse) -> Result<Value, Miss> {
    match response.value {
        Some(value) => Ok(value),
        None => serde_json::from_str(&response.text).map_err(|why| {
            Miss::failed(FailureClass::Malformed, format!("the answer is no JSON: {why}"))
        }),
    }
}

fn unable_detail(unable: &Value) -> String {
    let reason = unable.get("reason").and_then(Value::as_str).unwrap_or("no reason was given");
    let needs: Vec<&str> = unable
        .get("needs")
        .and_then(Value::as_array)
        .map(|needs| needs.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    if needs.is_empty() {
        reason.to_owned()
    } else {
        format!("{reason} Needed: {}", needs.join("; "))
    }
}

fn complaint(assignment: &Assignment, refused: &[String]) -> Option<String> {
    if refused.is_empty() { assignment.note.clone() } else { Some(refused.join("\n")) }
}

/// An input as a model gets it.
pub(super) struct Gathered {
    pub(super) name: String,
    pub(super) value: Arc<Value>,
    /// Whether it is there; else the step that it comes from was left out, and it is null.
    pub(super) found: bool,
    /// Who made it.
    pub(super) origin: Origin,
}

/// The inputs with what files hold: evidence, then the verdicts on it.
pub(super) async fn gather(inputs: &[Input]) -> Result<Vec<Gathered>, String> {
    let mut gathered = Vec::with_capacity(inputs.len());
    for Input { name, found, origin } in inputs {
        let value = match found {
            None => Arc::default(),
            Some(Found::Value(value)) => value.clone(),
            Some(Found::File(path)) => Arc::new(Value::String(read(path, EXCERPT).await?)),
        };
        let (name, found, origin) = (name.clone(), found.is_some(), *origin);
        gathered.push(Gathered { name, value, found, origin });
    }
    gathered.sort_by_key(|input| input.origin == Origin::Verifier);
    Ok(gathered)
}

async fn info(context: &Context) -> ContextInfo {
    let (file, head) = match &context.content {
        Source::Text(text) => (false, cut(text.as_bytes(), HEAD)),
        // A file that cannot be read has no head; the tool that reads it will say why.
        Source::File(path) => (true, read(path, HEAD).await.unwrap_or_default()),
    };
    ContextInfo {
        name: context.name.clone(),
        file,
        label: context.label.clone(),
        bytes: context.bytes,
        head,
    }
}

/// The beginning of a file.
async fn read(path: &Path, most: usize) -> Result<String, String> {
    use tokio::io::AsyncReadExt as _;
    let failed = |why: std::io::Error| format!("{}: {why}", path.display());
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    Ok(cut(&bytes, most))
}

/// At most so many bytes, cut at the end of a line where it is cut.
fn cut(bytes: &[u8], most: usize) -> String {
    if bytes.len() <= most {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let kept = &bytes[..most];
    let end = kept.iter().rposition(|b| *b == b'\n').map_or(most, |at| at + 1);
    String::from_utf8_lossy(&kept[..end]).into_owned()
}
