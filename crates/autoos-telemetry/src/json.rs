//! Spans as OTLP/JSON: what any collector takes at `/v1/traces`.

use crate::{Kind, Span, Status, Value};
use serde_json::{Value as Json, json};

/// A delivery of spans that the service tells of, and none of its nodes.
#[must_use]
pub fn otlp_json(spans: &[Span], version: &str) -> Json {
    let own = [("service.name", "autoos".into()), ("service.version", version.to_owned().into())];
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes(&own)},
        "scopeSpans": [{
            "scope": {"name": "autoos", "version": version},
            "spans": spans.iter().map(span).collect::<Json>(),
        }],
    }]})
}

fn span(span: &Span) -> Json {
    let (code, message) = match &span.status {
        Status::Unset => (0, ""),
        Status::Good => (1, ""),
        Status::Failed(why) => (2, &**why),
    };
    let kind = match span.kind {
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
    };
    let mut json = json!({
        "traceId": format!("{:032x}", span.trace),
        "spanId": format!("{:016x}", span.id),
        "name": span.name,
        "kind": kind,
        // 64 bits are texts, as JSON's numbers are not wide enough for them.
        "startTimeUnixNano": span.start_ns.to_string(),
        "endTimeUnixNano": span.end_ns.to_string(),
        "attributes": attributes(&span.attributes),
        "status": {"code": code, "message": message},
    });
    if let Some(parent) = span.parent {
        json["parentSpanId"] = format!("{parent:016x}").into();
    }
    if !span.events.is_empty() {
        let event = |event: &crate::SpanEvent| {
            json!({"name": event.name, "timeUnixNano": event.at_ns.to_string(),
                   "attributes": attributes(&event.attributes)})
        };
        json["events"] = span.events.iter().map(event).collect();
    }
    if !span.links.is_empty() {
        let link = |link: &crate::Link| {
            json!({"traceId": format!("{:032x}", link.trace),
                   "spanId": format!("{:016x}", link.span),
                   "attributes": attributes(&link.attributes)})
        };
        json["links"] = span.links.iter().map(link).collect();
    }
    json
}

fn attributes(attributes: &[(&'static str, Value)]) -> Json {
    let value = |value: &Value| match value {
        Value::Text(text) => json!({"stringValue": text}),
        Value::Int(n) => json!({"intValue": n.to_string()}),
        Value::Float(n) => json!({"doubleValue": n}),
        Value::Bool(yes) => json!({"boolValue": yes}),
        Value::List(texts) => {
            let texts = texts.iter().map(|text| json!({"stringValue": text}));
            json!({"arrayValue": {"values": texts.collect::<Json>()}})
        }
    };
    attributes.iter().map(|(key, v)| json!({"key": key, "value": value(v)})).collect()
}
