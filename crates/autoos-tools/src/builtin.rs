//! The tools that every node has.

use crate::{
    Files, Tool,
    fs::{FsList, FsRead, FsSearch, FsWrite},
    http::HttpGet,
    logs::LogsAnalyze,
    table::TableQuery,
    text::TextSummarize,
};
use std::{io, path::PathBuf, sync::Arc};

/// What the built-in tools may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Directories that may be read below.
    pub roots: Vec<PathBuf>,
    /// Directories that may be read and written below.
    pub write_roots: Vec<PathBuf>,
    /// The node's data directory: ledgers are kept there, and no tool reads it. Without one there
    /// is no `fs.write`, which could not promise to write once.
    pub data_dir: Option<PathBuf>,
    /// Hosts that `http.get` may ask whatever their address: `name` or `name:port`.
    pub allow_hosts: Vec<String>,
    /// How many calls run at once.
    pub parallel: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            write_roots: Vec::new(),
            data_dir: None,
            allow_hosts: Vec::new(),
            parallel: 32,
        }
    }
}

/// The built-in tools.
///
/// # Errors
/// A root or the data directory that cannot be used.
pub fn builtin_tools(options: &Options) -> io::Result<Vec<Arc<dyn Tool>>> {
    if let Some(path) = &options.data_dir {
        std::fs::create_dir_all(path)?;
    }
    let files = Files::new(&options.roots, &options.write_roots, options.data_dir.as_deref())?;
    let mut tools: Vec<Arc<dyn Tool>> = vec![
        Arc::new(FsList::new(files.clone())),
        Arc::new(FsRead::new(files.clone())),
        Arc::new(FsSearch::new(files.clone())),
        Arc::new(HttpGet::new(&options.allow_hosts)),
        Arc::new(LogsAnalyze::new(files.clone())),
        Arc::new(TableQuery::new(files.clone())),
        Arc::new(TextSummarize::new(files.clone())),
    ];
    if let Some(path) = &options.data_dir {
        tools.push(Arc::new(FsWrite::new(files, path)?));
    }
    Ok(tools)
}
