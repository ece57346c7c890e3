//! The tools that every node has.

use crate::{
    BuildError, Files, Tool,
    fs::{FsList, FsRead, FsSearch, FsWrite},
    http::HttpGet,
    logs::LogsAnalyze,
    mail::{MailConfig, MailSend},
    process::{Process, ProcessConfig},
    table::TableQuery,
    text::TextSummarize,
};
use std::{path::PathBuf, sync::Arc};

/// What the built-in tools may touch.
#[derive(Debug, Clone, PartialEq)]
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
    /// How mail is sent; without it there is no `mail.send`.
    pub mail: Option<MailConfig>,
    /// Programs as tools.
    pub processes: Vec<ProcessConfig>,
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
            mail: None,
            processes: Vec::new(),
            parallel: 32,
        }
    }
}

/// The built-in tools.
///
/// # Errors
/// A root or the data directory that cannot be used, a tool that is wrongly configured.
pub fn builtin_tools(options: &Options) -> Result<Vec<Arc<dyn Tool>>, BuildError> {
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
        tools.push(Arc::new(FsWrite::new(files.clone(), path)?));
    }
    let wrong = |tool: &str, reason| BuildError::Config { tool: tool.to_owned(), reason };
    if let Some(mail) = &options.mail {
        let Some(path) = &options.data_dir else {
            return Err(wrong("mail.send", "it keeps a ledger and needs a data directory".into()));
        };
        let mail = MailSend::new(mail.clone(), files, path);
        tools.push(Arc::new(mail.map_err(|reason| wrong("mail.send", reason))?));
    }
    for config in &options.processes {
        let process = Process::new(config.clone(), options.data_dir.as_deref());
        tools.push(Arc::new(process.map_err(|reason| wrong(&config.name, reason))?));
    }
    Ok(tools)
}
