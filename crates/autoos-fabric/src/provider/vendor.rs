//! The vendors over HTTP, through one client library (`genai`), always streamed, so that each
//! piece of an answer shows on the call's line.
//!
//! The library reports what it meets through `tracing`, answers and error bodies included; those
//! events are switched off here, since neither belongs in a log. It reads a body without a cap:
//! an answer is cut off at [`ANSWER_MAX`] bytes in the stream of pieces, and one that never
//! becomes a piece at the next deadline.
//!
//! Conversations of clients go by the library too where the vendor speaks another format
//! (`library`), and as they came where it speaks OpenAI's (`direct`). Left out: caching hints.

mod bind;
mod direct;
mod failure;
mod library;
mod sse;
mod stream;

use super::{Line, Provider};
use crate::{
    Failure, FailureClass, LlmResponse, Price, Request, Task, Usage, answer,
    chat::{Answered, Chat},
    config::{ModelConfig, ProviderConfig, ProviderKind, Timeouts},
    prompt::{self, Prompt},
    secret::Secret,
};
use failure::Trouble;
use futures::{FutureExt, future::BoxFuture};
use genai::{
    Client, Headers, ModelIden, ServiceTarget,
    adapter::AdapterKind,
    chat::{
        ChatMessage, ChatOptions, ChatRequest, ChatResponseFormat, JsonSpec, ReasoningEffort, Tool,
    },
    resolver::{AuthData, Endpoint},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};
use stream::Collected;
use tracing::{Dispatch, instrument::WithSubscriber};

/// The most bytes of an answer that are kept: text, thinking and tool calls together.
pub(crate) const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// A vendor's endpoint.
pub(crate) struct Vendor(Arc<Inner>);

struct Inner {
    name: String,
    kind: ProviderKind,
    client: Client,
    /// The same connections, without the library.
    http: reqwest::Client,
    /// With its last slash, as the library joins to it.
    base_url: reqwest::Url,
    /// Host and port, for people.
    host: String,
    key: Option<Secret>,
    headers: Vec<(String, Secret)>,
    /// By full id.
    models: HashMap<String, ModelConfig>,
}

impl Vendor {
    /// Makes a client for a provider; calls nobody.
    ///
    /// # Errors
    /// What about the configuration cannot work.
    pub(crate) fn new(
        name: &str,
        config: &ProviderConfig,
        key: Option<Secret>,
        headers: BTreeMap<String, Secret>,
    ) -> Result<Self, String> {
        let base_url = config.base_url.as_deref().unwrap_or(match config.kind {
            ProviderKind::Anthropic => "https://api.anthropic.com/v1",
            ProviderKind::Gemini => "https://generativelanguage.googleapis.com/v1beta",
            _ => "https://api.openai.com/v1",
        });
        let url = reqwest::Url::parse(base_url).map_err(|e| format!("base_url: {e}"))?;
        let host = url.host_str().ok_or("base_url names no host")?.to_owned();
        let shown = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let http = http(&url, &host, config.timeouts)?;
        let client = Client::builder().with_reqwest(http.clone()).build();
        let client = client.map_err(|_| NO_CLIENT)?;
        for (header, value) in &headers {
            reqwest::header::HeaderName::try_from(header.as_str())
                .map_err(|_| format!("headers: {header:?} is no name of a header"))?;
            reqwest::header::HeaderValue::try_from(value.expose())
                .map_err(|_| format!("headers: the value of {header} cannot be sent"))?;
        }
        let compatible =
            matches!(config.kind, ProviderKind::Openai | ProviderKind::OpenaiCompatible);
        if url.query().is_some() && !compatible {
            return Err("base_url has a query, which this vendor's addresses cannot have".into());
        }
        let mut url = url;
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        for model in &config.models {
            if let Some(word) = &model.reasoning
                && effort(config.kind, word).is_none()
            {
                return Err(format!(
                    "model {:?}: reasoning is none, minimal, low, medium or high",
                    model.id
                ));
            }
        }
        let models = config.models.iter().map(|m| (format!("{name}/{}", m.id), m.clone()));
        Ok(Self(Arc::new(Inner {
            name: name.to_owned(),
            kind: config.kind,
            client,
            http,
            base_url: url,
            host: shown,
            key,
            headers: headers.into_iter().collect(),
            models: models.collect(),
        })))
    }
}

const NO_CLIENT: &str = "no HTTPS client can be made: the machine has no root certificates \
                         (install ca-certificates, or name a bundle in SSL_CERT_FILE)";

/// The HTTP client. It follows no redirect, since that would carry the key to another host.
fn http(
    url: &reqwest::Url,
    host: &str,
    timeouts: Timeouts,
) -> Result<reqwest::Client, &'static str> {
    // A second installation is refused, and whoever was first chose as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_millis(timeouts.connect_ms))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_secs(60));
    if url.scheme() == "http" {
        // Nothing is verified there, so that a machine without root certificates can use it.
        builder = builder.tls_certs_only([]);
    }
    if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|_| NO_CLIENT)
}

impl Provider for Vendor {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn remote(&self) -> bool {
        true
    }

