//! Results are grounded as they are; with one figure, name or quote changed they are not.
//!
//! Two sources of results: sentences written over generated evidence, in the ways in which models
//! write (other notations, computed figures), and the built-in engine's answers from real tools.
//! A mutation makes a false statement: the new figure, name or quote stands nowhere in the
//! evidence, or (counted apart) is the true one of something else.

mod builtin_node;

use autoos_fabric::verify::{Basis, Confidence, Evidence, Index};
use autoos_kernel::plan::Work;
use builtin_node::Node;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use regex::Regex;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A text, and what in it may be changed: figures, names, quotes.
struct Result {
    text: String,
    evidence: Vec<Evidence>,
    spots: Vec<(Kind, std::ops::Range<usize>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Figure,
    Name,
    Quote,
}

/// Writes `{f:12}`, `{n:Rome}` and `{q:some words}` out and notes where they stand.
fn marked(template: &str, evidence: Vec<Evidence>) -> Result {
    let marks = Regex::new(r"\{([fnq]):([^}]*)\}").expect("a pattern");
    let (mut text, mut spots, mut last) = (String::new(), Vec::new(), 0);
    for found in marks.captures_iter(template) {
        let whole = found.get(0).expect("all of it");
        text.push_str(&template[last..whole.start()]);
        let start = text.len();
        text.push_str(&found[2]);
        let kind = match &found[1] {
            "f" => Kind::Figure,
            "n" => Kind::Name,
            _ => Kind::Quote,
        };
        spots.push((kind, start..text.len()));
        last = whole.end();
    }
    text.push_str(&template[last..]);
    Result { text, evidence, spots }
}

const SERVICES: [&str; 12] = [
    "checkout",
    "billing",
    "gateway",
    "search",
    "mailer",
    "auth-proxy",
    "inventory",
    "ledger",
    "scheduler",
    "uploader",
    "replicator",
    "notifier",
];
const CITIES: [&str; 10] =
    ["Rome", "Oslo", "Lima", "Cairo", "Quito", "Hanoi", "New York", "Accra", "Porto", "Riga"];
const MESSAGES: [&str; 8] = [
    "connection reset by peer",
    "disk quota exceeded on volume",
    "certificate has expired",
    "deadlock found when trying to get lock",
    "upstream timed out while reading",
    "no space left on device",
    "invalid token in request header",
    "replica is lagging behind primary",
];

fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Reports on two services, in words.
fn logs(rng: &mut StdRng) -> Result {
    let names: Vec<&&str> = SERVICES.choose_multiple(rng, 2).collect();
    let messages: Vec<&&str> = MESSAGES.choose_multiple(rng, 4).collect();
    let mut counts: Vec<u64> = (0..4).map(|_| rng.random_range(11..4000)).collect();
    counts.sort_unstable();
    counts.dedup();
    while counts.len() < 4 {
        counts.push(counts.last().copied().unwrap_or(10) + 17);
    }
    let report = |at: usize| {
        let (a, b) = (counts[at], counts[at + 2]);
        let family = |message: &str, n: u64, minute: usize| {
            json!({"template": message, "count": n, "severity": "error", "source": names[at],
                "first": {"line": n * 3, "time": format!("2024-06-1{at} 10:{minute:02}:07")},
                "last": {"line": n * 9, "time": format!("2024-06-1{at} 17:{minute:02}:41")},
                "example": format!("2024-06-1{at} 10:{minute:02}:07 ERROR {message} (10.1.{at}.{minute})")})
        };
        let value = json!({"records": (a + b) * 7, "errors": {"total": a + b, "distinct": 2,
            "families": [family(messages[at], a, 10 + at), family(messages[at + 2], b, 30 + at)]}});
        Evidence { name: (*names[at]).to_string(), value }
    };
    let total = |at: usize| counts[at] + counts[at + 2];
    let (a, b) = (total(0), total(1));
    let (more, less) = if a >= b { (0, 1) } else { (1, 0) };
    let (m, l) = (a.max(b), a.min(b));
    let templates = [
        format!(
            "`{{n:{}}}` had more errors: {{f:{}}}, against {{f:{}}} in `{{n:{}}}`.",
            names[more],
            thousands(m),
            thousands(l),
            names[less]
        ),
        format!(
            "There were {{f:{}}} errors in total: {{f:{}}} in {} and {{f:{}}} in {}.",
            thousands(a + b),
            thousands(a),
            names[0],
            b,
            names[1]
        ),
        format!(
            "The most frequent message of {} is “{{q:{}}}”, seen {{f:{}}} times.",
            names[0], messages[2], counts[2]
        ),
        format!(
            "- {}: {{f:{}}} times, first on {{f:2024-06-10}} at {{f:10:10:07}}, last at {{f:17:10:41}}.",
            messages[0], counts[0]
        ),
        format!(
            "{{f:{}}} of the records of {} came from {{n:10.1.0.10}} (example: `{{q:ERROR {} (10.1.0.10)}}`).",
            thousands(counts[0]),
            names[0],
            messages[0]
        ),
        format!(
            "On {{f:June 11, 2024}} the service {} logged {{f:{}}} lines of “{{q:{}}}”.",
            names[1], counts[1], messages[1]
        ),
    ];
    let text = templates.choose_multiple(rng, 3).cloned().collect::<Vec<_>>().join("\n\n");
    marked(&text, vec![report(0), report(1)])
}

/// Rows of a table, in words and as a table.
fn table(rng: &mut StdRng) -> Result {
    let cities: Vec<&&str> = CITIES.choose_multiple(rng, 5).collect();
    let amounts: Vec<f64> =
        (0..5).map(|i| (rng.random_range(1_000..900_000) as f64 + f64::from(i)) / 100.0).collect();
    let counts: Vec<u64> = (0..5).map(|_| rng.random_range(13..900)).collect();
    let rows: Vec<Value> = (0..5).map(|i| json!([cities[i], counts[i], amounts[i]])).collect();
    let scanned: u64 = counts.iter().sum();
    let value = json!({"columns": ["city", "count", "sum_amount"], "rows": rows, "groups": 5, "matched": scanned, "scanned": scanned + 1211});
    let share = counts[0] as f64 / scanned as f64 * 100.0;
    let mut grid = String::from("| city | count | amount |\n|---|---|---|\n");
    for i in 0..5 {
        let _ =
            writeln!(grid, "| {{n:{}}} | {{f:{}}} | {{f:{}}} |", cities[i], counts[i], amounts[i]);
    }
    let templates = [
        grid,
        format!(
            "{{n:{}}} has {{f:{}}} orders worth {{f:{:.2}}}, of {{f:{}}} in all.",
            cities[0],
            counts[0],
            amounts[0],
            thousands(scanned)
        ),
        format!(
            "Orders from {{n:{}}} are worth {{f:{}}}, while those from {{n:{}}} are worth {{f:{}}}.",
            cities[1], amounts[1], cities[2], amounts[2]
        ),
        format!(
            "{} of {} orders, or {{f:{share:.1}%}}, came from {{n:{}}}.",
            counts[0], scanned, cities[0]
        ),
        format!(
            "In total {{f:{}}} orders were counted, out of {{f:{}}} rows.",
            scanned,
            thousands(scanned + 1211)
        ),
    ];
    let text = templates.choose_multiple(rng, 3).cloned().collect::<Vec<_>>().join("\n\n");
    marked(&text, vec![Evidence { name: "query-orders".into(), value }])
}

/// A text and statements about it.
fn notes(rng: &mut StdRng) -> Result {
    let people = ["Marta Alvarez", "Jon Petersen", "Aisha Rahman", "Tomas Novak", "Grace Okafor"];
    let chosen: Vec<&&str> = people.choose_multiple(rng, 2).collect();
    let city = CITIES.choose(rng).expect("a city");
    let (budget, staff, day) =
        (rng.random_range(110..990) * 1000, rng.random_range(13..95), rng.random_range(1..28));
    let version = format!(
        "{}.{}.{}",
        rng.random_range(1..9),
        rng.random_range(10..40),
        rng.random_range(1..9)
    );
    let text = format!(
        "Minutes of the meeting in {city}.\n{} presented the budget of {budget} EUR for the next year. The team has {staff} people.\n\
         {} said that \"the release must not slip again\" and that version {version} is due on 2025-03-{day:02}. The file is /srv/plan/v{staff}.xlsx.\n",
        chosen[0], chosen[1]
    );
    let templates = [
        format!(
            "{{n:{}}} presented a budget of {{f:{}}} EUR in {{n:{city}}}.",
            chosen[0],
            thousands(budget)
        ),
        format!("According to {{n:{}}}, “{{q:the release must not slip again}}”.", chosen[1]),
        format!("Version {{n:{version}}} is due on {{f:{day} March 2025}}."),
        format!(
            "The team has {{f:{staff}}} people, and the plan lies in {{n:/srv/plan/v{staff}.xlsx}}."
        ),
    ];
    let answer = templates.choose_multiple(rng, 3).cloned().collect::<Vec<_>>().join(" ");
    marked(&answer, vec![Evidence { name: "notes".into(), value: json!(text) }])
}

/// Answers of the built-in engine on files made for it.
fn built_in(rng: &mut StdRng, node: &Node, round: usize) -> Result {
    let mut log = String::new();
    let names: Vec<&&str> = SERVICES.choose_multiple(rng, 3).collect();
    let messages: Vec<&&str> = MESSAGES.choose_multiple(rng, 4).collect();
    for line in 0..rng.random_range(120..400) {
        let level = ["INFO", "INFO", "WARN", "ERROR", "ERROR"].choose(rng).expect("a level");
        let message = if *level == "INFO" {
            "request served"
        } else {
            messages.choose(rng).expect("a message")
        };
        let _ = writeln!(
            log,
            "2024-07-{:02} {:02}:{:02}:{:02} {level} {}: {message} id={}",
            1 + round % 28,
            line / 60 % 24,
            line % 60,
            rng.random_range(10..60),
            names.choose(rng).expect("a name"),
            rng.random_range(1000..99999)
        );
    }
    let other: String =
        log.lines().skip(40).step_by(2).fold(String::new(), |all, line| all + line + "\n");
    let mut csv = String::from("city,product,quantity,amount\n");
    for _ in 0..rng.random_range(40..90) {
        let city = CITIES[..6].choose(rng).expect("a city");
        let _ = writeln!(
            csv,
            "{city},{},{},{}",
            ["lamp", "chair", "table"].choose(rng).expect("a product"),
            rng.random_range(1..99),
            f64::from(rng.random_range(100..99_000)) / 100.0
        );
    }
    node.file("a.log", &log);
    node.file("b.log", &other);
    node.file("orders.csv", &csv);
    let (a, b, orders) = (("alpha", "@a.log"), ("beta", "@b.log"), ("orders", "@orders.csv"));
    let jobs: [(&str, &[(&str, &str)]); 8] = [
        ("find the errors in the log", &[a]),
        ("find the errors in both logs and say which had more", &[a, b]),
        ("total amount by city", &[orders]),
        ("which product has the highest total quantity?", &[orders]),
        ("top 5 orders by amount", &[orders]),
        ("average amount and number of orders per city", &[orders]),
        ("find the errors in the log and count the orders from Rome", &[a, orders]),
        ("show lines containing 'request served' in the log", &[a]),
    ];
    let (intent, contexts) = jobs[round % jobs.len()];
    let done = node.run(intent, contexts).unwrap_or_else(|said| panic!("{intent}: {said}"));
    let mut evidence: Vec<Evidence> = done
        .plan
        .steps
        .iter()
        .filter(|s| matches!(s.work, Work::Tool { .. }))
        .map(|s| Evidence { name: s.id.clone(), value: done.outputs[&s.id].clone() })
        .collect();
    evidence.push(Evidence { name: "intent".into(), value: json!(intent) });
    let spots = spots(&done.answer, &names, &["alpha", "beta", "orders"]);
    Result { text: done.answer, evidence, spots }
}

/// Figures outside of quotes, known names, and quotes, found without the checker's own reading.
fn spots(text: &str, services: &[&&str], labels: &[&str]) -> Vec<(Kind, std::ops::Range<usize>)> {
    let mut out = Vec::new();
    let quotes: Vec<_> = Regex::new(r#"`([^`\n]+)`|"([^"\n]+)""#)
        .expect("a pattern")
        .captures_iter(text)
        .filter_map(|c| c.get(1).or(c.get(2)))
        .map(|m| m.range())
        .collect();
    let quoted = |at: usize| quotes.iter().any(|q| q.contains(&at));
    for quote in &quotes {
        let inner = &text[quote.clone()];
        out.push((
            if labels.contains(&inner) || CITIES.contains(&inner) {
                Kind::Name
            } else {
                Kind::Quote
            },
            quote.clone(),
        ));
    }
    for figure in Regex::new(r"\d[\d,]*\d(?:\.\d+)?|\d+").expect("a pattern").find_iter(text) {
        let line = text[..figure.start()].rfind('\n').map_or(0, |at| at + 1);
        let lead = text[line..figure.start()].trim();
        let marker = lead.is_empty() && text[figure.end()..].starts_with(". ");
        let part_of =
            |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "-:./<".contains(c));
        let glued = part_of(text[..figure.start()].chars().next_back())
            || text[figure.end()..].starts_with([':', '-', 'T'])
                && text[figure.end() + 1..].starts_with(|c: char| c.is_ascii_digit());
        if !marker && !glued && !quoted(figure.start()) {
            out.push((Kind::Figure, figure.range()));
        }
    }
    for name in CITIES.iter().copied().chain(services.iter().map(|s| **s)) {
        for (at, _) in text.match_indices(name) {
            let named = text[..at].ends_with("| ");
            if named && !quoted(at) {
                out.push((Kind::Name, at..at + name.len()));
            }
        }
    }
    out
}

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
fn other_count(result: &Result, own: &str, rng: &mut StdRng) -> Option<String> {
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
