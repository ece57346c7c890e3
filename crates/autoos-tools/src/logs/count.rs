//! Bounded counting: values of a variable, and records over time.
//!
//! Every count that is given is exact. Where room runs out, values that come late are not counted
//! at all and the counter says that it is not complete.

use std::collections::HashMap;

/// Counts of distinct values.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter {
    counts: HashMap<Box<str>, u64>,
    /// Whether values were left out.
    pub(super) overflowed: bool,
}

/// Longer values are cut; bytes.
const MAX_VALUE: usize = 96;

impl Counter {
    /// Counts `value` `n` times; a new value only while fewer than `cap` are known.
    pub(super) fn add(&mut self, value: &str, n: u64, cap: usize) {
        let value = cut(value, MAX_VALUE);
        if let Some(count) = self.counts.get_mut(value) {
            *count += n;
        } else if self.counts.len() < cap && !self.overflowed {
            self.counts.insert(value.into(), n);
        } else {
            self.overflowed = true;
        }
    }

    /// Forgets the values and counts no more.
    pub(super) fn give_up(&mut self) {
        self.counts = HashMap::new();
        self.overflowed = true;
    }

    /// Adds what `other` counted.
    pub(super) fn merge(&mut self, other: Counter, cap: usize) {
        // A value that one side did not count is absent there only if that side left none out.
        let missing_here = self.overflowed;
        let missing_there = other.overflowed;
        self.overflowed = false;
        if missing_there {
            self.counts.retain(|value, _| other.counts.contains_key(value));
        }
        let mut values: Vec<_> = other.counts.into_iter().collect();
        values.sort_unstable();
        for (value, n) in values {
            if !missing_here || self.counts.contains_key(&value) {
                self.add(&value, n, cap);
            }
        }
        self.overflowed |= missing_here || missing_there;
    }

    /// Distinct values known.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The most frequent values, first by count, then by text.
    pub(super) fn top(&self, n: usize) -> Vec<(&str, u64)> {
        let mut all: Vec<(&str, u64)> = self.counts.iter().map(|(v, n)| (&**v, *n)).collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all.truncate(n);
        all
    }

    /// Bytes held, estimated.
    pub(super) fn bytes(&self) -> usize {
        self.counts.keys().map(|v| v.len() + 40).sum()
    }
}

/// `text` cut to at most `max` bytes at a character's boundary.
pub(super) fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Records per slice of time; slices grow as the time spanned does.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    /// Width of a slice, ms: 1000 times a power of two.
    pub(super) width: i64,
    /// Slice number and count, ascending.
    pub(super) slices: Vec<(i64, u64)>,
}

const MAX_SLICES: usize = 256;

impl Default for Rate {
    fn default() -> Self {
        Self { width: 1000, slices: Vec::new() }
    }
}

impl Rate {
    /// Counts one record at `ms`.
    pub(super) fn add(&mut self, ms: i64) {
        let slice = ms.div_euclid(self.width);
        match self.slices.last_mut() {
            Some((last, n)) if *last == slice => *n += 1,
            Some((last, _)) if *last > slice => {
                match self.slices.binary_search_by_key(&slice, |s| s.0) {
                    Ok(at) => self.slices[at].1 += 1,
                    Err(at) => self.slices.insert(at, (slice, 1)),
                }
            }
            _ => self.slices.push((slice, 1)),
        }
        while self.slices.len() > MAX_SLICES {
            self.widen(self.width * 2);
        }
    }

    /// Makes slices at least `width` wide.
    pub(super) fn widen(&mut self, width: i64) {
        while self.width < width {
            self.width *= 2;
            let mut wide: Vec<(i64, u64)> = Vec::with_capacity(self.slices.len());
            for (slice, n) in &self.slices {
                match wide.last_mut() {
                    Some((last, m)) if *last == slice.div_euclid(2) => *m += n,
                    _ => wide.push((slice.div_euclid(2), *n)),
                }
            }
            self.slices = wide;
        }
    }

    /// Adds what `other` counted.
    pub(super) fn merge(&mut self, mut other: Rate) {
        self.widen(other.width);
        other.widen(self.width);
        self.slices.append(&mut other.slices);
        self.slices.sort_unstable();
        self.slices.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        while self.slices.len() > MAX_SLICES {
            self.widen(self.width * 2);
        }
    }

    /// Stretches of slices whose count is far above the mean of the whole `span`: start and end
    /// in ms, and the count; the largest first. See [`super::BURST_RULE`].
    pub(super) fn bursts(&self, span: (i64, i64), most: usize) -> Vec<(i64, i64, u64)> {
        let mut rate = self.clone();
        let length = (span.1 - span.0).max(1);
        while length / rate.width > 200 {
            rate.widen(rate.width * 2);
        }
        let first = span.0.div_euclid(rate.width);
        let slices = (span.1.div_euclid(rate.width) - first + 1).max(1) as f64;
        let total: u64 = rate.slices.iter().map(|s| s.1).sum();
        let mean = total as f64 / slices;
        let least = (5.0 * mean).max(mean + 4.0 * mean.sqrt()).max(10.0);
        let mut found: Vec<(i64, i64, u64)> = Vec::new();
        for (slice, n) in rate.slices.iter().filter(|s| s.1 as f64 >= least) {
            let (from, to) = (slice * rate.width, (slice + 1) * rate.width);
            match found.last_mut() {
                Some(last) if last.1 == from => {
                    last.1 = to;
                    last.2 += n;
                }
                _ => found.push((from, to, *n)),
            }
        }
        found.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
        found.truncate(most);
        // A slice may begin before the log does.
        for burst in &mut found {
            *burst = (burst.0.max(span.0), burst.1.min(span.1 + 1000), burst.2);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_counter_counts_on_what_it_knows() {
        let mut counter = Counter::default();
        for value in ["a", "b", "a", "c", "a"] {
            counter.add(value, 1, 2);
        }
        assert_eq!(counter.top(5), [("a", 3), ("b", 1)]);
        assert!(counter.overflowed);
        let mut other = Counter::default();
        other.add("a", 2, 9);
        other.add("z", 2, 9);
        counter.merge(other, 9);
        assert_eq!(counter.top(5), [("a", 5), ("b", 1)]);
    }

    #[test]
    fn rates_stay_bounded_and_exact_in_total() {
        let mut rate = Rate::default();
        for i in 0..100_000i64 {
            rate.add(i * 997 % 86_400_000);
        }
        assert!(rate.slices.len() <= MAX_SLICES);
        assert_eq!(rate.slices.iter().map(|s| s.1).sum::<u64>(), 100_000);
        assert!(rate.slices.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn a_burst_is_found_and_an_even_flow_is_none() {
        let (mut even, mut burst) = (Rate::default(), Rate::default());
        for minute in 0..120i64 {
            even.add(minute * 60_000);
            burst.add(minute * 60_000);
        }
        for i in 0..300i64 {
            burst.add(3_600_000 + i * 100);
        }
        let span = (0, 120 * 60_000);
        assert!(even.bursts(span, 3).is_empty());
        let found = burst.bursts(span, 3);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].0 <= 3_600_000 && found[0].1 >= 3_630_000 && found[0].2 >= 300,
            "{found:?}"
        );
    }
}
