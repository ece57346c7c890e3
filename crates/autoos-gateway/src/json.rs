//! JSON as clients write it, to what the edge works with. Unknown fields are refused by name.

use crate::{
    ask::{Ask, AskContent, AskContext},
    fault::Fault,
};
use autoos_journal::Position;
use autoos_kernel::{
    id::{Shard, WorkflowId},
    plan::Plan,
    time::Timestamp,
    words::RiskLevel,
};
use autoos_runtime::{Answer, Submitted};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value};
use std::{fmt, marker::PhantomData};

/// An intent, as `POST /api/v1/intents` and `POST /api/v1/plans` take it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntentBody {
    intent: String,
    user_id: Option<String>,
    #[serde(default, deserialize_with = "named_once")]
    context: Map<String, Value>,
    risk: Option<String>,
    budget_usd: Option<f64>,
    deadline: Option<String>,
    idempotency_key: Option<String>,
    #[serde(default, deserialize_with = "object")]
    plan: Option<Plan>,
}

/// A plan as JSON: an object, since a list would pass for a structure field by field.
pub(crate) fn plan(field: &str, text: &str) -> Result<Plan, Fault> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Written(#[serde(deserialize_with = "object")] Option<Plan>);

    match serde_json::from_str(text) {
        Ok(Written(Some(plan))) => Ok(plan),
        Ok(Written(None)) => Err(Fault::Invalid(format!("{field} is null: it must be a plan"))),
        Err(why) => Err(Fault::Invalid(format!("{field}: {why}"))),
    }
}

/// A structure that is written as an object, or null.
fn object<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_any(Object(PhantomData))
}

/// An object in which no name comes twice: the second would silently take the first one's place.
fn named_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    struct Once;

    impl<'de> Visitor<'de> for Once {
        type Value = Map<String, Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = Map::new();
            while let Some((name, value)) = map.next_entry::<String, Value>()? {
                if all.contains_key(&name) {
                    return Err(de::Error::custom(format!("{name:.64?} is there twice")));
                }
                all.insert(name, value);
            }
            Ok(all)
        }
    }

    deserializer.deserialize_any(Once)
}

/// A context that is more than text: what it is, or where.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContextBody {
    label: Option<String>,
    text: Option<String>,
    upload: Option<String>,
    file: Option<std::path::PathBuf>,
}

impl IntentBody {
    /// What is asked; `header` is the `Idempotency-Key` that came with it.
    pub(crate) fn ask(self, header: Option<String>) -> Result<Ask, Fault> {
        let idempotency_key = match (self.idempotency_key, header) {
            (Some(body), Some(header)) if body != header => {
                return Err(Fault::Invalid(
                    "idempotency_key and the header Idempotency-Key differ: send one of them"
                        .into(),
                ));
            }
            (body, header) => body.or(header).filter(|key| !key.is_empty()),
        };
        let (contexts, from_context) = contexts(self.context)?;
        let stated = self.risk.as_deref().map(|word| risk("risk", word)).transpose()?;
        Ok(Ask {
            text: self.intent,
            user: self.user_id.filter(|user| !user.is_empty()),
            contexts,
            risk: stated.or(from_context).unwrap_or_default(),
            budget_microusd: self.budget_usd.map(microusd).transpose()?,
            deadline: self.deadline.as_deref().map(|at| timestamp("deadline", at)).transpose()?,
            idempotency_key,
            plan: self.plan,
        })
    }
}

