//! True sayings about sample documents against false ones, told apart by their support alone.

mod verify_documents;

use autoos_fabric::verify::{Evidence, Index};
use rand::{SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::collections::HashMap;
use verify_documents::{CHANGES, Change, DOCUMENTS, Document, MORE, changed, truth};

/// The share of pairs in which the true answer has the higher support; ties count for half.
fn auroc(good: &[f64], bad: &[f64]) -> f64 {
    let mut sum = 0.0;
    for g in good {
        for b in bad {
            sum += if g > b { 1.0 } else { f64::from(u8::from(g == b)) / 2.0 };
        }
    }
    sum / (good.len() * bad.len()) as f64
}

/// What came of telling sayings apart.
#[derive(Default)]
struct Told {
    good: Vec<f64>,
    bad: HashMap<Change, Vec<f64>>,
    /// Named as unsupported, of how many.
    named: HashMap<Change, (usize, usize)>,
    missed: Vec<String>,
    alarms: Vec<String>,
}

/// Every saying as it is true and with every change, alone and beside another true one.
fn tell(documents: &[Document], rng: &mut StdRng) -> Told {
    let mut told = Told::default();
    for document in documents {
        let index =
            Index::new(&[Evidence { name: "document".into(), value: document.text.into() }]);
        let support = |answer: &str| index.ground(answer).support.expect("something to compare");
        for saying in document.sayings {
            let beside = truth(document.sayings.choose(rng).expect("one"));
            let right = truth(saying);
            told.good.extend([support(&right), support(&format!("{beside} {right}"))]);
            let found = index.ground(&right);
            if found.unsupported().count() > 0 {
                let why: Vec<String> = found.unsupported().map(|c| c.sentence()).collect();
                told.alarms.push(format!("{right} {}", why.join(" ")));
            }
            for change in CHANGES {
                let Some(wrong) = changed(saying, change, document.text, rng) else { continue };
                let scores = told.bad.entry(change).or_default();
                scores.extend([support(&wrong), support(&format!("{beside} {wrong}"))]);
                let named = index.ground(&wrong).unsupported().count() > 0;
                let count = told.named.entry(change).or_default();
                *count = (count.0 + usize::from(named), count.1 + 1);
                if !named {
                    told.missed.push(format!("{change:?} {:.2}: {wrong}", support(&wrong)));
                }
            }
        }
    }
    told
}

fn report(name: &str, told: &Told) -> f64 {
    for change in CHANGES {
        let (found, of) = told.named[&change];
        let area = auroc(&told.good, &told.bad[&change]);
        eprintln!("{name}, {change:?}: area under the ROC curve {area:.3}, {found} of {of} named");
    }
    let all: Vec<f64> = told.bad.values().flatten().copied().collect();
    let area = auroc(&told.good, &all);
    let (good, bad, alarms) = (told.good.len(), all.len(), told.alarms.len());
    eprintln!("{name}: area {area:.3}; {good} true, {bad} false, {alarms} false alarms");
    told.missed.iter().for_each(|m| eprintln!("  missed {m}"));
    told.alarms.iter().for_each(|a| eprintln!("  alarm {a}"));
    area
}

#[test]
fn true_answers_have_more_support_than_false_ones() {
    let mut rng = StdRng::seed_from_u64(2_024);
    let told = tell(&DOCUMENTS, &mut rng);
    assert!(report("first", &told) >= 0.95);
    assert!(told.alarms.len() * 20 <= told.good.len(), "{:#?}", told.alarms);
    let told = tell(&MORE, &mut rng);
    assert!(report("second", &told) >= 0.93);
    assert!(told.alarms.len() * 20 <= told.good.len(), "{:#?}", told.alarms);
}
