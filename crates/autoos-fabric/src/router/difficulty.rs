//! How much a prompt needs a strong model, learned from how a weak and a strong one fared.
//!
//! Two learners share the work. One weighs a dozen plain traits of the text (its length first:
//! before anything is learned, the longer is taken to be the harder); the other weighs its words
//! and pairs of words, rare ones more, and tells subjects apart once it has seen some hundreds of
//! prompts. Each learns what the other leaves unexplained. What they predict is the gain: strong
//! right less weak right.
//!
//! Scoring takes microseconds and no model. Left out: prices, which the router weighs.

use crate::belief::{Belief, Features, Prior, logistic};

/// Words are kept in so many places; those that share one are taken for each other.
const PLACES: usize = 1 << 17;
/// Of a text, so many words and pairs are looked at.
const MOST_WORDS: usize = 4_096;
/// How a gain scatters around what is expected of it.
const NOISE: f64 = 1.0;
/// What is not known of a word at first.
const WORD_VARIANCE: f32 = 0.15;
/// How much longer is harder, before anything is learned.
const LONGER_IS_HARDER: f64 = 0.3;
/// What is not known of a trait at first.
const TRAIT_VARIANCE: f64 = 0.02;
/// Gains are small: this spreads them over 0..=1.
const STEEP: f64 = 4.0;

/// What was learned of prompts so far.
#[derive(Debug, Clone, Default)]
pub struct Difficulty {
    traits: Belief,
    words: Vec<Word>,
    seen: u32,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    mean: f32,
    variance: f32,
    /// In so many prompts.
    seen: u32,
}

/// A prompt as the learners see it.
#[derive(Debug, Clone)]
pub struct Prompt {
    traits: Features,
    /// Places of its words, each once.
    words: Vec<u32>,
    /// Those that were seen before, with what they weigh.
    weighed: Vec<(u32, f32)>,
}

impl Difficulty {
    /// Reads a prompt.
    #[must_use]
    pub fn read(&mut self, text: &str) -> Prompt {
        let text = text.trim();
        let mut traits = Features::new();
        for (name, x) in look(text) {
            let mean = if name == LENGTH { LONGER_IS_HARDER } else { 0.0 };
            let variance = TRAIT_VARIANCE;
            traits.push((self.traits.place(name, Prior { mean, variance }), x));
        }
        let words = places(text);
        let weighed = self.weigh(&words);
        Prompt { traits, words, weighed }
    }

    /// How much it needs the strong model, in 0..=1; 0.5 says that the weak one does as well.
    #[must_use]
    pub fn score(&self, prompt: &Prompt) -> f64 {
        logistic(STEEP * (self.traits.value(&prompt.traits) + self.by_words(prompt)))
    }

    /// Is told how both fared.
    pub fn learn(&mut self, prompt: &Prompt, weak_right: bool, strong_right: bool) {
        let gain = f64::from(u8::from(strong_right)) - f64::from(u8::from(weak_right));
        let (by_traits, by_words) = (self.traits.value(&prompt.traits), self.by_words(prompt));
        self.traits.saw_value(&prompt.traits, gain - by_words, NOISE);
        if self.words.is_empty() {
            self.words = vec![Word { mean: 0.0, variance: WORD_VARIANCE, seen: 0 }; PLACES];
        }
        #[allow(clippy::cast_possible_truncation, reason = "a step needs no more digits")]
        let miss = (gain - by_traits - by_words) as f32;
        let spread = |(at, x): &(u32, f32)| self.words[*at as usize].variance * x * x;
        #[allow(clippy::cast_possible_truncation, reason = "it is 1")]
        let whole = NOISE as f32 + prompt.weighed.iter().map(spread).sum::<f32>();
        for (at, x) in &prompt.weighed {
            let word = &mut self.words[*at as usize];
            let step = word.variance * x / whole;
            word.mean += step * miss;
            word.variance *= 1.0 - step * x;
        }
        for at in &prompt.words {
            let word = &mut self.words[*at as usize];
            word.seen = word.seen.saturating_add(1);
        }
        self.seen = self.seen.saturating_add(1);
    }

    fn by_words(&self, prompt: &Prompt) -> f64 {
        prompt.weighed.iter().map(|(at, x)| f64::from(self.words[*at as usize].mean * x)).sum()
    }

    /// Rare words weigh more, and all of a prompt's together as much as those of any other.
    fn weigh(&self, words: &[u32]) -> Vec<(u32, f32)> {
        if self.words.is_empty() {
            return Vec::new();
        }
        #[allow(clippy::cast_precision_loss, reason = "a weight needs no more digits")]
        let rare = |seen: u32| ((self.seen + 2) as f32 / (seen + 1) as f32).ln();
        let known = words.iter().map(|at| (*at, self.words[*at as usize].seen));
        let mut weighed: Vec<(u32, f32)> =
            known.filter(|(_, seen)| *seen > 0).map(|(at, seen)| (at, rare(seen))).collect();
        let length = weighed.iter().map(|(_, x)| x * x).sum::<f32>().sqrt();
        if length > 0.0 {
            weighed.iter_mut().for_each(|(_, x)| *x /= length);
        }
        weighed
    }
}

const LENGTH: &str = "length";

