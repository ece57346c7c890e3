//! The rules of AUTOOS, and nothing else.
//!
//! Each machine is a pure function `decide(state, command, now, means) -> (events, effects)` and a
//! `fold` of its events. There is no tokio, no disk, no clock and no randomness in here: time,
//! ids and random choices come in as arguments and stay in the events, so that a replay is exact.
//! What is left out: how events become durable (`autoos-journal`) and who performs the effects
//! (`autoos-runtime`).

pub mod account;
pub mod assurance;
pub mod body;
pub mod budget;
pub mod call;
pub mod codec;
pub mod goal;
pub mod id;
pub mod intent;
pub mod ladder;
pub mod lesson;
pub mod plan;
pub mod rng;
pub mod route;
pub mod time;
pub mod tool;
pub mod words;
pub mod workflow;
