//! `bench waiting`: how a node starts when many workflows wait in a long journal.
//!
//! Workflows that wait are real: they are submitted to a runtime in this process, a tool refuses,
//! a human is asked. What lies before them are copies of a finished workflow's events under new
//! ids, recorded through the journal. Then nodes are started as processes on that directory: one
//! after a clean stop, one after kill -9, one whose index of views is gone.

use super::{
    COMPLETED, Global,
    bench::{self, quantile, round},
};
use crate::{config::Config, node::Node as Inside, show};
use anyhow::{Context as _, bail};
use autoos_guard::DEFAULT_TENANT;
use autoos_journal::{
    Batch, Event, LocalJournal, LocalOptions, NewEvent, SharedJournal, Standing, StreamWrite,
};
use autoos_kernel::{
    id::{Shard, StreamId, WorkflowId, uuid_at},
    plan::Plan,
    time::Timestamp,
    words::RiskLevel,
};
use autoos_runtime::{Refusal, Runtime, Submission};
use autoos_views::{Keep, Views};
use clap::Args;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Measures how a node starts with many waiting workflows and a long journal.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// Workflows that wait for a human
    #[arg(long, default_value_t = 10_000)]
    workflows: usize,
    /// Events in the journal, with those of finished workflows
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Where the node keeps its data; a folder that goes away at the end where none is named
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// How far apart the finished workflows began, in milliseconds.
const APART_MS: u64 = 20;
/// Finished workflows in one append.
const BATCH: usize = 48;
/// Submissions and appends under way at once.
const WIDTH: usize = 256;
/// How often something is looked at again.
const LOOK: Duration = Duration::from_millis(20);

impl Waiting {
    pub(super) async fn run(self, _: &Global) -> anyhow::Result<u8> {
        let temporary = tempfile::tempdir().context("no temporary folder")?;
        let dir = self.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
        std::fs::create_dir_all(&dir)?;
        let empty = tempfile::tempdir().context("no temporary folder")?;
        let (empty, node) = start(empty.path(), None).await?;
        node.stop().await?;

        let filled = self.fill(&dir).await?;
        let one = filled.waiting.first().context("at least one workflow must wait")?;
        let (mut stopped, node) = start(&dir, Some(*one)).await?;
        stopped["resolve"] = resolve(&node, *one).await?;
        // Recorded and in no file yet when the process is killed.
        let before_kill = more(&node).await?;
        node.kill().await?;
        let (killed, node) = start(&dir, Some(*one)).await?;
        node.stop().await?;
        std::fs::remove_dir_all(dir.join("node").join("views"))?;
        let (without, node) = start(&dir, Some(*one)).await?;
        node.stop().await?;
        let inside = inside(&dir).await?;

        let rss = |start: &Value| start["rss_mib"].as_f64().unwrap_or_default();
        let bytes = (rss(&stopped) - rss(&empty)) * f64::from(1 << 20);
        show::json(&json!({
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "waiting": filled.waiting.len(),
            "events": filled.events,
            "finished": filled.finished,
            "fill": filled.took,
            "empty": empty,
            "after_stop": stopped,
            "rss_bytes_per_waiting": round(bytes / filled.waiting.len() as f64),
            "after_kill": killed,
            "events_before_kill": before_kill,
            "without_index": without,
            "inside": inside,
        }));
        Ok(COMPLETED)
    }

    /// Fills a directory and stops the node that did.
    async fn fill(&self, dir: &Path) -> anyhow::Result<Filled> {
        let config = dir.join("bench.toml");
        std::fs::write(&config, bench::CONFIG)?;
        let config = Config::read(Some(&config))?;
        let node = Inside::start(&config, &dir.join("node")).await?;
        let journal: SharedJournal = node.journal.clone();
        let begin = Instant::now();
        let template = Template::make(&node.runtime, &node.views, &journal).await?;
        let asked = submit(&node.runtime, 1, 0).await?;
        until_waiting(&node.runtime, &node.views, 1).await?;
        let per_waiting = events_of(&journal, asked[0]).await?;
        let others = (self.workflows as u64) * per_waiting + held(&journal);
        let finished = template.copies(&journal, self.events.saturating_sub(others)).await?;
        let filled = begin.elapsed();
        let begin = Instant::now();
        let mut waiting = asked;
        waiting.extend(submit(&node.runtime, self.workflows.saturating_sub(1), 1).await?);
        until_waiting(&node.runtime, &node.views, waiting.len()).await?;
        let submitted = begin.elapsed();
        let events = held(&journal);
        let begin = Instant::now();
        drop(journal);
        node.stop().await;
        until_let_go(&dir.join("node")).await?;
        let took = json!({
            "finished_s": round(filled.as_secs_f64()),
            "waiting_s": round(submitted.as_secs_f64()),
            "stop_ms": round(begin.elapsed().as_secs_f64() * 1e3),
        });
        Ok(Filled { waiting, events, finished, took })
    }
}

