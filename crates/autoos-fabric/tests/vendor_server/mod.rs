//! A server that speaks the vendors' streaming formats and fails in every way they do.
//!
//! The first part of a path names what it does ([`Scene`]), the rest is the vendor's own path,
//! so that one server on one port plays everything at once. It keeps what it was sent.

mod wire;

pub(crate) use wire::Format;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE},
    routing::post,
};
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

/// What the server does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Streams "Hello, world".
    Text,
    /// Streams `{"count": 3}` in pieces.
    Json,
    /// The same in a fence with a sentence around it.
    Fenced,
    /// `{"count": "three"}`.
    WrongSchema,
    /// `{"count": NaN}`.
    NotANumber,
    /// `{"count": 1e999}`.
    HugeNumber,
    /// JSON that ends too early although the stream does not.
    HalfJson,
    /// "Hello, world", and a count of tokens that cannot be.
    HugeUsage,
    /// "Hello, world" and no count of tokens.
    NoUsage,
    /// Two calls of tools, the first in pieces.
    Tools,
    /// A call of a tool that nobody offered.
    InventedTool,
    /// Two calls with one id.
    DuplicateIds,
    /// A status, with the vendor's body for it.
    Status(u16),
    /// 429 with Retry-After in seconds.
    RetrySeconds,
    /// 429 with Retry-After as a date half an hour ahead.
    RetryDate,
    /// 429 because the account is out of credit.
    Quota,
    /// 401 whose body repeats the key and the prompt.
    EchoKey,
    /// 302 to another place.
    Redirect,
    /// Says nothing at all.
    Hang,
    /// Sends headers and then nothing.
    HangAfterHeaders,
    /// Sends pings and nothing else.
    OnlyPings,
    /// Sends a piece and then nothing.
    HangMidStream,
    /// Sends a piece and breaks the connection.
    CutMidStream,
    /// Sends a piece and ends the body as if that were all.
    EndMidStream,
    /// Sends a piece, half of the next one, and ends the body.
    TruncatedPiece,
    /// Sends pieces that are no JSON.
    Garbage,
    /// Answers with a web page.
    WebPage,
    /// An error in the middle of the answer.
    ErrorMidStream,
    /// 50 MB of answer.
    Flood,
    /// 50 MB that never become a piece.
    FloodWithoutPieces,
    /// 50 MB of error.
    FloodOfError,
    /// The answer reaches its limit of tokens.
    TooLong,
    /// The vendor's filter ends the answer.
    Filtered,
}

impl Scene {
    /// Every scene, so that the name in a path finds its own.
    pub(crate) const ALL: &[Self] = &[
        Self::Text,
        Self::Json,
        Self::Fenced,
        Self::WrongSchema,
        Self::NotANumber,
        Self::HugeNumber,
        Self::HalfJson,
        Self::HugeUsage,
        Self::NoUsage,
        Self::Tools,
        Self::InventedTool,
        Self::DuplicateIds,
        Self::Status(400),
        Self::Status(401),
        Self::Status(402),
        Self::Status(403),
        Self::Status(404),
        Self::Status(408),
        Self::Status(413),
        Self::Status(422),
        Self::Status(429),
        Self::Status(500),
        Self::Status(502),
        Self::Status(503),
        Self::Status(529),
        Self::RetrySeconds,
        Self::RetryDate,
        Self::Quota,
        Self::EchoKey,
        Self::Redirect,
        Self::Hang,
        Self::HangAfterHeaders,
        Self::OnlyPings,
        Self::HangMidStream,
        Self::CutMidStream,
        Self::EndMidStream,
        Self::TruncatedPiece,
        Self::Garbage,
        Self::WebPage,
        Self::ErrorMidStream,
        Self::Flood,
        Self::FloodWithoutPieces,
        Self::FloodOfError,
        Self::TooLong,
        Self::Filtered,
    ];

    /// Its name in a path.
    pub(crate) fn path(self) -> String {
        format!("{self:?}").replace(['(', ')'], "-")
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// The server, until it is dropped.
pub(crate) struct VendorServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for VendorServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl VendorServer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let app =
            Router::new().route("/{scene}/{*rest}", post(answer)).with_state(Arc::clone(&received));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, received, task }
    }

    /// Where a scene is played.
    pub(crate) fn base_url(&self, scene: Scene) -> String {
        format!("http://{}/{}/v1", self.address, scene.path())
    }

    /// What came in for a scene.
    pub(crate) fn received(&self, scene: Scene) -> Vec<Received> {
        let begin = format!("{}/", scene.path());
        let received = self.received.lock().unwrap();
        received.iter().filter(|r| r.path.starts_with(&begin)).cloned().collect()
    }
}

