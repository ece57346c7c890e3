//! Conversations in OpenAI's format: what a client asks, and what a model answers to it.
//!
//! The fabric's own questions are [tasks](crate::Task). A client that speaks OpenAI's format wants
//! to be passed through instead: its request is read once, so far as it must be understood, and
//! what is not understood goes to the vendor as it came. Vendors that speak the same format get
//! the bytes; for the others `vendor` converts. Left out: HTTP towards the client, and who may
//! ask (the gateway).

mod asked;
mod message;
mod written;

pub use asked::{Asked, Path, Wrong};
pub use message::{Content, Message, Part, SentCall, Speaker};
pub(crate) use written::Written;

use crate::{LlmResponse, Request, Task, TaskKind, ToolCall, Usage, prompt};
use autoos_kernel::words::LlmRole;
use serde_json::{Map, Value};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::{mpsc, watch};

/// A piece of a streamed answer: one or more server-sent events, whole and in OpenAI's format.
pub type Piece = bytes::Bytes;

/// One conversation's next message, asked of one model.
#[derive(Debug, Clone)]
pub struct Chat {
    /// Unique for ever.
    pub key: String,
    /// The model's id.
    pub model: String,
    /// What the client asks.
    pub asked: Arc<Asked>,
    /// Tokens of the prompt, estimated from above.
    pub prompt_tokens: u32,
    /// Tokens that the answer may have.
    pub output_tokens: u32,
    /// Whether the vendor is told of `output_tokens` where the client set no limit.
    pub bounded: bool,
    /// The whole call may take so many milliseconds.
    pub timeout_ms: u64,
    /// What a second call may cost, made when this one takes unusually long, in micro-dollars.
    pub spare_microusd: u64,
    /// Where pieces go as they come; none asks for the answer in one.
    pub pieces: Option<Pieces>,
    /// What can be told of the call while it runs.
    pub seen: Arc<Seen>,
}

impl Chat {
    /// What kind of work it is, as far as that can be told.
    #[must_use]
    pub fn kind(&self) -> TaskKind {
        TaskKind::of(LlmRole::Executor, self.asked.wants_data())
    }
}

/// Where the pieces of an answer go. When a call is made twice, the one whose piece comes first
/// goes on, and nothing of the other is taken.
#[derive(Debug, Clone)]
pub struct Pieces {
    to: mpsc::Sender<Piece>,
    /// Whose piece came first; 0 before that.
    first: Arc<watch::Sender<u8>>,
    me: u8,
}

impl Pieces {
    /// Pieces go here.
    #[must_use]
    pub fn new(to: mpsc::Sender<Piece>) -> Self {
        Self { to, first: Arc::default(), me: 1 }
    }

    /// The same for a second call.
    pub(crate) fn second(&self) -> Self {
        Self { me: 2, ..self.clone() }
    }

    /// Whether a piece of any call was sent.
    pub(crate) fn begun(&self) -> bool {
        *self.first.borrow() != 0
    }

    /// Waits until it is known whose pieces are taken: those of the first call or of the second.
    pub(crate) async fn whose(&self) -> u8 {
        let mut first = self.first.subscribe();
        let found = first.wait_for(|who| *who != 0).await;
        found.map_or(0, |who| *who)
    }

