//! `bench calls`: how fast calls of any OpenAI client go through a node, every call recorded.
//!
//! Three processes: the node under test as anyone would start it, a vendor that answers at once,
//! and this one, which speaks plain HTTP/1.1 over a connection for each client. Nothing is
//! subtracted but what was measured in the same run: the same exchange with the vendor itself, and
//! an `fdatasync` of 4 KiB.

use super::{
    COMPLETED,
    bench::{Node, quantile, round, sync_times},
    cpu::{cpu_ms, thread_cpu_ms},
};
use crate::show;
use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

/// Calls of any OpenAI client through a node.
#[derive(Debug, Args)]
pub(super) struct Calls {
    /// Connections at once
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How long they call, in seconds
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Calls one after the other before that, of each kind
    #[arg(long, default_value_t = 1_000)]
    alone: usize,
}

/// The vendor.
#[derive(Debug, Args)]
pub(super) struct Upstream {}

/// What the vendor is asked for a failure with.
const FAIL: &str = "please fail";

const CONFIG: &str = r#"
[fabric.providers.a]
kind = "openai_compatible"
base_url = "http://UPSTREAM/a/v1"
max_in_flight = 256
models = [{ id = "m" }]

[fabric.providers.b]
kind = "openai_compatible"
base_url = "http://UPSTREAM/b/v1"
max_in_flight = 256
models = [{ id = "m" }]
"#;

impl Calls {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let dir = tempfile::tempdir().context("no temporary folder")?;
        let sync = sync_times(dir.path())?;
        let (mut vendor, upstream) = vendor().await?;
        let node = Node::with(dir.path(), &CONFIG.replace("UPSTREAM", &upstream)).await?;
        let address = node.url.trim_start_matches("http://").to_owned();

        let plain = |path: &str, model: &str, text: &str| request(path, model, text, "");
        let direct = plain("/b/v1", "m", "hello");
        let synced = plain("/v1", "b/m", "hello");
        let relaxed = request("/v1", "b/m", "hello", "autoos-durability: relaxed\r\n");
        // The first of the two that serve it fails, and the second answers.
        let fallen = plain("/v1", "m", FAIL);
        let good = plain("/v1", "a/m", "hello");

        // Kinds take turns, so that what the machine does besides meets all of them.
        let mut to_vendor = Client::open(&upstream).await?;
        let mut to_node = Client::open(&address).await?;
        let mut times: [Vec<Duration>; 4] = Default::default();
        for n in 0..self.alone + 50 {
            let each = [
                to_vendor.call(&direct).await?,
                to_node.call(&synced).await?,
                to_node.call(&relaxed).await?,
                to_node.call(&fallen).await?,
            ];
            // So that its breaker stays closed.
            for _ in 0..2 {
                to_node.call(&good).await?;
            }
            // Let connections, caches and the store settle before anything is counted.
            if n >= 50 {
                times.iter_mut().zip(each).for_each(|(times, took)| times.push(took));
            }
        }
        times.iter_mut().for_each(|times| times.sort());
        let [direct_ms, synced_ms, relaxed_ms, fallen_ms] =
            [0, 1, 2, 3].map(|kind| quantile(&times[kind], 0.5));
        let fdatasync_ms = sync["p50"].as_f64().unwrap_or(0.0);
        let crowd = self.crowd(&node, &address, &upstream, &synced, &direct).await?;
        node.stop().await?;
        vendor.kill().await?;
        show::json(&json!({
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "fdatasync_4kib_ms": sync,
            "alone": {
                "calls": self.alone,
                "direct_p50_ms": direct_ms,
                "synced_p50_ms": synced_ms,
                "synced_adds_ms": round(synced_ms - direct_ms),
                "synced_adds_beside_one_fdatasync_ms": round(synced_ms - direct_ms - fdatasync_ms),
                "relaxed_p50_ms": relaxed_ms,
                "relaxed_adds_ms": round(relaxed_ms - direct_ms),
                "fallback_p50_ms": fallen_ms,
                "fallback_adds_ms": round(fallen_ms - synced_ms),
            },
            "crowd": crowd,
        }));
        Ok(COMPLETED)
    }

    /// Many connections, each calling again as soon as it is answered.
    async fn crowd(
        &self,
        node: &Node,
        address: &str,
        upstream: &str,
        call: &str,
        direct: &str,
    ) -> anyhow::Result<Value> {
        let few = Duration::from_secs(self.seconds.min(3));
        let beside = drive(upstream, direct, self.connections, few).await?;
        drive(address, call, self.connections, few).await?;
        let (syncs, cpu) = (node.syncs().await?, cpu_ms(node.pid)?);
        let (own, threads) = (cpu_ms(std::process::id())?, thread_cpu_ms(node.pid));
        let start = Instant::now();
        let seconds = Duration::from_secs(self.seconds);
        let times = drive(address, call, self.connections, seconds).await?;
        let took = start.elapsed().as_secs_f64();
        let calls = times.len().max(1) as f64;
        let by_thread: serde_json::Map<String, Value> = thread_cpu_ms(node.pid)
            .into_iter()
            .map(|(name, ms)| {
                let ms = (ms - threads.get(&name).copied().unwrap_or(0.0)).max(0.0);
                (name, round(ms / calls).into())
            })
            .collect();
        Ok(json!({
            "connections": self.connections,
            "calls": times.len(),
            "per_second": round(calls / took),
            "p50_ms": quantile(&times, 0.5),
            "p99_ms": quantile(&times, 0.99),
            "fsyncs_per_call": round((node.syncs().await? - syncs) / calls),
            "node_cpu_ms_per_call": round((cpu_ms(node.pid)? - cpu) / calls),
            "node_cpu_ms_by_thread": by_thread,
            "driver_cpu_ms_per_call": round((cpu_ms(std::process::id())? - own) / calls),
            "direct_per_second": round(beside.len() as f64 / few.as_secs_f64()),
        }))
    }
}

