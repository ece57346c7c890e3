//! What a model answered, held against what it was asked: JSON that fits the schema, a plan, a
//! verdict, or text.
//!
//! What is wrong is said in a way that the model can use and that repeats nothing it wrote, since
//! details end in logs and events. Left out: whether an answer is true (`verify`).

use crate::{Failure, FailureClass, LlmResponse, Request, Task, Verdict, prompt};
use autoos_kernel::plan::Plan;
use jsonschema::{Validator, error::ValidationErrorKind};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

/// Problems of an answer that are named; the rest is counted.
const PROBLEMS: usize = 3;

static PLAN: LazyLock<Validator> = LazyLock::new(|| {
    jsonschema::validator_for(&prompt::PLAN_SCHEMA).expect("the schema of plans is a schema")
});

/// A planner's way to say that it cannot.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read to be checked; the caller reads the value itself")]
struct Unable {
    unable: UnableReason,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read to be checked; the caller reads the value itself")]
struct UnableReason {
    reason: String,
    #[serde(default)]
    needs: Vec<String>,
}

/// Checks an answer and fills in its value.
///
/// # Errors
/// `Malformed` with what is wrong and the cost of the call; `BadRequest` when the request's own
/// schema is none.
pub(crate) fn check(request: &Request, mut response: LlmResponse) -> Result<LlmResponse, Failure> {
    let checked = if response.tool_calls.is_empty() {
        value(request, &response.text)
    } else {
        tool_calls(request, &response).map(|()| Data::default())
    };
    match checked {
        Ok(data) => {
            response.value = data.value;
            response.plan = data.plan;
            Ok(response)
        }
        Err((class, detail)) => {
            let mut failure = Failure::new(&response.model, class, detail);
            failure.cost_microusd = Some(response.cost_microusd);
            Err(failure)
        }
    }
}

type Problem = (FailureClass, String);

fn malformed(detail: impl Into<String>) -> Problem {
    (FailureClass::Malformed, detail.into())
}

/// An answer that is more than text.
#[derive(Default)]
struct Data {
    value: Option<Value>,
    plan: Option<Arc<Plan>>,
}

impl From<Value> for Data {
    fn from(value: Value) -> Self {
        Self { value: Some(value), plan: None }
    }
}

fn value(request: &Request, text: &str) -> Result<Data, Problem> {
    let data = match &request.task {
        Task::Plan { .. } => plan(json(text)?)?,
        Task::Verify { .. } => verdict(json(text)?)?.into(),
        Task::Execute { .. } | Task::Synthesize { .. } if request.schema.is_some() => {
            json(text)?.into()
        }
        Task::Execute { .. } | Task::Synthesize { .. } => Data::default(),
    };
    match (&data.value, &request.schema) {
        (None, _) if text.trim().is_empty() => Err(malformed("the answer is empty")),
        (Some(value), Some(schema)) => {
            let not = |_| (FailureClass::BadRequest, "the step's schema is no JSON schema".into());
            let validator = jsonschema::validator_for(schema).map_err(not)?;
            fits(&validator, schema, value).map_err(malformed)?;
            Ok(data)
        }
        _ => Ok(data),
    }
}

/// The JSON in a text: all of it, or what a fence or a sentence around it leaves.
fn json(text: &str) -> Result<Value, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(malformed("the answer is empty, it must be JSON"));
    }
    let first = serde_json::from_str(text);
    let error = match first {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let begin = text.find(['{', '[']);
    let end = text.rfind(['}', ']']);
    if let (Some(begin), Some(end)) = (begin, end)
        && begin < end
        && let Ok(value) = serde_json::from_str(&text[begin..=end])
    {
        return Ok(value);
    }
    let what = if error.is_eof() { "JSON that ends too early" } else { "not JSON" };
    let (line, column) = (error.line(), error.column());
    Err(malformed(format!("the answer is {what} (line {line}, column {column})")))
}

fn plan(data: Value) -> Result<Data, Problem> {
    let unable = data.get("unable").is_some();
    if unable && Unable::deserialize(&data).is_ok() {
        return Ok(data.into());
    }
    if let Ok(plan) = Plan::deserialize(&data) {
        return Ok(Data { value: Some(data), plan: Some(Arc::new(plan)) });
    }
    if unable {
        return Err(malformed(
            "\"unable\" is an object with \"reason\", a text, and \"needs\", a list of texts",
        ));
    }
    fits(&PLAN, &prompt::PLAN_SCHEMA, &data)
        .map_err(|problems| malformed(format!("this is not a plan: {problems}")))?;
    Err(malformed("this is not a plan: a field is unknown, missing or of another type"))
}

fn verdict(data: Value) -> Result<Value, Problem> {
    fits(&VERDICT, &prompt::VERDICT_SCHEMA, &data).map_err(malformed)?;
    match Verdict::deserialize(&data) {
        Ok(_) => Ok(data),
        Err(_) => Err(malformed("this is not a verdict: a field is of another type")),
    }
}

static VERDICT: LazyLock<Validator> = LazyLock::new(|| {
    jsonschema::validator_for(&prompt::VERDICT_SCHEMA).expect("the schema of verdicts is a schema")
});

fn tool_calls(request: &Request, response: &LlmResponse) -> Result<(), Problem> {
    let mut ids = HashSet::new();
    for call in &response.tool_calls {
        if !request.tools.iter().any(|tool| tool.name == call.name) {
            return Err(malformed("it calls a tool that it was not given"));
        }
        if call.id.is_empty() || !ids.insert(&call.id) {
            return Err(malformed(format!("two of its calls of {} have one id", call.name)));
        }
        if !call.args.is_object() {
            return Err(malformed(format!("the arguments of {} are no JSON object", call.name)));
        }
    }
    Ok(())
}

/// Whether data fits; if not, where and which rule of the schema it breaks.
fn fits(validator: &Validator, schema: &Value, data: &Value) -> Result<(), String> {
    let mut problems = Vec::new();
    let mut more = 0usize;
    for error in validator.iter_errors(data) {
        if problems.len() == PROBLEMS {
            more += 1;
            continue;
        }
        let at = error.instance_path().as_str();
        // Keys are the model's own words; a place that is deep or long is not worth repeating.
        let at = if at.is_empty() || at.len() > 80 { "the top" } else { at };
        problems.push(match error.kind() {
            ValidationErrorKind::Required { property } => {
                format!("at {at} {property} is missing")
            }
            ValidationErrorKind::AdditionalProperties { .. } => {
                format!("at {at} there is a field that does not belong there")
            }
            _ => {
                let rule = error.schema_path().as_str();
                let wanted = wanted(schema, rule).unwrap_or_default();
                format!("at {at} it does not fit the schema's {rule}{wanted}")
            }
        });
    }
    if problems.is_empty() {
        return Ok(());
    }
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Err(format!("the answer does not fit its schema: {}{more}", problems.join("; ")))
}

/// What a rule of the schema asks for, where a type, a bound or a switch says it in a word.
fn wanted(schema: &Value, rule: &str) -> Option<String> {
    let value = schema.pointer(rule)?;
    let types =
        value.as_array().is_some_and(|all| all.len() <= 8 && all.iter().all(Value::is_string));
    let said = match rule.rsplit('/').next()? {
        "type" => value.is_string() || types,
        _ => value.is_number() || value.is_boolean(),
    };
    said.then(|| format!(", which is {value}"))
}

#[cfg(test)]
#[path = "answer_test.rs"]
mod tests;
