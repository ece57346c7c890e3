//! The AUTOOS binary: configuration, wiring, commands, exit codes.
//!
//! Every command speaks the REST contract of a node ([`door`]): of the one that runs on the data
//! directory when there is one, else of a node inside this process. So what a command prints is
//! what any client would get. Left out: everything that decides anything.

mod cli;
mod config;
mod door;
mod figures;
mod node;
mod show;

use clap::Parser as _;

use std::process::ExitCode;

/// Actors allocate in small pieces on many threads: a fifth of the node's time was the system's
/// allocator (BENCHMARKS.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    // Every TLS client in the process uses this one; an error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start threads: {error}");
            return ExitCode::from(cli::ERROR);
        }
    };
    let code = runtime.block_on(cli::main(arguments)).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        cli::ERROR
    });
    // A tool that hangs on a blocking thread must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    ExitCode::from(code)
}
