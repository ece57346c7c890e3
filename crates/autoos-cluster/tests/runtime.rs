//! The runtime on the replicated journal: three nodes work together, one dies with work in hand, and
//! the others finish all of it, no effect twice.

#[path = "../../autoos-runtime/tests/support/mod.rs"]
mod actors;
#[allow(dead_code, reason = "each test file uses its part")]
#[path = "cluster/support.rs"]
mod support;

use actors::{Counter, Models, obliging, plan, ready, start, submission};
use autoos_journal::{Cursor, Journal as _, open_texts};
use autoos_kernel::{
    codec::Recorded as _,
    id::{Shard, WorkflowId, uuid_of_key},
    words::WorkflowState,
    workflow::{Event, Workflow},
};
use autoos_runtime::{Options, Refusal, Runtime};
use futures::StreamExt as _;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use support::{Trio, soon};

const SHARDS: u16 = 4;
const CLIENTS: usize = 4;
/// Workflows of each client.
const EACH: usize = 6;

fn three_steps() -> serde_json::Value {
    let ask = |id: &str, after: serde_json::Value| {
        json!({"id": id, "after": after,
               "work": {"ask": {"role": "executor", "instruction": "count"}},
               "inputs": {"numbers": {"context": "numbers"}}})
    };
    plan(json!([
        ask("first", json!([])),
        {"id": "act", "after": ["first"], "work": {"tool": {"name": "test.count", "args": {}}},
         "limits": {"timeout_ms": 500}},
        ask("last", json!(["act"])),
    ]))
}

/// Submits at one node after the other until it is acknowledged.
async fn submit(nodes: &[Runtime], key: &str) -> WorkflowId {
    let mut wanted = submission("count, act, and count again");
    wanted.idempotency_key = Some(key.to_owned());
    for node in nodes.iter().cycle() {
        match node.submit(wanted.clone()).await {
            Ok(submitted) => return submitted.workflow,
            Err(
                Refusal::Elsewhere { .. }
                | Refusal::Journal(_)
                | Refusal::Stopping
                | Refusal::ReadOnly(_),
            ) => tokio::task::yield_now().await,
            Err(other) => panic!("{key}: {other:?}"),
        }
    }
    unreachable!("there are nodes")
}

async fn folds(journal: &autoos_cluster::ClusterJournal) -> BTreeMap<WorkflowId, Workflow> {
    let mut all: BTreeMap<WorkflowId, Workflow> = BTreeMap::new();
    for shard in (0..SHARDS).map(Shard) {
        for (_, event) in journal.scan(shard, 0, usize::MAX).await.expect("scans") {
            let id = WorkflowId(event.stream.uuid);
            if event.stream != id.stream() {
                continue;
            }
            let mut events = [event];
            open_texts(journal, &mut events).await.expect("opens");
            let [event] = events;
            let known = Event::decode(&event.kind, &event.body).expect("decodes").expect("known");
            all.entry(id).or_insert_with(|| Workflow::new(id)).fold(&known, event.at);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_dies_and_the_others_finish_its_work() {
    let trio = Trio::start(3, SHARDS).await;
    let answer = obliging(three_steps());
    let models = Arc::new(Models {
        script: Box::new(move |request| ready(answer(&request))),
        ledger: Mutex::default(),
        names: vec!["m1"],
        price: Default::default(),
    });
    let tool = Counter::new(true, true);
    let mut nodes = Vec::new();
    for n in 1..=3 {
        nodes.push(start(trio.node(n), &models, Some(&tool), 4, &Options::default()).await);
    }

    let (acknowledged, count) = tokio::sync::watch::channel(0);
    let acknowledged = Arc::new(acknowledged);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (nodes, acknowledged) = (nodes.clone(), acknowledged.clone());
            tokio::spawn(async move {
                let mut ids = Vec::new();
                for n in 0..EACH {
                    let key = format!("{client}-{n}");
                    let id = submit(&nodes, &key).await;
                    assert_eq!(id, WorkflowId(uuid_of_key("default", &key)));
                    ids.push(id);
                    acknowledged.send_modify(|n| *n += 1);
                }
                ids
            })
        })
        .collect();

    // A third is acknowledged: the leader of one shard dies.
    let mut count = count;
    soon("a third", count.wait_for(|n| *n >= CLIENTS * EACH / 3)).await.expect("clients live");
    let dead = trio.leader(Shard(0)).await;
    trio.down(dead).await;
    nodes[usize::try_from(dead).expect("small") - 1].stop().await;
    let mut ids = BTreeSet::new();
    for client in clients {
        ids.extend(soon("a client", client).await.expect("no panic"));
    }

    let alive = trio.all().remove(0);
    let mut events = alive.subscribe(Cursor::default());
    let all = soon("the end of all workflows", async {
        loop {
            let all = folds(&alive).await;
            if ids.iter().all(|id| all.get(id).is_some_and(|workflow| workflow.end.is_some())) {
                return all;
            }
            events.next().await;
        }
    })
    .await;
    for id in &ids {
        assert_eq!(all[id].state(), WorkflowState::Completed, "{:#?}", all[id].escalations);
    }
    let runs = tool.runs.lock().expect("not poisoned").clone();
    assert_eq!(runs.len(), all.len(), "each workflow had its effect");
    assert!(runs.values().all(|n| *n == 1), "and none had it twice: {runs:?}");
    trio.agree().await;
    for node in &nodes {
        node.stop().await;
    }
    trio.stop().await;
}
