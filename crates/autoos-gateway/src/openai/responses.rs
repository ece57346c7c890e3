//! OpenAI's responses, for text: another form of the same conversation, there and back.
//!
//! Left out, and refused by name: tools, files, stored responses and whatever else is more than a
//! text asked and a text answered.

use super::refused::Refused;
use autoos_fabric::chat::{Answered, Asked};
use serde_json::{Map, Value, json};

/// What is passed on under the same name.
const SAME: [&str; 8] =
    ["model", "temperature", "top_p", "stream", "user", "metadata", "seed", "safety_identifier"];
/// What says nothing to a model and may be there.
const IDLE: [&str; 7] =
    ["store", "include", "truncation", "background", "service_tier", "prompt_cache_key", "tools"];

/// A request for a response as a conversation.
pub(super) fn asked(bytes: &[u8]) -> Result<Asked, Refused> {
    let mut sent: Map<String, Value> = serde_json::from_slice(bytes)
        .map_err(|error| Refused::wrong(None, format!("the body is no JSON object: {error}")))?;
    sent.retain(|_, value| !value.is_null());
    let mut chat = Map::new();
    let mut messages = Vec::new();
    if let Some(instructions) = sent.remove("instructions") {
        messages.push(json!({"role": "system", "content": instructions}));
    }
    match sent.remove("input") {
        Some(Value::String(text)) => messages.push(json!({"role": "user", "content": text})),
        Some(Value::Array(items)) => {
            for item in items {
                messages.push(message(item)?);
            }
        }
        Some(_) | None => {
            let sentence = "input is missing: send a text or a list of messages";
            return Err(Refused::wrong(Some("input"), sentence));
        }
    }
    chat.insert("messages".into(), messages.into());
    for (name, value) in sent {
        match name.as_str() {
            name if SAME.contains(&name) => {
                chat.insert(name.into(), value);
            }
            "max_output_tokens" => {
                chat.insert("max_completion_tokens".into(), value);
            }
            "reasoning" => {
                if let Some(effort) = value.get("effort").filter(|effort| !effort.is_null()) {
                    chat.insert("reasoning_effort".into(), effort.clone());
                }
            }
            "text" => {
                if let Some(format) = value.get("format") {
                    chat.insert("response_format".into(), response_format(format));
                }
            }
            "tools" if value.as_array().is_none_or(|tools| !tools.is_empty()) => {
                let sentence = "responses are for text: send tools to /v1/chat/completions";
                return Err(Refused::cannot("tools", sentence.into()));
            }
            "background" if value == Value::Bool(true) => {
                let sentence =
                    "a response is waited for: leave background out, or submit an intent";
                return Err(Refused::cannot("background", sentence.into()));
            }
            name if IDLE.contains(&name) => {}
            "previous_response_id" | "conversation" => {
                let sentence = format!("{name}: no conversation is kept here, send it whole");
                return Err(Refused::cannot("previous_response_id", sentence));
            }
            other => {
                let sentence = format!("{other:.64} is not understood for responses");
                return Err(Refused::wrong(None, sentence));
            }
        }
    }
    Ok(Asked::of_value(&Value::Object(chat))?)
}

/// The schema stands beside the type here, and one level below it there.
fn response_format(format: &Value) -> Value {
    if format["type"] != "json_schema" {
        return format.clone();
    }
    let mut schema = format.as_object().cloned().unwrap_or_default();
    schema.remove("type");
    json!({"type": "json_schema", "json_schema": schema})
}

fn message(mut item: Value) -> Result<Value, Refused> {
    let kind = item.get("type").and_then(Value::as_str).unwrap_or("message");
    if kind != "message" {
        let sentence = format!("an item of type {kind:.32?} is not understood: send messages");
        return Err(Refused::cannot("input", sentence));
    }
    let mut content = item["content"].take();
    for part in content.as_array_mut().into_iter().flatten() {
        match part["type"].as_str() {
            Some("input_text" | "output_text") => part["type"] = "text".into(),
            Some("input_image") => {
                let url = part["image_url"].take();
                *part = json!({"type": "image_url", "image_url": {"url": url}});
            }
            _ => {}
        }
    }
    Ok(json!({"role": item["role"], "content": content}))
}

/// A response on its way.
pub(super) struct Written {
    id: String,
    item: String,
    created: u64,
    /// Number of the next event.
    next: u64,
    begun: bool,
    text: String,
}

impl Written {
    pub(super) fn new(created_ms: u64) -> Self {
        let id = uuid::Uuid::new_v4().simple();
        let created = created_ms / 1_000;
        let (id, item) = (format!("resp_{id}"), format!("msg_{id}"));
        Self { id, item, created, next: 0, begun: false, text: String::new() }
    }

