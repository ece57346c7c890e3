//! What an answer comes to in the end: a figure, a letter among choices, or words.
//!
//! Answers to one question are compared by this before all else. It is what stands behind a mark
//! (`A: 18`, `The answer is B.`, `#### 42`) or else the figure that the text ends in; what has
//! neither is compared as a whole.

use super::atoms::{What, atoms};
use std::fmt;

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Last {
    /// A figure.
    Figure(f64),
    /// Words in lower case, each once apart by a space: a letter among choices, a name, a text.
    Words(String),
}

/// What stands before the end of an answer, in lower case; the longer ones first.
const MARKS: [&str; 6] = ["final answer:", "the answer is", "answer is", "answer:", "####", "a:"];
/// The figure that an answer ends in stands among its last so many pieces.
const NEAR_THE_END: usize = 8;
/// Figures that differ by no more than this part of them are the same.
const SAME: f64 = 1e-6;

impl Last {
    /// Reads an answer; none if there is nothing in it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if let Some(tail) = marked(text) {
            if let Some(letter) = choice(tail) {
                return Some(Self::Words(letter));
            }
            let words = normal(tail);
            if words.split(' ').count() <= NEAR_THE_END
                && let Some(figure) = figure(tail)
            {
                return Some(figure);
            }
            if !words.is_empty() {
                return Some(Self::Words(words));
            }
        }
        if let Some(letter) = choice(text) {
            return Some(Self::Words(letter));
        }
        figure(text).or_else(|| {
            let words = normal(text);
            (!words.is_empty()).then_some(Self::Words(words))
        })
    }

    /// Whether two come to the same.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Figure(a), Self::Figure(b)) => (a - b).abs() <= SAME * a.abs().max(1.0),
            (Self::Words(a), Self::Words(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Figure(value) => write!(f, "{value}"),
            Self::Words(words) => f.write_str(words),
        }
    }
}

/// What stands behind the last mark of a text, up to the end of its line.
fn marked(text: &str) -> Option<&str> {
    // Lower case of ASCII alone keeps the places.
    let lower = text.to_ascii_lowercase();
    let begins = |at: usize| !lower[..at].ends_with(|c: char| c.is_alphanumeric());
    let ends = MARKS.iter().filter_map(|mark| {
        let at = lower.rmatch_indices(mark).map(|(at, _)| at).find(|at| begins(*at))?;
        Some(at + mark.len())
    });
    let tail = text[ends.max()?..].trim_start_matches([':', ' ', '*', '$', '`']);
    let line = tail.lines().next().unwrap_or_default().trim();
    (!line.is_empty()).then_some(line)
}

/// A letter among choices: `B`, `(b)`, `B.`, `C) because …`.
fn choice(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches(['(', '*', '[']);
    let mut chars = text.chars();
    let letter = chars.next().filter(|c| matches!(c, 'A'..='J' | 'a'..='j'))?;
    match chars.next() {
        None | Some(')' | ']' | ':') => {}
        Some('.' | '*') if !chars.next().is_some_and(char::is_alphanumeric) => {}
        _ => return None,
    }
    Some(letter.to_ascii_lowercase().to_string())
}

/// The figure that a text ends in.
fn figure(text: &str) -> Option<Last> {
    atoms(text, false).iter().rev().take(NEAR_THE_END).find_map(|atom| match atom.what {
        What::Figure { value, .. } => Some(Last::Figure(value)),
        _ => None,
    })
}

/// The words of a text, in lower case.
fn normal(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_answer_is_read() {
        let words = |w: &str| Some(Last::Words(w.to_owned()));
        let figure = |v: f64| Some(Last::Figure(v));
        for (text, last) in [
            ("She has 16 - 3 = 13 eggs\nA: 26", figure(26.0)),
            ("So it is\n#### 1,000", figure(1000.0)),
            ("**Final answer:** B", words("b")),
            ("(C) because the rest is wrong", words("c")),
            ("The answer is D. It follows from 3.", words("d")),
            ("In all, she pays $42.50.", figure(42.5)),
            ("A: -10", figure(-10.0)),
            ("It is Paris.", words("it is paris")),
            ("Answer: Paris", words("paris")),
            ("A banana: 3 of them are yellow", figure(3.0)),
            ("", None),
            (" \n", None),
        ] {
            assert_eq!(Last::read(text), last, "{text}");
        }
    }

    #[test]
    fn figures_are_the_same_whatever_their_notation() {
        let read = |text: &str| Last::read(text).expect("something");
        assert!(read("A: 18.00").same(&read("it makes $18")));
        assert!(!read("A: 18").same(&read("A: 81")));
        assert_eq!(read("A: 18.00").to_string(), "18");
    }
}
