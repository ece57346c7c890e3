//! A request in OpenAI's format, read once: the fields that must be understood, and all others as
//! they came.

use super::{Content, Message};
use crate::prompt;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};
use std::fmt;

/// Where a request goes, below the vendor's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// The next message of a conversation.
    Chat,
    /// Vectors of texts.
    Embeddings,
}

/// What is wrong with a request, for whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Wrong {
    /// What is wrong, and what to do.
    pub sentence: String,
    /// The field.
    pub field: Option<&'static str>,
}

/// What a client asks.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What for.
    pub path: Path,
    /// The model as the client names it.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The answer is to come piece by piece.
    pub stream: bool,
    /// The stream is to end with a count of tokens.
    pub include_usage: bool,
    /// 0 asks for the same answer each time.
    pub temperature: Option<f64>,
    /// Tokens that the answer may have.
    pub output_tokens: Option<u32>,
    /// Where the answer is to be cut off.
    pub stop: Vec<String>,
    /// The schema that the answer must fit.
    pub schema: Option<Value>,
    /// The answer must be JSON.
    pub json: bool,
    /// Tools that the model may call, as they came.
    pub tools: Vec<Value>,
    /// Whom it is for.
    pub user: Option<String>,
    /// Whether there are images in it.
    pub images: bool,
    fields: Vec<(String, Box<RawValue>)>,
}

/// Fields that are not passed on as they came.
const OURS: [&str; 5] = ["model", "messages", "stream", "stream_options", "autoos"];

