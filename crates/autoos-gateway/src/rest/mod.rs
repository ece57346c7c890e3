//! REST: the routes, and how each reads its request.

mod accounts;
mod audit;
mod backups;
mod calls;
mod docs;
mod events;
mod explain;
mod intents;
mod keys;
mod log;
mod metrics;
mod node;
mod openapi;
mod picture;
mod shapes;
mod uploads;
mod workflows;

use crate::{call::Call, edge::Edge, fault::Fault};
use axum::{
    Router,
    extract::{FromRequestParts, Query, Request},
    http::request::Parts,
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use serde::de::DeserializeOwned;

/// Every route. [`openapi`] describes the same ones; a test holds the two against each other.
pub(crate) fn router(edge: Edge) -> Router {
    Router::new()
        .route("/", get(docs::root))
        .route("/health", get(node::health))
        .route("/metrics", get(metrics::metrics))
        .route("/docs", get(docs::page))
        .route("/openapi.json", get(openapi::json))
        .route("/api/v1/intents", post(intents::submit))
        .route("/api/v1/plans", post(intents::plan))
        .route("/api/v1/workflows", get(workflows::list))
        .route("/api/v1/workflows/{id}", get(workflows::show).delete(workflows::delete))
        .route("/api/v1/workflows/{id}/plan", get(workflows::plan))
        .route("/api/v1/workflows/{id}/audit", get(workflows::audit))
        .route("/api/v1/workflows/{id}/audit/verify", get(workflows::verify))
        .route("/api/v1/workflows/{id}/picture.svg", get(picture::svg))
        .route("/api/v1/workflows/{id}/picture.txt", get(picture::text))
        .route("/api/v1/workflows/{id}/events", get(events::events))
        .route("/api/v1/workflows/{id}/why", get(explain::why))
        .route("/api/v1/workflows/{id}/trace", get(explain::trace))
        .route("/api/v1/workflows/{id}/diff", get(explain::diff))
        .route("/api/v1/workflows/{id}/fork", post(explain::fork))
        .route("/api/v1/workflows/{id}/cancel", post(workflows::cancel))
        .route("/api/v1/workflows/{id}/pause", post(workflows::pause))
        .route("/api/v1/workflows/{id}/resume", post(workflows::resume))
        .route("/api/v1/escalations", get(workflows::escalations))
        .route("/api/v1/escalations/{workflow}/{number}/resolve", post(workflows::resolve))
        .route("/api/v1/lessons", get(explain::lessons))
        .route("/api/v1/lessons/{number}/revert", post(explain::revert))
        .route("/api/v1/calls", get(calls::list))
        .route("/api/v1/calls/{id}", get(calls::show))
        .route("/api/v1/costs", get(node::costs))
        .route("/api/v1/tools", get(node::tools))
        .route("/api/v1/providers", get(node::providers))
        .route("/api/v1/uploads/{name}", put(uploads::put).delete(uploads::delete))
        .route("/api/v1/accounts", get(accounts::list))
        .route("/api/v1/accounts/{tenant}", get(accounts::show).put(accounts::set))
        .route("/api/v1/audit", get(audit::status))
        .route("/api/v1/audit/export", get(audit::export))
        .route("/api/v1/backups", post(backups::create))
        .route("/api/v1/log", get(log::show).put(log::set))
        .route("/api/v1/keys", get(keys::list).post(keys::create))
        .route("/api/v1/keys/{id}", delete(keys::revoke))
        .with_state(edge)
}

/// What no route leads to.
pub(crate) async fn nowhere(request: Request) -> Response {
    let path: String = request.uri().path().chars().take(200).collect();
    Fault::NoRoute(path).into_response()
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let call = parts.extensions.get::<Self>().cloned();
        call.ok_or_else(|| Fault::Internal("a route without a caller".into()))
    }
}

/// The query of a request; unknown parameters are refused by name.
struct Params<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let Query(query) = query.map_err(|why| {
            let said = why.body_text();
            let said = said.strip_prefix("Failed to deserialize query string: ").unwrap_or(&said);
            Fault::Invalid(format!("the query: {said}"))
        })?;
        Ok(Self(query))
    }
}
