//! One request with its redirects, each judged anew, and its body up to a bound.

use super::{
    gate::{self, AllowList, Way},
    resolver::{Inside, Lookup, Resolver},
};
use crate::Failure;
use reqwest::{Client, Method, Response, StatusCode, Url, header::LOCATION, redirect};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// An endpoint that is there takes a connection well within this, and one that is at work on a
/// body does not fall silent for so long.
const CONNECT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(5);

/// The two clients: one that meets the whole world but no inside, one for the allow-list.
#[derive(Debug)]
pub(super) struct Clients {
    filtered: Client,
    open: Client,
    /// Whether the system has certificate authorities.
    certain: bool,
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) max_bytes: usize,
    pub(super) follow: bool,
    /// For all of it, redirects and body included.
    pub(super) limit: Duration,
}

/// What went wrong, by where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No connection, or none that TLS accepts.
    Connect,
    /// Connected, and no answer began.
    NoAnswer,
    /// The answer began, and its body stopped coming.
    Stalled,
    /// The answer began and broke off.
    Cut,
    /// It leads from one place to the next without end.
    Redirects,
}

impl Trouble {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::NoAnswer => "no_answer",
            Self::Stalled => "stalled",
            Self::Cut => "cut",
            Self::Redirects => "redirects",
        }
    }
}

/// One hop on the way.
#[derive(Debug)]
pub(super) struct Hop {
    pub(super) from: Url,
    pub(super) status: StatusCode,
    pub(super) to: Url,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) url: Url,
    pub(super) hops: Vec<Hop>,
    /// None where the server could not be reached; `error` says why.
    pub(super) response: Option<Head>,
    pub(super) body: Vec<u8>,
    pub(super) truncated: bool,
    pub(super) error: Option<(Trouble, String)>,
}

/// What comes before a body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) after: Duration,
}

impl Clients {
    /// # Errors
    /// What building them said.
    pub(super) fn new(lookup: &Lookup) -> Result<Self, String> {
        // Whoever was first has installed the same one, or one that serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let both = |without: bool| {
            let filtered = client(lookup, true, without)?;
            Ok(Self { filtered, open: client(lookup, false, without)?, certain: !without })
        };
        // Without any authority plain http still works, and https says what is missing.
        both(false).or_else(|_: reqwest::Error| both(true)).map_err(|error| deepest(&error))
    }

    fn of(&self, url: &Url, way: Way) -> Result<&Client, Failure> {
        if url.scheme() == "https" && !self.certain {
            return Err(Failure::Unavailable(
                "this machine has no certificate authorities, so https cannot be checked; install \
                 its ca-certificates, or set SSL_CERT_FILE"
                    .to_owned(),
            ));
        }
        Ok(match way {
            Way::Filtered => &self.filtered,
            Way::Open => &self.open,
        })
    }
}

/// A client that trusts the system's authorities, or nobody.
fn client(lookup: &Lookup, filtered: bool, nobody: bool) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .user_agent(concat!("autoos/", env!("CARGO_PKG_VERSION")))
        // A proxy would resolve names itself, past the filter.
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        // Each request looks its name up and is filtered, and belongs to one call alone.
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT)
        .dns_resolver(Resolver { lookup: Arc::clone(lookup), filtered });
    if nobody { builder.tls_certs_only([]).build() } else { builder.build() }
}

/// Asks, follows redirects, reads.
///
/// # Errors
/// [`Failure::Denied`] and [`Failure::Invalid`] of the gate. An endpoint that cannot be reached is
/// no error but an answer.
pub(super) async fn fetch(
    clients: &Clients,
    allowed: &AllowList,
    request: &Request,
) -> Result<Fetched, Failure> {
    let (mut url, mut way) = gate::read(&request.url, allowed)?;
    let mut hops: Vec<Hop> = Vec::new();
    let began = Instant::now();
    let until = began + request.limit;
    loop {
        let client = clients.of(&url, way)?;
        let mut asking = client.request(request.method.clone(), url.clone());
        if let Some(place) = autoos_telemetry::traceparent() {
            asking = asking.header("traceparent", place);
        }
        let sending = asking.send();
        let response = match timeout_at(until, sending).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                if let Some(inside) = inside(&error) {
                    return Err(gate::denied(&inside.name, &url));
                }
                let trouble = match (error.is_connect(), error.is_timeout()) {
                    (true, true) => {
                        let said = format!("no connection within {} ms", CONNECT.as_millis());
                        return Ok(Fetched::unreached(url, hops, Trouble::Connect, said));
                    }
                    (true, false) => Trouble::Connect,
                    (false, _) => Trouble::NoAnswer,
                };
                return Ok(Fetched::unreached(url, hops, trouble, deepest(&error)));
            }
            Err(_) => {
                let said = format!("no answer within {} ms", request.limit.as_millis());
                return Ok(Fetched::unreached(url, hops, Trouble::NoAnswer, said));
            }
        };
        let head = Head {
            status: response.status(),
            headers: response.headers().clone(),
            after: began.elapsed(),
        };
        let Some(next) = location(&url, &head).filter(|_| request.follow) else {
            return Ok(read(url, hops, head, response, request, until).await);
        };
        if hops.len() == REDIRECTS {
            let said = format!("more than {REDIRECTS} redirects");
            let fetched = Fetched::unreached(url, hops, Trouble::Redirects, said);
            return Ok(Fetched { response: Some(head), ..fetched });
        }
        way = gate::judge(&next, allowed)?;
        hops.push(Hop { from: url, status: head.status, to: next.clone() });
        url = next;
    }
}

fn location(url: &Url, head: &Head) -> Option<Url> {
    let redirects = [301, 302, 303, 307, 308].contains(&head.status.as_u16());
    let text = head.headers.get(LOCATION).filter(|_| redirects)?.to_str().ok()?;
    url.join(text).ok()
}

async fn read(
    url: Url,
    hops: Vec<Hop>,
    head: Head,
    mut response: Response,
    request: &Request,
    until: Instant,
) -> Fetched {
    let (body, truncated, error) = (Vec::new(), false, None);
    let mut fetched = Fetched { url, hops, response: Some(head), body, truncated, error };
    loop {
        let silent = Instant::now() + SILENCE;
        let got = fetched.body.len();
        match timeout_at(until.min(silent), response.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                let room = request.max_bytes - got;
                fetched.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    fetched.truncated = true;
                    return fetched;
                }
            }
            Ok(Ok(None)) => return fetched,
            Ok(Err(error)) => {
                let said = format!("the body broke off after {got} bytes: {}", deepest(&error));
                fetched.error = Some((Trouble::Cut, said));
                return fetched;
            }
            Err(_) => {
                let limit = if until < silent { request.limit } else { SILENCE };
                let how =
                    if until < silent { "was not complete within" } else { "gave nothing for" };
                let said = format!("the body {how} {} ms, after {got} bytes", limit.as_millis());
                fetched.error = Some((Trouble::Stalled, said));
                return fetched;
            }
        }
    }
}

impl Fetched {
    fn unreached(url: Url, hops: Vec<Hop>, trouble: Trouble, said: String) -> Self {
        let error = Some((trouble, said));
        Self { url, hops, response: None, body: Vec::new(), truncated: false, error }
    }
}

fn inside(error: &reqwest::Error) -> Option<&Inside> {
    let mut at: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = at {
        if let Some(inside) = error.downcast_ref::<Inside>() {
            return Some(inside);
        }
        at = error.source();
    }
    None
}

/// What lies at the bottom of an error; the layers above only say that something failed.
fn deepest(error: &dyn Error) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
    }
    at.to_string()
}
