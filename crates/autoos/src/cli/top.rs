//! `top`: how the node that runs is doing, again and again: workflows, throughput, cost, providers.
//!
//! On a terminal the picture is drawn anew in place; elsewhere each look is a line, and with
//! `--output json` a JSON document in a line. Rates are what the counters grew by between two
//! looks, so the first has none.

use super::{COMPLETED, Global, Output};
use crate::{config::Config, door::Door, fail::Said, show};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::IsTerminal as _,
    time::{Duration, Instant},
};

/// Watches the node that runs.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Seconds between two looks, 1 to 3600
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    interval: u64,
    /// How many looks; without end where it is left out
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// How many workflows are listed, the newest first, at most 500
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=500))]
    rows: u64,
}

/// One look.
#[derive(Debug, Clone, Serialize)]
struct Look {
    node: String,
    status: String,
    version: String,
    /// Workflows by where they stand.
    workflows: BTreeMap<String, u64>,
    created: u64,
    ended: u64,
    events: u64,
    syncs: u64,
    cost_usd: f64,
    tokens_in: u64,
    tokens_out: u64,
    /// What the counters grew by, per second.
    rates: Option<Rates>,
    providers: Value,
    newest: Value,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Rates {
    workflows: f64,
    events: f64,
    syncs: f64,
    cost_usd: f64,
}

impl Top {
    pub(crate) async fn run(self, global: &Global, config: &Config) -> anyhow::Result<u8> {
        let Some(node) = Door::running(global, config).await? else {
            return Err(Said::new(
                "no_node",
                "no node runs on this data directory",
                "start one with autoos serve, or name one with --node URL",
            )
            .into());
        };
        let mut before: Option<(Look, Instant)> = None;
        let mut looks = 0;
        let mut ticks = tokio::time::interval(Duration::from_secs(self.interval));
        while self.count.is_none_or(|count| looks < count) {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = tokio::signal::ctrl_c() => break,
            }
            let mut look = self.look(&node).await?;
            let now = Instant::now();
            look.rates = before.as_ref().map(|(before, at)| rates(before, &look, now - *at));
            print(&look, global.output);
            before = Some((look, now));
            looks += 1;
        }
        Ok(COMPLETED)
    }

    async fn look(&self, node: &Door) -> anyhow::Result<Look> {
        let health = node.get("/health").await?;
        let figures = Figures::read(&node.text("/metrics").await?);
        let mut providers = node.get("/api/v1/providers").await?;
        let mut newest = node.get(&format!("/api/v1/workflows?limit={}", self.rows)).await?;
        Ok(Look {
            node: node.name(),
            status: show::text(&health, "status"),
            version: show::text(&health, "version"),
            workflows: figures.by_label("autoos_workflows", "state"),
            created: figures.sum("autoos_workflows_created_total") as u64,
            ended: figures.sum("autoos_workflows_ended_total") as u64,
            events: figures.sum("autoos_journal_events_total") as u64,
            syncs: figures.sum("autoos_journal_sync_seconds_count") as u64,
            cost_usd: figures.sum("autoos_cost_usd_total"),
            tokens_in: figures.with_label("autoos_tokens_total", "input") as u64,
            tokens_out: figures.with_label("autoos_tokens_total", "output") as u64,
            rates: None,
            providers: providers["providers"].take(),
            newest: newest["items"].take(),
        })
    }
}

fn rates(before: &Look, now: &Look, took: Duration) -> Rates {
    let seconds = took.as_secs_f64().max(1e-3);
    // A node that was started anew counts from the beginning.
    let grew = |before: f64, now: f64| ((now - before).max(0.0) / seconds * 1e3).round() / 1e3;
    Rates {
        workflows: grew(before.ended as f64, now.ended as f64),
        events: grew(before.events as f64, now.events as f64),
        syncs: grew(before.syncs as f64, now.syncs as f64),
        cost_usd: grew(before.cost_usd, now.cost_usd),
    }
}

fn print(look: &Look, output: Output) {
    match output {
        Output::Json => show::line(&serde_json::json!(look).to_string()),
        Output::Text if std::io::stdout().is_terminal() => draw(look),
        Output::Text => show::line(&format!("{}  {}", summary(look), throughput(look))),
    }
}

