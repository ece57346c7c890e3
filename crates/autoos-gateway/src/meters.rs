//! What the edge counts of itself: requests by route and outcome, how long they took, refusals,
//! deliveries to the webhook.
//!
//! Routes are the router's templates and the contract's methods, statuses are those of HTTP and
//! gRPC: never what a client wrote, so the number of series is bounded.

use autoos_meter::{Family, Meters as Distributions, Tally};
use std::time::Duration;

/// Bounds of durations, in seconds.
const BOUNDS_S: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The counts.
#[derive(Debug)]
pub(crate) struct Meters {
    /// By protocol, route and status.
    requests: Tally<(&'static str, String, String)>,
    /// By protocol and route.
    took: Distributions<(&'static str, String)>,
    /// By the code of the problem.
    refusals: Tally<&'static str>,
}

impl Default for Meters {
    fn default() -> Self {
        let (requests, refusals) = (Tally::default(), Tally::default());
        Self { requests, took: Distributions::new(&BOUNDS_S), refusals }
    }
}

impl Meters {
    /// A request was answered.
    pub(crate) fn request(
        &self,
        protocol: &'static str,
        route: &str,
        status: String,
        took: Duration,
        trace_id: Option<u128>,
    ) {
        self.requests.add((protocol, route.to_owned(), status), 1);
        self.took.of((protocol, route.to_owned())).add_traced(took.as_secs_f64(), trace_id);
    }

    /// A request was refused.
    pub(crate) fn refusal(&self, code: &'static str) {
        self.refusals.add(code, 1);
    }

    /// What they stand at.
    pub(crate) fn figures(&self) -> [Family; 3] {
        let name = "autoos_requests_total";
        let mut requests = Family::counter(name, "Requests that were answered.");
        for ((protocol, route, status), count) in self.requests.read() {
            let labels = [("protocol", protocol), ("route", &*route), ("status", &*status)];
            requests = requests.with(labels, count);
        }
        let name = "autoos_request_duration_seconds";
        let mut took = Family::histogram(name, "From a request's headers to its answer's.");
        for ((protocol, route), of) in self.took.read() {
            took = took.with([("protocol", protocol), ("route", &*route)], of);
        }
        let name = "autoos_refusals_total";
        let refusals = Family::counter(name, "Requests that were refused, by code.");
        [requests, took, refusals.by("code", self.refusals.read())]
    }
}
