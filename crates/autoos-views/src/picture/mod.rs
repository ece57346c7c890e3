//! A workflow as a picture: its plan drawn for a terminal, and what happened as a time line in
//! SVG. Both are functions of the [view](crate::WorkflowView) alone.
//!
//! What models and people wrote is drawn as it is, with the one care that it stays text: escaped
//! in the SVG, without control characters in the terminal, cut where there is no room.

mod layers;
mod svg;
mod text;
mod timeline;

pub use svg::svg;
pub use text::{Style, text};

use crate::{StepStatus, StepView, WorkView};
use autoos_kernel::{ladder::Rung, plan::check::dollars};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How a step is doing, as coarse as colours tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Done,
    Busy,
    Idle,
    Asks,
    Failed,
    Left,
}

impl Mood {
    fn of(state: StepStatus) -> Self {
        use StepStatus as S;
        match state {
            S::Completed => Self::Done,
            S::Running | S::InReview | S::InDoubt | S::Expanded | S::Mutating => Self::Busy,
            S::Blocked | S::Ready | S::BackingOff | S::AwaitingModels | S::Waiting => Self::Idle,
            S::Escalated => Self::Asks,
            S::Failed => Self::Failed,
            S::Skipped | S::Dropped => Self::Left,
        }
    }
}

/// The work of a step in a word, and who does it.
fn work(step: &StepView) -> (String, Option<&str>) {
    match &step.work {
        WorkView::Tool { tool, .. } => (tool.clone(), None),
        WorkView::Ask { role, model } => (role.to_string(), model.as_deref()),
        WorkView::Wait { wait_ms } => (format!("wait {}", span(*wait_ms)), None),
    }
}

/// A rung, as people say it.
fn rung(rung: Rung) -> &'static str {
    match rung {
        Rung::Retry => "retry",
        Rung::ReplaceAgent => "new agent",
        Rung::SwapLlm => "other model",
        Rung::MutateStrategy => "new plan",
        Rung::Escalate => "a human",
    }
}

/// A length of time, in three characters of figures or so.
fn span(ms: u64) -> String {
    match ms {
        0..=999 => format!("{ms} ms"),
        1_000..=59_999 => format!("{:.1} s", ms as f64 / 1e3),
        60_000..=3_599_999 => format!("{} m {:02} s", ms / 60_000, ms % 60_000 / 1_000),
        3_600_000..=172_799_999 => format!("{} h {:02} m", ms / 3_600_000, ms % 3_600_000 / 60_000),
        _ => format!("{} d {} h", ms / 86_400_000, ms % 86_400_000 / 3_600_000),
    }
}

/// Money, or nothing where there was none.
fn money(microusd: u64) -> String {
    if microusd == 0 { String::new() } else { dollars(microusd) }
}

/// Text on one line, without what would steer a terminal or is no character of XML.
fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    let mut gap = false;
    for char in text.chars() {
        let steers = char.is_control()
            || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(char, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{ffff}');
        if steers || char.is_whitespace() {
            gap = !tamed.is_empty();
        } else {
            if std::mem::take(&mut gap) {
                tamed.push(' ');
            }
            tamed.push(char);
        }
    }
    tamed
}

/// Text of at most so many columns; what is cut off leaves a mark.
fn cut(text: &str, columns: usize, mark: &str) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(mark.width());
    let mut kept = String::new();
    let mut used = 0;
    for char in text.chars() {
        used += char.width().unwrap_or(0);
        if used > room {
            break;
        }
        kept.push(char);
    }
    let kept = kept.trim_end();
    if columns < mark.width() { String::new() } else { format!("{kept}{mark}") }
}
