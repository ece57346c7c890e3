//! Conversations for vendors of another format, by the library: converted on the way there and back.
//!
//! Always streamed, as all calls by the library are. Left out: what only OpenAI's format can say
//! (`logit_bias`, `logprobs`, `parallel_tool_calls` and the like), which these vendors do not know.

use super::{Inner, effort, failure::Trouble, stream::Pieces};
use crate::{
    FailureClass, Usage,
    chat::{Answered, Chat, Content, Message, Path, Speaker, Written},
    config::{ModelConfig, ProviderKind},
    provider::Line,
};
use futures::StreamExt as _;
use genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ChatResponseFormat, ChatStreamEvent, ContentPart,
    JsonSpec, MessageContent, StopReason, Tool, ToolCall, ToolChoice, ToolResponse,
};
use serde_json::{Value, json};
use std::time::Instant;
use tracing::{Dispatch, instrument::WithSubscriber as _};

/// What vendors that must be told how long an answer may be are told where the client does not.
const OUTPUT: u32 = 8_192;

impl Inner {
    /// Goes on with a conversation, once.
    pub(super) async fn by_library(&self, chat: &Chat, line: &Line) -> Result<Answered, Trouble> {
        let model = self.fits(chat)?;
        if chat.asked.path == Path::Embeddings {
            let detail = "it gives no embeddings: ask a model of a provider of OpenAI's format";
            return Err(Trouble::before(FailureClass::BadRequest, detail));
        }
        let request = request(chat)?;
        let options = self.chat_options(model, chat);
        let target = self.target(model);
        self.converse(chat, line, (target, request, options), model)
            .with_subscriber(Dispatch::none())
            .await
    }

    async fn converse(
        &self,
        chat: &Chat,
        line: &Line,
        (target, request, options): (genai::ServiceTarget, ChatRequest, ChatOptions),
        model: &ModelConfig,
    ) -> Result<Answered, Trouble> {
        let began = Instant::now();
        let millis = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let stream = self.client.exec_chat_stream(target, request, Some(&options)).await;
        let mut stream = stream.map_err(|error| Trouble::of(&error))?.stream;
        let mut pieces = Pieces::new(self.kind);
        let mut written = Written::new(&chat.model);
        let mut first_ms = None;
        let end = loop {
            let event = match stream.next().await {
                None => {
                    let class = first_ms.map_or(FailureClass::Malformed, |_| FailureClass::Network);
                    return Err(Trouble::new(
                        class,
                        "the answer was cut: it ended without a reason",
                    ));
                }
                Some(event) => event.map_err(|error| Trouble::of(&error))?,
            };
            let text = match &event {
                ChatStreamEvent::End(_) => None,
                ChatStreamEvent::Chunk(chunk) => Some(chunk.content.clone()),
                _ => None,
            };
            if let ChatStreamEvent::End(end) = event {
                break end;
            }
            if !pieces.take(event)? {
                continue;
            }
            first_ms.get_or_insert_with(millis);
            line.piece();
            let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
            chat.seen.came(&text);
            written.text(&text);
            if let Some(to) = &chat.pieces {
                to.send(written.chunk(json!({"content": text}), None).into()).await;
            }
        };
        let stop = end.captured_stop_reason;
        let stop =
            stop.ok_or_else(|| Trouble::new(FailureClass::Network, "it ended without a reason"))?;
        let count = |n: Option<i32>| n.and_then(|n| u64::try_from(n).ok());
        let counted = end.captured_usage.and_then(|usage| {
            let input = count(usage.prompt_tokens)?;
            Some(Usage { input, output: count(usage.completion_tokens)? })
        });
        let (_, calls) = pieces.done();
        calls.iter().for_each(|call| written.whole_call(call));
        written.finish = Some(finish(&stop, written.calls.is_empty()).to_owned());
        let estimated = Usage {
            input: u64::from(chat.prompt_tokens),
            output: crate::prompt::tokens(&written.text),
        };
        let usage = counted.unwrap_or(estimated);
        if let Some(to) = &chat.pieces {
            let mut last = String::new();
            if !written.calls.is_empty() {
                let calls: Value =
                    written.calls.iter().enumerate().map(|(n, call)| call.delta(n)).collect();
                last.push_str(&written.chunk(json!({"tool_calls": calls}), None));
            }
            let finish = written.reason().to_owned();
            last.push_str(&written.chunk(json!({}), Some(&finish)));
            if chat.asked.include_usage {
                last.push_str(&written.count(usage));
            }
            to.send(last.into()).await;
        }
        let cost = model.price.unwrap_or_default().cost(usage);
        let first_ms = first_ms.filter(|_| chat.pieces.is_some());
        Ok(written.answered(chat.model.clone(), usage, cost, millis(), first_ms))
    }

