//! The node itself: how it is, what it has, what was spent.

use super::Params;
use crate::{call::Call, edge::Edge, fault::Fault};
use autoos_fabric::ProviderStatus;
use autoos_kernel::tool::ToolSpec;
use autoos_views::{CostLine, Dimension};
use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

/// Always 200 while the node answers, since a restart would not help a full disk; `status` says
/// `degraded` then, and reading still works.
pub(super) async fn health(State(edge): State<Edge>) -> Json<Value> {
    let degraded = edge.journal.degraded();
    let status = if degraded.is_some() { "degraded" } else { "ok" };
    let journal = match &degraded {
        Some(reason) => json!({"state": "read_only", "reason": reason}),
        None => json!({"state": "ok"}),
    };
    Json(json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "journal": journal,
        "views": edge.views.ready(),
        "open_workflows": edge.runtime.open().await,
        "quarantined_workflows": edge.runtime.quarantined().await.len(),
    }))
}

pub(super) async fn tools(State(edge): State<Edge>) -> Json<Value> {
    let tools: Vec<ToolSpec> = edge.tools();
    Json(json!({"tools": tools}))
}

pub(super) async fn providers(State(edge): State<Edge>) -> Json<Value> {
    let providers: Vec<ProviderStatus> = edge.providers();
    Json(json!({"providers": providers}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CostQuery {
    by: Option<String>,
}

pub(super) async fn costs(
    State(edge): State<Edge>,
    call: Call,
    Params(query): Params<CostQuery>,
) -> Result<Json<Value>, Fault> {
    let by = query.by.as_deref().unwrap_or("day");
    let dimension: Dimension = by.parse().map_err(|_| {
        Fault::Invalid(format!("by is {by:.32?}, and must be tenant, user, model or day"))
    })?;
    let lines: Vec<CostLine> = edge.views.cost_by(dimension, Some(&call.caller.tenant));
    Ok(Json(json!({"by": by, "lines": lines})))
}
