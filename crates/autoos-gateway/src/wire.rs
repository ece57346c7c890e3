//! Protocol buffers to and from what the edge works with. The one file that knows both.

use crate::{
    ask::{Ask, AskContent, AskContext},
    fault::Fault,
    json,
};
use autoos_fabric::ProviderStatus;
use autoos_guard::KeyInfo;
use autoos_journal::Position;
use autoos_kernel::{
    id::{Shard, WorkflowId},
    lesson::Lesson,
    time::Timestamp,
    tool::ToolSpec,
    words::{EffectClass, RiskLevel, TrustLevel, WorkflowState},
};
use autoos_proto::v1;
use autoos_runtime::Answer;
use autoos_views::{
    AttemptView, AuditDecision, AuditEntry, AuditInput, BudgetView, Change, EscalationItem,
    EscalationView, PlanView, ResultView, StepStatus, StepView, Summary, Tokens, WorkView,
    WorkflowView,
};
use serde::Serialize;
use serde_json::Value;

pub(crate) fn workflow_id(text: &str) -> Result<WorkflowId, Fault> {
    json::workflow_id(text)
}

/// Empty text is what proto3 sends for none.
pub(crate) fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

pub(crate) fn document(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|why| Fault::Internal(why.to_string()))
}

fn value(value: Option<&Value>) -> String {
    value.map(Value::to_string).unwrap_or_default()
}

pub(crate) fn time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX),
        nanos: (at.0 % 1_000) as i32 * 1_000_000,
    }
}