    fn chat(&self, chat: Chat, line: Line) -> BoxFuture<'static, Result<Answered, Failure>> {
        let inner = Arc::clone(&self.0);
        async move {
            let answered = match inner.kind {
                ProviderKind::Openai | ProviderKind::OpenaiCompatible => {
                    inner.direct(&chat, &line).await
                }
                _ => inner.by_library(&chat, &line).await,
            };
            answered.map_err(|trouble| {
                if let Some(stated) = trouble.stated {
                    line.stated(stated);
                }
                inner.failure(&chat.model, trouble)
            })
        }
        .boxed()
    }

    fn ask(
        &self,
        request: Request,
        line: Line,
    ) -> BoxFuture<'static, Result<LlmResponse, Failure>> {
        let inner = Arc::clone(&self.0);
        async move {
            let asked = inner.ask(&request, &line).await;
            asked.map_err(|trouble| {
                if let Some(stated) = trouble.stated {
                    line.stated(stated);
                }
                inner.failure(&request.model, trouble)
            })
        }
        .boxed()
    }
}

impl Inner {
    async fn ask(&self, request: &Request, line: &Line) -> Result<LlmResponse, Trouble> {
        let model = self.models.get(&request.model).ok_or_else(|| {
            Trouble::before(FailureClass::BadRequest, format!("{} does not serve it", self.name))
        })?;
        let prompt = prompt::render(request)
            .map_err(|e| Trouble::before(FailureClass::BadRequest, e.to_string()))?;
        let estimate = size(&prompt, request);
        let window = u64::from(model.context_tokens.unwrap_or(u32::MAX));
        if estimate + u64::from(request.output_tokens) > window {
            let detail = format!(
                "about {estimate} tokens of prompt and {} of answer do not fit its window of \
                 {window}: lower limits.prompt_tokens or limits.output_tokens",
                request.output_tokens
            );
            return Err(Trouble::before(FailureClass::BadRequest, detail));
        }
        let names = ToolNames::new(request);
        let options = self.options(model, request);
        let (target, chat) = (self.target(model), names.chat(prompt, request));
        let began = Instant::now();
        let silent = Dispatch::none();
        let collected = async {
            let stream = self.client.exec_chat_stream(target, chat, Some(&options)).await;
            let stream = stream.map_err(|e| Trouble::of(&e))?.stream;
            stream::collect(stream, self.kind, began, line).await
        }
        .with_subscriber(silent)
        .await?;
        let price = model.price.unwrap_or_default();
        settle(request, collected, &names, price, (estimate, window), began)
    }

    /// What the vendor is told besides the messages.
    fn options(&self, model: &ModelConfig, request: &Request) -> ChatOptions {
        let mut options = ChatOptions::default()
            .with_capture_usage(true)
            .with_max_tokens(request.output_tokens)
            .with_extra_headers(self.sent_headers());
        if self.kind != ProviderKind::Gemini {
            // The library reads some endings of a model's name as a wish and takes them off.
            options = options.with_extra_body(json!({"model": model.id}));
        }
        if let Some(effort) = model.reasoning.as_deref().and_then(|word| effort(self.kind, word)) {
            options = options.with_reasoning_effort(effort);
        }
        // Beside tools an answer need not be data.
        if model.json_schema != Some(true) || !request.tools.is_empty() {
            return options;
        }
        match prompt::schema(request).map(bind::bindable) {
            Some(Some(schema)) => options.with_response_format(JsonSpec::new("answer", schema)),
            // Any JSON at all, which only this vendor's format can ask for.
            _ if self.kind == ProviderKind::Openai && wants_object(request) => {
                options.with_response_format(ChatResponseFormat::JsonMode)
            }
            _ => options,
        }
    }

    /// The configured headers, and where in a trace the call is.
    fn sent_headers(&self) -> Headers {
        let own = self.headers.iter();
        let own = own.map(|(name, value)| (name.clone(), value.expose().to_owned()));
        let place = autoos_telemetry::traceparent().map(|place| ("traceparent".to_owned(), place));
        Headers::from(own.chain(place).collect::<Vec<_>>())
    }

    fn target(&self, model: &ModelConfig) -> ServiceTarget {
        let kind = match self.kind {
            ProviderKind::Anthropic => AdapterKind::Anthropic,
            ProviderKind::Gemini => AdapterKind::Gemini,
            _ => AdapterKind::OpenAI,
        };
        let auth = match &self.key {
            Some(key) => AuthData::from_single(key.expose()),
            // A server of one's own that wants no key is sent no header for one.
            None => AuthData::RequestOverride {
                url: {
                    let mut url = self.base_url.clone();
                    url.set_path(&format!("{}chat/completions", url.path()));
                    url.into()
                },
                headers: self.sent_headers(),
            },
        };
        ServiceTarget {
            endpoint: Endpoint::from_owned(self.base_url.as_str()),
            auth,
            model: ModelIden::new(kind, model.id.as_str()),
        }
    }

