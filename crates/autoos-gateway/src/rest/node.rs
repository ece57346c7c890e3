//! The node itself: how it is, what it has, what was spent.

use super::Params;
use crate::{call::Call, edge::Edge, fault::Fault};
use autoos_fabric::ProviderStatus;
use autoos_guard::DEFAULT_TENANT;
use autoos_kernel::tool::ToolSpec;
use autoos_views::Dimension;
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

/// The bill, split by one thing or by several, comma-separated. Split by tenant it shows the
/// operator those of all; everything else is the caller's own.
pub(super) async fn costs(
    State(edge): State<Edge>,
    call: Call,
    Params(query): Params<CostQuery>,
) -> Result<Json<Value>, Fault> {
    let by = query.by.as_deref().unwrap_or("day");
    let mut dimensions = Vec::new();
    for word in by.split(',') {
        let dimension: Dimension = word.parse().map_err(|_| {
            Fault::Invalid(format!("by is {word:.32?}, and must be tenant, user, model or day"))
        })?;
        if dimensions.contains(&dimension) {
            return Err(Fault::Invalid(format!("by names {word} twice")));
        }
        dimensions.push(dimension);
    }
    let of_all = dimensions.contains(&Dimension::Tenant) && call.caller.tenant == DEFAULT_TENANT;
    let tenant = (!of_all).then_some(&*call.caller.tenant);
    let lines: Vec<Value> = edge
        .views
        .bill(&dimensions, tenant)
        .into_iter()
        .map(|line| {
            json!({
                "key": line.keys.join(" "),
                "keys": line.keys,
                "calls": line.calls,
                "cost_microusd": line.cost_microusd,
                "tokens": line.tokens,
            })
        })
        .collect();
    Ok(Json(json!({"by": by, "lines": lines})))
}
