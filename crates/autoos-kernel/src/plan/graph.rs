//! Order in a graph whose nodes name what they need: for steps and for goals.

use std::collections::{BTreeMap, BTreeSet};

/// A node's name and the names of what it needs. Names that are no node's are not waited for.
pub(super) type Node<'a> = (&'a str, BTreeSet<&'a str>);

/// The nodes' indexes, each after those that it needs and otherwise as they were given
/// (Kahn 1962); or the names along a circle, the first one again at its end.
pub(super) fn order<'a>(nodes: &[Node<'a>]) -> Result<Vec<usize>, Vec<&'a str>> {
    let index: BTreeMap<&str, usize> =
        nodes.iter().enumerate().map(|(i, (name, _))| (*name, i)).collect();
    let known = |(_, needs): &Node<'a>| -> Vec<usize> {
        needs.iter().filter_map(|need| index.get(need).copied()).collect()
    };
    let needs: Vec<Vec<usize>> = nodes.iter().map(known).collect();
    let mut waits: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (i, needed) in needs.iter().enumerate() {
        for n in needed {
            followers[*n].push(i);
        }
    }
    let mut ready: BTreeSet<usize> = (0..nodes.len()).filter(|i| waits[*i] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(i) = ready.pop_first() {
        order.push(i);
        for follower in &followers[i] {
            waits[*follower] -= 1;
            if waits[*follower] == 0 {
                ready.insert(*follower);
            }
        }
    }
    match waits.iter().position(|left| *left > 0) {
        None => Ok(order),
        Some(stuck) => Err(circle(nodes, &needs, &waits, stuck)),
    }
}

/// Whoever is stuck needs someone who is stuck: going from need to need must come round.
fn circle<'a>(
    nodes: &[Node<'a>],
    needs: &[Vec<usize>],
    waits: &[usize],
    stuck: usize,
) -> Vec<&'a str> {
    let mut path = Vec::new();
    let mut seen = BTreeMap::new();
    let mut at = stuck;
    let start = loop {
        if let Some(start) = seen.insert(at, path.len()) {
            break start;
        }
        path.push(nodes[at].0);
        at = *needs[at].iter().find(|n| waits[**n] > 0).expect("a stuck node needs a stuck one");
    };
    let mut circle = path.split_off(start);
    circle.push(circle[0]);
    circle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph<'a>(nodes: &[(&'a str, &[&'a str])]) -> Vec<Node<'a>> {
        nodes.iter().map(|(name, needs)| (*name, needs.iter().copied().collect())).collect()
    }

    #[test]
    fn what_is_needed_comes_first_and_the_rest_stays() {
        let nodes = graph(&[("d", &["b", "c"]), ("c", &["a"]), ("b", &["a"]), ("a", &[])]);
        assert_eq!(order(&nodes), Ok(vec![3, 1, 2, 0]));
    }

    #[test]
    fn only_the_circle_is_named() {
        let nodes = graph(&[("after", &["b"]), ("a", &["c"]), ("b", &["a"]), ("c", &["b"])]);
        assert_eq!(order(&nodes), Err(vec!["b", "a", "c", "b"]));
        assert_eq!(order(&graph(&[("a", &["a"])])), Err(vec!["a", "a"]));
    }

    #[test]
    fn unknown_needs_are_not_waited_for() {
        assert_eq!(order(&graph(&[("a", &["nobody"])])), Ok(vec![0]));
    }
}
