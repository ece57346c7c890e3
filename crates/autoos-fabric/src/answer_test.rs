//! Answers against what was asked: what is taken, what is refused, and that a refusal repeats
//! nothing of the answer.

use super::*;
use crate::{ToolCall, Usage};
use autoos_kernel::words::LlmRole;
use serde_json::json;

/// In every bad answer below, and in no refusal.
const CANARY: &str = "canary-word";

fn asked(task: Task, schema: Option<Value>) -> Request {
    Request {
        key: "k".into(),
        model: "p/m".into(),
        role: LlmRole::Executor,
        task,
        schema,
        complaint: None,
        tools: Vec::new(),
        prompt_tokens: 1_000,
        output_tokens: 100,
        timeout_ms: 1_000,
    }
}

fn execute(schema: Option<Value>) -> Request {
    asked(Task::Execute { instruction: "x".into(), inputs: Default::default() }, schema)
}

fn verify() -> Request {
    asked(Task::Verify { instruction: "x".into(), inputs: Default::default() }, None)
}

fn plan() -> Request {
    let (contexts, tools) = (Vec::new(), Default::default());
    let task = Task::Plan {
        intent: "x".into(),
        contexts,
        risk: Default::default(),
        tools,
        refused: None,
        lessons: Vec::new(),
    };
    asked(task, None)
}

fn response(text: &str) -> LlmResponse {
    LlmResponse {
        model: "p/m".into(),
        text: text.into(),
        value: None,
        plan: None,
        tool_calls: Vec::new(),
        usage: Usage::default(),
        cost_microusd: 7,
        latency_ms: 1,
        first_token_ms: None,
    }
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "n": {"type": "integer", "maximum": 10},
            "word": {"enum": ["a", "b"]},
            "list": {"type": "array", "items": {"type": "string", "pattern": "^x"}},
        },
        "required": ["n"],
        "additionalProperties": false,
    })
}

#[test]
fn what_fits_is_taken_as_data_with_or_without_words_around_it() {
    let request = execute(Some(schema()));
    for text in [
        "{\"n\": 3}",
        "  {\"n\": 3}\n",
        "```json\n{\"n\": 3}\n```",
        "Sure! Here is the answer:\n{\"n\": 3}\nAnything else?",
    ] {
        assert_eq!(check(&request, response(text)).unwrap().value, Some(json!({"n": 3})), "{text}");
    }
    let text = check(&execute(None), response("{\"n\": 3}")).unwrap();
    assert_eq!((text.value, text.text.as_str()), (None, "{\"n\": 3}"), "text is left alone");
}

#[test]
fn a_refusal_says_what_is_wrong_and_repeats_nothing() {
    let s = || execute(Some(schema()));
    let deep = format!("{{\"n\": {}{}", "[".repeat(100_000), CANARY);
    let cases = [
        (s(), "".to_owned(), "empty"),
        (execute(None), " \n".to_owned(), "empty"),
        (s(), CANARY.to_owned(), "not JSON"),
        (s(), format!("{{\"n\": 3, \"word\": \"{CANARY}"), "ends too early"),
        (
            s(),
            format!("{{\"n\": \"{CANARY}\"}}"),
            "/n it does not fit the schema's /properties/n/type, which is \"integer\"",
        ),
        (s(), format!("{{\"n\": 3, \"{CANARY}\": 1}}"), "a field that does not belong"),
        (s(), format!("{{\"word\": \"{CANARY}\"}}"), "\"n\" is missing"),
        (s(), format!("{{\"n\": 3, \"list\": [\"{CANARY}\"]}}"), "/list/0"),
        (s(), "{\"n\": 11}".to_owned(), "maximum"),
        (s(), "{\"n\": 1e999}".to_owned(), "not JSON"),
        (s(), "{\"n\": NaN}".to_owned(), "not JSON"),
        (s(), deep, "not JSON"),
        (verify(), format!("{{\"supported\": \"{CANARY}\", \"confidence\": 1}}"), "/supported"),
        (verify(), "{\"supported\": true, \"confidence\": 1.5}".to_owned(), "maximum"),
        (verify(), "{\"supported\": true}".to_owned(), "\"confidence\" is missing"),
        (plan(), format!("{{\"name\": \"{CANARY}\", \"steps\": []}}"), "this is not a plan"),
        (plan(), format!("{{\"unable\": \"{CANARY}\"}}"), "\"reason\""),
        (plan(), format!("[\"{CANARY}\"]"), "this is not a plan"),
    ];
    for (request, text, what) in cases {
        let shown: String = text.chars().take(80).collect();
        let failure = check(&request, response(&text)).expect_err(&shown);
        assert_eq!(failure.class, FailureClass::Malformed, "{shown}");
        assert_eq!(failure.cost_microusd, Some(7), "it was paid for");
        assert!(failure.detail.contains(what), "{shown}: {}", failure.detail);
        assert!(!failure.detail.contains(CANARY), "{shown}: {}", failure.detail);
        assert!(!failure.detail.contains('\n') && failure.detail.len() < 500);
    }
}

#[test]
fn a_schema_that_is_none_is_the_requests_fault() {
    for broken in [json!({"type": "no-such-type"}), json!({"$ref": "http://example.com/s.json"})] {
        let failure = check(&execute(Some(broken)), response("{}")).unwrap_err();
        assert_eq!(failure.class, FailureClass::BadRequest, "{failure}");
    }
}

#[test]
fn calls_need_a_known_tool_an_id_of_their_own_and_an_object() {
    let mut request = execute(None);
    let spec = json!({
        "name": "fs.read", "description": "", "arguments": {}, "trust": "vetted",
        "effect": "pure", "reads": true, "timeout_ms": 1,
    });
    request.tools = vec![serde_json::from_value(spec).unwrap()];
    let call =
        |id: &str, name: &str, args: Value| ToolCall { id: id.into(), name: name.into(), args };
    let with =
        |calls: Vec<ToolCall>| check(&request, LlmResponse { tool_calls: calls, ..response("") });
    assert!(with(vec![call("1", "fs.read", json!({})), call("2", "fs.read", json!({}))]).is_ok());
    for bad in [
        vec![call("1", CANARY, json!({}))],
        vec![call("1", "fs.read", json!({})), call("1", "fs.read", json!({}))],
        vec![call("", "fs.read", json!({}))],
        vec![call("1", "fs.read", json!(CANARY))],
    ] {
        let failure = with(bad).unwrap_err();
        assert_eq!(failure.class, FailureClass::Malformed);
        assert!(!failure.detail.contains(CANARY), "{failure}");
    }
}
