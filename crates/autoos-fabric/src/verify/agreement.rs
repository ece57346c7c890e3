//! Do independent answers say the same? Checked by rule, on their texts alone.
//!
//! Answers that end in a figure, as those to a question of number do, agree by that figure first;
//! others by the words, names and figures that they share. One that contradicts another (a changed
//! figure, a negation, a swap) ends the agreement, however alike the rest is.

use super::{
    Evidence, Index, Status,
    atoms::{What, atoms},
    tokens::{Reader, Token},
};
use serde::{Deserialize, Serialize};

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
/// Two that contradict each other agree no more than this.
const CONTRADICTING: f64 = 0.2;

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
        Self { text, index, words, last }
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
    fn fewer_than_two_agree_on_nothing() {
        assert_eq!(agree(&[]).score, 0.0);
        assert_eq!(agree(&["alone"]), Agreement { answers: 1, ..Agreement::default() });
        assert_eq!(agree(&["", ""]).score, 1.0);
    }
}
