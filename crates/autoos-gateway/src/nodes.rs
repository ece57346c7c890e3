//! The other nodes: any of them takes any request, and hands what lies with another to that one.
//!
//! One seam for every operation and both protocols. A request runs here first. Refused as lying
//! elsewhere it has changed nothing, so it is sent as it came to the edge of the node that leads its
//! shard, with who asks, its id and what is left of its time. That node answers it or refuses it in
//! turn; it never hands it on. While nobody leads the shard, or who does cannot be reached, the
//! request is tried again until its time is over. A request that broke off on its way may have taken
//! place, and its client is told so.
//!
//! Nodes know each other by a secret that they share. Left out: TLS between nodes, so that only
//! loopback addresses are spoken to, and files that lie with one node: a submission that names an
//! upload is taken on where the upload is.

use crate::{
    auth::is_loopback,
    call::{Call, Caller},
    edge::Edge,
    fault::Fault,
};
use autoos_runtime::Refusal;
use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request, uri},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// The node that leads what a refused request is about; empty while that is not known.
pub(crate) static LEADER: HeaderName = HeaderName::from_static("x-autoos-leader");
/// The secret of the nodes.
static SECRET: HeaderName = HeaderName::from_static("x-autoos-node-secret");
/// Who asks, as the node knows that took the request.
static ASKER: HeaderName = HeaderName::from_static("x-autoos-node-asker");
/// What is left of the request's time, in milliseconds.
static LEFT: HeaderName = HeaderName::from_static("x-autoos-node-left-ms");

/// The first pause before a request is tried again, and the longest.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// A node that takes no connection within this is not reached.
const CONNECT: Duration = Duration::from_secs(1);
/// A link is asked whether it lives, and given up when it does not say so.
const ALIVE_EVERY: Duration = Duration::from_secs(1);
const ALIVE_WITHIN: Duration = Duration::from_secs(2);

/// Where the edge of a node listens for other nodes, by its name.
pub type Directory = Arc<dyn Fn(&str) -> Option<SocketAddr> + Send + Sync>;

/// The other nodes, as the edge reaches them.
pub struct Nodes {
    name: String,
    secret: HeaderValue,
    secret_hash: blake3::Hash,
    directory: Directory,
    http: Client<HttpConnector, Body>,
}

/// The secret is of use in no header.
#[derive(Debug, thiserror::Error)]
#[error("the secret of the nodes has 16 to 256 visible ASCII characters")]
pub struct BadSecret;

/// Why a request has no answer.
enum Broken {
    /// It was never sent.
    Unreached(String),
    /// It was, and may have taken place.
    Lost(String),
}

impl Nodes {
    /// The node called `name` among those that share `secret`.
    ///
    /// # Errors
    /// When the secret is too short or cannot be sent.
    pub fn new(name: &str, secret: &str, directory: Directory) -> Result<Self, BadSecret> {
        let fits =
            (16..=256).contains(&secret.len()) && secret.bytes().all(|b| b.is_ascii_graphic());
        let mut value = HeaderValue::from_str(secret).ok().filter(|_| fits).ok_or(BadSecret)?;
        value.set_sensitive(true);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let http = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .http2_only(true)
            .http2_keep_alive_interval(ALIVE_EVERY)
            .http2_keep_alive_timeout(ALIVE_WITHIN)
            .http2_keep_alive_while_idle(true)
            .build(connector);
        let secret_hash = blake3::hash(secret.as_bytes());
        Ok(Self { name: name.to_owned(), secret: value, secret_hash, directory, http })
    }

