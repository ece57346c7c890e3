//! A message of a conversation, as far as it must be understood.

use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};
use std::fmt;
use strum::{Display, IntoStaticStr};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Display, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Speaker {
    /// Whoever built the client.
    #[serde(alias = "developer")]
    System,
    /// Who uses it.
    User,
    /// The model.
    Assistant,
    /// A tool that the model called.
    #[serde(alias = "function")]
    Tool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Speaker,
    /// What.
    #[serde(default)]
    pub content: Content,
    /// Calls that the model asked for.
    #[serde(default)]
    pub tool_calls: Option<Vec<SentCall>>,
    /// Which of them this is the result of.
    #[serde(default)]
    pub tool_call_id: Option<String>,
}

/// What a message says.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Content {
    /// Nothing.
    #[default]
    Nothing,
    /// A text.
    Text(String),
    /// Several parts.
    Parts(Vec<Part>),
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Part {
    /// What it is: `text`, `image_url` and others.
    pub r#type: String,
    /// The text of a text, or of a refusal.
    #[serde(default, alias = "refusal")]
    pub text: Option<String>,
    /// Where an image is: an address, or the image itself as `data:` and base64.
    #[serde(default)]
    pub image_url: Option<ImageUrl>,
}

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ImageUrl {
    /// The address.
    pub url: String,
}

/// A call as a client sends it back.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SentCall {
    /// Its id.
    pub id: String,
    /// What was called.
    pub function: SentFunction,
}

/// What was called, and with what.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SentFunction {
    /// The tool.
    pub name: String,
    /// JSON as text.
    #[serde(default)]
    pub arguments: String,
}

impl Message {
    /// All its texts.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.content {
            Content::Nothing => String::new(),
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => {
                let texts: Vec<&str> = parts.iter().filter_map(|p| p.text.as_deref()).collect();
                texts.join("\n")
            }
        }
    }

    /// The first part that is no text.
    pub(crate) fn other(&self) -> Option<&Part> {
        let Content::Parts(parts) = &self.content else { return None };
        parts.iter().find(|part| part.text.is_none())
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of parts")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Content, E> {
                Ok(Content::Nothing)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Content, E> {
                Ok(Content::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Content, A::Error> {
                let mut all = Vec::new();
                while let Some(part) = parts.next_element()? {
                    all.push(part);
                }
                Ok(Content::Parts(all))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
