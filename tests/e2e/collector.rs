//! A collector of spans, over HTTP and over gRPC.

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    trace::v1::Span as WireSpan,
};
use prost::Message as _;
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// A span, and who told of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    pub(crate) wire: WireSpan,
    pub(crate) resource: BTreeMap<String, String>,
}

impl Span {
    pub(crate) fn name(&self) -> &str {
        &self.wire.name
    }

    /// An attribute as text.
    pub(crate) fn get(&self, key: &str) -> String {
        text(&self.wire.attributes, key)
    }

    /// Whether the journal tells of it, and no node.
    pub(crate) fn is_structural(&self) -> bool {
        !self.resource.contains_key("service.instance.id")
    }

    /// Why it follows which span.
    pub(crate) fn links(&self) -> Vec<(String, Vec<u8>)> {
        let link = |l: &opentelemetry_proto::tonic::trace::v1::span::Link| {
            (text(&l.attributes, "autoos.link"), l.span_id.clone())
        };
        self.wire.links.iter().map(link).collect()
    }
}

pub(crate) fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|pair| pair.key == key);
    found.map(|pair| shown(pair.value.as_ref())).unwrap_or_default()
}

fn shown(value: Option<&AnyValue>) -> String {
    match value.and_then(|v| v.value.as_ref()) {
        Some(Any::StringValue(text)) => text.clone(),
        Some(Any::IntValue(n)) => n.to_string(),
        Some(Any::DoubleValue(n)) => n.to_string(),
        Some(Any::BoolValue(yes)) => yes.to_string(),
        Some(Any::ArrayValue(list)) => {
            list.values.iter().map(|v| shown(Some(v))).collect::<Vec<_>>().join(",")
        }
        _ => String::new(),
    }
}

#[derive(Clone)]
struct Taken(Arc<watch::Sender<Vec<Span>>>);

impl Taken {
    fn take(&self, request: ExportTraceServiceRequest) {
        let mut spans = Vec::new();
        for of in request.resource_spans {
            let attributes = of.resource.map(|r| r.attributes).unwrap_or_default();
            let resource: BTreeMap<_, _> =
                attributes.iter().map(|p| (p.key.clone(), shown(p.value.as_ref()))).collect();
            let wires = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(wires.map(|wire| Span { wire, resource: resource.clone() }));
        }
        self.0.send_modify(|all| all.extend(spans));
    }
}

#[tonic::async_trait]
impl TraceService for Taken {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.take(request.into_inner());
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A collector; gone when it is dropped.
pub(crate) struct Collector {
    pub(crate) url: String,
    spans: watch::Receiver<Vec<Span>>,
    task: JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Collector {
    /// One that is spoken to as protobuf over HTTP.
    pub(crate) async fn http() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (tell, spans) = watch::channel(Vec::new());
        let taken = Taken(Arc::new(tell));
        let take = move |headers: HeaderMap, body: Bytes| async move {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            taken.take(ExportTraceServiceRequest::decode(body).expect("OTLP"));
        };
        let router = Router::new().route("/v1/traces", post(take));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { url: format!("http://{address}"), spans, task }
    }

    /// One that is spoken to by gRPC, at this address.
    pub(crate) async fn grpc(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (tell, spans) = watch::channel(Vec::new());
        let service = TraceServiceServer::new(Taken(Arc::new(tell)));
        let task = tokio::spawn(async move {
            let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
            let served = tonic::transport::Server::builder().add_service(service);
            served.serve_with_incoming(incoming).await.expect("it serves");
        });
        Self { url: format!("http://{address}"), spans, task }
    }

    /// What came once it is enough.
    pub(crate) async fn until(&self, enough: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let mut spans = self.spans.clone();
        let waited = spans.wait_for(|spans| enough(spans));
        match tokio::time::timeout(Duration::from_secs(60), waited).await {
            Ok(Ok(spans)) => spans.clone(),
            _ => {
                panic!("only {:#?}", self.spans.borrow().iter().map(Span::name).collect::<Vec<_>>())
            }
        }
    }
}

/// A trace: every span once, by its id. A span that came again is the very same.
pub(crate) struct Tree(HashMap<Vec<u8>, Span>);

impl Tree {
    pub(crate) fn new(trace: &str, spans: Vec<Span>) -> Self {
        let mut known: HashMap<Vec<u8>, Span> = HashMap::new();
        for span in spans.into_iter().filter(|s| hex(&s.wire.trace_id) == trace) {
            if let Some(before) = known.insert(span.wire.span_id.clone(), span.clone()) {
                assert_eq!(before, span, "told twice, and differently");
            }
        }
        Self(known)
    }

    pub(crate) fn spans(&self) -> impl Iterator<Item = &Span> {
        self.0.values()
    }

    /// The spans of that name, in order of time.
    pub(crate) fn named(&self, name: &str) -> Vec<&Span> {
        let mut found: Vec<_> = self.spans().filter(|s| s.name() == name).collect();
        found.sort_by_key(|s| s.wire.start_time_unix_nano);
        found
    }

    pub(crate) fn by_id(&self, id: &[u8]) -> &Span {
        self.0.get(id).unwrap_or_else(|| panic!("no span {}", hex(id)))
    }

    /// Names from the first span to this one.
    pub(crate) fn path(&self, span: &Span) -> String {
        match self.0.get(&span.wire.parent_span_id) {
            Some(parent) => format!("{} > {}", self.path(parent), span.name()),
            None => span.name().to_owned(),
        }
    }

    /// The paths of all spans below one of this name, without what is before it.
    pub(crate) fn paths(&self, below: &str) -> Vec<String> {
        let mark = format!("{below} > ");
        let paths = self.spans().map(|span| self.path(span));
        let mut paths: Vec<String> =
            paths.filter_map(|path| Some(path.split_once(&mark)?.1.to_owned())).collect();
        paths.sort();
        paths
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
