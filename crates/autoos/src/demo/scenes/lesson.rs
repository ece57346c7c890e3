//! What is learned: a wrong draft of a report is found before it is written, and the next one is made
//! sure of in more ways from the start.

use crate::demo::{
    Pace,
    scene::Scene,
    seen::Seen,
    vendor::{Vendor, approves, slowly},
};
use autoos_fabric::provider::scripted::{Answer, Rule};
use autoos_kernel::words::LlmRole::{Executor, Verifier};
use serde_json::{Value, json};
use std::path::Path;

/// The table that the report is about.
const SALES: &str = "week,region,revenue_eur\nW12,north,2691.60\nW12,south,2190.10\n";
/// What a draft should say.
const RIGHT: &str = "Sales of W12: north 2691.60 EUR, south 2190.10 EUR.\n";
/// What the first draft says.
const WRONG: &str = "Sales of W12: north 2961.60 EUR, south 2190.10 EUR.\n";

/// The first report.
pub(super) fn learned(pace: Pace, report: &Path) -> Scene {
    weekly(
        pace,
        report,
        "A wrong figure is stopped before it does harm",
        "A draft goes into a file, which cannot be taken back. The vendor swift mistypes a figure. A \
         draft that something irreversible is fed by is judged by another vendor before it counts.",
        |seen| {
            seen.climbed(&["swap_llm"])?;
            if seen.report != RIGHT {
                return Err(format!("the report says {:?}", seen.report));
            }
            let lesson = seen.lessons.last().ok_or("no lesson was learned")?;
            let (author, sure) = (seen.author("draft"), seen.confidence("draft"));
            Ok(format!(
                "{author} drafted instead, confidence {sure:.2}; the file was written once, and is \
                 right. A lesson was stored: {lesson}."
            ))
        },
    )
}

/// The second report.
pub(super) fn applied(pace: Pace, report: &Path) -> Scene {
    weekly(
        pace,
        report,
        "The lesson holds for the next one",
        "The same intent again. By the lesson such drafts are verified one level more strictly: two \
         vendors draft without knowing of each other, the drafts are compared, and a third vendor \
         judges.",
        applies,
    )
}

fn applies(seen: &Seen) -> Result<String, String> {
    seen.completed()?;
    let adopted = seen.of("created").find_map(|c| c.pointer("/plan/1/steps")).cloned();
    let steps = adopted.as_ref().and_then(Value::as_array).ok_or("it has no plan")?;
    let draft = steps.iter().find(|step| step["id"] == "draft").ok_or("it has no draft")?;
    let review = draft.pointer("/kind/ask/review").ok_or("the draft is not reviewed")?;
    if review["assurance"] != "quorum" || review["lesson"].is_null() {
        return Err(format!("the draft is reviewed as before: {review}"));
    }
    let second = seen.of("attempt_started").find(|a| a["purpose"] == "second");
    let second = second.and_then(|a| a["model"].as_str()).ok_or("nobody gave a second draft")?;
    if seen.report != RIGHT.repeat(2) {
        return Err(format!("the report says {:?}", seen.report));
    }
    let (author, judge) = (seen.author("draft"), seen.reviewer("draft"));
    Ok(format!(
        "by lesson {}: {author} and {second} drafted, {judge} judged, confidence {:.2}.",
        review["lesson"],
        seen.confidence("draft"),
    ))
}

fn weekly(
    pace: Pace,
    report: &Path,
    title: &'static str,
    tells: &'static str,
    shows: fn(&Seen) -> Result<String, String>,
) -> Scene {
    let thinking = pace.ms(400);
    let drafts = |text: &str| slowly(thinking, Answer::text(text));
    let swift = Vendor::new("swift", &[Executor]).quality(0.97).then(drafts(WRONG));
    let careful = Vendor::new("careful", &[Executor]).quality(0.9).then(drafts(RIGHT));
    let plain = Vendor::new("plain", &[Executor]).quality(0.8).then(drafts(RIGHT));
    let veto = json!({
        "supported": false, "confidence": 0.95, "method": "compared the draft with the table",
        "problems": ["the table says 2691.60 EUR for the north, and the draft 2961.60 EUR"],
    });
    let judge = Vendor::new("judge", &[Verifier])
        .rule(Rule {
            input_contains: Some("2961.60".into()),
            answer: slowly(thinking, Answer::value(veto)),
            ..Rule::default()
        })
        .then(approves(thinking, "compared the draft with the table"));
    let table = json!({
        "id": "table", "title": "look the week up",
        "work": {"tool": {"name": "table.query", "reads": {"context": "sales"}, "args": {
            "select": ["week", "region", "revenue_eur"]}}},
    });
    let draft = json!({
        "id": "draft", "title": "write the report",
        "work": {"ask": {"role": "executor", "instruction": "Write the sales of the week by region."}},
        "inputs": {"table": {"step": {"id": "table"}}},
        "limits": {"timeout_ms": 20_000, "prompt_tokens": 2_000, "output_tokens": 500},
    });
    let file = json!({
        "id": "file", "title": "put it on record",
        "work": {"tool": {"name": "fs.write", "args": {"path": report, "mode": "append"}}},
        "inputs": {"text": {"step": {"id": "draft"}}},
    });
    Scene {
        title,
        tells,
        vendors: vec![swift, careful, plain, judge],
        intent: "Put the weekly sales report on record",
        plan: Some(json!({"name": "weekly", "result": "file", "steps": [table, draft, file]})),
        contexts: json!({ "sales": SALES }),
        budget_usd: 1.0,
        human: None,
        shows,
    }
}
