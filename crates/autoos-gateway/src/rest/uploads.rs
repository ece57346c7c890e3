//! Uploads.

use crate::{body, call::Call, edge::Edge, fault::Fault, uploads::Uploaded};
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
};

pub(super) async fn put(
    State(edge): State<Edge>,
    call: Call,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Uploaded>), Fault> {
    let limit = edge.options.max_upload_bytes;
    let said = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if said.is_some_and(|said: u64| said > limit) {
        return Err(Fault::TooLarge { limit });
    }
    let id = edge.runtime.fresh_id();
    let pieces = body::pieces(body);
    let uploaded = edge.uploads.take(&call.caller.tenant, id, &name, pieces).await?;
    Ok((StatusCode::CREATED, Json(uploaded)))
}

/// The last part of the path is the upload's id here.
pub(super) async fn delete(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
) -> Result<StatusCode, Fault> {
    edge.uploads.remove(&call.caller.tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
