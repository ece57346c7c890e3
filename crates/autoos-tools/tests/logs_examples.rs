//! The sample logs of `examples/data`: the analysis finds what their generator put in.

use autoos_tools::logs::{Analyzer, Families, Options, Report};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data")
}

fn truth(name: &str) -> Value {
    let text = std::fs::read_to_string(data().join("truth.json")).expect("truth.json");
    serde_json::from_str::<Value>(&text).expect("JSON")[name].clone()
}

fn analyze(name: &str) -> Report {
    let text = std::fs::read_to_string(data().join(name)).expect("the sample");
    let mut analyzer = Analyzer::new(Options::default());
    text.lines().for_each(|line| analyzer.line(line));
    analyzer.finish()
}

/// Severity and count of each family, sorted.
fn found(families: &Families) -> Vec<(String, u64)> {
    let mut all: Vec<_> =
        families.families.iter().map(|f| (f.severity.name().to_owned(), f.count)).collect();
    all.sort();
    all
}

fn expected(truth: &Value, warnings: bool) -> Vec<(String, u64)> {
    let families = truth["families"].as_object().expect("families");
    let mut all: Vec<_> = families
        .values()
        .map(|f| {
            (
                f["severity"].as_str().unwrap_or_default().to_owned(),
                f["count"].as_u64().unwrap_or(0),
            )
        })
        .filter(|(severity, _)| (severity == "warning") == warnings)
        .collect();
    all.sort();
    all
}

#[test]
fn every_family_is_found_with_its_count() {
    for name in ["system.log", "gateway.log"] {
        let (report, truth) = (analyze(name), truth(name));
        assert_eq!(Some(report.lines), truth["lines"].as_u64(), "{name}");
        assert_eq!(Some(report.records), truth["records"].as_u64(), "{name}");
        assert_eq!(Some(report.errors.total), truth["errors"].as_u64(), "{name}");
        assert_eq!(Some(report.warnings.total), truth["warnings"].as_u64(), "{name}");
        assert_eq!(found(&report.errors), expected(&truth, false), "{name}");
        assert_eq!(found(&report.warnings), expected(&truth, true), "{name}");
    }
}

#[test]
fn diagnoses_rest_on_what_is_there() {
    let report = analyze("system.log");
    let family = |text: &str| {
        report
            .errors
            .families
            .iter()
            .find(|f| f.example.contains(text))
            .unwrap_or_else(|| panic!("no {text}"))
    };
    let pool = family("no connection from pool");
    assert_eq!(pool.kind, Some("timeout"));
    assert_eq!(pool.bursts.len(), 1);
    assert!(pool.diagnosis.contains("fall between 2026-03-02T10:"), "{}", pool.diagnosis);
    let login = family("invalid password");
    assert_eq!(login.kind, Some("authentication"));
    assert!(login.diagnosis.contains("10.66.6.6"), "{}", login.diagnosis);
    let crash = family("aborted");
    assert!(crash.template.ends_with("NullPointerException"), "{}", crash.template);
    assert_eq!(family("cannot open").kind, Some("missing file or object"));
    assert_eq!(report.errors.families[0].severity.name(), "critical");
}

#[test]
fn the_two_logs_can_be_compared() {
    assert!(analyze("system.log").errors.total > analyze("gateway.log").errors.total);
}
