//! The way to a node: to the one that runs, or to one in this process, by the same REST contract.

use crate::{
    cli::Global,
    config::Config,
    fail::Said,
    node::{Address, Node},
};
use anyhow::{Context as _, bail};
use autoos_gateway::OwnerToken;
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tower::ServiceExt as _;

/// The longest answer that a command takes in, in bytes; streams are read as they come.
const ANSWER_MAX: usize = 64 << 20;

/// A node to talk to.
pub(crate) enum Door {
    /// In this process.
    Here(Box<Node>),
    /// Over HTTP.
    There(Client),
}

/// A node over HTTP.
pub(crate) struct Client {
    url: String,
    key: Option<String>,
    /// Shows the node on this data directory that the command can read it.
    owner: Option<OwnerToken>,
    http: reqwest::Client,
}

/// A context as it was typed: `name=@file`, `name=text` or `@file`.
#[derive(Debug, Clone)]
pub(crate) struct TypedContext {
    pub(crate) name: String,
    pub(crate) content: TypedContent,
}

/// What was typed behind the name.
#[derive(Debug, Clone)]
pub(crate) enum TypedContent {
    File(PathBuf),
    Text(String),
}

impl std::str::FromStr for TypedContext {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let (name, content) = match typed.split_once('=') {
            Some((name, content)) if !name.starts_with('@') => (Some(name), content),
            _ => (None, typed),
        };
        let Some(file) = content.strip_prefix('@') else {
            let name = name.ok_or("write NAME=@FILE, NAME=TEXT or @FILE")?;
            return Ok(Self { name: name.into(), content: TypedContent::Text(content.into()) });
        };
        let path = PathBuf::from(file);
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = name.map(str::to_owned).or(stem).ok_or("the file has no name")?;
        Ok(Self { name, content: TypedContent::File(path) })
    }
}

impl Door {
    /// The node that was named, else the one that runs on the data directory, else one here.
    pub(crate) async fn open(global: &Global, config: &Config) -> anyhow::Result<Self> {
        if let Some(url) = &global.node {
            return Ok(Self::There(Client::new(url, global.api_key.clone(), None)?));
        }
        let dir = config.data_dir(global.data_dir.as_deref())?;
        if let Some(client) = running(&dir, global.api_key.clone()).await? {
            return Ok(Self::There(client));
        }
        crate::node::make_data_dir(&dir)?;
        Ok(Self::Here(Box::new(Node::start(config, &dir).await?)))
    }

    /// The node that runs, if one does: on the data directory, or where it was named.
    pub(crate) async fn running(global: &Global, config: &Config) -> anyhow::Result<Option<Self>> {
        let client = match &global.node {
            Some(url) => Some(Client::new(url, global.api_key.clone(), None)?),
            None => {
                let dir = config.data_dir(global.data_dir.as_deref())?;
                running(&dir, global.api_key.clone()).await?
            }
        };
        Ok(client.map(Self::There))
    }

