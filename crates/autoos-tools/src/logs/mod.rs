//! Reading logs of any kind: what they look like, which messages they hold, what went wrong.
//!
//! An [`Analyzer`] is fed line by line and keeps a bounded state whatever the log's size: a sample
//! of the first lines until it knows the layout, then one group per message template. The way of a
//! line: its head is taken off (`layout`, `structured`), continuation lines join their record
//! (`multiline`), the message is masked (`mask`, `piece`), counted into its group (`store`), and at
//! the end groups that differ only by a variable are merged (`refine`) and reported (`conclude`).
//! Pure: no IO, no clock. Left out: judging causes; reading of files (the [`LogsAnalyze`] tool).

mod analyzer;
mod calendar;
mod conclude;
mod count;
mod cursor;
mod ending;
mod layout;
mod level;
mod mask;
mod multiline;
mod piece;
pub(crate) mod records;
mod refine;
mod report;
mod scan;
mod stamp;
mod store;
mod structured;
mod timeline;
mod tool;
mod trouble;
mod wording;

pub use analyzer::Analyzer;
pub use level::Severity;
pub use report::{
    Burst, Families, Family, Format, Group, Place, Report, Span, ValueCount, Variable,
};
pub use tool::LogsAnalyze;

/// When a stretch of time counts as a burst; stands in every report.
pub const BURST_RULE: &str = "a stretch of equal time slices (at most 200 over the log's span), each with at least 10 \
     records of the group, 5 times the group's mean per slice, and 4 standard deviations (square root of the mean) \
     above it";

/// What an analysis is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether the report is to hold the group of each line: 4 bytes of state per line.
    pub assignments: bool,
    /// Groups and families listed at most.
    pub top: usize,
    /// Groups less grave are not listed; they still count.
    pub min_severity: Option<Severity>,
    /// Records before this time are skipped; written as the log writes its times.
    pub since: Option<String>,
    /// Records after this time are skipped.
    pub until: Option<String>,
    /// Longer lines are cut; bytes.
    pub max_line: usize,
    /// Groups held at any moment: what bounds the state.
    pub max_groups: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            assignments: false,
            top: 50,
            min_severity: None,
            since: None,
            until: None,
            max_line: 16 * 1024,
            max_groups: 8192,
        }
    }
}

/// What the state of an [`Analyzer`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Groups held.
    pub groups: usize,
    /// Bytes held, estimated, without the assignments.
    pub bytes: usize,
}
