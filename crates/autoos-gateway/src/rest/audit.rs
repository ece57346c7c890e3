//! The audit's key and checkpoints, and its exports.

use super::Params;
use crate::{audit::AuditStatus, call::Call, edge::Edge, fault::Fault, json};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use serde::Deserialize;

pub(super) async fn status(State(edge): State<Edge>, _: Call) -> Result<Json<AuditStatus>, Fault> {
    Ok(Json(edge.audit_status()?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    workflows: Option<String>,
    #[serde(default)]
    texts: bool,
}

pub(super) async fn export(
    State(edge): State<Edge>,
    call: Call,
    Params(query): Params<ExportQuery>,
) -> Result<Response, Fault> {
    let ids = query.workflows.iter().flat_map(|ids| ids.split(',')).filter(|id| !id.is_empty());
    let ids = ids.map(json::workflow_id).collect::<Result<Vec<_>, _>>()?;
    // What breaks off in the middle breaks the transfer: a verification sees that it has no end.
    let pieces = edge.export(&call, ids, query.texts).await?.map(|piece| {
        piece.map_err(|fault| {
            let said = fault.problem().sentence;
            tracing::warn!(problem = %said, "an export was broken off");
            std::io::Error::other(said)
        })
    });
    let kind = [(header::CONTENT_TYPE, "application/jsonl")];
    Ok((kind, Body::from_stream(pieces)).into_response())
}
