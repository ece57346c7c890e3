//! A whole node in this process: memory journal, scripted provider, real tools, a real port.

use autoos_fabric::{
    Fabric,
    provider::scripted::{Answer, Rule, Script},
};
use autoos_gateway::{Backup, Gateway, GatewayParts, Nodes, Options, OwnerToken};
use autoos_guard::Keys;
use autoos_journal::MemoryJournal;
use autoos_kernel::words::LlmRole;
use autoos_runtime::{Parts, Runtime, SystemClock};
use autoos_tools::Registry;
use autoos_views::Views;
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Once},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// Nothing here takes as long as this; what does is broken.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) http: reqwest::Client,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) keys: Keys,
    pub(crate) dir: TempDir,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), autoos_gateway::Error>>,
}

/// How a node differs from the usual one.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) script: Script,
    pub(crate) options: Options,
    pub(crate) runtime: autoos_runtime::Options,
    pub(crate) no_uploads: bool,
    /// The journal, where several nodes share one.
    pub(crate) journal: Option<Arc<MemoryJournal>>,
    /// A node whose pepper it shares, by its directory.
    pub(crate) pepper_of: Option<PathBuf>,
    /// The other nodes, and where this one listens for them.
    pub(crate) nodes: Option<(Nodes, TcpListener)>,
}

pub(crate) fn client() -> reqwest::Client {
    static RING: Once = Once::new();
    RING.call_once(|| {
        // Another test binary cannot have been first: each is a process.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// A script whose executors do not answer until the node is gone.
pub(crate) fn hanging() -> Script {
    let answer = Answer { hang: true, ..Answer::default() };
    let rule = Rule { role: Some(LlmRole::Executor), answer, ..Rule::default() };
    Script { rules: vec![rule] }
}

/// What the operator's commands show.
pub(crate) const OWNER: &str = "the token of this node";

/// A level as the binary keeps one, of which `loud` is none.
fn log_level() -> autoos_gateway::LogLevel {
    let level = std::sync::Mutex::new("warn".to_owned());
    Arc::new(move |wanted| {
        let mut level = level.lock().expect("whole");
        match wanted {
            Some("loud") => return Err("loud is no level".into()),
            Some(wanted) => wanted.clone_into(&mut level),
            None => {}
        }
        Ok(level.clone())
    })
}

/// A backup as the binary makes one: into a folder that is not there yet.
fn backup(target: PathBuf) -> futures::future::BoxFuture<'static, Result<Backup, String>> {
    Box::pin(async move {
        std::fs::create_dir(&target).map_err(|why| why.to_string())?;
        Ok(Backup { target: target.display().to_string(), events: 7, bytes: 70 })
    })
}

pub(crate) async fn node(setup: Setup) -> Node {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = setup.journal.unwrap_or_else(|| MemoryJournal::new(16));
    let (nodes, for_nodes) = setup.nodes.unzip();
    let (fabric, _) = Fabric::scripted(setup.script).await.expect("a fabric");
    let tools = Registry::builder().roots([dir.path()]).build().expect("tools");
    let parts = Parts {
        journal: journal.clone(),
        llm: Arc::new(fabric.clone()),
        tools,
        clock: Arc::new(SystemClock),
    };
    let runtime = Runtime::start(parts, setup.runtime).await.expect("a runtime");
    if let Some(other) = setup.pepper_of {
        let name = "keys.pepper";
        std::fs::copy(other.join(name), dir.path().join(name)).expect("a copy of the pepper");
    }
    let keys = Keys::open(journal.clone(), dir.path()).await.expect("keys");
    let mut options = setup.options;
    if !setup.no_uploads {
        options.uploads = Some(dir.path().join("uploads"));
    }
    let signing = autoos_audit::Options::new(dir.path().join("audit"));
    let keeper = autoos_audit::Keeper::start(journal.clone(), signing).expect("a keeper");
    let gateway = Gateway::new(GatewayParts {
        runtime,
        views: Views::start(journal.clone()),
        keys: keys.clone(),
        providers: Some({
            let fabric = fabric.clone();
            Arc::new(move || fabric.status())
        }),
        figures: Some(Arc::new(move || fabric.figures())),
        backups: Some(Arc::new(backup)),
        log_level: Some(log_level()),
        keeper: Some(Arc::new(keeper)),
        owner: Some(OwnerToken::new(OWNER.into())),
        nodes,
        options,
    });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let served = tokio::spawn(async move {
        let served = gateway.serve(listener, shutdown);
        match for_nodes {
            Some(listener) => {
                let nodes = gateway.serve_nodes(listener, std::future::pending());
                tokio::select! {
                    served = served => served,
                    ended = nodes => ended,
                }
            }
            None => served.await,
        }
    });
    Node { address, http: client(), journal, keys, dir, stop: Some(stop), served }
}

/// What REST answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answered {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("no code")
    }

    /// Fails unless it is a whole problem with this status and code.
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{:?}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        for field in ["type", "title", "detail", "what_to_do", "request_id"] {
            let text = self.body[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{field} is missing: {:?}", self.body);
        }
        assert_eq!(self.headers["x-request-id"], self.body["request_id"].as_str().expect("an id"));
    }

    pub(crate) fn says(&self, text: &str) {
        let detail = self.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(text), "{text:?} is not in {detail:?}");
    }
}

impl Node {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answered {
        let answer = tokio::time::timeout(LONG, request.send()).await.expect("in time");
        let answer = answer.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.expect("a body");
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| text());
        Answered { status, headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.send(self.http.get(self.url(path))).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answered {
        self.send(self.http.post(self.url(path)).json(&body)).await
    }

    /// Submits an intent and gives its workflow's id.
    pub(crate) async fn submit(&self, body: Value) -> String {
        let answer = self.post("/api/v1/intents", body).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        answer.body["workflow_id"].as_str().expect("an id").to_owned()
    }

    /// A workflow of the script's example, run to its end.
    pub(crate) async fn done(&self) -> String {
        let id = self.submit(json!({"intent": "do the parts"})).await;
        self.ended(&id).await;
        id
    }

    /// The server-sent events of a workflow, to the end of the stream: id, kind, data.
    pub(crate) async fn events(
        &self,
        id: &str,
        last: Option<&str>,
    ) -> Vec<(String, String, Value)> {
        let mut request = self.http.get(self.url(&format!("/api/v1/workflows/{id}/events")));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut text = String::new();
        let mut pieces = answer.bytes_stream();
        while let Some(piece) = tokio::time::timeout(LONG, pieces.next()).await.expect("in time") {
            text.push_str(std::str::from_utf8(&piece.expect("a piece")).expect("text"));
        }
        text.split("\n\n").filter(|event| event.contains("data:")).map(event).collect()
    }

    /// Waits for a workflow's end.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        self.events(id, None).await;
        self.get(&format!("/api/v1/workflows/{id}")).await.body
    }

    /// Stops the node and fails unless it stopped well.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.take().expect("not stopped yet").send(());
        let served = tokio::time::timeout(LONG, &mut self.served).await.expect("in time");
        served.expect("no panic").expect("served");
    }
}

fn event(text: &str) -> (String, String, Value) {
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let data = serde_json::from_str(&field("data")).expect("data is JSON");
    (field("id"), field("event"), data)
}
