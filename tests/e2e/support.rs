//! A node as a process, and an HTTP client for it.

use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

/// The binary, with nothing of the environment that could change what it does.
pub(crate) fn autoos(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_autoos"));
    command.env_clear();
    for kept in ["PATH", "HOME", "TMPDIR"] {
        if let Ok(value) = std::env::var(kept) {
            command.env(kept, value);
        }
    }
    command.env("AUTOOS_DATA_DIR", dir.join("data")).current_dir(dir);
    command
}

/// The folder of the samples that the project made itself.
pub(crate) fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data")
}

/// A command that has ended: its exit code and what it printed.
pub(crate) fn finish(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code().unwrap_or(-1), text(&stdout), text(&stderr))
}

/// A node that serves; killed when it is dropped.
pub(crate) struct Node {
    process: Child,
    pub(crate) url: String,
}

impl Node {
    pub(crate) fn start(dir: &Path, arguments: &[&str]) -> Self {
        Self::serve(autoos(dir), arguments)
    }

    /// The same by a command that begins otherwise.
    pub(crate) fn serve(mut command: Command, arguments: &[&str]) -> Self {
        let mut process = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let first = lines.next().expect("it says where it listens").expect("text");
        let url = first.split_whitespace().find(|w| w.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("it said: {first}")).to_owned();
        std::thread::spawn(move || for _ in lines {});
        Self { process, url }
    }

    /// Asks it to end, as a service manager would, and waits until it has.
    pub(crate) fn stop(mut self) {
        let pid = self.process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("kill starts");
        assert!(asked.success());
        assert!(self.process.wait().expect("it ends").success());
    }

    /// What it takes of memory, in KiB, where the system says so.
    pub(crate) fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(client().get(format!("{}{path}", self.url))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(client().post(format!("{}{path}", self.url)).json(body)).await
    }

    /// A workflow once it is in one of these states.
    pub(crate) async fn until(&self, id: &str, states: &[&str]) -> Value {
        let events = client()
            .get(format!("{}/api/v1/workflows/{id}/events", self.url))
            .timeout(Duration::from_secs(60));
        let mut events = events.send().await.expect("the node answers");
        loop {
            let (status, view) = self.get(&format!("/api/v1/workflows/{id}")).await;
            assert_eq!(status, 200, "{view}");
            if states.contains(&view["state"].as_str().unwrap_or_default()) {
                return view;
            }
            // The next change is the event to wait for.
            let piece = events.chunk().await.expect("the stream goes on");
            assert!(piece.is_some(), "it ended otherwise: {view:#}");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn client() -> reqwest::Client {
    // An error says that another test has done so.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(Duration::from_secs(30)).build().expect("a client")
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.header("X-API-Key", "dev-key-123").send().await.expect("the node answers");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
