//! Figures that do not stand in the evidence as they are: rounded, in another unit, as a
//! percentage, or computed. Each computation is a plain one, asked for by a word of its sentence,
//! on figures beside it or on a whole list, and is named.

use super::{claims::Draft, judge::Judge, prose::is_one_of};
use crate::builtin::stem;

/// Words for a figure that is not exact, for one that is less than the truth, and for one that is
/// more.
const ABOUT: &[&str] =
    &["about", "around", "roughly", "approximately", "some", "~", "≈", "ca.", "circa", "or so"];
const ABOVE: &[&str] = &["over", "more than", "at least", "above", "exceeding"];
const BELOW: &[&str] =
    &["nearly", "almost", "less than", "under", "up to", "close to", "fewer than", "just below"];
/// Words for what several figures make, and for what lies between two.
#[rustfmt::skip] // A list of words reads better as a block.
const TOGETHER: &[&str] = &[
    "total", "together", "combined", "altogether", "sum", "overall", "adds", "add", "both",
];
#[rustfmt::skip] // A list of words reads better as a block.
const APART: &[&str] = &[
    "more", "fewer", "less", "difference", "higher", "lower", "gap", "increase", "decrease", "rose",
    "fell", "remaining", "rest",
];
/// How many figures of a sentence one of it may be computed from.
const MOST_BESIDE: usize = 64;
/// No rounded figure is further off than this share of itself.
const MOST_OFF: f64 = 0.1;

/// The worth of the last digit that is no zero: 100 for 1,300.
fn last_digit(value: f64) -> f64 {
    let mut worth = 1.0;
    while value != 0.0 && value.abs() >= worth * 10.0 && (value / (worth * 10.0)).fract() == 0.0 {
        worth *= 10.0;
    }
    worth
}

