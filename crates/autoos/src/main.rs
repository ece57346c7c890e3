//! The AUTOOS binary: configuration, wiring, commands, exit codes.
//!
//! Every command speaks the REST contract of a node ([`door`]): of the one that runs on the data
//! directory when there is one, else of a node inside this process. So what a command prints is
//! what any client would get. Left out: everything that decides anything.

mod cli;
mod config;
mod demo;
mod door;
mod fail;
mod figures;
mod node;
mod show;

use fail::Said;
use std::process::ExitCode;

/// Actors allocate in small pieces on many threads: a fifth of the node's time was the system's
/// allocator (BENCHMARKS.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match cli::parse() {
        Ok(arguments) => arguments,
        Err(code) => return ExitCode::from(code),
    };
    let output = arguments.global.output;
    // Every TLS client in the process uses this one; an error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Said::of(&anyhow::Error::from(error).context("cannot start threads")).print(output);
            return ExitCode::from(cli::ERROR);
        }
    };
    let code = runtime.block_on(cli::main(arguments)).unwrap_or_else(|error| {
        Said::of(&error).print(output);
        cli::ERROR
    });
    // A tool that hangs on a blocking thread must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    ExitCode::from(code)
}
