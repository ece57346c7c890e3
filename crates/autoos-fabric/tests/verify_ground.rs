//! The grounding check, one concern at a time.

use autoos_fabric::verify::{ClaimKind, Evidence, Status, ground};
use serde_json::{Value, json};

fn evidence() -> Vec<Evidence> {
    let of = |name: &str, value: Value| Evidence { name: name.into(), value };
    vec![
        of(
            "analyze-web",
            json!({
                "records": 2000, "errors": {"total": 57, "families": [
                    {"template": "timeout calling <*>", "count": 40, "source": "proxy"},
                    {"template": "disk is full", "count": 17, "source": "store"}]},
                "warnings": {"total": 9}, "ratio": 0.0285, "latency_ms": 2500, "size_bytes": 1_048_576,
                "span": {"first": "2024-06-14 10:00:05", "last": "2024-06-15T17:30:00Z"}
            }),
        ),
        of(
            "analyze-db",
            json!({"records": 800, "errors": {"total": 12, "families": []}, "warnings": {"total": 3}}),
        ),
        of(
            "notes",
            json!(
                "Ann Lee met Bob in Rome. She said: \"we ship on Friday\". Version 1.4.2 lies at /srv/app/bin on 10.0.0.7."
            ),
        ),
    ]
}

/// The unsupported claims of an answer.
fn bad(answer: &str) -> Vec<String> {
    ground(answer, &evidence()).unsupported().map(|c| c.text.clone()).collect()
}

#[test]
fn figures_in_other_notations() {
    for answer in [
        "There are 2,000 records.",
        "There are 2.0e3 records.",
        "The ratio is 2.85%.",
        "The ratio is 0.0285, or 0.029 for short.",
        "It took 2.5 s.",
        "It took 2500 ms.",
        "The file has 1.0 MB.",
        "The log begins on June 14, 2024 at 10:00:05.",
        "The log begins on 14 Jun 2024 and ends on 2024-06-15 at 17:30.",
        "Twelve errors are in db.",
        "About 2,000 records.",
    ] {
        assert_eq!(bad(answer), [""; 0], "{answer}");
    }
    for (answer, wrong) in [
        ("There are 2,001 records.", "2,001"),
        ("The ratio is 2.95%.", "2.95%"),
        ("It took 2.6 s.", "2.6"),
        ("The log begins on June 15, 2023.", "June 15, 2023"),
        ("It ends at 17:31.", "17:31"),
        ("Eleven errors are in db.", "Eleven"),
    ] {
        assert_eq!(bad(answer), [wrong], "{answer}");
    }
}

#[test]
fn computed_figures_need_their_operands_and_a_word_for_it() {
    for (answer, how) in [
        ("web had 57 errors and db had 12 errors, 69 in total.", "sum of"),
        ("web had 57 errors and db had 12, a difference of 45.", "difference of"),
        ("12 of 800 records of db, or 1.5%, are errors.", "percentage of"),
        ("There are 2 families.", "length of"),
    ] {
        let grounding = ground(answer, &evidence());
        assert_eq!(grounding.unsupported().count(), 0, "{answer}: {grounding:?}");
        let derived = how == "length of" || grounding.claims.iter().any(|c| c.how.starts_with(how));
        assert!(derived, "{answer}: {grounding:?}");
    }
    assert_eq!(bad("web had 57 errors, db had 12, and 69 others."), ["69"], "no word for a sum");
    assert_eq!(bad("There were 46 more errors in web (57) than in db (12)."), ["46"]);
    assert_eq!(bad("57 of 2,000 records, or 3.9%, are errors."), ["3.9%"]);
}

#[test]
fn a_true_figure_of_something_else_is_misplaced() {
    assert_eq!(bad("web had 57 errors, against 12 in db."), [""; 0]);
    assert_eq!(bad("web had 12 errors, against 57 in db."), ["12", "57"]);
    assert_eq!(bad("- timeout calling x: 40 times\n- disk is full: 17 times"), [""; 0]);
    assert_eq!(bad("- timeout calling x: 17 times\n- disk is full: 40 times"), ["17", "40"]);
    assert_eq!(
        bad("In web there were 9 errors and 57 warnings."),
        ["9", "57"],
        "fields of one record"
    );
    let grounding = ground("web had 12 errors.", &evidence());
    let claim = grounding.unsupported().next().expect("one");
    assert!(claim.how.contains("something else"), "{claim:?}");
}

#[test]
fn names_and_quotes() {
    for answer in [
        "Ann Lee met Bob in Rome.",
        "The binary is /srv/app/bin, version 1.4.2, on 10.0.0.7.",
        "She said “we ship on Friday”.",
        "She said \"We ship on…\"",
        "Bob's plan is known.",
    ] {
        assert_eq!(bad(answer), [""; 0], "{answer}");
    }
    for (answer, wrong) in [
        ("Then Ann Kim met Bob.", "Ann Kim"),
        ("They met in Oslo.", "Oslo"),
        ("The binary is /srv/app/lib.", "/srv/app/lib"),
        ("Version 1.4.3 is out.", "1.4.3"),
        ("It runs on 10.0.0.8.", "10.0.0.8"),
        ("She said “we ship on Monday”.", "we ship on Monday"),
        ("Write to ann@example.com.", "ann@example.com"),
    ] {
        assert_eq!(bad(answer), [wrong], "{answer}");
    }
}

#[test]
fn the_nearest_evidence_is_named() {
    let grounding = ground("web had 58 errors.", &evidence());
    let claim = grounding.unsupported().next().expect("one");
    assert_eq!((claim.kind, claim.score), (ClaimKind::Figure, 0.0));
    assert!(claim.nearest.as_deref().is_some_and(|n| n.starts_with("57 (")), "{claim:?}");
    assert!(claim.sentence().contains("58"), "{}", claim.sentence());
    let grounding = ground("It runs `disk is fuul`.", &evidence());
    let claim = grounding.unsupported().next().expect("one");
    assert!(claim.nearest.as_deref().is_some_and(|n| n.contains("disk is full")), "{claim:?}");
}

#[test]
fn what_cannot_be_checked_is_never_supported() {
    for answer in
        ["This is a rather sad state of affairs.", "das ist leider alles recht traurig heute.", ""]
    {
        let grounding = ground(answer, &evidence());
        assert!(grounding.claims.iter().all(|c| c.status == Status::Unchecked), "{grounding:?}");
        assert_eq!((grounding.checked(), grounding.score()), (0, None), "{answer}");
    }
    let none = ground("There were 57 errors in Rome.", &[]);
    assert_eq!(none.unsupported().count(), 2, "without evidence nothing is supported: {none:?}");
}
