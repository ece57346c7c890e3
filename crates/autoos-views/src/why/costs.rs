//! What a workflow cost, by step and by model, failed attempts included: pure.

use super::document::{AttemptTold, CostOf, Costs, StepTold};
use autoos_kernel::budget::Budget;

/// Adds the attempts of all steps up.
pub(super) fn of(steps: &[StepTold], budget: Budget) -> Costs {
    let mut costs = Costs {
        granted_microusd: budget.granted,
        spent_microusd: budget.spent.saturating_add(budget.excess),
        ..Costs::default()
    };
    for step in steps {
        for attempt in step.attempts.iter().filter(|a| a.took_ms.is_some()) {
            if attempt.outcome == "failed" {
                costs.failed_microusd = costs.failed_microusd.saturating_add(attempt.cost_microusd);
            }
            if !attempt.purpose.is_answer() {
                costs.review_microusd = costs.review_microusd.saturating_add(attempt.cost_microusd);
            }
            add(&mut costs.by_step, &step.id, attempt);
            if let Some(model) = &attempt.model {
                add(&mut costs.by_model, model, attempt);
            }
        }
    }
    costs.by_model.sort_by_key(|line| std::cmp::Reverse(line.cost_microusd));
    costs
}

fn add(lines: &mut Vec<CostOf>, key: &str, attempt: &AttemptTold) {
    let at = lines.iter().position(|line| line.key == key).unwrap_or_else(|| {
        lines.push(CostOf { key: key.to_owned(), ..CostOf::default() });
        lines.len() - 1
    });
    let line = &mut lines[at];
    line.attempts += 1;
    line.cost_microusd = line.cost_microusd.saturating_add(attempt.cost_microusd);
    line.tokens.add((attempt.tokens.input, attempt.tokens.output));
    if attempt.outcome == "failed" {
        line.failed += 1;
        line.failed_microusd = line.failed_microusd.saturating_add(attempt.cost_microusd);
    }
}
