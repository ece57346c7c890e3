//! Tools: what an agent may call, and the gateway that calls it.
//!
//! A tool has a name, a JSON schema for its arguments, a trust level and an effect class. The
//! [`Registry`] knows them, checks arguments against their schema before anything runs, and
//! bounds each call in time. Left out: who may call what (the plan's check and the runtime), and
//! what is recorded of a call (its workflow).

mod args;
mod builtin;
pub mod files;
pub mod fs;
pub mod http;
mod ledger;
pub mod logs;
pub mod mail;
pub mod process;
mod registry;
mod stop;
pub mod table;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;

pub use builtin::{Options, builtin_tools};
pub use files::Files;
pub use registry::{BuildError, Builder, Registry};
pub use stop::Stop;

use autoos_kernel::{time::Timestamp, tool::ToolSpec};
use futures::future::BoxFuture;
use serde_json::Value;

/// The port through which agents call tools.
pub trait ToolGateway: Send + Sync + 'static {
    /// Calls a tool and waits for its end, at most for the tool's own timeout.
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<ToolResult, Failure>>;

    /// Whether an effectful call with this key took place, where the tool can tell.
    fn outcome(&self, call: ToolCall) -> BoxFuture<'static, Outcome>;
}

/// One call.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// The tool's name.
    pub tool: String,
    /// Its arguments; they must fit the schema.
    pub args: Value,
    /// Of an effectful call: the key under which it was journaled. Other calls have none.
    pub idempotency_key: Option<String>,
    /// Of an effectful call: from then on whoever comes after may call its effect unknown, so that
    /// it must not be sent any more. Tools that can look at it once more just before sending.
    pub deadline: Option<Timestamp>,
    /// Files that this call may read besides the roots: the contexts of its intent.
    pub granted: Vec<std::path::PathBuf>,
    /// Whether it may still begin: set, it must not.
    pub stop: Stop,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// The output, as data.
    pub output: Value,
    /// Units of input that were read, for people: bytes.
    pub bytes_read: u64,
}

/// What became of a call whose end was not seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It took place, with this result.
    Done(ToolResult),
    /// It did not take place.
    NotDone,
    /// The tool cannot tell.
    Unknown,
}

/// Why a call brought nothing, by what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The arguments or the input cannot be worked with; the same call fails again.
    #[error("{0}")]
    Invalid(String),
    /// The call is outside what this tool may touch; the same call fails again.
    #[error("denied: {0}")]
    Denied(String),
    /// No tool has this name.
    #[error("no tool is called {0:?}")]
    Unknown(String),
    /// Something outside failed; it may work later.
    #[error("{0}")]
    Unavailable(String),
    /// The call took longer than its tool's timeout.
    #[error("timed out after {0} ms")]
    Timeout(u64),
    /// The tool panicked or died.
    #[error("the tool crashed: {0}")]
    Crashed(String),
}

/// A tool: its description and what it does.
pub trait Tool: Send + Sync + 'static {
    /// The description.
    fn spec(&self) -> &ToolSpec;

    /// Works one call, whose arguments fit the schema.
    ///
    /// Runs on a blocking thread: reading files and counting is what it may do here.
    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure>;

    /// Whether the effectful call with this key took place.
    fn outcome(&self, _call: &ToolCall) -> Outcome {
        Outcome::Unknown
    }
}
