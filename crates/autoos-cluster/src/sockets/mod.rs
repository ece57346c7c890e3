//! Links over sockets: one gRPC stream to each peer, which carries the requests of all groups.
//!
//! A stream is opened with the first request and again after it broke; what was under way on it
//! is lost, and the groups send it again. Long messages travel in parts. A peer that says nothing
//! is found out within three seconds by keepalives, and sooner by each request's deadline.
//!
//! The first frame each way says who is there. With TLS a node must also prove it: its
//! certificate must be valid for the name `node-<id>`, both ways.

mod dial;
mod listen;

use crate::{
    links::{Call, Links, Lost},
    types::{NodeId, Peer},
};
use autoos_proto::internal::v1::{Frame, Hello};
use dial::Outgoing;
use futures::{FutureExt, future::BoxFuture};
pub use listen::Listening;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    sync::{mpsc, oneshot},
};

/// The most that one frame carries, bytes.
const PART_BYTES: usize = 256 << 10;
/// The most that one message may take in all parts: an entry with the largest batch and bodies.
const MESSAGE_BYTES: usize = 160 << 20;
/// The most that a frame may take on the wire.
const FRAME_BYTES: usize = PART_BYTES + 4096;
/// Frames that wait for the wire.
const FRAMES: usize = 64;
/// Requests to a peer that wait for its stream; more are lost at once.
const WAITING: usize = 1024;
const KEEPALIVE: Duration = Duration::from_secs(1);
const KEEPALIVE_PATIENCE: Duration = Duration::from_secs(2);

/// A connection, with TLS or without.
trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Who proves to whom who it is.
#[derive(Clone)]
pub struct Tls {
    /// Checks peers that this node connects to, and shows its own certificate.
    pub client: Arc<rustls::ClientConfig>,
    /// Shows this node's certificate, and must ask for that of whoever connects.
    pub server: Arc<rustls::ServerConfig>,
}

/// The name that a node's certificate must be valid for.
fn name_of(node: NodeId) -> String {
    format!("node-{node}")
}

/// How a node's sockets are set up.
#[derive(Clone)]
pub struct Sockets {
    /// The cluster: a random id that its members share.
    pub cluster: [u8; 16],
    /// Who this node is.
    pub node: NodeId,
    /// How many shards its journal has.
    pub shards: u16,
    /// None for a cluster on loopback.
    pub tls: Option<Tls>,
}

impl Sockets {
    fn hello(&self, to: NodeId) -> Frame {
        let hello = Hello {
            cluster: self.cluster.to_vec(),
            from: self.node,
            to,
            shards: self.shards.into(),
        };
        Frame { hello: Some(hello), ..Frame::default() }
    }

    /// Who a first frame is from; why not, if it is a stranger's.
    fn meet(&self, frame: Option<Frame>) -> Result<NodeId, String> {
        let hello = frame.and_then(|frame| frame.hello).ok_or("it did not say who it is")?;
        if hello.cluster != self.cluster {
            return Err("it belongs to another cluster".into());
        }
        if hello.to != self.node {
            return Err(format!("it looks for node {}, this is node {}", hello.to, self.node));
        }
        if hello.shards != u32::from(self.shards) {
            return Err(format!("it has {} shards, this node has {}", hello.shards, self.shards));
        }
        Ok(hello.from)
    }
}

/// The links of one node over sockets.
pub struct SocketLinks {
    sockets: Sockets,
    peers: Mutex<HashMap<(NodeId, String), mpsc::Sender<Outgoing>>>,
}

impl SocketLinks {
    /// The links of a node.
    #[must_use]
    pub fn new(sockets: Sockets) -> Arc<Self> {
        Arc::new(Self { sockets, peers: Mutex::default() })
    }

