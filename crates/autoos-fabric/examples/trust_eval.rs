//! How well the grounding check tells true answers from others, on labelled data.
//!
//! `cargo run --release -p autoos-fabric --example trust_eval -- FILE…`, or with the files'
//! folder in `AUTOOS_TRUST_DATA`. A line of a file is `{"context", "answer", "consistent"}`;
//! `label` may stand for `consistent` (1 = supported). Prints the area under the ROC curve and the
//! balanced accuracy at 0.5 and at the best threshold, each with a 95 % bootstrap interval. With
//! `--scores`, prints one line per item instead.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use autoos_fabric::verify::{Evidence, ground};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::Value;
use std::{path::PathBuf, time::Instant};

/// A judged answer: its score, and whether it is supported.
type Judged = (f64, bool);

/// The share of pairs in which the supported answer has the higher score.
fn auroc(items: &[Judged]) -> f64 {
    let mut sorted = items.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut sum, mut good, mut at) = (0.0, 0.0, 0.0, 0);
    while at < sorted.len() {
        let same = sorted[at..].iter().take_while(|i| i.0 == sorted[at].0).count();
        let bad_here = sorted[at..at + same].iter().filter(|i| !i.1).count() as f64;
        let good_here = same as f64 - bad_here;
        sum += good_here * (below + bad_here / 2.0);
        below += bad_here;
        good += good_here;
        at += same;
    }
    if good > 0.0 && below > 0.0 { sum / (good * below) } else { f64::NAN }
}

/// The mean of the shares of both kinds that are told rightly.
fn balanced(items: &[Judged], threshold: f64) -> f64 {
    let share = |kind: bool| {
        let all: Vec<&Judged> = items.iter().filter(|i| i.1 == kind).collect();
        all.iter().filter(|i| (i.0 >= threshold) == kind).count() as f64 / all.len().max(1) as f64
    };
    (share(true) + share(false)) / 2.0
}

fn best(items: &[Judged]) -> (f64, f64) {
    let thresholds = (1..100).map(|t| f64::from(t) / 100.0);
    let all = thresholds.map(|t| (balanced(items, t), t));
    all.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::NAN, 0.5))
}

/// The value between which 95 of 100 resamplings lie.
fn interval(items: &[Judged], figure: impl Fn(&[Judged]) -> f64) -> String {
    let mut rng = StdRng::seed_from_u64(1);
    let mut values: Vec<f64> = (0..1000)
        .map(|_| {
            let again: Vec<Judged> =
                items.iter().map(|_| items[rng.random_range(0..items.len())]).collect();
            figure(&again)
        })
        .filter(|v| v.is_finite())
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((values.len() as f64 * share) as usize).copied();
    format!("{:.3}–{:.3}", at(0.025).unwrap_or(f64::NAN), at(0.975).unwrap_or(f64::NAN))
}

fn label(item: &Value) -> Option<bool> {
    ["consistent", "label", "supported"].iter().find_map(|key| match &item[*key] {
        Value::Bool(yes) => Some(*yes),
        Value::Number(n) => n.as_f64().map(|n| n >= 0.5),
        _ => None,
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files: Vec<PathBuf> =
        std::env::args().skip(1).filter(|a| a != "--scores").map(PathBuf::from).collect();
    let scores = std::env::args().any(|a| a == "--scores");
    if files.is_empty()
        && let Some(folder) = std::env::var_os("AUTOOS_TRUST_DATA")
    {
        files =
            std::fs::read_dir(folder)?.map(|f| Ok(f?.path())).collect::<std::io::Result<_>>()?;
        files.retain(|f| f.extension().is_some_and(|e| e == "jsonl"));
    }
    if files.is_empty() {
        println!("no data: name a file of JSON lines, or set AUTOOS_TRUST_DATA to its folder");
    }
    for file in files {
        let mut items = Vec::new();
        let began = Instant::now();
        for (at, line) in std::fs::read_to_string(&file)?.lines().enumerate() {
            let item: Value = serde_json::from_str(line)?;
            let (Some(context), Some(answer)) = (item["context"].as_str(), item["answer"].as_str())
            else {
                return Err(format!("{}:{}: no context and answer", file.display(), at + 1).into());
            };
            let evidence = [Evidence { name: "context".into(), value: context.into() }];
            let grounding = ground(answer, &evidence);
            let score = grounding.support.unwrap_or(0.5);
            let Some(label) = label(&item) else { continue };
            if scores {
                println!("{score:.4}\t{label}\t{at}");
                for claim in grounding.unsupported() {
                    println!("\t{}", claim.sentence());
                }
            }
            items.push((score, label));
        }
        let took = began.elapsed().as_secs_f64() * 1e3 / items.len().max(1) as f64;
        let (top, threshold) = best(&items);
        let good = items.iter().filter(|i| i.1).count();
        println!(
            "{}: {} answers, {good} supported, {took:.2} ms each",
            file.display(),
            items.len()
        );
        println!("  area under the ROC curve {:.3} ({})", auroc(&items), interval(&items, auroc));
        let at_half = |i: &[Judged]| balanced(i, 0.5);
        println!(
            "  balanced accuracy at 0.5 {:.3} ({})",
            at_half(&items),
            interval(&items, at_half)
        );
        println!(
            "  balanced accuracy at {threshold:.2} {top:.3} (the best threshold on this data)"
        );
    }
    Ok(())
}
