//! How much the node logs.

use crate::{body, call::Call, edge::Edge, fault::Fault};
use axum::{Json, body::Body, extract::State, http::HeaderMap};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelBody {
    level: String,
}

pub(super) async fn show(State(edge): State<Edge>, call: Call) -> Result<Json<Value>, Fault> {
    Ok(Json(json!({ "level": edge.log_level(&call, None)? })))
}

pub(super) async fn set(
    State(edge): State<Edge>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Fault> {
    let asked: LevelBody = body::json(&headers, body, edge.options.max_body_bytes).await?;
    Ok(Json(json!({ "level": edge.log_level(&call, Some(&asked.level))? })))
}
