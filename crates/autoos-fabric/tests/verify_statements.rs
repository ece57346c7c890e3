//! Sentences as a whole: contradictions, silence, what is not checked, places, and shared indexes.

use autoos_fabric::verify::{Claim, ClaimKind, Evidence, Index, Status, ground, ground_in};
use serde_json::json;

const NOTES: &str = "Ann Lee hired Bob Stone in Rome on 3 May 2021. Bob Stone wrote the parser, and \
    Carla Diaz tested it before the release. The council did not approve the second budget. Sales \
    rose from 40 to 52 units, while costs fell. The new server is faster than the old one, but it \
    needs more memory. The audit found 14 faults in the billing module.";

fn evidence() -> Vec<Evidence> {
    vec![Evidence { name: "notes".into(), value: NOTES.into() }]
}

fn only(answer: &str) -> Vec<Claim> {
    ground(answer, &evidence()).unsupported().cloned().collect()
}

#[test]
fn other_words_for_the_same_are_no_contradiction() {
    for answer in [
        "Bob Stone was hired by Ann Lee in Rome.",
        "The parser was written by Bob Stone.",
        "The second budget was not approved by the council.",
        "Sales grew from 40 to 52 units.",
        "The old server is slower than the new one.",
        "After Carla Diaz tested it, the parser was released.",
        "In the billing module the audit found 14 faults.",
    ] {
        assert_eq!(only(answer), [], "{answer}");
        let support = ground(answer, &evidence()).support.expect("something to compare");
        assert!(support > 0.5, "{answer}: {support}");
    }
}

#[test]
fn contradictions_are_named() {
    for (answer, why) in [
        ("The council approved the second budget.", "denied on one side only"),
        ("Bob Stone hired Ann Lee in Rome.", "the other way round"),
        ("Ann Lee wrote the parser.", "“Bob” where this has “Ann”"),
        ("Sales fell from 40 to 52 units.", "“rose” where this has “fell”"),
        ("Sales rose from 52 to 40 units.", "the other way round"),
        ("Carla Diaz tested the parser after the release.", "“before” where this has “after”"),
        ("The old server is faster than the new one.", "the other way round"),
        ("The audit found 52 faults in the billing module.", "“14” where this has “52”"),
    ] {
        let bad = only(answer);
        assert!(bad.iter().any(|c| c.how.contains(why)), "{answer}: {bad:?}");
        assert!(bad.iter().all(|c| c.contradicted()), "{answer}: {bad:?}");
        let support = ground(answer, &evidence()).support.expect("something to compare");
        assert!(support < 0.5, "{answer}: {support}");
    }
}

#[test]
fn what_is_wrong_and_what_is_near_have_their_places() {
    let answer = "Here it is. The council approved the second budget.";
    let bad = only(answer);
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert_eq!(&answer[bad[0].start..bad[0].end], "The council approved the second budget.");
    let place = bad[0].evidence.as_ref().expect("a place");
    assert_eq!((place.name.as_str(), place.path.as_str()), ("notes", ""));
    assert_eq!(&NOTES[place.start..place.end], "The council did not approve the second budget.");
    assert_eq!(place.excerpt, NOTES[place.start..place.end]);
    let data = json!({"run": {"report": "All is well. The disk did not fail on Monday."}});
    let evidence = [Evidence { name: "tool".into(), value: data }];
    let grounding = ground("The disk failed on Monday.", &evidence);
    let claim = grounding.unsupported().next().expect("one");
    let place = claim.evidence.as_ref().expect("a place");
    assert_eq!((place.name.as_str(), place.path.as_str()), ("tool", "run.report"));
    assert_eq!(place.excerpt, "The disk did not fail on Monday.");
}

#[test]
fn silence_of_a_text_is_named_and_that_of_data_is_not() {
    let invented = "The parser will soon be sold to customers in the whole of southern Asia.";
    let bad = only(invented);
    let silent = bad.iter().find(|c| c.kind == ClaimKind::Statement).expect("one");
    assert!(!silent.contradicted(), "{silent:?}");
    let data = [Evidence { name: "t".into(), value: json!({"parser": {"notes": NOTES}}) }];
    assert_eq!(
        ground("The parser will be sold to many customers abroad.", &data).unsupported().count(),
        0
    );
}

