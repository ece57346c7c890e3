//! `autoos demo heal`: every scene shows what it says, and the account of the last one can be read.

use crate::support::{autoos, finish};
use serde_json::Value;

/// The scenes and the rungs that each has to climb.
const SCENES: [&[&str]; 8] = [
    &["retry"],
    &["retry", "replace_agent"],
    &["swap_llm"],
    &["swap_llm"],
    &["mutate_strategy"],
    &["escalate"],
    &["swap_llm"],
    &[],
];

#[test]
fn every_scene_shows_what_it_says() {
    let dir = tempfile::tempdir().expect("a folder");
    let (code, out, err) = finish(autoos(dir.path()).args(["demo", "heal", "--fast"]));
    assert_eq!(code, 0, "{out}\n{err}");
    for wanted in [
        "[1/8] Rung 1",
        "[8/8]",
        "the same agent tries again",
        "a fresh agent takes over",
        "another model is asked instead of unpaid/large",
        "the figure “27” is not in the evidence; nearest: 17",
        "revision 2 keeps",
        "a human is asked: question 1",
        "here the demo answers in the human's place",
        "A lesson was stored",
        "Why did the last one come out so?",
        "All 8 scenes went as they should.",
    ] {
        let flat = out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(wanted), "no {wanted:?} in:\n{out}");
    }
    assert!(!out.contains("NOT AS IT SHOULD BE"), "{out}");
}

#[test]
fn programs_read_it_and_everything_is_kept_where_it_is_asked_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let kept = dir.path().join("kept");
    let demo = |kept: &std::path::Path| {
        let mut command = autoos(dir.path());
        command.args(["demo", "heal", "--fast", "--output", "json", "--keep"]).arg(kept);
        finish(&mut command)
    };
    let (code, out, err) = demo(&kept);
    assert_eq!(code, 0, "{out}\n{err}");
    let told: Value = serde_json::from_str(&out).expect("JSON");
    let scenes = told["scenes"].as_array().expect("scenes");
    assert_eq!(scenes.len(), SCENES.len());
    for (scene, rungs) in scenes.iter().zip(SCENES) {
        assert_eq!(scene["rungs"], serde_json::json!(rungs), "{scene:#}");
        assert_eq!(scene["state"], "completed", "{scene:#}");
    }

    // What was kept is a data directory like any other.
    let data = kept.join("data").display().to_string();
    let list = ["workflow", "list", "--output", "json", "--data-dir", &data];
    let (code, listed, err) = finish(autoos(dir.path()).args(list));
    assert_eq!(code, 0, "{err}");
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(SCENES.len()), "{listed:#}");
    for scene in scenes {
        let id = scene["workflow"].as_str().expect("an id");
        let (code, said, err) =
            finish(autoos(dir.path()).args(["audit", "verify", id, "--data-dir", &data]));
        assert_eq!(code, 0, "{said}{err}");
    }

    // A folder with something in it is left alone.
    let (code, _, err) = demo(&kept);
    assert!(code != 0 && err.contains("is not empty"), "{code} {err}");
}
