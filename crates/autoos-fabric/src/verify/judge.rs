//! Holds each claim of an answer against the evidence.
//!
//! The order for a figure: as it stands; rounded; in another unit; as a percentage; computed from
//! two figures of its own sentence, when the sentence says so ("more", "in total", "%"). A figure
//! that only stands in a sibling of the record that its words name counts as misplaced.

use super::{
    Claim, ClaimKind, Place, Status,
    atoms::What,
    claims::{Draft, Reading},
    index::{COMMON, Index, Key, NONE, key_of, say},
    labels::Labels,
};
use crate::builtin::{distance, stem};
use std::{collections::HashMap, ops::Range};

/// How many words of the evidence are looked through for one that is meant.
const MOST_WORDS: usize = 20_000;

/// What became of a claim.
struct Outcome {
    status: Status,
    score: f64,
    how: String,
    nearest: Option<String>,
    /// The value that it was found in, or what comes nearest.
    scalar: Option<u32>,
}

impl Outcome {
    fn at(self, scalar: Option<u32>) -> Self {
        Self { scalar, ..self }
    }
}

fn supported(score: f64, how: impl Into<String>, nearest: Option<String>) -> Outcome {
    Outcome { status: Status::Supported, score, how: how.into(), nearest, scalar: None }
}

fn unsupported(how: impl Into<String>, nearest: Option<String>) -> Outcome {
    Outcome { status: Status::Unsupported, score: 0.0, how: how.into(), nearest, scalar: None }
}

pub(super) struct Judge<'a> {
    pub(super) index: &'a Index,
    pub(super) answer: &'a str,
    pub(super) reading: &'a Reading,
    /// Whether the evidence has a list of several records, of which one may be named.
    pub(super) lists: bool,
    /// By the words' range.
    pub(super) labels: HashMap<Range<usize>, Labels>,
    /// Figures of the answer that stand in the evidence: sentence, place, value.
    pub(super) found: Vec<(usize, Range<usize>, f64)>,
}

