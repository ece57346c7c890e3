//! A web server whose one page is not served before its gate is opened: what workflows wait for.

use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;

/// The server; its gate is shut until [`Held::open`].
pub(crate) struct Held {
    gate: watch::Sender<bool>,
    address: std::net::SocketAddr,
    calls: watch::Receiver<usize>,
    server: tokio::task::JoinHandle<()>,
}

impl Held {
    pub(crate) async fn start() -> Self {
        let (gate, shut) = watch::channel(false);
        let (count, calls) = watch::channel(0);
        let page = move || {
            count.send_modify(|count| *count += 1);
            let mut shut = shut.clone();
            async move {
                // A gate that is gone is open.
                let _ = shut.wait_for(|open| *open).await;
                "here it is"
            }
        };
        let app = axum::Router::new().route("/page", axum::routing::get(page));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        Self { gate, address, calls, server }
    }

    /// The host that a node must be allowed to ask.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Until so many calls have come to the gate.
    pub(crate) async fn came(&mut self, calls: usize) {
        let last = Duration::from_secs(30);
        let came = tokio::time::timeout(last, self.calls.wait_for(|count| *count >= calls)).await;
        assert!(came.is_ok(), "{calls} calls never came");
    }

    pub(crate) fn open(&self) {
        self.gate.send(true).expect("the server holds the other end");
    }

    /// An intent whose one step waits for the page.
    pub(crate) fn intent(&self, key: &str) -> Value {
        json!({"intent": format!("get the page {key}"), "idempotency_key": key, "risk": "low",
               "plan": self.plan()})
    }

    pub(crate) fn plan(&self) -> Value {
        let url = format!("http://{}/page", self.address);
        json!({"name": "held", "result": "page", "steps": [
            {"id": "page", "limits": {"timeout_ms": 60_000},
             "retry": {"attempts": 5, "base_ms": 1, "cap_ms": 5},
             "work": {"tool": {"name": "http.get", "args": {"url": url}}}},
        ]})
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.server.abort();
    }
}