fn summary(look: &Look) -> String {
    const OVER: [&str; 3] = ["completed", "failed", "cancelled"];
    let standing = look.workflows.iter().filter(|(state, n)| !OVER.contains(&&***state) && **n > 0);
    let standing: Vec<String> = standing.map(|(state, n)| format!("{n} {state}")).collect();
    let open = if standing.is_empty() { "none open".to_owned() } else { standing.join(", ") };
    format!("{}  workflows: {open}; {} of {} ended", look.status, look.ended, look.created)
}

fn throughput(look: &Look) -> String {
    let spent = format!("${:.4} spent", look.cost_usd);
    match look.rates {
        Some(Rates { workflows, events, syncs, .. }) => {
            format!("{workflows:.1} workflows/s  {events:.1} events/s  {syncs:.1} syncs/s  {spent}")
        }
        None => format!("{} events  {} syncs  {spent}", look.events, look.syncs),
    }
}

/// The picture, over the one before.
fn draw(look: &Look) {
    // Home, then everything below is cleared (ECMA-48, CUP and ED).
    show::line(&format!("\x1b[H\x1b[2Jautoos {} at {}", look.version, look.node));
    show::line(&summary(look));
    show::line(&throughput(look));
    show::line(&format!("tokens: {} in, {} out\n", look.tokens_in, look.tokens_out));
    for row in look.providers.as_array().into_iter().flatten() {
        show::line(&format!(
            "{:<20} {:>8} calls  {:>6} failed  {:>4} in flight  {:>10}",
            show::tame(&show::text(row, "name")),
            show::number(row, "calls"),
            show::number(row, "failures"),
            show::number(row, "in_flight"),
            show::dollars(show::number(row, "cost_microusd")),
        ));
    }
    show::line("");
    for row in look.newest.as_array().into_iter().flatten() {
        let intent = show::tame(&show::text(row, "intent"));
        let first: String = intent.lines().next().unwrap_or_default().chars().take(40).collect();
        show::line(&format!(
            "{}  {:<10} {:>3}/{:<3} {:>9}  {first}",
            show::text(row, "id"),
            show::text(row, "state"),
            show::number(row, "steps_over"),
            show::number(row, "steps"),
            show::dollars(show::number(row, "cost_microusd")),
        ));
    }
    show::line("\nCtrl-C ends");
}

/// What `/metrics` says: name, labels as they are written, value.
struct Figures(Vec<(String, String, f64)>);

impl Figures {
    fn read(text: &str) -> Self {
        let figures = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            let (name, labels) = name.split_once('{').unwrap_or((name, ""));
            Some((name.to_owned(), labels.to_owned(), value.parse().ok()?))
        });
        Self(figures.collect())
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &(String, String, f64)> {
        self.0.iter().filter(move |(found, ..)| found == name)
    }

    fn sum(&self, name: &str) -> f64 {
        self.of(name).map(|(.., value)| value).sum()
    }

    fn with_label(&self, name: &str, label: &str) -> f64 {
        let quoted = format!("\"{label}\"");
        self.of(name).filter(|(_, labels, _)| labels.contains(&quoted)).map(|(.., v)| v).sum()
    }

    /// The figures of a name by the value of their only label.
    fn by_label(&self, name: &str, label: &str) -> BTreeMap<String, u64> {
        let value = |labels: &str| {
            let after = labels.split_once(&format!("{label}=\""))?.1;
            Some(after.split_once('"')?.0.to_owned())
        };
        self.of(name).filter_map(|(_, labels, n)| Some((value(labels)?, *n as u64))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_with_their_labels() {
        let text = "# HELP autoos_workflows x\nautoos_workflows{state=\"running\"} 3\n\
                    autoos_workflows{state=\"failed\"} 1\nautoos_cost_usd_total 0.25\n\
                    autoos_tokens_total{direction=\"input\"} 7\nnonsense\n";
        let figures = Figures::read(text);
        assert_eq!(figures.sum("autoos_workflows"), 4.0);
        assert_eq!(figures.by_label("autoos_workflows", "state")["running"], 3);
        assert_eq!(figures.with_label("autoos_tokens_total", "input"), 7.0);
        assert_eq!(figures.sum("autoos_cost_usd_total"), 0.25);
        assert_eq!(figures.sum("not_there"), 0.0);
    }
}
