//! The log: the boundary of durability.
//!
//! One append-only log per node, for all shards, in segments. A frame holds what was recorded by
//! one sync; frames are numbered from 1, each carries the checksum of the one before, and no
//! frame is begun before the one before it is durable. So a valid frame after a damaged one
//! proves corruption, and only a damaged last frame can be a torn write.
//!
//! `frame` is the format of a frame, `segment` that of a file, `record` what frames hold;
//! `reader` walks it all at open, `appender` writes.

pub(crate) mod appender;
pub(crate) mod frame;
pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod segment;
