//! Where moments are on a picture: stretches in which something runs are drawn to scale, long
//! ones in which nothing does are drawn short, and say how long they were.

use crate::WorkflowView;

/// A stretch of time, from the workflow's acceptance on, in milliseconds, and where it is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    /// Where it begins, in pixels.
    pub(super) x: f64,
    pub(super) width: f64,
    /// Whether nothing ran, and it is drawn shorter than it was.
    pub(super) short: bool,
}

/// The whole of a workflow.
pub(super) struct Timeline {
    created: u64,
    pub(super) stretches: Vec<Stretch>,
}

/// The width of a stretch that is drawn short, in pixels.
const SHORT: f64 = 46.0;
/// A gap is drawn short when it is longer than this part of all the time that something ran.
const LONG: f64 = 0.25;

impl Timeline {
    /// Of a workflow, over `width` pixels from `x` on.
    pub(super) fn of(view: &WorkflowView, x: f64, width: f64) -> Self {
        let created = view.created.0;
        let end = view.ended.unwrap_or(view.updated).0.max(created + 1);
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for attempt in view.steps.iter().flat_map(|step| &step.attempts) {
            let from = attempt.started.0.clamp(created, end);
            let to = attempt.ended.map_or(end, |ended| ended.0).clamp(from, end);
            runs.push((from - created, to - created));
        }
        Self { created, stretches: stretches(runs, end - created, x, width) }
    }

    /// Where a moment is drawn.
    pub(super) fn x(&self, at_ms: u64) -> f64 {
        let at = at_ms.saturating_sub(self.created);
        let Some(stretch) = self.stretches.iter().find(|s| at <= s.to_ms).or(self.stretches.last())
        else {
            return 0.0;
        };
        let long = (stretch.to_ms - stretch.from_ms).max(1) as f64;
        let part = at.saturating_sub(stretch.from_ms) as f64 / long;
        stretch.x + stretch.width * part.min(1.0)
    }
}

fn stretches(mut runs: Vec<(u64, u64)>, total: u64, x: f64, width: f64) -> Vec<Stretch> {
    runs.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (from, to) in runs {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    let busy: u64 = joined.iter().map(|(from, to)| to - from).sum();
    let long = ((busy as f64 * LONG) as u64).max(1_000);
    // Cut at the long gaps; everything between two of them is one stretch to scale.
    let mut cuts = Vec::new();
    let mut at = 0;
    for (from, to) in joined.iter().copied().chain([(total, total)]) {
        if from > at && from - at > long {
            cuts.push((at, from));
        }
        at = at.max(to);
    }
    let mut parts: Vec<(u64, u64, bool)> = Vec::new();
    let mut at = 0;
    for (from, to) in cuts {
        if from > at {
            parts.push((at, from, false));
        }
        parts.push((from, to, true));
        at = to;
    }
    if at < total {
        parts.push((at, total, false));
    }
    let shorts = parts.iter().filter(|part| part.2).count() as f64;
    let scaled: u64 = parts.iter().filter(|part| !part.2).map(|part| part.1 - part.0).sum();
    let short = if scaled == 0 {
        width / shorts.max(1.0)
    } else {
        SHORT.min(width / 2.0 / shorts.max(1.0))
    };
    let room = width - short * shorts;
    let mut next = x;
    parts
        .into_iter()
        .map(|(from_ms, to_ms, is_short)| {
            let part = (to_ms - from_ms) as f64 / scaled.max(1) as f64;
            let width = if is_short { short } else { room * part };
            let stretch = Stretch { from_ms, to_ms, x: next, width, short: is_short };
            next += width;
            stretch
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_gaps_are_short_and_the_rest_is_to_scale() {
        let runs = vec![(0, 1_000), (500, 2_000), (3_602_000, 3_604_000)];
        let drawn = stretches(runs, 3_604_000, 100.0, 500.0);
        let said: Vec<_> = drawn.iter().map(|s| (s.from_ms, s.to_ms, s.short)).collect();
        let gap = (2_000, 3_602_000, true);
        assert_eq!(said, [(0, 2_000, false), gap, (3_602_000, 3_604_000, false)]);
        assert_eq!((drawn[0].x, drawn[0].width), (100.0, drawn[2].width));
        let end = drawn[2].x + drawn[2].width;
        assert!((end - 600.0).abs() < 1e-6, "{end}");
    }

    #[test]
    fn nothing_that_ran_is_drawn_too() {
        for total in [1, 999, 5_000_000] {
            let drawn = stretches(vec![], total, 0.0, 500.0);
            assert_eq!(drawn.len(), 1);
            assert!((drawn[0].width - 500.0).abs() < 1e-6);
        }
        let drawn = stretches(vec![(5, 5)], 10, 0.0, 500.0);
        assert!((drawn.iter().map(|s| s.width).sum::<f64>() - 500.0).abs() < 1e-6);
    }
}
