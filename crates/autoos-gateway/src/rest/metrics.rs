//! `/metrics`: what every part says of itself, for Prometheus.
//!
//! Counts of work come from the views, which fold the whole journal: they survive restarts. What
//! the runtime and the edge count of themselves begins anew with the process, as counters may.
//! What the gateway cannot see (the local journal, the fabric, the process; with a cluster its
//! groups and links) comes from the wiring.

use crate::edge::Edge;
use autoos_meter::{Distribution, Family, Format};
use autoos_views::{BOUNDS_MS, Histogram, Metrics, Ready};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, header},
};

/// [`BOUNDS_MS`] in seconds.
const BOUNDS_S: [f64; BOUNDS_MS.len()] = {
    let mut bounds = [0.0; BOUNDS_MS.len()];
    let mut n = 0;
    while n < bounds.len() {
        bounds[n] = BOUNDS_MS[n] as f64 / 1e3;
        n += 1;
    }
    bounds
};

pub(super) async fn metrics(
    State(edge): State<Edge>,
    headers: HeaderMap,
) -> ([(HeaderName, &'static str); 1], String) {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::wanted(accept.unwrap_or_default());
    let mut families = of_node(&edge);
    families.extend(edge.runtime.figures().await);
    // None while the index is built: a part of history would look like a reset.
    if let Some(metrics) = edge.views.metrics() {
        families.extend(of_workflows(&metrics));
        families.extend(of_attempts(&metrics));
    }
    families.extend(edge.meters.figures());
    if let Some(figures) = edge.figures.clone() {
        // They may look at the disk. What panics there is missing, and nothing else.
        let more = tokio::task::spawn_blocking(move || figures()).await;
        families.extend(more.unwrap_or_default());
    }
    ([(header::CONTENT_TYPE, format.content_type())], format.write(families))
}

fn of_node(edge: &Edge) -> Vec<Family> {
    let events: u64 = edge.journal.end().0.values().sum();
    let limits = &edge.limits;
    vec![
        Family::gauge("autoos_build_info", "The version that runs.")
            .with([("version", env!("CARGO_PKG_VERSION"))], 1.0),
        Family::counter("autoos_journal_events_total", "Events that the journal holds.").of(events),
        Family::gauge("autoos_views_ready", "1 once lists and counts cover all there is.")
            .of(edge.views.ready() == Ready::Yes),
        Family::gauge("autoos_request_places_free", "Requests that could begin now.")
            .of(limits.requests.available_permits()),
        Family::gauge("autoos_stream_places_free", "Streams that could begin now.")
            .of(limits.streams.available_permits()),
    ]
}

fn of_workflows(metrics: &Metrics) -> Vec<Family> {
    vec![
        Family::gauge("autoos_workflows", "Workflows by state.").by("state", &metrics.workflows),
        Family::counter("autoos_workflows_created_total", "Workflows that were accepted.")
            .of(metrics.created),
        Family::counter("autoos_workflows_ended_total", "Workflows that ended, by how.")
            .by("state", &metrics.outcomes),
        Family::histogram("autoos_workflow_duration_seconds", "From acceptance to end.")
            .of(distribution(&metrics.workflow_ms)),
        Family::counter("autoos_steps_total", "Steps that were over.").of(metrics.steps),
        Family::counter("autoos_plans_total", "Plans that were judged, by verdict.")
            .by("verdict", &metrics.plans),
        Family::counter("autoos_escalations_resolved_total", "Answers of humans, by decision.")
            .by("decision", &metrics.resolved),
    ]
}

fn of_attempts(metrics: &Metrics) -> Vec<Family> {
    let took = metrics.attempt_ms.iter().map(|(called, took)| (called, distribution(took)));
    let name = "autoos_ladder_climbs_total";
    let help = "Rungs of the recovery ladder climbed, by rung and exit reason.";
    let climbs = metrics.climbs.iter().fold(Family::counter(name, help), |family, climb| {
        let (rung, reason) = climb.0.split_once(' ').unwrap_or((climb.0, ""));
        family.with([("rung", rung), ("reason", reason)], *climb.1)
    });
    vec![
        Family::counter("autoos_attempts_total", "Attempts that began, by what they called.")
            .by("called", &metrics.attempts),
        Family::counter("autoos_attempt_failures_total", "Failed attempts, by exit reason.")
            .by("exit", &metrics.failures),
        Family::histogram(
            "autoos_attempt_duration_seconds",
            "From an attempt's start to its end, by what it called.",
        )
        .by("called", took),
        Family::counter("autoos_recovery_total", "Rungs of the recovery ladder climbed.")
            .by("recovery_level", &metrics.rungs),
        climbs,
        Family::counter("autoos_reviews_total", "Verdicts of reviewers on answers.")
            .by("verdict", &metrics.reviews),
        Family::counter(
            "autoos_models_awaited_total",
            "Times that no model for a step could be asked.",
        )
        .of(metrics.models_awaited),
        Family::counter("autoos_tokens_total", "Tokens of calls to models.")
            .with([("direction", "input")], metrics.tokens.input)
            .with([("direction", "output")], metrics.tokens.output),
        Family::counter("autoos_cost_usd_total", "Dollars spent on calls.")
            .of(metrics.cost_microusd as f64 / 1e6),
    ]
}

fn distribution(of: &Histogram) -> Distribution {
    Distribution {
        bounds: &BOUNDS_S,
        buckets: of.buckets.to_vec(),
        sum: of.sum_ms as f64 / 1e3,
        exemplars: Vec::new(),
    }
}