async fn answer(
    State(received): State<Arc<Mutex<Vec<Received>>>>,
    Path((name, rest)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let scene = *Scene::ALL.iter().find(|s| s.path() == name).expect("a scene of that name");
    let body: Value = serde_json::from_slice(&body).expect("a request is JSON");
    let format = Format::of(&rest);
    let echo = format!("{headers:?} {body}");
    let path = format!("{name}/{rest}");
    received.lock().unwrap().push(Received { path, query, headers, body });
    play(scene, format, &echo).await
}

async fn play(scene: Scene, f: Format, echo: &str) -> Response<Body> {
    let json_answer = |text: &str| whole([f.begin(), f.text(text), f.end()]);
    match scene {
        Scene::Text => whole([f.begin(), f.text("Hello, "), f.ping(), f.text("wörld"), f.end()]),
        Scene::Json => whole([f.begin(), f.text("{\"cou"), f.text("nt\": 3}"), f.end()]),
        Scene::Fenced => json_answer("Here it is:\n```json\n{\"count\": 3}\n```\nDone."),
        Scene::WrongSchema => json_answer("{\"count\": \"three\"}"),
        Scene::NotANumber => json_answer("{\"count\": NaN}"),
        Scene::HugeNumber => json_answer("{\"count\": 1e999}"),
        Scene::HalfJson => json_answer("{\"count\": 3, \"more\": [1, 2"),
        Scene::HugeUsage => whole([f.begin(), f.text("Hello"), f.end_with("stop", json!(2e18))]),
        Scene::NoUsage => whole([f.text("Hello, wörld"), f.end_with("stop", Value::Null)]),
        Scene::Tools => {
            whole([f.begin(), f.tools(["logs_analyze", "fs_read"], ["a", "b"]), f.end()])
        }
        Scene::InventedTool => {
            whole([f.begin(), f.tools(["fs_read", "rm_rf"], ["a", "b"]), f.end()])
        }
        Scene::DuplicateIds => {
            whole([f.begin(), f.tools(["logs_analyze", "fs_read"], ["a", "a"]), f.end()])
        }
        Scene::Status(status) => error(status, f.error("some_code", "no")),
        Scene::RetrySeconds => {
            let mut response = error(429, f.error("rate_limit_error", "slow down"));
            response.headers_mut().insert("retry-after", "7".parse().unwrap());
            response
        }
        Scene::RetryDate => {
            let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1_800));
            let mut response = error(429, f.error("rate_limit_error", "slow down"));
            response.headers_mut().insert("retry-after", date.parse().unwrap());
            response
        }
        Scene::Quota => error(429, f.error("insufficient_quota", "you are out of credit")),
        Scene::EchoKey => error(401, f.error(echo, echo)),
        Scene::Redirect => {
            let mut response = error(302, Value::Null);
            response.headers_mut().insert("location", "/Text-/elsewhere".parse().unwrap());
            response
        }
        Scene::Hang => std::future::pending().await,
        Scene::HangAfterHeaders => events(stream::pending()),
        Scene::OnlyPings => {
            let pings = stream::iter([f.begin(), f.ping(), f.ping()]);
            events(pings.map(|s| Ok(Bytes::from(s))).chain(stream::pending()))
        }
        Scene::HangMidStream => events(first(f).chain(stream::pending())),
        Scene::CutMidStream => {
            let broken = stream::iter([Err(io::Error::other("the plug is pulled"))]);
            events(first(f).chain(broken))
        }
        Scene::EndMidStream => whole([f.begin(), f.text("Hello, "), String::new()]),
        Scene::TruncatedPiece => {
            let half = f.text("wörld");
            whole([f.begin(), f.text("Hello, "), half[..half.len() / 2].to_owned()])
        }
        Scene::Garbage => {
            whole([f.begin(), f.frame("content_block_delta", "{\"choices\": [}"), f.end()])
        }
        Scene::WebPage => {
            let page = "<html><body>Sign in to the hotel's network</body></html>";
            Response::builder().header(CONTENT_TYPE, "text/html").body(page.into()).unwrap()
        }
        Scene::ErrorMidStream => whole([f.begin(), f.text("Hello, "), f.error_event()]),
        Scene::Flood => {
            let piece = f.text(&"flood ".repeat(10_000));
            let pieces = stream::repeat(Bytes::from(piece)).map(Ok).take(50_000_000 / 60_000);
            events(stream::iter([Ok(Bytes::from(f.begin()))]).chain(pieces))
        }
        Scene::FloodWithoutPieces => {
            let blob = Bytes::from("flood ".repeat(10_000));
            let rest = stream::repeat(blob).map(Ok).take(50_000_000 / 60_000);
            events(stream::iter([Ok(Bytes::from("data: \""))]).chain(rest))
        }
        Scene::FloodOfError => {
            let blob = Bytes::from("flood ".repeat(10_000));
            let rest = stream::repeat(blob).map(Ok::<_, io::Error>).take(50_000_000 / 60_000);
            Response::builder().status(500).body(Body::from_stream(rest)).unwrap()
        }
        Scene::TooLong => whole([f.begin(), f.text("Hello, "), f.end_with("length", usage())]),
        Scene::Filtered => whole([f.begin(), f.text("Hel"), f.end_with("filter", usage())]),
    }
}

/// What a whole answer is counted as, in and out.
fn usage() -> Value {
    json!([11, 2])
}

fn first(f: Format) -> impl Stream<Item = io::Result<Bytes>> {
    stream::iter([f.begin(), f.text("Hello, ")]).map(|s| Ok(Bytes::from(s)))
}

fn whole<const N: usize>(frames: [String; N]) -> Response<Body> {
    events(stream::iter(frames).map(|frame| Ok(Bytes::from(frame))))
}

fn events(frames: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response<Body> {
    Response::builder()
        .header(CONTENT_TYPE, "text/event-stream")
        .body(Body::from_stream(frames))
        .unwrap()
}

fn error(status: u16, body: Value) -> Response<Body> {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(CONTENT_TYPE, "application/json")
        .body(body.to_string().into())
        .unwrap()
}