/// Submits some workflows to a node; answers how many events the journal held then.
async fn more(node: &bench::Node) -> anyhow::Result<u64> {
    for _ in 0..100 {
        submit_over(&node.url).await?;
    }
    let text = reqwest::get(format!("{}/metrics", node.url)).await?.text().await?;
    let held = text.lines().find_map(|l| l.strip_prefix("autoos_journal_events_total "));
    Ok(held.context("the node counts no events")?.trim().parse::<f64>()? as u64)
}

/// Waits until nothing in this process holds the journal any more: what was under way in actors
/// lets go of it a moment after they have ended.
async fn until_let_go(dir: &Path) -> anyhow::Result<()> {
    let lock = std::fs::File::open(dir.join("journal").join("lock"))?;
    let begin = Instant::now();
    while lock.try_lock().is_err() {
        if begin.elapsed() > Duration::from_secs(60) {
            bail!("the journal is still held a minute after its node was stopped");
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// What was put into a directory.
struct Filled {
    waiting: Vec<WorkflowId>,
    events: u64,
    finished: u64,
    took: Value,
}

fn held(journal: &SharedJournal) -> u64 {
    journal.end().0.values().sum()
}

async fn events_of(journal: &SharedJournal, id: WorkflowId) -> anyhow::Result<u64> {
    let mut events = 0;
    for stream in [id.intent().stream(), id.stream()] {
        events += journal.head(stream).await?.map_or(0, |head| head.next);
    }
    Ok(events)
}

fn submission(text: String, plan: Option<Plan>) -> Submission {
    Submission {
        tenant: DEFAULT_TENANT.to_owned(),
        user: "bench".into(),
        text,
        contexts: Vec::new(),
        risk: RiskLevel::Low,
        budget_microusd: None,
        deadline: None,
        idempotency_key: None,
        plan,
        trace: None,
    }
}

/// One step that no tool may do, so that a human is asked.
fn refused() -> anyhow::Result<Plan> {
    let plan = json!({"name": "ask", "result": "read", "steps": [{
        "id": "read",
        "work": {"tool": {"name": "fs.read", "args": {"path": "/nowhere/at-all"}}},
    }]});
    Ok(serde_json::from_value(plan)?)
}

/// Submits workflows that come to wait for a human, numbered from `first` on.
async fn submit(runtime: &Runtime, count: usize, first: usize) -> anyhow::Result<Vec<WorkflowId>> {
    let plan = refused()?;
    let mut under_way = JoinSet::new();
    let mut ids = Vec::with_capacity(count);
    for n in first..first + count {
        if under_way.len() >= WIDTH
            && let Some(id) = under_way.join_next().await
        {
            ids.push(id??);
        }
        let (runtime, plan) = (runtime.clone(), plan.clone());
        under_way.spawn(async move {
            loop {
                let text = format!("Read what nobody may read, number {n}");
                match runtime.submit(submission(text, Some(plan.clone()))).await {
                    Ok(submitted) => return anyhow::Ok(submitted.workflow),
                    Err(Refusal::Overloaded { .. }) => tokio::time::sleep(LOOK).await,
                    Err(refusal) => return Err(refusal.into()),
                }
            }
        });
    }
    while let Some(id) = under_way.join_next().await {
        ids.push(id??);
    }
    Ok(ids)
}

/// Waits until so many workflows wait for a human and none is in memory.
async fn until_waiting(runtime: &Runtime, views: &Views, count: usize) -> anyhow::Result<()> {
    loop {
        let metrics = views.metrics().unwrap_or_default();
        let waiting = metrics.workflows.get("escalated").copied().unwrap_or(0);
        if waiting >= count as u64 && runtime.open().await == 0 {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The events of a workflow that has run to its end.
struct Template {
    streams: Vec<(StreamId, Vec<Event>)>,
    events: u64,
}

impl Template {
    async fn make(
        runtime: &Runtime,
        views: &Views,
        journal: &SharedJournal,
    ) -> anyhow::Result<Self> {
        use futures::StreamExt as _;
        let text = "an example of six steps".to_owned();
        let id = runtime.submit(submission(text, None)).await?.workflow;
        let mut changes = views.watch(id, 0).await?;
        while let Some(change) = changes.next().await {
            change?;
        }
        // The intent's last event follows the workflow's.
        while journal.head(id.intent().stream()).await?.is_none_or(|head| head.next < 2) {
            tokio::time::sleep(LOOK).await;
        }
        let mut streams = Vec::new();
        for stream in [id.intent().stream(), id.stream()] {
            streams.push((stream, journal.read(stream, 0, usize::MAX).await?));
        }
        let events = streams.iter().map(|(_, events)| events.len() as u64).sum();
        Ok(Self { streams, events })
    }

    /// Records copies under new ids, in the time before it, until there are so many events more;
    /// returns how many copies that took.
    async fn copies(&self, journal: &SharedJournal, events: u64) -> anyhow::Result<u64> {
        let count = events / self.events;
        let first = self.streams[0].1[0].at.0.saturating_sub((count + 1) * APART_MS);
        let mut batches: Vec<Vec<StreamWrite>> = vec![Vec::new(); usize::from(journal.shards())];
        let mut under_way = JoinSet::new();
        for n in 0..count {
            let at = Timestamp(first + n * APART_MS);
            let uuid = uuid_at(at, rand_bits(n));
            let shard = Shard::of(uuid, journal.shards());
            let batch = &mut batches[usize::from(shard.0)];
            batch.extend(
                self.streams
                    .iter()
                    .map(|(stream, events)| write(StreamId::new(stream.prefix, uuid), events, at)),
            );
            if batch.len() >= 2 * BATCH {
                let writes = std::mem::take(batch);
                append(journal, shard, writes, &mut under_way).await?;
            }
        }
        for (shard, writes) in (0..).map(Shard).zip(batches) {
            if !writes.is_empty() {
                append(journal, shard, writes, &mut under_way).await?;
            }
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        Ok(count)
    }
}

/// The same for the same `n`, and different for each.
fn rand_bits(n: u64) -> [u8; 10] {
    let mut bits = [0; 10];
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits[..8].copy_from_slice(&mixed.to_le_bytes());
    bits
}

fn write(stream: StreamId, events: &[Event], at: Timestamp) -> StreamWrite {
    let begin = events.first().map_or(at, |event| event.at);
    let copy = |event: &Event| NewEvent {
        at: at.plus_ms(event.at.since_ms(begin)),
        actor: event.actor.clone(),
        cause: event.cause.clone(),
        trace: event.trace,
        kind: event.kind.clone(),
        body: event.body.clone(),
    };
    let events = events.iter().map(copy).collect();
    StreamWrite { stream, expect: 0, events, standing: Standing::Closed }
}

async fn append(
    journal: &SharedJournal,
    shard: Shard,
    writes: Vec<StreamWrite>,
    under_way: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    if under_way.len() >= 32
        && let Some(done) = under_way.join_next().await
    {
        done??;
    }
    let journal = journal.clone();
    under_way.spawn(async move {
        let epoch = journal.epoch(shard);
        journal.append(Batch { epoch, writes, bodies: Vec::new() }).await?;
        Ok(())
    });
    Ok(())
}

/// Starts a node as a process and measures until it does what is asked of it.
async fn start(dir: &Path, one: Option<WorkflowId>) -> anyhow::Result<(Value, bench::Node)> {
    let begin = Instant::now();
    let ms = move || round(begin.elapsed().as_secs_f64() * 1e3);
    let node = bench::Node::start(dir).await?;
    let mut told = json!({"listening_ms": ms()});
    let list = get(&node.url, "/api/v1/workflows?limit=50").await?;
    told["list_ms"] = json!(ms());
    told["list_complete"] = list["complete"].clone();
    if let Some(id) = one {
        get(&node.url, &format!("/api/v1/workflows/{id}")).await?;
    }
    submit_over(&node.url).await?;
    told["serving_ms"] = json!(ms());
    while get(&node.url, "/api/v1/workflows?limit=1").await?["complete"] != json!(true) {
        tokio::time::sleep(LOOK).await;
    }
    told["complete_ms"] = json!(ms());
    told["rss_mib"] = json!(rss_mib(node.pid)?);
    let mut pages = Vec::new();
    for _ in 0..5 {
        let begin = Instant::now();
        let page = get(&node.url, "/api/v1/escalations?limit=50").await?;
        pages.push(begin.elapsed());
        told["questions_on_page"] = json!(page["items"].as_array().map_or(0, Vec::len));
    }
    told["escalations_first_ms"] = json!(quantile(&pages[..1], 0.0));
    pages.sort();
    told["escalations_p50_ms"] = json!(quantile(&pages, 0.5));
    Ok((told, node))
}

/// Answers the question of a workflow and waits until that has brought it to its end.
async fn resolve(node: &bench::Node, id: WorkflowId) -> anyhow::Result<Value> {
    let begin = Instant::now();
    let url = format!("{}/api/v1/escalations/{id}/1/resolve", node.url);
    let answer = json!({"answer": "edit", "value": "what a human read", "by": "bench"});
    let answer = reqwest::Client::new().post(url).json(&answer).send().await?;
    if !answer.status().is_success() {
        bail!("the answer was refused: {}", answer.text().await?);
    }
    loop {
        let view = get(&node.url, &format!("/api/v1/workflows/{id}")).await?;
        match view["state"].as_str() {
            Some("completed") => break,
            Some("escalated" | "running") => tokio::time::sleep(LOOK).await,
            _ => bail!("it ended otherwise: {view}"),
        }
    }
    Ok(json!({"state": "completed", "ms": round(begin.elapsed().as_secs_f64() * 1e3)}))
}

async fn submit_over(url: &str) -> anyhow::Result<()> {
    let body = json!({"intent": "an example of six steps", "user_id": "bench"});
    let url = format!("{url}/api/v1/intents");
    let answer = reqwest::Client::new().post(url).json(&body).send().await?;
    if !answer.status().is_success() {
        bail!("a submission was refused: {}", answer.text().await?);
    }
    Ok(())
}

async fn get(url: &str, path: &str) -> anyhow::Result<Value> {
    let answer = reqwest::get(format!("{url}{path}")).await?;
    let (status, text) = (answer.status(), answer.text().await?);
    if !status.is_success() {
        bail!("GET {path}: {status} {text}");
    }
    Ok(serde_json::from_str(&text)?)
}

/// The parts of a start, in this process: opening the journal, then the views' index.
async fn inside(dir: &Path) -> anyhow::Result<Value> {
    let dir = dir.join("node");
    let begin = Instant::now();
    let journal = LocalJournal::open(LocalOptions::new(dir.join("journal")))?;
    let opened = begin.elapsed();
    let before = rss_mib(std::process::id())?;
    let begin = Instant::now();
    let shared: SharedJournal = Arc::<LocalJournal>::clone(&journal);
    let views = Views::open(shared, Keep::new(dir.join("views"))).await;
    views.wait_ready().await?;
    let loaded = begin.elapsed();
    let index = rss_mib(std::process::id())? - before;
    let mut bytes = 0;
    for file in std::fs::read_dir(dir.join("views"))? {
        bytes += file?.metadata()?.len();
    }
    drop(views);
    journal.close().await;
    Ok(json!({
        "journal_open_ms": round(opened.as_secs_f64() * 1e3),
        "index_load_ms": round(loaded.as_secs_f64() * 1e3),
        "index_rss_mib": round(index),
        "index_files_mib": round(bytes as f64 / f64::from(1 << 20)),
    }))
}

/// What a process has in memory (`man 5 proc_pid_status`).
fn rss_mib(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .context("memory is read from /proc, which this system has not")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
    Ok(round(kib.parse::<f64>()? / 1024.0))
}
