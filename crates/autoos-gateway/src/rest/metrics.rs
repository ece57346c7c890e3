//! `/metrics` in Prometheus' text format.
//!
//! Counts of workflows come from the views, which fold the whole journal: they survive restarts.
//! What the edge counts of itself begins anew with the process, as counters may.

use crate::{
    edge::Edge,
    meters::{BOUNDS_S, Counts},
    samples::Kind,
};
use autoos_views::{BOUNDS_MS, Histogram, Metrics};
use axum::{
    extract::State,
    http::{HeaderName, header},
};
use std::fmt::Write as _;

/// Text that is being written.
#[derive(Default)]
struct Text(String);

type Label<'a> = (&'a str, &'a str);

impl Text {
    fn has(&self, name: &str) -> bool {
        self.0.contains(&format!("# TYPE {name} "))
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', " ");
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[Label<'_>], value: f64) {
        self.0.push_str(name);
        for (n, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let open = if n == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{label}=\"{value}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }

    fn counts<K: AsRef<str>>(
        &mut self,
        (name, kind, help): (&str, &str, &str),
        label: &str,
        counts: impl IntoIterator<Item = (K, u64)>,
    ) {
        self.head(name, kind, help);
        for (key, count) in counts {
            self.line(name, &[(label, key.as_ref())], count as f64);
        }
    }

    /// The series of one histogram; `bounds` in seconds.
    fn histogram(
        &mut self,
        name: &str,
        labels: &[Label<'_>],
        bounds: impl Iterator<Item = f64>,
        buckets: &[u64],
        (sum, count): (f64, u64),
    ) {
        let mut below = 0;
        let bounds = bounds.map(|b| b.to_string()).chain(["+Inf".to_owned()]);
        for (bound, bucket) in bounds.zip(buckets) {
            below += bucket;
            let mut labels = labels.to_vec();
            labels.push(("le", &bound));
            self.line(&format!("{name}_bucket"), &labels, below as f64);
        }
        self.line(&format!("{name}_sum"), labels, sum);
        self.line(&format!("{name}_count"), labels, count as f64);
    }

    fn durations(&mut self, name: &str, labels: &[Label<'_>], of: &Histogram) {
        let bounds = BOUNDS_MS.iter().map(|ms| *ms as f64 / 1e3);
        self.histogram(name, labels, bounds, &of.buckets, (of.sum_ms as f64 / 1e3, of.count));
    }
}

pub(super) async fn metrics(State(edge): State<Edge>) -> ([(HeaderName, &'static str); 1], String) {
    let mut text = Text::default();
    of_node(&mut text, &edge).await;
    // None while the index is built: a part of history would look like a reset.
    if let Some(metrics) = edge.views.metrics() {
        of_workflows(&mut text, &metrics);
        of_attempts(&mut text, &metrics);
    }
    of_edge(&mut text, &edge.meters.counts());
    of_others(&mut text, &edge);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.0)
}

async fn of_node(text: &mut Text, edge: &Edge) {
    text.head("autoos_build_info", "gauge", "The version that runs.");
    text.line("autoos_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let degraded = f64::from(u8::from(edge.journal.degraded().is_some()));
    text.one("autoos_journal_degraded", "gauge", "1 while the journal is read-only.", degraded);
    let events: u64 = edge.journal.end().0.values().sum();
    let help = "Events that the journal holds.";
    text.one("autoos_journal_events_total", "counter", help, events as f64);
    let open = edge.runtime.open().await as f64;
    let help = "Workflows that are in memory.";
    text.one("autoos_workflows_open", "gauge", help, open);
    let ready = f64::from(u8::from(edge.views.ready() == autoos_views::Ready::Yes));
    text.one("autoos_views_ready", "gauge", "1 once lists and counts cover all there is.", ready);
    let lessons = edge.runtime.lessons();
    let reverted = lessons.iter().filter(|lesson| lesson.reverted.is_some()).count() as u64;
    let counts = [("in_force", lessons.len() as u64 - reverted), ("reverted", reverted)];
    text.counts(("autoos_lessons", "gauge", "Lessons that were learned."), "state", counts);
    let free = edge.limits.requests.available_permits() as f64;
    text.one("autoos_request_places_free", "gauge", "Requests that could begin now.", free);
    let free = edge.limits.streams.available_permits() as f64;
    text.one("autoos_stream_places_free", "gauge", "Streams that could begin now.", free);
}

fn of_workflows(text: &mut Text, metrics: &Metrics) {
    let states = metrics.workflows.iter().map(|(k, v)| (k, *v));
    text.counts(("autoos_workflows", "gauge", "Workflows by state."), "state", states);
    let name = "autoos_workflows_created_total";
    text.one(name, "counter", "Workflows that were accepted.", metrics.created as f64);
    let outcomes = metrics.outcomes.iter().map(|(k, v)| (k, *v));
    let head = ("autoos_workflows_ended_total", "counter", "Workflows that ended, by how.");
    text.counts(head, "state", outcomes);
    let name = "autoos_workflow_duration_seconds";
    text.head(name, "histogram", "From acceptance to end.");
    text.durations(name, &[], &metrics.workflow_ms);
    text.one("autoos_steps_total", "counter", "Steps that were over.", metrics.steps as f64);
    let plans = metrics.plans.iter().map(|(k, v)| (k, *v));
    let head = ("autoos_plans_total", "counter", "Plans that were judged, by verdict.");
    text.counts(head, "verdict", plans);
    let resolved = metrics.resolved.iter().map(|(k, v)| (k, *v));
    let head = ("autoos_escalations_resolved_total", "counter", "Answers of humans, by decision.");
    text.counts(head, "decision", resolved);
}

fn of_attempts(text: &mut Text, metrics: &Metrics) {
    let attempts = metrics.attempts.iter().map(|(k, v)| (k, *v));
    let head = ("autoos_attempts_total", "counter", "Attempts that began, by what they called.");
    text.counts(head, "called", attempts);
    let failures = metrics.failures.iter().map(|(k, v)| (k, *v));
    let head = ("autoos_attempt_failures_total", "counter", "Failed attempts, by exit reason.");
    text.counts(head, "exit", failures);
    let name = "autoos_attempt_duration_seconds";
    text.head(name, "histogram", "From an attempt's start to its end, by what it called.");
    for (called, durations) in &metrics.attempt_ms {
        text.durations(name, &[("called", called)], durations);
    }
    let rungs = metrics.rungs.iter().map(|(k, v)| (k, *v));
    let head = ("autoos_recovery_total", "counter", "Rungs of the recovery ladder climbed.");
    text.counts(head, "recovery_level", rungs);
    let name = "autoos_ladder_climbs_total";
    text.head(name, "counter", "Rungs of the recovery ladder climbed, by rung and exit reason.");
    for (climb, count) in &metrics.climbs {
        let (rung, reason) = climb.split_once(' ').unwrap_or((climb, ""));
        text.line(name, &[("rung", rung), ("reason", reason)], *count as f64);
    }
    let reviews = metrics.reviews.iter().map(|(k, v)| (k, *v));
    let head = ("autoos_reviews_total", "counter", "Verdicts of reviewers on answers.");
    text.counts(head, "verdict", reviews);
    let help = "Times that no model for a step could be asked.";
    text.one("autoos_models_awaited_total", "counter", help, metrics.models_awaited as f64);
    let tokens = [("input", metrics.tokens.input), ("output", metrics.tokens.output)];
    let head = ("autoos_tokens_total", "counter", "Tokens of calls to models.");
    text.counts(head, "direction", tokens);
    let usd = metrics.cost_microusd as f64 / 1e6;
    text.one("autoos_cost_usd_total", "counter", "Dollars spent on calls.", usd);
}

fn of_edge(text: &mut Text, counts: &Counts) {
    let name = "autoos_requests_total";
    text.head(name, "counter", "Requests that were answered.");
    for ((protocol, route, status), count) in &counts.requests {
        let labels = [("protocol", *protocol), ("route", route), ("status", status)];
        text.line(name, &labels, *count as f64);
    }
    let name = "autoos_request_duration_seconds";
    text.head(name, "histogram", "From a request's headers to its answer's.");
    for ((protocol, route), of) in &counts.durations {
        let labels = [("protocol", *protocol), ("route", route.as_str())];
        text.histogram(name, &labels, BOUNDS_S.into_iter(), &of.buckets, (of.sum_s, of.count));
    }
    let refusals = counts.refusals.iter().map(|(k, v)| (*k, *v));
    let head = ("autoos_refusals_total", "counter", "Requests that were refused, by code.");
    text.counts(head, "code", refusals);
}

/// What others gave; the samples of one name must follow each other.
fn of_others(text: &mut Text, edge: &Edge) {
    let providers = edge.providers();
    let head = ("autoos_provider_calls_total", "counter", "Calls to providers that began.");
    text.counts(head, "provider", providers.iter().map(|p| (&p.name, p.calls)));
    let head = ("autoos_provider_failures_total", "counter", "Calls that brought no answer.");
    text.counts(head, "provider", providers.iter().map(|p| (&p.name, p.failures)));
    let head = ("autoos_provider_in_flight", "gauge", "Calls that run.");
    text.counts(head, "provider", providers.iter().map(|p| (&p.name, u64::from(p.in_flight))));
    let mut samples = edge.samples.as_ref().map(|samples| samples()).unwrap_or_default();
    // A name may be announced once only: what the edge shows already is its own to show.
    samples.retain(|sample| !text.has(sample.name));
    samples.sort_by_key(|sample| sample.name);
    let mut last = "";
    for sample in &samples {
        if sample.name != last {
            let kind = if sample.kind == Kind::Counter { "counter" } else { "gauge" };
            text.head(sample.name, kind, sample.help);
            last = sample.name;
        }
        let labels: Vec<Label<'_>> = sample.labels.iter().map(|(k, v)| (*k, v.as_str())).collect();
        text.line(sample.name, &labels, sample.value);
    }
}
