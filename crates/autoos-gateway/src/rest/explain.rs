//! Accounts, comparisons, forks and lessons.

use super::Params;
use crate::{
    body,
    call::Call,
    edge::Edge,
    fault::Fault,
    json::{self, SubmittedBody},
};
use autoos_views::{Comparison, Why};
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhyQuery {
    claim: Option<String>,
}

pub(super) async fn why(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
    Params(query): Params<WhyQuery>,
) -> Result<Json<Why>, Fault> {
    let why = edge.why(&call, json::workflow_id(&id)?, query.claim.as_deref()).await?;
    Ok(Json(why))
}

pub(super) async fn trace(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Fault> {
    Ok(Json(edge.trace(&call, json::workflow_id(&id)?).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiffQuery {
    with: String,
}

pub(super) async fn diff(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
    Params(query): Params<DiffQuery>,
) -> Result<Json<Comparison>, Fault> {
    let (left, right) = (json::workflow_id(&id)?, json::workflow_id(&query.with)?);
    Ok(Json(edge.compare(&call, left, right).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForkBody {
    at: u64,
    model: Option<String>,
}

pub(super) async fn fork(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<SubmittedBody>), Fault> {
    let id = json::workflow_id(&id)?;
    let given: ForkBody = body::json(&headers, body, edge.options.max_body_bytes).await?;
    let forked = edge.fork(&call, id, given.at, given.model).await?;
    Ok((StatusCode::CREATED, Json(SubmittedBody::from(forked))))
}

pub(super) async fn lessons(State(edge): State<Edge>, call: Call) -> Json<Value> {
    Json(json!({"lessons": edge.lessons(&call)}))
}

pub(super) async fn revert(
    State(edge): State<Edge>,
    call: Call,
    Path(number): Path<String>,
) -> Result<Json<Value>, Fault> {
    let number = number.parse().map_err(|_| {
        Fault::Invalid(format!("{number:.32?} is no number of a lesson: they are 1 and more"))
    })?;
    edge.revert_lesson(&call, number).await?;
    Ok(Json(json!({"changed": true})))
}
