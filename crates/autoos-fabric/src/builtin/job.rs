//! What an intent asks for: goals, each a job over targets.

use super::{question::Query, refs::Target};

/// What an intent asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reading {
    /// One for each job, in the order asked.
    pub(super) goals: Vec<Goal>,
    /// The file that the result goes to.
    pub(super) save: Option<String>,
}

/// A job over targets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Goal {
    /// The clause that asked for it.
    pub(super) statement: String,
    /// What is to be done.
    pub(super) job: Job,
    /// Of what; each is a step.
    pub(super) targets: Vec<Target>,
}

/// A stretch of time, written as the log writes its times; open where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// From here on.
    pub(super) since: Option<String>,
    /// Up to here.
    pub(super) until: Option<String>,
}

impl Goal {
    /// Whether `other` asks for nothing that this one does not bring: more words on the same logs.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let window = |job: &Job| match job {
            Job::Logs(window) => Some(window.clone()),
            _ => None,
        };
        let same = match (window(&self.job), window(&other.job)) {
            (Some(_), Some(theirs)) => theirs == Window::default() || self.job == other.job,
            _ => self.job == other.job,
        };
        same && self.targets == other.targets
    }
}

/// The jobs of the built-in engine.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Job {
    /// Reports on logs, or on what they say of a stretch of time.
    Logs(Window),
    /// Sets the logs' reports side by side.
    Compare,
    /// Answers a question over a table.
    Table(Box<Query>),
    /// Takes the telling sentences out of a text.
    Summarize {
        /// How many.
        sentences: Option<u64>,
    },
    /// Finds where something stands.
    Search {
        /// The words looked for, as they are.
        pattern: String,
    },
    /// Lists a folder.
    List,
    /// Shows a file.
    Read,
    /// Asks addresses.
    Probe,
}

impl Job {
    /// The kind of work, for routing and lessons.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Logs(_) => "logs.errors",
            Self::Compare => "logs.compare",
            Self::Table(_) => "table.question",
            Self::Summarize { .. } => "text.summary",
            Self::Search { .. } => "files.search",
            Self::List => "files.list",
            Self::Read => "files.read",
            Self::Probe => "http.check",
        }
    }

    /// The tool that does it.
    pub(super) fn tool(&self) -> &'static str {
        match self {
            Self::Logs(_) | Self::Compare => "logs.analyze",
            Self::Table(_) => "table.query",
            Self::Summarize { .. } => "text.summarize",
            Self::Search { .. } => "fs.search",
            Self::List => "fs.list",
            Self::Read => "fs.read",
            Self::Probe => "http.get",
        }
    }
}
