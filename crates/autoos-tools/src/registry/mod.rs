//! The tools that exist, and the gateway that calls them.
//!
//! Every call takes a permit, runs on a thread of its own and is bounded in time. The permit is
//! held until that thread ends, not until the caller gives up: hanging tools use up permits, never
//! threads without number. An effectful call holds its key for as long, so that no second one with
//! the key begins and nobody is told "it did not take place" while it still may. Left out: what a
//! tool does.

mod builder;
mod flight;
mod schema;

pub use builder::{BuildError, Builder};

use crate::{Failure, Outcome, Stop, Tool, ToolCall, ToolGateway, ToolResult};
use autoos_kernel::{
    tool::{Catalog, ToolSpec},
    words::EffectClass,
};
use autoos_telemetry::{Kind, Live, Within};
use flight::{Flights, Start};
use futures::{FutureExt, future::BoxFuture};
use schema::Schema;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Tools by name.
pub struct Registry {
    tools: BTreeMap<String, Entry>,
    permits: Arc<Semaphore>,
    flights: Flights,
}

struct Entry {
    tool: Arc<dyn Tool>,
    schema: Schema,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("tools", &self.tools.keys()).finish_non_exhaustive()
    }
}

impl Registry {
    /// A registry with the built-in tools, once their options are given.
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn entry(&self, name: &str) -> Result<&Entry, Failure> {
        self.tools.get(name).ok_or_else(|| match name {
            "mail.send" => Failure::Denied(
                "mail.send is not configured; an operator can say server, from and allow under \
                 [mail] in the configuration"
                    .to_owned(),
            ),
            _ => Failure::Unknown(name.to_owned()),
        })
    }

    /// What is needed to run a call, or why it is refused.
    fn admit(&self, call: &ToolCall) -> Result<Arc<dyn Tool>, Failure> {
        let entry = self.entry(&call.tool)?;
        entry
            .schema
            .check(&call.args, &[])
            .map_err(|said| Failure::Invalid(format!("{}: {said}", call.tool)))?;
        if entry.tool.spec().effect == EffectClass::Effectful && call.idempotency_key.is_none() {
            return Err(Failure::Invalid(format!(
                "{} changes things and is called with an idempotency key only, so that it never \
                 does so twice",
                call.tool
            )));
        }
        Ok(Arc::clone(&entry.tool))
    }
}

impl Catalog for Registry {
    fn tool(&self, name: &str) -> Option<&ToolSpec> {
        self.tools.get(name).map(|entry| entry.tool.spec())
    }

    fn tools(&self) -> Vec<&ToolSpec> {
        self.tools.values().map(|entry| entry.tool.spec()).collect()
    }

    fn check_args(&self, name: &str, args: &Value, later: &[&str]) -> Result<(), String> {
        let entry = self.entry(name).map_err(|failure| failure.to_string())?;
        entry.schema.check(args, later)
    }
}

impl ToolGateway for Registry {
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<ToolResult, Failure>> {
        let tool = match self.admit(&call) {
            Ok(tool) => tool,
            Err(failure) => return futures::future::ready(Err(failure)).boxed(),
        };
        let flight = match self.flights.begin(&call) {
            Ok(flight) => flight,
            Err(failure) => return futures::future::ready(Err(failure)).boxed(),
        };
        let permits = Arc::clone(&self.permits);
        let timeout_ms = tool.spec().timeout_ms;
        let mut span = span(&call, tool.spec());
        let place = span.context().or_else(autoos_telemetry::current);
        let calling = async move {
            let began = Instant::now();
            let permit = permit(permits, timeout_ms).await?;
            let left = Duration::from_millis(timeout_ms).saturating_sub(began.elapsed());
            let stop = call.stop.clone();
            let work = move || {
                let _flight = flight;
                Within::new(place, || tool.call(&call)).call()
            };
            run(work, permit, left, &stop).await.unwrap_or(Err(Failure::Timeout(timeout_ms)))
        };
        async move {
            let ended = calling.await;
            match &ended {
                Ok(result) => span.set("autoos.tool.bytes_read", result.bytes_read),
                Err(failure) => span.fail(class(failure)),
            }
            ended
        }
        .boxed()
    }

