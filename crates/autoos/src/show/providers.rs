//! How the providers are doing: what lets calls through or not, and what calls taught about each
//! model.

use super::{dollars, duration, line, number, rows, tame, text};
use autoos_kernel::time::Timestamp;
use serde_json::Value;

pub(crate) fn providers(all: &Value) {
    for row in rows(all, "providers") {
        line(&format!(
            "{} ({}) is {}: {} calls, {} failed, {} turned away, {} in flight, {} waiting, {}",
            text(row, "name"),
            text(row, "vendor"),
            text(row, "health"),
            number(row, "calls"),
            number(row, "failures"),
            number(row, "refused"),
            number(row, "in_flight"),
            number(row, "queued"),
            dollars(number(row, "cost_microusd")),
        ));
        breaker(&row["breaker"]);
        limits(&row["limits"]);
        let error = &row["last_error"];
        if error.is_object() {
            line(&format!(
                "  last error  {} at {}: {}",
                text(error, "class"),
                Timestamp(number(error, "at_ms")),
                tame(&text(error, "detail"))
            ));
        }
        let learned = row["learned"].as_array().map_or(&[][..], Vec::as_slice);
        let asked = |id: &str| learned.iter().find(|model| text(model, "id") == id);
        for id in row["models"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            match asked(id) {
                Some(figures) => model(figures),
                None => line(&format!("  {id:<32} not asked yet")),
            }
        }
    }
}

fn breaker(breaker: &Value) {
    let state = text(breaker, "state");
    if state == "closed" || state.is_empty() {
        return;
    }
    let cause = match text(breaker, "cause") {
        cause if cause.is_empty() => String::new(),
        cause => format!(" because of {cause}"),
    };
    let since = match number(breaker, "since_ms") {
        0 => String::new(),
        ms => format!(" since {}", Timestamp(ms)),
    };
    let next = match breaker["retry_in_ms"].as_u64() {
        Some(ms) => format!(", one call is let through in {}", duration(ms)),
        None => String::new(),
    };
    line(&format!("  breaker     {}{since}{cause}{next}", state.replace('_', " ")));
}

fn limits(limits: &Value) {
    let mut known = vec![format!("{} at once", number(limits, "max_in_flight"))];
    known.push(format!("{} may wait", number(limits, "max_queued")));
    for (name, of) in [("requests_per_min", "requests"), ("tokens_per_min", "tokens")] {
        if let Some(most) = limits[name].as_u64() {
            known.push(format!("{most} {of} a minute"));
        }
    }
    if let wait @ 1.. = number(limits, "wait_ms") {
        known.push(format!("wants no calls for {}", duration(wait)));
    }
    line(&format!("  limits      {}", known.join(", ")));
}

fn model(figures: &Value) {
    let share = |name: &str| figures[name].as_f64().unwrap_or(0.0);
    let ms = |name: &str| figures[name].as_u64().map_or_else(|| "-".to_owned(), duration);
    line(&format!(
        "  {:<32} {} calls, {:.1} % failed, reliability {:.2}, p50 {}, p95 {}, first token p50 {}, {}",
        text(figures, "id"),
        number(figures, "calls"),
        share("error_rate") * 100.0,
        share("reliability"),
        ms("latency_p50_ms"),
        ms("latency_p95_ms"),
        ms("first_token_p50_ms"),
        dollars(number(figures, "cost_microusd")),
    ));
    let errors = figures["errors"].as_array().into_iter().flatten();
    let errors: Vec<String> = errors
        .filter_map(|pair| Some(format!("{} {}", pair.get(1)?, pair.get(0)?.as_str()?)))
        .collect();
    if !errors.is_empty() {
        line(&format!("    errors    {}", errors.join(", ")));
    }
    if let Some(off) = figures["calibration_error"].as_f64() {
        line(&format!(
            "    calibration error {off:.3}: how far its confidence is from being right"
        ));
    }
}
