//! The end of an analysis: from the state to the report.
//!
//! Left out: what is said of a single group (`conclude`).

use super::analyzer::{Analyzer, NO_GROUP};
use super::conclude::{self, Clock, REASONS};
use super::layout::Layout;
use super::stamp::Kind;
use super::store;
use super::{BURST_RULE, Format, Group, Report, Severity, Span};

impl Analyzer {
    /// Ends the log and reports.
    pub fn finish(mut self) -> Report {
        if !self.learned {
            self.learn();
        }
        self.flush();
        let ids = self.store.compact(false);
        let groups = std::mem::take(&mut self.store.groups);
        let clock = self.time.kind.zip(self.time.span).map(|(kind, span)| Clock {
            kind,
            offset_min: self.time.offset_min,
            span,
        });
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by_key(|i| (std::cmp::Reverse(groups[*i].count), groups[*i].first.line));
        let mut rank = vec![0u32; groups.len()];
        let mut listed: Vec<(&store::Group, Group)> = Vec::with_capacity(groups.len());
        for (at, i) in order.into_iter().enumerate() {
            rank[i] = at as u32 + 1;
            listed.push((&groups[i], conclude::group(at as u32 + 1, &groups[i], clock)));
        }
        let top = self.options.top.max(1);
        let errors = conclude::families(&listed, true, top);
        let warnings = conclude::families(&listed, false, top);
        let assignments = self.options.assignments.then(|| {
            let id = |id: u32| (id != NO_GROUP).then(|| rank[ids[id as usize] as usize]);
            self.assignments.iter().map(|i| id(*i)).collect()
        });
        let least = self.options.min_severity;
        let groups_total = listed.len() as u64;
        Report {
            lines: self.totals.lines,
            records: self.totals.records,
            skipped_records: self.totals.skipped,
            cut_lines: self.totals.cut,
            format: self.format(),
            span: clock.map(|c| Span {
                first: c.show(c.span.0),
                last: c.show(c.span.1),
                seconds: (c.span.1 - c.span.0) as f64 / 1000.0,
            }),
            severities: Severity::ALL
                .iter()
                .map(|s| (s.name(), self.totals.by_severity[*s as usize]))
                .collect(),
            severity_reasons: REASONS
                .iter()
                .zip(self.totals.by_reason)
                .map(|(r, n)| (*r, n))
                .collect(),
            groups_total,
            groups: listed
                .into_iter()
                .map(|(_, g)| g)
                .filter(|g| least.is_none_or(|l| g.severity >= l))
                .take(top)
                .collect(),
            errors,
            warnings,
            burst_rule: BURST_RULE,
            assignments,
        }
    }

    fn format(&self) -> Format {
        let text = self.totals.forms.get("text").is_some_and(|n| *n > 0);
        let layouts = if text { self.layouts.as_slice() } else { &[] };
        Format {
            forms: self.totals.forms.clone(),
            timestamp: self.time.kind.map(Kind::name),
            layouts: layouts.iter().map(Layout::describe).collect(),
            level_part: layouts.first().and_then(Layout::level_position),
            timed_records: self.totals.timed,
            leveled_records: self.totals.leveled,
        }
    }
}