impl Judge<'_> {
    /// Evidence with more digits that rounds to this figure. Whole figures only where the answer
    /// says that they are not exact, and then within their last digit that is no zero; `over` and
    /// `nearly` also bound the side.
    pub(super) fn rounded(&self, draft: &Draft, value: f64, decimals: u32, unit: &str) -> Vec<u32> {
        let before = self.answer[..draft.range.start].trim_end().as_bytes();
        let ends = |w: &str| {
            let tail = before.len().checked_sub(w.len()).map(|from| &before[from..]);
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(w.as_bytes()))
        };
        let says = |words: &[&str]| words.iter().any(|w| ends(w));
        let scale = match unit {
            "thousand" | "k" => 1e3,
            "million" | "m" => 1e6,
            "billion" | "bn" => 1e9,
            _ => 1.0,
        };
        let half = 0.5 * 0.1f64.powi(i32::try_from(decimals).unwrap_or(0));
        let rough = if decimals == 0 { half.max(last_digit(value) / 2.0) } else { half };
        let rough = rough.min(value.abs() * MOST_OFF).max(half);
        let (low, high) = if says(ABOUT) {
            (value - rough, value + rough)
        } else if says(ABOVE) {
            (value, value + 2.0 * rough)
        } else if says(BELOW) {
            (value - 2.0 * rough, value)
        } else if decimals > 0 {
            (value - half, value + half)
        } else {
            return Vec::new();
        };
        let slack = half * 1e-6;
        let near = self.index.between((low - slack) * scale, (high + slack) * scale);
        near.iter().map(|(_, scalar)| *scalar).collect()
    }

    /// The unit behind a figure, glued or as the next word.
    pub(super) fn unit(&self, draft: &Draft, glued: &str) -> String {
        if !glued.is_empty() {
            return glued.to_owned();
        }
        let rest = self.answer[draft.range.end..]
            .strip_prefix(' ')
            .unwrap_or(&self.answer[draft.range.end..]);
        rest.chars()
            .take_while(|c| c.is_alphabetic() || *c == '%')
            .collect::<String>()
            .to_lowercase()
    }

    /// The same quantity in another unit.
    pub(super) fn converted(
        &self,
        value: f64,
        decimals: u32,
        unit: &str,
    ) -> Option<(Vec<u32>, String)> {
        let factors: &[(f64, &[&str])] = match unit {
            "s" | "sec" | "second" | "seconds" => &[(1e3, &["ms", "millis"])],
            "min" | "minute" | "minutes" => &[(60.0, &["s", "seconds", "secs"]), (6e4, &["ms"])],
            "h" | "hour" | "hours" => {
                &[(3600.0, &["s", "seconds"]), (36e5, &["ms"]), (60.0, &["minutes", "min"])]
            }
            "kb" | "kib" => &[(1e3, &["bytes", "size"]), (1024.0, &["bytes", "size"])],
            "mb" | "mib" => &[(1e6, &["bytes", "size"]), (1_048_576.0, &["bytes", "size"])],
            "gb" | "gib" => &[(1e9, &["bytes", "size"]), (1_073_741_824.0, &["bytes", "size"])],
            "k" | "thousand" => &[(1e3, &[])],
            "m" | "million" => &[(1e6, &[])],
            "%" | "percent" => &[(0.01, &[])],
            _ => return None,
        };
        let half = 0.5 * 0.1f64.powi(i32::try_from(decimals).unwrap_or(0));
        for (factor, keys) in factors {
            let near = self.index.between((value - half) * factor, (value + half) * factor);
            let fits = |scalar: &u32| {
                let Some(found) = self.index.scalars.get(*scalar as usize) else { return false };
                let path = &self.index.paths[found.path as usize];
                keys.is_empty()
                    || path.last().is_some_and(|k| {
                        keys.iter().any(|u| {
                            k.split('_').next_back() == Some(&stem(u))
                                || k == u
                                || k.ends_with(&format!("_{u}"))
                        })
                    })
            };
            // A ratio is no whole figure.
            let ratio = |v: f64| !unit.starts_with(['%', 'p']) || v.fract() != 0.0;
            let scalars: Vec<u32> =
                near.iter().filter(|(v, s)| ratio(*v) && fits(s)).map(|(_, s)| *s).collect();
            if !scalars.is_empty() {
                return Some((scalars, format!("in another unit (× {factor})")));
            }
        }
        None
    }

    /// A plain computation on two figures of the same sentence, or on a whole list.
    pub(super) fn derived(
        &self,
        draft: &Draft,
        value: f64,
        decimals: u32,
        unit: &str,
    ) -> Option<String> {
        let sentence = &self.reading.sentences[draft.sentence];
        let text = &self.answer[sentence.range.clone()];
        let says = |wanted: &[&str]| {
            text.split(|c: char| !c.is_alphabetic()).any(|word| is_one_of(word, wanted))
        };
        let half = 0.5 * 0.1f64.powi(i32::try_from(decimals).unwrap_or(0));
        let close = |v: f64| {
            if decimals == 0 && v.fract() == 0.0 {
                v == value
            } else {
                (v - value).abs() <= half * 1.000_001
            }
        };
        // In the order of the answer; of a long line of figures only some are tried.
        let from = self.found.partition_point(|(s, ..)| *s < draft.sentence);
        let beside: Vec<f64> = self.found[from..]
            .iter()
            .take_while(|(s, ..)| *s == draft.sentence)
            .filter(|(_, r, _)| *r != draft.range)
            .take(MOST_BESIDE)
            .map(|(.., v)| *v)
            .collect();
        let percent = unit == "%" || unit == "percent";
        let several = beside.len() > 1;
        let together = (several || !self.index.sums.is_empty()) && says(TOGETHER);
        let apart = several && says(APART);
        for (at, a) in beside.iter().enumerate() {
            for b in &beside[at + 1..] {
                if percent && *b != 0.0 && *a != 0.0 {
                    let (low, high) = (a.min(*b), a.max(*b));
                    if close(low / high * 100.0) || close((high - low) / low * 100.0) && apart {
                        return Some(format!("percentage of {low} and {high}"));
                    }
                }
                if together && !percent && close(a + b) {
                    return Some(format!("sum of {a} and {b}"));
                }
                if apart && !percent && close((a - b).abs()) {
                    return Some(format!("difference of {a} and {b}"));
                }
            }
        }
        if beside.len() > 2 && together && !percent && close(beside.iter().sum()) {
            return Some("sum of the figures beside it".into());
        }
        let average = !self.index.means.is_empty() && says(&["average", "mean"]);
        if together && let Some((_, field)) = self.index.sums.iter().find(|(v, _)| close(*v)) {
            return Some(format!("sum of {field}"));
        }
        if average && let Some((_, field)) = self.index.means.iter().find(|(v, _)| close(*v)) {
            return Some(format!("mean of {field}"));
        }
        #[expect(clippy::cast_precision_loss, reason = "lists are shorter than 2^52")]
        let mut long = self.index.lengths.iter().filter(|(_, n)| *n as f64 == value).peekable();
        long.peek()?;
        let noun = stem(&self.unit(draft, ""));
        long.find(|(name, _)| !noun.is_empty() && *name == noun)
            .map(|(name, _)| format!("length of {name}"))
    }
}
