//! Grouping accuracy on published logs with known templates.
//!
//! The strict measure: a line counts as right if its group holds exactly the lines that the truth's
//! group holds. The data is not part of the project; where it is absent the test says so and ends.

use autoos_tools::logs::{Analyzer, Options, Report};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn data() -> Option<PathBuf> {
    let root = match std::env::var_os("AUTOOS_TEST_DATA") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    let logs = root.join("loghub");
    logs.is_dir().then_some(logs)
}

fn analyze(log: &[u8]) -> Report {
    let mut analyzer = Analyzer::new(Options { assignments: true, ..Options::default() });
    for line in log.split(|b| *b == b'\n') {
        analyzer.line(line);
    }
    analyzer.finish()
}

/// The truth's group of each line.
fn truth(structured: &Path) -> Vec<String> {
    let mut reader = csv::Reader::from_path(structured).expect("the structured file");
    let event = reader
        .headers()
        .expect("headers")
        .iter()
        .position(|h| h == "EventId")
        .expect("a column EventId");
    reader.records().map(|r| r.expect("a row")[event].to_owned()).collect()
}

/// The share of lines whose group is exactly the truth's, and the largest groups that are not.
fn accuracy(predicted: &[Option<u32>], truth: &[String]) -> (f64, Vec<(usize, String)>) {
    let mut by_truth: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut by_group: HashMap<Option<u32>, usize> = HashMap::new();
    for (i, event) in truth.iter().enumerate() {
        by_truth.entry(event).or_default().push(i);
        *by_group.entry(predicted[i]).or_default() += 1;
    }
    let mut right = 0;
    let mut wrong = Vec::new();
    for (event, lines) in by_truth {
        let group = predicted[lines[0]];
        if by_group[&group] == lines.len() && lines.iter().all(|i| predicted[*i] == group) {
            right += lines.len();
        } else {
            wrong.push((lines.len(), event.to_owned()));
        }
    }
    wrong.sort_unstable_by(|a, b| b.cmp(a));
    wrong.truncate(8);
    (right as f64 / truth.len() as f64, wrong)
}

#[test]
fn groups_are_the_truths_at_least_as_often_as_published() {
    let Some(data) = data() else {
        eprintln!(
            "skipped: the published logs are not here; set AUTOOS_TEST_DATA to the directory that holds loghub/"
        );
        return;
    };
    let mut failed = Vec::new();
    for (name, least) in [("Apache", 1.0), ("Linux", 0.69), ("OpenSSH", 0.79), ("Zookeeper", 0.97)]
    {
        let log = std::fs::read(data.join(format!("{name}_2k.log"))).expect("the log");
        let truth = truth(&data.join(format!("{name}_2k.log_structured.csv")));
        let report = analyze(&log);
        let predicted = report.assignments.as_deref().expect("assignments");
        assert!(predicted.len() >= truth.len(), "{name}: {} lines assigned", predicted.len());
        let (share, wrong) = accuracy(predicted, &truth);
        eprintln!(
            "{name}: {share:.4} (at least {least}), {} groups; largest wrong: {wrong:?}",
            report.groups_total
        );
        eprintln!("  {:?}", report.format);
        if share < least {
            failed.push(format!("{name} {share:.4} < {least}"));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn error_families_are_counted_as_a_search_counts_them() {
    let Some(data) = data() else {
        eprintln!(
            "skipped: the published logs are not here; set AUTOOS_TEST_DATA to the directory that holds loghub/"
        );
        return;
    };
    for (name, phrases) in [
        (
            "OpenSSH",
            &[
                "Failed password for invalid user",
                "POSSIBLE BREAK-IN",
                "Received disconnect from 103.99.0.122: 14",
            ][..],
        ),
        ("Linux", &["ALERT exited abnormally", "Kerberos authentication failed"][..]),
        ("Apache", &["workerEnv in error state", "Directory index forbidden"][..]),
    ] {
        let log = std::fs::read(data.join(format!("{name}_2k.log"))).expect("the log");
        let report = analyze(&log);
        for phrase in phrases {
            let text = String::from_utf8_lossy(&log);
            let lines: Vec<usize> = text
                .lines()
                .enumerate()
                .filter(|(_, l)| l.contains(phrase))
                .map(|(i, _)| i + 1)
                .collect();
            let family = report
                .errors
                .families
                .iter()
                .find(|f| f.example.contains(phrase))
                .unwrap_or_else(|| panic!("{name}: no family for {phrase:?}"));
            assert_eq!(family.count, lines.len() as u64, "{name}: {phrase}");
            assert_eq!(family.first.line, lines[0] as u64, "{name}: {phrase}");
            assert_eq!(family.last.line, lines[lines.len() - 1] as u64, "{name}: {phrase}");
        }
    }
}