pub(crate) fn timestamp(
    field: &str,
    at: Option<prost_types::Timestamp>,
) -> Result<Option<Timestamp>, Fault> {
    let Some(at) = at else { return Ok(None) };
    let ms = || {
        let seconds = u64::try_from(at.seconds).ok()?.checked_mul(1_000)?;
        let nanos = u64::try_from(at.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
        seconds.checked_add(nanos / 1_000_000)
    };
    let bad = || Fault::Invalid(format!("{field} is no time in 1970 or later"));
    ms().map(|ms| Some(Timestamp(ms))).ok_or_else(bad)
}

pub(crate) fn position(position: Position) -> v1::Position {
    v1::Position { shard: position.shard.0.into(), offset: position.offset }
}

pub(crate) fn from_position(position: v1::Position) -> Result<Position, Fault> {
    let shard = u16::try_from(position.shard);
    let shard = shard.map_err(|_| Fault::Invalid(format!("no shard {}", position.shard)))?;
    Ok(Position { shard: Shard(shard), offset: position.offset })
}

fn risk(risk: RiskLevel) -> i32 {
    let risk = match risk {
        RiskLevel::Low => v1::RiskLevel::Low,
        RiskLevel::Medium => v1::RiskLevel::Medium,
        RiskLevel::High => v1::RiskLevel::High,
        RiskLevel::Critical => v1::RiskLevel::Critical,
    };
    risk.into()
}

fn from_risk(number: i32) -> Result<RiskLevel, Fault> {
    let known = v1::RiskLevel::try_from(number);
    match known.map_err(|_| Fault::Invalid(format!("intent.risk: no level has number {number}")))? {
        v1::RiskLevel::Unspecified => Ok(RiskLevel::default()),
        v1::RiskLevel::Low => Ok(RiskLevel::Low),
        v1::RiskLevel::Medium => Ok(RiskLevel::Medium),
        v1::RiskLevel::High => Ok(RiskLevel::High),
        v1::RiskLevel::Critical => Ok(RiskLevel::Critical),
    }
}

fn state(state: WorkflowState) -> i32 {
    let state = match state {
        WorkflowState::Planning => v1::WorkflowState::Planning,
        WorkflowState::Running => v1::WorkflowState::Running,
        WorkflowState::Paused => v1::WorkflowState::Paused,
        WorkflowState::Escalated => v1::WorkflowState::Escalated,
        WorkflowState::Cancelling => v1::WorkflowState::Cancelling,
        WorkflowState::Completed => v1::WorkflowState::Completed,
        WorkflowState::Failed => v1::WorkflowState::Failed,
        WorkflowState::Cancelled => v1::WorkflowState::Cancelled,
    };
    state.into()
}

pub(crate) fn from_state(number: i32) -> Result<WorkflowState, Fault> {
    let bad = || Fault::Invalid(format!("states: no state has number {number}"));
    match v1::WorkflowState::try_from(number).map_err(|_| bad())? {
        v1::WorkflowState::Unspecified => Err(bad()),
        v1::WorkflowState::Planning => Ok(WorkflowState::Planning),
        v1::WorkflowState::Running => Ok(WorkflowState::Running),
        v1::WorkflowState::Paused => Ok(WorkflowState::Paused),
        v1::WorkflowState::Escalated => Ok(WorkflowState::Escalated),
        v1::WorkflowState::Cancelling => Ok(WorkflowState::Cancelling),
        v1::WorkflowState::Completed => Ok(WorkflowState::Completed),
        v1::WorkflowState::Failed => Ok(WorkflowState::Failed),
        v1::WorkflowState::Cancelled => Ok(WorkflowState::Cancelled),
    }
}

fn effect(effect: EffectClass) -> i32 {
    let effect = match effect {
        EffectClass::Pure => v1::EffectClass::Pure,
        EffectClass::Idempotent => v1::EffectClass::Idempotent,
        EffectClass::Effectful => v1::EffectClass::Effectful,
    };
    effect.into()
}

fn trust(trust: TrustLevel) -> i32 {
    let trust = match trust {
        TrustLevel::Untrusted => v1::TrustLevel::Untrusted,
        TrustLevel::Vetted => v1::TrustLevel::Vetted,
        TrustLevel::Trusted => v1::TrustLevel::Trusted,
    };
    trust.into()
}

fn status(status: StepStatus) -> i32 {
    let status = match status {
        StepStatus::Blocked => v1::StepStatus::Blocked,
        StepStatus::Ready => v1::StepStatus::Ready,
        StepStatus::Running => v1::StepStatus::Running,
        StepStatus::InReview => v1::StepStatus::InReview,
        StepStatus::AwaitingModels => v1::StepStatus::AwaitingModels,
        StepStatus::Mutating => v1::StepStatus::Mutating,
        StepStatus::Dropped => v1::StepStatus::Dropped,
        StepStatus::InDoubt => v1::StepStatus::InDoubt,
        StepStatus::BackingOff => v1::StepStatus::BackingOff,
        StepStatus::Waiting => v1::StepStatus::Waiting,
        StepStatus::Expanded => v1::StepStatus::Expanded,
        StepStatus::Escalated => v1::StepStatus::Escalated,
        StepStatus::Completed => v1::StepStatus::Completed,
        StepStatus::Skipped => v1::StepStatus::Skipped,
        StepStatus::Failed => v1::StepStatus::Failed,
    };
    status.into()
}

fn tokens(tokens: Tokens) -> Option<v1::Tokens> {
    Some(v1::Tokens { input: tokens.input, output: tokens.output })
}

/// What is asked, and under which idempotency key.
pub(crate) fn ask(intent: Option<v1::Intent>, key: String) -> Result<Ask, Fault> {
    let intent = intent.ok_or_else(|| Fault::Invalid("intent is missing".into()))?;
    let plan = match some(intent.plan_json) {
        Some(text) => Some(json::plan("intent.plan_json", &text)?),
        None => None,
    };
    Ok(Ask {
        text: intent.text,
        user: some(intent.user),
        contexts: intent.contexts.into_iter().map(context).collect::<Result<_, _>>()?,
        risk: from_risk(intent.risk)?,
        budget_microusd: intent.budget_microusd,
        deadline: timestamp("intent.deadline", intent.deadline)?,
        idempotency_key: some(key),
        plan,
    })
}

fn context(context: v1::Context) -> Result<AskContext, Fault> {
    use v1::context::Content;
    let content = match context.content {
        Some(Content::Text(text)) => AskContent::Text(text),
        Some(Content::Upload(id)) => AskContent::Upload(id),
        Some(Content::File(path)) => AskContent::File(path.into()),
        None => {
            return Err(Fault::Invalid(format!(
                "context {:.64}: one of text, upload and file must be there",
                context.name
            )));
        }
    };
    Ok(AskContext { name: context.name, label: some(context.label), content })
}

pub(crate) fn workflow(view: WorkflowView) -> v1::Workflow {
    let (cancelled_by, cancel_reason) =
        view.cancelled.map(|cancel| (cancel.by, cancel.reason)).unwrap_or_default();
    v1::Workflow {
        id: view.id.to_string(),
        intent_id: view.intent_id.to_string(),
        intent: view.intent,
        erased: view.erased,
        tenant: view.tenant,
        user: view.user,
        contexts: view
            .contexts
            .into_iter()
            .map(|c| v1::ContextInfo { name: c.name, label: c.label, bytes: c.bytes })
            .collect(),
        state: state(view.state),
        risk: risk(view.risk),
        created: Some(time(view.created)),
        updated: Some(time(view.updated)),
        ended: view.ended.map(time),
        deadline: view.deadline.map(time),
        duration_ms: view.duration_ms,
        budget: Some(budget(view.budget)),
        plan: view.plan.map(plan),
        refused: view.refused,
        steps: view.steps.into_iter().map(step).collect(),
        escalations: view.escalations.into_iter().map(escalation).collect(),
        cancelled_by,
        cancel_reason,
        result: view.result.map(result),
        failure: view.failure,
        tokens: tokens(view.tokens),
        model_calls: view.calls.model,
        tool_calls: view.calls.tool,
        seq: view.seq,
    }
}

fn budget(budget: BudgetView) -> v1::Budget {
    v1::Budget {
        granted_microusd: budget.granted_microusd,
        reserved_microusd: budget.reserved_microusd,
        spent_microusd: budget.spent_microusd,
        excess_microusd: budget.excess_microusd,
    }
}

fn plan(plan: PlanView) -> v1::PlanInfo {
    v1::PlanInfo {
        name: plan.name,
        version: plan.version,
        revision: plan.revision,
        worst_case_microusd: plan.worst_case_microusd,
        task_kind: plan.task_kind,
        result: plan.result,
    }
}

fn step(step: StepView) -> v1::Step {
    use v1::step::Work;
    let work = match step.work {
        WorkView::Tool { tool, effect: class } => {
            Work::Tool(v1::ToolWork { name: tool, effect: effect(class) })
        }
        WorkView::Ask { role, model } => Work::Ask(v1::AskWork { role: role.to_string(), model }),
        WorkView::Wait { wait_ms } => Work::WaitMs(wait_ms),
    };
    v1::Step {
        id: step.id,
        title: step.title,
        work: Some(work),
        state: status(step.state),
        due: step.due.map(time),
        started: step.started.map(time),
        ended: step.ended.map(time),
        duration_ms: step.duration_ms,
        cost_microusd: step.cost_microusd,
        note: step.note,
        confidence: step.confidence,
        needs: step.needs,
        attempts: step.attempts.into_iter().map(attempt).collect(),
    }
}

fn attempt(attempt: AttemptView) -> v1::Attempt {
    v1::Attempt {
        number: attempt.attempt,
        agent: attempt.agent.to_string(),
        model: attempt.model,
        started: Some(time(attempt.started)),
        ended: attempt.ended.map(time),
        exit: attempt.exit,
        detail: attempt.detail,
        cost_microusd: attempt.cost_microusd,
        tokens: tokens(attempt.tokens),
    }
}

fn escalation(view: EscalationView) -> v1::Escalation {
    let (decision, resolved_by, resolved_at) = match view.resolved {
        Some(resolved) => (resolved.decision.to_owned(), resolved.by, Some(time(resolved.at))),
        None => (String::new(), String::new(), None),
    };
    v1::Escalation {
        number: view.number,
        step: view.step,
        exit: view.exit,
        detail: view.detail,
        asked: Some(time(view.asked)),
        due: Some(time(view.due)),
        default_answer: view.default.to_owned(),
        answers: view.answers.into_iter().map(str::to_owned).collect(),
        proposed_json: value(view.proposed.as_ref()),
        verification_json: value(view.verification.as_ref()),
        open: view.open,
        decision,
        resolved_by,
        resolved_at,
    }
}

fn result(result: ResultView) -> v1::WorkflowResult {
    v1::WorkflowResult {
        text: result.text,
        value_json: value(result.value.as_ref()),
        confidence: result.confidence,
        verification_json: value(result.verification.as_ref()),
    }
}

pub(crate) fn summary(row: Summary) -> v1::WorkflowSummary {
    v1::WorkflowSummary {
        id: row.id.to_string(),
        intent: row.intent,
        tenant: row.tenant,
        user: row.user,
        state: state(row.state),
        risk: risk(row.risk),
        created: Some(time(row.created)),
        updated: Some(time(row.updated)),
        ended: row.ended.map(time),
        steps_over: row.steps_over,
        steps: row.steps,
        open_escalations: row.open_escalations,
        cost_microusd: row.cost_microusd,
    }
}

pub(crate) fn entry(entry: AuditEntry) -> v1::AuditEntry {
    v1::AuditEntry {
        stream: entry.stream.to_string(),
        seq: entry.seq,
        at: Some(time(entry.at)),
        actor: entry.actor,
        kind: entry.kind,
        what: entry.what,
        cause: entry.cause,
        trace_id: entry.trace_id,
        epoch: entry.epoch,
        data_json: entry.data.to_string(),
        chain: String::new(),
        inputs: Vec::new(),
    }
}

pub(crate) fn decision(decision: AuditDecision) -> v1::AuditEntry {
    let input = |input: AuditInput| v1::AuditInput { what: input.what, hash: input.hash };
    v1::AuditEntry {
        chain: decision.chain,
        inputs: decision.inputs.into_iter().map(input).collect(),
        ..entry(decision.entry)
    }
}

pub(crate) fn change(change: Change) -> v1::WorkflowChange {
    v1::WorkflowChange {
        entry: Some(entry(change.entry)),
        state: state(change.state),
        step: change.step.map(step),
        steps_over: u32::try_from(change.steps_over).unwrap_or(u32::MAX),
        steps: u32::try_from(change.steps).unwrap_or(u32::MAX),
        spent_microusd: change.spent_microusd,
    }
}

pub(crate) fn item(item: EscalationItem) -> v1::EscalationItem {
    v1::EscalationItem {
        workflow_id: item.workflow.to_string(),
        intent: item.intent,
        tenant: item.tenant,
        user: item.user,
        escalation: Some(escalation(item.escalation)),
    }
}

pub(crate) fn answer(
    answer: Option<v1::resolve_escalation_request::Answer>,
) -> Result<Answer, Fault> {
    use v1::resolve_escalation_request::Answer as Wire;
    match answer {
        Some(Wire::Approve(_)) => Ok(Answer::Approve),
        Some(Wire::EditJson(text)) => {
            let value = serde_json::from_str(&text);
            Ok(Answer::Edit(value.map_err(|why| Fault::Invalid(format!("edit_json: {why}")))?))
        }
        Some(Wire::Retry(_)) => Ok(Answer::Retry),
        Some(Wire::RaiseMicrousd(0)) => {
            Err(Fault::Invalid("raise_microusd is 0: say how much more may be spent".into()))
        }
        Some(Wire::RaiseMicrousd(more)) => Ok(Answer::Raise(more)),
        Some(Wire::Skip(_)) => Ok(Answer::Skip),
        Some(Wire::Abandon(_)) => Ok(Answer::Abandon),
        None => Err(Fault::Invalid("one of the answers must be there".into())),
    }
}

pub(crate) fn tool(spec: &ToolSpec) -> v1::Tool {
    v1::Tool {
        name: spec.name.clone(),
        description: spec.description.clone(),
        arguments_json: spec.arguments.to_string(),
        trust: trust(spec.trust),
        effect: effect(spec.effect),
        reads: spec.reads,
        timeout_ms: spec.timeout_ms,
    }
}

pub(crate) fn provider(status: &ProviderStatus) -> Result<v1::Provider, Fault> {
    Ok(v1::Provider { name: status.name.clone(), status_json: document(status)? })
}

pub(crate) fn key(key: &KeyInfo) -> v1::Key {
    v1::Key {
        id: key.id.to_string(),
        name: key.name.clone(),
        tenant: key.tenant.to_string(),
        created: Some(time(key.created)),
        revoked: key.revoked.map(time),
    }
}

/// A lesson as the caller may see it, and in how many workflows it was seen.
pub(crate) fn lesson(lesson: Lesson, times: usize) -> v1::Lesson {
    let sentence = lesson.sentence();
    let (reverted_by, reverted) = match lesson.reverted {
        Some((by, at)) => (by, Some(time(at))),
        None => (String::new(), None),
    };
    v1::Lesson {
        number: lesson.number,
        sentence,
        pattern_json: document(&lesson.pattern).unwrap_or_default(),
        exit: lesson.exit.to_string(),
        remedy: <&str>::from(lesson.remedy).to_owned(),
        times: u32::try_from(times).unwrap_or(u32::MAX),
        workflow_ids: lesson.from.iter().map(ToString::to_string).collect(),
        learned: Some(time(lesson.at)),
        reverted_by,
        reverted,
    }
}

/// Rows of a page.
pub(crate) fn rows(page_size: u32) -> usize {
    usize::try_from(page_size).unwrap_or(usize::MAX)
}
