//! The description of the REST API, as OpenAPI 3.1.
use axum::Json;
use serde_json::{Value, json};
pub(super) async fn json() -> Json<Value> {
    Json(json!({}))
}
