//! How long the grounding check takes: `cargo run --release -p autoos-fabric --example trust_speed`.
//!
//! Three cases: a short answer on a few short pieces of evidence (what a workflow step has), an
//! answer on a text of 2,000 words, and the tools' output of a megabyte. Each is measured with the
//! evidence read anew and with an index that is there already; medians are printed.

use autoos_fabric::verify::{Evidence, Index, ground, ground_in};
use serde_json::{Value, json};
use std::{hint::black_box, time::Instant};

const SUBJECTS: [&str; 8] = [
    "The northern depot",
    "Maria Keller",
    "The harbour office",
    "Tomas Brandt",
    "The inspection team",
    "Lena Okafor",
    "The ferry company",
    "The town council",
];
const DEEDS: [&str; 8] = [
    "reported a delay of",
    "counted",
    "approved repairs worth",
    "rejected an offer of",
    "shipped",
    "announced savings of",
    "lost",
    "recovered",
];
const OBJECTS: [&str; 8] = [
    "crates of machine parts before the storm reached the coast",
    "litres of diesel after the second audit of the year",
    "euros for the new pier, which had not been inspected since spring",
    "tonnes of grain that were meant for the southern market",
    "passengers on the late crossing between the islands",
    "hours of overtime because two of the cranes stood still",
    "letters from residents who asked for a quieter engine",
    "containers without papers, most of them from the old yard",
];

/// A text of about so many words in which no two sentences are alike.
fn text(words: usize) -> String {
    let mut out = String::new();
    let mut at = 0;
    let mut written = 0;
    while written < words {
        let sentence = format!(
            "{} {} {} {} on {} March 20{:02}. ",
            SUBJECTS[at % 8],
            DEEDS[(at / 3) % 8],
            100 + at * 37,
            OBJECTS[(at * 5 + at / 8) % 8],
            1 + at % 28,
            10 + at % 15
        );
        written += sentence.split(' ').count() - 1;
        out.push_str(&sentence);
        at += 1;
    }
    out
}

/// The median of many runs, in microseconds.
fn median(runs: usize, mut work: impl FnMut()) -> f64 {
    let mut taken: Vec<f64> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    taken[taken.len() / 2]
}

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
fn case(name: &str, answer: &str, evidence: &[Evidence], runs: usize) {
    let size: usize = evidence.iter().map(|e| e.value.to_string().len()).sum();
    let anew = median(runs, || {
        black_box(ground(black_box(answer), black_box(evidence)));
    });
    let read = median(runs, || {
        black_box(Index::new(black_box(evidence)));
    });
    let index = Index::new(evidence);
    let check = median(runs, || {
        black_box(index.ground(black_box(answer)));
    });
    let claims = index.ground(answer).claims.len();
    let parts: Vec<Index> = evidence.iter().map(|e| Index::new(std::slice::from_ref(e))).collect();
    let parts: Vec<&Index> = parts.iter().collect();
    let merged = median(runs, || {
        black_box(ground_in(black_box(answer), black_box(&parts)));
    });
    println!(
        "{name}: {size} bytes of evidence, {} of answer, {claims} claims: {anew:.0} µs in all; \
         {read:.0} µs to read; with an index {check:.0} µs, with one for each piece {merged:.0} µs",
        answer.len()
    );
}

fn main() {
    let of = |name: &str, value: Value| Evidence { name: name.into(), value };
    let short: Vec<Evidence> = (0..3)
        .map(|i| of(&format!("step-{i}"), json!(&text(400)[i * 500..(i + 1) * 500])))
        .collect();
    case("short", &text(400)[500..1000], &short, 2000);
    let long = text(2000);
    let summary = "Maria Keller counted 211 litres of diesel after the second audit. The harbour office \
        did not approve repairs worth 248 euros. Tomas Brandt reported a delay; 27 March 2011 was the \
        day. The ferry company lost about 1,300 passengers before the storm, and “two of the cranes \
        stood still”. Residents asked for a louder engine. Prices may rise next year.";
    case("2,000 words", summary, &[of("notes", json!(long))], 500);
    case("2,000 words, long answer", &text(300), &[of("notes", json!(long))], 200);
    let rows: Vec<Value> = (0..14_000)
        .map(|i| json!({"id": i, "name": format!("host-{i}"), "message": "upstream timed out", "ms": i * 7}))
        .collect();
    let answer = "host-77 took 539 ms: “upstream timed out”. host-78 took 546 ms.";
    case("a megabyte", answer, &[of("big", json!({ "rows": rows }))], 9);
}
