//! One port for everything: gRPC, gRPC-web and REST, over HTTP/1.1 and HTTP/2.
//!
//! Connections are bounded, asked whether they live, and given a time to send their headers. On
//! shutdown nothing new is taken, streams end and say so, and what runs has a while to end.

use crate::{edge::Edge, grpc, layer, nodes, openai, rest};
use axum::{Router, extract::ConnectInfo, middleware};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tower::ServiceExt as _;

/// A connection has so long to send the headers of a request.
const HEADERS: Duration = Duration::from_secs(15);
/// Headers of a request may take so many bytes.
const HEADERS_BYTES: u32 = 32 << 10;
/// Requests of one connection at once.
const STREAMS: u32 = 1_024;
/// A listener that cannot accept, for want of descriptors for example, is tried again after this.
const BREATH: Duration = Duration::from_millis(50);

/// Everything behind the port.
pub(crate) fn app(edge: &Edge) -> Router {
    rest::router(edge.clone())
        .merge(openai::router(edge.clone()))
        .merge(grpc::router(edge))
        .fallback(rest::nowhere)
        .layer(middleware::from_fn_with_state(edge.clone(), layer::gate))
}

/// The same, where only nodes come in.
pub(crate) fn node_app(edge: &Edge) -> Router {
    app(edge).layer(middleware::from_fn_with_state(edge.clone(), nodes::gate))
}

/// Serves until `shutdown`, then lets what runs end.
pub(crate) async fn run(
    edge: &Edge,
    app: Router,
    listener: TcpListener,
    stopping: &watch::Sender<bool>,
    shutdown: impl Future<Output = ()>,
) {
    let http = Arc::new(http(Duration::from_millis(edge.options.keepalive_ms.max(1))));
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(edge.options.max_connections.min(Semaphore::MAX_PERMITS)));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (stream, peer, place) = tokio::select! {
            () = &mut shutdown => break,
            next = accept(&listener, &places) => next,
        };
        let service = app.clone().map_request(move |mut request: hyper_request::Incoming| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.map(axum::body::Body::new)
        });
        let http = http.clone();
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            let _place = place;
            let io = TokioIo::new(stream);
            let connection = http.serve_connection(io, TowerToHyperService::new(service));
            if let Err(why) = watcher.watch(connection.into_owned()).await {
                tracing::debug!(%peer, %why, "a connection broke");
            }
        });
    }
    drop(listener);
    stopping.send_replace(true);
    let drain = Duration::from_millis(edge.options.drain_ms);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that did not end in time were cut off");
    }
}

/// What hyper hands over.
mod hyper_request {
    pub(super) type Incoming = axum::http::Request<hyper::body::Incoming>;
}

fn http(keepalive: Duration) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).keep_alive(true);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(keepalive)
        .keep_alive_timeout(keepalive / 2)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS_BYTES);
    http
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            // Nobody closes the semaphore.
            std::future::pending().await
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small: waiting to fill a packet would only cost time.
                if let Err(why) = stream.set_nodelay(true) {
                    tracing::debug!(%peer, %why, "nodelay");
                }
                return (stream, peer, place);
            }
            Err(why) => {
                tracing::warn!(%why, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}