/// The rule of `context`: every entry is a context of that name, text as it is and other values
/// as their JSON, but `priority` and `risk`, which say how much a wrong answer would cost. An
/// object with `text`, `upload` or `file` says where the content is. Null is nothing.
fn contexts(given: Map<String, Value>) -> Result<(Vec<AskContext>, Option<RiskLevel>), Fault> {
    let (mut contexts, mut stated) = (Vec::new(), None);
    for (name, value) in given {
        let (label, content) = match value {
            Value::Null => continue,
            Value::String(word) if name == "priority" || name == "risk" => {
                let level = risk(&format!("context.{name}"), &word)?;
                stated = stated.max(Some(level));
                continue;
            }
            _ if name == "priority" || name == "risk" => {
                return Err(Fault::Invalid(format!("context.{name} is a word: {LEVELS}")));
            }
            Value::String(text) => (None, AskContent::Text(text)),
            Value::Object(object) if is_reference(&object) => reference(&name, object)?,
            other @ (Value::Array(_) | Value::Object(_)) => {
                (Some(format!("{name}.json")), AskContent::Text(other.to_string()))
            }
            other => (None, AskContent::Text(other.to_string())),
        };
        contexts.push(AskContext { name, label, content });
    }
    Ok((contexts, stated))
}

fn is_reference(object: &Map<String, Value>) -> bool {
    let known = |key: &String| ["text", "upload", "file", "label"].contains(&key.as_str());
    object.keys().all(known) && object.keys().any(|key| key != "label")
}

fn reference(
    name: &str,
    object: Map<String, Value>,
) -> Result<(Option<String>, AskContent), Fault> {
    let body: ContextBody = serde_json::from_value(Value::Object(object))
        .map_err(|why| Fault::Invalid(format!("context.{name}: {why}")))?;
    let content = match (body.text, body.upload, body.file) {
        (Some(text), None, None) => AskContent::Text(text),
        (None, Some(id), None) => AskContent::Upload(id),
        (None, None, Some(path)) => AskContent::File(path),
        _ => {
            return Err(Fault::Invalid(format!(
                "context.{name} needs exactly one of text, upload and file"
            )));
        }
    };
    Ok((body.label, content))
}

const LEVELS: &str = "low, medium (or normal), high, critical (or urgent)";

/// A level of risk, or the priority that stands for it.
pub(crate) fn risk(field: &str, word: &str) -> Result<RiskLevel, Fault> {
    match word.to_ascii_lowercase().as_str() {
        "low" => Ok(RiskLevel::Low),
        "medium" | "normal" => Ok(RiskLevel::Medium),
        "high" => Ok(RiskLevel::High),
        "critical" | "urgent" => Ok(RiskLevel::Critical),
        _ => Err(Fault::Invalid(format!("{field} is {word:.32?}, and must be one of {LEVELS}"))),
    }
}

/// The most that can be asked for: a million dollars.
const USD_MAX: f64 = 1e6;

fn microusd(usd: f64) -> Result<u64, Fault> {
    microusd_of("budget_usd", usd)
}

/// Dollars as micro-dollars; `field` says where they came from.
pub(crate) fn microusd_of(field: &str, usd: f64) -> Result<u64, Fault> {
    if !(0.0..=USD_MAX).contains(&usd) {
        return Err(Fault::Invalid(format!("{field} is {usd:?}, and must be in 0..={USD_MAX}")));
    }
    // In range, so neither the sign nor the size is lost.
    Ok((usd * 1e6).round() as u64)
}

/// A point in time in RFC 3339, `2026-01-31T08:15:00Z`.
pub(crate) fn timestamp(field: &str, text: &str) -> Result<Timestamp, Fault> {
    rfc3339(text).ok_or_else(|| {
        Fault::Invalid(format!(
            "{field} is {text:.40?}, and must be a time like 2026-01-31T08:15:00Z or \
             2026-01-31T08:15:00.250+01:00, in 1970 or later"
        ))
    })
}