#[test]
fn opinions_advice_questions_and_other_languages_are_not_checked() {
    for answer in [
        "The parser is a great piece of work.",
        "The council might approve the second budget.",
        "We should hire more people for the parser.",
        "Did the council approve the second budget?",
        "der Rat hat den zweiten Haushalt leider abgelehnt.",
    ] {
        let grounding = ground(answer, &evidence());
        let checked = grounding.claims.iter().filter(|c| c.kind == ClaimKind::Statement);
        for claim in checked {
            assert_eq!(claim.status, Status::Unchecked, "{answer}: {claim:?}");
        }
        assert_eq!(grounding.unsupported().count(), 0, "{answer}: {grounding:?}");
    }
}

#[test]
fn merged_indexes_find_what_one_index_finds() {
    let evidence = [
        Evidence { name: "notes".into(), value: NOTES.into() },
        Evidence {
            name: "web".into(),
            value: json!({"errors": 57, "host": "web-1", "list": [{"city": "Rome", "n": 3}, {"city": "Oslo", "n": 8}]}),
        },
        Evidence {
            name: "db".into(),
            value: json!({"errors": 12, "note": "The pool was never full."}),
        },
    ];
    let whole = Index::new(&evidence);
    let parts: Vec<Index> = evidence.iter().map(|e| Index::new(std::slice::from_ref(e))).collect();
    let parts: Vec<&Index> = parts.iter().collect();
    for answer in [
        "web had 57 errors, against 12 in db.",
        "web had 12 errors, against 57 in db.",
        "Rome has 8 and Oslo has 3.",
        "The pool was full. The council approved the second budget. Ann Lee was in Oslo.",
        "In all there were 69 errors: 57 in web and 12 in db; 14 faults were found.",
    ] {
        assert_eq!(ground_in(answer, &parts), whole.ground(answer), "{answer}");
    }
    assert_eq!(ground_in("web had 57 errors.", &[]).checked(), 1, "without evidence nothing holds");
}

#[test]
fn figures_may_be_rounded_where_the_answer_says_so() {
    let evidence = [Evidence {
        name: "t".into(),
        value: json!(
            "The fund holds 1,987 shares, 181.6 million euros in cash, and a third of the mill. A crew of twenty-five works there."
        ),
    }];
    let bad = |answer: &str| ground(answer, &evidence).unsupported().count();
    for answer in [
        "The fund holds about 2,000 shares.",
        "The fund holds nearly 2,000 shares.",
        "The fund holds over 180 million euros in cash.",
        "The fund holds 181,600,000 euros in cash.",
        "The fund holds 33% of the mill.",
        "A crew of 25 works there.",
    ] {
        assert_eq!(bad(answer), 0, "{answer}: {:?}", ground(answer, &evidence));
    }
    for answer in [
        "The fund holds 2,000 shares.",
        "The fund holds about 3,000 shares.",
        "The fund holds over 190 million euros in cash.",
        "The fund holds 43% of the mill.",
        "A crew of 27 works there.",
    ] {
        assert!(bad(answer) > 0, "{answer}");
    }
}

/// Neither text is one to be read by a person; each would take minutes if every word were compared
/// with every other.
#[test]
fn texts_without_end_are_got_through() {
    let words: String = (0..60_000u32)
        .map(|i| format!("word{} {} ", i % 977, i.wrapping_mul(7919) % 9973))
        .collect();
    let lines = words.replace(" word1 ", ". The word1 is\nnot ");
    let plain = [Evidence { name: "words".into(), value: words.as_str().into() }];
    let broken = [Evidence { name: "lines".into(), value: lines.as_str().into() }];
    let other: String =
        words.chars().map(|c| if c == '7' { '8' } else { c }).take(100_000).collect();
    assert!(ground(&other, &plain).checked() > 1_000);
    assert!(ground(&other, &broken).checked() > 1_000);
    assert!(ground("The word1 is 12 or 31.", &broken).checked() > 0);
}