impl Judge<'_> {
    pub(super) fn claim(&mut self, draft: &Draft) -> Option<Claim> {
        let text = &self.answer[draft.range.clone()];
        let outcome = match draft.kind {
            ClaimKind::Figure => self.figure(draft),
            ClaimKind::Name => self.name(text),
            ClaimKind::Quote => self.quote(text),
            // Sentences are judged by themselves.
            ClaimKind::Statement => return None,
        };
        let rest = &self.answer[draft.range.end..];
        let cut = rest.starts_with('…') || rest.starts_with("...");
        // The answer says that it cut here: as far as it goes, it must be so.
        let outcome = match outcome.status {
            Status::Unsupported if cut && self.says_cut(&text.to_lowercase()) => {
                supported(0.95, "exact as far as it goes", None)
            }
            _ => outcome,
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
            evidence: outcome.scalar.and_then(|s| self.evidence(s)),
        })
    }

    fn evidence(&self, scalar: u32) -> Option<Place> {
        let found = self.index.scalars.get(scalar as usize)?;
        self.index.place_at(found.unit, found.path, found.base, found.start..found.end)
    }

    /// The value of a figure that stands in the evidence somewhere.
    pub(super) fn standing(&self, draft: &Draft) -> Option<f64> {
        match draft.what {
            Some(What::Figure { value, .. }) => {
                (!self.index.places(Key::Figure(value)).is_empty()).then_some(value)
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
        let index = self.index;
        let exact = index.places(key);
        if !exact.is_empty() {
            return self.placed(draft, exact, "exact", 1.0);
        }
        let What::Figure { value, decimals, ref unit } = what else {
            return unsupported("not in the evidence", None);
        };
        let unit = self.unit(draft, unit);
        let rounded = self.rounded(draft, value, decimals, &unit);
        if !rounded.is_empty() {
            return self.placed(draft, &rounded, "rounded", 0.97);
        }
        if let Some((scalars, how)) = self.converted(value, decimals, &unit) {
            return self.placed(draft, &scalars, &how, 0.95);
        }
        if let Some(how) = self.derived(draft, value, decimals, &unit) {
            return supported(0.9, how, None);
        }
        match self.nearest_figure(value) {
            Some((nearest, scalar)) => {
                unsupported("not in the evidence", Some(nearest)).at(Some(scalar))
            }
            None => unsupported("not in the evidence", None),
        }
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
            let first = scalars.first().copied();
            return unsupported("in the evidence, but of something else than is named here", other)
                .at(first);
        };
        if let Some(noun) = self.of_another_field(draft, &good) {
            return unsupported(
                format!("in the evidence, but not as the figure of “{noun}”"),
                self.place(*first),
            )
            .at(Some(*first));
        }
        supported(score, how, self.place(*first)).at(Some(*first))
    }

    /// The noun beside a figure, when it is the name of a field next to the figure's own.
    fn of_another_field(&self, draft: &Draft, scalars: &[u32]) -> Option<String> {
        let sentence = &self.reading.sentences[draft.sentence];
        let paths: Vec<&Vec<String>> = scalars
            .iter()
            .filter_map(|s| {
                self.index.paths.get(self.index.scalars.get(*s as usize)?.path as usize)
            })
            .collect();
        // What stands in a text belongs to no field.
        if sentence.table || paths.is_empty() || paths.iter().any(|p| p.is_empty()) {
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
            if paths.iter().all(beside) {
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

    fn name(&self, text: &str) -> Outcome {
        let low = text.to_lowercase();
        let places = self.index.places_of(&low);
        if let Some(first) = places.first() {
            return supported(1.0, "exact", self.place(*first)).at(Some(*first));
        }
        if self.says(&low) {
            return supported(1.0, "exact", None);
        }
        let plain = low.trim_end_matches(['.', '…', ':']).trim_end();
        let possessive = plain.strip_suffix("'s").or(plain.strip_suffix("’s")).unwrap_or(plain);
        if possessive != low
            && (self.says(possessive) || !self.index.places_of(possessive).is_empty())
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
            && !self.index.places_of(&stemmed).is_empty()
            && stemmed.len() > 3;
        if inflected {
            return supported(0.9, "inflected", None);
        }
        unsupported("not in the evidence", self.nearest_word(plain))
    }

    /// Whether some value holds all of these words.
    fn together(&self, words: &[&str]) -> bool {
        let places = |w: &str| self.index.places_of(w);
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
        let text = &self.index.said();
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
        self.index.said().match_indices(low).take(100).any(|(at, _)| {
            self.index.said()[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric())
        })
    }

    fn nearest_figure(&self, value: f64) -> Option<(String, u32)> {
        let figures = &self.index.figures;
        let at = figures.partition_point(|(v, _)| *v < value);
        let near =
            [at.checked_sub(1), Some(at)].into_iter().flatten().filter_map(|i| figures.get(i));
        let (v, scalar) =
            near.min_by(|a, b| (a.0 - value).abs().total_cmp(&(b.0 - value).abs()))?;
        let named = match self.place(*scalar) {
            Some(place) => format!("{v} ({place})"),
            None => v.to_string(),
        };
        Some((named, *scalar))
    }

    fn nearest_word(&self, word: &str) -> Option<String> {
        if !word.is_ascii() || word.len() > 64 {
            return None;
        }
        // Evidence of any length is looked through only as far as people would.
        let words = self.index.said().split(|c: char| !c.is_alphanumeric() && !"._-/@".contains(c));
        let near = words
            .take(MOST_WORDS)
            .filter(|w| w.is_ascii() && !w.is_empty() && w.len().abs_diff(word.len()) <= 2);
        near.map(|w| (distance(w, word), w))
            .filter(|(d, _)| *d <= 2)
            .min_by_key(|(d, _)| *d)
            .map(|(_, w)| w.to_owned())
    }

    /// The place in the evidence that goes along with a quote for longest.
    fn nearest_text(&self, low: &str) -> Option<String> {
        let ends: Vec<usize> = low.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
        let (mut least, mut most) = (0, ends.len());
        while least < most {
            let middle = (least + most).div_ceil(2);
            if self.index.said().contains(&low[..ends[middle - 1]]) {
                least = middle
            } else {
                most = middle - 1
            }
        }
        let prefix = &low[..ends[least.checked_sub(1)?]];
        let at = self.index.said().find(prefix).filter(|_| least >= 8)?;
        let rest: String =
            self.index.said()[at..].chars().take_while(|c| *c != '\u{1}').take(80).collect();
        Some(rest)
    }
}
