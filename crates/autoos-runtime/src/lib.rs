//! The actors: intents, workflows and agents under one supervision policy, and the door to them.
//!
//! A [`Runtime`] takes submissions and commands, keeps what runs alive, puts away what waits and
//! brings back what the process before left unfinished. Everything that is decided is decided by
//! the kernel's rules and recorded in the journal before it is done.
//! Left out: reading (views), who may ask (guard) and wire formats (gateway).

mod accounts;
mod agent;
mod brief;
mod clock;
mod fork;
mod hosts;
mod inputs;
mod intent;
mod lessons;
mod meters;
mod parts;
mod route;
mod runtime;
mod shard;
mod submission;
mod supervise;
mod waker;
mod workflow;

pub use accounts::{AccountView, Spending};
pub use clock::{Clock, SystemClock};
pub use parts::{Options, Parts};
pub use runtime::{Answer, Runtime};
pub use submission::{NewContent, NewContext, Refusal, Submission, Submitted};
