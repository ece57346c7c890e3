//! Conversations for vendors that speak OpenAI's format: the request goes on as it came, and so do
//! the bytes of the answer. Of these only what must be known is read: the text, how it ended, and
//! what it took.

use super::{
    ANSWER_MAX, Inner,
    failure::{self, Trouble},
    sse::Events,
};
use crate::{
    FailureClass, Price, ToolCall, Usage,
    chat::{Answered, Chat, Path, Written},
    config::ProviderKind,
    provider::Line,
};
use bytes::{Bytes, BytesMut};
use reqwest::{Response, header};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, time::Instant};

/// So much of what a vendor says when it refuses is shown to the client.
const SAID_MAX: usize = 4_096;
/// So much of it is read.
const REFUSAL_MAX: usize = 64 * 1024;
/// Tool calls that an answer may have.
const CALLS_MAX: usize = 128;

impl Inner {
    /// Goes on with a conversation, once.
    pub(super) async fn direct(&self, chat: &Chat, line: &Line) -> Result<Answered, Trouble> {
        let model = self.fits(chat)?;
        let began = Instant::now();
        let response = self.send(chat, &model.id).await?;
        let price = model.price.unwrap_or_default();
        if let Some(stated) = failure::stated(response.headers()) {
            line.stated(stated);
        }
        let settle = Settle { chat, price, began };
        match chat.pieces {
            Some(_) => settle.streamed(response, line).await,
            None => settle.whole(response, line).await,
        }
    }

    async fn send(&self, chat: &Chat, model: &str) -> Result<Response, Trouble> {
        let mut url = self.base_url.clone();
        let (path, most) = match chat.asked.path {
            Path::Chat => ("chat/completions", Some(self.most())),
            Path::Embeddings => ("embeddings", None),
        };
        url.set_path(&format!("{}{path}", url.path()));
        let most = most.filter(|_| chat.bounded).map(|name| (name, chat.output_tokens));
        let body = chat.asked.body(model, chat.pieces.is_some(), most);
        let mut request =
            self.http.post(url).header(header::CONTENT_TYPE, "application/json").body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.expose());
        }
        let response = request.send().await.map_err(|error| Trouble::transport(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response, REFUSAL_MAX, None).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        let said = serde_json::from_str(&body).ok().and_then(|body: Value| {
            let error = body.get("error").unwrap_or(&body);
            let said = error.get("message").unwrap_or(error);
            said.as_str().map(|said| said.chars().take(SAID_MAX).collect::<String>())
        });
        if let Some(said) = said {
            chat.seen.refused(self.cleared(said));
        }
        Err(Trouble::status(status, &body, &headers))
    }

    /// What this vendor calls the bound of an answer.
    fn most(&self) -> &'static str {
        match self.kind {
            ProviderKind::Openai => "max_completion_tokens",
            _ => "max_tokens",
        }
    }
}

/// A whole body of at most `limit` bytes.
async fn read(mut response: Response, limit: usize, line: Option<&Line>) -> Result<Bytes, Trouble> {
    let mut body = BytesMut::new();
    let mut only: Option<Bytes> = None;
    while let Some(piece) = response.chunk().await.map_err(|error| Trouble::transport(&error))? {
        if let Some(line) = line {
            line.piece();
        }
        if body.len() + only.as_ref().map_or(0, Bytes::len) + piece.len() > limit {
            let detail = format!("the answer is longer than {limit} bytes");
            return Err(Trouble::new(FailureClass::Malformed, detail));
        }
        // Most bodies come in one piece, which is then not copied.
        match only.take() {
            None if body.is_empty() => only = Some(piece),
            before => {
                body.extend_from_slice(&before.unwrap_or_default());
                body.extend_from_slice(&piece);
            }
        }
    }
    Ok(only.unwrap_or_else(|| body.freeze()))
}

/// Makes an answer of what comes.
struct Settle<'a> {
    chat: &'a Chat,
    price: Price,
    began: Instant,
}

