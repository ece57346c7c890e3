//! Questions are posted, signed, until they are taken, and not a second time.

use crate::support::{self, LONG, Setup};
use autoos_fabric::provider::scripted::{Answer, Rule, Script};
use autoos_gateway::{Webhook, WebhookOptions};
use autoos_journal::Journal as _;
use autoos_kernel::{ladder::FailureClass, words::LlmRole};
use autoos_views::Views;
use axum::{Router, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tokio::{net::TcpListener, sync::mpsc};

type Delivery = (HeaderMap, String);

/// A receiver that fails once and then takes everything.
async fn receiver() -> (String, mpsc::UnboundedReceiver<Delivery>) {
    let (sender, deliveries) = mpsc::unbounded_channel();
    let seen = Arc::new(AtomicU32::new(0));
    let take = |State((sender, seen)): State<(mpsc::UnboundedSender<Delivery>, Arc<AtomicU32>)>,
                headers: HeaderMap,
                body: String| async move {
        let _ = sender.send((headers, body));
        match seen.fetch_add(1, Ordering::SeqCst) {
            0 => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::NO_CONTENT,
        }
    };
    let app = Router::new().route("/hook", post(take)).with_state((sender, seen));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, deliveries)
}

#[tokio::test]
async fn a_question_is_told_until_it_is_taken_and_not_again() {
    let answer = Answer { fail: Some(FailureClass::Auth), ..Answer::default() };
    let rule = Rule { role: Some(LlmRole::Executor), answer, ..Rule::default() };
    let script = Script { rules: vec![rule] };
    let node = support::node(Setup { script, ..Setup::default() }).await;
    let (url, mut deliveries) = receiver().await;
    let views = Views::start(node.journal.clone());
    let start = || {
        let options =
            WebhookOptions { url: url.clone(), secret: "env:X".into(), timeout_ms: 5_000 };
        let client = support::client();
        Webhook::start(node.journal.clone(), views.clone(), client, options, b"the key")
    };
    let webhook = start();
    let id = node.submit(json!({"intent": "do the parts"})).await;
    let mut next = async || {
        tokio::time::timeout(LONG, deliveries.recv()).await.expect("in time").expect("a delivery")
    };
    let (first, body) = next().await;
    let told: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&told["type"], &told["workflow"]), (&json!("escalation.opened"), &json!(id)));
    assert!(told["detail"].as_str().is_some_and(|d| !d.is_empty()), "{told}");
    let signature = first["webhook-signature"].to_str().expect("text");
    assert!(signature.starts_with("v1,") && signature.len() > 40, "{signature}");
    // The receiver failed: it comes again under the same id.
    let (again, _) = next().await;
    assert_eq!(again["webhook-id"], first["webhook-id"]);
    // That it was taken is durable; a group's cursor tells nobody that it moved.
    let taken = async {
        while node.journal.group_cursor("autoos-webhook").await.expect("a cursor").0.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONG, taken).await.expect("in time");
    // What was told is not told by the process after this one; what is new is.
    drop(webhook);
    let _webhook = start();
    let retry = json!({"answer": "retry", "by": "ann"});
    let retried = node.post(&format!("/api/v1/escalations/{id}/1/resolve"), retry).await;
    assert_eq!(retried.status, 200, "{:?}", retried.body);
    let step = told["step"].clone();
    loop {
        let (_, body) = next().await;
        let told: Value = serde_json::from_str(&body).expect("JSON");
        assert_ne!(told["number"], json!(1), "told again: {told}");
        // Several steps ask; the one that was tried again does so for the second time.
        if told["step"] == step {
            break;
        }
    }
    node.stop().await;
}
