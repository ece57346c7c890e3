//! Do independent answers say the same? Checked by rule, on their texts alone.
//!
//! Answers that end in a figure, as those to a question of number do, agree by that figure first;
//! others by the words, names and figures that they share. One that contradicts another (a changed
//! figure, a negation, a swap) ends the agreement, however alike the rest is.

use super::{
    Evidence, Index, Status,
    atoms::{Atom, What, atoms},
    prose::sentences,
    tokens::{Reader, Token},
};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How far answers agree.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// In 0..=1; the mean over pairs of answers.
    pub score: f64,
    /// How many answers were compared.
    pub answers: usize,
    /// Claims of one that another has as well.
    pub shared: usize,
    /// Claims of one that another contradicts.
    pub contradicting: usize,
    /// Of the pairs in which both end in a figure, the share that end in the same; none where
    /// there is no such pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<f64>,
}

/// What the last figure counts for where both have one.
const LAST_FIGURE: f64 = 0.8;
/// Figures that differ by no more than this share of them are the same, one of them rounded.
const ROUNDED: f64 = 0.005;
/// Two that contradict each other agree no more than this.
const CONTRADICTING: f64 = 0.2;
/// Answers to one question that agree less than this say different things: the same in other words
/// agrees more, another matter of the same evidence less.
const LEAST: f64 = 0.4;

impl Agreement {
    /// Whether independent answers say the same.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.answers > 1 && self.contradicting == 0 && self.score >= LEAST
    }
}

/// Compares answers to one question with each other. Fewer than two agree on nothing.
#[must_use]
pub fn agree(answers: &[&str]) -> Agreement {
    let read: Vec<Answer<'_>> = answers.iter().map(|a| Answer::read(a)).collect();
    let mut out = Agreement { answers: answers.len(), ..Agreement::default() };
    let (mut pairs, mut score) = (0.0, 0.0);
    let (mut with_figures, mut same_figures) = (0.0, 0.0);
    for (at, a) in read.iter().enumerate() {
        for b in &read[at + 1..] {
            let (shared, contradicting) = a.claims_in(b);
            let (back, against) = b.claims_in(a);
            out.shared += shared.max(back);
            let (contradicting, against) =
                (contradicting + a.otherwise_in(b), against + b.otherwise_in(a));
            out.contradicting += contradicting.max(against);
            let alike = a.alike(b);
            let mut pair = alike;
            if let (Some(x), Some(y)) = (a.last, b.last) {
                let same = f64::from(u8::from((x - y).abs() <= 1e-9 * x.abs().max(1.0)));
                with_figures += 1.0;
                same_figures += same;
                pair = LAST_FIGURE * same + (1.0 - LAST_FIGURE) * alike;
            }
            if contradicting + against > 0 {
                pair = pair.min(CONTRADICTING);
            }
            score += pair;
            pairs += 1.0;
        }
    }
    if pairs > 0.0 {
        out.score = score / pairs;
    }
    if with_figures > 0.0 {
        out.figures = Some(same_figures / with_figures);
    }
    out
}

/// An answer, ready to be compared.
struct Answer<'a> {
    text: &'a str,
    index: Index,
    /// What tells something, each once.
    words: Vec<u64>,
    /// The figure that it ends in.
    last: Option<f64>,
    /// Sentences with figures.
    counting: Vec<Counting>,
}

/// A sentence with figures.
struct Counting {
    /// What else tells something in it, each once.
    words: Vec<u64>,
    figures: Vec<f64>,
}

impl<'a> Answer<'a> {
    fn read(text: &'a str) -> Self {
        let index = Index::new(&[Evidence { name: "answer".into(), value: text.into() }]);
        let mut tokens: Vec<Token> = Vec::new();
        Reader::default().read(text, 0, &mut tokens);
        let mut words: Vec<u64> = tokens.iter().filter(|t| t.kind.tells()).map(|t| t.id).collect();
        words.sort_unstable();
        words.dedup();
        // What comes after the last figure must be little, or it is not what the answer ends in.
        let found = atoms(text, false);
        let last = found.iter().rev().take(8).find_map(|a| match a.what {
            What::Figure { value, .. } => Some(value),
            _ => None,
        });
        let counting = lines(text)
            .flat_map(|line| sentences(text, line, &[]))
            .filter_map(|range| Counting::read(range, &tokens, &found))
            .collect();
        Self { text, index, words, last, counting }
    }

    /// Sentences of this one that the other has as well, but for a figure: each of the two says one
    /// there that the other says nowhere.
    fn otherwise_in(&self, other: &Self) -> usize {
        let differs = |one: &&Counting| {
            one.has_beyond(other)
                && other.counting.iter().any(|two| two.words == one.words && two.has_beyond(self))
        };
        self.counting.iter().filter(differs).count()
    }

