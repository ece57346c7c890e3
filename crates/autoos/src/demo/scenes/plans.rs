//! Rung four: a plan leads nowhere, and its failed part is planned anew.

use crate::demo::{
    Pace,
    scene::Scene,
    seen::Seen,
    vendor::{Vendor, approves, slowly},
};
use autoos_fabric::provider::scripted::Answer;
use autoos_kernel::words::LlmRole::{Executor, Planner, Synthesizer, Verifier};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The table that comes with the intent.
const ORDERS: &str = "month,region,orders\nMarch,north,704\nMarch,south,500\nApril,north,690\n";

/// The table, summed up by a column.
fn summed(id: &str, by: &str) -> Value {
    json!({
        "id": id, "title": format!("add up the orders by {by}"),
        "work": {"tool": {"name": "table.query", "reads": {"context": "orders"}, "args": {
            "group_by": [by], "aggregate": [{"op": "sum", "column": "orders", "as": "orders"}]}}},
    })
}

fn plan(second: Value, from: &str) -> Value {
    let answer = json!({
        "id": "answer", "title": "write the answer",
        "work": {"ask": {"role": "synthesizer", "instruction": "Say how many orders March brought."}},
        "inputs": {"months": {"step": {"id": "months"}}, "more": {"step": {"id": from}}},
        "limits": {"timeout_ms": 20_000, "prompt_tokens": 2_000, "output_tokens": 500},
    });
    json!({
        "name": "orders", "result": "answer",
        "intent": {"summary": "the orders of March", "task_kind": "table.report"},
        "steps": [summed("months", "month"), second, answer],
    })
}

/// The plan reads a file that is not there.
pub(super) fn dead_end(pace: Pace) -> Scene {
    let archive = json!({
        "id": "archive", "title": "read the archive of last year", "after": ["months"],
        "work": {"tool": {"name": "fs.read", "args": {"path": "/srv/archive/2025.txt"}}},
    });
    let thinking = pace.ms(500);
    let mapper = Vendor::new("mapper", &[Planner])
        .first(1, slowly(thinking, Answer::value(plan(archive, "archive"))))
        .then(slowly(thinking, Answer::value(plan(summed("regions", "region"), "regions"))));
    let text = "March brought 1204 orders, and April brought 690.";
    let steady =
        Vendor::new("steady", &[Executor, Synthesizer]).then(slowly(thinking, Answer::text(text)));
    let judge = Vendor::new("judge", &[Verifier]).then(approves(thinking, "compared both tables"));
    Scene {
        title: "Rung 4: a plan leads nowhere",
        tells: "The planner of the vendor mapper wants to read an archive that no tool may read. No \
                retry and no other model would help, so the failed part is planned anew. What is \
                done stays done, and the new plan is checked like any other.",
        vendors: vec![mapper, steady, judge],
        intent: "How many orders came in in March?",
        plan: None,
        contexts: json!({ "orders": ORDERS }),
        budget_usd: 1.0,
        human: None,
        shows: revised,
    }
}

fn revised(seen: &Seen) -> Result<String, String> {
    seen.climbed(&["mutate_strategy"])?;
    let plans: Vec<BTreeSet<&str>> = seen.of("plan_adopted").map(ids).collect();
    let [first, second] = plans.as_slice() else {
        return Err(format!("{} plans were adopted", plans.len()));
    };
    let list = |ids: Vec<&&str>| ids.into_iter().copied().collect::<Vec<_>>().join(", ");
    let months = seen.of("attempt_completed").filter(|done| done["step"] == "months").count();
    if months != 1 {
        return Err(format!("the step months was worked {months} times"));
    }
    Ok(format!(
        "revision 2 keeps {}, drops {} and adds {}; what was done before was not done again.",
        list(first.intersection(second).collect()),
        list(first.difference(second).collect()),
        list(second.difference(first).collect()),
    ))
}

/// The ids of an adopted plan's steps.
fn ids(adopted: &Value) -> BTreeSet<&str> {
    let steps = adopted.pointer("/outline/steps").and_then(Value::as_array);
    steps.into_iter().flatten().filter_map(|step| step["id"].as_str()).collect()
}
