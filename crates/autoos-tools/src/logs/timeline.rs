//! A log's times in one order, and the window of times that is asked for.
//!
//! Left out: reading a time (`stamp`).

use super::stamp::{Kind, Stamp};

/// Times in order, years and midnights made up where stamps lack them.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    pub(super) kind: Option<Kind>,
    pub(super) offset_min: i16,
    shift: i64,
    last: Option<i64>,
    pub(super) span: Option<(i64, i64)>,
}

/// The times outside of which records are left out.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) since: Option<Stamp>,
    pub(super) until: Option<Stamp>,
}

impl Timeline {
    /// A stamp's place in time, in ms.
    pub(super) fn place(&mut self, stamp: Stamp) -> i64 {
        const DAY: i64 = 86_400_000;
        if self.kind.is_none() {
            self.kind = Some(stamp.kind);
            self.offset_min = stamp.offset_min;
        }
        // Where stamps lack the year or the day, a long way back means that a new one began.
        let period = match stamp.kind {
            kind if kind.yearless() => 366 * DAY,
            Kind::Clock => DAY,
            _ => 0,
        };
        let mut ms = stamp.ms + if period > 0 { self.shift } else { 0 };
        if period > 0 && self.last.is_some_and(|last| ms < last - period / 2) {
            self.shift += period;
            ms += period;
        }
        self.last = Some(ms);
        self.span = Some(self.span.map_or((ms, ms), |(a, b)| (a.min(ms), b.max(ms))));
        ms
    }
}

impl Window {
    pub(super) fn leaves_out(&self, ms: Option<i64>) -> bool {
        let Some(ms) = ms else { return false };
        self.since.is_some_and(|s| ms < s.ms) || self.until.is_some_and(|u| ms > u.ms)
    }
}
