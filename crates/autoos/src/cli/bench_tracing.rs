//! `bench tracing`: what it costs to see. Three nodes run the same load in turns: one that traces
//! nothing, one with a collector in a process of its own, one whose collector is not there.

use super::{
    COMPLETED,
    bench::{CONFIG, Load, Node, crowd, one_after_the_other, round},
    cpu::cpu_ms,
};
use crate::show;
use anyhow::Context as _;
use axum::{Router, body::Bytes, extract::State, routing::post};
use clap::Args;
use serde_json::{Value, json};
use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

/// Measures what tracing costs.
#[derive(Debug, Args)]
pub(crate) struct Tracing {
    /// Workflows that are open at once
    #[arg(long, default_value_t = 128)]
    in_flight: usize,
    /// Turns of each node
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a turn is, in seconds
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Traces that are kept whole each second at most; what a node does unless it is told otherwise
    /// without this
    #[arg(long, value_name = "N")]
    traces_per_second: Option<f64>,
}

/// A node under load, and what it has done.
struct Turn {
    name: &'static str,
    node: Node,
    load: Arc<Load>,
    workflows: usize,
    took: Duration,
    cpu_ms: f64,
}

impl Turn {
    async fn start(
        name: &'static str,
        dir: &std::path::Path,
        endpoint: Option<&str>,
        per_second: Option<f64>,
    ) -> anyhow::Result<Self> {
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir)?;
        let mut config = CONFIG.to_owned();
        if let Some(endpoint) = endpoint {
            config.push_str(&format!("\n[telemetry]\nendpoint = {endpoint:?}\n"));
            if let Some(n) = per_second {
                config.push_str(&format!("traces_per_second = {n:?}\n"));
            }
        }
        let node = Node::with(&dir, &config).await?;
        let load = Arc::new(Load::connect(&node.url).await?);
        one_after_the_other(&load, 20).await?;
        let (workflows, took, cpu_ms) = (0, Duration::ZERO, 0.0);
        Ok(Self { name, node, load, workflows, took, cpu_ms })
    }

    async fn run(&mut self, in_flight: usize, seconds: u64) -> anyhow::Result<()> {
        let (cpu, began) = (cpu_ms(self.node.pid)?, Instant::now());
        self.workflows += crowd(&self.load, in_flight, seconds).await?.len();
        self.took += began.elapsed();
        self.cpu_ms += cpu_ms(self.node.pid)? - cpu;
        Ok(())
    }

    fn per_second(&self) -> f64 {
        self.workflows as f64 / self.took.as_secs_f64().max(1e-9)
    }

    async fn told(&self) -> anyhow::Result<Value> {
        let figure = async |name: &str| self.node.figure(name).await.unwrap_or(0.0);
        Ok(json!({
            "per_second": round(self.per_second()),
            "node_cpu_ms_per_workflow": round(self.cpu_ms / self.workflows.max(1) as f64),
            "spans_sent": figure("autoos_trace_spans_total").await,
            "spans_dropped": figure("autoos_trace_spans_dropped_total").await,
        }))
    }
}

impl Tracing {
    pub(crate) async fn run(self) -> anyhow::Result<u8> {
        let dir = tempfile::tempdir().context("no temporary folder")?;
        let (sink, url) = sink().await?;
        // An address at which nobody listens.
        let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").await?.local_addr()?);
        let most = self.traces_per_second;
        let mut turns = [
            Turn::start("off", dir.path(), None, most).await?,
            Turn::start("collector", dir.path(), Some(&url), most).await?,
            Turn::start("nobody", dir.path(), Some(&nobody), most).await?,
        ];
        for n in 0..self.rounds {
            // Whoever is first in one round is last in another.
            for at in 0..turns.len() {
                turns[(n + at) % 3].run(self.in_flight, self.seconds).await?;
            }
        }
        let off = turns[0].per_second();
        let mut figures = serde_json::Map::new();
        for turn in &turns {
            let mut told = turn.told().await?;
            told["of_off"] = json!(round(turn.per_second() / off));
            figures.insert(turn.name.to_owned(), told);
        }
        for turn in turns {
            turn.node.stop().await?;
        }
        drop(sink);
        show::json(&json!({
            "in_flight": self.in_flight,
            "rounds": self.rounds,
            "seconds": self.seconds,
            "tracing": figures,
        }));
        Ok(COMPLETED)
    }
}

/// A collector in a process of its own, and where it listens.
async fn sink() -> anyhow::Result<(Child, String)> {
    let mut process = Command::new(std::env::current_exe()?)
        .args(["bench", "sink"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start a collector")?;
    let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
    let url = lines.next_line().await?.context("the collector said nothing")?;
    Ok((process, url))
}

/// `bench sink`: takes spans and counts bytes, until it is killed.
pub(super) async fn serve_sink() -> anyhow::Result<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    show::line(&format!("http://{}", listener.local_addr()?));
    let take = async |State(bytes): State<Arc<AtomicU64>>, body: Bytes| {
        bytes.fetch_add(body.len() as u64, Relaxed);
    };
    let router = Router::new().route("/v1/traces", post(take));
    axum::serve(listener, router.with_state(Arc::<AtomicU64>::default())).await?;
    Ok(COMPLETED)
}
