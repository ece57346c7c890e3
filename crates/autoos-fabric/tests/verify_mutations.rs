//! Results are grounded as they are; with one figure, name or quote changed they are not.
//!
//! Two sources of results: sentences written over generated evidence, in the ways in which models
//! write (other notations, computed figures), and the built-in engine's answers from real tools.
//! A mutation makes a false statement: the new figure, name or quote stands nowhere in the
//! evidence, or (counted apart) is the true one of something else.

mod builtin_node;
mod verify_results;

use autoos_fabric::verify::{Basis, Confidence, Evidence, Index};
use builtin_node::Node;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use verify_results::{Answer, Kind, built_in, logs, notes, table};

/// A figure of the same look whose value stands nowhere in the evidence.
fn other_figure(text: &str, everything: &str, rng: &mut StdRng) -> Option<String> {
    let digits: Vec<usize> =
        text.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).collect();
    for _ in 0..60 {
        let mut bytes = text.as_bytes().to_vec();
        let at = *digits.choose(rng)?;
        bytes[at] = b'0' + rng.random_range(if at == digits[0] { 1..10 } else { 0..10 });
        let mut changed = String::from_utf8(bytes).ok()?;
        // Short figures find their like everywhere; they get a digit more.
        if digits.len() < 3 && !text.contains([':', '-', ' ']) {
            changed.insert(digits[0], char::from(b'1' + rng.random_range(0..9)));
        }
        let plain: String = changed.chars().filter(|c| *c != ',').collect();
        let core = plain.trim_end_matches('%');
        let valid = !plain.contains([':', '-']) || plausible(&plain);
        if changed != text && valid && !everything.contains(core) && number(core) != number(text) {
            return Some(changed);
        }
    }
    None
}

/// Whether a changed date or time still is one.
fn plausible(text: &str) -> bool {
    let fields: Vec<u32> = text.split([':', '-']).filter_map(|f| f.parse().ok()).collect();
    match fields.as_slice() {
        [_, month, day] if text.contains('-') => (1..=12).contains(month) && (1..=28).contains(day),
        [hour, minute, second] => *hour < 24 && *minute < 60 && *second < 60,
        _ => true,
    }
}

fn number(text: &str) -> Option<f64> {
    text.replace([',', '%'], "").parse().ok()
}

fn other_name(name: &str, rng: &mut StdRng) -> String {
    if name.contains('.') && name.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let fields: Vec<String> = name
            .split('.')
            .map(|f| (f.parse::<u32>().unwrap_or(0) + rng.random_range(1..40)).to_string())
            .collect();
        return fields.join(".");
    }
    if name.contains('/') {
        return name.replace("plan", "plans");
    }
    (*["Zorvex", "Quillon", "Brandt", "Ymir", "Halberd"].choose(rng).expect("a name")).to_owned()
}

fn other_quote(quote: &str, rng: &mut StdRng) -> String {
    let mut words: Vec<&str> = quote.split(' ').collect();
    let at = rng.random_range(0..words.len());
    words[at] = ["granite", "seldom", "velvet", "harbour"].choose(rng).expect("a word");
    words.join(" ")
}

#[derive(Default)]
struct Rate {
    made: usize,
    caught: usize,
    missed: Vec<String>,
}

#[test]
fn changed_results_are_caught_and_true_ones_are_not() {
    let mut rng = StdRng::seed_from_u64(20_240_614);
    let node = Node::new(&[]);
    let mut results = Vec::new();
    for _ in 0..90 {
        results.push(logs(&mut rng));
        results.push(table(&mut rng));
        results.push(notes(&mut rng));
    }
    let written = results.len();
    for round in 0..96 {
        results.push(built_in(&mut rng, &node, round));
    }
    let mut alarms = Vec::new();
    let mut rates = [
        (Kind::Figure, Rate::default()),
        (Kind::Name, Rate::default()),
        (Kind::Quote, Rate::default()),
    ];
    for (at, result) in results.iter().enumerate() {
        let index = Index::new(&result.evidence);
        let grounding = index.ground(&result.text);
        if grounding.unsupported().count() > 0 {
            let named: Vec<String> = grounding.unsupported().map(|c| c.sentence()).collect();
            alarms.push(format!("{at}: {named:?}\n{}", result.text));
        }
        let everything: String = result.evidence.iter().map(|e| e.value.to_string()).collect();
        for (kind, rate) in &mut rates {
            let spots: Vec<_> = result.spots.iter().filter(|(k, _)| k == kind).collect();
            let Some((_, range)) = spots.choose(&mut rng) else { continue };
            let text = &result.text[range.clone()];
            let changed = match kind {
                Kind::Figure => other_figure(text, &everything, &mut rng),
                Kind::Name => Some(other_name(text, &mut rng)),
                Kind::Quote => Some(other_quote(text, &mut rng)),
            };
            let Some(changed) = changed else { continue };
            let mut mutant = result.text.clone();
            mutant.replace_range(range.clone(), &changed);
            let grounding = index.ground(&mutant);
            rate.made += 1;
            if grounding.unsupported().count() > 0 {
                rate.caught += 1;
                let confidence = Confidence::of(&Basis {
                    grounding: Some(&grounding),
                    tool_evidence: true,
                    ..Basis::default()
                });
                assert!(confidence.value < 0.6, "{confidence:?}");
            } else {
                let from = mutant[..range.start].rfind('\n').map_or(0, |at| at + 1);
                let line = mutant[from..].lines().next().unwrap_or_default();
                rate.missed.push(format!("{at}: {text} -> {changed} in {line}"));
            }
        }
    }
    eprintln!(
        "{} results ({written} written, {} by the built-in engine), {} false alarms",
        results.len(),
        results.len() - written,
        alarms.len()
    );
    let (mut made, mut caught) = (0, 0);
    for (kind, rate) in &rates {
        eprintln!("{kind:?}: {} of {} caught", rate.caught, rate.made);
        rate.missed.iter().take(12).for_each(|m| eprintln!("  missed {m}"));
        made += rate.made;
        caught += rate.caught;
    }
    assert!(results.len() >= 300 && made >= 600, "{made}");
    assert!(alarms.is_empty(), "{}", alarms.join("\n\n"));
    assert!(caught * 1000 >= made * 990, "{caught} of {made}");
}