    fn document(&self, status: &str, model: &str, output: Value) -> Value {
        json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "model": model,
            "output": output,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "metadata": {},
            "parallel_tool_calls": true,
            "temperature": null,
            "tool_choice": "auto",
            "tools": [],
            "top_p": null,
        })
    }

    fn item(&self, status: &str, text: Option<&str>) -> Value {
        let part = |text| json!({"type": "output_text", "text": text, "annotations": []});
        json!({
            "id": self.item,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": text.map(part).into_iter().collect::<Vec<_>>(),
        })
    }

    fn end(&self, answered: &Answered) -> Value {
        let cut = answered.finish == "length";
        let status = if cut { "incomplete" } else { "completed" };
        let output = json!([self.item(status, Some(&answered.text))]);
        let mut document = self.document(status, &answered.model, output);
        if cut {
            document["incomplete_details"] = json!({"reason": "max_output_tokens"});
        }
        let (input, output) = (answered.usage.input, answered.usage.output);
        document["usage"] = json!({
            "input_tokens": input,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input.saturating_add(output),
        });
        document
    }

    /// The whole as one document.
    pub(super) fn whole(&self, answered: &Answered) -> String {
        self.end(answered).to_string()
    }

    fn event(&mut self, kind: &str, mut data: Value) -> String {
        data["type"] = kind.into();
        data["sequence_number"] = self.next.into();
        self.next += 1;
        format!("event: {kind}\ndata: {data}\n\n")
    }

    fn place(&self) -> Value {
        json!({"item_id": self.item, "output_index": 0, "content_index": 0})
    }

    /// What comes before the first text.
    fn begin(&mut self) -> String {
        if std::mem::replace(&mut self.begun, true) {
            return String::new();
        }
        let document = self.document("in_progress", "", json!([]));
        let mut events = self.event("response.created", json!({"response": document}));
        events.push_str(&self.event("response.in_progress", json!({"response": document})));
        let item = json!({"output_index": 0, "item": self.item("in_progress", None)});
        events.push_str(&self.event("response.output_item.added", item));
        let mut part = self.place();
        part["part"] = json!({"type": "output_text", "text": "", "annotations": []});
        events.push_str(&self.event("response.content_part.added", part));
        events
    }

    /// The events of a conversation's stream as those of a response's.
    pub(super) fn piece(&mut self, piece: &[u8]) -> String {
        let mut events = self.begin();
        let text = String::from_utf8_lossy(piece);
        for line in text.lines().filter_map(|line| line.strip_prefix("data:")) {
            let Ok(chunk) = serde_json::from_str::<Value>(line) else { continue };
            let Some(more) = chunk["choices"][0]["delta"]["content"].as_str() else { continue };
            if more.is_empty() {
                continue;
            }
            self.text.push_str(more);
            let mut delta = self.place();
            delta["delta"] = more.into();
            delta["logprobs"] = json!([]);
            events.push_str(&self.event("response.output_text.delta", delta));
        }
        events
    }

    /// The end of a stream.
    pub(super) fn last(&mut self, answered: &Answered, autoos: Option<Value>) -> String {
        let mut events = self.begin();
        let mut done = self.place();
        (done["text"], done["logprobs"]) = (answered.text.as_str().into(), json!([]));
        events.push_str(&self.event("response.output_text.done", done));
        let mut part = self.place();
        part["part"] = json!({"type": "output_text", "text": answered.text, "annotations": []});
        events.push_str(&self.event("response.content_part.done", part));
        let item = self.item("completed", Some(&answered.text));
        let item = json!({"output_index": 0, "item": item});
        events.push_str(&self.event("response.output_item.done", item));
        let mut document = self.end(answered);
        if let Some(autoos) = autoos {
            document["autoos"] = autoos;
        }
        let cut = answered.finish == "length";
        let kind = if cut { "response.incomplete" } else { "response.completed" };
        events.push_str(&self.event(kind, json!({"response": document})));
        events
    }

    /// A stream that ends without an answer.
    pub(super) fn error(&mut self, refused: &Refused) -> String {
        let error = refused.body()["error"].take();
        let data = json!({
            "code": error["code"],
            "message": error["message"],
            "param": error["param"],
        });
        self.event("error", data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_becomes_a_conversation() {
        let sent = json!({
            "model": "m", "instructions": "be brief", "max_output_tokens": 9, "store": false,
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {"type": "message", "role": "assistant",
                 "content": [{"type": "output_text", "text": "ho"}]},
            ],
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
        });
        let asked = asked(sent.to_string().as_bytes()).expect("reads");
        let texts: Vec<String> = asked.messages.iter().map(|m| m.text()).collect();
        assert_eq!(texts, ["be brief", "hi", "ho"]);
        assert_eq!((asked.output_tokens, asked.schema), (Some(9), Some(json!({"type": "object"}))));
    }

    #[test]
    fn what_is_more_than_text_is_refused_by_name() {
        for (field, value) in [
            ("tools", json!([{"type": "web_search"}])),
            ("previous_response_id", json!("resp_1")),
            ("background", json!(true)),
            ("shell", json!(true)),
        ] {
            let sent = json!({"model": "m", "input": "hi", field: value});
            let refused = asked(sent.to_string().as_bytes()).expect_err("refused").body();
            let said = refused["error"]["message"].as_str().unwrap_or_default().to_owned();
            assert!(said.contains(field) || field == "tools", "{said}");
        }
    }
}
