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
            assert!(name.starts_with("autoos_"));
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
    assert_eq!(series["autoos_test_figures_total"], 7.0);
    assert_eq!(series["autoos_journal_degraded"], 0.0);
    let families: BTreeSet<_> = series.keys().filter_map(|key| key.split('{').next()).collect();
    assert!(families.len() >= 10, "{families:?}");
    node.stop().await;
}
