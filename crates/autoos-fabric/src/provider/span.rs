//! The span of a call to a model, by the conventions for generative AI.

use super::{Came, Work};
use crate::{Failure, prompt};
use autoos_telemetry::{Context, Kind, Live};
use serde_json::json;
use std::time::Instant;

/// A call begins to be made, which was let in at `admitted`.
pub(super) fn begin(
    place: Option<Context>,
    provider: &str,
    work: &Work,
    admitted: Instant,
) -> Live {
    let model = work.model().split_once('/').map_or(work.model(), |(_, model)| model);
    let mut span = Live::below(place, Kind::Client, || format!("chat {model}"));
    if !span.is_on() {
        return span;
    }
    span.set("gen_ai.operation.name", "chat");
    span.set("gen_ai.provider.name", provider.to_owned());
    span.set("gen_ai.request.model", model.to_owned());
    span.set("autoos.model", work.model().to_owned());
    span.set("autoos.mailbox_wait_ms", admitted.elapsed().as_secs_f64() * 1e3);
    // What a client says to a model is its own to tell.
    let Work::Ask(request) = work else { return span };
    span.set("gen_ai.request.max_tokens", request.output_tokens);
    span.set("gen_ai.output.type", if request.schema.is_some() { "json" } else { "text" });
    span.set("autoos.role", request.role.to_string());
    span.set("autoos.call.key", request.key.clone());
    if autoos_telemetry::content()
        && let Ok(prompt) = prompt::render(request)
    {
        let part = |text: &str| json!([{"type": "text", "content": text}]);
        let said = prompt.messages.iter().map(|text| json!({"role": "user", "parts": part(text)}));
        span.set("gen_ai.system_instructions", part(&prompt.system).to_string());
        span.set("gen_ai.input.messages", said.collect::<serde_json::Value>().to_string());
    }
    span
}

/// It ended like this.
pub(super) fn end(span: &mut Live, result: &Result<Came, Failure>) {
    if !span.is_on() {
        return;
    }
    match result {
        Ok(Came::Chat(answered)) => {
            span.set("gen_ai.response.finish_reasons", vec![answered.finish.clone()]);
            span.set("gen_ai.usage.input_tokens", answered.usage.input);
            span.set("gen_ai.usage.output_tokens", answered.usage.output);
            span.set("autoos.cost_microusd", answered.cost_microusd);
        }
        Ok(Came::Answer(response)) => {
            let model = response.model.split_once('/').map_or(&*response.model, |(_, name)| name);
            let why = if response.tool_calls.is_empty() { "stop" } else { "tool_call" };
            span.set("gen_ai.response.model", model.to_owned());
            span.set("gen_ai.response.finish_reasons", vec![why.to_owned()]);
            span.set("gen_ai.usage.input_tokens", response.usage.input);
            span.set("gen_ai.usage.output_tokens", response.usage.output);
            span.set("autoos.cost_microusd", response.cost_microusd);
            if let Some(ms) = response.first_token_ms {
                span.set("autoos.first_token_ms", ms);
            }
            if autoos_telemetry::content() {
                let parts = json!([{"type": "text", "content": response.text}]);
                let said = json!([{"role": "assistant", "parts": parts, "finish_reason": why}]);
                span.set("gen_ai.output.messages", said.to_string());
            }
        }
        Err(failure) => {
            let class: &'static str = failure.class.into();
            span.fail(class);
            if let Some(cost) = failure.cost_microusd {
                span.set("autoos.cost_microusd", cost);
            }
        }
    }
}
