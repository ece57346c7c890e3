//! A workflow's events as they come, as server-sent events.
//!
//! An event's id is its sequence, so a browser that reconnects sends it as `Last-Event-ID` and
//! misses nothing. Once the workflow has ended and everything was sent, the answer is 204, which
//! tells it to stop asking.

use super::Params;
use crate::{call::Call, edge::Edge, fault::Fault, json};
use autoos_views::Change;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::json;
use std::convert::Infallible;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    from: Option<u64>,
}

pub(super) async fn events(
    State(edge): State<Edge>,
    call: Call,
    Path(id): Path<String>,
    Params(query): Params<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let id = json::workflow_id(&id)?;
    let last = headers.get("last-event-id").map(|last| {
        let number = last.to_str().ok().and_then(|last| last.parse::<u64>().ok());
        number.ok_or_else(|| Fault::Invalid("Last-Event-ID is not the id of an event".into()))
    });
    let from = match last.transpose()? {
        Some(last) => last.saturating_add(1),
        None => query.from.unwrap_or(0),
    };
    if from > 0 {
        let view = edge.workflow(&call, id, None).await?;
        if view.state.is_terminal() && from >= view.seq {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
    let changes = edge.watch(&call, id, from).await?;
    let events = changes.map(|change| Ok::<_, Infallible>(event(change)));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

fn event(change: Result<Change, Fault>) -> Event {
    match change {
        Ok(change) => {
            let event = Event::default().id(change.entry.seq.to_string());
            let event = event.event(change.entry.kind.clone());
            event.json_data(&change).unwrap_or_else(|why| broken(&why.to_string()))
        }
        Err(fault) => {
            let problem = fault.problem();
            let (code, detail) = (problem.code, problem.sentence);
            let data = json!({"code": code, "detail": detail, "what_to_do": problem.what_to_do});
            Event::default().event("problem").data(data.to_string())
        }
    }
}

fn broken(why: &str) -> Event {
    tracing::error!(why, "an event could not be written");
    Event::default().event("problem").data(r#"{"code":"internal"}"#)
}
