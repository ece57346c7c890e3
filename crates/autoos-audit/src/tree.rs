//! The Merkle tree over a log, as RFC 6962 (section 2.1) has it, with BLAKE3.
//!
//! Only its full subtrees are kept: as many hashes as the size has ones in binary. Appending a
//! leaf costs two hashes on average. A full subtree can stand for its leaves, which is how a part
//! of a log is proven without the rest of it.

use crate::Hash;
use serde::{Deserialize, Serialize};

/// A full subtree: `1 << level` leaves from `start` on, which is a multiple of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtree {
    /// Its first leaf.
    pub start: u64,
    /// How many levels of nodes are above its leaves.
    pub level: u8,
    /// Its hash.
    pub hash: Hash,
}

/// A tree over the leaves of a log, or over a run of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    start: u64,
    end: u64,
    full: Vec<Subtree>,
}

/// The hash of a leaf, from the digest of its event.
#[must_use]
pub fn leaf(digest: &[u8; 32]) -> Hash {
    let mut bytes = [0; 33];
    bytes[1..].copy_from_slice(digest);
    Hash::of(&bytes)
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Hash::of(&bytes)
}

impl Tree {
    /// An empty run that begins with the leaf `start`.
    #[must_use]
    pub fn from(start: u64) -> Self {
        Self { start, end: start, full: Vec::new() }
    }

    /// The leaf that comes next; of a whole log, how many it has.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Whether it has no leaves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Adds the leaf of an event with this digest.
    pub fn push(&mut self, digest: &[u8; 32]) {
        self.take(Subtree { start: self.end, level: 0, hash: leaf(digest) });
    }

    /// Adds a subtree that comes next; false, and nothing is added, when it cannot stand there.
    pub fn push_subtree(&mut self, subtree: Subtree) -> bool {
        let fits = subtree.start == self.end
            && subtree.level < 63
            && subtree.start.is_multiple_of(1 << subtree.level)
            && subtree.start.checked_add(1 << subtree.level).is_some();
        if fits {
            self.take(subtree);
        }
        fits
    }

    fn take(&mut self, mut last: Subtree) {
        self.end = last.start + (1 << last.level);
        while let Some(left) = self.full.last()
            && left.level == last.level
            && left.start.is_multiple_of(2 << left.level)
        {
            let hash = node(&left.hash, &last.hash);
            last = Subtree { start: left.start, level: left.level + 1, hash };
            self.full.pop();
        }
        self.full.push(last);
    }

    /// The full subtrees that make it up, in order.
    #[must_use]
    pub fn subtrees(&self) -> &[Subtree] {
        &self.full
    }

    /// The root of a whole log.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut hashes = self.full.iter().rev().map(|subtree| subtree.hash);
        match hashes.next() {
            Some(last) => hashes.fold(last, |right, left| node(&left, &right)),
            None => Hash::of(&[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As RFC 6962 writes it down.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of(&[]),
            [one] => *one,
            more => {
                let left = more.len().next_power_of_two() / 2;
                node(&by_definition(&more[..left]), &by_definition(&more[left..]))
            }
        }
    }

    fn digest(n: u64) -> [u8; 32] {
        *blake3::hash(&n.to_le_bytes()).as_bytes()
    }

    #[test]
    fn roots_are_those_of_the_definition() {
        let mut tree = Tree::default();
        let mut leaves = Vec::new();
        for n in 0..200 {
            assert_eq!(tree.root(), by_definition(&leaves), "{n} leaves");
            tree.push(&digest(n));
            leaves.push(leaf(&digest(n)));
        }
    }

    /// Formats are forever: when this fails, it is the code that must change back.
    #[test]
    fn roots_never_change() {
        let mut tree = Tree::default();
        (0..5).for_each(|n| tree.push(&digest(n)));
        assert_eq!(format!("{:?}", tree.root()), ROOT_OF_FIVE);
    }
    const ROOT_OF_FIVE: &str = "86e123d0";

    proptest! {
        /// Any runs of a log may be given as subtrees, and the root stays the same.
        #[test]
        fn runs_stand_for_their_leaves(cuts in proptest::collection::vec(0u64..300, 0..8)) {
            let mut whole = Tree::default();
            (0..300).for_each(|n| whole.push(&digest(n)));
            let mut cuts = cuts;
            cuts.extend([0, 300]);
            cuts.sort_unstable();
            let mut pruned = Tree::default();
            for (n, pair) in cuts.windows(2).enumerate() {
                if n % 2 == 0 {
                    (pair[0]..pair[1]).for_each(|n| pruned.push(&digest(n)));
                    continue;
                }
                let mut run = Tree::from(pair[0]);
                (pair[0]..pair[1]).for_each(|n| run.push(&digest(n)));
                for subtree in run.subtrees() {
                    prop_assert!(pruned.push_subtree(*subtree));
                }
            }
            prop_assert_eq!(pruned.end(), 300);
            prop_assert_eq!(pruned.root(), whole.root());
        }

        #[test]
        fn what_cannot_stand_there_is_refused(start in any::<u64>(), level in any::<u8>()) {
            let mut tree = Tree::default();
            (0..4).for_each(|n| tree.push(&digest(n)));
            let fits = start == 4 && level <= 2;
            prop_assert_eq!(tree.push_subtree(Subtree { start, level, hash: Hash::default() }), fits);
            prop_assert!(fits || tree.end() == 4);
        }
    }
}
