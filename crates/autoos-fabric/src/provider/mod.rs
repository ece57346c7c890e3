//! What stands behind a provider actor: one endpoint that answers one request at a time.
//!
//! The vendors' clients, the scripted provider and the built-in engine implement [`Provider`];
//! the actor in front bounds their calls, watches their lines, and asks none that is out. Left
//! out: choice of a model (the router) and retries (the recovery ladder).
//!
//! | module | what it is |
//! |---|---|
//! | `actor`, `supervisor` | the actors: a queue, a task per call, restarts |
//! | `desk`, `ticket` | what they and callers share; what settles each call once |
//! | `breaker`, `limits` | pure rules: whether a provider is asked, and how often |
//! | `line` | signs of life of one call, and how long it may be without |
//! | `health` | counts, for people |
//! | `vendor`, `scripted` | the endpoints |

pub(crate) mod actor;
mod breaker;
pub(crate) mod desk;
pub(crate) mod health;
mod limits;
mod line;
pub mod scripted;
mod span;
pub(crate) mod supervisor;
mod ticket;
pub(crate) mod vendor;

pub use breaker::BreakerStatus;
pub use health::{Condition, LastError, ModelStatus, ProviderStatus};
pub use limits::{LimitsStatus, Stated};
pub use line::Line;

use crate::{
    Failure, LlmResponse, Request,
    chat::{self, Answered, Chat},
};
use futures::{FutureExt as _, future::BoxFuture};

/// One endpoint, asked once per call.
pub trait Provider: Send + Sync + 'static {
    /// The name it is configured by; the part of a model's id before the first `/`.
    fn name(&self) -> &str;

    /// Whether it is somewhere else, so that a call of it can be lost on the way and be worth
    /// making twice.
    fn remote(&self) -> bool {
        false
    }

    /// Asks once, and shows on the line when pieces of the answer come. The future may be
    /// dropped at any await, and a panic in it is settled as a crash by the actor; work that
    /// computes for long belongs on a blocking thread.
    fn ask(&self, request: Request, line: Line)
    -> BoxFuture<'static, Result<LlmResponse, Failure>>;

    /// Goes on with a conversation of a client, once, and sends the pieces of the answer where it
    /// says. By default it is asked as a task, and comes in one piece.
    fn chat(&self, chat: Chat, line: Line) -> BoxFuture<'static, Result<Answered, Failure>> {
        let answer = match chat.asked.path {
            chat::Path::Chat => self.ask(chat::as_task(&chat), line),
            chat::Path::Embeddings => {
                let detail = "it gives no embeddings";
                let mut failure =
                    Failure::new(&chat.model, crate::FailureClass::BadRequest, detail);
                failure.cost_microusd = Some(0);
                return futures::future::ready(Err(failure)).boxed();
            }
        };
        async move { Ok(chat::of_task(&chat, answer.await?).await) }.boxed()
    }
}

/// What a provider is asked to do.
#[derive(Debug)]
pub(crate) enum Work {
    /// A task of the fabric.
    Ask(Box<Request>),
    /// A conversation of a client.
    Chat(Box<Chat>),
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Came {
    /// Of a task.
    Answer(Box<LlmResponse>),
    /// Of a conversation.
    Chat(Box<Answered>),
}

impl Work {
    pub(crate) fn model(&self) -> &str {
        match self {
            Self::Ask(request) => &request.model,
            Self::Chat(chat) => &chat.model,
        }
    }

    /// The whole may take so many milliseconds.
    pub(crate) fn timeout_ms(&self) -> u64 {
        match self {
            Self::Ask(request) => request.timeout_ms,
            Self::Chat(chat) => chat.timeout_ms,
        }
    }

    /// What kind of work it is.
    fn kind(&self) -> crate::TaskKind {
        match self {
            Self::Ask(request) => crate::TaskKind::of_request(request),
            Self::Chat(chat) => chat.kind(),
        }
    }

    /// Tokens that it may take at most.
    fn tokens(&self) -> u64 {
        let (prompt, output) = match self {
            Self::Ask(request) => (request.prompt_tokens, request.output_tokens),
            Self::Chat(chat) => (chat.prompt_tokens, chat.output_tokens),
        };
        u64::from(prompt) + u64::from(output)
    }

    /// Whether pieces show that an answer is coming; without, silence says nothing until its end.
    pub(crate) fn shows_pieces(&self) -> bool {
        match self {
            Self::Ask(_) => true,
            Self::Chat(chat) => chat.pieces.is_some(),
        }
    }
}

impl Came {
    /// Adds what another call for the same may have cost.
    pub(crate) fn also_paid(&mut self, microusd: u64) {
        let cost = match self {
            Self::Answer(response) => &mut response.cost_microusd,
            Self::Chat(answered) => &mut answered.cost_microusd,
        };
        *cost = cost.saturating_add(microusd);
    }

    fn paid(&self) -> (u64, crate::Usage) {
        match self {
            Self::Answer(response) => (response.cost_microusd, response.usage),
            Self::Chat(answered) => (answered.cost_microusd, answered.usage),
        }
    }
}
