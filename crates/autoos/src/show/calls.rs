//! Calls of clients: a list, and one whole.

use super::{dollars, duration, line, lists::more, number, rows, tame, text};
use serde_json::Value;

pub(crate) fn calls(page: &Value) {
    let all = rows(page, "items");
    for row in all {
        line(&format!(
            "{}  {}  {:<8} {:>9} {:>9}  {}",
            text(row, "id"),
            text(row, "began"),
            text(row, "outcome"),
            duration(number(row, "latency_ms")),
            dollars(number(row, "cost_microusd")),
            tame(&model(row)),
        ));
    }
    if all.is_empty() {
        line("no calls");
    }
    more(page, "autoos call list");
}

fn model(call: &Value) -> String {
    let (asked, model) = (text(call, "asked"), text(call, "model"));
    if asked == model { asked } else { format!("{asked} → {model}") }
}

pub(crate) fn call(call: &Value) {
    let tokens = &call["tokens"];
    line(&format!("call      {}", text(call, "id")));
    line(&format!(
        "began     {}, took {}",
        text(call, "began"),
        duration(number(call, "latency_ms"))
    ));
    line(&tame(&format!("for       {} / {}", text(call, "tenant"), text(call, "user"))));
    line(&tame(&format!("model     {}", model(call))));
    let reason = text(call, "reason");
    if !reason.is_empty() {
        line(&tame(&format!("chosen    {reason}")));
    }
    for failed in rows(call, "failed") {
        line(&tame(&format!("failed    {}: {}", text(failed, "model"), text(failed, "class"))));
    }
    line(&format!("outcome   {} {}", text(call, "outcome"), text(call, "class")));
    line(&format!(
        "cost      {} for {} tokens in, {} out",
        dollars(number(call, "cost_microusd")),
        number(tokens, "input"),
        number(tokens, "output"),
    ));
    if let Some(confidence) = call["confidence"].as_f64() {
        let unsupported = number(call, "unsupported");
        line(&format!("sure      {confidence:.2}, {unsupported} claims without support"));
    }
    line(&format!("recorded  {} {}", text(call, "stream"), number(call, "seq")));
    for (name, value) in [("asked", &call["request"]), ("answered", &call["answer"])] {
        let whole = value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned);
        line(&format!("\n{name}\n{}", tame(&whole)));
    }
}
