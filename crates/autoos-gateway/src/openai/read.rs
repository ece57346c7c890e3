//! Calls read back: a page of them, newest first, and one with its texts.
//!
//! The streams are those of the node and its hours, so nothing is looked up in an index: a list
//! goes back hour by hour, and one call is found by the time in its id, since what an hour's stream
//! holds is in the order in which calls ended.

use crate::{call::Call, edge::Edge, fault::Fault};
use autoos_guard::DEFAULT_TENANT;
use autoos_journal::{self as journal, Error};
use autoos_kernel::{
    call::{Called, Event, began},
    codec::Recorded as _,
    id::CallsId,
    time::Timestamp,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Events that are read at once.
const PAGE: u64 = 256;
/// Events that are read for one answer, at most.
const LOOKED: u64 = 65_536;
/// Hours that a list goes back where calls are kept for ever.
const HOURS: u64 = 366 * 24;

/// A page of calls.
pub(crate) struct Page {
    pub(crate) calls: Vec<Value>,
    /// Where the next page begins.
    pub(crate) next: Option<String>,
}

impl Edge {
    /// The caller's calls, newest first, at most `limit`.
    pub(crate) async fn calls(
        &self,
        call: &Call,
        from: Option<&str>,
        limit: usize,
    ) -> Result<Page, Fault> {
        if limit > 500 {
            return Err(Fault::Invalid(format!("a page has 1 to 500 rows, not {limit}")));
        }
        let now = self.runtime.parts().clock.now();
        let options = &self.options.openai;
        let (mut hour, mut before) = match from {
            Some(token) => place(token)?,
            None => (now.hour(), None),
        };
        let hours = if options.keep_hours == 0 { HOURS } else { options.keep_hours + 1 };
        let oldest = now.0.saturating_sub(hours.saturating_mul(Timestamp::HOUR_MS));
        let (mut calls, mut looked) = (Vec::new(), 0);
        while hour.0 >= oldest {
            let stream = CallsId::of(&options.node, hour).stream();
            let mut end = match before.take() {
                Some(before) => before,
                None => self.journal.head(stream).await?.map_or(0, |head| head.next),
            };
            while end > 0 {
                let begin = end.saturating_sub(PAGE);
                let count = usize::try_from(end - begin).unwrap_or(usize::MAX);
                let events = self.journal.read(stream, begin, count).await?;
                for event in events.iter().rev() {
                    if calls.len() == limit || looked == LOOKED {
                        let next = Some(format!("{}:{}", hour.0, event.seq + 1));
                        return Ok(Page { calls, next });
                    }
                    looked += 1;
                    if let Some(called) = read(event)?.filter(|called| sees(call, called)) {
                        calls.push(document(&called, event));
                    }
                }
                end = begin;
            }
            let Some(earlier) = hour.0.checked_sub(Timestamp::HOUR_MS) else { break };
            hour = Timestamp(earlier);
        }
        Ok(Page { calls, next: None })
    }

    /// One call with what was asked and answered.
    pub(crate) async fn call(&self, call: &Call, id: &str) -> Result<Value, Fault> {
        let missing = || Fault::Missing(format!("there is no call {id:.64}"));
        let uuid: Uuid = id.parse().map_err(|_| {
            Fault::Invalid(format!("{id:.64?} is no id of a call: `autoos call list` shows them"))
        })?;
        let start = began(uuid);
        let options = &self.options.openai;
        // It ended within its time, and was recorded soon after.
        let last = start.plus_ms(options.timeout_ms.saturating_mul(2)).plus_ms(60_000);
        let mut hour = start.hour();
        while hour <= last {
            let owner = CallsId::of(&options.node, hour);
            let stream = owner.stream();
            let end = self.journal.head(stream).await?.map_or(0, |head| head.next);
            let mut from = self.first_after(stream, end, start).await?;
            'hour: while from < end {
                let events =
                    self.journal.read(stream, from, usize::try_from(PAGE).unwrap_or(256)).await?;
                for event in &events {
                    from = event.seq + 1;
                    if event.at > last {
                        break 'hour;
                    }
                    let called = read(event)?.filter(|called| called.id == uuid);
                    if let Some(called) = called {
                        if !sees(call, &called) {
                            return Err(missing());
                        }
                        return self.whole(&called, event).await;
                    }
                }
                if events.is_empty() {
                    break;
                }
            }
            hour = hour.plus_ms(Timestamp::HOUR_MS);
        }
        Err(missing())
    }

    /// The sequence of the first event of a stream that was decided at `at` or later.
    async fn first_after(
        &self,
        stream: autoos_kernel::id::StreamId,
        end: u64,
        at: Timestamp,
    ) -> Result<u64, Fault> {
        let (mut low, mut high) = (0, end);
        while low < high {
            let middle = low + (high - low) / 2;
            let event = self.journal.read(stream, middle, 1).await?;
            match event.first() {
                Some(event) if event.at < at => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    async fn whole(&self, called: &Called, event: &journal::Event) -> Result<Value, Fault> {
        let mut document = document(called, event);
        let Some(texts) = called.texts else { return Ok(document) };
        let (request, answer) = match self.journal.body(event.stream.uuid, texts.body).await {
            Ok(Some(body)) => {
                let at = texts.at as usize;
                let middle = at + texts.request as usize;
                let part = |from: usize, to: usize| text(body.get(from..to));
                (part(at, middle), part(middle, middle + texts.answer as usize))
            }
            Ok(None) => (Value::Null, Value::Null),
            Err(Error::Erased(_)) => (journal::ERASED.into(), journal::ERASED.into()),
            Err(error) => return Err(error.into()),
        };
        (document["request"], document["answer"]) = (request, answer);
        Ok(document)
    }
}

/// JSON where it is some.
fn text(bytes: Option<&[u8]>) -> Value {
    let bytes = bytes.unwrap_or_default();
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
}

fn place(token: &str) -> Result<(Timestamp, Option<u64>), Fault> {
    let read = token.split_once(':').and_then(|(hour, seq)| {
        Some((Timestamp(hour.parse().ok()?).hour(), Some(seq.parse().ok()?)))
    });
    read.ok_or_else(|| Fault::Invalid("page_token is none that a list gave".into()))
}

fn read(event: &journal::Event) -> Result<Option<Called>, Fault> {
    match Event::decode(&event.kind, &event.body) {
        Ok(Some(Event::Called(called))) => Ok(Some(*called)),
        Ok(None) => Ok(None),
        Err(why) => Err(Fault::Internal(format!("{} {}: {why}", event.stream, event.seq))),
    }
}

/// The operator's keys see the calls of all.
fn sees(call: &Call, called: &Called) -> bool {
    call.caller.tenant == called.tenant || call.caller.tenant == DEFAULT_TENANT
}

fn document(called: &Called, event: &journal::Event) -> Value {
    let trace = event.trace.map(|trace| format!("{:032x}", trace.trace_id));
    let failed = called
        .failed
        .iter()
        .map(|(model, class)| json!({"model": model, "class": class.to_string()}));
    json!({
        "id": called.id,
        "began": called.began().to_string(),
        "ended": event.at.to_string(),
        "tenant": called.tenant,
        "user": called.user,
        "what": called.what.to_string(),
        "asked": called.asked,
        "model": called.model,
        "reason": called.reason,
        "failed": failed.collect::<Vec<_>>(),
        "outcome": called.outcome.to_string(),
        "class": called.class.map(|class| class.to_string()),
        "streamed": called.streamed,
        "asked_twice": called.hedge_microusd.is_some(),
        "tokens": {"input": called.input_tokens, "output": called.output_tokens},
        "cost_microusd": called.cost_microusd,
        "latency_ms": called.latency_ms,
        "first_ms": called.first_ms,
        "confidence": called.confidence,
        "unsupported": called.unsupported,
        "trace": trace,
        "stream": event.stream.to_string(),
        "seq": event.seq,
    })
}
