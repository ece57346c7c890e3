//! `http.get`: whether an endpoint answers, how fast, and with what.
//!
//! Nothing internal is asked unless an operator opened it: addresses are judged as written in the
//! URL, as resolved at the moment of connecting, and again at each redirect. An endpoint that is
//! down is an answer (`reachable: false`), since finding that out is what a check is for, and
//! `trouble` says where it failed: `connect` (within 5 s), `no_answer` (within the time limit),
//! `stalled` (nothing for 5 s in the body, or the time limit), `cut`, `redirects`. Left out: other
//! methods, request headers, cookies and proxies.

mod address;
mod fetch;
mod gate;
mod resolver;

pub use resolver::Lookup;

use crate::{Failure, Tool, ToolCall, ToolResult, args};
use autoos_kernel::{
    tool::ToolSpec,
    words::{EffectClass, TrustLevel},
};
use fetch::{Clients, Fetched, Head, Request};
use gate::AllowList;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

const TIMEOUT_MS: u64 = 10_000;
const TIMEOUT_MAX_MS: u64 = 60_000;
const BODY: u64 = 64 * 1024;
const BODY_MAX: u64 = 1024 * 1024;
/// Longest header value that is shown, in characters.
const HEADER: usize = 500;

/// Headers that tell something about an endpoint and nothing about a session.
const HEADERS: [&str; 11] = [
    "content-type",
    "content-length",
    "content-encoding",
    "server",
    "date",
    "last-modified",
    "etag",
    "cache-control",
    "location",
    "retry-after",
    "strict-transport-security",
];

/// Asks HTTP endpoints.
pub struct HttpGet {
    spec: ToolSpec,
    allowed: AllowList,
    lookup: Lookup,
    clients: OnceLock<Result<Clients, String>>,
}

impl std::fmt::Debug for HttpGet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpGet").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl HttpGet {
    /// Asks the whole world, and of what is internal only `allow_hosts` (`name` or `name:port`).
    pub fn new(allow_hosts: &[String]) -> Self {
        Self::with_lookup(allow_hosts, resolver::system())
    }

    /// The same with another way to look names up.
    pub fn with_lookup(allow_hosts: &[String], lookup: Lookup) -> Self {
        Self {
            spec: spec(),
            allowed: AllowList::new(allow_hosts),
            lookup,
            clients: OnceLock::new(),
        }
    }

    async fn ask(&self, request: &Request) -> Result<Fetched, Failure> {
        // The gate speaks before anything is built or resolved.
        gate::read(&request.url, &self.allowed)?;
        let clients = self.clients.get_or_init(|| Clients::new(&self.lookup)).as_ref();
        let clients = clients.map_err(|error| {
            Failure::Unavailable(format!("the HTTP client could not be built: {error}"))
        })?;
        fetch::fetch(clients, &self.allowed, request).await
    }
}

impl Tool for HttpGet {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        let method = call.args.get("method").and_then(Value::as_str).unwrap_or("GET");
        let request = Request {
            method: if method == "HEAD" { Method::HEAD } else { Method::GET },
            url: args::text(call, "url")?.to_owned(),
            max_bytes: usize::try_from(args::count(call, "max_bytes").unwrap_or(BODY))
                .unwrap_or(usize::MAX),
            follow: args::flag(call, "follow_redirects").unwrap_or(true),
            limit: Duration::from_millis(args::count(call, "timeout_ms").unwrap_or(TIMEOUT_MS)),
        };
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
            Failure::Unavailable("http.get needs to be called on a tokio runtime".to_owned())
        })?;
        let began = Instant::now();
        let fetched = runtime.block_on(self.ask(&request))?;
        let bytes_read = fetched.body.len() as u64;
        let output = output(call, &request, &fetched, began.elapsed());
        Ok(ToolResult { output, bytes_read })
    }
}

