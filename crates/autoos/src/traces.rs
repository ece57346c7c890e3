//! Traces, wired up: settings from the configuration and the environment, the journal with an ear,
//! the shipper, and its figures.

use anyhow::Context as _;
use autoos_fabric::secret::SecretRef;
use autoos_gateway::Figures;
use autoos_journal::SharedJournal;
use autoos_meter::Family;
use autoos_otlp::{Folding, Heard, Options, Queue, Resource, Settings, Shipper};
use std::{path::Path, sync::Arc};

/// What ships the spans of a node.
pub(crate) struct Traces {
    heard: Heard,
    folding: Folding,
    shipper: Shipper,
    queue: Queue,
}

/// The settings with their secrets; none where no collector is named.
pub(crate) fn settings(options: &Options) -> anyhow::Result<Option<Settings>> {
    let env = |name: &str| std::env::var(name).ok();
    let said = "in the configuration of the telemetry";
    let Some(mut settings) = options.settings(env).map_err(anyhow::Error::msg).context(said)?
    else {
        return Ok(None);
    };
    for (name, value) in &mut settings.headers {
        if value.starts_with("env:") || value.starts_with("file:") {
            let secret = SecretRef::parse(value).resolve(&env);
            let secret = secret.map_err(|why| anyhow::anyhow!("{said}, header {name}: {why}"))?;
            *value = secret.expose().to_owned();
        }
    }
    Ok(Some(settings))
}

/// This process as spans name it.
pub(crate) fn resource(settings: &Settings, dir: &Path) -> Resource {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    // A node is its data directory: the same after every start.
    let whole = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let instance = format!("{host}:{}", whole.display());
    Resource::new(&settings.service, &instance, Some(host), &settings.resource)
}

impl Traces {
    /// Begins to trace; none where no collector is named.
    pub(crate) fn start(
        options: &Options,
        journal: SharedJournal,
        dir: &Path,
    ) -> anyhow::Result<Option<Self>> {
        let Some(settings) = settings(options)? else { return Ok(None) };
        let started = Shipper::start(&settings, resource(&settings, dir));
        let (shipper, queue) =
            started.map_err(anyhow::Error::msg).context("in the configuration of the telemetry")?;
        autoos_telemetry::plug(queue.clone(), settings.sampling, settings.content);
        let (heard, folding) = Heard::start(journal, queue.clone());
        Ok(Some(Self { heard, folding, shipper, queue }))
    }

    /// The journal that the runtime writes to.
    pub(crate) fn journal(&self) -> SharedJournal {
        Arc::new(self.heard.clone())
    }

    /// Sends what is left, for three seconds at most.
    pub(crate) async fn stop(self) {
        self.folding.stop().await;
        self.shipper.stop().await;
    }
}

/// The figures of a node with those of its traces.
pub(crate) fn with_figures(others: Figures, traces: Option<&Traces>) -> Figures {
    let Some(queue) = traces.map(|traces| traces.queue.clone()) else { return others };
    Arc::new(move || {
        let mut all = others();
        let stats = queue.stats();
        let (counter, gauge) = (Family::counter, Family::gauge);
        let dropped = [("queue_full", stats.dropped_full), ("refused", stats.dropped_refused)];
        all.extend([
            counter("autoos_trace_spans_total", "Spans that the collector took.")
                .of(stats.sent as f64),
            counter("autoos_trace_spans_dropped_total", "Spans that were dropped, by why.")
                .by("reason", dropped),
            counter(
                "autoos_trace_export_failures_total",
                "Deliveries of spans that did not arrive.",
            )
            .of(stats.failures as f64),
            gauge("autoos_trace_spans_queued", "Spans that wait for the collector.")
                .of(stats.queued as f64),
        ]);
        all
    })
}
