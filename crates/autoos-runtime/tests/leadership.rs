//! Two nodes over one journal, with shards that go back and forth between them while they work:
//! nothing acknowledged is lost, no effect takes place twice, and everything completes.

mod support;

use autoos_journal::{Cursor, Error, Journal as _, MemoryJournal, Position, open_texts};
use autoos_kernel::{
    codec::Recorded as _,
    id::{Shard, WorkflowId, uuid_of_key},
    words::WorkflowState,
    workflow::{Command, Event, Rejected, Workflow},
};
use autoos_runtime::{Options, Refusal, Runtime};
use futures::StreamExt as _;
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{Counter, Models, obliging, plan, ready, start, submission};

const SHARDS: u16 = 4;
const MOVES: usize = 50;
/// Clients, each with one workflow after the other.
const CLIENTS: usize = 6;
/// Nothing here takes so long, on however slow a machine.
const HANG: Duration = Duration::from_secs(120);

/// Asks one node after the other until one answers for good, as a client of a cluster does.
async fn anywhere<T, F: Future<Output = Result<T, Refusal>>>(
    nodes: &[Runtime],
    ask: impl Fn(Runtime) -> F,
) -> Result<T, Refusal> {
    for node in nodes.iter().cycle() {
        match ask(node.clone()).await {
            Err(Refusal::Elsewhere { .. } | Refusal::Overloaded { .. } | Refusal::Journal(_)) => {
                tokio::task::yield_now().await;
            }
            other => return other,
        }
    }
    unreachable!("there are nodes")
}

/// A step by a model, an effect, and another step.
fn three_steps() -> serde_json::Value {
    let ask = |id: &str, after: serde_json::Value| {
        json!({"id": id, "after": after,
               "work": {"ask": {"role": "executor", "instruction": "count"}},
               "inputs": {"numbers": {"context": "numbers"}}})
    };
    plan(json!([
        ask("first", json!([])),
        // Whoever gets a shard with an effect in doubt asks the tool once the time for it is over.
        {"id": "act", "after": ["first"], "work": {"tool": {"name": "test.count", "args": {}}},
         "limits": {"timeout_ms": 500}},
        ask("last", json!(["act"])),
    ]))
}

