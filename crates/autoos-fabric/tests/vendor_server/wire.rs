//! The vendors' streaming formats, as their documentation has them.

use serde_json::{Value, json};

/// Whose format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Openai,
    Anthropic,
    Gemini,
}

impl Format {
    /// The format that a path belongs to.
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "v1/chat/completions" => Self::Openai,
            "v1/messages" => Self::Anthropic,
            _ if path.ends_with(":streamGenerateContent") => Self::Gemini,
            _ => panic!("no vendor has the path {path}"),
        }
    }

    /// One event.
    pub(crate) fn frame(self, event: &str, data: &str) -> String {
        match self {
            Self::Anthropic => format!("event: {event}\ndata: {data}\n\n"),
            Self::Openai | Self::Gemini => format!("data: {data}\n\n"),
        }
    }

    fn event(self, event: &str, data: Value) -> String {
        self.frame(event, &data.to_string())
    }

    /// What comes before the first piece.
    pub(crate) fn begin(self) -> String {
        match self {
            Self::Openai => {
                self.event("", json!({"choices": [{"index": 0, "delta": {"role": "assistant"}}]}))
            }
            Self::Anthropic => {
                let message =
                    json!({"role": "assistant", "usage": {"input_tokens": 11, "output_tokens": 1}});
                self.event("message_start", json!({"type": "message_start", "message": message}))
            }
            Self::Gemini => String::new(),
        }
    }

    /// What says that the line is up.
    pub(crate) fn ping(self) -> String {
        match self {
            Self::Anthropic => self.event("ping", json!({"type": "ping"})),
            Self::Openai | Self::Gemini => ": ping\n\n".to_owned(),
        }
    }

    /// A piece of text.
    pub(crate) fn text(self, text: &str) -> String {
        match self {
            Self::Openai => {
                self.event("", json!({"choices": [{"index": 0, "delta": {"content": text}}]}))
            }
            Self::Anthropic => {
                let delta = json!({"type": "text_delta", "text": text});
                self.event(
                    "content_block_delta",
                    json!({"type": "content_block_delta", "index": 0, "delta": delta}),
                )
            }
            Self::Gemini => {
                let content = json!({"role": "model", "parts": [{"text": text}]});
                self.event("", json!({"candidates": [{"index": 0, "content": content}]}))
            }
        }
    }

    /// Calls of two tools with `{"path": "x y"}` and `{}`, the first in pieces where the format
    /// knows pieces.
    pub(crate) fn tools(self, names: [&str; 2], ids: [&str; 2]) -> String {
        let parts = ["{\"pa", "th\": \"x ", "y\"}"];
        match self {
            Self::Openai => {
                let call = |call: Value| {
                    self.event(
                        "",
                        json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}),
                    )
                };
                let mut frames = String::new();
                for (index, (name, id)) in names.iter().zip(ids).enumerate() {
                    frames += &call(json!({"index": index, "id": id, "type": "function",
                        "function": {"name": name, "arguments": ""}}));
                    if index == 0 {
                        for part in parts {
                            frames += &call(json!({"index": 0, "function": {"arguments": part}}));
                        }
                    }
                }
                frames
            }
            Self::Anthropic => {
                let mut frames = String::new();
                for (index, (name, id)) in names.iter().zip(ids).enumerate() {
                    let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                    frames += &self.event(
                        "content_block_start",
                        json!({"index": index, "content_block": block}),
                    );
                    for part in if index == 0 { &parts[..] } else { &[] } {
                        let delta = json!({"type": "input_json_delta", "partial_json": part});
                        frames += &self
                            .event("content_block_delta", json!({"index": index, "delta": delta}));
                    }
                    frames += &self.event("content_block_stop", json!({"index": index}));
                }
                frames
            }
            // Each call in a piece of its own; ids only where they are the same, since it may
            // leave them out.
            Self::Gemini => {
                let args = [json!({"path": "x y"}), json!({})];
                let mut frames = String::new();
                for ((name, id), args) in names.iter().zip(ids).zip(args) {
                    let mut call = json!({"name": name, "args": args});
                    if ids[0] == ids[1] {
                        call["id"] = json!(id);
                    }
                    let content = json!({"role": "model", "parts": [{"functionCall": call}]});
                    frames += &self.event("", json!({"candidates": [{"content": content}]}));
                }
                frames
            }
        }
    }

    /// The end of an answer that is whole.
    pub(crate) fn end(self) -> String {
        self.end_with("stop", super::usage())
    }

    /// The end of an answer: `stop`, `length` or `filter`, and the tokens in and out (one number
    /// for both, a list of two, or nothing).
    pub(crate) fn end_with(self, reason: &str, tokens: Value) -> String {
        let (input, output) = match &tokens {
            Value::Array(two) => (two[0].clone(), two[1].clone()),
            one => (one.clone(), one.clone()),
        };
        let word = |openai, anthropic, gemini| match self {
            Self::Openai => openai,
            Self::Anthropic => anthropic,
            Self::Gemini => gemini,
        };
        let reason = match reason {
            "length" => word("length", "max_tokens", "MAX_TOKENS"),
            "filter" => word("content_filter", "refusal", "SAFETY"),
            _ => word("stop", "end_turn", "STOP"),
        };
        match self {
            Self::Openai => {
                let usage = json!({"prompt_tokens": input, "completion_tokens": output});
                self.event(
                    "",
                    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}),
                ) + &self.event("", json!({"choices": [], "usage": usage}))
                    + &self.frame("", "[DONE]")
            }
            Self::Anthropic => {
                let usage = if tokens.is_array() {
                    json!({"output_tokens": output})
                } else {
                    json!({"input_tokens": input, "output_tokens": output})
                };
                self.event("content_block_stop", json!({"index": 0}))
                    + &self.event(
                        "message_delta",
                        json!({"delta": {"stop_reason": reason}, "usage": usage}),
                    )
                    + &self.event("message_stop", json!({"type": "message_stop"}))
            }
            Self::Gemini => {
                let usage = json!({"promptTokenCount": input, "candidatesTokenCount": output});
                let content = json!({"role": "model", "parts": [{"text": ""}]});
                self.event(
                    "",
                    json!({
                        "candidates": [{"index": 0, "content": content, "finishReason": reason}],
                        "usageMetadata": usage,
                    }),
                )
            }
        }
    }

    /// An error in the middle of an answer.
    pub(crate) fn error_event(self) -> String {
        match self {
            Self::Openai => self.event(
                "",
                json!({"error": {"type": "server_error", "code": null, "message": "oh"}}),
            ),
            Self::Anthropic => {
                let error = json!({"type": "overloaded_error", "message": "oh"});
                self.event("error", json!({"type": "error", "error": error}))
            }
            Self::Gemini => self.event(
                "",
                json!({"error": {"code": 503, "status": "UNAVAILABLE", "message": "oh"}}),
            ),
        }
    }

    /// The body of a reply with an error's status.
    pub(crate) fn error(self, code: &str, message: &str) -> Value {
        match self {
            Self::Openai => {
                json!({"error": {"message": message, "type": "invalid_request_error", "code": code}})
            }
            Self::Anthropic => {
                json!({"type": "error", "error": {"type": code, "message": message}})
            }
            Self::Gemini => json!([{"error": {"code": 400, "status": code, "message": message}}]),
        }
    }
}
