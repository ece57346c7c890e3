//! One answer taken off the wire piece by piece, within its size. Silence is the actor's to end.

use super::{ANSWER_MAX, failure::Trouble};
use crate::{FailureClass, ToolCall, Usage, config::ProviderKind, provider::Line};
use futures::StreamExt;
use genai::chat::{self, ChatStream, ChatStreamEvent, StopReason, StreamEnd};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Tool calls that an answer may have.
const CALLS_MAX: usize = 128;

/// A whole answer.
pub(super) struct Collected {
    pub(super) text: String,
    pub(super) tool_calls: Vec<ToolCall>,
    /// As the vendor counted.
    pub(super) usage: Option<Usage>,
    /// From the request to the first piece.
    pub(super) first_token: Option<Duration>,
    pub(super) stop: StopReason,
}

/// Reads to the end.
pub(super) async fn collect(
    mut stream: ChatStream,
    kind: ProviderKind,
    began: Instant,
    line: &Line,
) -> Result<Collected, Trouble> {
    let mut pieces = Pieces::new(kind);
    let mut first_token = None;
    loop {
        let progress = match stream.next().await {
            // The server ended the body and no end of the answer was in it.
            None => return Err(cut(first_token.is_some())),
            Some(Err(error)) => return Err(Trouble::of(&error)),
            Some(Ok(ChatStreamEvent::End(end))) => return finish(end, pieces, first_token),
            Some(Ok(event)) => pieces.take(event)?,
        };
        if progress {
            first_token.get_or_insert_with(|| began.elapsed());
            line.piece();
        }
    }
}

/// An end without a reason: a cut, unless nothing of an answer had come by then.
fn cut(began: bool) -> Trouble {
    if began {
        Trouble::new(FailureClass::Network, "the answer was cut: it ended without a reason")
    } else {
        Trouble::new(FailureClass::Malformed, "the reply holds no answer")
    }
}

fn finish(
    end: StreamEnd,
    pieces: Pieces,
    first_token: Option<Duration>,
) -> Result<Collected, Trouble> {
    let stop = end.captured_stop_reason.ok_or_else(|| cut(first_token.is_some()))?;
    let count = |n: Option<i32>| n.and_then(|n| u64::try_from(n).ok());
    let usage = end.captured_usage.and_then(|usage| {
        let input = count(usage.prompt_tokens)?;
        Some(Usage { input, output: count(usage.completion_tokens)? })
    });
    let (text, tool_calls) = pieces.done();
    Ok(Collected { text, tool_calls, usage, first_token, stop })
}

/// Why an answer that came whole is none.
pub(super) fn refused(stop: &StopReason, output_tokens: u32) -> Option<(FailureClass, String)> {
    match stop {
        StopReason::Completed(_) | StopReason::ToolCall(_) | StopReason::StopSequence(_) => None,
        StopReason::MaxTokens(_) => Some((
            FailureClass::Malformed,
            format!(
                "the answer was cut at {output_tokens} tokens: answer shorter, or raise limits.output_tokens"
            ),
        )),
        StopReason::ContentFilter(_) => {
            Some((FailureClass::Unable, "the vendor's filter declined it".into()))
        }
        StopReason::Other(_) => Some((
            FailureClass::Malformed,
            "the answer ended for a reason that is not known".into(),
        )),
    }
}

/// A call whose arguments are still coming in.
struct Call {
    id: String,
    name: String,
    args: Args,
}

enum Args {
    Text(String),
    Data(Value),
}

impl Call {
    fn done(self) -> ToolCall {
        let args = match self.args {
            Args::Data(data) => data,
            // A call without arguments is sent with none at all.
            Args::Text(text) if text.trim().is_empty() => Value::Object(serde_json::Map::new()),
            Args::Text(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        };
        ToolCall { id: self.id, name: self.name, args }
    }
}

/// What has come so far.
pub(super) struct Pieces {
    kind: ProviderKind,
    text: String,
    calls: Vec<Call>,
    /// Everything that came, thinking included.
    bytes: usize,
}

impl Pieces {
    pub(super) fn new(kind: ProviderKind) -> Self {
        Self { kind, text: String::new(), calls: Vec::new(), bytes: 0 }
    }

