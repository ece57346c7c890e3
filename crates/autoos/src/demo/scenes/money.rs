//! Rung five: a vendor overcharges, the budget holds, and a human is asked.

use crate::{
    demo::{
        Pace,
        scene::{FIGURES, Scene},
        seen::Seen,
        vendor::{Vendor, approves, slowly},
    },
    show::{self, dollars},
};
use autoos_fabric::provider::scripted::Answer;
use autoos_kernel::words::LlmRole::{Executor, Verifier};

/// A bill that is larger than the budget.
pub(super) fn overcharged(pace: Pace) -> Scene {
    let thinking = pace.ms(500);
    let bill = Answer { cost_microusd: Some(2_000_000), ..Answer::text(FIGURES) };
    let greedy = Vendor::new("greedy", &[Executor]).then(slowly(thinking, bill));
    let judge = Vendor::new("judge", &[Verifier])
        .then(approves(thinking, "looked both figures up in the notes"));
    let mut scene = Scene::question(
        "Rung 5: a vendor overcharges, and the budget holds",
        "The budget is $0.50. What a call may cost is set aside before it is made, here less than a \
         cent; the vendor greedy charges $2 all the same. So nothing is left, and nobody else is \
         called, not even the verifier: a human is asked, who can take a day to answer, across \
         restarts and at no cost.",
        vec![greedy, judge],
        held,
    );
    scene.budget_usd = 0.5;
    scene.human = Some((autoos_runtime::Answer::Approve, "approve, and not a cent more"));
    scene
}

fn held(seen: &Seen) -> Result<String, String> {
    seen.climbed(&["escalate"])?;
    let asked = seen.of("escalated").next().map(|asked| show::text(asked, "exit"));
    if asked.as_deref() != Some("overspent") {
        return Err(format!("a human was asked for {asked:?}"));
    }
    let calls = seen.of("attempt_started").count();
    if calls != 1 {
        return Err(format!("{calls} calls were made"));
    }
    let [granted, spent, excess] =
        ["granted_microusd", "spent_microusd", "excess_microusd"].map(|name| seen.money(name));
    if spent > granted || excess == 0 {
        return Err(format!(
            "{} of {} were spent, {} beyond",
            dollars(spent),
            dollars(granted),
            dollars(excess)
        ));
    }
    Ok(format!(
        "one call was made and none after it; {} of {} count as spent, and the {} that greedy \
         charged beyond what its call could cost are told apart.",
        dollars(spent),
        dollars(granted),
        dollars(excess),
    ))
}