    /// Asks for `path`; an answer that is no success is an error with its sentence.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let (status, bytes) = self.exchange(method, path, body).await?;
        let value: Value = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)
                .map_err(|_| Said::of_problem(status.as_u16(), &Value::Null))?
        };
        if status.is_success() { Ok(value) } else { Err(problem(status, &value)) }
    }

    /// Asks for `path` and gives its text.
    pub(crate) async fn text(&self, path: &str) -> anyhow::Result<String> {
        let (status, bytes) = self.exchange(Method::GET, path, None).await?;
        if !status.is_success() {
            return Err(problem(status, &serde_json::from_slice(&bytes).unwrap_or(Value::Null)));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Asks for `path` and gives its bytes as they come.
    pub(crate) async fn bytes(
        &self,
        path: &str,
    ) -> anyhow::Result<BoxStream<'static, anyhow::Result<Vec<u8>>>> {
        let (status, pieces) = match self {
            Self::Here(node) => {
                let request = Request::builder().uri(path).header(header::HOST, "localhost");
                let answer = node.gateway.local().oneshot(request.body(Body::empty())?).await?;
                let status = answer.status();
                let pieces = answer.into_body().into_data_stream();
                (status, pieces.map(|piece| Ok(piece?.to_vec())).boxed())
            }
            Self::There(client) => {
                let answer = client.request(Method::GET, path).send().await;
                let answer = answer.map_err(|error| client.unreachable(&error))?;
                let status = answer.status();
                (status, answer.bytes_stream().map(|piece| Ok(piece?.to_vec())).boxed())
            }
        };
        if status.is_success() {
            return Ok(pieces);
        }
        let pieces: Vec<Vec<u8>> = pieces.try_collect().await?;
        Err(problem(status, &serde_json::from_slice(&pieces.concat()).unwrap_or(Value::Null)))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        match self {
            Self::Here(node) => {
                let mut request = Request::builder().method(method).uri(path);
                request = request.header(header::HOST, "localhost");
                let body = match body {
                    Some(body) => {
                        request = request.header(header::CONTENT_TYPE, "application/json");
                        Body::from(body.to_string())
                    }
                    None => Body::empty(),
                };
                let answer = node.gateway.local().oneshot(request.body(body)?).await?;
                let status = answer.status();
                let bytes = axum::body::to_bytes(answer.into_body(), ANSWER_MAX).await?;
                Ok((status, bytes.to_vec()))
            }
            Self::There(client) => {
                let mut request = client.request(method, path);
                if let Some(body) = body {
                    request = request.json(body);
                }
                let answer = request.send().await.map_err(|error| client.unreachable(&error))?;
                let status = answer.status();
                let bytes = answer.bytes().await.map_err(|error| client.unreachable(&error))?;
                Ok((status, bytes.to_vec()))
            }
        }
    }

    /// Where it is, for people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Here(_) => "this process".to_owned(),
            Self::There(client) => client.url.clone(),
        }
    }

    /// Waits until a node that has just started in this process knows all workflows: only then are
    /// its lists whole.
    pub(crate) async fn whole(&self) -> anyhow::Result<()> {
        match self {
            Self::Here(node) => Ok(node.views.wait_ready().await?),
            Self::There(_) => Ok(()),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// The changes of a workflow from sequence `from` on, until it has ended.
    pub(crate) async fn watch(
        &self,
        id: &str,
        from: u64,
    ) -> anyhow::Result<BoxStream<'static, anyhow::Result<Value>>> {
        match self {
            Self::Here(node) => {
                let changes = node.views.watch(id.parse()?, from).await?;
                Ok(changes.map(|change| Ok(serde_json::to_value(change?)?)).boxed())
            }
            Self::There(client) => {
                let path = format!("/api/v1/workflows/{id}/events");
                let mut request = client.request(Method::GET, &path);
                if let Some(seen) = from.checked_sub(1) {
                    request = request.header("Last-Event-ID", seen);
                }
                let answer = request.send().await;
                let answer = answer.map_err(|error| client.unreachable(&error))?;
                let status = answer.status();
                if !status.is_success() {
                    let value = answer.json().await.unwrap_or(Value::Null);
                    return Err(problem(status, &value));
                }
                let pieces = answer.bytes_stream().map(|piece| Ok(piece?.to_vec())).boxed();
                Ok(server_sent(pieces))
            }
        }
    }

    /// The contexts of a submission as this node takes them: a node in this process reads files
    /// where they are, another gets them uploaded.
    pub(crate) async fn contexts(&self, typed: &[TypedContext]) -> anyhow::Result<Value> {
        let mut contexts = serde_json::Map::new();
        for context in typed {
            let value = match &context.content {
                TypedContent::Text(text) => Value::String(text.clone()),
                TypedContent::File(path) => self.file(path).await?,
            };
            contexts.insert(context.name.clone(), value);
        }
        Ok(Value::Object(contexts))
    }

    async fn file(&self, path: &Path) -> anyhow::Result<Value> {
        let place = std::fs::canonicalize(path)
            .with_context(|| format!("cannot read the context {}", path.display()))?;
        let Self::There(client) = self else {
            return Ok(json!({ "file": place.display().to_string() }));
        };
        let file = tokio::fs::File::open(&place).await?;
        let name = place.file_name().map_or("context".into(), |n| n.to_string_lossy());
        let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::new(file));
        let answer = client
            .request(Method::PUT, &format!("/api/v1/uploads/{}", plain(&name)))
            .body(body)
            .send()
            .await
            .map_err(|error| client.unreachable(&error))?;
        let status = answer.status();
        let value: Value = answer.json().await.unwrap_or(Value::Null);
        if !status.is_success() {
            return Err(problem(status, &value));
        }
        let upload = value.get("upload").cloned().context("the node kept no upload")?;
        Ok(json!({ "upload": upload, "label": name }))
    }

    /// Ends the node if it is in this process.
    pub(crate) async fn close(self) {
        if let Self::Here(node) = self {
            node.stop().await;
        }
    }
}

