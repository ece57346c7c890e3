//! What a newcomer types: the first command of the README, with nothing configured.

use crate::support::{autoos, finish, samples};
use serde_json::Value;

#[test]
fn the_main_job_runs_with_nothing_configured() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = format!("log=@{}", samples().join("system.log").display());
    let (code, out, err) = finish(autoos(dir.path()).args([
        "run",
        "Analyze the system logs and identify errors",
        "--context",
        &log,
    ]));
    assert_eq!(code, 0, "{out}\n{err}");
    for wanted in [
        "plan      ",
        "✓ planning",
        "confidence  ",
        "workflow    wf-",
        "audit       autoos audit show wf-",
    ] {
        assert!(out.contains(wanted), "no {wanted:?} in:\n{out}");
    }
    let id = out.split("audit show ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let id = id.expect("the id of the workflow");
    let (code, audit, err) = finish(autoos(dir.path()).args(["audit", "show", id]));
    assert_eq!(code, 0, "{err}");
    assert!(audit.contains("plan_adopted") && audit.contains("completed"), "{audit}");
    let (code, verified, err) = finish(autoos(dir.path()).args(["audit", "verify", id]));
    assert_eq!(code, 0, "{verified}{err}");
}

#[test]
fn the_counts_are_the_true_ones() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(samples().join("truth.json")).expect("the truth");
    let truth: Value = serde_json::from_str(&text).expect("JSON");
    let log = format!("log=@{}", samples().join("system.log").display());
    let (code, out, err) = finish(autoos(dir.path()).args([
        "run",
        "Which errors are in the log?",
        "--context",
        &log,
        "--output",
        "json",
    ]));
    assert_eq!(code, 0, "{out}\n{err}");
    let view: Value = serde_json::from_str(&out).expect("JSON");
    let answer = view["result"]["text"].as_str().expect("text");
    let families = truth["system.log"]["families"].as_object().expect("families");
    let errors = families.iter().filter(|(_, f)| f["severity"] != "warning");
    let mut seen = 0;
    for (name, family) in errors {
        let count = family["count"].as_u64().expect("a count");
        assert!(answer.contains(&format!("× {count}:")), "no {count} {name} in:\n{answer}");
        seen += 1;
    }
    assert!(seen > 3, "{families:?}");
}

#[test]
fn what_it_cannot_do_it_says_and_escalates() {
    let dir = tempfile::tempdir().expect("a folder");
    let (code, out, err) =
        finish(autoos(dir.path()).args(["run", "Analyze system logs and identify errors"]));
    assert_eq!(code, 4, "{out}\n{err}");
    assert!(out.contains("a human is asked") && out.contains("--context"), "{out}");
}

#[test]
fn planning_spends_nothing_and_the_plan_runs() {
    let dir = tempfile::tempdir().expect("a folder");
    let sales = format!("sales=@{}", samples().join("sales.csv").display());
    let file = dir.path().join("plan.toml");
    let (code, out, err) = finish(
        autoos(dir.path())
            .args(["plan", "How many rows are in sales.csv?", "--context", &sales, "-o"])
            .arg(&file),
    );
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(out.contains("nothing was spent"), "{out}");
    let (code, out, err) =
        finish(autoos(dir.path()).arg("apply").arg(&file).args(["--context", &sales]));
    assert_eq!(code, 0, "{out}\n{err}");
}

#[test]
fn a_backup_has_everything_that_a_node_needs() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let step = |arguments: &[&str]| {
        let (code, out, err) = finish(autoos(dir.path()).args(arguments));
        assert_eq!(code, 0, "{arguments:?}: {out}{err}");
        out
    };
    step(&["key", "create", "one"]);
    step(&["backup", "create", &at("copy")]);
    step(&["backup", "restore", &at("copy"), &at("restored")]);
    let keys = step(&["--data-dir", &at("restored"), "key", "list"]);
    assert!(keys.contains("one"), "{keys}");
}
