//! An answer written in OpenAI's format as it comes: the chunks of a stream, and the whole.

use super::{Answered, Piece};
use crate::{ToolCall, Usage};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// An answer on its way.
pub(crate) struct Written {
    id: String,
    model: String,
    created: u64,
    begun: bool,
    pub(crate) text: String,
    pub(crate) refusal: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) finish: Option<String>,
    pub(crate) usage: Option<Usage>,
}

/// A call that a model asks for, as far as it came.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

impl Written {
    /// An answer of which nothing came yet.
    pub(crate) fn new(model: &str) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            id: format!("chatcmpl-{:032x}", rand::random::<u128>()),
            model: model.to_owned(),
            created: since.as_secs(),
            begun: false,
            text: String::new(),
            refusal: String::new(),
            calls: Vec::new(),
            finish: None,
            usage: None,
        }
    }

    pub(crate) fn text(&mut self, more: &str) {
        self.text.push_str(more);
    }

    pub(crate) fn whole_call(&mut self, call: &ToolCall) {
        self.calls.push(Call {
            id: call.id.clone(),
            name: call.name.clone(),
            arguments: arguments(&call.args),
        });
    }

    /// A chunk of the stream; the first one says who speaks.
    pub(crate) fn chunk(&mut self, mut delta: Value, finish: Option<&str>) -> String {
        if !std::mem::replace(&mut self.begun, true) {
            delta["role"] = "assistant".into();
        }
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        self.event(choices, None)
    }

    /// The chunk that counts the tokens.
    pub(crate) fn count(&self, usage: Usage) -> String {
        self.event(json!([]), Some(usage))
    }

    fn event(&self, choices: Value, counted: Option<Usage>) -> String {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        });
        if let Some(counted) = counted {
            chunk["usage"] = usage(counted);
        }
        format!("data: {chunk}\n\n")
    }

    /// The chunks of an answer that came in one piece.
    pub(crate) fn first_and_last(&mut self, include_usage: bool) -> String {
        let mut delta = json!({});
        if !self.text.is_empty() {
            delta["content"] = Value::String(self.text.clone());
        }
        if !self.calls.is_empty() {
            let calls = self.calls.iter().enumerate();
            delta["tool_calls"] = calls.map(|(n, call)| call.delta(n)).collect();
        }
        let mut events = self.chunk(delta, None);
        let finish = self.reason().to_owned();
        events.push_str(&self.chunk(json!({}), Some(&finish)));
        if let Some(usage) = self.usage.filter(|_| include_usage) {
            events.push_str(&self.count(usage));
        }
        events
    }

    /// Why it ended.
    pub(crate) fn reason(&self) -> &str {
        let default = if self.calls.is_empty() { "stop" } else { "tool_calls" };
        self.finish.as_deref().unwrap_or(default)
    }

    /// The whole as one document.
    fn body(&self, counted: Usage) -> Piece {
        let mut message = json!({"role": "assistant", "content": null, "refusal": null});
        if !self.text.is_empty() || self.calls.is_empty() {
            message["content"] = Value::String(self.text.clone());
        }
        if !self.refusal.is_empty() {
            message["refusal"] = Value::String(self.refusal.clone());
        }
        if !self.calls.is_empty() {
            message["tool_calls"] = self.calls.iter().map(Call::document).collect();
        }
        let choice = json!({
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": self.reason(),
        });
        let body = json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": usage(counted),
        });
        body.to_string().into()
    }

    /// The answer, once it is whole.
    pub(crate) fn answered(
        self,
        model: String,
        usage: Usage,
        cost_microusd: u64,
        latency_ms: u64,
        first_ms: Option<u64>,
    ) -> Answered {
        let body = self.body(usage);
        let finish = self.reason().to_owned();
        Answered {
            model,
            finish,
            usage,
            cost_microusd,
            latency_ms,
            first_ms,
            body,
            tool_calls: self.calls.into_iter().map(Call::done).collect(),
            text: self.text,
        }
    }
}

impl Call {
    /// The call whole, as a part of a stream.
    pub(crate) fn delta(&self, index: usize) -> Value {
        let mut call = self.document();
        call["index"] = index.into();
        call
    }

    fn document(&self) -> Value {
        json!({
            "id": self.id,
            "type": "function",
            "function": {"name": self.name, "arguments": self.arguments},
        })
    }

    fn done(self) -> ToolCall {
        let args = serde_json::from_str(&self.arguments).unwrap_or(Value::String(self.arguments));
        ToolCall { id: self.id, name: self.name, args }
    }
}

/// Arguments as OpenAI's format has them: JSON as text.
fn arguments(args: &Value) -> String {
    match args {
        Value::String(text) => text.clone(),
        data => data.to_string(),
    }
}

fn usage(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input.saturating_add(usage.output),
    })
}
