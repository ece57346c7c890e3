//! gRPC: each service of `autoos.v1`, with reflection and health beside them.
//!
//! A service only converts: what is done is the [`Edge`]'s.

mod accounts;
mod backups;
mod events;
mod health;
mod intents;
mod keys;
mod lessons;
mod log;
mod node;
mod uploads;
mod workflows;

use crate::{call::Call, edge::Edge, fault::Fault};
use autoos_proto::v1::{
    accounts_server::AccountsServer, audit_server::AuditServer, backups_server::BackupsServer,
    escalations_server::EscalationsServer, events_server::EventsServer,
    intents_server::IntentsServer, keys_server::KeysServer, lessons_server::LessonsServer,
    log_server::LogServer, providers_server::ProvidersServer, tools_server::ToolsServer,
    uploads_server::UploadsServer, workflows_server::WorkflowsServer,
};
use axum::Router;
use futures::{Stream, StreamExt as _, stream::BoxStream};
use prost::Message as _;
use std::{collections::HashSet, sync::LazyLock};
use tonic::{Request, Status, service::Routes};
use tonic_web::GrpcWebLayer;

/// The largest message that is sent, in bytes: a page of audit or a result with its evidence.
const ENCODE_MAX: usize = 64 << 20;
/// The largest piece of an upload that is taken, in bytes.
const CHUNK_MAX: usize = 2 << 20;

/// The services.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) edge: Edge,
    seats: events::Seats,
}

/// Every service behind gRPC and gRPC-web.
pub(crate) fn router(edge: &Edge) -> Router {
    let services = Services { edge: edge.clone(), seats: events::Seats::default() };
    let small = edge.options.max_body_bytes;
    macro_rules! service {
        ($server:ident, $limit:expr) => {
            $server::new(services.clone())
                .max_decoding_message_size($limit)
                .max_encoding_message_size(ENCODE_MAX)
        };
    }
    // Begun without a fallback of its own: what no route leads to is answered for both protocols.
    let mut routes = Routes::from(Router::new())
        .add_service(service!(IntentsServer, edge.options.max_intent_bytes))
        .add_service(service!(WorkflowsServer, small))
        .add_service(service!(AuditServer, small))
        .add_service(service!(EscalationsServer, small))
        .add_service(service!(EventsServer, small))
        .add_service(service!(LessonsServer, small))
        .add_service(service!(ToolsServer, small))
        .add_service(service!(ProvidersServer, small))
        .add_service(service!(KeysServer, small))
        .add_service(service!(AccountsServer, small))
        .add_service(service!(BackupsServer, small))
        .add_service(service!(LogServer, small))
        .add_service(service!(UploadsServer, CHUNK_MAX))
        .add_service(health::server(edge));
    let describe = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(autoos_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    match (describe().build_v1(), describe().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes = routes.add_service(v1).add_service(v1alpha),
        (Err(why), _) | (_, Err(why)) => tracing::error!(%why, "reflection is off"),
    }
    routes.into_axum_router().layer(GrpcWebLayer::new())
}

/// Whether a path is a method of the contract.
pub(crate) fn is_method(path: &str) -> bool {
    static METHODS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let sets = [autoos_proto::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET];
        let mut methods = HashSet::new();
        for set in sets {
            // Both were written by the build; one that did not decode would only cost labels.
            let set = prost_types::FileDescriptorSet::decode(set).unwrap_or_default();
            for file in set.file {
                for service in &file.service {
                    let path = format!("/{}.{}", file.package(), service.name());
                    methods.extend(service.method.iter().map(|m| format!("{path}/{}", m.name())));
                }
            }
        }
        methods
    });
    METHODS.contains(path)
}

/// What is known of a request besides its message.
fn call<T>(request: &Request<T>) -> Result<Call, Status> {
    let call = request.extensions().get::<Call>().cloned();
    call.ok_or_else(|| Fault::Internal("a method without a caller".into()).status(""))
}

/// The request's way to an answer: faults are told with its id.
trait OrStatus<T> {
    fn or_status(self, call: &Call) -> Result<T, Status>;
}

impl<T, E: Into<Fault>> OrStatus<T> for Result<T, E> {
    fn or_status(self, call: &Call) -> Result<T, Status> {
        self.map_err(|fault| fault.into().status(&call.request_id))
    }
}

type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// A stream of answers from a stream of what happened.
fn answers<A: Send + 'static, T: 'static>(
    items: impl Stream<Item = Result<A, Fault>> + Send + 'static,
    call: Call,
    convert: impl Fn(A) -> T + Send + 'static,
) -> Answers<T> {
    items.map(move |item| item.map(&convert).or_status(&call)).boxed()
}
