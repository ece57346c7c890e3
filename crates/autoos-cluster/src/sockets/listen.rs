//! The listening end of a link: who may connect, and what it asks.

use super::{
    Assembly, FRAME_BYTES, FRAMES, Io, KEEPALIVE, KEEPALIVE_PATIENCE, Sockets, name_of, parts,
};
use crate::{
    links::{Call, Kind},
    server::Server,
    types::NodeId,
};
use autoos_proto::internal::v1::{
    Frame,
    raft_server::{Raft, RaftServer},
};
use rustls::pki_types::{CertificateDer, ServerName};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, transport::server::Connected};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// A node's open door. Dropping it closes it.
pub struct Listening {
    addr: SocketAddr,
    _open: watch::Sender<()>,
}

impl Listening {
    /// Opens the door at `listener` for what is asked of `server`. Call it on the threads of
    /// consensus: [`ClusterJournal::handle`](crate::ClusterJournal::handle).
    ///
    /// # Errors
    /// The socket's.
    pub fn open(sockets: Sockets, listener: TcpListener, server: Server) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let (open, closed) = watch::channel(());
        let (connections, incoming) = mpsc::channel(16);
        tokio::spawn(accept(listener, sockets.clone(), connections, closed.clone()));
        let service = RaftServer::new(Door { sockets: Arc::new(sockets), server })
            .max_decoding_message_size(FRAME_BYTES)
            .max_encoding_message_size(FRAME_BYTES);
        let serving = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_PATIENCE))
            .add_service(service)
            .serve_with_incoming(ReceiverStream::new(incoming));
        let mut end = closed;
        tokio::spawn(async move {
            tokio::select! {
                result = serving => if let Err(error) = result {
                    tracing::error!(%error, "the door for peers closed");
                },
                _ = end.changed() => {}
            }
        });
        Ok(Self { addr, _open: open })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

async fn accept(
    listener: TcpListener,
    sockets: Sockets,
    connections: mpsc::Sender<io::Result<Connection>>,
    mut closed: watch::Receiver<()>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closed.changed() => return,
        };
        let tcp = match accepted {
            Ok((tcp, _)) => tcp,
            Err(error) => {
                tracing::warn!(%error, "a peer could not connect");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (sockets, connections) = (sockets.clone(), connections.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE, greet(&sockets, tcp)).await {
                Ok(Ok(connection)) => drop(connections.send(Ok(connection)).await),
                Ok(Err(error)) => tracing::warn!(%error, "a peer was refused"),
                Err(_) => tracing::warn!("a peer did not finish its handshake"),
            }
        });
    }
}

async fn greet(sockets: &Sockets, tcp: TcpStream) -> io::Result<Connection> {
    tcp.set_nodelay(true)?;
    let Some(tls) = &sockets.tls else {
        return Ok(Connection { io: Box::new(tcp), shown: Shown(None) });
    };
    let io = tokio_rustls::TlsAcceptor::from(tls.server.clone()).accept(tcp).await?;
    let certificates = io.get_ref().1.peer_certificates().unwrap_or_default();
    let shown = Shown(certificates.first().map(|shown| Arc::new(shown.clone().into_owned())));
    Ok(Connection { io: Box::new(io), shown })
}

/// A connection, and the certificate that its other end has shown.
struct Connection {
    io: Box<dyn Io>,
    shown: Shown,
}

#[derive(Clone)]
struct Shown(Option<Arc<CertificateDer<'static>>>);

impl Shown {
    /// Whether the certificate is that of a node.
    fn is_of(&self, node: NodeId) -> bool {
        let Some(shown) = &self.0 else { return false };
        let Ok(name) = ServerName::try_from(name_of(node)) else { return false };
        let certificate = webpki::EndEntityCert::try_from(&**shown);
        certificate.is_ok_and(|shown| shown.verify_is_valid_for_subject_name(&name).is_ok())
    }
}

impl Connected for Connection {
    type ConnectInfo = Shown;

    fn connect_info(&self) -> Shown {
        self.shown.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

struct Door {
    sockets: Arc<Sockets>,
    server: Server,
}

#[tonic::async_trait]
impl Raft for Door {
    type LinkStream = ReceiverStream<Result<Frame, Status>>;

    async fn link(
        &self,
        request: Request<Streaming<Frame>>,
    ) -> Result<Response<Self::LinkStream>, Status> {
        let shown = request.extensions().get::<Shown>().cloned().unwrap_or(Shown(None));
        let mut frames = request.into_inner();
        let first = frames.message().await?;
        let from = self.sockets.meet(first).map_err(|why| {
            tracing::warn!(why, "a stranger was refused");
            Status::permission_denied(why)
        })?;
        if self.sockets.tls.is_some() && !shown.is_of(from) {
            tracing::warn!(from, "a node without its certificate was refused");
            let why = format!("the certificate is not that of {}", name_of(from));
            return Err(Status::permission_denied(why));
        }
        let (answers, outgoing) = mpsc::channel(FRAMES);
        let _ = answers.send(Ok(self.sockets.hello(from))).await;
        tokio::spawn(serve(from, frames, answers, self.server.clone()));
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}

/// Answers what one peer asks until its stream ends.
async fn serve(
    from: NodeId,
    mut frames: Streaming<Frame>,
    answers: mpsc::Sender<Result<Frame, Status>>,
    server: Server,
) {
    let mut assembly = Assembly::default();
    while let Ok(Some(frame)) = frames.message().await {
        let whole = match assembly.take(frame) {
            Ok(Some(whole)) => whole,
            Ok(None) => continue,
            Err(why) => {
                let _ = answers.send(Err(Status::resource_exhausted(why))).await;
                return;
            }
        };
        let (server, answers) = (server.clone(), answers.clone());
        tokio::spawn(async move {
            let answer = answer(from, whole, &server).await;
            for frame in parts(answer) {
                if answers.send(Ok(frame)).await.is_err() {
                    return;
                }
            }
        });
    }
}

async fn answer(from: NodeId, frame: Frame, server: &Server) -> Frame {
    let Frame { id, group, kind, bytes, .. } = frame;
    let call = match (u16::try_from(group), Kind::of(kind)) {
        (Ok(group), Some(kind)) => Call { group, kind, bytes },
        _ => {
            let error = format!("kind {kind} of group {group} is not known here");
            return Frame { id, error, ..Frame::default() };
        }
    };
    match server.handle(from, call).await {
        Ok(bytes) => Frame { id, bytes, ..Frame::default() },
        Err(lost) => Frame { id, error: lost.to_string(), ..Frame::default() },
    }
}
