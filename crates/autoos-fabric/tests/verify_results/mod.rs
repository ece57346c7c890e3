//! Results to mutate: sentences over generated evidence, and the built-in engine's answers from
//! real tools, each with the places of its figures, names and quotes.

#![allow(unreachable_pub)] // A module of a test.

use crate::builtin_node::Node;
use autoos_fabric::verify::Evidence;
use autoos_kernel::plan::Work;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use regex::Regex;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A text, and what in it may be changed: figures, names, quotes.
pub struct Answer {
    pub text: String,
    pub evidence: Vec<Evidence>,
    pub spots: Vec<(Kind, std::ops::Range<usize>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Figure,
    Name,
    Quote,
}

/// Writes `{f:12}`, `{n:Rome}` and `{q:some words}` out and notes where they stand.
pub fn marked(template: &str, evidence: Vec<Evidence>) -> Answer {
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
    Answer { text, evidence, spots }
}

pub const SERVICES: [&str; 12] = [
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
pub const CITIES: [&str; 10] =
    ["Rome", "Oslo", "Lima", "Cairo", "Quito", "Hanoi", "New York", "Accra", "Porto", "Riga"];
pub const MESSAGES: [&str; 8] = [
    "connection reset by peer",
    "disk quota exceeded on volume",
    "certificate has expired",
    "deadlock found when trying to get lock",
    "upstream timed out while reading",
    "no space left on device",
    "invalid token in request header",
    "replica is lagging behind primary",
];

pub fn thousands(n: u64) -> String {
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
pub fn logs(rng: &mut StdRng) -> Answer {
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
pub fn table(rng: &mut StdRng) -> Answer {
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
pub fn notes(rng: &mut StdRng) -> Answer {
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
pub fn built_in(rng: &mut StdRng, node: &Node, round: usize) -> Answer {
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
    Answer { text: done.answer, evidence, spots }
}

/// Figures outside of quotes, known names, and quotes, found without the checker's own reading.
pub fn spots(
    text: &str,
    services: &[&&str],
    labels: &[&str],
) -> Vec<(Kind, std::ops::Range<usize>)> {
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
