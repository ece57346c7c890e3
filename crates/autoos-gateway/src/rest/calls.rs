//! Calls of clients that speak to models through the node.

use super::{Params, workflows::rows};
use crate::{call::Call, edge::Edge, fault::Fault};
use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    page_token: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(
    State(edge): State<Edge>,
    call: Call,
    Params(query): Params<ListQuery>,
) -> Result<Json<Value>, Fault> {
    let limit = rows(query.limit)?;
    let page = edge.calls(&call, query.page_token.as_deref(), limit).await?;
    Ok(Json(json!({"items": page.calls, "next": page.next})))
}

pub(super) async fn show(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Fault> {
    Ok(Json(edge.call(&call, &id).await?))
}