impl Settle<'_> {
    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// What was counted, or an estimate of it.
    fn usage(&self, counted: Option<Counted>, text: &str) -> Usage {
        let estimated = || Usage {
            input: u64::from(self.chat.prompt_tokens),
            output: crate::prompt::tokens(text),
        };
        counted.map_or_else(estimated, Counted::usage)
    }

    async fn whole(&self, response: Response, line: &Line) -> Result<Answered, Trouble> {
        let body = read(response, 8 * ANSWER_MAX, Some(line)).await?;
        let unreadable = |_| Trouble::unreadable();
        if self.chat.asked.path == Path::Embeddings {
            let vectors: Vectors = serde_json::from_slice(&body).map_err(unreadable)?;
            let usage = self.usage(vectors.usage, "");
            return Ok(self.answered(String::new(), Vec::new(), "stop".into(), usage, body));
        }
        let read: Completion<'_> = serde_json::from_slice(&body).map_err(unreadable)?;
        let Completion { choices, usage } = read;
        let Some(choice) = choices.into_iter().next() else {
            return Err(Trouble::new(FailureClass::Malformed, "the reply holds no answer"));
        };
        let text = choice.message.content.unwrap_or_default().into_owned();
        let usage = self.usage(usage, &text);
        let calls = choice.message.tool_calls.unwrap_or_default();
        let calls = calls.into_iter().map(SentCall::done).collect();
        let finish = choice.finish_reason.map_or_else(|| "stop".to_owned(), Cow::into_owned);
        Ok(self.answered(text, calls, finish, usage, body))
    }

    fn answered(
        &self,
        text: String,
        tool_calls: Vec<ToolCall>,
        finish: String,
        usage: Usage,
        body: Bytes,
    ) -> Answered {
        Answered {
            model: self.chat.model.clone(),
            text,
            tool_calls,
            finish,
            usage,
            cost_microusd: self.price.cost(usage),
            latency_ms: self.millis(),
            first_ms: None,
            body,
        }
    }

    async fn streamed(&self, mut response: Response, line: &Line) -> Result<Answered, Trouble> {
        let mut events = Events::default();
        let mut taken = Taken::new(self.chat);
        let mut first_ms = None;
        while let Some(bytes) =
            response.chunk().await.map_err(|error| Trouble::transport(&error))?
        {
            let mut out = BytesMut::new();
            let mut trouble = None;
            let each = |data: &[u8], event: &[u8]| {
                if trouble.is_none() {
                    match taken.event(data) {
                        Ok(true) => out.extend_from_slice(event),
                        Ok(false) => {}
                        Err(other) => trouble = Some(other),
                    }
                }
            };
            let long = |_| Trouble::new(FailureClass::Malformed, "an event has no end");
            events.take(&bytes, each).map_err(long)?;
            if !out.is_empty() {
                line.piece();
                first_ms.get_or_insert_with(|| self.millis());
                if let Some(pieces) = &self.chat.pieces {
                    pieces.send(out.freeze()).await;
                }
            }
            if let Some(trouble) = trouble {
                return Err(self.costing(trouble, &taken));
            }
            if taken.done {
                break;
            }
        }
        if taken.written.finish.is_none() {
            let detail = "the answer was cut: it ended without a reason";
            let class = match first_ms {
                Some(_) => FailureClass::Network,
                None => FailureClass::Malformed,
            };
            return Err(self.costing(Trouble::new(class, detail), &taken));
        }
        let usage = self.usage(taken.counted, &taken.written.text);
        let model = self.chat.model.clone();
        let cost = self.price.cost(usage);
        Ok(taken.written.answered(model, usage, cost, self.millis(), first_ms))
    }

    /// What an answer that broke off may have cost.
    fn costing(&self, trouble: Trouble, taken: &Taken<'_>) -> Trouble {
        let usage = self.usage(taken.counted, &taken.written.text);
        Trouble { cost_microusd: Some(self.price.cost(usage)), ..trouble }
    }
}

