//! Ten times of what a node admits, over both protocols: the rest is refused while nothing that
//! was admitted has ended, with a hint when to come back; what was admitted completes.

use crate::{
    held::Held,
    support::{Node, client},
};
use autoos_proto::v1::{self, intents_client::IntentsClient};
use std::time::{Duration, Instant};

const PLACES: usize = 8;

fn told(what: &str, mut latencies: Vec<Duration>) {
    latencies.sort();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    let (n, p50, p99, most) = (latencies.len(), at(50), at(99), at(100));
    eprintln!("{what}: {n} refusals, p50 {p50:?}, p99 {p99:?}, most {most:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_too_much_is_refused_over_both_protocols() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("config.toml");
    std::fs::write(&config, format!("[runtime]\nmax_open = {PLACES}\n")).expect("written");
    let mut held = Held::start().await;
    let config = config.display().to_string();
    let node = Node::start(dir.path(), &["--config", &config, "--allow-host", &held.host()]);
    let mut admitted = Vec::new();
    for n in 0..PLACES {
        let (status, made) =
            node.post("/api/v1/intents", &held.intent(&format!("admitted-{n}"))).await;
        assert!((200..300).contains(&status), "{made}");
        admitted.push(made["workflow_id"].as_str().expect("an id").to_owned());
    }
    held.came(PLACES).await;
    let before = node.resident_kib();

    // Open loop: nobody waits for an answer before the next one is sent.
    let http = client();
    let over_rest = (0..10 * PLACES).map(|n| {
        let intent = held.intent(&format!("rest-{n}"));
        let request = http.post(format!("{}/api/v1/intents", node.url)).json(&intent);
        async move {
            let began = Instant::now();
            let answer = request.send().await.expect("the node answers");
            let after = answer.headers().get("retry-after").cloned();
            assert_eq!(answer.status(), 429);
            let seconds = after.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            assert!(seconds.is_some_and(|seconds| seconds >= 1), "a hint in whole seconds");
            let said = answer.text().await.expect("a body");
            assert!(said.contains("open workflows"), "{said}");
            began.elapsed()
        }
    });
    let channel = tonic::transport::Endpoint::from_shared(node.url.clone()).expect("an address");
    let channel = channel.connect().await.expect("the node listens");
    let over_grpc = (0..10 * PLACES).map(|n| {
        let mut intents = IntentsClient::new(channel.clone());
        let intent = v1::Intent {
            text: "get the page".into(),
            plan_json: held.plan().to_string(),
            ..Default::default()
        };
        let idempotency_key = format!("grpc-{n}");
        let request = v1::SubmitIntentRequest { intent: Some(intent), idempotency_key };
        async move {
            let began = Instant::now();
            let refused = intents.submit_intent(request).await.expect_err("there is no room");
            assert_eq!(refused.code(), tonic::Code::ResourceExhausted, "{refused}");
            let details = String::from_utf8_lossy(refused.details()).into_owned();
            assert!(details.contains("google.rpc.RetryInfo"), "{details}");
            began.elapsed()
        }
    });
    let (rest, grpc) =
        tokio::join!(futures::future::join_all(over_rest), futures::future::join_all(over_grpc));
    told("REST", rest);
    told("gRPC", grpc);
    eprintln!("resident {before:?} -> {:?} KiB", node.resident_kib());

    // The gate is still shut: no refusal waited for admitted work to end.
    let (_, health) = node.get("/health").await;
    assert_eq!(health["open_workflows"], PLACES, "{health}");
    assert_eq!(health["status"], "ok", "{health}");
    held.open();
    for id in &admitted {
        node.until(id, &["completed"]).await;
    }
    // What was refused left no trace: its key is free.
    let (status, made) = node.post("/api/v1/intents", &held.intent("rest-0")).await;
    assert!((200..300).contains(&status), "{made}");
    assert_eq!(made["existed"], false, "{made}");
    node.until(made["workflow_id"].as_str().expect("an id"), &["completed"]).await;
}
