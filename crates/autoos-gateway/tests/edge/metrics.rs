//! `/metrics` as Prometheus reads it.

use crate::support::{Setup, node};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Reads the text format as strictly as promtool does: each family announced once, its series
/// together, none twice, every value a number.
fn read(text: &str) -> BTreeMap<String, f64> {
    let (mut families, mut series) = (BTreeMap::new(), BTreeMap::new());
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("help");
            assert!(!help.is_empty());
            current = name.to_owned();
            assert!(families.insert(current.clone(), "").is_none(), "{name} is there twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(name, current, "TYPE follows HELP");
            assert!(["counter", "gauge", "histogram"].contains(&kind));
            if kind == "counter" {
                assert!(name.ends_with("_total"), "{name}");
            }
            families.insert(
                name.to_owned(),
                match kind {
                    "histogram" => "histogram",
                    _ => "plain",
                },
            );
        } else {
            let (key, value) = line.rsplit_once(' ').expect("a value");
            let name = key.split('{').next().expect("a name");
            let family = match families[&current] {
                "histogram" => ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|end| name.strip_suffix(end))
                    .expect("part of a histogram"),
                _ => name,
            };
            assert_eq!(family, current, "series of a family stand together");
            assert!(name.starts_with("autoos_") || name.starts_with("gen_ai_"), "{name}");
            let value: f64 = value.parse().expect("a number");
            assert!(series.insert(key.to_owned(), value).is_none(), "{key} is there twice");
        }
    }
    series
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_read_and_count() {
    let node = node(Setup::default()).await;
    node.done().await;
    node.get("/nowhere/at/all").await.is(404, "no_route");
    let made = node.post("/api/v1/intents", json!({"intent": "do the parts"})).await;
    let id = made.body["workflow_id"].as_str().expect("an id").to_owned();
    node.ended(&id).await;
    // The index follows a moment behind; a list that waits for the last position has caught up.
    let audit = node.get(&format!("/api/v1/workflows/{id}")).await.body;
    assert_eq!(audit["state"], "completed");
    let mut series = BTreeMap::new();
    for _ in 0..1_000 {
        let answer = node.get("/metrics").await;
        assert!(answer.headers["content-type"].to_str().expect("text").starts_with("text/plain"));
        series = read(answer.body.as_str().expect("text"));
        if series.get("autoos_workflows{state=\"completed\"}") == Some(&2.0) {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(series["autoos_workflows{state=\"completed\"}"], 2.0, "{series:?}");
    assert_eq!(series["autoos_workflows_created_total"], 2.0);
    assert_eq!(series["autoos_workflow_duration_seconds_bucket{le=\"+Inf\"}"], 2.0);
    assert_eq!(series["autoos_refusals_total{code=\"no_route\"}"], 1.0);
    let intents =
        "autoos_requests_total{protocol=\"rest\",route=\"/api/v1/intents\",status=\"201\"}";
    assert_eq!(series[intents], 2.0);
    assert!(series["autoos_journal_events_total"] > 10.0);
    let model = "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"scripted\",\
                 gen_ai_request_model=\"scripted/default\"";
    let calls = series[&format!("gen_ai_client_operation_duration_seconds_count{{{model}}}")];
    assert!(calls >= 4.0, "{calls}");
    assert_eq!(series["autoos_provider_calls_total{provider=\"scripted\"}"], calls);
    let input = format!("gen_ai_client_token_usage_count{{{model},gen_ai_token_type=\"input\"}}");
    assert_eq!(series[&input], calls);
    let families: BTreeSet<_> = series.keys().filter_map(|key| key.split('{').next()).collect();
    assert!(families.len() >= 30, "{families:?}");
    node.stop().await;
}

/// What a client can make up: paths, methods, ids, agents, content types.
#[tokio::test(flavor = "multi_thread")]
async fn odd_requests_make_no_series() {
    let node = node(Setup::default()).await;
    let count = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    let text = || async { node.get("/metrics").await.body.as_str().expect("text").to_owned() };
    let ask = async |from: u32, until: u32| {
        for n in from..until {
            let method = match n % 3 {
                0 => reqwest::Method::GET,
                1 => reqwest::Method::from_bytes(format!("ODD{n}").as_bytes()).expect("a method"),
                _ => reqwest::Method::POST,
            };
            let path = match n % 5 {
                0 => format!("/nowhere/{n}"),
                1 => format!("/api/v1/workflows/wf-{n}"),
                2 => format!("/autoos.v1.Odd{n}/Method{n}"),
                3 => format!("/api/v1/workflows?state=odd{n}&tenant={n}"),
                _ => "/api/v1/intents".to_owned(),
            };
            let grpc = if n % 2 == 0 { "application/grpc" } else { "application/json" };
            let asked = node.http.request(method, format!("http://{}{path}", node.address));
            let asked = asked
                .header("content-type", grpc)
                .header("x-api-key", format!("key-{n}"))
                .header("x-request-id", format!("odd-{n}"))
                .body(format!("{{\"user_id\": \"odd{n}\"}}"));
            asked.send().await.expect("answers");
        }
    };
    // As many as there can be are there after the first round of all combinations.
    ask(0, 60).await;
    // A scrape is a request that the next one sees.
    text().await;
    let before = count(&text().await);
    ask(60, 10_000).await;
    let after = text().await;
    assert_eq!(count(&after), before, "{after}");
    assert!(!after.to_lowercase().contains("odd"), "{after}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_metrics_is_served_to_whoever_wants_it() {
    let node = node(Setup::default()).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let url = |path: &str| format!("http://{}{path}", node.address);
    let asked = node.http.get(url("/api/v1/workflows"));
    let asked = asked.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    asked.send().await.expect("answers");
    let scrape = node.http.get(url("/metrics")).header("accept", "application/openmetrics-text");
    let scraped = scrape.send().await.expect("answers");
    let kind = scraped.headers()["content-type"].to_str().expect("text").to_owned();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    let text = scraped.text().await.expect("text");
    assert!(text.ends_with("# EOF\n") && text.contains("# TYPE autoos_steps counter"), "{text}");
    assert!(text.contains(&format!(" # {{trace_id=\"{trace}\"}} ")), "{text}");
    node.stop().await;
}
