//! API keys, managed through a running node.

use crate::{body, call::Call, edge::Edge, fault::Fault};
use autoos_guard::KeyInfo;
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
struct KeyBody {
    name: String,
    tenant: Option<String>,
}

/// The one time that the secret is shown.
pub(super) async fn create(
    State(edge): State<Edge>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let asked: KeyBody = body::json(&headers, body, edge.options.max_body_bytes).await?;
    let (key, secret) =
        edge.auth.create(&call.caller, &asked.name, asked.tenant.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(json!({"secret": secret.expose(), "key": key}))))
}

pub(super) async fn list(State(edge): State<Edge>, call: Call) -> Json<Value> {
    Json(json!({"keys": edge.auth.list(&call.caller)}))
}

pub(super) async fn revoke(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<KeyInfo>, Fault> {
    Ok(Json(edge.auth.revoke(&call.caller, &id).await?))
}
