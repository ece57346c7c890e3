//! `grpc.health.v1`: asked, it looks at the journal; nothing is kept that could be stale.
//!
//! The node as a whole (`""`) serves as long as it answers; what writes does not while the
//! journal is read-only.

use crate::edge::Edge;
use futures::{StreamExt as _, stream};
use std::time::Duration;
use tonic::{Request, Response, Status, codegen::BoxStream};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{Health, HealthServer},
};

/// How often a watched journal is looked at: it says when it is asked only.
const LOOK: Duration = Duration::from_secs(1);
const WRITING: [&str; 4] =
    ["autoos.v1.Intents", "autoos.v1.Escalations", "autoos.v1.Keys", "autoos.v1.Uploads"];
const READING: [&str; 7] = [
    "",
    "autoos.v1.Workflows",
    "autoos.v1.Audit",
    "autoos.v1.Events",
    "autoos.v1.Tools",
    "autoos.v1.Providers",
    "autoos.v1.Backups",
];

pub(super) struct Desk(Edge);

pub(super) fn server(edge: &Edge) -> HealthServer<Desk> {
    HealthServer::new(Desk(edge.clone()))
}

/// None for a service that there is not.
fn look(edge: &Edge, service: &str) -> Option<ServingStatus> {
    let writes = WRITING.contains(&service);
    if !writes && !READING.contains(&service) {
        return None;
    }
    let down = *edge.stopping.borrow() || (writes && edge.journal.degraded().is_some());
    Some(if down { ServingStatus::NotServing } else { ServingStatus::Serving })
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for Desk {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        match look(&self.0, service) {
            Some(status) => Ok(Response::new(answer(status))),
            None => Err(Status::not_found(format!("there is no service {service:.64}"))),
        }
    }

    type WatchStream = BoxStream<HealthCheckResponse>;

    /// The status now, then each change.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let place = self.0.place_for_stream().map_err(|fault| fault.status(""))?;
        let (edge, service) = (self.0.clone(), request.into_inner().service);
        let changes = stream::unfold(None, move |last| {
            let (edge, service) = (edge.clone(), service.clone());
            async move {
                loop {
                    let now = look(&edge, &service).unwrap_or(ServingStatus::ServiceUnknown);
                    if last != Some(now) {
                        return Some((Ok(answer(now)), Some(now)));
                    }
                    tokio::time::sleep(LOOK).await;
                }
            }
        });
        let changes = self.0.until_stop(changes, place);
        let changes = changes.map(|change| change.map_err(|fault| fault.status("")));
        Ok(Response::new(Box::pin(changes)))
    }
}
