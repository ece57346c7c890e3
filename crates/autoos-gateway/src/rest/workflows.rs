//! Reading and steering workflows, and answering their questions.

use super::Params;
use crate::{
    body,
    call::Call,
    edge::{Edge, PAGE},
    fault::Fault,
    json::{self, ReasonBody, ResolveBody},
};
use autoos_journal::Position;
use autoos_kernel::{plan::Plan, workflow::Command};
use autoos_views::{EscalationFilter, EscalationItem, Filter, Page, Summary, WorkflowView};
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowQuery {
    at: Option<u64>,
}

pub(super) async fn show(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
    Params(query): Params<ShowQuery>,
) -> Result<Json<WorkflowView>, Fault> {
    Ok(Json(edge.workflow(&call, json::workflow_id(&id)?, query.at).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    state: Option<String>,
    user_id: Option<String>,
    since: Option<String>,
    text: Option<String>,
    limit: Option<usize>,
    page_token: Option<String>,
    after: Option<String>,
}

/// Rows of a page, where the client says how many.
pub(super) fn rows(limit: Option<usize>) -> Result<usize, Fault> {
    match limit {
        Some(0) => Err(Fault::Invalid("a page has 1 to 500 rows, not 0".into())),
        given => Ok(given.unwrap_or(PAGE)),
    }
}

pub(super) async fn list(
    State(edge): State<Edge>,
    call: Call,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<Summary>>, Fault> {
    let mut states = Vec::new();
    for word in query.state.iter().flat_map(|words| words.split(',')).filter(|w| !w.is_empty()) {
        let state = word.parse();
        states.push(state.map_err(|_| Fault::Invalid(format!("{word:.32?} is no state")))?);
    }
    let filter = Filter {
        states,
        user: query.user_id,
        tenant: None,
        since: query.since.as_deref().map(|at| json::timestamp("since", at)).transpose()?,
        text: query.text.filter(|text| !text.is_empty()),
    };
    let after = query.after.as_deref().map(json::position).transpose()?;
    let limit = rows(query.limit)?;
    Ok(Json(edge.list(&call, filter, query.page_token.as_deref(), limit, after).await?))
}

pub(super) async fn plan(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Plan>, Fault> {
    Ok(Json(edge.document(&call, json::workflow_id(&id)?).await?))
}

pub(super) async fn audit(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Fault> {
    let id = json::workflow_id(&id)?;
    let entries = edge.audit(&call, id).await?;
    Ok(Json(json!({"workflow_id": id, "entries": entries})))
}

pub(super) async fn verify(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Fault> {
    let found = edge.verify(&call, json::workflow_id(&id)?).await?;
    Ok(Json(json!({"ok": true, "found": found})))
}

fn changed(position: Option<Position>) -> Json<Value> {
    Json(json!({"changed": position.is_some(), "position": position.map(json::place)}))
}

/// A reason from a body that may be left out.
async fn reason(headers: &HeaderMap, body: Body, limit: usize) -> Result<String, Fault> {
    let bytes = body::read(headers, body, limit).await?;
    let given: ReasonBody =
        if bytes.is_empty() { ReasonBody::default() } else { body::parse(&bytes)? };
    Ok(given.reason.unwrap_or_else(|| "someone asked for it".into()))
}

pub(super) async fn cancel(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Fault> {
    let id = json::workflow_id(&id)?;
    let reason = reason(&headers, body, edge.options.max_body_bytes).await?;
    let command = Command::Cancel { by: call.caller.name.clone(), reason };
    Ok(changed(edge.command(&call, id, command).await?))
}

pub(super) async fn pause(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Fault> {
    let command = Command::Pause { by: call.caller.name.clone() };
    Ok(changed(edge.command(&call, json::workflow_id(&id)?, command).await?))
}

pub(super) async fn resume(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Fault> {
    let command = Command::Resume { by: call.caller.name.clone() };
    Ok(changed(edge.command(&call, json::workflow_id(&id)?, command).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteQuery {
    #[serde(default)]
    erase: bool,
}

/// Cancels, or with `erase=true` cancels and destroys what was said.
pub(super) async fn delete(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
    Params(query): Params<DeleteQuery>,
) -> Result<Json<Value>, Fault> {
    let id = json::workflow_id(&id)?;
    if query.erase {
        edge.erase(&call, id).await?;
        return Ok(Json(json!({"erased": true})));
    }
    let reason = "someone deleted it".into();
    let command = Command::Cancel { by: call.caller.name.clone(), reason };
    Ok(changed(edge.command(&call, id, command).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EscalationQuery {
    #[serde(default)]
    all: bool,
    user_id: Option<String>,
    limit: Option<usize>,
    page_token: Option<String>,
}

pub(super) async fn escalations(
    State(edge): State<Edge>,
    call: Call,
    Params(query): Params<EscalationQuery>,
) -> Result<Json<Page<EscalationItem>>, Fault> {
    let filter = EscalationFilter { open_only: !query.all, tenant: None, user: query.user_id };
    let limit = rows(query.limit)?;
    Ok(Json(edge.escalations(&call, filter, query.page_token.as_deref(), limit).await?))
}

pub(super) async fn resolve(
    State(edge): State<Edge>,
    call: Call,
    Path((id, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Fault> {
    let id = json::workflow_id(&id)?;
    let number = number.parse().map_err(|_| {
        Fault::Invalid(format!("{number:.32?} is no number of a question: they are 1 and more"))
    })?;
    let mut given: ResolveBody = body::json(&headers, body, edge.options.max_body_bytes).await?;
    let answer = given.answer()?;
    Ok(changed(edge.resolve(&call, id, number, answer, given.by).await?))
}
