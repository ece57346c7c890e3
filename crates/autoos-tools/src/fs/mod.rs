//! Tools for files: what is in them, which there are, where something stands, and writing one.

mod list;
mod read;
mod search;
mod write;

pub use list::FsList;
pub use read::FsRead;
pub use search::FsSearch;
pub use write::{FsWrite, Step};
