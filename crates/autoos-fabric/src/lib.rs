//! The LLM fabric: providers, the models they serve, and what their answers are worth.
//!
//! This file is the port. An agent hands a [`Request`] to [`Llm::ask`] and gets an
//! [`LlmResponse`] or a classed [`Failure`]; the fabric neither retries nor chooses another
//! model on its own, since that is the recovery ladder's to decide and to record.
//! Left out: prompts' durability and spending (the workflow), and agents (the runtime).

mod answer;
mod belief;
pub mod builtin;
pub mod chat;
pub mod config;
mod fabric;
mod figures;
mod hedge;
pub mod learned;
pub mod models;
pub mod prompt;
pub mod provider;
mod registry;
pub mod router;
pub mod secret;
mod task;
pub mod verify;

pub use config::FabricConfig;
pub use fabric::{Builder, Fabric, StartError};
pub use learned::Judgement;
pub use provider::ProviderStatus;
pub use registry::{Abilities, Model, Price, Quality, TaskKind};
pub use router::{Choice, Routed, Wish};
pub use task::{ContextInfo, Task, Verdict};

use autoos_kernel::{plan::Plan, rng::Rng, tool::ToolSpec, words::LlmRole};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// The fabric as everyone holds it.
pub type SharedLlm = Arc<dyn Llm>;

/// The port through which agents ask models.
pub trait Llm: Send + Sync + 'static {
    /// Asks one model once. Dropping the future gives the call up; what it had cost by then is
    /// unknown and counts as its maximum.
    fn ask(&self, request: Request) -> BoxFuture<'static, Result<LlmResponse, Failure>>;

    /// Goes on with a conversation of a client, once. Dropping the future gives the call up; what
    /// had come by then is in [`Chat::seen`](chat::Chat::seen). By default nobody can.
    fn chat(&self, chat: chat::Chat) -> BoxFuture<'static, Result<chat::Answered, Failure>> {
        let detail = "no conversations are held here";
        let failure = Failure::new(&chat.model, FailureClass::BadRequest, detail);
        futures::FutureExt::boxed(futures::future::ready(Err(failure)))
    }

    /// The models that may serve a role, the preferred first: the order in which the ladder's
    /// third rung goes through them. Empty when nobody serves it.
    fn candidates(&self, role: LlmRole) -> Vec<Model>;

    /// The ids of those candidates that `out` says so of: what a [`Wish`] is to exclude.
    fn exclude(&self, role: LlmRole, out: &dyn Fn(&str) -> bool) -> Vec<String> {
        self.candidates(role).into_iter().map(|m| m.id).filter(|id| out(id)).collect()
    }

    /// Every model that is configured, for people.
    fn models(&self) -> Vec<Model>;

    /// The models that a client means by a name: the one with this id, or those whose id ends with
    /// it behind their provider's name, the preferred first.
    fn named(&self, name: &str) -> Vec<Model> {
        self.models().into_iter().filter(|model| model.is_called(name)).collect()
    }

    /// Chooses a model for a call: by what is known of each, for this risk and what is left of
    /// the grant. Calls nobody and takes microseconds. Without learned figures, as here, the
    /// first of the candidates that may be asked is chosen.
    fn route(&self, wish: &Wish, _: &mut dyn Rng) -> Routed {
        router::first(wish, &self.candidates(wish.role))
    }

    /// What a model's confidence in this kind of task turned out to be worth; by default itself.
    fn calibration(&self, _model: &str, _kind: TaskKind) -> verify::Calibration {
        verify::Calibration::default()
    }

    /// Someone says that what was out of order is mended: whoever is out may be asked once more at
    /// once. By default nobody ever is out.
    fn retry_now(&self) {}

    /// Is told what became of an answer, so that the next choice knows better. By default it is
    /// forgotten.
    fn judged(&self, _: &Judgement) {}
}

/// Tokens of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
}

/// One question to one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The key of the attempt, unique for ever: what a provider's ledger counts calls by.
    pub key: String,
    /// The model's id.
    pub model: String,
    /// The role.
    pub role: LlmRole,
    /// What is asked.
    pub task: Task,
    /// JSON schema that the answer must fit; none asks for text.
    pub schema: Option<Value>,
    /// What was wrong with the model's previous answer to this same task.
    pub complaint: Option<String>,
    /// Tools that the model may call instead of answering; usually none.
    pub tools: Vec<ToolSpec>,
    /// The prompt may have so many tokens; longer evidence is cut and said to be.
    pub prompt_tokens: u32,
    /// The answer may have so many tokens.
    pub output_tokens: u32,
    /// The whole call may take so many milliseconds.
    pub timeout_ms: u64,
}

/// What a model answered, and what that took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LlmResponse {
    /// Who answered.
    pub model: String,
    /// The answer as text.
    pub text: String,
    /// The answer as data: it fits the schema where one was given, and is a plan or verdict where
    /// the task asked for one.
    pub value: Option<Value>,
    /// The plan that `value` is, where it was read already.
    #[serde(skip)]
    pub plan: Option<Arc<Plan>>,
    /// Calls that the model asks for instead of answering. Names are among the request's tools
    /// and ids are unique; arguments are whatever the model wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Tokens as the vendor counted them; estimated when it did not say.
    pub usage: Usage,
    /// Micro-dollars by the price table.
    pub cost_microusd: u64,
    /// Milliseconds to the end of the answer.
    pub latency_ms: u64,
    /// Milliseconds to its first token, when it was streamed.
    pub first_token_ms: Option<u64>,
}

/// A call that a model asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique in its answer; made by the vendor.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What the model wrote as arguments; not yet checked against the tool's schema.
    pub args: Value,
}

/// Why a call brought no answer, by what the ladder does about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{model}: {class}: {detail}")]
pub struct Failure {
    /// Who was asked.
    pub model: String,
    /// The class.
    pub class: FailureClass,
    /// What happened, in one line, without secrets and without the prompt.
    pub detail: String,
    /// The vendor's Retry-After in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// What the call cost, where that is known.
    pub cost_microusd: Option<u64>,
}

impl Failure {
    /// A failure that says neither when to come back nor what it cost. The detail is made one
    /// line.
    #[must_use]
    pub fn new(model: &str, class: FailureClass, detail: impl Into<String>) -> Self {
        let detail = detail.into().replace(char::is_control, " ");
        Self { model: model.to_owned(), class, detail, retry_after_ms: None, cost_microusd: None }
    }
}

pub use autoos_kernel::ladder::FailureClass;
