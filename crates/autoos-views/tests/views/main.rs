//! The views through their public interface, over events that the kernel decided, on the journal
//! in memory.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod by_id;
mod kept;
mod over_all;
mod picture;
mod support;
mod tampered;
mod why;
