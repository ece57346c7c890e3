//! A replica: a journal's state behind whatever log orders what becomes of it.
//!
//! What passes its [checks](check) lies in [layers](layer) in memory, where readers see it at
//! once, until the [applier](applier) has carried it into the event store. The local journal puts
//! a log of its own in front; that log, and not the replica, is the boundary of durability.

pub(crate) mod applier;
mod cache;
pub(crate) mod check;
pub(crate) mod core;
pub(crate) mod layer;
pub(crate) mod reads;
pub(crate) mod space;
pub(crate) mod stats;