    fn queue(&self, to: NodeId, peer: &Peer) -> mpsc::Sender<Outgoing> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (to, peer.addr.clone());
        if let Some(queue) = peers.get(&at).filter(|queue| !queue.is_closed()) {
            return queue.clone();
        }
        let (queue, waiting) = mpsc::channel(WAITING);
        // The node's new address, or its first one: the old stream ends with its queue.
        peers.retain(|(node, _), _| *node != to);
        Handle::current().spawn(dial::run(self.sockets.clone(), to, peer.addr.clone(), waiting));
        peers.insert(at, queue.clone());
        queue
    }
}

impl Links for SocketLinks {
    fn call(
        &self,
        to: NodeId,
        peer: &Peer,
        call: Call,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, Lost>> {
        let (answer, answered) = oneshot::channel();
        let sent = self.queue(to, peer).try_send(Outgoing { call, answer });
        async move {
            sent.map_err(|_| Lost(format!("too much waits for node {to}")))?;
            match tokio::time::timeout(deadline, answered).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(Lost(format!("the link to node {to} ended"))),
                Err(_) => Err(Lost(format!("no answer from node {to} within {deadline:?}"))),
            }
        }
        .boxed()
    }
}

/// The frames of a message: all of it in the last one's words, its bytes in parts.
fn parts(last: Frame) -> impl Iterator<Item = Frame> {
    let Frame { id, bytes, .. } = &last;
    let (id, count) = (*id, bytes.len().saturating_sub(1) / PART_BYTES);
    let early: Vec<Frame> = bytes
        .chunks(PART_BYTES)
        .take(count)
        .map(|part| Frame { id, bytes: part.to_vec(), more: true, ..Frame::default() })
        .collect();
    let rest = Frame { bytes: last.bytes[count * PART_BYTES..].to_vec(), ..last };
    early.into_iter().chain([rest])
}

/// Puts messages together again from their parts.
#[derive(Default)]
struct Assembly {
    parts: HashMap<u64, Vec<u8>>,
    bytes: usize,
}

impl Assembly {
    /// Takes in a frame; answers the whole message with its last part.
    fn take(&mut self, mut frame: Frame) -> Result<Option<Frame>, String> {
        if frame.more {
            self.bytes += frame.bytes.len();
            if self.bytes > MESSAGE_BYTES {
                return Err(format!("messages under way take more than {MESSAGE_BYTES} bytes"));
            }
            self.parts.entry(frame.id).or_default().extend(frame.bytes);
            return Ok(None);
        }
        if let Some(mut early) = self.parts.remove(&frame.id) {
            self.bytes -= early.len();
            early.append(&mut frame.bytes);
            frame.bytes = early;
        }
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_come_together_again() {
        let mut assembly = Assembly::default();
        for len in [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, 1_000_000] {
            let bytes: Vec<u8> = (0..len).map(|n| (n * 7) as u8).collect();
            let frame = Frame { id: 3, group: 2, kind: 1, bytes, ..Frame::default() };
            let sent: Vec<Frame> = parts(frame.clone()).collect();
            assert_eq!(sent.len(), len.div_ceil(PART_BYTES).max(1));
            assert!(sent.iter().all(|part| part.bytes.len() <= PART_BYTES));
            let mut whole = None;
            for part in sent {
                assert!(whole.is_none());
                whole = assembly.take(part).expect("fits");
            }
            assert_eq!(whole, Some(frame));
            assert_eq!(assembly.bytes, 0);
        }
        let much = Frame { bytes: vec![0; MESSAGE_BYTES + 1], more: true, ..Frame::default() };
        assert!(assembly.take(much).is_err(), "what never ends is not kept");
    }

    #[test]
    fn strangers_are_told_apart() {
        let own = Sockets { cluster: [1; 16], node: 1, shards: 16, tls: None };
        let two = Sockets { node: 2, ..own.clone() };
        assert_eq!(own.meet(Some(two.hello(1))), Ok(2));
        let other = Sockets { cluster: [2; 16], ..two.clone() };
        let fewer = Sockets { shards: 8, ..two.clone() };
        for frame in [
            None,
            Some(Frame::default()),
            Some(two.hello(3)),
            Some(other.hello(1)),
            Some(fewer.hello(1)),
        ] {
            assert!(own.meet(frame).is_err());
        }
    }
}
