//! Configuration of the fabric: which providers there are, what they serve, and who plays which
//! role. It starts with none: keys in the environment switch providers on.
//!
//! Parsed once and checked as a whole before anything starts. Left out: prices (`models`) and
//! the resolution of secrets, which happens when the fabric starts.

mod detect;
mod resolve;

pub(crate) use resolve::{Resolved, resolve};

pub use crate::hedge::HedgeConfig;

use crate::{Price, Quality, secret::SecretRef};
use autoos_kernel::words::LlmRole;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// What can be wrong with a configuration; each says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("providers.{provider}: {problem}")]
pub struct Error {
    /// The provider's name, or `roles` for the roles' lists.
    pub provider: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl Error {
    pub(crate) fn new(provider: &str, problem: impl Into<String>) -> Self {
        Self { provider: provider.to_owned(), problem: problem.into() }
    }
}

/// Configuration of the fabric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FabricConfig {
    /// Providers by name; the name begins the ids of their models.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Who may play a role, the preferred first, as `provider/model`. A role that is not listed
    /// gets the models there are in a sensible order; the built-in engine comes last for the
    /// roles that it plays, whether listed or not.
    pub roles: BTreeMap<LlmRole, Vec<String>>,
    /// How often calls that take unusually long are made a second time.
    pub hedge: HedgeConfig,
}

/// Whose wire format a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Anthropic's messages.
    Anthropic,
    /// OpenAI's chat completions.
    Openai,
    /// Google's Gemini.
    Gemini,
    /// Chat completions as other servers speak them: Ollama, vLLM, llama.cpp, LiteLLM.
    OpenaiCompatible,
    /// Answers from a script, in this process: for tests, benchmarks and demonstrations.
    Scripted,
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Whose wire format it speaks.
    pub kind: ProviderKind,
    /// Who made its models; a second opinion comes from another vendor. By default what the kind
    /// says, and the provider's name for `openai_compatible` and `scripted`.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Where it listens, version included, for example `http://localhost:11434/v1`. By default
    /// the vendor's own address; `openai_compatible` needs one.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Where its key is, `env:NAME` or `file:PATH`. Servers of one's own may have none.
    #[serde(default)]
    pub api_key: Option<SecretRef>,
    /// Headers sent along, each written out or by reference like a key.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretRef>,
    /// The models it serves, the strongest first. By default the shipped ones.
    #[serde(default)]
    pub models: Vec<ModelConfig>,
    /// Deadlines within a call; the request's own comes on top.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Calls that run at once; by default 32, and 1,024 for `scripted`.
    #[serde(default)]
    pub max_in_flight: Option<u32>,
    /// Calls that wait for one of those; more are refused with a hint when to come back. By
    /// default 256, and 8,192 for `scripted`.
    #[serde(default)]
    pub max_queued: Option<u32>,
    /// For `scripted`, the script, TOML or JSON by its ending; by default a six-step workflow
    /// whose answers are 500 bytes long.
    #[serde(default)]
    pub script: Option<PathBuf>,
    /// For `scripted`, a file to which one line is appended for each call before it is answered.
    #[serde(default)]
    pub ledger: Option<PathBuf>,
}

impl ProviderConfig {
    /// A provider of that kind with nothing else said.
    #[must_use]
    pub fn new(kind: ProviderKind) -> Self {
        Self {
            kind,
            vendor: None,
            base_url: None,
            api_key: None,
            headers: BTreeMap::new(),
            models: Vec::new(),
            timeouts: Timeouts::default(),
            max_in_flight: None,
            max_queued: None,
            script: None,
            ledger: None,
        }
    }
}

/// A model that a provider serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The provider's name for it.
    pub id: String,
    /// Tokens that prompt and answer may have together; by default as shipped, else 32,768.
    #[serde(default)]
    pub context_tokens: Option<u32>,
    /// Micro-dollars per million tokens; by default as shipped. Without either, models of
    /// `openai_compatible` and `scripted` cost nothing and others are refused.
    #[serde(default)]
    pub price: Option<Price>,
    /// Whether its vendor can bind an answer to a JSON schema; by default yes for OpenAI,
    /// Anthropic and Gemini. Otherwise it is asked to, and checked.
    #[serde(default)]
    pub json_schema: Option<bool>,
    /// How long it may think before it answers, in the vendor's word: `minimal`, `low`,
    /// `medium`, `high`, or `none`. Thinking counts as output.
    #[serde(default)]
    pub reasoning: Option<String>,
    /// Whether it can be had to answer as data at all; by default yes.
    #[serde(default)]
    pub structured: Option<bool>,
    /// Whether it can call tools; by default yes.
    #[serde(default)]
    pub tools: Option<bool>,
    /// Whether it reads images that clients send; by default yes for the shipped ones.
    #[serde(default)]
    pub images: Option<bool>,
    /// Whether it makes vectors of texts and nothing else; by default no. One that does plays no
    /// role unless it is named for it.
    #[serde(default)]
    pub embeddings: Option<bool>,
    /// How good its answers are expected to be, each in 0..=1, for example
    /// `{ general = 0.8, roles = { planner = 0.9 }, kinds = { extract = 0.7 } }`; by default as
    /// shipped, else 0.5 for everything. Outcomes correct it.
    #[serde(default)]
    pub quality: Option<Quality>,
    /// When this entry was looked up; for people.
    #[serde(default)]
    pub as_of: Option<String>,
}

impl ModelConfig {
    /// A model of that name with nothing else said.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            context_tokens: None,
            price: None,
            json_schema: None,
            reasoning: None,
            structured: None,
            tools: None,
            images: None,
            embeddings: None,
            quality: None,
            as_of: None,
        }
    }
}

/// Deadlines within a call, in milliseconds: the most patience that a model is given. One that
/// has shown to be quick is given less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// To reach the server.
    pub connect_ms: u64,
    /// From sending the request to the first token of the answer.
    pub first_token_ms: u64,
    /// From one piece of the answer to the next.
    pub chunk_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect_ms: 5_000, first_token_ms: 180_000, chunk_ms: 60_000 }
    }
}
