//! What every request passes through, whichever protocol it speaks: its id, a place or a refusal
//! at once, who asks, a time limit, the way errors are written, one line in the log.

use crate::{
    auth::{self, Owner},
    body::{Kept, Leftover, Metered, Room},
    call::{self, Call},
    edge::Edge,
    fault::{Fault, Problem},
    nodes::{self, Asked, HandedOver, Written},
    openai::{self, Refused, WrittenRefusal},
};
use autoos_journal::Trace;
use autoos_telemetry::{Kind, Live, Within};
use axum::{
    body::Body,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, Version, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::OwnedSemaphorePermit;
use tonic::Code;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Ways in that need no key: they tell nothing of anybody's work.
const OPEN: [&str; 4] = ["/health", "/docs", "/openapi.json", "/"];
/// Services that need none either.
const OPEN_SERVICES: [&str; 2] = [HEALTH, "/grpc.reflection."];
const HEALTH: &str = "/grpc.health.v1.Health/";
/// Ways in that get a place when all others are taken.
const RESERVED: [&str; 5] = [
    "/health",
    "/api/v1/workflows/{id}",
    "/api/v1/workflows/{id}/cancel",
    "/autoos.v1.Workflows/CancelWorkflow",
    "/autoos.v1.Escalations/ResolveEscalation",
];
/// Ways in that take long by their nature and are bounded between their pieces.
const LONG: [&str; 2] = ["/api/v1/uploads/{name}", "/autoos.v1.Uploads/Upload"];
/// Ways in that begin a workflow, and with it a trace.
const BEGIN: [&str; 4] =
    ["/api/v1/intents", "/autoos.v1.Intents/SubmitIntent", "/v1/chat/completions", "/v1/responses"];
/// Ways in whose answer takes as long as the data directory is large.
const SLOW: [&str; 3] =
    ["/api/v1/backups", "/autoos.v1.Backups/CreateBackup", "/api/v1/audit/export"];

/// The way in that a request took, by the router's template or the contract's method.
fn route(request: &Request, grpc: bool) -> String {
    let path = request.uri().path();
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    match matched {
        Some(template) if grpc => {
            // The contract's methods are few; what else a client may have written is one series.
            let known = crate::grpc::is_method(path);
            if known { path.to_owned() } else { template.to_owned() }
        }
        Some(template) => template.to_owned(),
        None => "other".to_owned(),
    }
}

/// The span of a request, and the trace that it belongs to. Requests that begin a workflow are told
/// of as the sampling says, others only to clients whose own trace is kept.
fn span(request: &Request, route: &str, grpc: bool) -> (Live, Option<Trace>) {
    let client = call::trace(request.headers());
    let wished = client.map(|client| client.sampled);
    let begins = BEGIN.contains(&route) && request.method() == axum::http::Method::POST;
    let kept = if begins {
        autoos_telemetry::sampled(wished)
    } else {
        wished == Some(true) && autoos_telemetry::sampled(wished)
    };
    if !kept {
        // Without anybody who takes spans it is the client's alone, and stays as it is.
        let off = !autoos_telemetry::is_on();
        return (Live::none(), client.map(|c| Trace { sampled: c.sampled && off, ..c }));
    }
    let method = request.method();
    let name =
        if grpc { route.trim_start_matches('/').to_owned() } else { format!("{method} {route}") };
    let above = client.map(|client| (client.trace_id, client.span_id));
    let mut span = Live::first(above, Kind::Server, name.into());
    if grpc {
        span.set("rpc.system.name", "grpc");
        span.set("rpc.method", route.trim_start_matches('/').to_owned());
    } else {
        span.set("http.request.method", method.to_string());
        span.set("http.route", route.to_owned());
    }
    let trace = span.context().map(|c| Trace { trace_id: c.trace, span_id: c.span, sampled: true });
    (span, trace)
}

/// The layer.
pub(crate) async fn gate(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let grpc = call::is_grpc(request.headers());
    let route = route(&request, grpc);
    let request_id: Arc<str> = match call::request_id(request.headers()) {
        Some(id) => id.into(),
        None => edge.runtime.fresh_id().to_string().into(),
    };
    let (mut span, trace) = span(&request, &route, grpc);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let room = Room::default();
    let (mut tenant, mut trace_id) = (None, None);
    let over_1 = request.version() < Version::HTTP_2;
    let (response, leftover) = match enter(&edge, &mut request, &route, &request_id, trace).await {
        Err(fault) => (fault.into_response(), Leftover::of(request.into_body())),
        Ok((_place, call)) => {
            trace_id = call.as_ref().and_then(|call| call.trace).map(|trace| trace.trace_id);
            let long = LONG.contains(&route.as_str());
            let all = (!long).then(|| edge.limits.bodies.clone());
            let handed_over = request.extensions().get::<HandedOver>().is_some();
            let (parts, body) = request.into_parts();
            tenant = call.as_ref().map(|call| call.caller.tenant.clone());
            let nodes = edge.nodes.as_ref().filter(|_| !handed_over && !long).zip(call);
            let kept = nodes.as_ref().map(|_| Kept::default());
            let body = Metered::new(body, all, room.clone(), grpc).keep(kept.clone());
            let leftover = body.leftover();
            // Calls of models have times of their own.
            let timed = !long && !SLOW.contains(&route.as_str()) && !openai::is_path(&route);
            let limit = limit(&edge, &parts);
            let work = async {
                if let Err(fault) = newer(&edge, &parts).await {
                    return fault.into_response();
                }
                let again = nodes.zip(kept).map(|to| (to, parts.clone(), next.clone()));
                let request = Request::from_parts(parts, Body::new(body));
                let response = next.run(request).await;
                let Some((((nodes, call), kept), parts, next)) = again else { return response };
                if nodes::refused_for(&response).is_none() {
                    return response;
                }
                match kept.whole(&leftover, edge.options.max_intent_bytes).await {
                    Ok(body) => {
                        let (asked, until) = (Asked { parts, body }, began + limit);
                        nodes::find(nodes, response, &asked, &call, &next, until).await
                    }
                    Err(fault) => fault.into_response(),
                }
            };
            let work = Within::new(span.context(), work);
            let response = if timed { in_time(limit, work).await } else { work.await };
            (response, leftover)
        }
    };
    if over_1 && !response.status().is_success() {
        leftover.drain();
    }
    let (response, status) = finish(&edge, response, &request_id, grpc, (&method, &path));
    let took = began.elapsed();
    if span.is_on() {
        span.set("autoos.request_id", request_id.to_string());
        let failed = if grpc { status != "0" } else { status.as_bytes().first() == Some(&b'5') };
        if failed {
            span.fail(status.clone());
        }
        let key = if grpc { "rpc.response.status_code" } else { "http.response.status_code" };
        match status.parse::<u64>() {
            Ok(code) if !grpc => span.set(key, code),
            _ => span.set(key, status.clone()),
        }
    }
    drop(span);
    let protocol = if grpc { "grpc" } else { "rest" };
    tracing::info!(
        request_id = &*request_id,
        tenant,
        protocol,
        %method,
        path,
        status,
        ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    edge.meters.request(protocol, &route, status, took, trace_id);
    response
}

type Entered = (Option<OwnedSemaphorePermit>, Option<Call>);

/// Finds out who asks and gives the request a place, or refuses it at once.
async fn enter(
    edge: &Edge,
    request: &mut Request,
    route: &str,
    request_id: &Arc<str>,
    trace: Option<Trace>,
) -> Result<Entered, Fault> {
    let place = match edge.limits.requests.clone().try_acquire_owned() {
        Ok(place) => place,
        Err(_) => {
            let vital = RESERVED.contains(&route) || route.starts_with(HEALTH);
            let reserved = vital.then(|| edge.limits.reserved.clone());
            let place = reserved.and_then(|places| places.try_acquire_owned().ok());
            place.ok_or(Fault::Busy { what: "requests at once" })?
        }
    };
    if OPEN.contains(&route) || OPEN_SERVICES.iter().any(|service| route.starts_with(service)) {
        return Ok((Some(place), None));
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    if let Some(HandedOver { caller, here, .. }) = request.extensions().get().cloned() {
        let (request_id, trace) = (request_id.clone(), call::trace(request.headers()));
        let call = Call { caller, here, request_id, trace };
        request.extensions_mut().insert(call.clone());
        return Ok((Some(place), Some(call)));
    }
    let inside = request.extensions().get::<Owner>().is_some();
    let caller = if inside || edge.auth.is_owner(request.headers(), peer) {
        Owner::caller()
    } else {
        edge.auth.identify(request.headers(), request.uri(), peer)?
    };
    let call = Call {
        caller,
        here: inside || auth::is_loopback(peer),
        request_id: request_id.clone(),
        trace,
    };
    request.extensions_mut().insert(call.clone());
    Ok((Some(place), Some(call)))
}

/// How long a request may take: as its client asks, and no longer than any may.
fn limit(edge: &Edge, parts: &Parts) -> Duration {
    let most = Duration::from_millis(edge.options.request_timeout_ms);
    let left = parts.extensions.get::<HandedOver>().map(|handed| handed.left);
    let asked = left.or_else(|| call::grpc_timeout(&parts.headers));
    asked.map_or(most, |asked| asked.min(most))
}

/// Waits until what is read here is as new as the client asks.
async fn newer(edge: &Edge, parts: &Parts) -> Result<(), Fault> {
    match call::after(&parts.headers)? {
        Some(position) => edge.reach(position).await,
        None => Ok(()),
    }
}

async fn in_time(limit: Duration, work: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(limit, work).await {
        Ok(response) => response,
        Err(_) => {
            let ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            Fault::Timeout { ms }.into_response()
        }
    }
}

/// Writes a problem down in the protocol that was spoken, and gives the status that was sent.
fn finish(
    edge: &Edge,
    mut response: Response,
    request_id: &str,
    grpc: bool,
    (method, path): (&axum::http::Method, &str),
) -> (Response, String) {
    let marked = response.extensions_mut().remove::<Problem>();
    let written = response.extensions().get::<Written>().is_some();
    let problem = match response.extensions_mut().remove::<WrittenRefusal>() {
        Some(WrittenRefusal(code)) => {
            edge.meters.refusal(code);
            None
        }
        None => marked.or_else(|| unmarked(&response, grpc, method, path).filter(|_| !written)),
    };
    if let Some(problem) = problem {
        edge.meters.refusal(problem.code);
        let allow = response.headers_mut().remove(axum::http::header::ALLOW);
        response = if grpc {
            problem.status(request_id).into_http()
        } else if openai::is_path(path) {
            Refused::of(&problem).into_response()
        } else {
            problem.response(request_id)
        };
        if let Some(allow) = allow {
            response.headers_mut().insert(axum::http::header::ALLOW, allow);
        }
    }
    let status = if grpc {
        let code = response.headers().get("grpc-status").and_then(|code| code.to_str().ok());
        code.unwrap_or("0").to_owned()
    } else {
        response.status().as_u16().to_string()
    };
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID.clone(), id);
    }
    (response, status)
}

/// What the router itself answered in plain text, as a problem.
fn unmarked(
    response: &Response,
    grpc: bool,
    method: &axum::http::Method,
    path: &str,
) -> Option<Problem> {
    if grpc {
        return bare(response);
    }
    let fault = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => {
            Fault::Method { method: method.to_string(), path: path.to_owned() }
        }
        StatusCode::BAD_REQUEST if crate::grpc::is_method(path) => Fault::Invalid(
            "this is a method of gRPC and no route of REST: call it with a gRPC client".into(),
        ),
        StatusCode::BAD_REQUEST => Fault::Invalid("the path cannot be read".into()),
        _ => return None,
    };
    Some(fault.problem())
}

/// What tonic itself refused, before a method saw it: it says no more than a sentence.
fn bare(response: &Response) -> Option<Problem> {
    let headers = response.headers();
    if headers.contains_key("grpc-status-details-bin") {
        return None;
    }
    let status = tonic::Status::from_header_map(headers)?;
    let sentence = || status.message().to_owned();
    let fault = match status.code() {
        Code::Ok => return None,
        // The one thing that a size is compared with on this way.
        Code::OutOfRange => Fault::LargeMessage(sentence()),
        Code::Internal | Code::InvalidArgument => {
            Fault::Invalid(format!("the message is none of the contract's: {}", sentence()))
        }
        Code::Unimplemented => Fault::NoRoute(sentence()),
        _ => return None,
    };
    Some(fault.problem())
}
