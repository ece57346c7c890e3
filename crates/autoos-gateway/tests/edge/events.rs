//! Server-sent events.

use crate::support::{LONG, Setup, hanging, node};
use futures::StreamExt as _;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_all_and_goes_on_where_it_broke_off() {
    let node = node(Setup::default()).await;
    let id = node.submit(json!({"intent": "do the parts"})).await;
    let all = node.events(&id, None).await;
    let ids: Vec<u64> = all.iter().map(|(id, ..)| id.parse().expect("a number")).collect();
    assert_eq!(ids, (0..ids.len() as u64).collect::<Vec<_>>(), "every event once, in order");
    assert_eq!(all.first().map(|(_, kind, _)| kind.as_str()), Some("created"));
    let (last, kind, data) = all.last().expect("an event");
    assert_eq!((kind.as_str(), &data["state"]), ("completed", &json!("completed")));
    assert_eq!(data["steps_over"], data["steps"]);

    let rest = node.events(&id, Some("3")).await;
    assert_eq!(rest, all[4..]);
    let path = node.url(&format!("/api/v1/workflows/{id}/events"));
    let over = node.http.get(&path).header("last-event-id", last);
    assert_eq!(node.send(over).await.status, 204);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_is_told_when_the_node_stops_and_does_not_hold_it_up() {
    let node = node(Setup { script: hanging(), ..Setup::default() }).await;
    let id = node.submit(json!({"intent": "do the parts"})).await;
    let path = node.url(&format!("/api/v1/workflows/{id}/events"));
    let mut pieces = node.http.get(path).send().await.expect("an answer").bytes_stream();
    assert!(pieces.next().await.is_some());
    node.stop().await;
    let mut text = String::new();
    while let Some(piece) = tokio::time::timeout(LONG, pieces.next()).await.expect("in time") {
        text.push_str(std::str::from_utf8(&piece.expect("a piece")).expect("text"));
    }
    assert!(text.contains("event: problem") && text.contains("\"stopping\""), "{text}");
}
