//! What was spent, split by one thing or by several, each within the one before.

use super::{dollars, line, number, rows, tame, text};
use serde_json::Value;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sum {
    microusd: u64,
    calls: u64,
    input: u64,
    output: u64,
}

impl Sum {
    fn of(lines: &[&Value]) -> Self {
        let mut sum = Self::default();
        for line in lines {
            let tokens = &line["tokens"];
            sum.microusd = sum.microusd.saturating_add(number(line, "cost_microusd"));
            sum.calls += number(line, "calls");
            sum.input += number(tokens, "input");
            sum.output += number(tokens, "output");
        }
        sum
    }
}

pub(crate) fn cost(spent: &Value) {
    let lines: Vec<&Value> = rows(spent, "lines").iter().collect();
    let by = text(spent, "by");
    if lines.is_empty() {
        return line("nothing was asked of a model yet");
    }
    row(&format!("by {}", by.replace(',', ", ")), Sum::of(&lines));
    level(&lines, 0, by.split(',').count());
}

/// One level of the table: `lines` have the same keys before it.
fn level(lines: &[&Value], depth: usize, depths: usize) {
    let key = |line: &Value| tame(line["keys"][depth].as_str().unwrap_or_default());
    for group in lines.chunk_by(|a, b| key(a) == key(b)) {
        row(&format!("{}{}", "  ".repeat(depth + 1), key(group[0])), Sum::of(group));
        if depth + 1 < depths {
            level(group, depth + 1, depths);
        }
    }
}

fn row(label: &str, sum: Sum) {
    let Sum { microusd, calls, input, output } = sum;
    line(&format!(
        "{label:<40} {:>11} {calls:>7} calls {input:>10} tokens in {output:>9} out",
        dollars(microusd)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_level_sums_what_is_within_it() {
        let line = |cost: u64| json!({"cost_microusd": cost, "calls": 1, "tokens": {"input": 2, "output": 3}});
        let (a, b) = (line(5), line(7));
        let sum = Sum { microusd: 12, calls: 2, input: 4, output: 6 };
        assert_eq!(Sum::of(&[&a, &b]), sum);
    }
}
