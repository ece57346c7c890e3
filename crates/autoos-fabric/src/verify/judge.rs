//! Holds each claim of an answer against the evidence.
//!
//! The order for a figure: as it stands; rounded; in another unit; as a percentage; computed from
//! two figures of its own sentence, when the sentence says so ("more", "in total", "%"). A figure
//! that only stands in a sibling of the record that its words name counts as misplaced.

use super::{
    Claim, ClaimKind, Grounding, Status,
    atoms::{What, atoms},
    claims::{self, Draft, Reading, Sentence},
    index::{COMMON, Index, Key, NONE, key_of, say},
};
use crate::builtin::{distance, stem};
use std::{collections::HashMap, ops::Range};

impl Index {
    /// Checks an answer.
    #[must_use]
    pub fn ground(&self, answer: &str) -> Grounding {
        let reading = claims::read(answer);
        let mut judge = Judge {
            index: self,
            answer,
            reading: &reading,
            labels: HashMap::new(),
            found: Vec::new(),
        };
        let mut claims: Vec<Claim> = Vec::new();
        let order = |d: &&Draft| (d.range.start, d.range.end);
        let mut drafts: Vec<&Draft> = reading.drafts.iter().collect();
        drafts.sort_by_key(order);
        // Figures that stand in the evidence come first: others may be computed from them.
        judge.found = drafts
            .iter()
            .filter(|d| d.kind == ClaimKind::Figure)
            .filter_map(|d| Some((d.sentence, d.range.clone(), judge.standing(d)?)))
            .collect();
        for draft in drafts {
            claims.extend(judge.claim(draft));
        }
        Grounding { claims }
    }
}

/// What became of a claim.
struct Outcome {
    status: Status,
    score: f64,
    how: String,
    nearest: Option<String>,
}

fn supported(score: f64, how: impl Into<String>, nearest: Option<String>) -> Outcome {
    Outcome { status: Status::Supported, score, how: how.into(), nearest }
}

fn unsupported(how: impl Into<String>, nearest: Option<String>) -> Outcome {
    Outcome { status: Status::Unsupported, score: 0.0, how: how.into(), nearest }
}

/// The records that some words name: for each list, its elements.
type Labels = Vec<(u32, Vec<u32>)>;

struct Judge<'a> {
    index: &'a Index,
    answer: &'a str,
    reading: &'a Reading,
    /// By the words' range.
    labels: HashMap<Range<usize>, Labels>,
    /// Figures of the answer that stand in the evidence: sentence, place, value.
    found: Vec<(usize, Range<usize>, f64)>,
}

