//! `bench`: drives a node in a second process over gRPC and prints figures as JSON.
//!
//! The workload is the six-step workflow (plan, three parallel executes, verify, synthesize) on a
//! scripted provider that answers 500 bytes at once, every commit synced. Beside it, in the same
//! run: what an `fdatasync` of a 4 KiB append takes here, how many the node made, and its CPU.

use super::{
    COMPLETED, Global,
    bench_calls::{Calls, Upstream},
    bench_tracing::{self, Tracing},
    bench_waiting::Waiting,
    cpu::{cpu_ms, thread_cpu_ms},
};
use crate::{config::Config, show};
use anyhow::{Context as _, bail};
use autoos_journal::{Journal as _, LocalJournal, LocalOptions};
use autoos_kernel::{
    codec::Recorded as _,
    id::{Prefix, Shard, WorkflowId},
    workflow::{Event, Workflow},
};
use autoos_proto::v1::{
    Intent, RiskLevel, SubmitIntentRequest, SubscribeRequest, events_client::EventsClient,
    intents_client::IntentsClient,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    io::Write as _,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::oneshot,
};
use tonic::transport::Channel;

/// Measures a node.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: Option<What>,
    /// Workflows that are open at once
    #[arg(long, default_value_t = 128)]
    in_flight: usize,
    /// How long they are driven, in seconds
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Workflows that run one after the other before that
    #[arg(long, default_value_t = 200)]
    alone: usize,
}

/// What else can be measured.
#[derive(Debug, Subcommand)]
enum What {
    /// How a node starts with many waiting workflows and a long journal
    Waiting(Waiting),
    /// How fast calls of any OpenAI client go through a node
    Calls(Calls),
    /// The vendor of that measurement: answers at once, in a process of its own
    #[command(hide = true)]
    Upstream(Upstream),
    /// What tracing costs: without it, with a collector, and with one that is not there
    Tracing(Tracing),
    /// The collector of `bench tracing`
    #[command(hide = true)]
    Sink,
}

pub(super) const CONFIG: &str = r#"
[fabric.providers.scripted]
kind = "scripted"
models = [{ id = "default" }]

[fabric.roles]
planner = ["scripted/default"]
executor = ["scripted/default"]
verifier = ["scripted/default"]
synthesizer = ["scripted/default"]

[runtime]
max_open = 8192
"#;

impl Bench {
    pub(crate) async fn run(self, global: &Global, _: &Config) -> anyhow::Result<u8> {
        match self.what {
            Some(What::Waiting(waiting)) => return waiting.run(global).await,
            Some(What::Calls(calls)) => return calls.run().await,
            Some(What::Upstream(upstream)) => return upstream.run().await,
            Some(What::Tracing(tracing)) => return tracing.run().await,
            Some(What::Sink) => return bench_tracing::serve_sink().await,
            None => {}
        }
        let dir = tempfile::tempdir().context("no temporary folder")?;
        let sync = sync_times(dir.path())?;
        let node = Node::start(dir.path()).await?;
        let load = Arc::new(Load::connect(&node.url).await?);

        // Let connections, caches and the store settle before anything is counted.
        one_after_the_other(&load, 20).await?;
        let alone = node.measured(|| one_after_the_other(&load, self.alone)).await?;
        let crowd = node.measured(|| crowd(&load, self.in_flight, self.seconds)).await?;
        node.stop().await?;
        let replay = replay(dir.path()).await?;
        show::json(&json!({
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "fdatasync_4kib_ms": sync,
            "alone": alone,
            "in_flight": self.in_flight,
            "crowd": crowd,
            "replay": replay,
        }));
        Ok(COMPLETED)
    }
}

/// The node under test: this same binary, as anyone would start it.
pub(super) struct Node {
    process: Child,
    pub(super) url: String,
    pub(super) pid: u32,
}

impl Node {
    pub(super) async fn start(dir: &Path) -> anyhow::Result<Self> {
        Self::with(dir, CONFIG).await
    }

