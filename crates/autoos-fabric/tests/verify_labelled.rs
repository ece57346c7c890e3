//! True sayings about sample documents against false ones, told apart by their support alone.

mod verify_documents;

use autoos_fabric::verify::{Evidence, Index, Status};
use rand::{SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::collections::HashMap;
use verify_documents::{CHANGES, Change, DOCUMENTS, changed, truth};

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

#[test]
fn true_answers_have_more_support_than_false_ones() {
    let mut rng = StdRng::seed_from_u64(2_024);
    let mut good = Vec::new();
    let mut bad: HashMap<Change, Vec<f64>> = HashMap::new();
    let (mut alarms, mut caught, mut missed) = (Vec::new(), HashMap::new(), Vec::new());
    for document in &DOCUMENTS {
        let index =
            Index::new(&[Evidence { name: "document".into(), value: document.text.into() }]);
        for saying in document.sayings {
            // By itself, and among true ones.
            let beside = truth(document.sayings.choose(&mut rng).expect("one"));
            for (answer, alone) in
                [(truth(saying), true), (format!("{beside} {}", truth(saying)), false)]
            {
                let grounding = index.ground(&answer);
                good.push(grounding.support.expect("there is something to compare"));
                if alone && grounding.unsupported().count() > 0 {
                    let why: Vec<String> = grounding.unsupported().map(|c| c.sentence()).collect();
                    alarms.push(format!("{answer}\n    {}", why.join("\n    ")));
                }
            }
            for change in CHANGES {
                let Some(wrong) = changed(saying, change, document.text, &mut rng) else {
                    continue;
                };
                for (answer, alone) in [(wrong.clone(), true), (format!("{beside} {wrong}"), false)]
                {
                    let grounding = index.ground(&answer);
                    let support = grounding.support.expect("there is something to compare");
                    bad.entry(change).or_default().push(support);
                    if alone {
                        let entry: &mut (usize, usize) = caught.entry(change).or_default();
                        let found =
                            grounding.claims.iter().any(|c| c.status == Status::Unsupported);
                        *entry = (entry.0 + usize::from(found), entry.1 + 1);
                        if !found {
                            missed.push(format!("{change:?} {support:.2}: {answer}"));
                        }
                    }
                }
            }
        }
    }
    for change in CHANGES {
        let (found, of) = caught[&change];
        eprintln!(
            "{change:?}: area under the ROC curve {:.3}, {found} of {of} named",
            auroc(&good, &bad[&change])
        );
    }
    let all: Vec<f64> = bad.into_values().flatten().collect();
    let area = auroc(&good, &all);
    eprintln!(
        "all: {area:.3}, {} true, {} false, {} false alarms",
        good.len(),
        all.len(),
        alarms.len()
    );
    missed.iter().for_each(|m| eprintln!("  missed {m}"));
    alarms.iter().for_each(|a| eprintln!("  alarm {a}"));
    assert!(area >= 0.9, "{area}");
}
