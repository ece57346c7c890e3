//! The state of an analysis stays bounded however long and however hostile the log is, and every
//! count stays exact. Lines are made on the fly; nothing is on disk.

use autoos_tools::logs::{Analyzer, Options};
use std::fmt::Write;

/// About 200 MB in release builds, less where code is not optimised.
const BYTES: u64 = if cfg!(debug_assertions) { 16 << 20 } else { 200 << 20 };

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A word of letters that has hardly occurred before.
    fn word(&mut self, out: &mut String) {
        for _ in 0..9 {
            out.push((b'a' + (self.next() % 26) as u8) as char);
        }
    }
}

#[test]
fn typical_lines() {
    let (mut dice, mut line) = (Dice(1), String::new());
    let mut analyzer = Analyzer::new(Options::default());
    let (mut lines, mut bytes, mut refused) = (0u64, 0u64, 0u64);
    let started = std::time::Instant::now();
    while bytes < BYTES {
        line.clear();
        let (a, b) = (dice.next(), dice.next());
        let second = lines / 500;
        write!(
            line,
            "2024-05-01 {:02}:{:02}:{:02},{:03} ",
            second / 3600 % 24,
            second / 60 % 60,
            second % 60,
            a % 1000
        )
        .expect("a string takes all");
        match a % 20 {
            0 => {
                refused += 1;
                write!(line, "ERROR [pool-3-thread-{}] shop.db.Pool: connection to 10.0.{}.{}:5432 refused", b % 16, b % 256, a % 256)
            }
            1..=3 => write!(line, "WARN [main] shop.http.Server: slow request GET /api/orders/{} took {} ms", b, a % 5000),
            4..=11 => write!(line, "INFO [worker-{}] shop.order.Service: order {} of user u{} accepted, total {}.{:02} EUR", b % 8, a, b % 100_000, a % 500, b % 100),
            _ => write!(line, "INFO [worker-{}] shop.cart.Service: cart {:x} holds {} items (session {:08x}-{:04x})", b % 8, a, b % 20, b, a % 65_536),
        }
        .expect("a string takes all");
        bytes += line.len() as u64 + 1;
        lines += 1;
        analyzer.line(&line);
    }
    let taken = started.elapsed();
    let footprint = analyzer.footprint();
    eprintln!(
        "{lines} lines, {} MB in {taken:?}: {:.0} lines/s; {footprint:?}",
        bytes >> 20,
        lines as f64 / taken.as_secs_f64()
    );
    // Hexadecimal numbers that happen to hold letters only pass for words until groups are merged.
    assert!(footprint.groups <= Options::default().max_groups, "{footprint:?}");
    assert!(footprint.bytes < 32 << 20, "{footprint:?}");
    let report = analyzer.finish();
    assert_eq!((report.lines, report.records), (lines, lines));
    assert_eq!(report.groups_total, 4);
    assert_eq!(report.severities["error"], refused);
    assert_eq!(report.errors.families[0].count, refused);
}

#[test]
fn lines_of_words_never_seen_before() {
    let (mut dice, mut line) = (Dice(2), String::new());
    let mut analyzer =
        Analyzer::new(Options { max_groups: 2048, assignments: true, ..Options::default() });
    let (mut lines, mut bytes, mut most) = (0u64, 0u64, 0);
    while bytes < BYTES / 4 {
        line.clear();
        line.push_str("2024-05-01 10:00:00 INFO app: ");
        for _ in 0..3 + dice.next() % 40 {
            dice.word(&mut line);
            line.push(' ');
        }
        bytes += line.len() as u64 + 1;
        lines += 1;
        analyzer.line(&line);
        if lines.is_multiple_of(5000) {
            most = most.max(analyzer.footprint().bytes);
        }
    }
    let footprint = analyzer.footprint();
    eprintln!("{lines} lines, {} MB; {footprint:?}, at most {most} bytes", bytes >> 20);
    assert!(footprint.groups <= 2048, "{footprint:?}");
    assert!(most < 48 << 20, "{most}");
    let report = analyzer.finish();
    assert_eq!(report.records, lines);
    let assignments = report.assignments.expect("assignments");
    assert_eq!(assignments.len() as u64, lines);
    // Each line is in exactly the group that counted it, through all merging.
    for group in &report.groups {
        let assigned = assignments.iter().filter(|id| **id == Some(group.id)).count() as u64;
        assert_eq!(assigned, group.count, "{group:?}");
    }
}

#[test]
fn endless_lines_traces_and_values() {
    let mut analyzer = Analyzer::new(Options::default());
    let long = "x1 ".repeat(1 << 20);
    for i in 0..200 {
        analyzer.line(format!("2024-05-01 10:00:00 ERROR app: user u{i} {long}"));
    }
    analyzer.line("2024-05-01 10:00:00 ERROR app: broken");
    analyzer.line("java.lang.IllegalStateException: x");
    for i in 0..200_000 {
        analyzer.line(format!("\tat a.b.C{i}.d(C.java:{i})"));
    }
    let bytes = analyzer.footprint().bytes;
    assert!(bytes < 4 << 20, "{bytes}");
    let report = analyzer.finish();
    assert_eq!((report.lines, report.records, report.cut_lines), (200_202, 201, 200));
    assert!(
        report
            .errors
            .families
            .iter()
            .any(|f| f.template == "broken IllegalStateException" && f.count == 1)
    );
}