    fn chat_options(&self, model: &ModelConfig, chat: &Chat) -> ChatOptions {
        let asked = &chat.asked;
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), value.expose().to_owned()));
        let headers = genai::Headers::from(headers.collect::<Vec<_>>());
        let mut options =
            ChatOptions::default().with_capture_usage(true).with_extra_headers(headers);
        let bounded = chat.bounded.then_some(chat.output_tokens);
        let most = asked.output_tokens.or(bounded);
        if let Some(most) = most.or((self.kind == ProviderKind::Anthropic).then_some(OUTPUT)) {
            options = options.with_max_tokens(most);
        }
        if let Some(temperature) = asked.temperature {
            options = options.with_temperature(temperature);
        }
        if let Ok(Some(top_p)) = asked.field::<f64>("top_p", "a number") {
            options = options.with_top_p(top_p);
        }
        if !asked.stop.is_empty() {
            options = options.with_stop_sequences(asked.stop.clone());
        }
        if self.kind != ProviderKind::Gemini {
            // The library reads some endings of a model's name as a wish and takes them off.
            options = options.with_extra_body(json!({"model": model.id}));
        }
        if let Some(effort) = model.reasoning.as_deref().and_then(|word| effort(self.kind, word)) {
            options = options.with_reasoning_effort(effort);
        }
        if let Ok(Some(choice)) = asked.field::<Value>("tool_choice", "a text or an object") {
            options = match choice {
                Value::String(word) if word == "none" => options.with_tool_choice(ToolChoice::None),
                Value::String(word) if word == "required" => {
                    options.with_tool_choice(ToolChoice::Required)
                }
                Value::Object(named) => {
                    match named.get("function").and_then(|f| f["name"].as_str()) {
                        Some(name) => options.with_tool_choice(ToolChoice::tool(name)),
                        None => options,
                    }
                }
                _ => options,
            };
        }
        match &asked.schema {
            Some(schema) if asked.tools.is_empty() => {
                options.with_response_format(JsonSpec::new("answer", schema.clone()))
            }
            None if asked.json && self.kind == ProviderKind::Gemini => {
                options.with_response_format(ChatResponseFormat::JsonMode)
            }
            _ => options,
        }
    }
}

/// The conversation as the library has it.
fn request(chat: &Chat) -> Result<ChatRequest, Trouble> {
    let messages: Result<Vec<ChatMessage>, Trouble> =
        chat.asked.messages.iter().map(message).collect();
    let mut request = ChatRequest::new(messages?);
    if chat.asked.json && chat.asked.schema.is_none() {
        request = request.with_system("Answer with one JSON object and nothing around it.");
    }
    let tools: Result<Vec<Tool>, Trouble> = chat.asked.tools.iter().map(tool).collect();
    let tools = tools?;
    Ok(if tools.is_empty() { request } else { request.with_tools(tools) })
}

fn bad(detail: &str) -> Trouble {
    Trouble::before(FailureClass::BadRequest, detail)
}

fn tool(sent: &Value) -> Result<Tool, Trouble> {
    let function = &sent["function"];
    let name = function["name"].as_str().ok_or_else(|| bad("a tool has no function.name"))?;
    let mut tool = Tool::new(name);
    if let Some(description) = function["description"].as_str() {
        tool = tool.with_description(description);
    }
    if let Some(schema) = function.get("parameters") {
        tool = tool.with_schema(schema.clone());
    }
    Ok(tool)
}

fn message(message: &Message) -> Result<ChatMessage, Trouble> {
    Ok(match message.role {
        Speaker::System => ChatMessage::system(message.text()),
        Speaker::User => ChatMessage::user(content(message)?),
        Speaker::Assistant => {
            let mut parts = Vec::new();
            let text = message.text();
            if !text.is_empty() {
                parts.push(ContentPart::Text(text));
            }
            for call in message.tool_calls.iter().flatten() {
                let arguments = &call.function.arguments;
                parts.push(ContentPart::ToolCall(ToolCall {
                    call_id: call.id.clone(),
                    fn_name: call.function.name.clone(),
                    fn_arguments: serde_json::from_str(arguments).unwrap_or_else(|_| json!({})),
                    thought_signatures: None,
                }));
            }
            ChatMessage::assistant(MessageContent::from_parts(parts))
        }
        Speaker::Tool => {
            let id = message.tool_call_id.as_deref();
            let id = id.ok_or_else(|| bad("a tool's message has no tool_call_id"))?;
            let response = ToolResponse::new(id, message.text());
            ChatMessage::tool(MessageContent::from_tool_responses(vec![response]))
        }
    })
}

fn content(message: &Message) -> Result<MessageContent, Trouble> {
    let Content::Parts(parts) = &message.content else {
        return Ok(MessageContent::from_text(message.text()));
    };
    let mut all = Vec::with_capacity(parts.len());
    for part in parts {
        if let Some(text) = &part.text {
            all.push(ContentPart::Text(text.clone()));
            continue;
        }
        let image = part.image_url.as_ref().ok_or_else(|| bad("an image has no image_url.url"))?;
        all.push(
            match image.url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
                Some((kind, data)) => ContentPart::from_binary_base64(kind, data, None),
                None => ContentPart::from_binary_url("image/*", image.url.as_str(), None),
            },
        );
    }
    Ok(MessageContent::from_parts(all))
}

/// Why it ended, in OpenAI's words.
fn finish(stop: &StopReason, no_calls: bool) -> &'static str {
    match stop {
        StopReason::MaxTokens(_) => "length",
        StopReason::ContentFilter(_) => "content_filter",
        _ if no_calls => "stop",
        _ => "tool_calls",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Asked;

    fn asked(value: Value) -> Asked {
        Asked::of_value(&value).expect("reads")
    }

    #[test]
    fn a_conversation_with_tools_and_images_is_converted() {
        let asked = asked(json!({"model": "m", "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "7"},
        ]}));
        let messages: Vec<ChatMessage> = asked
            .messages
            .iter()
            .map(|m| message(m).unwrap_or_else(|t| panic!("{}", t.detail)))
            .collect();
        let user = &messages[1].content;
        assert!(user.parts().iter().any(ContentPart::is_image));
        let call = messages[2].content.parts()[0].as_tool_call().expect("a call");
        assert_eq!((call.fn_name.as_str(), &call.fn_arguments), ("f", &json!({"a": 1})));
        let result = messages[3].content.parts()[0].as_tool_response().expect("a result");
        assert_eq!((result.call_id.as_str(), result.content.as_str()), ("c1", "7"));
    }
}
