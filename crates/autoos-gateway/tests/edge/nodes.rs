//! Two nodes over one journal: either takes any request, and hands on what the other leads.

use crate::{
    grpc::channel,
    support::{LONG, Node, Setup, client, hanging, node},
};
use autoos_gateway::{Nodes, Options};
use autoos_journal::{Journal as _, MemoryJournal};
use autoos_kernel::id::{Shard, WorkflowId, uuid_of_key};
use autoos_proto::v1::{self, intents_client::IntentsClient, workflows_client::WorkflowsClient};
use serde_json::json;
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
use tonic::Code;
use tonic_types::StatusExt as _;

const SECRET: &str = "the-secret-of-both-nodes";
const SHARDS: u16 = 16;

struct Pair {
    a: Node,
    b: Node,
    journal: Arc<MemoryJournal>,
    /// Where they listen for each other.
    doors: [SocketAddr; 2],
}

/// Node a leads even shards, node b odd ones.
async fn pair(request_timeout_ms: u64) -> Pair {
    let journal = MemoryJournal::new(SHARDS);
    let (of_a, of_b) = (journal.node("a"), journal.node("b"));
    for shard in 0..SHARDS {
        journal.give(Shard(shard), Some(if shard % 2 == 0 { "a" } else { "b" }));
    }
    let door = || async { TcpListener::bind(("127.0.0.1", 0)).await.expect("a port") };
    let listeners = [door().await, door().await];
    let doors = [&listeners[0], &listeners[1]].map(|l| l.local_addr().expect("an address"));
    let directory = move |name: &str| match name {
        "a" => Some(doors[0]),
        "b" => Some(doors[1]),
        // One that has gone: nobody listens on this port.
        _ => Some(([127, 0, 0, 1], 1).into()),
    };
    let [door_a, door_b] = listeners;
    let setup = |name: &str, journal: &Arc<MemoryJournal>, door| Setup {
        script: hanging(),
        options: Options { request_timeout_ms, ..Options::default() },
        journal: Some(journal.clone()),
        nodes: Some((Nodes::new(name, SECRET, Arc::new(directory)).expect("nodes"), door)),
        ..Setup::default()
    };
    let a = node(setup("a", &of_a, door_a)).await;
    let pepper_of = Some(a.dir.path().to_owned());
    let b = node(Setup { pepper_of, ..setup("b", &of_b, door_b) }).await;
    Pair { a, b, journal, doors }
}

