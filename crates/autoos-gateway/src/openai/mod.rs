//! The edge for whoever speaks OpenAI's format: conversations, responses, embeddings, models.
//!
//! A call goes the way of its [`Talk`](talk::Talk): read once, granted by the accounts, asked of one model
//! after the other until one answers, checked where the client wants that, settled and recorded.
//! Errors have OpenAI's shape, so that its libraries work unchanged.
//!
//! | module | what it is |
//! |---|---|
//! | `talk`, `choose` | one call under way; who is asked |
//! | `answer` | the answer, whole or in pieces |
//! | `responses` | the other form of a conversation |
//! | `verify`, `cache` | an answer checked; answers kept |
//! | `record`, `read` | the pen of the calls; calls read back |
//! | `refused` | errors |
//!
//! Left out: files, assistants, fine-tuning, batches, audio and images as answers.

mod answer;
mod cache;
mod choose;
mod options;
mod read;
mod record;
mod refused;
mod responses;
mod talk;
mod verify;

pub use options::{CacheOptions, OpenaiOptions};
pub(crate) use refused::{Refused, Written as WrittenRefusal};

use crate::{body, call::Call, edge::Edge, options::Options};
use answer::{Exchange, Shape};
use autoos_fabric::chat::Asked;
use autoos_journal::SharedJournal;
use autoos_kernel::{call::What, words::LlmRole};
use autoos_runtime::Clock;
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
    routing::{get, post},
};
use cache::Cache;
use choose::{AUTO, OURS, Wishes};
use record::Recorder;
use serde_json::{Value, json};
use std::sync::Arc;
use talk::Talk;

/// What all calls share.
pub(crate) struct Calls {
    pub(crate) recorder: Recorder,
    cache: Cache,
}

impl Calls {
    pub(crate) fn start(journal: SharedJournal, clock: Arc<dyn Clock>, options: &Options) -> Self {
        let recorder = Recorder::start(journal, clock, &options.openai);
        Self { recorder, cache: Cache::new(options.openai.cache.clone()) }
    }
}

/// Whether a path is spoken to in OpenAI's format.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with("/v1/")
}

pub(crate) fn router(edge: Edge) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/responses", post(response))
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/models", get(models))
        .route("/v1/models/{*id}", get(model))
        .with_state(edge)
}

async fn read(edge: &Edge, headers: &HeaderMap, body: Body) -> Result<(Wishes, Bytes), Refused> {
    let wishes = Wishes::read(headers)?;
    body::check_kind(headers)?;
    let bytes = body::read(headers, body, edge.options.max_intent_bytes).await?;
    Ok((wishes, bytes.into()))
}

async fn exchange(
    edge: Edge,
    call: Call,
    (what, asked, request): (What, Asked, Bytes),
    wishes: Wishes,
    shape: Shape,
) -> Result<Response, Refused> {
    let key = wishes.cache.then(|| edge.calls.cache.key(&call.caller.tenant, &asked)).flatten();
    let talk = Talk::begin(&edge, &call, (what, asked, request), wishes).await?;
    Exchange { edge, talk, shape, key }.run().await
}

async fn chat(
    State(edge): State<Edge>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let (wishes, bytes) = read(&edge, &headers, body).await?;
    let asked = Asked::chat(&bytes)?;
    exchange(edge, call, (What::Chat, asked, bytes), wishes, Shape::Chat).await
}

async fn response(
    State(edge): State<Edge>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let (wishes, bytes) = read(&edge, &headers, body).await?;
    let asked = responses::asked(&bytes)?;
    let now = edge.runtime.parts().clock.now();
    let shape = Shape::Response(Box::new(responses::Written::new(now.0)));
    exchange(edge, call, (What::Response, asked, bytes), wishes, shape).await
}

async fn embeddings(
    State(edge): State<Edge>,
    call: Call,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let (wishes, bytes) = read(&edge, &headers, body).await?;
    if wishes.verify.is_some() {
        let sentence = "the header autoos-verify is for answers, and embeddings say nothing";
        return Err(Refused::wrong(None, sentence));
    }
    let asked = Asked::embeddings(&bytes)?;
    exchange(edge, call, (What::Embedding, asked, bytes), wishes, Shape::Chat).await
}

fn entry(id: &str, owner: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": owner})
}

/// Every name that a call may use.
fn names(edge: &Edge) -> Vec<Value> {
    let llm = &edge.runtime.parts().llm;
    let roles = [LlmRole::Planner, LlmRole::Executor, LlmRole::Verifier, LlmRole::Synthesizer];
    let roles = roles.map(|role| entry(&format!("{OURS}{role}"), "autoos"));
    let models = llm.models().into_iter().filter(|m| m.language_model || m.abilities.embeddings);
    let models = models.map(|model| entry(&model.id, &model.vendor));
    std::iter::once(entry(AUTO, "autoos")).chain(roles).chain(models).collect()
}

async fn models(State(edge): State<Edge>) -> Json<Value> {
    Json(json!({"object": "list", "data": names(&edge)}))
}

async fn model(State(edge): State<Edge>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    if let Some(found) = names(&edge).into_iter().find(|entry| entry["id"] == id.as_str()) {
        return Ok(Json(found));
    }
    let named = edge.runtime.parts().llm.named(&id).into_iter().next();
    let model = named.ok_or_else(|| Refused::no_model(&id))?;
    Ok(Json(entry(&id, &model.vendor)))
}
