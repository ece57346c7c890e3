//! Two workflows side by side.

use super::{dollars, duration, line, number, rows, tame, text};
use serde_json::Value;

/// Width of each of the two columns.
const COLUMN: usize = 40;

pub(crate) fn comparison(found: &Value) {
    let sides = [&found["left"], &found["right"]];
    let row = |name: &str, of: &dyn Fn(&Value) -> String| {
        let [left, right] = sides.map(of);
        let mark = if left == right { ' ' } else { '≠' };
        line(format!("{name:<11} {mark} {left:<COLUMN$} {right}").trim_end());
    };
    row("workflow", &|side| text(side, "id"));
    row("state", &|side| text(side, "state"));
    row("confidence", &|side| sure(&side["confidence"]));
    row("cost", &|side| dollars(number(side, "cost_microusd")));
    row("tokens", &|side| {
        let tokens = &side["tokens"];
        format!("{} in, {} out", number(tokens, "input"), number(tokens, "output"))
    });
    row("took", &|side| duration(number(side, "duration_ms")));
    row("models", &|side| {
        let models = side["models"].as_array().into_iter().flatten().filter_map(Value::as_str);
        models.collect::<Vec<_>>().join(", ")
    });
    if let Some(shared) = found["shared_events"].as_u64() {
        line(&format!("shared        their first {shared} events"));
    }
    line("\nsteps");
    for pair in rows(found, "steps") {
        step(pair);
    }
    let differs = rows(found, "result");
    let erased = sides.iter().any(|side| side["erased"] == Value::Bool(true));
    match (erased, differs.is_empty()) {
        (true, _) => line("\nresult      (erased)"),
        (false, true) => line("\nresult      the same"),
        (false, false) => {
            line("\nresult");
            changes(differs, "  ");
        }
    }
}

fn sure(confidence: &Value) -> String {
    confidence.as_f64().map_or_else(|| "-".to_owned(), |sure| format!("{sure:.2}"))
}

fn step(pair: &Value) {
    let of = |side: &Value| match side {
        Value::Null => "-".to_owned(),
        side => format!(
            "{} by {}, attempts {}, confidence {}, {}",
            text(side, "state"),
            text(side, "by"),
            number(side, "attempts"),
            sure(&side["confidence"]),
            dollars(number(side, "cost_microusd"))
        ),
    };
    let (left, right) = (of(&pair["left"]), of(&pair["right"]));
    let mark = match pair["same"].as_bool() {
        Some(true) => '=',
        Some(false) => '≠',
        None => ' ',
    };
    if left == right {
        line(&format!("{mark} {:<14} {left}", text(pair, "id")));
    } else {
        line(&format!("{mark} {:<14} {left}", text(pair, "id")));
        line(&format!("{:<16} {right}", ""));
    }
    let differs = pair["changes"].as_array().map_or(&[][..], Vec::as_slice);
    changes(differs, "      ");
}

/// Lines of a difference; a long one is cut.
fn changes(differs: &[Value], indent: &str) {
    const MOST: usize = 40;
    for changed in differs.iter().take(MOST) {
        let mark = match text(changed, "change").as_str() {
            "removed" => '-',
            "added" => '+',
            "left_out" => '…',
            _ => ' ',
        };
        let said: String = tame(&text(changed, "text")).chars().take(200).collect();
        line(format!("{indent}{mark} {said}").trim_end());
    }
    if differs.len() > MOST {
        line(&format!("{indent}… {} more lines", differs.len() - MOST));
    }
}
