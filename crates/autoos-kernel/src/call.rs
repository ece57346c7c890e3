//! Calls that clients make of models through the node: what is recorded of each.
//!
//! A call belongs to no workflow. It is one event, written once it is over, in the stream of its
//! node and hour ([`CallsId`](crate::id::CallsId)); there is nothing to decide and nothing to
//! recover. What was asked and answered is apart, in a body under the hour's key: one body holds
//! the texts of all calls that were recorded together, and each says where its own lie.

use crate::{body::BodyRef, ladder::FailureClass, time::Timestamp};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use uuid::Uuid;

/// An event of an hour's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// A call is over.
    Called(Box<Called>),
}

/// A call as it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Called {
    /// Its id, a UUID of version 7: it tells when the call began.
    pub id: Uuid,
    /// Whose key it came with.
    pub tenant: String,
    /// For whom.
    pub user: String,
    /// What was called.
    pub what: What,
    /// The model as the client named it.
    pub asked: String,
    /// The model that answered, or was asked last; none when none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Why that one, in a sentence; none where the client named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Models that failed before it, and how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<(String, FailureClass)>,
    /// How it ended.
    pub outcome: Outcome,
    /// How it failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
    /// Whether the answer was sent piece by piece.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub streamed: bool,
    /// Whether it was asked a second time since the first took long, and what that may have cost
    /// in micro-dollars beyond `cost_microusd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge_microusd: Option<u64>,
    /// Tokens of the prompt.
    #[serde(default)]
    pub input_tokens: u64,
    /// Tokens of the answer.
    #[serde(default)]
    pub output_tokens: u64,
    /// What the answer and its verification cost, in micro-dollars.
    #[serde(default)]
    pub cost_microusd: u64,
    /// Milliseconds from the request to the end of the answer.
    #[serde(default)]
    pub latency_ms: u64,
    /// Milliseconds to its first piece, where it was streamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u64>,
    /// How sure the answer is, in 0..=1, where the client asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// How many of its claims the context does not bear out, where the client asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<u32>,
    /// Where its texts are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<Texts>,
}

impl Called {
    /// When it began.
    #[must_use]
    pub fn began(&self) -> Timestamp {
        began(self.id)
    }
}

/// When a call with this id began; the beginning of time for an id of another kind.
#[must_use]
pub fn began(id: Uuid) -> Timestamp {
    let ms = id.get_timestamp().map(|at| {
        let (s, ns) = at.to_unix();
        s.saturating_mul(1_000) + u64::from(ns) / 1_000_000
    });
    Timestamp(ms.unwrap_or_default())
}

/// Where in a body the texts of a call lie: the request, and behind it the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// The body, under the key of the hour.
    pub body: BodyRef,
    /// The first byte of the request.
    pub at: u32,
    /// Its length.
    pub request: u32,
    /// The length of the answer.
    pub answer: u32,
}

/// What was called.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum What {
    /// A conversation's next message.
    Chat,
    /// The same, in the form of a response.
    Response,
    /// Vectors of texts.
    Embedding,
}

/// How a call ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Display, EnumString, IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// With an answer.
    Answered,
    /// With an answer that was kept from an earlier call and cost nothing.
    Cached,
    /// Without one.
    Failed,
    /// The client went away; what had come by then counts.
    GivenUp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{codec::Recorded as _, id::uuid_at};

    #[test]
    fn an_id_tells_when_its_call_began() {
        let at = Timestamp(1_790_000_000_123);
        assert_eq!(began(uuid_at(at, [0; 10])), at);
        assert_eq!(began(Uuid::from_u128(7)), Timestamp(0));
    }

    #[test]
    fn reads_back_with_and_without_what_is_left_out() {
        let mut called = Called {
            id: uuid_at(Timestamp(7), [0; 10]),
            tenant: "acme".into(),
            user: "ann".into(),
            what: What::Chat,
            asked: "autoos/auto".into(),
            model: Some("a/b".into()),
            reason: None,
            failed: vec![("c/d".into(), FailureClass::Server)],
            outcome: Outcome::Answered,
            class: None,
            streamed: true,
            hedge_microusd: None,
            input_tokens: 5,
            output_tokens: 7,
            cost_microusd: 9,
            latency_ms: 11,
            first_ms: Some(3),
            confidence: Some(0.5),
            unsupported: Some(1),
            texts: None,
        };
        for _ in 0..2 {
            let event = Event::Called(Box::new(called.clone()));
            assert_eq!(Event::decode("called", &event.encode()), Ok(Some(event)));
            let body = BodyRef { hash: [7; 32], len: 30 };
            called.texts = Some(Texts { body, at: 4, request: 5, answer: 6 });
        }
    }
}
