//! The same over real sockets on loopback, with TLS and without.

use crate::support::soon;
use autoos_cluster::{
    Call, ClusterJournal, Kind, Links, Listening, Options, Peer, SocketLinks, Sockets, Tls,
};
use autoos_journal::{Journal, LocalOptions, SharedJournal, Standing, conformance};
use conformance::{batch, pair, write};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{RootCertStore, pki_types::PrivateKeyDer, server::WebPkiClientVerifier};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::net::TcpListener;

const CLUSTER: [u8; 16] = [9; 16];

fn sockets(node: u64, tls: Option<Tls>) -> Sockets {
    Sockets { cluster: CLUSTER, node, shards: 2, tls }
}

/// The certificates of a cluster.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: Arc<RootCertStore>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("is right");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("signs");
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).expect("is a root");
        Self { issuer: Issuer::new(params, key), roots: Arc::new(roots) }
    }

    /// What a node of this name shows and checks.
    fn tls(&self, name: &str) -> Tls {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.into()]).expect("is right");
        let certificate = params.signed_by(&key, &self.issuer).expect("signs");
        let chain = vec![certificate.der().clone()];
        let secret = || PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let asks =
            WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider.clone());
        let server = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("has some")
            .with_client_cert_verifier(asks.build().expect("has roots"))
            .with_single_cert(chain.clone(), secret())
            .expect("fits");
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("has some")
            .with_root_certificates(self.roots.clone())
            .with_client_auth_cert(chain, secret())
            .expect("fits");
        Tls { client: Arc::new(client), server: Arc::new(server) }
    }
}

async fn agrees(tls: impl Fn(u64) -> Option<Tls>) {
    let dir = tempfile::tempdir().expect("a directory");
    let key = autoos_journal::Key([42; 32]);
    let (mut nodes, mut members, mut doors) = (vec![], BTreeMap::new(), vec![]);
    for id in 1..=3u64 {
        let mut journal = LocalOptions::new(dir.path().join(id.to_string())).small();
        journal.shards = 2;
        autoos_journal::replica::give_install_key(&*journal.disk, &journal.dir, &key)
            .expect("takes the key");
        let links = SocketLinks::new(sockets(id, tls(id)));
        let node = ClusterJournal::open(Options::new(journal, id), links).await.expect("opens");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let listener = listener.into_std().expect("is one");
        let (door, server) = (sockets(id, tls(id)), node.server());
        let opened = node.handle().spawn(async move {
            let listener = TcpListener::from_std(listener).expect("is one");
            Listening::open(door, listener, server)
        });
        let door = opened.await.expect("no panic").expect("opens");
        members.insert(id, Peer { name: format!("node-{id}"), addr: door.addr().to_string() });
        nodes.push(node);
        doors.push(door);
    }
    for node in &nodes {
        node.init(&members).await.expect("begins");
    }
    let stream = pair(1).1;
    let shard = stream.shard(2);
    let mut leader = None;
    soon("a leader", async {
        while leader.is_none() {
            leader = nodes.iter().find(|node| node.epoch(shard) > 0).cloned();
            tokio::task::yield_now().await;
        }
    })
    .await;
    let journal: SharedJournal = leader.expect("was waited for");
    let mut first = batch(&journal, vec![write(stream, 0, &["a"], Standing::Running)]);
    let secret = journal.body_key(stream.uuid).await.expect("given");
    // Longer than a frame of the link.
    first.bodies = vec![autoos_journal::Body::new(&secret, vec![5; 2_000_000])];
    let body = first.bodies[0].body;
    journal.append(first).await.expect("appends");
    for node in &nodes {
        soon("replication", async {
            while node.read(stream, 0, 10).await.expect("reads").is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let read = node.body(stream.uuid, body).await.expect("reads");
        assert_eq!(read.map(|bytes| bytes.len()), Some(2_000_000), "with the same key");
    }
    for node in nodes {
        node.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_agree_over_sockets() {
    agrees(|_| None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_agree_over_tls() {
    let authority = Authority::new();
    agrees(|id| Some(authority.tls(&format!("node-{id}")))).await;
}

/// Asks node 1 for something with these sockets; why it was refused.
async fn refused(own: &Sockets, asks: Sockets) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let mut journal = LocalOptions::new(dir.path()).small();
    journal.shards = 2;
    let links = SocketLinks::new(own.clone());
    let node = ClusterJournal::open(Options::new(journal, 1), links).await.expect("opens");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let door = Listening::open(own.clone(), listener, node.server()).expect("opens");
    let peer = Peer { name: "node-1".into(), addr: door.addr().to_string() };
    let call = Call { group: 0, kind: Kind::Vote, bytes: vec![] };
    let answer = SocketLinks::new(asks).call(1, &peer, call, Duration::from_secs(30)).await;
    node.close().await;
    answer.expect_err("is refused").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_refused() {
    let own = sockets(1, None);
    let other = Sockets { cluster: [1; 16], ..sockets(2, None) };
    let why = refused(&own, other).await;
    assert!(why.contains("another cluster"), "{why}");
    let why = refused(&own, Sockets { shards: 16, ..sockets(2, None) }).await;
    assert!(why.contains("has 16 shards"), "{why}");

    let authority = Authority::new();
    let own = sockets(1, Some(authority.tls("node-1")));
    // A member's certificate under another member's name.
    let why = refused(&own, sockets(3, Some(authority.tls("node-2")))).await;
    assert!(why.contains("not that of node-3"), "{why}");
    // No certificate, and one of another authority.
    refused(&own, sockets(2, None)).await;
    refused(&own, sockets(2, Some(Authority::new().tls("node-2")))).await;
    // A node that is not who it was taken for.
    let own = sockets(1, Some(authority.tls("node-5")));
    refused(&own, sockets(2, Some(authority.tls("node-2")))).await;
}
