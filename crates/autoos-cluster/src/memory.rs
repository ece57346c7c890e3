//! Links in memory, for tests: a net between nodes of one process that can be cut and slowed.

use crate::{
    links::{Call, Links, Lost},
    server::Server,
    types::{NodeId, Peer},
};
use futures::{FutureExt, future::BoxFuture};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::runtime::Handle;

/// The net. Clones are the same net.
#[derive(Clone, Default)]
pub struct MemoryNet(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    nodes: BTreeMap<NodeId, (Server, Handle)>,
    /// From and to.
    cut: BTreeSet<(NodeId, NodeId)>,
    delay: Duration,
}

/// One node's end of the net.
struct End {
    net: MemoryNet,
    node: NodeId,
}

impl MemoryNet {
    /// A net without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The links of a node.
    #[must_use]
    pub fn links(&self, node: NodeId) -> Arc<dyn Links> {
        Arc::new(End { net: self.clone(), node })
    }

    /// A node is up: its peers reach it from now on. Its requests are served on `handle`.
    pub fn join(&self, node: NodeId, server: Server, handle: Handle) {
        self.lock().nodes.insert(node, (server, handle));
    }

    /// A node is down.
    pub fn leave(&self, node: NodeId) {
        self.lock().nodes.remove(&node);
    }

    /// Loses all that `from` sends to `to`, answers too.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        self.lock().cut.insert((from, to));
    }

    /// Mends all cuts.
    pub fn heal(&self) {
        self.lock().cut.clear();
    }

    /// Lets each request and each answer take this long.
    pub fn delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.lock().cut.contains(&(from, to))
    }
}

impl Links for End {
    fn call(
        &self,
        to: NodeId,
        _: &Peer,
        call: Call,
        deadline: Duration,
    ) -> BoxFuture<'static, Result<Vec<u8>, Lost>> {
        let (net, from) = (self.net.clone(), self.node);
        let trip = async move {
            let (found, delay) = {
                let state = net.lock();
                (state.nodes.get(&to).cloned(), state.delay)
            };
            let Some((server, handle)) = found else {
                return Err(Lost(format!("node {to} is down")));
            };
            tokio::time::sleep(delay).await;
            if net.is_cut(from, to) {
                return std::future::pending().await;
            }
            let answer = handle.spawn(async move { server.handle(from, call).await }).await;
            let answer = answer.map_err(|error| Lost(error.to_string()))?;
            tokio::time::sleep(delay).await;
            if net.is_cut(to, from) { std::future::pending().await } else { answer }
        };
        async move {
            let answer = tokio::time::timeout(deadline, trip).await;
            answer.unwrap_or_else(|_| Err(Lost(format!("no answer within {deadline:?}"))))
        }
        .boxed()
    }
}
