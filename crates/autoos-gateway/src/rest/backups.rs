//! Backups, made by the node while it runs.

use crate::{Backup, body, call::Call, edge::Edge, fault::Fault};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupBody {
    target: String,
}

pub(super) async fn create(
    State(edge): State<Edge>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Backup>), Fault> {
    let asked: BackupBody = body::json(&headers, body, edge.options.max_body_bytes).await?;
    Ok((StatusCode::CREATED, Json(edge.backup(&call, &asked.target).await?)))
}
