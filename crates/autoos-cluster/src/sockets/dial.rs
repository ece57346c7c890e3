//! The calling end of a link: one task per peer, which keeps one stream to it.

use super::{
    Assembly, FRAME_BYTES, FRAMES, Io, KEEPALIVE, KEEPALIVE_PATIENCE, Sockets, name_of, parts,
};
use crate::{
    links::{Call, Lost},
    types::NodeId,
};
use autoos_proto::internal::v1::{Frame, raft_client::RaftClient};
use hyper_util::rt::TokioIo;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Endpoint};

/// How long opening a stream may take.
const OPEN: Duration = Duration::from_secs(2);
/// How long a peer that cannot be reached is left alone.
const PAUSE: Duration = Duration::from_millis(50);

/// A request on its way.
pub(super) struct Outgoing {
    pub(super) call: Call,
    pub(super) answer: oneshot::Sender<Result<Vec<u8>, Lost>>,
}

/// Who waits for the answer to which request.
type Waiters = HashMap<u64, oneshot::Sender<Result<Vec<u8>, Lost>>>;
type Pending = Arc<Mutex<Waiters>>;

fn lock(pending: &Pending) -> MutexGuard<'_, Waiters> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends what is waiting until nobody holds the link any more.
pub(super) async fn run(
    sockets: Sockets,
    to: NodeId,
    addr: String,
    mut waiting: mpsc::Receiver<Outgoing>,
) {
    while let Some(first) = waiting.recv().await {
        let opened = tokio::time::timeout(OPEN, open(&sockets, to, &addr)).await;
        let opened = opened.unwrap_or_else(|_| Err("it does not answer".into()));
        match opened {
            Ok((frames, answers)) => talk(first, &mut waiting, frames, answers).await,
            Err(why) => {
                let lost = Lost(format!("node {to} at {addr} cannot be reached: {why}"));
                let _ = first.answer.send(Err(lost.clone()));
                while let Ok(next) = waiting.try_recv() {
                    let _ = next.answer.send(Err(lost.clone()));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn open(
    sockets: &Sockets,
    to: NodeId,
    addr: &str,
) -> Result<(mpsc::Sender<Frame>, Streaming<Frame>), String> {
    let text = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(deeper) = source {
            text = format!("{text}: {deeper}");
            source = deeper.source();
        }
        text
    };
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).map_err(|e| text(&e))?;
    let endpoint = endpoint
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_PATIENCE)
        .keep_alive_while_idle(true);
    let (tls, to_addr) = (sockets.tls.clone(), addr.to_owned());
    let connector = tower::service_fn(move |_| {
        let (tls, addr) = (tls.clone(), to_addr.clone());
        async move {
            let tcp = TcpStream::connect(&addr).await?;
            tcp.set_nodelay(true)?;
            let io: Box<dyn Io> = match tls {
                None => Box::new(tcp),
                Some(tls) => {
                    let name = rustls::pki_types::ServerName::try_from(name_of(to))
                        .map_err(std::io::Error::other)?;
                    let connector = tokio_rustls::TlsConnector::from(tls.client);
                    Box::new(connector.connect(name, tcp).await?)
                }
            };
            Ok::<_, std::io::Error>(TokioIo::new(io))
        }
    });
    let channel = endpoint.connect_with_connector(connector).await.map_err(|e| text(&e))?;
    let mut client = RaftClient::new(channel)
        .max_decoding_message_size(FRAME_BYTES)
        .max_encoding_message_size(FRAME_BYTES);
    let (frames, outgoing) = mpsc::channel(FRAMES);
    frames.send(sockets.hello(to)).await.map_err(|e| e.to_string())?;
    let answers = client.link(ReceiverStream::new(outgoing)).await;
    let mut answers = answers.map_err(|status| status.message().to_owned())?.into_inner();
    let first = answers.message().await.map_err(|status| status.message().to_owned())?;
    let found = sockets.meet(first)?;
    if found != to {
        return Err(format!("node {found} answers there"));
    }
    Ok((frames, answers))
}

/// Sends requests and hands out answers until the stream breaks.
async fn talk(
    first: Outgoing,
    waiting: &mut mpsc::Receiver<Outgoing>,
    frames: mpsc::Sender<Frame>,
    answers: Streaming<Frame>,
) {
    let pending = Pending::default();
    let mut listening = tokio::spawn(listen(answers, pending.clone()));
    let (mut id, mut next) = (0, Some(first));
    loop {
        let outgoing = match next.take() {
            Some(outgoing) => outgoing,
            None => tokio::select! {
                outgoing = waiting.recv() => match outgoing {
                    Some(outgoing) => outgoing,
                    None => break,
                },
                _ = &mut listening => break,
            },
        };
        id += 1;
        lock(&pending).insert(id, outgoing.answer);
        let Call { group, kind, bytes } = outgoing.call;
        let (group, kind) = (group.into(), kind as u32);
        let message = Frame { id, group, kind, bytes, ..Frame::default() };
        let mut broken = false;
        for frame in parts(message) {
            broken |= frames.send(frame).await.is_err();
        }
        if broken {
            break;
        }
    }
    listening.abort();
    // Whoever still waits learns that it is lost when its end is dropped.
    lock(&pending).clear();
}

async fn listen(mut answers: Streaming<Frame>, pending: Pending) {
    let mut assembly = Assembly::default();
    while let Ok(Some(frame)) = answers.message().await {
        let Ok(whole) = assembly.take(frame) else { return };
        if let Some(frame) = whole
            && let Some(answer) = lock(&pending).remove(&frame.id)
        {
            let result =
                if frame.error.is_empty() { Ok(frame.bytes) } else { Err(Lost(frame.error)) };
            let _ = answer.send(result);
        }
    }
}