fn rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        let digit = |n: i64, b: &u8| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0'));
        digits.iter().try_fold(0, digit)
    };
    let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|b| wanted.contains(b));
    let shaped = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
    if !shaped {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let (mut at, mut ms) = (19, 0);
    if is(at, b".") {
        let digits = bytes[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let shown = digits.min(3);
        ms = number(at + 1, at + 1 + shown)? * 10_i64.pow(3 - u32::try_from(shown).ok()?);
        at += 1 + digits;
    }
    let offset = match bytes.get(at)? {
        b'Z' | b'z' if bytes.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == at + 6 && is(at + 3, b":") => {
            let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    let fits = (1..=days).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !fits {
        return None;
    }
    let since = days_since_1970(year, month, day) * 86_400_000
        + ((hour * 60 + minute - offset) * 60 + second) * 1_000
        + ms;
    u64::try_from(since).ok().map(Timestamp)
}

/// Days from 1970-01-01, counting years from 1 March so that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_years = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    of_years + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// `wf-<uuid>`.
pub(crate) fn workflow_id(text: &str) -> Result<WorkflowId, Fault> {
    text.parse().map_err(|why| Fault::Invalid(format!("{why}")))
}

/// `shard:offset`.
pub(crate) fn position(text: &str) -> Result<Position, Fault> {
    let parts = || {
        let (shard, offset) = text.split_once(':')?;
        Some(Position { shard: Shard(shard.parse().ok()?), offset: offset.parse().ok()? })
    };
    parts().ok_or_else(|| Fault::Invalid(format!("{text:.40?} is no position like 5:1207")))
}

/// The answer to a submission.
#[derive(Debug, Serialize)]
pub(crate) struct SubmittedBody {
    intent_id: String,
    pub(crate) workflow_id: String,
    existed: bool,
    position: String,
    links: Links,
}

#[derive(Debug, Serialize)]
struct Links {
    workflow: String,
    audit: String,
    events: String,
}

impl From<Submitted> for SubmittedBody {
    fn from(submitted: Submitted) -> Self {
        let workflow = format!("/api/v1/workflows/{}", submitted.workflow);
        Self {
            intent_id: submitted.intent.to_string(),
            workflow_id: submitted.workflow.to_string(),
            existed: submitted.existed,
            position: place(submitted.position),
            links: Links {
                audit: format!("{workflow}/audit"),
                events: format!("{workflow}/events"),
                workflow,
            },
        }
    }
}

/// A position as text.
pub(crate) fn place(position: Position) -> String {
    format!("{}:{}", position.shard.0, position.offset)
}

/// The answer to a question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolveBody {
    answer: Word,
    value: Option<Value>,
    budget_usd: Option<f64>,
    pub(crate) by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Approve,
    Edit,
    Retry,
    Raise,
    Skip,
    Abandon,
}

impl ResolveBody {
    pub(crate) fn answer(&mut self) -> Result<Answer, Fault> {
        let value = self.value.take();
        if self.budget_usd.is_some() != (self.answer == Word::Raise) {
            return Err(Fault::Invalid(match self.answer {
                Word::Raise => "raise needs budget_usd: how much more may be spent".into(),
                other => format!(
                    "{} takes no budget_usd; raise does",
                    format!("{other:?}").to_lowercase()
                ),
            }));
        }
        match (self.answer, value) {
            (Word::Edit, Some(value)) => Ok(Answer::Edit(value)),
            (Word::Edit, None) => Err(Fault::Invalid("edit needs the output as value".into())),
            (word, Some(_)) => {
                let word = format!("{word:?}").to_lowercase();
                Err(Fault::Invalid(format!("{word} takes no value; edit does")))
            }
            (Word::Approve, None) => Ok(Answer::Approve),
            (Word::Retry, None) => Ok(Answer::Retry),
            (Word::Raise, None) => match microusd(self.budget_usd.unwrap_or_default())? {
                0 => Err(Fault::Invalid("budget_usd is 0: say how much more may be spent".into())),
                more => Ok(Answer::Raise(more)),
            },
            (Word::Skip, None) => Ok(Answer::Skip),
            (Word::Abandon, None) => Ok(Answer::Abandon),
        }
    }
}

/// Why something is cancelled; the body may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonBody {
    pub(crate) reason: Option<String>,
}

#[cfg(test)]
#[path = "json_test.rs"]
mod tests;