/// The node that runs on a data directory.
async fn running(dir: &Path, key: Option<String>) -> anyhow::Result<Option<Client>> {
    let Some(address) = Address::read(dir) else { return Ok(None) };
    // Someone who named a key asks with the rights of that key.
    let owner = match &key {
        None => address.owner.clone().map(OwnerToken::new),
        Some(_) => None,
    };
    let client = Client::new(&address.url, key, owner)?;
    let health = client.http.get(format!("{}/health", client.url));
    match health.timeout(std::time::Duration::from_secs(5)).send().await {
        Ok(answer) if answer.status() != StatusCode::NOT_FOUND => Ok(Some(client)),
        // It is gone without a word, or something else listens there now: the lock on the
        // directory will tell.
        _ => Ok(None),
    }
}

impl Client {
    fn new(url: &str, key: Option<String>, owner: Option<OwnerToken>) -> anyhow::Result<Self> {
        let parsed = reqwest::Url::parse(url).ok();
        if !parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            return Err(Said::new(
                "usage",
                format!("{url:.100?} is no address of a node"),
                "write --node http://HOST:PORT, for example http://127.0.0.1:8000",
            )
            .into());
        }
        let http = reqwest::Client::builder()
            .connect_timeout(std::time::Duration::from_secs(5))
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), key, owner, http })
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match (&self.key, &self.owner) {
            (Some(key), _) => request.header("X-API-Key", key),
            (None, Some(owner)) => request.header(OwnerToken::HEADER, owner.expose()),
            (None, None) => request,
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        Said::new(
            "unreachable",
            format!("the node at {} does not answer: {error}", self.url),
            "check that it runs and that --node, or AUTOOS_NODE, names its address",
        )
        .into()
    }
}

/// What a node says of what it did not do.
fn problem(status: StatusCode, value: &Value) -> anyhow::Error {
    Said::of_problem(status.as_u16(), value).into()
}

/// A path with a query of what was given.
pub(crate) fn with_query(path: &str, given: &[(&str, Option<String>)]) -> String {
    let given = given.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let pairs: Vec<String> =
        given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// Text as a part of a path or query (RFC 3986, section 2.3: everything but unreserved).
pub(crate) fn encoded(text: &str) -> String {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let byte = |b: u8| if fits(b) { (b as char).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(byte).collect()
}

/// A file's name as a part of a path.
fn plain(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    name.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

/// The data of server-sent events (WHATWG HTML, section 9.2), one JSON value each.
fn server_sent(
    pieces: BoxStream<'static, anyhow::Result<Vec<u8>>>,
) -> BoxStream<'static, anyhow::Result<Value>> {
    let start = (pieces, Vec::<u8>::new(), String::new());
    let next = |(mut pieces, mut buffer, mut data): (BoxStream<'static, _>, Vec<u8>, String)| async move {
        loop {
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&buffer[..end]).trim_end().to_owned();
                buffer.drain(..=end);
                if let Some(piece) = line.strip_prefix("data:") {
                    data.push_str(piece.trim_start());
                } else if line.is_empty() && !data.is_empty() {
                    let event = std::mem::take(&mut data);
                    let value = serde_json::from_str(&event).context("an event that is no JSON");
                    return Some((value, (pieces, buffer, data)));
                }
            }
            match pieces.next().await? {
                Ok(piece) => buffer.extend::<Vec<u8>>(piece),
                Err(error) => return Some((Err(error), (pieces, buffer, data))),
            }
        }
    };
    futures::stream::unfold(start, next).boxed()
}

/// One line of a JSON list, or an error that names what is missing.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a Vec<Value>> {
    match value.get(name).and_then(Value::as_array).or(value.as_array()) {
        Some(list) => Ok(list),
        None => bail!("the node's answer has no list of {name}"),
    }
}
