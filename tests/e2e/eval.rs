//! Decisions on recorded data, as one types them.

use serde_json::{Value, json};
use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

fn eval(what: &str, lines: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_autoos"))
        .args(["eval", what, "-", "--output", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("autoos");
    let mut to = child.stdin.take().expect("standard input");
    let lines = lines.to_owned();
    let writer = std::thread::spawn(move || to.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer").expect("it is read to its end");
    output
}

fn told(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect()
}

fn report(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(text.lines().last().expect("a report")).expect("JSON")
}

fn lines(all: &[Value]) -> String {
    all.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn answers_are_checked_and_a_bad_line_is_told_and_passed_over() {
    let context = "The north sold 366 units in March. The south sold 299 units.";
    let right = json!({
        "id": "a", "context": context, "answer": "The north sold 366 units.", "consistent": true,
    });
    let wrong = json!({
        "id": "b", "context": context, "answer": "The north sold 636 units.", "consistent": false,
    });
    let output = eval("check", &format!("{right}\nno JSON\n\n{{\"id\": 3}}\n{wrong}\n"));
    let out = told(&output);
    assert_eq!(output.status.code(), Some(1), "bad lines are told at the end");
    assert_eq!(out.len(), 4);
    assert!(out[0]["score"].as_f64() > Some(0.5), "{}", out[0]);
    assert_eq!(out[0]["unsupported"], json!([]));
    assert_eq!((&out[1]["line"], &out[2]["line"]), (&json!(2), &json!(4)));
    assert!(out[2]["error"].as_str().is_some_and(|why| why.contains("context")), "{}", out[2]);
    assert!(out[3]["score"].as_f64() < Some(0.5), "{}", out[3]);
    let claim = &out[3]["unsupported"][0];
    assert_eq!((&claim["text"], &claim["start"]), (&json!("636"), &json!(15)), "{claim}");
    let report = report(&output);
    assert_eq!((&report["lines"], &report["bad_lines"]), (&json!(5), &json!(2)));
    assert_eq!(report["auroc"]["value"], json!(1.0));
}

#[test]
fn a_line_is_decided_before_its_truth_is_looked_at() {
    let line = |n: usize, truth: &str| {
        json!({
            "id": n, "question": "How many?", "truth": truth,
            "answers": { "good": format!("A: {n}"), "bad": "A: 7", "worse": "It is 8." },
        })
    };
    let mut true_ones: Vec<Value> = (10..40).map(|n| line(n, &n.to_string())).collect();
    let first = eval("consensus", &lines(&true_ones));
    assert_eq!(first.status.code(), Some(0));
    // Another truth in the last line changes nothing that was said.
    *true_ones.last_mut().expect("one") = line(39, "8");
    let second = eval("consensus", &lines(&true_ones));
    assert_eq!(first.stdout, second.stdout);
    let last = told(&first).pop().expect("a line");
    assert_eq!((&last["final"], &last["supporters"]), (&json!("39"), &json!(["good"])));
    assert!(last["confidence"].as_f64() > Some(0.8), "{last}");
    assert!(
        report(&first)["accuracy"]["value"].as_f64()
            > report(&second)["accuracy"]["value"].as_f64()
    );
}

#[test]
fn prompts_are_scored_by_what_was_learned_before_them() {
    let line = |n: usize| {
        let hard = n.is_multiple_of(2);
        let subject = if hard { "the homology of a torus" } else { "the colour of fresh grass" };
        json!({
            "id": n, "prompt": format!("Tell me about {subject}, number {n}."),
            "correct": { "weak": !hard, "strong": true },
        })
    };
    let all: Vec<Value> = (0..80).map(line).collect();
    let output = eval("route", &lines(&all));
    let score = |at: usize| told(&output)[at]["score"].as_f64().expect("a score");
    assert!(score(78) > score(79) + 0.1, "{} {}", score(78), score(79));
    assert!(report(&output)["gap_recovered"]["value"].as_f64() > Some(0.7));
    assert_eq!(eval("route", &lines(&all)).stdout, output.stdout);
}
