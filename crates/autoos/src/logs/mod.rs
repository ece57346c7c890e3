//! The log: lines on standard error, at levels that can be changed while the node runs.
//!
//! What is written of an event is decided field by field ([`fields`]), how it is written in
//! [`lines`]. Left out: spans for a collector (`traces`), and files; whoever starts the node
//! decides where its standard error goes.

mod escape;
mod fields;
mod lines;

pub(crate) use lines::Form;

use autoos_gateway::LogLevel;
use lines::Lines;
use std::{
    io::Write,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, Registry, layer::SubscriberExt as _, reload};

/// The level of this process's log, once it has begun.
static LEVEL: OnceLock<LogLevel> = OnceLock::new();

/// A log in this form, beginning with this filter, and what changes its level.
fn log<W: Write + Send + 'static>(
    filter: &str,
    form: Form,
    out: W,
) -> Result<(impl Subscriber + Send + Sync + use<W>, LogLevel), String> {
    let read = |filter: &str| EnvFilter::try_new(filter).map_err(|error| error.to_string());
    let (level, handle) = reload::Layer::<EnvFilter, Registry>::new(read(filter)?);
    let lines = Registry::default().with(level).with(Lines::new(form, out));
    let current = Mutex::new(filter.to_owned());
    let change: LogLevel = Arc::new(move |wanted| {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wanted) = wanted {
            handle.reload(read(wanted)?).map_err(|error| error.to_string())?;
            wanted.clone_into(&mut current);
        }
        Ok(current.clone())
    });
    Ok((lines, change))
}

/// Begins the log of this process. What panics is told in it as well, by its place alone: what a
/// panic says may quote what was worked on.
///
/// # Errors
/// What is wrong with the filter.
pub(crate) fn start(filter: &str, form: Form) -> Result<(), String> {
    let (lines, level) = log(filter, form, std::io::stderr())?;
    // An error says that one has begun already, which then stays.
    if tracing::subscriber::set_global_default(lines).is_ok() {
        let _ = LEVEL.set(level);
    }
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let payload = panic.payload();
        let said = payload.downcast_ref::<&str>().copied();
        let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        tracing::error!(location, name = thread.name(), said, "a thread panicked");
    }));
    Ok(())
}

/// What changes the level of this process's log; none before it has begun.
pub(crate) fn level() -> Option<LogLevel> {
    LEVEL.get().cloned()
}

#[cfg(test)]
#[path = "logs_test.rs"]
mod tests;