    /// Claims that the other has as well, and those that it contradicts.
    fn claims_in(&self, other: &Self) -> (usize, usize) {
        let grounding = other.index.ground(self.text);
        let shared = grounding.claims.iter().filter(|c| c.status == Status::Supported).count();
        let against = grounding.claims.iter().filter(|c| c.contradicted()).count();
        (shared, against)
    }

    /// How many of their words they share, whichever is the longer.
    fn alike(&self, other: &Self) -> f64 {
        let both = self.words.iter().filter(|w| other.words.binary_search(w).is_ok()).count();
        let least = self.words.len().min(other.words.len());
        let whole = self.words.len() + other.words.len();
        if whole == 0 {
            return f64::from(u8::from(self.text.trim() == other.text.trim()));
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
        // A short answer may stand whole in a long one.
        (share(2 * both, whole) + share(both, least)) / 2.0
    }
}

impl Counting {
    fn read(range: Range<usize>, tokens: &[Token], atoms: &[Atom]) -> Option<Self> {
        let figure = |a: &Atom| match a.what {
            What::Figure { value, .. } if range.contains(&a.start) => Some(value),
            _ => None,
        };
        let figures: Vec<f64> = atoms.iter().filter_map(figure).collect();
        let within = |t: &&Token| range.contains(&(t.start as usize));
        let plain = |t: &&Token| t.kind.tells() && !t.kind.counted();
        let mut words: Vec<u64> =
            tokens.iter().filter(within).filter(plain).map(|t| t.id).collect();
        words.sort_unstable();
        words.dedup();
        (!figures.is_empty() && !words.is_empty()).then_some(Self { words, figures })
    }

    /// Whether it has a figure that an answer has nowhere, not even rounded.
    fn has_beyond(&self, answer: &Answer<'_>) -> bool {
        let same = |x: f64, y: f64| (x - y).abs() <= ROUNDED * x.abs().max(y.abs());
        let known = |x: f64| answer.counting.iter().flat_map(|s| &s.figures).any(|y| same(x, *y));
        self.figures.iter().any(|x| !known(*x))
    }
}

/// Where the lines of a text are.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = std::mem::replace(at, *at + line.len());
        Some(start..*at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_figure_decides_where_there_is_one() {
        let same = agree(&["She pays 6 × 7 = 42 euros.", "The price is 42", "In all: $42.00"]);
        assert_eq!((same.answers, same.figures), (3, Some(1.0)));
        assert!(same.score > 0.8, "{same:?}");
        let split = agree(&["The answer is 42.", "The answer is 42.", "The answer is 17."]);
        assert_eq!(split.figures, Some(1.0 / 3.0));
        assert!(split.score < 0.5, "{split:?}");
    }

    #[test]
    fn words_count_where_there_is_no_figure() {
        let score = |a: &str, b: &str| agree(&[a, b]).score;
        assert!(score("It is Paris.", "Paris") > 0.9);
        assert!(score("Paris", "Lyon") < 0.1);
        let alike = score(
            "The council rejected the plan because it was too dear.",
            "Because the plan was too expensive, the council refused it.",
        );
        assert!(alike > 0.4, "{alike}");
    }

    #[test]
    fn contradictions_end_it() {
        for (a, b) in [
            (
                "The council approved the plan on Friday.",
                "The council did not approve the plan on Friday.",
            ),
            ("Errors rose after the release in Oslo.", "Errors fell after the release in Oslo."),
        ] {
            let found = agree(&[a, b]);
            assert!(found.contradicting > 0 && found.score <= CONTRADICTING, "{found:?}");
        }
    }

    #[test]
    fn the_same_sentence_with_another_figure_ends_it() {
        let right =
            "Total revenue was 7148.20 EUR from 958 units.\nNorth: 2691.60 EUR from 366 units.";
        let wrong = right.replace("2691.60", "2961.60");
        let found = agree(&[right, &wrong]);
        assert!(found.contradicting > 0 && found.score <= CONTRADICTING, "{found:?}");
        // Rounded, in other words, or with more beside it, it is the same.
        for same in [
            right.to_owned(),
            right.replace("7148.20", "about 7148"),
            right.replace("Total revenue was", "The week brought"),
            format!("{right}\nSouth: 2190.10 EUR from 299 units."),
        ] {
            let found = agree(&[right, &same]);
            assert!(found.contradicting == 0, "{same}: {found:?}");
        }
    }

    #[test]
    fn fewer_than_two_agree_on_nothing() {
        assert_eq!(agree(&[]).score, 0.0);
        assert_eq!(agree(&["alone"]), Agreement { answers: 1, ..Agreement::default() });
        assert_eq!(agree(&["", ""]).score, 1.0);
    }
}