    /// Sends a piece. Never returns once nobody wants any from this call: whoever it is made for
    /// ends it then.
    pub(crate) async fn send(&self, piece: Piece) {
        if !self.begun() {
            let claim = |who: &mut u8| {
                *who == 0 && {
                    *who = self.me;
                    true
                }
            };
            self.first.send_if_modified(claim);
        }
        let mine = *self.first.borrow() == self.me;
        if !mine || self.to.send(piece).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What can be told of a call that may never report: whoever gives it up settles by this.
#[derive(Debug, Default)]
pub struct Seen {
    /// Tokens of the answer that came, estimated.
    output_tokens: AtomicU64,
    /// What the vendor said when it refused, for the client's eyes alone: it may repeat the prompt.
    said: Mutex<Option<String>>,
    /// What a second call may have cost, in micro-dollars; plus one, zero for none.
    hedge: AtomicU64,
}

impl Seen {
    pub(crate) fn came(&self, text: &str) {
        // By characters: close enough for a call that is given up, and free of rounding to nothing.
        let tokens = text.len().div_ceil(4) as u64;
        self.output_tokens.fetch_add(tokens, Ordering::Relaxed);
    }

    /// Tokens of the answer that came so far, estimated.
    #[must_use]
    pub fn output_tokens(&self) -> u64 {
        self.output_tokens.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self, said: String) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
    }

    /// What the vendor said when it refused.
    #[must_use]
    pub fn said(&self) -> Option<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn hedged(&self, microusd: u64) {
        self.hedge.store(microusd.saturating_add(1), Ordering::Relaxed);
    }

    /// What a second call may have cost that lost against the first, or the first against it; none
    /// when there was none.
    #[must_use]
    pub fn hedge_microusd(&self) -> Option<u64> {
        self.hedge.load(Ordering::Relaxed).checked_sub(1)
    }
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// Who answered.
    pub model: String,
    /// The answer's text.
    pub text: String,
    /// Calls that it asks for.
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended, in OpenAI's words: `stop`, `length`, `tool_calls`, `content_filter`.
    pub finish: String,
    /// Tokens as the vendor counted them; estimated when it did not say.
    pub usage: Usage,
    /// Micro-dollars by the price table.
    pub cost_microusd: u64,
    /// Milliseconds to the end of the answer.
    pub latency_ms: u64,
    /// Milliseconds to its first piece, where it was streamed.
    pub first_ms: Option<u64>,
    /// The whole as one document in OpenAI's format.
    pub body: Piece,
}

impl Answered {
    /// The answer as the events of a stream, all at once.
    #[must_use]
    pub fn events(&self, include_usage: bool) -> Piece {
        let mut written = Written::new(&self.model);
        written.text(&self.text);
        self.tool_calls.iter().for_each(|call| written.whole_call(call));
        (written.finish, written.usage) = (Some(self.finish.clone()), Some(self.usage));
        written.first_and_last(include_usage).into()
    }
}

/// A conversation as a task, for providers that know tasks alone: the last message is the
/// instruction, what came before it is evidence.
pub(crate) fn as_task(chat: &Chat) -> Request {
    let asked = &chat.asked;
    let mut inputs = Map::new();
    let (last, before) = match asked.messages.split_last() {
        Some((last, before)) => (last.text(), before),
        None => (String::new(), &[][..]),
    };
    for (n, message) in before.iter().enumerate() {
        inputs.insert(format!("{} {}", message.role, n + 1), Value::String(message.text()));
    }
    Request {
        key: chat.key.clone(),
        model: chat.model.clone(),
        role: LlmRole::Executor,
        task: Task::Execute { instruction: last, inputs },
        schema: asked.schema.clone(),
        complaint: None,
        tools: Vec::new(),
        prompt_tokens: chat.prompt_tokens.max(1_000),
        output_tokens: chat.output_tokens,
        timeout_ms: chat.timeout_ms,
    }
}

/// The answer to a conversation that was asked as a task.
pub(crate) async fn of_task(chat: &Chat, response: LlmResponse) -> Answered {
    let mut written = Written::new(&chat.model);
    written.text(&response.text);
    for call in &response.tool_calls {
        written.whole_call(call);
    }
    written.usage = Some(response.usage);
    if let Some(pieces) = &chat.pieces {
        pieces.send(written.first_and_last(chat.asked.include_usage).into()).await;
    }
    let LlmResponse { model, usage, cost_microusd, latency_ms, first_token_ms, .. } = response;
    written.answered(model, usage, cost_microusd, latency_ms, first_token_ms)
}

/// Tokens of a text, estimated.
#[must_use]
pub fn tokens(text: &str) -> u64 {
    prompt::tokens(text)
}
