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
mod logs;
mod node;
mod show;
mod traces;

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
    small_pages();
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

/// Asks for memory in small pages. The allocator invites the kernel to give it pages of 2 MiB, of
/// which a node that mostly waits uses little: an empty one took 70 MiB where it now takes 27, and
/// a workflow costs no more CPU. Where the kernel does not know the word, all stays as it is.
fn small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