impl Asked {
    /// Reads a request for the next message of a conversation.
    ///
    /// # Errors
    /// What is wrong with it, by field.
    pub fn chat(bytes: &[u8]) -> Result<Self, Wrong> {
        let mut asked = Self::read(bytes, Path::Chat)?;
        asked.messages = asked.needed("messages", "a list of messages")?;
        if asked.messages.is_empty() {
            return Err(wrong("messages", "messages is empty: send at least one"));
        }
        if let Some(n) = asked.field::<u64>("n", "a number")?
            && n != 1
        {
            let sentence = format!("n is {n}: one answer is given for each call, send n calls");
            return Err(wrong("n", sentence));
        }
        for field in ["audio", "modalities"] {
            if let Some(value) = asked.field::<Value>(field, "a value")?
                && value != serde_json::json!(["text"])
                && !value.is_null()
            {
                return Err(wrong(
                    "modalities",
                    "answers are texts: leave audio and modalities out",
                ));
            }
        }
        for field in ["functions", "function_call"] {
            if asked.raw(field).is_some() {
                return Err(wrong("functions", "functions were replaced by tools: send tools"));
            }
        }
        asked.stream = asked.field("stream", "true or false")?.unwrap_or(false);
        if let Some(options) = asked.field::<StreamOptions>("stream_options", "an object")? {
            asked.include_usage = options.include_usage.unwrap_or(false);
        }
        asked.temperature = asked.field("temperature", "a number")?;
        let most: Option<u32> = asked.field("max_completion_tokens", "a number of tokens")?;
        asked.output_tokens = match most {
            Some(most) => Some(most),
            None => asked.field("max_tokens", "a number of tokens")?,
        };
        if asked.output_tokens == Some(0) {
            return Err(wrong("max_tokens", "max_tokens is 0, and an answer has at least 1"));
        }
        asked.stop = match asked.field::<Stop>("stop", "a text or a list of texts")? {
            None => Vec::new(),
            Some(Stop::One(one)) => vec![one],
            Some(Stop::Several(several)) => several,
        };
        asked.tools = asked.field("tools", "a list of tools")?.unwrap_or_default();
        asked.format()?;
        for message in &asked.messages {
            let Some(part) = message.other() else { continue };
            match part.r#type.as_str() {
                "image_url" => asked.images = true,
                other => {
                    let sentence = format!(
                        "a part of type {other:.32?} is not understood: send text or image_url"
                    );
                    return Err(wrong("messages", sentence));
                }
            }
        }
        Ok(asked)
    }

    /// Reads a request for vectors of texts.
    ///
    /// # Errors
    /// What is wrong with it, by field.
    pub fn embeddings(bytes: &[u8]) -> Result<Self, Wrong> {
        let asked = Self::read(bytes, Path::Embeddings)?;
        if asked.raw("input").is_none() {
            return Err(wrong("input", "input is missing: send a text or a list of texts"));
        }
        Ok(asked)
    }

    /// A conversation that came in another form: `messages` and the other fields of a request.
    ///
    /// # Errors
    /// As [`Self::chat`].
    pub fn of_value(value: &Value) -> Result<Self, Wrong> {
        Self::chat(value.to_string().as_bytes())
    }

    fn read(bytes: &[u8], path: Path) -> Result<Self, Wrong> {
        let Fields(fields) = serde_json::from_slice(bytes).map_err(|error| Wrong {
            sentence: format!("the body is no JSON object that can be read: {error}"),
            field: None,
        })?;
        let mut asked = Self {
            path,
            model: String::new(),
            messages: Vec::new(),
            stream: false,
            include_usage: false,
            temperature: None,
            output_tokens: None,
            stop: Vec::new(),
            schema: None,
            json: false,
            tools: Vec::new(),
            user: None,
            images: false,
            fields,
        };
        asked.model = asked.needed("model", "the name of a model")?;
        asked.user = asked.field("user", "a text")?;
        Ok(asked)
    }

    fn format(&mut self) -> Result<(), Wrong> {
        let Some(format) = self.field::<Format>("response_format", "an object with a type")? else {
            return Ok(());
        };
        match (format.r#type.as_str(), format.json_schema) {
            ("text", _) => {}
            ("json_object", _) => self.json = true,
            ("json_schema", Some(Schema { schema: Some(schema) })) => {
                (self.json, self.schema) = (true, Some(schema));
            }
            ("json_schema", _) => {
                let sentence = "response_format.json_schema.schema is missing";
                return Err(wrong("response_format", sentence));
            }
            (other, _) => {
                let sentence = format!(
                    "response_format.type is {other:.32?}, and must be text, json_object or \
                     json_schema"
                );
                return Err(wrong("response_format", sentence));
            }
        }
        Ok(())
    }

    /// A field as it came.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&RawValue> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value).filter(|value| value.get() != "null")
    }

    /// A field of a known shape.
    ///
    /// # Errors
    /// When it has another.
    pub fn field<T: DeserializeOwned>(
        &self,
        name: &'static str,
        what: &str,
    ) -> Result<Option<T>, Wrong> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let read = serde_json::from_str(raw.get());
        read.map(Some).map_err(|error| wrong(name, format!("{name} must be {what}: {error}")))
    }

    fn needed<T: DeserializeOwned>(&self, name: &'static str, what: &str) -> Result<T, Wrong> {
        let found = self.field(name, what)?;
        found.ok_or_else(|| wrong(name, format!("{name} is missing: send {what}")))
    }

    /// Whether the answer is data of a given shape.
    #[must_use]
    pub fn wants_data(&self) -> bool {
        self.schema.is_some()
    }

    /// Tokens of the prompt, estimated from above: the words, and what frames them.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        let raw = |name| self.raw(name).map_or(0, |raw| prompt::tokens(raw.get()));
        if self.path == Path::Embeddings {
            return raw("input");
        }
        let message = |message: &Message| {
            let content = match &message.content {
                Content::Nothing => 0,
                Content::Text(text) => prompt::tokens(text),
                Content::Parts(parts) => parts.iter().map(part).sum(),
            };
            let calls = message.tool_calls.iter().flatten();
            let calls = calls.map(|call| prompt::tokens(&call.function.arguments) + 8).sum::<u64>();
            content + calls + 4
        };
        let messages: u64 = self.messages.iter().map(message).sum();
        messages + raw("tools") + raw("response_format") + 3
    }

    /// The request as a vendor of the same format gets it. `most` bounds the answer, under the
    /// name that the vendor has for that, where the client does not.
    pub(crate) fn body(&self, model: &str, stream: bool, most: Option<(&str, u32)>) -> Vec<u8> {
        let size: usize = self.fields.iter().map(|(k, v)| k.len() + v.get().len() + 4).sum();
        let mut body = Vec::with_capacity(size + model.len() + 96);
        body.push(b'{');
        let mut put = |name: &str, value: &str| {
            if body.len() > 1 {
                body.push(b',');
            }
            // A text can always be written as JSON.
            let _ = serde_json::to_writer(&mut body, name);
            body.push(b':');
            body.extend_from_slice(value.as_bytes());
        };
        put("model", &Value::from(model).to_string());
        if let Some(messages) = self.raw("messages") {
            put("messages", messages.get());
        }
        for (name, value) in &self.fields {
            if !OURS.contains(&name.as_str()) {
                put(name, value.get());
            }
        }
        if stream {
            put("stream", "true");
            put("stream_options", r#"{"include_usage":true}"#);
        }
        if let Some((name, most)) = most
            && self.output_tokens.is_none()
        {
            put(name, &most.to_string());
        }
        body.push(b'}');
        body
    }

    /// The fields that make an answer what it is, in an order of their own: two requests that have
    /// the same ask the same.
    #[must_use]
    pub fn essence(&self) -> Vec<(&str, &str)> {
        const NOT: [&str; 7] =
            ["model", "stream", "stream_options", "user", "metadata", "store", "autoos"];
        let fields = self.fields.iter().filter(|(name, _)| !NOT.contains(&name.as_str()));
        let mut fields: Vec<(&str, &str)> =
            fields.map(|(name, value)| (name.as_str(), value.get())).collect();
        fields.sort_unstable();
        fields
    }
}