async fn drive(
    address: &str,
    call: &str,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let end = Instant::now() + time;
    let mut workers = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut client = Client::open(address).await?;
        let call = call.to_owned();
        workers.push(tokio::spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                times.push(client.call(&call).await?);
            }
            anyhow::Ok(times)
        }));
    }
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await??);
    }
    all.sort();
    Ok(all)
}

/// A call as its bytes.
fn request(path: &str, model: &str, text: &str, header: &str) -> String {
    let body = json!({"model": model, "messages": [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": text},
    ]});
    let body = body.to_string();
    format!(
        "POST {path}/chat/completions HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\n{header}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One connection.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 << 10) })
    }

    /// From the first byte of the request to the last of the answer.
    async fn call(&mut self, request: &str) -> anyhow::Result<Duration> {
        let start = Instant::now();
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        let end = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the connection was closed");
            }
            if let Some(end) = whole(&self.buffer) {
                break end;
            }
        };
        let took = start.elapsed();
        if end != self.buffer.len() || !self.buffer.starts_with(b"HTTP/1.1 200") {
            bail!("answered: {}", String::from_utf8_lossy(&self.buffer));
        }
        Ok(took)
    }
}

/// Where the first message of these bytes ends, if it is whole.
fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let end = head + length.unwrap_or(0);
    (bytes.len() >= end).then_some(end)
}

/// Starts the vendor and gives where it listens.
async fn vendor() -> anyhow::Result<(Child, String)> {
    let mut process = Command::new(std::env::current_exe()?)
        .args(["bench", "upstream"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the vendor")?;
    let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
    let address = lines.next_line().await?.context("the vendor said nothing")?;
    Ok((process, address))
}

impl Upstream {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        show::line(&listener.local_addr()?.to_string());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                // Whoever closes its connection wants no more.
                let _ = serve(stream).await;
            });
        }
    }
}

async fn serve(mut stream: TcpStream) -> anyhow::Result<()> {
    let answer = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "An answer of some words, given at once."},
        }],
        "usage": {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 21},
    });
    let (good, bad) = (reply("200 OK", &answer), reply("500 Internal Server Error", &json!({})));
    let mut buffer = Vec::with_capacity(16 << 10);
    loop {
        while let Some(end) = whole(&buffer) {
            let request = &buffer[..end];
            let fails = request.starts_with(b"POST /a/")
                && request.windows(FAIL.len()).any(|part| part == FAIL.as_bytes());
            stream.write_all(if fails { &bad } else { &good }).await?;
            buffer.drain(..end);
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

fn reply(status: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