/// A true figure beside the wrong name, where the evidence has records.
#[test]
fn figures_of_something_else_are_caught() {
    let mut rng = StdRng::seed_from_u64(7);
    let (mut made, mut caught, mut missed) = (0, 0, Vec::new());
    for _ in 0..150 {
        let result = if rng.random_bool(0.5) { logs(&mut rng) } else { table(&mut rng) };
        let index = Index::new(&result.evidence);
        let lines: Vec<&str> = result.text.lines().collect();
        for line in lines.iter().filter(|l| {
            l.starts_with("| ")
                || l.starts_with("Orders from")
                || l.contains("had more errors")
                || l.starts_with("- ")
        }) {
            let from = result.text.find(line).expect("it is there");
            let figures: Vec<_> = result
                .spots
                .iter()
                .filter(|(k, r)| {
                    *k == Kind::Figure && r.start >= from && r.end <= from + line.len()
                })
                .map(|(_, r)| r.clone())
                .collect();
            let Some(at) = figures.first() else { continue };
            // A row gets the count of another city, a sentence the figure of the other side.
            let other = match line.starts_with("| ") || line.starts_with("- ") {
                true => other_count(&result, &result.text[at.clone()], &mut rng),
                false => figures.last().map(|r| result.text[r.clone()].to_owned()),
            };
            let Some(other) = other.filter(|o| number(o) != number(&result.text[at.clone()]))
            else {
                continue;
            };
            let mut mutant = result.text.clone();
            mutant.replace_range(at.clone(), &other);
            made += 1;
            if index.ground(&mutant).unsupported().count() > 0 {
                caught += 1;
            } else {
                missed.push(format!("{line}: {other}"));
            }
        }
    }
    eprintln!("true figures beside the wrong name: {caught} of {made} caught");
    missed.iter().take(10).for_each(|m| eprintln!("  missed {m}"));
    assert!(made >= 150 && caught * 100 >= made * 97, "{caught} of {made}");
}

/// The count of another record.
fn other_count(result: &Answer, own: &str, rng: &mut StdRng) -> Option<String> {
    let mut counts: Vec<u64> = Vec::new();
    for evidence in &result.evidence {
        let rows =
            evidence.value["rows"].as_array().into_iter().flatten().filter_map(|r| r[1].as_u64());
        let families = evidence
            .value
            .pointer("/errors/families")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|f| f["count"].as_u64());
        counts.extend(rows.chain(families));
    }
    counts.retain(|n| number(own) != Some(*n as f64));
    counts.choose(rng).map(u64::to_string)
}

#[test]
fn evidence_of_a_megabyte_and_answers_of_any_shape() {
    let rows: Vec<Value> = (0..14_000).map(|i| json!({"id": i, "name": format!("host-{i}"), "message": "upstream timed out", "ms": i * 7})).collect();
    let evidence = [Evidence { name: "big".into(), value: json!({"rows": rows}) }];
    let size = evidence[0].value.to_string().len();
    let began = std::time::Instant::now();
    let index = Index::new(&evidence);
    let read = began.elapsed();
    let grounding = index.ground("host-77 took 539 ms: “upstream timed out”. host-78 took 539 ms.");
    eprintln!("{size} bytes: indexed in {read:?}, checked in {:?}", began.elapsed() - read);
    let bad: Vec<&str> = grounding.unsupported().map(|c| c.text.as_str()).collect();
    assert_eq!(bad, ["539"], "{grounding:?}");
    let words: String =
        (0..2_000).fold(String::new(), |all, i| format!("{all}word{} {}\n", i % 97, i));
    let small = [Evidence { name: "small".into(), value: json!(words) }];
    let began = std::time::Instant::now();
    let grounding = Index::new(&small).ground("There are 1,999 of them, said word96.");
    eprintln!("2000 words: {:?}", began.elapsed());
    assert_eq!(grounding.unsupported().count(), 0, "{grounding:?}");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_text_breaks_it(answer in "\\PC{0,200}", evidence in "\\PC{0,200}", more in proptest::arbitrary::any::<String>()) {
        for (answer, evidence) in [(&answer, &evidence), (&more, &answer), (&evidence, &more)] {
            let grounding = Index::new(&[Evidence { name: "e".into(), value: json!(evidence) }]).ground(answer);
            for claim in &grounding.claims {
                proptest::prop_assert!(answer.is_char_boundary(claim.start) && answer.is_char_boundary(claim.end));
                proptest::prop_assert_eq!(&answer[claim.start..claim.end], &claim.text);
                proptest::prop_assert!((0.0..=1.0).contains(&claim.score));
            }
        }
    }

    #[test]
    fn no_markdown_breaks_it(parts in proptest::collection::vec("[ |`\"“”#*0-9a-zA-Z.,:;%×…é\n/-]{0,12}", 0..30)) {
        let answer = parts.concat();
        let grounding = Index::new(&[Evidence { name: "e".into(), value: json!({"a": [1, "b", answer.clone()]}) }]).ground(&answer);
        for claim in &grounding.claims {
            proptest::prop_assert_eq!(&answer[claim.start..claim.end], &claim.text);
        }
    }
}