fn part(part: &super::Part) -> u64 {
    // What an image comes to differs by vendor and size; this is a large one.
    part.text.as_deref().map_or(1_500, prompt::tokens)
}

fn wrong(field: &'static str, sentence: impl Into<String>) -> Wrong {
    Wrong { sentence: sentence.into(), field: Some(field) }
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Format {
    r#type: String,
    #[serde(default)]
    json_schema: Option<Schema>,
}

#[derive(Deserialize)]
struct Schema {
    #[serde(default)]
    schema: Option<Value>,
}

/// The fields of an object as they came, the last of those that are there twice.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Fields, A::Error> {
                let mut fields: Vec<(String, Box<RawValue>)> = Vec::with_capacity(8);
                while let Some((name, value)) = object.next_entry::<String, Box<RawValue>>()? {
                    match fields.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, known)) => *known = value,
                        None => fields.push((name, value)),
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(value: Value) -> Result<Asked, Wrong> {
        Asked::of_value(&value)
    }

    #[test]
    fn what_is_not_understood_is_passed_on() {
        let text = r#"{"messages":[{"role":"user","content":"hi","x":1}],"model":"autoos/auto",
            "top_k":5,"stream":true,"stream_options":{"include_usage":false},"temperature":0}"#;
        let asked = Asked::chat(text.as_bytes()).expect("reads");
        assert!(asked.stream && !asked.include_usage && asked.temperature == Some(0.0));
        let body: Value = serde_json::from_slice(&asked.body("m", true, Some(("max_tokens", 9))))
            .expect("is JSON");
        let sent = json!({
            "model": "m",
            "messages": [{"role": "user", "content": "hi", "x": 1}],
            "top_k": 5,
            "temperature": 0,
            "stream": true,
            "stream_options": {"include_usage": true},
            "max_tokens": 9,
        });
        assert_eq!(body, sent);
    }

    #[test]
    fn a_limit_of_the_clients_stays() {
        let asked = asked(json!({
            "model": "m", "messages": [{"role": "developer", "content": null}],
            "max_completion_tokens": 5, "n": 1, "stop": "x",
        }))
        .expect("reads");
        assert_eq!((asked.output_tokens, asked.stop.len()), (Some(5), 1));
        let body =
            String::from_utf8(asked.body("m", false, Some(("max_tokens", 9)))).expect("text");
        assert!(!body.contains("max_tokens") && body.contains("\"max_completion_tokens\":5"));
    }

    #[test]
    fn wrong_fields_are_named() {
        let user = json!([{"role": "user", "content": "hi"}]);
        for (value, field) in [
            (json!({"messages": user}), Some("model")),
            (json!({"model": "m"}), Some("messages")),
            (json!({"model": "m", "messages": []}), Some("messages")),
            (json!({"model": "m", "messages": [{"role": "king"}]}), Some("messages")),
            (json!({"model": "m", "messages": user, "n": 2}), Some("n")),
            (json!({"model": "m", "messages": user, "max_tokens": -1}), Some("max_tokens")),
            (json!({"model": "m", "messages": user, "functions": []}), Some("functions")),
            (
                json!({"model": "m", "messages": user, "response_format": {"type": "xml"}}),
                Some("response_format"),
            ),
            (
                json!({"model": "m", "messages": [
                    {"role": "user", "content": [{"type": "input_audio"}]}
                ]}),
                Some("messages"),
            ),
            (json!([]), None),
        ] {
            let wrong = asked(value.clone()).expect_err("refused");
            assert_eq!(wrong.field, field, "{value}");
        }
    }

    #[test]
    fn images_are_seen() {
        let asked = asked(json!({"model": "m", "messages": [{"role": "user", "content": [
            {"type": "text", "text": "what is it?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ]}]}))
        .expect("reads");
        assert!(asked.images && asked.prompt_tokens() > 1_500);
        assert_eq!(asked.messages[0].text(), "what is it?");
    }

    #[test]
    fn the_essence_is_what_changes_the_answer() {
        let one = asked(json!({"model": "a", "user": "x", "seed": 1,
            "messages": [{"role": "user", "content": "hi"}], "stream": true}));
        let two = asked(json!({"messages": [{"role": "user", "content": "hi"}], "model": "b",
            "seed": 1}));
        assert_eq!(one.expect("reads").essence(), two.expect("reads").essence());
    }
}