/// An idempotency key of the tenant whose workflow lies in a shard of node a, or of b.
fn key(tenant: &str, in_a: bool) -> (String, WorkflowId) {
    let mut keys = (0..).map(|n: u32| format!("order-{n}"));
    let id = |key: &str| WorkflowId(uuid_of_key(tenant, key));
    let key =
        keys.find(|key| Shard::of(id(key).0, SHARDS).0.is_multiple_of(2) == in_a).expect("one");
    let id = id(&key);
    (key, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_takes_what_any_leads() {
    let pair = pair(30_000).await;
    for in_a in [true, false] {
        let (key, id) = key("default", in_a);
        let body = json!({"intent": "do the parts", "idempotency_key": key});
        // Both are asked, and give the same.
        for (n, node) in [&pair.a, &pair.b].into_iter().enumerate() {
            let made = node.post("/api/v1/intents", body.clone()).await;
            assert_eq!(made.status, if n == 0 { 201 } else { 200 }, "{:?}", made.body);
            assert_eq!(made.body["workflow_id"], id.to_string());
            // The answer is that of its own request.
            assert_ne!(made.headers["x-request-id"], "");
        }
        let path = format!("/api/v1/workflows/{id}");
        for node in [&pair.a, &pair.b] {
            let paused = node.post(&format!("{path}/pause"), json!({})).await;
            assert_eq!(paused.status, 200, "{:?}", paused.body);
            assert_eq!(node.get(&path).await.body["id"], id.to_string());
            let resumed = node.post(&format!("{path}/resume"), json!({})).await;
            assert_eq!(resumed.status, 200, "{:?}", resumed.body);
            // A refusal of the leader arrives as it was written.
            let other = json!({"intent": "something else", "idempotency_key": key});
            let refused = node.post("/api/v1/intents", other).await;
            refused.is(409, "idempotency_conflict");
        }
    }
    // What nobody named before stays where it was asked for.
    for (node, odd) in [(&pair.a, 0), (&pair.b, 1)] {
        let id: WorkflowId =
            node.submit(json!({"intent": "do the parts"})).await.parse().expect("an id");
        assert_eq!(Shard::of(id.0, SHARDS).0 % 2, odd);
    }
    // Nobody but the leader says that there is none.
    for in_a in [true, false] {
        let (_, id) = key("nobody's", in_a);
        for node in [&pair.a, &pair.b] {
            node.get(&format!("/api/v1/workflows/{id}")).await.is(404, "not_found");
        }
    }
    pair.a.stop().await;
    pair.b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_goes_on_to_the_leader_with_its_status() {
    let pair = pair(30_000).await;
    let (key, id) = key("default", false);
    let channel = channel(&pair.a).await;
    let submit = |text: &str| v1::SubmitIntentRequest {
        intent: Some(v1::Intent { text: text.into(), ..Default::default() }),
        idempotency_key: key.clone(),
    };
    let mut intents = IntentsClient::new(channel.clone());
    let made = intents.submit_intent(submit("do the parts")).await.expect("made").into_inner();
    assert_eq!(made.workflow_id, id.to_string());
    let refused = intents.submit_intent(submit("something else")).await.expect_err("a conflict");
    assert_eq!(refused.code(), Code::AlreadyExists);
    let details = refused.get_error_details();
    assert_eq!(details.error_info().expect("details").reason, "idempotency_conflict");

    let mut workflows = WorkflowsClient::new(channel);
    let cancel = v1::CancelWorkflowRequest { workflow_id: id.to_string(), reason: "enough".into() };
    let position = workflows.cancel_workflow(cancel.clone()).await.expect("cancelled").into_inner();
    let position = position.position.expect("it was recorded");
    assert_eq!(position.shard % 2, 1);
    // A read that is given the position shows what was done there.
    let path = format!("/api/v1/workflows/{id}");
    let after = format!("{}:{}", position.shard, position.offset);
    let read = pair.a.http.get(pair.a.url(&path)).header("x-autoos-after", after);
    assert_eq!(pair.a.send(read).await.body["state"], "cancelled");
    let wrong = pair.a.http.get(pair.a.url(&path)).header("x-autoos-after", "soon");
    pair.a.send(wrong).await.is(400, "invalid");
    let again = workflows.cancel_workflow(cancel).await.expect_err("it has ended");
    assert_eq!(again.code(), Code::FailedPrecondition);
    pair.a.stop().await;
    pair.b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_a_leader_until_its_time_is_over() {
    let pair = pair(600).await;
    let (key, id) = key("default", false);
    let body = json!({"intent": "do the parts", "idempotency_key": key});
    let shard = Shard::of(id.0, SHARDS);
    let moved = pair.journal.node("gone");
    for leader in [None, Some("gone")] {
        pair.journal.give(shard, leader);
        let refused = pair.a.post("/api/v1/intents", body.clone()).await;
        refused.is(503, "elsewhere");
        assert_eq!(refused.headers["x-autoos-leader"], leader.unwrap_or_default());
        assert!(moved.head(id.stream()).await.expect("reads").is_none(), "nothing took place");
    }
    // Whoever gets the shard takes it, be it the node that was asked.
    for (leader, status) in [("b", 201), ("a", 200)] {
        pair.journal.give(shard, Some(leader));
        assert_eq!(pair.a.post("/api/v1/intents", body.clone()).await.status, status);
    }
    pair.a.stop().await;
    pair.b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_goes_along_and_strangers_do_not_come_in() {
    let pair = pair(30_000).await;
    // Keys are led by node b; the other follows.
    let made = pair.a.post("/api/v1/keys", json!({"name": "ops"})).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let (_, acme) = pair.b.keys.create("acme", "acme").await.expect("a key");
    let (_, other) = pair.b.keys.create("other", "other").await.expect("a key");
    let followed = async {
        while pair.a.keys.list().len() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, followed).await.expect("node a hears of the keys");
    let (key, id) = key("acme", false);
    let path = format!("/api/v1/workflows/{id}");
    let with = |key: &str, path: &str| {
        pair.a.http.get(pair.a.url(path)).header("x-api-key", key.to_owned())
    };
    let body = json!({"intent": "do the parts", "idempotency_key": key});
    let made = pair.a.http.post(pair.a.url("/api/v1/intents")).json(&body);
    // What a client writes into the headers of the nodes is nothing to anybody.
    let claim = "WyJvdGhlciIsIm1lIix0cnVlXQ";
    let made = made.header("x-api-key", acme.expose()).header("x-autoos-node-asker", claim);
    let made = pair.a.send(made).await;
    assert_eq!((made.status, &made.body["workflow_id"]), (201, &json!(id.to_string())));
    assert_eq!(pair.a.send(with(acme.expose(), &path)).await.status, 200);
    pair.a.send(with(other.expose(), &path)).await.is(404, "not_found");

    // Where nodes come in nobody else does, not even with a good key.
    for (secret, status) in [("", 403), ("the-secret-of-neither", 403), (SECRET, 404)] {
        let url = format!("http://{}{path}", pair.doors[1]);
        let asked = client().get(url).header("x-api-key", acme.expose());
        let asked = asked.header("x-autoos-node-secret", secret);
        let asked = asked.header("x-autoos-node-asker", claim);
        let asked = asked.header("x-autoos-node-left-ms", "9000");
        assert_eq!(asked.send().await.expect("an answer").status(), status);
    }
    assert!(Nodes::new("a", "short", Arc::new(|_: &str| None)).is_err());
    pair.a.stop().await;
    pair.b.stop().await;
}
