//! Which records the words around a claim name.
//!
//! A record is named where most words of one of its values are said, and no better than other
//! records of its list are. Words that name most of a list name none of it.

use super::{
    atoms::{What, atoms},
    claims::{Draft, Sentence},
    index::{COMMON, NONE},
    judge::Judge,
};
use std::{collections::HashMap, ops::Range};

/// The records that some words name: for each list, its elements.
pub(super) type Labels = Vec<(u32, Vec<u32>)>;

impl Judge<'_> {
    /// The records that the words around a claim name: those of its clause, else of its sentence;
    /// a line of a list item is about what the item's first line names.
    pub(super) fn labels_for(&mut self, draft: &Draft) -> Labels {
        let sentence: &Sentence = &self.reading.sentences[draft.sentence];
        if sentence.heading || !self.lists {
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
        // How many words of a value are said, and how many of them carry meaning.
        let mut said: HashMap<u32, (u32, u32)> = HashMap::new();
        let mut seen: Vec<String> = Vec::new();
        for atom in atoms(text, true) {
            if !matches!(atom.what, What::Word | What::Name) {
                continue;
            }
            let word = text[atom.start..atom.end].to_lowercase();
            if seen.contains(&word) {
                continue;
            }
            let places = self.index.places_of(&word);
            let telling = u32::from(!FUNCTION_WORDS.contains(&word.as_str()));
            seen.push(word);
            if places.len() < COMMON {
                for scalar in places.iter().filter(|s| **s != NONE) {
                    let entry = said.entry(*scalar).or_default();
                    *entry = (entry.0 + 1, entry.1 + telling);
                }
            }
        }
        let mut best: HashMap<u32, (u32, Vec<u32>)> = HashMap::new();
        for (scalar, (n, telling)) in said {
            let found = self.index.scalars[scalar as usize];
            if telling == 0 || found.words == 0 || n * 5 < found.words * 3 {
                continue;
            }
            for (record, group) in self.index.records(found.unit) {
                // A piece of evidence is named by its name or by what it says of itself, not by one
                // word that occurs somewhere deep in it.
                if group == PIECES && record != found.unit && telling < 2 {
                    continue;
                }
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
}

/// The list of the pieces of evidence themselves, which the index makes first.
const PIECES: u32 = 0;

/// Words that hold a sentence together: a value that is one of them, such as a variable called
/// `from`, is not named by a sentence that uses it.
const FUNCTION_WORDS: &[&str] = &[
    "a", "after", "all", "an", "and", "are", "as", "at", "be", "before", "between", "but", "by",
    "first", "for", "from", "had", "has", "have", "in", "is", "it", "its", "last", "most", "no",
    "not", "of", "on", "once", "one", "or", "than", "that", "the", "then", "there", "these",
    "they", "this", "to", "until", "was", "were", "which", "who", "with",
];

fn respectively(text: &str) -> bool {
    text.contains("respectively")
}
