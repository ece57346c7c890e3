//! The evidence of a workflow's answers, kept as it was read where an answer is held against it
//! more than once: when it is written, when it is reviewed, and when a second one is asked for.
//!
//! Left out: what to read, which is the step's inputs, and how answers are held against it.

use super::ask::Gathered;
use autoos_fabric::verify::Index;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of evidence that are kept; what was read first goes first.
const BYTES: usize = 1 << 20;

/// What the answers of one workflow are held against.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Vec<Kept>>);

struct Kept {
    evidence: Vec<(String, Arc<Value>)>,
    index: Arc<Index>,
}

impl Kept {
    fn is(&self, evidence: &[&Gathered]) -> bool {
        let same = |(kept, other): (&(String, Arc<Value>), &&Gathered)| {
            // A file is read anew for each attempt.
            kept.0 == other.name && (Arc::ptr_eq(&kept.1, &other.value) || kept.1 == other.value)
        };
        self.evidence.len() == evidence.len() && self.evidence.iter().zip(evidence).all(same)
    }
}

impl Shelf {
    /// This evidence, read now or before.
    pub(super) fn index(&self, evidence: &[&Gathered]) -> Arc<Index> {
        if let Some(kept) = self.kept().iter().find(|kept| kept.is(evidence)) {
            return kept.index.clone();
        }
        let index = Arc::new(read(evidence));
        let own = evidence.iter().map(|e| (e.name.clone(), e.value.clone())).collect();
        let mut kept = self.kept();
        kept.push(Kept { evidence: own, index: index.clone() });
        let mut bytes: usize = kept.iter().map(|k| k.index.bytes()).sum();
        while bytes > BYTES && !kept.is_empty() {
            bytes -= kept.remove(0).index.bytes();
        }
        index
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads evidence.
pub(super) fn read(evidence: &[&Gathered]) -> Index {
    Index::of(evidence.iter().map(|input| (input.name.as_str(), &*input.value)))
}

#[cfg(test)]
mod tests {
    use super::{super::Origin, *};

    fn given(name: &str, text: &str) -> Gathered {
        let value = Arc::new(Value::from(text));
        Gathered { name: name.into(), value, found: true, origin: Origin::Given }
    }

    #[test]
    fn the_same_evidence_is_read_once_and_other_evidence_is_not_taken_for_it() {
        let shelf = Shelf::default();
        let (one, again) = (given("notes", "12 cats"), given("notes", "12 cats"));
        let first = shelf.index(&[&one]);
        assert!(Arc::ptr_eq(&first, &shelf.index(&[&again])));
        for other in [given("notes", "13 cats"), given("report", "12 cats")] {
            assert!(!Arc::ptr_eq(&first, &shelf.index(&[&other])));
        }
        assert!(!Arc::ptr_eq(&first, &shelf.index(&[&one, &given("more", "")])));
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let shelf = Shelf::default();
        let long = "word\n".repeat(BYTES / 5 + 1);
        let (small, large) = (given("small", "12 cats"), given("large", &long));
        let first = shelf.index(&[&small]);
        shelf.index(&[&large]);
        assert!(!Arc::ptr_eq(&first, &shelf.index(&[&small])), "the large one took its place");
    }
}