fn output(call: &ToolCall, request: &Request, fetched: &Fetched, took: Duration) -> Value {
    let checks = checks(call, fetched);
    let passed = checks.iter().all(|check| check["passed"] == json!(true));
    let hops = fetched.hops.iter().map(|hop| {
        json!({"from": hop.from.as_str(), "status": hop.status.as_u16(), "to": hop.to.as_str()})
    });
    let hops: Vec<Value> = hops.collect();
    let binary = fetched.body.contains(&0);
    let head = fetched.response.as_ref();
    let body = head.is_some() && request.method == Method::GET && !binary;
    json!({
        "url": request.url,
        "final_url": fetched.url.as_str(),
        "method": request.method.as_str(),
        "reachable": head.is_some(),
        "status": head.map(|head| head.status.as_u16()),
        "reason": head.and_then(|head| head.status.canonical_reason()),
        "latency_ms": head.map(|head| millis(head.after)),
        "duration_ms": millis(took),
        "headers": head.map(headers),
        "body": body.then(|| String::from_utf8_lossy(&fetched.body)),
        "body_bytes": fetched.body.len(),
        "truncated": fetched.truncated,
        "binary": binary,
        "redirects": hops,
        "error": fetched.error.as_ref().map(|(_, said)| said),
        "trouble": fetched.error.as_ref().map(|(trouble, _)| trouble.name()),
        "checks": checks,
        "passed": passed,
    })
}

/// What was expected, whether said or not: that it answers, and with no error status.
fn checks(call: &ToolCall, fetched: &Fetched) -> Vec<Value> {
    let status = fetched.response.as_ref().map(|head| head.status.as_u16());
    let check = |name: &str, expected: Value, actual: Value, passed: bool| json!({"check": name, "expected": expected, "actual": actual, "passed": passed});
    let answered = status.is_some() && fetched.error.is_none();
    let actual = json!(fetched.error.as_ref().map_or("answered", |(_, said)| said));
    let mut checks = vec![check("answers", json!("answered"), actual, answered)];
    let (expected, fits) = match call.args.get("expect_status") {
        Some(Value::Array(list)) => (json!(list), list.contains(&json!(status))),
        Some(one) => (one.clone(), *one == json!(status)),
        None => (json!("below 400"), status.is_some_and(|status| status < 400)),
    };
    checks.push(check("status", expected, json!(status), fits));
    if let Some(wanted) = call.args.get("expect_contains").and_then(Value::as_str) {
        let found = String::from_utf8_lossy(&fetched.body).contains(wanted);
        checks.push(check("contains", json!(wanted), json!(found), found));
    }
    if let Some(limit) = args::count(call, "expect_within_ms") {
        let after = fetched.response.as_ref().map(|head| millis(head.after));
        let fits = after.is_some_and(|after| after <= limit);
        checks.push(check("within_ms", json!(limit), json!(after), fits));
    }
    checks
}

fn headers(head: &Head) -> Value {
    let shown = HEADERS.iter().filter_map(|name| {
        let value = head.headers.get(*name)?;
        let text: String = String::from_utf8_lossy(value.as_bytes()).chars().take(HEADER).collect();
        Some(((*name).to_owned(), Value::from(text)))
    });
    Value::Object(shown.collect())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn spec() -> ToolSpec {
    ToolSpec {
        name: "http.get".to_owned(),
        description: "Asks an HTTP endpoint (GET or HEAD) and checks it: reachable, status, \
                      latency, some headers, the body up to a bound, and what was expected. \
                      Internal addresses are refused."
            .to_owned(),
        arguments: json!({
            "type": "object",
            "properties": {
                "url": {"type": "string", "minLength": 1},
                "method": {"enum": ["GET", "HEAD"]},
                "expect_status": {"description": "one status or a list; below 400 unless given",
                    "anyOf": [
                        {"type": "integer", "minimum": 100, "maximum": 599},
                        {"type": "array", "minItems": 1,
                            "items": {"type": "integer", "minimum": 100, "maximum": 599}},
                    ]},
                "expect_contains": {"type": "string", "minLength": 1,
                    "description": "text that the body must hold, within max_bytes"},
                "expect_within_ms": {"type": "integer", "minimum": 1,
                    "description": "the answer must begin within this time"},
                "max_bytes": {"type": "integer", "minimum": 0, "maximum": BODY_MAX,
                    "description": "of the body; 65536 unless given"},
                "timeout_ms": {"type": "integer", "minimum": 1, "maximum": TIMEOUT_MAX_MS,
                    "description": "10000 unless given"},
                "follow_redirects": {"type": "boolean",
                    "description": "up to 5 of them; true unless given"},
            },
            "required": ["url"],
            "additionalProperties": false,
        }),
        trust: TrustLevel::Untrusted,
        effect: EffectClass::Pure,
        reads: false,
        timeout_ms: TIMEOUT_MAX_MS + 5_000,
    }
}