/// What came of a stream.
struct Taken<'a> {
    chat: &'a Chat,
    written: Written,
    counted: Option<Counted>,
    bytes: usize,
    done: bool,
}

impl<'a> Taken<'a> {
    fn new(chat: &'a Chat) -> Self {
        let written = Written::new(&chat.model);
        Self { chat, written, counted: None, bytes: 0, done: false }
    }

    /// Takes an event in; whether the client is to have it as well.
    fn event(&mut self, data: &[u8]) -> Result<bool, Trouble> {
        if data.is_empty() {
            return Ok(false);
        }
        if data == b"[DONE]" {
            self.done = true;
            return Ok(false);
        }
        self.bytes += data.len();
        if self.bytes > 16 * ANSWER_MAX {
            let detail = "the answer is longer than any is taken";
            return Err(Trouble::new(FailureClass::Malformed, detail));
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data).map_err(|_| Trouble::unreadable())?;
        if let Some(error) = chunk.error {
            let error: Value = serde_json::from_str(error.get()).unwrap_or_default();
            return Err(Trouble::event(&serde_json::json!({ "error": error })));
        }
        let counts_alone = chunk.choices.is_empty() && chunk.usage.is_some();
        self.counted = chunk.usage.or(self.counted);
        for choice in chunk.choices {
            self.delta(choice.delta)?;
            if let Some(finish) = choice.finish_reason {
                self.written.finish = Some(finish.into_owned());
            }
        }
        Ok(!counts_alone || self.chat.asked.include_usage)
    }

    fn delta(&mut self, delta: Delta<'_>) -> Result<(), Trouble> {
        if let Some(text) = delta.content {
            self.chat.seen.came(&text);
            self.written.text(&text);
        }
        if let Some(text) = delta.refusal {
            self.written.refusal.push_str(&text);
        }
        for piece in delta.tool_calls.unwrap_or_default() {
            let index = piece.index.unwrap_or(self.written.calls.len().saturating_sub(1));
            if index >= CALLS_MAX {
                let detail = format!("the answer has more than {CALLS_MAX} tool calls");
                return Err(Trouble::new(FailureClass::Malformed, detail));
            }
            while self.written.calls.len() <= index {
                self.written.calls.push(Default::default());
            }
            let call = &mut self.written.calls[index];
            call.id.push_str(&piece.id.unwrap_or_default());
            let Some(function) = piece.function else { continue };
            call.name.push_str(&function.name.unwrap_or_default());
            let more = function.arguments.unwrap_or_default();
            self.chat.seen.came(&more);
            call.arguments.push_str(&more);
        }
        Ok(())
    }
}

/// Tokens as the vendor counts them.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Counted {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl Counted {
    fn usage(self) -> Usage {
        Usage { input: self.prompt_tokens, output: self.completion_tokens }
    }
}

#[derive(Deserialize)]
struct Vectors {
    #[serde(default)]
    usage: Option<Counted>,
    #[serde(rename = "data")]
    _data: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
    #[serde(default)]
    usage: Option<Counted>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Said<'a>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<SentCall<'a>>>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Vec<Part<'a>>,
    #[serde(default)]
    usage: Option<Counted>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    delta: Delta<'a>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<SentCall<'a>>>,
}

/// A call, or a piece of one.
#[derive(Deserialize)]
struct SentCall<'a> {
    #[serde(default)]
    index: Option<usize>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    arguments: Option<Cow<'a, str>>,
}

impl SentCall<'_> {
    fn done(self) -> ToolCall {
        let function = self.function;
        let (name, args) = function.map_or((None, None), |f| (f.name, f.arguments));
        let args = args.unwrap_or_default();
        ToolCall {
            id: self.id.unwrap_or_default().into_owned(),
            name: name.unwrap_or_default().into_owned(),
            args: serde_json::from_str(&args).unwrap_or_else(|_| Value::String(args.into_owned())),
        }
    }
}