    /// The same with another configuration.
    pub(super) async fn with(dir: &Path, text: &str) -> anyhow::Result<Self> {
        let config = dir.join("bench.toml");
        std::fs::write(&config, text)?;
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(dir.join("node"))
            .arg("--config")
            .arg(&config)
            .env("AUTOOS_OFFLINE", "1")
            // What this process is traced by is not what is measured.
            .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
            .env_remove("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a node")?;
        let pid = process.id().context("the node ended at once")?;
        let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
        let first = lines.next_line().await?.context("the node said nothing")?;
        let url = first.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.with_context(|| format!("the node said: {first}"))?.to_owned();
        // Its further lines are read so that it never waits for us.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { process, url, pid })
    }

    /// Runs a load with the node's fsyncs and CPU time around it.
    async fn measured<F>(&self, load: impl FnOnce() -> F) -> anyhow::Result<Value>
    where
        F: Future<Output = anyhow::Result<Vec<Duration>>>,
    {
        let (syncs, cpu, client_cpu) =
            (self.syncs().await?, cpu_ms(self.pid)?, cpu_ms(std::process::id())?);
        let threads = thread_cpu_ms(self.pid);
        let start = Instant::now();
        let mut times = load().await?;
        let took = start.elapsed();
        times.sort();
        let workflows = times.len().max(1) as f64;
        let cpu = cpu_ms(self.pid)? - cpu;
        let by_thread: BTreeMap<String, f64> = thread_cpu_ms(self.pid)
            .into_iter()
            .map(|(name, ms)| {
                // Threads that ended took their times with them.
                let ms = (ms - threads.get(&name).copied().unwrap_or(0.0)).max(0.0);
                (name, round(ms / workflows))
            })
            .collect();
        Ok(json!({
            "workflows": times.len(),
            "per_second": round(workflows / took.as_secs_f64()),
            "p50_ms": quantile(&times, 0.5),
            "p99_ms": quantile(&times, 0.99),
            "fsyncs_per_workflow": round((self.syncs().await? - syncs) / workflows),
            "node_cpu_ms_per_workflow": round(cpu / workflows),
            "node_cpu_ms_by_thread": by_thread,
            "driver_cpu_ms_per_workflow": round((cpu_ms(std::process::id())? - client_cpu) / workflows),
        }))
    }

    pub(super) async fn syncs(&self) -> anyhow::Result<f64> {
        self.figure("autoos_journal_sync_seconds_count").await
    }

    /// A figure of `/metrics`, all its series together.
    pub(super) async fn figure(&self, name: &str) -> anyhow::Result<f64> {
        let text = reqwest::get(format!("{}/metrics", self.url)).await?.text().await?;
        let series = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']))
        });
        let values: Vec<f64> =
            series.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        anyhow::ensure!(!values.is_empty(), "the node has no figure {name}");
        Ok(values.iter().sum())
    }

    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.pid.to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await?;
        self.process.wait().await?;
        Ok(())
    }

    /// kill -9.
    pub(super) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.process.kill().await?)
    }
}

/// A client that submits and hears of the ends.
pub(super) struct Load {
    intents: IntentsClient<Channel>,
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<String>>>>,
    /// Ends that came before anyone waited for them.
    early: Arc<Mutex<HashMap<String, String>>>,
}

impl Load {
    pub(super) async fn connect(url: &str) -> anyhow::Result<Self> {
        let channel = Channel::from_shared(url.to_owned())?.connect().await?;
        let kinds = ["completed", "failed", "escalated", "cancelled"];
        let subscribe = SubscribeRequest {
            from_end: true,
            kinds: kinds.map(str::to_owned).to_vec(),
            ..SubscribeRequest::default()
        };
        let mut ends = EventsClient::new(channel.clone()).subscribe(subscribe).await?.into_inner();
        let waiting: Arc<Mutex<HashMap<String, oneshot::Sender<String>>>> = Arc::default();
        let early: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        let (waits, earlier) = (waiting.clone(), early.clone());
        tokio::spawn(async move {
            while let Ok(Some(event)) = ends.message().await {
                let mut waits = lock(&waits);
                match waits.remove(&event.stream) {
                    // Whoever gave up waiting is not told.
                    Some(waiter) => drop(waiter.send(event.kind)),
                    None => drop(lock(&earlier).insert(event.stream, event.kind)),
                }
            }
        });
        Ok(Self { intents: IntentsClient::new(channel), waiting, early })
    }