/// The fold of every workflow of the journal.
async fn folds(journal: &Arc<MemoryJournal>) -> HashMap<WorkflowId, Workflow> {
    let mut all: HashMap<WorkflowId, Workflow> = HashMap::new();
    for shard in (0..SHARDS).map(Shard) {
        let page = journal.scan(shard, 0, usize::MAX).await.expect("scans");
        for (_, event) in page {
            let id = WorkflowId(event.stream.uuid);
            if event.stream != id.stream() {
                continue;
            }
            let mut events = [event];
            open_texts(&**journal, &mut events).await.expect("opens");
            let [event] = events;
            let known = Event::decode(&event.kind, &event.body).expect("decodes").expect("known");
            all.entry(id).or_insert_with(|| Workflow::new(id)).fold(&known, event.at);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn shards_go_back_and_forth_under_load() {
    let journal = MemoryJournal::new(SHARDS);
    let second = journal.node("second");
    let answer = obliging(three_steps());
    let models = Arc::new(Models {
        script: Box::new(move |request| ready(answer(&request))),
        ledger: Mutex::default(),
        names: vec!["m1"],
        price: Default::default(),
    });
    let tool = Counter::new(true, true);
    // Fewer places than there would be workflows, were one not given back.
    let options = Options { max_open: CLIENTS + 2, ..Options::default() };
    let nodes = [
        start(journal.clone(), &models, Some(&tool), 4, &options).await,
        start(second.clone(), &models, Some(&tool), 4, &options).await,
    ];

    // One shard goes to the other node whenever some events more are there.
    let (done, moved) = tokio::sync::watch::channel(0);
    let mover = {
        let journal = journal.clone();
        tokio::spawn(async move {
            let mut events = journal.subscribe(Cursor::default());
            for n in 0..MOVES {
                for _ in 0..9 {
                    events.next().await;
                }
                let shard = Shard((n % usize::from(SHARDS)) as u16);
                let to = match journal.leader(shard).as_deref() {
                    Some("node") => "second",
                    _ => "node",
                };
                journal.give(shard, Some(to));
                done.send_replace(n + 1);
            }
        })
    };

    // Clients submit until all the moves are done, and pause and resume some of what they began.
    let clients = (0..CLIENTS).map(|client| {
        let (nodes, moved) = (nodes.clone(), moved.clone());
        tokio::spawn(async move {
            let mut acknowledged: Vec<(WorkflowId, Option<Position>)> = Vec::new();
            for n in 0.. {
                if *moved.borrow() == MOVES {
                    break;
                }
                let key = format!("{client}-{n}");
                let wanted = WorkflowId(uuid_of_key("default", &key));
                let mut submission = submission("count, act, and count again");
                submission.idempotency_key = Some(key);
                let submitted = anywhere(&nodes, |node| {
                    let submission = submission.clone();
                    async move { node.submit(submission).await }
                });
                let id = submitted.await.expect("it is taken on").workflow;
                assert_eq!(id, wanted);
                acknowledged.push((id, None));
                if n % 3 != 0 {
                    continue;
                }
                for command in
                    [Command::Pause { by: "me".into() }, Command::Resume { by: "me".into() }]
                {
                    let taken = anywhere(&nodes, |node| {
                        let command = command.clone();
                        async move { node.command(id, command).await }
                    });
                    match taken.await {
                        Ok(position) => acknowledged.push((id, position)),
                        // It was faster, or the answer to a first try was lost.
                        Err(Refusal::Rejected(Rejected::Ended(_))) => break,
                        Err(other) => panic!("{id}: {other:?}"),
                    }
                }
            }
            acknowledged
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged
            .extend(tokio::time::timeout(HANG, client).await.expect("no hang").expect("no panic"));
    }
    mover.await.expect("no panic");

    // Everything that was acknowledged is there, and comes to its end.
    let mut ends = journal.subscribe(Cursor::default());
    let all_ended = async {
        loop {
            let all = folds(&journal).await;
            let open = all.values().filter(|workflow| workflow.end.is_none()).count();
            if open == 0 {
                return all;
            }
            ends.next().await;
        }
    };
    let all = match tokio::time::timeout(HANG, all_ended).await {
        Ok(all) => all,
        Err(_) => {
            let open = folds(&journal).await;
            let open = open.values().filter(|workflow| workflow.end.is_none());
            let told = open.map(|workflow| {
                let steps = workflow.steps.iter();
                let steps: Vec<_> = steps.map(|(id, s)| format!("{id}: {:?}", s.state)).collect();
                let shard = workflow.id.stream().shard(SHARDS);
                format!("{} of {shard:?}, paused {}: {steps:#?}", workflow.id, workflow.paused)
            });
            panic!("these never end: {}", told.collect::<Vec<_>>().join("\n"));
        }
    };
    for (id, position) in &acknowledged {
        assert!(all.contains_key(id), "{id} was acknowledged");
        if let Some(position) = position {
            let page = journal.scan(position.shard, position.offset, 1).await.expect("scans");
            assert_eq!(page[0].1.stream, id.stream(), "the acknowledged event lies there");
        }
    }
    let mut states = BTreeMap::new();
    for workflow in all.values() {
        *states.entry(workflow.state().to_string()).or_insert(0) += 1;
    }
    assert_eq!(
        states,
        BTreeMap::from([(WorkflowState::Completed.to_string(), all.len())]),
        "all complete"
    );
    let runs = tool.runs.lock().expect("not poisoned").clone();
    assert_eq!(runs.len(), all.len(), "each workflow had its effect");
    assert!(runs.values().all(|n| *n == 1), "and none had it twice: {runs:?}");

    // Nobody is left behind on either node.
    for node in &nodes {
        let empty = async {
            while node.open().await > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(HANG, empty).await.expect("nobody is left behind");
        assert_eq!(node.quarantined().await, []);
        node.stop().await;
    }
    assert!(tool.runs.lock().expect("not poisoned").len() >= MOVES / 4, "there was load");
}

#[tokio::test]
async fn who_does_not_lead_says_who_does() {
    let journal = MemoryJournal::new(SHARDS);
    let second = journal.node("second");
    let answer = obliging(three_steps());
    let models = Arc::new(Models {
        script: Box::new(move |request| ready(answer(&request))),
        ledger: Mutex::default(),
        names: vec!["m1"],
        price: Default::default(),
    });
    let tool = Counter::new(true, true);
    let options = Options::default();
    let node = start(second.clone(), &models, Some(&tool), 4, &options).await;
    let elsewhere = Refusal::Elsewhere { leader: Some("node".into()) };
    assert_eq!(node.submit(submission("count")).await.expect_err("leads none"), elsewhere);
    let id = WorkflowId(uuid_of_key("default", "x"));
    let pause = Command::Pause { by: "me".into() };
    assert_eq!(node.command(id, pause.clone()).await.expect_err("leads none"), elsewhere);

    // With one shard it takes what nobody named before, and refuses what lies in others.
    let own = Shard(2);
    journal.give(own, Some("second"));
    let submitted = node.submit(submission("count")).await.expect("an id of its own shard");
    assert_eq!(submitted.position.shard, own);
    assert_eq!(node.command(submitted.workflow, pause).await.map(|_| ()), Ok(()));

    // A shard that nobody leads is named so.
    let other = (0..).map(|n| uuid_of_key("default", &n.to_string()));
    let other = other.map(WorkflowId).find(|id| id.stream().shard(SHARDS) == Shard(0));
    journal.give(Shard(0), None);
    let refused = node.command(other.expect("one"), Command::Tick).await.expect_err("not here");
    assert_eq!(refused, Refusal::Elsewhere { leader: None });

    // Under the epoch of before nothing is recorded, and whoever wrote so is gone.
    journal.give(own, Some("node"));
    let mut epochs = second.leading();
    assert!(epochs.borrow_and_update().0.is_empty());
    let resume = Command::Resume { by: "me".into() };
    let refused = node.command(submitted.workflow, resume).await.expect_err("not here any more");
    assert_eq!(refused, elsewhere);
    assert!(matches!(
        second.erase(submitted.workflow.0).await.expect_err("not here"),
        Error::NotLeader { .. }
    ));
    node.stop().await;
}
