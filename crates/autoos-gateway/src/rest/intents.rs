//! Submitting and planning.

use crate::{
    body,
    call::Call,
    edge::Edge,
    fault::Fault,
    json::{IntentBody, SubmittedBody},
};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

fn key(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().map_err(|_| {
        Fault::Invalid("the header Idempotency-Key holds more than visible ASCII".into())
    })?;
    Ok(Some(key.to_owned()))
}

/// 201 with a workflow that was made, 200 with one that an earlier request had made.
pub(super) async fn submit(
    State(edge): State<Edge>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    let intent: IntentBody = body::json(&headers, body, edge.options.max_intent_bytes).await?;
    let submitted = edge.submit(&call, intent.ask(key(&headers)?)?).await?;
    let status = if submitted.existed { StatusCode::OK } else { StatusCode::CREATED };
    let body = SubmittedBody::from(submitted);
    let location = HeaderValue::from_str(&format!("/api/v1/workflows/{}", body.workflow_id));
    let mut response = (status, Json(body)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

pub(super) async fn plan(
    State(edge): State<Edge>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Fault> {
    let intent: IntentBody = body::json(&headers, body, edge.options.max_intent_bytes).await?;
    let (plan, outline) = edge.plan(&call, intent.ask(None)?).await?;
    Ok(Json(json!({"plan": plan, "worst_case_microusd": outline.worst_case_microusd})))
}
