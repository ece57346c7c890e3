//! Putting a registry together.

use super::{Entry, Registry, flight::Flights, schema::Schema};
use crate::{Options, Tool, builtin_tools, mail::MailConfig, process::ProcessConfig};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
use tokio::sync::Semaphore;

/// Why a registry could not be built; each names what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A root or the data directory cannot be used.
    #[error("{0}")]
    Directory(#[from] std::io::Error),
    /// A tool's own schema is wrong.
    #[error("the schema of the tool {tool} is not usable: {reason}")]
    Schema {
        /// The tool.
        tool: String,
        /// What is wrong.
        reason: String,
    },
    /// A tool's configuration is wrong.
    #[error("the tool {tool} is wrongly configured: {reason}")]
    Config {
        /// The tool.
        tool: String,
        /// Which field, and what belongs there.
        reason: String,
    },
    /// Two tools share a name.
    #[error("two tools are called {0}; rename one")]
    Duplicate(String),
}

/// Builds a [`Registry`].
#[derive(Default)]
pub struct Builder {
    options: Options,
    tools: Vec<Arc<dyn Tool>>,
    bare: bool,
}

impl Builder {
    /// All options at once.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Directories that tools may read below.
    pub fn roots(mut self, roots: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.options.roots.extend(roots.into_iter().map(Into::into));
        self
    }

    /// Directories that tools may read and write below.
    pub fn write_roots(mut self, roots: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.options.write_roots.extend(roots.into_iter().map(Into::into));
        self
    }

    /// The node's data directory: ledgers are kept there, and no tool reads it.
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.data_dir = Some(path.into());
        self
    }

    /// Hosts that `http.get` may ask whatever their address: `name` or `name:port`.
    pub fn allow_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options.allow_hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// How mail is sent; without it there is no `mail.send`.
    pub fn mail(mut self, mail: Option<MailConfig>) -> Self {
        self.options.mail = mail;
        self
    }

    /// Programs as tools.
    pub fn processes(mut self, programs: impl IntoIterator<Item = ProcessConfig>) -> Self {
        self.options.processes.extend(programs);
        self
    }

    /// How many calls run at once.
    pub fn parallel(mut self, calls: usize) -> Self {
        self.options.parallel = calls;
        self
    }

    /// One more tool, beside the built-in ones.
    pub fn with_tool(mut self, tool: Arc<dyn Tool>) -> Self {
        self.tools.push(tool);
        self
    }

    /// Leaves the built-in tools out.
    pub fn without_builtin(mut self) -> Self {
        self.bare = true;
        self
    }

    /// The registry.
    ///
    /// # Errors
    /// A directory that cannot be used, a tool that is wrongly configured, a schema that is none, a
    /// name that is taken.
    pub fn build(self) -> Result<Arc<Registry>, BuildError> {
        let mut all = match self.bare {
            true => Vec::new(),
            false => builtin_tools(&self.options)?,
        };
        all.extend(self.tools);
        let mut tools = BTreeMap::new();
        for tool in all {
            let name = tool.spec().name.clone();
            let schema = Schema::compile(&tool.spec().arguments)
                .map_err(|reason| BuildError::Schema { tool: name.clone(), reason })?;
            if tools.insert(name.clone(), Entry { tool, schema }).is_some() {
                return Err(BuildError::Duplicate(name));
            }
        }
        let permits = Arc::new(Semaphore::new(self.options.parallel.max(1)));
        Ok(Arc::new(Registry { tools, permits, flights: Flights::default() }))
    }
}