impl Judge<'_> {
    fn claim(&mut self, draft: &Draft) -> Option<Claim> {
        let text = &self.answer[draft.range.clone()];
        let outcome = match draft.kind {
            ClaimKind::Figure => self.figure(draft),
            ClaimKind::Name => self.name(text),
            ClaimKind::Quote => self.quote(text),
            ClaimKind::Statement => Outcome {
                status: Status::Unchecked,
                score: 0.0,
                how: "no figure, name or quote to check".into(),
                nearest: None,
            },
        };
        if draft.tentative && outcome.status == Status::Unsupported {
            return None;
        }
        Some(Claim {
            kind: draft.kind,
            text: text.to_owned(),
            start: draft.range.start,
            end: draft.range.end,
            status: outcome.status,
            score: outcome.score,
            how: outcome.how,
            nearest: outcome.nearest,
        })
    }

    /// The value of a figure that stands in the evidence somewhere.
    fn standing(&self, draft: &Draft) -> Option<f64> {
        match draft.what {
            Some(What::Figure { value, .. }) => {
                (!self.index.places(&Key::Figure(value)).is_empty()).then_some(value)
            }
            _ => None,
        }
    }

    fn figure(&mut self, draft: &Draft) -> Outcome {
        let Some(what) = draft.what.clone() else {
            return unsupported("not in the evidence", None);
        };
        let text = &self.answer[draft.range.clone()];
        let Some(key) = key_of(&what, text) else {
            return unsupported("not in the evidence", None);
        };
        let exact: Vec<u32> = self.index.places(&key).to_vec();
        if !exact.is_empty() {
            return self.placed(draft, &exact, "exact", 1.0);
        }
        let What::Figure { value, decimals, ref unit } = what else {
            return unsupported("not in the evidence", None);
        };
        let rounded = self.rounded(draft, value, decimals);
        if !rounded.is_empty() {
            return self.placed(draft, &rounded, "rounded", 0.97);
        }
        let unit = self.unit(draft, unit);
        if let Some((scalars, how)) = self.converted(value, decimals, &unit) {
            return self.placed(draft, &scalars, &how, 0.95);
        }
        if let Some(how) = self.derived(draft, value, decimals, &unit) {
            return supported(0.9, how, None);
        }
        let nearest = self.nearest_figure(value);
        unsupported("not in the evidence", nearest)
    }

    /// Evidence with more digits that rounds to this figure. Whole figures only where the answer
    /// says that they are not exact.
    fn rounded(&self, draft: &Draft, value: f64, decimals: u32) -> Vec<u32> {
        let before = self.answer[..draft.range.start].trim_end().to_lowercase();
        let about = [
            "about",
            "around",
            "roughly",
            "approximately",
            "nearly",
            "almost",
            "some",
            "~",
            "≈",
            "ca.",
        ]
        .iter()
        .any(|w| before.ends_with(w));
        if decimals == 0 && !about {
            return Vec::new();
        }
        let half = 0.5 * 0.1f64.powi(i32::try_from(decimals).unwrap_or(0));
        let near = self.index.between(value - half * 1.000_001, value + half * 1.000_001);
        near.iter().map(|(_, scalar)| *scalar).collect()
    }

    /// The unit behind a figure, glued or as the next word.
    fn unit(&self, draft: &Draft, glued: &str) -> String {
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
    fn converted(&self, value: f64, decimals: u32, unit: &str) -> Option<(Vec<u32>, String)> {
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
    fn derived(&self, draft: &Draft, value: f64, decimals: u32, unit: &str) -> Option<String> {
        let sentence = &self.reading.sentences[draft.sentence];
        let words = words_of(&self.answer[sentence.range.clone()]);
        let says = |wanted: &[&str]| words.iter().any(|w| wanted.contains(&w.as_str()));
        let half = 0.5 * 0.1f64.powi(i32::try_from(decimals).unwrap_or(0));
        let close = |v: f64| {
            if decimals == 0 && v.fract() == 0.0 {
                v == value
            } else {
                (v - value).abs() <= half * 1.000_001
            }
        };
        let beside: Vec<f64> = self
            .found
            .iter()
            .filter(|(s, r, _)| *s == draft.sentence && *r != draft.range)
            .map(|(.., v)| *v)
            .collect();
        let percent = unit == "%" || unit == "percent";
        let together = says(&[
            "total",
            "together",
            "combined",
            "altogether",
            "sum",
            "overall",
            "adds",
            "add",
            "both",
        ]);
        let apart = says(&[
            "more",
            "fewer",
            "less",
            "difference",
            "higher",
            "lower",
            "gap",
            "increase",
            "decrease",
            "rose",
            "fell",
            "remaining",
            "rest",
        ]);
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
        let average = says(&["average", "mean"]);
        if together && let Some((_, field)) = self.index.sums.iter().find(|(v, _)| close(*v)) {
            return Some(format!("sum of {field}"));
        }
        if average && let Some((_, field)) = self.index.means.iter().find(|(v, _)| close(*v)) {
            return Some(format!("mean of {field}"));
        }
        let noun = stem(&self.unit(draft, ""));
        let long = |(name, n): &&(String, usize)| {
            #[expect(clippy::cast_precision_loss, reason = "lists are shorter than 2^52")]
            let n = *n as f64;
            n == value && !noun.is_empty() && *name == noun
        };
        self.index.lengths.iter().find(long).map(|(name, _)| format!("length of {name}"))
    }

    /// Whether a figure that stands at these places belongs to what its words name.
    fn placed(&mut self, draft: &Draft, scalars: &[u32], how: &str, score: f64) -> Outcome {
        if scalars.len() > COMMON {
            return supported(score, how, None);
        }
        let labels = self.labels_for(draft);
        let unit = |s: &u32| self.index.scalars.get(*s as usize).map_or(NONE, |s| s.unit);
        let misplaced = |s: &u32| {
            labels.iter().any(|(group, records)| {
                self.index.record_in(unit(s), *group).is_some_and(|r| !records.contains(&r))
            })
        };
        let good: Vec<u32> = scalars.iter().filter(|s| !misplaced(s)).copied().collect();
        let Some(first) = good.first() else {
            let other = scalars.first().and_then(|s| self.place(*s));
            return unsupported("in the evidence, but of something else than is named here", other);
        };
        if let Some(noun) = self.of_another_field(draft, &good) {
            return unsupported(
                format!("in the evidence, but not as the figure of “{noun}”"),
                self.place(*first),
            );
        }
        supported(score, how, self.place(*first))
    }

    /// The noun beside a figure, when it is the name of a field next to the figure's own.
    fn of_another_field(&self, draft: &Draft, scalars: &[u32]) -> Option<String> {
        let sentence = &self.reading.sentences[draft.sentence];
        if sentence.table {
            return None;
        }
        let after = self.unit(draft, "");
        let before =
            self.answer[sentence.range.start..draft.range.start].trim_end_matches([' ', ':', '=']);
        let before: String = before
            .chars()
            .rev()
            .take_while(|c| c.is_alphabetic())
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<String>()
            .to_lowercase();
        let paths: Vec<&Vec<String>> = scalars
            .iter()
            .filter_map(|s| {
                self.index.paths.get(self.index.scalars.get(*s as usize)?.path as usize)
            })
            .collect();
        for noun in [after, before].iter().filter(|n| n.len() > 2) {
            let noun_stem = stem(noun);
            if paths.iter().any(|p| {
                p.iter()
                    .any(|k| *k == noun_stem || k.split('_').any(|part| stem(part) == noun_stem))
            }) {
                return None;
            }
            let beside = |p: &&Vec<String>| {
                self.index.figure_paths.iter().map(|id| &self.index.paths[*id as usize]).any(|q| {
                    q.len() == p.len()
                        && q.iter().zip(p.iter()).filter(|(a, b)| a != b).count() == 1
                        && q.iter().zip(p.iter()).any(|(a, b)| a != b && *a == noun_stem)
                })
            };
            if !paths.is_empty() && paths.iter().all(|p| !p.is_empty() && beside(p)) {
                return Some(noun.clone());
            }
        }
        None
    }

    /// Where a scalar stands, for people.
    fn place(&self, scalar: u32) -> Option<String> {
        let found = self.index.scalars.get(scalar as usize)?;
        let path = self.index.paths.get(found.path as usize)?.join(".");
        (!path.is_empty()).then_some(path)
    }

    /// The records that the words around a claim name: those of its clause, else of its sentence;
    /// a line of a list item is about what the item's first line names.
    fn labels_for(&mut self, draft: &Draft) -> Labels {
        let sentence: &Sentence = &self.reading.sentences[draft.sentence];
        if sentence.heading {
            return Vec::new();
        }
        let clause = sentence
            .clauses
            .iter()
            .find(|c| c.start <= draft.range.start && draft.range.end <= c.end)
            .cloned();
        let own = clause.map_or_else(Vec::new, |c| self.labels(c));
        let mut labels = if own.is_empty() && !respectively(&self.answer[sentence.range.clone()]) {
            self.labels_of_sentence(sentence)
        } else {
            own
        };
        if let Some(item) = sentence.item.clone() {
            for (group, records) in self.labels(item) {
                if !labels.iter().any(|(g, _)| *g == group) {
                    labels.push((group, records));
                }
            }
        }
        labels
    }

    /// What the clauses of a sentence name, together.
    fn labels_of_sentence(&mut self, sentence: &Sentence) -> Labels {
        let mut out: Labels = Vec::new();
        for clause in sentence.clauses.clone() {
            for (group, records) in self.labels(clause) {
                match out.iter_mut().find(|(g, _)| *g == group) {
                    Some((_, all)) => all.extend(records),
                    None => out.push((group, records)),
                }
            }
        }
        out
    }

    fn labels(&mut self, range: Range<usize>) -> Labels {
        if let Some(known) = self.labels.get(&range) {
            return known.clone();
        }
        let labels = self.named(&self.answer[range.clone()]);
        self.labels.insert(range, labels.clone());
        labels
    }

    /// The records of which a value is named by these words: most of its words are among them.
    fn named(&self, text: &str) -> Labels {
        let mut said: HashMap<u32, u32> = HashMap::new();
        let mut seen: Vec<String> = Vec::new();
        for atom in atoms(text, true) {
            if !matches!(atom.what, What::Word | What::Name) {
                continue;
            }
            let word = text[atom.start..atom.end].to_lowercase();
            if seen.contains(&word) {
                continue;
            }
            let places = self.index.places(&Key::Word(word.clone()));
            seen.push(word);
            if places.len() < COMMON {
                for scalar in places.iter().filter(|s| **s != NONE) {
                    *said.entry(*scalar).or_default() += 1;
                }
            }
        }
        let mut best: HashMap<u32, (u32, Vec<u32>)> = HashMap::new();
        for (scalar, n) in said {
            let found = self.index.scalars[scalar as usize];
            if found.words == 0 || n * 5 < found.words * 3 {
                continue;
            }
            for (record, group) in self.index.records(found.unit) {
                let entry = best.entry(group).or_default();
                if n > entry.0 {
                    *entry = (n, vec![record]);
                } else if n == entry.0 && !entry.1.contains(&record) {
                    entry.1.push(record);
                }
            }
        }
        // What names most of a list names none of it.
        let telling = |(group, (_, records)): &(u32, (u32, Vec<u32>))| {
            let size = self.index.groups.get(*group as usize).copied().unwrap_or(0) as usize;
            size > 1 && records.len() < size && (records.len() == 1 || records.len() * 2 <= size)
        };
        let mut out: Labels = best
            .into_iter()
            .filter(telling)
            .map(|(group, (_, records))| (group, records))
            .collect();
        out.sort_unstable();
        out
    }

    fn name(&self, text: &str) -> Outcome {
        let low = text.to_lowercase();
        let places = self.index.places(&Key::Word(low.clone()));
        if let Some(first) = places.first() {
            return supported(1.0, "exact", self.place(*first));
        }
        if self.says(&low) {
            return supported(1.0, "exact", None);
        }
        let plain = low.trim_end_matches(['.', '…', ':']).trim_end();
        let possessive = plain.strip_suffix("'s").or(plain.strip_suffix("’s")).unwrap_or(plain);
        if possessive != low
            && (self.says(possessive)
                || !self.index.places(&Key::Word(possessive.to_owned())).is_empty())
        {
            return supported(0.95, "without its ending", None);
        }
        let words: Vec<&str> = plain.split([' ', '-']).filter(|w| !w.is_empty()).collect();
        if words.len() > 1 && self.together(&words) {
            return supported(0.9, "its words stand together", None);
        }
        let stemmed = stem(plain);
        let inflected = !text.contains(|c: char| c.is_numeric())
            && words.len() == 1
            && !self.index.places(&Key::Word(stemmed.clone())).is_empty()
            && stemmed.len() > 3;
        if inflected {
            return supported(0.9, "inflected", None);
        }
        unsupported("not in the evidence", self.nearest_word(plain))
    }

    /// Whether some value holds all of these words.
    fn together(&self, words: &[&str]) -> bool {
        let places = |w: &str| self.index.places(&Key::Word(w.to_owned()));
        let Some((first, rest)) = words.split_first() else { return false };
        places(first).iter().any(|scalar| {
            *scalar != NONE && rest.iter().all(|w| places(w).binary_search(scalar).is_ok())
        })
    }

    fn quote(&self, text: &str) -> Outcome {
        let mut said = String::new();
        say(text, &mut said);
        let said = said.trim_start_matches('\u{1}');
        // A cut quote is compared as far as it goes.
        let cut = said.trim_end_matches("...").trim_end_matches('…').trim_end();
        if !cut.is_empty() && (self.says(cut) || cut != said && self.says_cut(cut)) {
            return supported(1.0, "word for word", None);
        }
        let bare = cut.trim_end_matches(['.', ',', '!', '?', ';', ':']);
        if bare.len() > 1 && bare != cut && self.says(bare) {
            return supported(0.95, "word for word but for the last sign", None);
        }
        unsupported("not in the evidence", self.nearest_text(cut))
    }

    /// Whether the evidence says this, as whole words.
    fn says(&self, low: &str) -> bool {
        let text = &self.index.text;
        let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        let inner = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let (first, last) = (low.chars().next(), low.chars().next_back());
        text.match_indices(low).take(10_000).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + low.len()..].chars().next();
            // A figure that begins or ends a quote must not be a part of a longer one.
            (!inner(first) || edge(before)) && (!inner(last) || edge(after))
        })
    }

    /// A quote that was cut in the middle of a long word.
    fn says_cut(&self, low: &str) -> bool {
        self.index.text.match_indices(low).take(100).any(|(at, _)| {
            self.index.text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric())
        })
    }

    fn nearest_figure(&self, value: f64) -> Option<String> {
        let figures = &self.index.figures;
        let at = figures.partition_point(|(v, _)| *v < value);
        let near =
            [at.checked_sub(1), Some(at)].into_iter().flatten().filter_map(|i| figures.get(i));
        let (v, scalar) =
            near.min_by(|a, b| (a.0 - value).abs().total_cmp(&(b.0 - value).abs()))?;
        Some(match self.place(*scalar) {
            Some(place) => format!("{v} ({place})"),
            None => v.to_string(),
        })
    }

    fn nearest_word(&self, word: &str) -> Option<String> {
        if !word.is_ascii() || word.len() > 64 {
            return None;
        }
        let near =
            self.index.words.iter().filter(|w| w.is_ascii() && w.len().abs_diff(word.len()) <= 2);
        near.map(|w| (distance(w, word), w))
            .filter(|(d, _)| *d <= 2)
            .min_by_key(|(d, _)| *d)
            .map(|(_, w)| w.clone())
    }

    /// The place in the evidence that goes along with a quote for longest.
    fn nearest_text(&self, low: &str) -> Option<String> {
        let ends: Vec<usize> = low.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
        let (mut least, mut most) = (0, ends.len());
        while least < most {
            let middle = (least + most).div_ceil(2);
            if self.index.text.contains(&low[..ends[middle - 1]]) {
                least = middle
            } else {
                most = middle - 1
            }
        }
        let prefix = &low[..ends[least.checked_sub(1)?]];
        let at = self.index.text.find(prefix).filter(|_| least >= 8)?;
        let rest: String =
            self.index.text[at..].chars().take_while(|c| *c != '\u{1}').take(80).collect();
        Some(rest)
    }
}

fn respectively(text: &str) -> bool {
    text.contains("respectively")
}

fn words_of(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphabetic())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect()
}