    /// The model that a conversation is for, once its prompt is known to fit.
    fn fits(&self, chat: &Chat) -> Result<&ModelConfig, Trouble> {
        let model = self.models.get(&chat.model).ok_or_else(|| {
            Trouble::before(FailureClass::BadRequest, format!("{} does not serve it", self.name))
        })?;
        let window = model.context_tokens.unwrap_or(u32::MAX);
        if chat.prompt_tokens > window {
            let detail = format!(
                "context_length_exceeded: about {} tokens of prompt do not fit its window of \
                 {window}",
                chat.prompt_tokens
            );
            return Err(Trouble::before(FailureClass::BadRequest, detail));
        }
        Ok(model)
    }

    /// A text without any secret.
    fn cleared(&self, mut text: String) -> String {
        let secrets = self.key.iter().chain(self.headers.iter().map(|(_, value)| value));
        for secret in secrets {
            text = text.replace(secret.expose(), "…");
        }
        text
    }

    /// What went wrong as the ladder sees it, with every secret taken out.
    fn failure(&self, model: &str, trouble: Trouble) -> Failure {
        let detail = self.cleared(format!("{}: {}", self.host, trouble.detail));
        let mut failure = Failure::new(model, trouble.class, detail);
        failure.retry_after_ms = trouble.retry_after_ms;
        failure.cost_microusd = trouble.cost_microusd;
        failure
    }
}

/// How long a model may think. Gemini thinks as it likes unless it is given a number.
fn effort(kind: ProviderKind, word: &str) -> Option<ReasoningEffort> {
    match ReasoningEffort::from_keyword(word)? {
        ReasoningEffort::Zero if kind == ProviderKind::Gemini => Some(ReasoningEffort::Budget(0)),
        effort => Some(effort),
    }
}

/// Whether the answer is a JSON object whose schema no vendor can be bound to.
fn wants_object(request: &Request) -> bool {
    match (&request.task, &request.schema) {
        (Task::Plan { .. } | Task::Verify { .. }, _) => true,
        (_, Some(schema)) => schema.get("type").is_some_and(|kind| kind == "object"),
        (_, None) => false,
    }
}

/// Tokens that the request takes, estimated.
fn size(prompt: &Prompt, request: &Request) -> u64 {
    let tools = request.tools.iter();
    let tools: u64 = tools
        .map(|t| prompt::tokens(&t.description) + prompt::tokens(&t.arguments.to_string()))
        .sum();
    let messages: u64 = prompt.messages.iter().map(|m| prompt::tokens(m)).sum();
    prompt::tokens(&prompt.system) + messages + tools
}

/// The names of tools as vendors take them, which is without dots.
struct ToolNames(Vec<(String, String)>);

impl ToolNames {
    fn new(request: &Request) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let tools = request.tools.iter();
        Self(tools.map(|t| (t.name.chars().map(plain).collect(), t.name.clone())).collect())
    }

    /// The tool of that name; a name that nobody gave stays as it is and is found out later.
    fn ours(&self, theirs: String) -> String {
        let found = self.0.iter().find(|(sent, _)| *sent == theirs);
        found.map_or(theirs, |(_, ours)| ours.clone())
    }

    fn chat(&self, prompt: Prompt, request: &Request) -> ChatRequest {
        let messages = prompt.messages.into_iter().map(ChatMessage::user).collect();
        let chat = ChatRequest::new(messages).with_system(prompt.system);
        if request.tools.is_empty() {
            return chat;
        }
        let tool = |(spec, (sent, _)): (&autoos_kernel::tool::ToolSpec, &(String, String))| {
            Tool::new(sent.as_str())
                .with_description(spec.description.as_str())
                .with_schema(spec.arguments.clone())
        };
        chat.with_tools(request.tools.iter().zip(&self.0).map(tool).collect::<Vec<_>>())
    }
}

/// Makes an answer of what came, if it is one.
fn settle(
    request: &Request,
    collected: Collected,
    names: &ToolNames,
    price: Price,
    (estimate, window): (u64, u64),
    began: Instant,
) -> Result<LlmResponse, Trouble> {
    let Collected { text, mut tool_calls, usage, first_token, stop } = collected;
    let estimated = Usage { input: estimate, output: prompt::tokens(&text) };
    // Counts that no window holds are a mistake; nobody is charged for it.
    let usage = usage.filter(|u| u.input.saturating_add(u.output) <= window).unwrap_or(estimated);
    let cost_microusd = price.cost(usage);
    if let Some((class, detail)) = stream::refused(&stop, request.output_tokens) {
        return Err(Trouble { cost_microusd: Some(cost_microusd), ..Trouble::new(class, detail) });
    }
    for call in &mut tool_calls {
        call.name = names.ours(std::mem::take(&mut call.name));
    }
    let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    let response = LlmResponse {
        model: request.model.clone(),
        text,
        value: None,
        plan: None,
        tool_calls,
        usage,
        cost_microusd,
        latency_ms: millis(began.elapsed()),
        first_token_ms: first_token.map(millis),
    };
    answer::check(request, response).map_err(|failure| Trouble {
        class: failure.class,
        detail: failure.detail,
        retry_after_ms: None,
        cost_microusd: failure.cost_microusd,
        stated: None,
    })
}
