//! Tools for files: what is in them, which there are, where something stands, and writing one.

mod read;

pub use read::FsRead;
