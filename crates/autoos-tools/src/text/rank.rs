//! Which sentences say the most.
//!
//! A sentence scores by how near its words are to those of the whole text, each word weighted by
//! how often it comes and in how few sentences, and by where it stands. Chosen one after the other,
//! what repeats a chosen one counts less. The same text always gives the same choice.

use super::sentences::Sentence;
use std::collections::{BTreeMap, HashMap};

/// How much a sentence that repeats a chosen one loses.
const REPETITION: f64 = 0.6;
/// Shortest and longest sentence that is taken as it is, in words.
const FEWEST: usize = 4;
const MOST: usize = 60;

/// English words that say nothing of a text. In other languages their frequency has to do.
const STOP: &str = " a about after again all also am an and any are as at be because been before \
    being between both but by can could did do does doing down during each few for from further had \
    has have having he her here hers him his how i if in into is it its itself just me more most my \
    no nor not now of off on once only or other our ours out over own same she should so some such \
    than that the their theirs them then there these they this those through to too under until up \
    very was we were what when where which while who whom why will with would you your yours ";

/// A sentence with its words and score.
#[derive(Debug)]
pub(super) struct Scored {
    pub(super) sentence: Sentence,
    pub(super) score: f64,
    words: Vec<(usize, f64)>,
    count: usize,
}

/// A word and how much the text is about it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Keyword {
    pub(super) word: String,
    pub(super) count: u64,
    pub(super) sentences: u64,
}

/// What the words of a text say about its sentences.
#[derive(Debug)]
pub(super) struct Ranking {
    pub(super) sentences: Vec<Scored>,
    pub(super) keywords: Vec<Keyword>,
}

/// Scores the sentences of a text.
#[allow(clippy::cast_precision_loss)] // Counts of words in a few megabytes.
pub(super) fn rank(text: &str, sentences: &[Sentence]) -> Ranking {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut known: Vec<Keyword> = Vec::new();
    let mut bags: Vec<(BTreeMap<usize, u64>, usize)> = Vec::new();
    for sentence in sentences {
        let mut bag = BTreeMap::new();
        let mut count = 0;
        for word in words(&text[sentence.start..sentence.end]) {
            count += 1;
            if is_stop(&word) {
                continue;
            }
            let place = *places.entry(word.clone()).or_insert_with(|| {
                known.push(Keyword { word, count: 0, sentences: 0 });
                known.len() - 1
            });
            known[place].count += 1;
            *bag.entry(place).or_insert(0) += 1;
        }
        for place in bag.keys() {
            known[*place].sentences += 1;
        }
        bags.push((bag, count));
    }
    let all = sentences.len() as f64;
    let rarity = |place: usize| (1.0 + all / (known[place].sentences as f64)).ln();
    let mut centre = vec![0.0; known.len()];
    let mut scored = Vec::with_capacity(sentences.len());
    for (sentence, (bag, count)) in sentences.iter().zip(bags) {
        let words: Vec<(usize, f64)> =
            bag.iter().map(|(place, times)| (*place, *times as f64 * rarity(*place))).collect();
        words.iter().for_each(|(place, weight)| centre[*place] += weight);
        scored.push(Scored { sentence: *sentence, score: 0.0, words, count });
    }
    let length = norm(centre.iter());
    for one in &mut scored {
        let shared: f64 = one.words.iter().map(|(place, weight)| weight * centre[*place]).sum();
        let own = norm(one.words.iter().map(|(_, weight)| weight));
        let nearness = if own > 0.0 && length > 0.0 { shared / (own * length) } else { 0.0 };
        one.score = nearness * position(&one.sentence) * fitness(one.count);
    }
    known.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.word.cmp(&b.word)));
    Ranking { sentences: scored, keywords: known }
}

/// The places of the `most` sentences to show, in the order of the text.
pub(super) fn choose(scored: &[Scored], most: usize) -> Vec<usize> {
    let mut value: Vec<f64> = scored.iter().map(|one| one.score).collect();
    let mut chosen = Vec::new();
    while chosen.len() < most {
        let left = (0..scored.len()).filter(|at| !chosen.contains(at) && value[*at] > 0.0);
        // Of equals the first: iteration is in the order of the text.
        let best = left.reduce(|best, at| if value[at] > value[best] { at } else { best });
        let Some(best) = best else { break };
        chosen.push(best);
        for (at, value) in value.iter_mut().enumerate() {
            *value *= 1.0 - REPETITION * likeness(&scored[best], &scored[at]);
        }
    }
    chosen.sort_unstable();
    chosen
}

/// The beginning of a text, and of a paragraph, tells what it is about.
#[allow(clippy::cast_precision_loss)]
fn position(sentence: &Sentence) -> f64 {
    let of_text = 1.0 + 0.5 / (1.0 + sentence.paragraph as f64);
    if sentence.first { of_text * 1.1 } else { of_text }
}

/// Scraps and endless sentences make poor summaries.
fn fitness(words: usize) -> f64 {
    match words {
        0..FEWEST => 0.3,
        FEWEST..=MOST => 1.0,
        _ => 0.6,
    }
}

fn likeness(a: &Scored, b: &Scored) -> f64 {
    let (mut i, mut j, mut shared) = (0, 0, 0.0);
    while let (Some((place, weight)), Some((other, by))) = (a.words.get(i), b.words.get(j)) {
        match place.cmp(other) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                shared += weight * by;
                i += 1;
                j += 1;
            }
        }
    }
    let length = norm(a.words.iter().map(|(_, weight)| weight))
        * norm(b.words.iter().map(|(_, weight)| weight));
    if length > 0.0 { shared / length } else { 0.0 }
}

fn norm<'a>(weights: impl Iterator<Item = &'a f64>) -> f64 {
    weights.map(|weight| weight * weight).sum::<f64>().sqrt()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '_'))
        .map(|word| word.trim_matches('\'').to_lowercase())
        .filter(|word| !word.is_empty())
}

fn is_stop(word: &str) -> bool {
    word.chars().count() < 2
        || word.chars().all(|c| c.is_ascii_digit())
        || word.contains('\'')
        || STOP.contains(&format!(" {word} "))
}
