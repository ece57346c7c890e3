use super::*;
use serde_json::json;

fn ask(body: Value) -> Result<Ask, Fault> {
    crate::body::parse::<IntentBody>(body.to_string().as_bytes())?.ask(None)
}

fn said(result: Result<Ask, Fault>) -> String {
    result.expect_err("is refused").to_string()
}

#[test]
fn the_seeds_body_is_taken_as_written() {
    let ask = ask(json!({
        "intent": "Analyze system logs and identify errors",
        "user_id": "user-dev",
        "context": {"priority": "high"}
    }))
    .expect("parses");
    assert_eq!(ask.text, "Analyze system logs and identify errors");
    assert_eq!((ask.user.as_deref(), ask.risk), (Some("user-dev"), RiskLevel::High));
    assert_eq!(ask.contexts, Vec::new());
}

#[test]
fn contexts_are_text_json_or_references() {
    let ask = ask(json!({"intent": "x", "context": {
        "log": "a\nb", "limits": {"cpu": 2}, "n": 3, "nothing": null,
        "up": {"upload": "up-1", "label": "app.log"}, "inline": {"text": "t"}
    }}))
    .expect("parses");
    let seen: Vec<_> =
        ask.contexts.iter().map(|c| (c.name.as_str(), c.label.as_deref(), &c.content)).collect();
    let text = |t: &str| AskContent::Text(t.into());
    assert_eq!(
        seen,
        [
            ("log", None, &text("a\nb")),
            ("limits", Some("limits.json"), &text(r#"{"cpu":2}"#)),
            ("n", None, &text("3")),
            ("up", Some("app.log"), &AskContent::Upload("up-1".into())),
            ("inline", None, &text("t")),
        ]
    );
}

#[test]
fn what_does_not_fit_is_named() {
    assert!(said(ask(json!({"intent": "x", "color": 1}))).contains("unknown field `color`"));
    assert!(said(ask(json!({"user_id": "x"}))).contains("missing field `intent`"));
    assert!(said(ask(json!({"intent": "x", "risk": "huge"}))).starts_with("risk is \"huge\""));
    assert!(said(ask(json!({"intent": "x", "context": {"priority": 3}}))).contains("priority"));
    assert!(said(ask(json!({"intent": "x", "budget_usd": -1}))).contains("budget_usd"));
    assert!(said(ask(json!({"intent": "x", "deadline": "soon"}))).contains("deadline"));
    let two = json!({"intent": "x", "context": {"a": {"text": "t", "upload": "u"}}});
    assert!(said(ask(two)).contains("context.a needs exactly one"));
}

#[test]
fn money_is_exact_to_the_micro_dollar() {
    let ask = ask(json!({"intent": "x", "budget_usd": 0.000_001})).expect("parses");
    assert_eq!(ask.budget_microusd, Some(1));
    assert_eq!(microusd(0.29).ok(), Some(290_000));
    assert!(microusd(f64::NAN).is_err());
}

#[test]
fn times_read_back_as_they_print() {
    for ms in [0, 951_826_155_250, 1_767_225_599_999, 4_102_444_800_000] {
        assert_eq!(rfc3339(&Timestamp(ms).to_string()), Some(Timestamp(ms)));
    }
    let noon = rfc3339("2026-01-31T12:00:00Z");
    assert_eq!(rfc3339("2026-01-31T13:30:00.0000+01:30"), noon);
    assert_eq!(rfc3339("2026-01-31t11:00:00-01:00"), noon);
    for bad in [
        "",
        "2026-01-31",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00+0100",
        "1969-12-31T23:59:59Z",
        "２026-01-31T12:00:00Z",
    ] {
        assert_eq!(rfc3339(bad), None, "{bad}");
    }
}

#[test]
fn answers_take_a_value_only_to_edit() {
    let answer = |body: Value| {
        crate::body::parse::<ResolveBody>(body.to_string().as_bytes()).and_then(|mut b| b.answer())
    };
    assert_eq!(answer(json!({"answer": "retry"})).ok(), Some(Answer::Retry));
    let edit = answer(json!({"answer": "edit", "value": {"a": 1}})).ok();
    assert_eq!(edit, Some(Answer::Edit(json!({"a": 1}))));
    assert!(answer(json!({"answer": "edit"})).is_err());
    assert!(answer(json!({"answer": "skip", "value": 1})).is_err());
    assert!(answer(json!({"answer": "maybe"})).is_err());
}