    /// One workflow, from the submission to the news of its end.
    async fn one(&self) -> anyhow::Result<Duration> {
        let start = Instant::now();
        // At low risk the six steps are all that is done; more would review the result once more.
        let risk = RiskLevel::Low.into();
        let text = "an example of six steps".into();
        let intent = Intent { text, risk, ..Intent::default() };
        let request = SubmitIntentRequest { intent: Some(intent), idempotency_key: String::new() };
        let submitted = self.intents.clone().submit_intent(request).await?.into_inner();
        let news = {
            let mut waiting = lock(&self.waiting);
            match lock(&self.early).remove(&submitted.workflow_id) {
                Some(end) => Err(end),
                None => {
                    let (tell, news) = oneshot::channel();
                    waiting.insert(submitted.workflow_id.clone(), tell);
                    Ok(news)
                }
            }
        };
        let end = match news {
            Ok(news) => tokio::time::timeout(Duration::from_secs(30), news).await??,
            Err(end) => end,
        };
        if end != "completed" {
            bail!("{} {end}", submitted.workflow_id);
        }
        Ok(start.elapsed())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

pub(super) async fn one_after_the_other(
    load: &Load,
    count: usize,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        times.push(load.one().await?);
    }
    Ok(times)
}

pub(super) async fn crowd(
    load: &Arc<Load>,
    width: usize,
    seconds: u64,
) -> anyhow::Result<Vec<Duration>> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let workers = (0..width).map(|_| {
        let load = load.clone();
        tokio::spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                times.push(load.one().await?);
            }
            anyhow::Ok(times)
        })
    });
    let mut all = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await??);
    }
    Ok(all)
}

/// What an `fdatasync` after an append of 4 KiB takes on this disk, in milliseconds.
pub(super) fn sync_times(dir: &Path) -> anyhow::Result<Value> {
    let mut file = std::fs::File::create(dir.join("sync"))?;
    let mut times = Vec::new();
    for _ in 0..300 {
        file.write_all(&[7; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(json!({ "p50": quantile(&times, 0.5), "p99": quantile(&times, 0.99) }))
}

/// Reads, decodes and folds all that the run recorded.
async fn replay(dir: &Path) -> anyhow::Result<Value> {
    let opening = Instant::now();
    let journal = LocalJournal::open(LocalOptions::new(dir.join("node").join("journal")))?;
    let opened = opening.elapsed();
    let start = Instant::now();
    let mut events = 0u64;
    for shard in (0..journal.shards()).map(Shard) {
        let mut workflows: HashMap<uuid::Uuid, Workflow> = HashMap::new();
        let mut offset = 0;
        loop {
            let page = journal.scan(shard, offset, 4_096).await?;
            let Some((last, _)) = page.last() else { break };
            offset = last.offset + 1;
            for (_, event) in &page {
                events += 1;
                if event.stream.prefix != Prefix::WORKFLOW {
                    continue;
                }
                let decoded =
                    Event::decode(&event.kind, &event.body).map_err(anyhow::Error::msg)?;
                if let Some(decoded) = decoded {
                    let id = WorkflowId(event.stream.uuid);
                    let workflow = workflows.entry(id.0).or_insert_with(|| Workflow::new(id));
                    workflow.fold(&decoded, event.at);
                    if workflow.end.is_some() {
                        workflows.remove(&id.0);
                    }
                }
            }
        }
    }
    let took = start.elapsed();
    Ok(json!({
        "open_ms": round(opened.as_secs_f64() * 1e3),
        "events": events,
        "events_per_second": round(events as f64 / took.as_secs_f64()),
    }))
}

pub(super) fn quantile(sorted: &[Duration], q: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * q).round() as usize).map_or(0.0, |t| round(t.as_secs_f64() * 1e3))
}

pub(super) fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
