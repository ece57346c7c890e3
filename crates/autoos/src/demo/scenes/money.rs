//! Rung five: the money does not suffice, a human is asked, and a vendor overcharges.

use crate::{
    demo::{
        Pace,
        scene::{FIGURES, Scene},
        seen::Seen,
        vendor::{Vendor, approves, slowly},
    },
    show::dollars,
};
use autoos_fabric::provider::scripted::Answer;
use autoos_kernel::words::LlmRole::{Executor, Planner, Verifier};
use serde_json::json;

/// What the human grants on top, in micro-dollars.
const RAISE: u64 = 400_000;

/// A budget that is too small, and a bill that is too large.
pub(super) fn overcharged(pace: Pace) -> Scene {
    let thinking = pace.ms(500);
    let step = json!({
        "id": "answer", "title": "answer from the notes",
        "work": {"ask": {"role": "executor",
            "instruction": "How many orders came in in March, and how many were returned?"}},
        "inputs": {"notes": {"context": "notes"}},
        "limits": {"timeout_ms": 20_000, "prompt_tokens": 2_000, "output_tokens": 500},
    });
    let plan = json!({
        "name": "orders", "result": "answer", "steps": [step],
        "intent": {"summary": "the orders of March", "task_kind": "question", "contexts": ["notes"]},
    });
    let dear = Vendor::new("dear", &[Planner])
        .price(3_000_000, 15_000_000)
        .then(slowly(thinking, Answer::value(plan)));
    let bill = Answer { cost_microusd: Some(2_000_000), ..Answer::text(FIGURES) };
    let greedy = Vendor::new("greedy", &[Executor]).then(slowly(thinking, bill));
    let judge = Vendor::new("judge", &[Verifier])
        .then(approves(thinking, "looked both figures up in the notes"));
    Scene {
        title: "Rung 5: the money does not suffice, and a vendor overcharges",
        tells: "The budget is $0.05, and one call of the planner dear may cost $0.108. It is not \
                made: money is a human's to decide, who is asked and can take a day to answer, \
                across restarts and at no cost. Then the vendor greedy charges $2 for a call that \
                may cost half a cent.",
        vendors: vec![dear, greedy, judge],
        intent: "How many orders came in in March?",
        plan: None,
        contexts: json!({ "notes": FIGURES }),
        budget_usd: 0.05,
        human: Some((autoos_runtime::Answer::Raise(RAISE), "raise the budget by $0.40")),
        shows: held,
    }
}

fn held(seen: &Seen) -> Result<String, String> {
    seen.climbed(&["escalate"])?;
    let [granted, spent, excess] =
        ["granted_microusd", "spent_microusd", "excess_microusd"].map(|name| seen.money(name));
    if spent > granted {
        return Err(format!("{} of {} were spent", dollars(spent), dollars(granted)));
    }
    if excess == 0 {
        return Err("what was charged too much is not told".to_owned());
    }
    let asked = seen.of("escalated").next().map(|asked| asked["exit"].clone());
    if asked != Some(json!("overspent")) {
        return Err(format!("a human was asked for {asked:?}"));
    }
    Ok(format!(
        "a human granted more before anything was spent; {} of {} were spent, and the {} that greedy \
         charged beyond what its call could cost are kept apart, with its name.",
        dollars(spent),
        dollars(granted),
        dollars(excess),
    ))
}
