//! Spans as OTLP has them.

use autoos_telemetry::{Kind, Origin, Span, Status, Value};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value},
    resource::v1::Resource as WireResource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span as WireSpan, Status as WireStatus,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};

/// Who tells: what every span of a node has in common.
#[derive(Debug, Clone)]
pub struct Resource {
    /// What is the same on every node.
    service: Vec<KeyValue>,
    /// What is this node's own.
    node: Vec<KeyValue>,
}

impl Resource {
    /// This node of `service`, which `instance` names.
    #[must_use]
    pub fn new(
        service: &str,
        instance: &str,
        host: Option<String>,
        more: &[(String, String)],
    ) -> Self {
        let mut of_service = vec![
            text("service.name", service.to_owned()),
            text("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        of_service.extend(more.iter().map(|(key, value)| text(key, value.clone())));
        let mut node = of_service.clone();
        node.push(text("service.instance.id", instance.to_owned()));
        node.extend(host.map(|host| text("host.name", host)));
        Self { service: of_service, node }
    }

    /// A delivery. What the journal tells is told by the service, and not by one of its nodes: who
    /// hears it twice, from two nodes or after a restart, hears the very same.
    pub(crate) fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let (journal, node): (Vec<_>, Vec<_>) =
            spans.into_iter().partition(|span| span.origin == Origin::Journal);
        let both = [(&self.service, journal), (&self.node, node)];
        let both = both.into_iter().filter(|(_, spans)| !spans.is_empty());
        let resource_spans = both.map(|(attributes, spans)| resource_spans(attributes, spans));
        ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
    }
}

/// A delivery that a node wrote as JSON.
///
/// # Errors
/// When it is none.
pub fn request_of_json(value: serde_json::Value) -> Result<ExportTraceServiceRequest, String> {
    serde_json::from_value(value).map_err(|why| format!("this is no OTLP: {why}"))
}

fn resource_spans(attributes: &[KeyValue], spans: Vec<Span>) -> ResourceSpans {
    let scope = InstrumentationScope {
        name: "autoos".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        ..InstrumentationScope::default()
    };
    ResourceSpans {
        resource: Some(WireResource { attributes: attributes.to_vec(), ..WireResource::default() }),
        scope_spans: vec![ScopeSpans {
            scope: Some(scope),
            spans: spans.into_iter().map(span).collect(),
            schema_url: String::new(),
        }],
        schema_url: String::new(),
    }
}

fn span(span: Span) -> WireSpan {
    let event = |event: autoos_telemetry::SpanEvent| Event {
        time_unix_nano: event.at_ns,
        name: event.name.to_owned(),
        attributes: pairs(event.attributes),
        dropped_attributes_count: 0,
    };
    let link = |link: autoos_telemetry::Link| Link {
        trace_id: link.trace.to_be_bytes().to_vec(),
        span_id: link.span.to_be_bytes().to_vec(),
        attributes: pairs(link.attributes),
        ..Link::default()
    };
    let kind = match span.kind {
        Kind::Internal => SpanKind::Internal,
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
    };
    let (code, message) = match span.status {
        Status::Unset => (StatusCode::Unset, String::new()),
        Status::Good => (StatusCode::Ok, String::new()),
        Status::Failed(why) => (StatusCode::Error, why.into_owned()),
    };
    WireSpan {
        trace_id: span.trace.to_be_bytes().to_vec(),
        span_id: span.id.to_be_bytes().to_vec(),
        parent_span_id: span.parent.map_or_else(Vec::new, |id| id.to_be_bytes().to_vec()),
        name: span.name.into_owned(),
        kind: kind.into(),
        start_time_unix_nano: span.start_ns,
        end_time_unix_nano: span.end_ns,
        attributes: pairs(span.attributes),
        events: span.events.into_iter().map(event).collect(),
        links: span.links.into_iter().map(link).collect(),
        status: Some(WireStatus { code: code.into(), message }),
        ..WireSpan::default()
    }
}

fn pairs(attributes: Vec<(&'static str, Value)>) -> Vec<KeyValue> {
    attributes.into_iter().map(|(key, value)| pair(key, any(value))).collect()
}

fn any(value: Value) -> any_value::Value {
    match value {
        Value::Text(text) => any_value::Value::StringValue(text.into_owned()),
        Value::Int(n) => any_value::Value::IntValue(n),
        Value::Float(n) => any_value::Value::DoubleValue(n),
        Value::Bool(yes) => any_value::Value::BoolValue(yes),
        Value::List(texts) => {
            let value = |text| AnyValue { value: Some(any_value::Value::StringValue(text)) };
            let values = texts.into_iter().map(value).collect();
            any_value::Value::ArrayValue(ArrayValue { values })
        }
    }
}

fn text(key: &str, value: String) -> KeyValue {
    pair(key, any_value::Value::StringValue(value))
}

fn pair(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