    fn outcome(&self, call: ToolCall) -> BoxFuture<'static, Outcome> {
        let Ok(entry) = self.entry(&call.tool) else {
            return futures::future::ready(Outcome::Unknown).boxed();
        };
        // While the call may still be at work the truth is not settled.
        let Ok(flight) = self.flights.begin(&call) else {
            return futures::future::ready(Outcome::Unknown).boxed();
        };
        let tool = Arc::clone(&entry.tool);
        let permits = Arc::clone(&self.permits);
        let timeout_ms = tool.spec().timeout_ms;
        async move {
            let Ok(permit) = permit(permits, timeout_ms).await else {
                return Outcome::Unknown;
            };
            let work = move || {
                let _flight = flight;
                Ok(tool.outcome(&call))
            };
            // What took place is asked of an ended workflow too.
            let stop = Stop::default();
            match run(work, permit, Duration::from_millis(timeout_ms), &stop).await {
                Some(Ok(outcome)) => outcome,
                _ => Outcome::Unknown,
            }
        }
        .boxed()
    }
}

/// The span of a call, by the conventions for generative AI.
fn span(call: &ToolCall, spec: &ToolSpec) -> Live {
    let place = autoos_telemetry::current();
    let mut span = Live::below(place, Kind::Internal, || format!("execute_tool {}", call.tool));
    if span.is_on() {
        span.set("gen_ai.operation.name", "execute_tool");
        span.set("gen_ai.tool.name", call.tool.clone());
        span.set("gen_ai.tool.type", "function");
        span.set("autoos.tool.effect", spec.effect.to_string());
        if let Some(key) = &call.idempotency_key {
            span.set("gen_ai.tool.call.id", key.clone());
        }
        if autoos_telemetry::content() {
            span.set("gen_ai.tool.call.arguments", call.args.to_string());
        }
    }
    span
}

fn class(failure: &Failure) -> &'static str {
    match failure {
        Failure::Invalid(_) => "invalid",
        Failure::Denied(_) => "denied",
        Failure::Unknown(_) => "unknown_tool",
        Failure::Unavailable(_) => "unavailable",
        Failure::Timeout(_) => "timeout",
        Failure::Crashed(_) => "crashed",
    }
}

async fn permit(permits: Arc<Semaphore>, timeout_ms: u64) -> Result<OwnedSemaphorePermit, Failure> {
    let waited = tokio::time::timeout(Duration::from_millis(timeout_ms), permits.acquire_owned());
    match waited.await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Failure::Unavailable(
            "every thread for tools is busy and none came free in time; try again later".to_owned(),
        )),
    }
}

/// Runs `work` on a blocking thread, for at most `limit`; none when that passed.
///
/// Work that has not begun by then, or when it is told to stop, never begins. The permit goes with
/// the thread.
async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    permit: OwnedSemaphorePermit,
    limit: Duration,
    stop: &Stop,
) -> Option<Result<T, Failure>> {
    let start = Start::default();
    let (asked, stop) = (start.clone(), stop.clone());
    // Also when nobody waits any more: after a cancelled call nothing begins.
    let _giving_up = start.forbidden_on_drop();
    let thread = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        match asked.begin() {
            true => Some(stop.check().and_then(|()| work())),
            false => None,
        }
    });
    match tokio::time::timeout(limit, thread).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(crash)) => Some(Err(Failure::Crashed(reason(crash)))),
        Err(_) => None,
    }
}

fn reason(crash: tokio::task::JoinError) -> String {
    if !crash.is_panic() {
        return "its thread was cancelled".to_owned();
    }
    let panic = crash.into_panic();
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "it panicked without a message".to_owned(),
    }
}