/// The traits of a text, each around 0 and about as wide as 1.
fn look(text: &str) -> [(&'static str, f64); 15] {
    let (mut chars, mut digits, mut capitals, mut signs, mut lines) = (0, 0, 0, 0, 0);
    for c in text.chars() {
        chars += 1;
        digits += usize::from(c.is_ascii_digit());
        capitals += usize::from(c.is_uppercase());
        signs += usize::from(!c.is_alphanumeric() && !c.is_whitespace());
        lines += usize::from(c == '\n');
    }
    let lower = text.to_lowercase();
    let words: Vec<&str> = pieces(&lower).collect();
    let letters: usize = words.iter().map(|word| word.len()).sum();
    let numbers = words.iter().filter(|word| word.as_bytes()[0].is_ascii_digit()).count();
    let mut apart = words.clone();
    apart.sort_unstable();
    apart.dedup();
    let has = |any: &[&str]| f64::from(u8::from(any.iter().any(|part| lower.contains(part))));
    let word = |any: &[&str]| f64::from(u8::from(words.iter().any(|word| any.contains(word))));
    let share = |part: usize| 10.0 * count(part) / count(chars.max(1));
    let length = (1.0 + count(chars)).ln() - 5.5;
    let sentences = text.split(['.', '?', '!']).skip(1).filter(|rest| ends(rest)).count();
    [
        ("base", 1.0),
        (LENGTH, length),
        ("length squared", length * length),
        ("digits", share(digits)),
        ("numbers", (1.0 + count(numbers)).ln()),
        ("capitals", share(capitals)),
        ("signs", share(signs)),
        ("long words", count(letters) / count(words.len().max(1)) - 4.0),
        ("lines", (1.0 + count(lines)).ln()),
        ("sentences", (1.0 + count(sentences)).ln()),
        ("words once", count(apart.len()) / count(words.len().max(1))),
        ("percent", has(&["%"])),
        ("parts", word(&["half", "third", "quarter", "twice", "times"])),
        ("negation", word(&["not", "no", "except", "false"])),
        ("code", has(&["{", "}", "(", ")", ";", "==", "def ", "int "])),
    ]
}

/// Whether what came before ended a sentence.
fn ends(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(char::is_whitespace)
}

/// Words and numbers, and each other sign by itself.
fn pieces(lower: &str) -> impl Iterator<Item = &str> {
    let mut rest = lower;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let class = |c: char| if c.is_numeric() { 1 } else { u8::from(c.is_alphabetic()) * 2 };
        let end = match class(first) {
            0 => first.len_utf8(),
            kind => rest.find(|c| class(c) != kind).unwrap_or(rest.len()),
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// The places of the words and pairs of words of a text, each once, in order.
fn places(text: &str) -> Vec<u32> {
    let lower = text.to_lowercase();
    let (mut out, mut before) = (Vec::new(), None::<u64>);
    for word in pieces(&lower).filter(|word| word.len() > 1).take(MOST_WORDS) {
        let id = fnv(word.as_bytes(), 0xcbf2_9ce4_8422_2325);
        out.push(place(id));
        if let Some(before) = before {
            out.push(place(fnv(&id.to_le_bytes(), before)));
        }
        before = Some(id);
    }
    out.sort_unstable();
    out.dedup();
    out
}

#[allow(clippy::cast_possible_truncation, reason = "it is cut to fewer bits on purpose")]
fn place(id: u64) -> u32 {
    ((id ^ (id >> 32)) as usize % PLACES) as u32
}

/// FNV-1a, the same on every machine.
fn fnv(bytes: &[u8], start: u64) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_is_the_harder_before_anything_is_learned() {
        let mut difficulty = Difficulty::default();
        let short = difficulty.read("What is the capital of France?");
        let long =
            difficulty.read(&"A train leaves at noon and another an hour later. ".repeat(20));
        assert!(difficulty.score(&long) > difficulty.score(&short));
    }

    #[test]
    fn a_subject_that_the_weak_model_fails_at_is_learned_by_its_words() {
        let mut difficulty = Difficulty::default();
        let prompt = |n: usize, hard: bool| {
            let subject =
                if hard { "the homology group of the torus" } else { "the colour of grass" };
            format!("Question {n}: tell me about {subject}, please.")
        };
        for n in 0..60 {
            let hard = n % 2 == 0;
            let read = difficulty.read(&prompt(n, hard));
            difficulty.learn(&read, !hard, true);
        }
        let (hard, easy) =
            (difficulty.read(&prompt(99, true)), difficulty.read(&prompt(99, false)));
        let (hard, easy) = (difficulty.score(&hard), difficulty.score(&easy));
        assert!(hard > easy + 0.1, "{hard} {easy}");
    }

    #[test]
    fn an_outcome_never_changes_the_score_that_was_given_before() {
        let mut difficulty = Difficulty::default();
        let prompt = difficulty.read("2 + 2?");
        let before = difficulty.score(&prompt);
        difficulty.learn(&prompt, false, true);
        assert!(difficulty.score(&prompt) > before);
    }

    #[test]
    fn odd_texts_are_read_too() {
        let mut difficulty = Difficulty::default();
        for text in ["", " \n ", "日本語のテキスト", "a", "\u{0}\u{1}", &"x ".repeat(100_000)]
        {
            let read = difficulty.read(text);
            assert!((0.0..=1.0).contains(&difficulty.score(&read)), "{text:.20}");
            difficulty.learn(&read, true, false);
        }
    }
}