    /// Takes a piece in; whether it was part of an answer.
    pub(super) fn take(&mut self, event: ChatStreamEvent) -> Result<bool, Trouble> {
        let more = match event {
            ChatStreamEvent::Chunk(chunk) => {
                self.text.push_str(&chunk.content);
                chunk.content.len()
            }
            ChatStreamEvent::ReasoningChunk(chunk)
            | ChatStreamEvent::ThoughtSignatureChunk(chunk) => chunk.content.len(),
            ChatStreamEvent::ToolCallChunk(chunk) => self.call(chunk.tool_call)?,
            ChatStreamEvent::Start | ChatStreamEvent::Heartbeat | ChatStreamEvent::End(_) => {
                return Ok(false);
            }
        };
        self.bytes = self.bytes.saturating_add(more);
        if self.bytes > ANSWER_MAX {
            let detail = format!("the answer is longer than {ANSWER_MAX} bytes");
            return Err(Trouble::new(FailureClass::Malformed, detail));
        }
        Ok(true)
    }

    /// The text and the calls, once all has come.
    pub(super) fn done(self) -> (String, Vec<ToolCall>) {
        (self.text, self.calls.into_iter().map(Call::done).collect())
    }

    /// Takes a piece of a tool call in; the bytes it brought.
    ///
    /// The library hands on what each format sends: OpenAI's pieces to be put together, where
    /// pieces after the first are called `call_N`; Anthropic's arguments as far as they have
    /// come; Gemini's calls whole. (It would put them together itself, and would make room for
    /// as many calls as an index claims.)
    fn call(&mut self, piece: chat::ToolCall) -> Result<usize, Trouble> {
        let chat::ToolCall { call_id, fn_name, fn_arguments, .. } = piece;
        let args = match fn_arguments {
            Value::String(text) => Args::Text(text),
            Value::Null => Args::Text(String::new()),
            data => Args::Data(data),
        };
        let brought = match &args {
            Args::Text(text) => text.len(),
            Args::Data(data) => data.to_string().len(),
        };
        // Gemini gives its calls no ids, and the library counts them anew in each piece.
        let call_id = match self.kind {
            ProviderKind::Gemini if call_id.starts_with("call#") => {
                format!("call_{}", self.calls.len())
            }
            _ => call_id,
        };
        let known = match self.kind {
            ProviderKind::Gemini => None,
            ProviderKind::Anthropic => self.calls.iter().position(|c| c.id == call_id),
            _ if fn_name.is_empty() => Some(self.continued(&call_id)?),
            _ => None,
        };
        let Some(call) = known.and_then(|index| self.calls.get_mut(index)) else {
            if self.calls.len() == CALLS_MAX {
                let detail = format!("the answer has more than {CALLS_MAX} tool calls");
                return Err(Trouble::new(FailureClass::Malformed, detail));
            }
            self.calls.push(Call { id: call_id, name: fn_name, args });
            return Ok(brought);
        };
        match (&mut call.args, args) {
            (Args::Text(so_far), Args::Text(more)) if self.kind != ProviderKind::Anthropic => {
                so_far.push_str(&more);
                Ok(brought)
            }
            (so_far, args) => {
                let before = if let Args::Text(text) = &*so_far { text.len() } else { 0 };
                *so_far = args;
                Ok(brought.saturating_sub(before))
            }
        }
    }

    /// The call that a piece without a name goes on with.
    fn continued(&self, call_id: &str) -> Result<usize, Trouble> {
        let index = call_id.strip_prefix("call_").and_then(|n| n.parse::<usize>().ok());
        index.filter(|index| *index < self.calls.len()).ok_or_else(|| {
            let detail = "a piece of a tool call belongs to no call";
            Trouble::new(FailureClass::Malformed, detail)
        })
    }
}
