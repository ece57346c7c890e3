//! The deterministic simulation: one workflow in a world with a seeded clock, where calls fail,
//! stall, lie and come late, tools act and cannot tell, and the process dies at any moment and loses
//! what was not synced. After every step an oracle with books of its own looks for broken promises
//! (I1 no lost acknowledgement, I2 prefix, I3 effects at most once, I4 transitions exactly once,
//! I6 it ends once the faults stop, I8 budget, I12 nothing starts after an acknowledged cancel).
//!
//! `AUTOOS_SIM_SEEDS=n` runs the first n seeds, `AUTOOS_SIM_SEED=k` the k-th alone. Left out: more
//! than one workflow and more than one node; those worlds come with the runtime and the cluster.

mod bug;
mod journal;
mod oracle;
mod outside;
mod owner;
mod plan;
mod world;

use autoos_kernel::workflow::Event;
use bug::Bug;
use std::collections::BTreeMap;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn repeat(seed: u64) -> String {
    format!("repeat with: AUTOOS_SIM_SEED={seed} cargo test -p autoos-tests --test sim")
}

#[test]
fn no_seed_breaks_a_promise() {
    let seeds = match number("AUTOOS_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("AUTOOS_SIM_SEEDS").unwrap_or(300),
    };
    let full = seeds.end - seeds.start >= 200;
    let (mut kinds, mut faults) = (BTreeMap::new(), BTreeMap::new());
    for seed in seeds {
        let report = world::run(seed, None)
            .unwrap_or_else(|broken| panic!("seed {seed}: {broken}\n{}", repeat(seed)));
        for (kind, times) in report.kinds {
            *kinds.entry(kind).or_insert(0) += times;
        }
        for (fault, times) in report.faults {
            *faults.entry(fault).or_insert(0) += times;
        }
    }
    // A world in which nothing happens breaks nothing.
    if full {
        // A fork begins with another workflow's events; scripts tell its story.
        let kinds_here =
            <Event as strum::VariantNames>::VARIANTS.iter().filter(|k| **k != "forked");
        for kind in kinds_here {
            assert!(kinds.get(kind).is_some_and(|n| *n >= 3), "{kind} is hardly seen: {kinds:?}");
        }
        for fault in FAULTS {
            assert!(faults.get(fault).is_some_and(|n| *n >= 20), "{fault} is rare: {faults:?}");
        }
    }
}

const FAULTS: [&str; 9] =
    ["crash", "cancel", "unsure", "failure", "stall", "late", "twice", "effect", "not sent"];

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..40 {
        let (first, second) = (world::run(seed, None), world::run(seed, None));
        assert_eq!(first, second, "{}", repeat(seed));
    }
    assert_ne!(world::run(1, None), world::run(2, None));
}

#[test]
fn every_planted_bug_is_caught() {
    for (bug, invariant) in Bug::ALL {
        // Some bugs break other promises too; its own must be among them.
        let name = format!("{invariant}:");
        let mut broken = (0..300).filter_map(|seed| world::run(seed, Some(bug)).err());
        assert!(broken.any(|b| b.starts_with(&name)), "{bug:?} broke no {invariant} in 300 seeds");
    }
}