    /// Whether a request comes from one of the nodes. Hashes are compared, since comparing two takes
    /// the same time wherever they differ.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(&SECRET).map(|secret| blake3::hash(secret.as_bytes()));
        shown == Some(self.secret_hash)
    }

    /// Sends a request to a node and brings its answer.
    async fn send(
        &self,
        node: &str,
        asked: &Asked,
        call: &Call,
        left: Duration,
    ) -> Result<Response, Broken> {
        let unreached = |why: &str| Broken::Unreached(format!("node {node} {why}"));
        let address = (self.directory)(node).ok_or_else(|| unreached("has no known address"))?;
        if !address.ip().is_loopback() {
            return Err(unreached("is on another machine, which needs TLS between nodes"));
        }
        let path = asked.parts.uri.path_and_query().cloned();
        let to = Uri::builder()
            .scheme(uri::Scheme::HTTP)
            .authority(address.to_string())
            .path_and_query(path.unwrap_or_else(|| uri::PathAndQuery::from_static("/")))
            .build()
            .map_err(|why| unreached(&format!("cannot be named: {why}")))?;
        let mut request = Request::new(Body::from(asked.body.clone()));
        *request.method_mut() = asked.parts.method.clone();
        *request.uri_mut() = to;
        *request.headers_mut() = self.headers(asked, call, left);
        match tokio::time::timeout(left, self.http.request(request)).await {
            Ok(Ok(answer)) => Ok(answer.map(Body::new)),
            Ok(Err(why)) if why.is_connect() => {
                Err(unreached(&format!("takes no connection: {why}")))
            }
            Ok(Err(why)) => Err(Broken::Lost(format!("node {node} broke off: {why}"))),
            Err(_) => Err(Broken::Lost(format!("node {node} did not answer in time"))),
        }
    }

    /// The headers that came, without those of the connection, and with what the nodes add.
    fn headers(&self, asked: &Asked, call: &Call, left: Duration) -> HeaderMap {
        let mut headers = asked.parts.headers.clone();
        for name in [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE] {
            headers.remove(name);
        }
        headers.remove(header::CONTENT_LENGTH);
        // Its value in HTTP/1 is no longer one in HTTP/2, save this one.
        if headers.get(header::TE).is_some_and(|te| te != "trailers") {
            headers.remove(header::TE);
        }
        let Caller { tenant, name } = &call.caller;
        let asker = serde_json::json!([tenant, name, call.here]).to_string();
        let text = |text: String| HeaderValue::from_str(&text).ok();
        headers.insert(SECRET.clone(), self.secret.clone());
        let added = [
            (ASKER.clone(), text(URL_SAFE_NO_PAD.encode(asker))),
            (LEFT.clone(), text(left.as_millis().to_string())),
            (HeaderName::from_static("x-request-id"), text(call.request_id.to_string())),
        ];
        for (name, value) in added {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        headers
    }
}

/// A request as it came, kept to be sent again.
pub(crate) struct Asked {
    pub(crate) parts: request::Parts,
    pub(crate) body: Bytes,
}

impl Asked {
    fn again(&self) -> Request {
        Request::from_parts(self.parts.clone(), Body::from(self.body.clone()))
    }
}

/// Marks an answer that another node has written to its end.
#[derive(Clone)]
pub(crate) struct Written;

/// The leader that a refusal names: none when nothing was refused so, an empty name when the leader
/// is not known.
pub(crate) fn refused_for(response: &Response) -> Option<String> {
    let marked = response.extensions().get::<crate::fault::Problem>();
    match marked {
        Some(problem) => problem.leader.clone(),
        None => Some(response.headers().get(&LEADER)?.to_str().unwrap_or_default().to_owned()),
    }
}

/// Finds an answer to a request that was refused here as lying elsewhere, until its time is over.
pub(crate) async fn find(
    nodes: &Nodes,
    mut refused: Response,
    asked: &Asked,
    call: &Call,
    next: &Next,
    until: Instant,
) -> Response {
    let mut pause = PAUSE;
    loop {
        let Some(leader) = refused_for(&refused) else { return refused };
        let left = until.saturating_duration_since(Instant::now());
        if !leader.is_empty() && leader != nodes.name {
            match nodes.send(&leader, asked, call, left).await {
                Ok(mut answer) if refused_for(&answer).is_none() => {
                    answer.extensions_mut().insert(Written);
                    return answer;
                }
                // The shard has gone on from there meanwhile.
                Ok(_) => {}
                Err(Broken::Unreached(why)) => tracing::debug!(why, "a leader is not reached"),
                Err(Broken::Lost(why)) => {
                    return Fault::from(Refusal::Journal(why)).into_response();
                }
            }
        }
        if left <= pause {
            return refused;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
        refused = next.clone().run(asked.again()).await;
    }
}

/// What another node says of a request that it hands over; no request from a port has it.
#[derive(Clone)]
pub(crate) struct HandedOver {
    pub(crate) caller: Caller,
    pub(crate) here: bool,
    pub(crate) left: Duration,
}

/// The layer before the edge where only nodes come in.
pub(crate) async fn gate(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let headers = request.headers();
    let known = is_loopback(peer) && edge.nodes.as_ref().is_some_and(|nodes| nodes.knows(headers));
    let handed = handed_over(headers).filter(|_| known);
    let Some(handed) = handed else {
        tracing::warn!(?peer, "a stranger was refused where only nodes come in");
        return axum::http::StatusCode::FORBIDDEN.into_response();
    };
    request.headers_mut().remove(&SECRET);
    request.extensions_mut().insert(handed);
    next.run(request).await
}

fn handed_over(headers: &HeaderMap) -> Option<HandedOver> {
    let asker = URL_SAFE_NO_PAD.decode(headers.get(&ASKER)?).ok()?;
    let (tenant, name, here) = serde_json::from_slice(&asker).ok()?;
    let left = headers.get(&LEFT)?.to_str().ok()?.parse().ok()?;
    let caller = Caller { tenant, name };
    Some(HandedOver { caller, here, left: Duration::from_millis(left) })
}
