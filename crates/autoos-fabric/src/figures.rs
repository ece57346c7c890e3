//! The fabric's metrics: how providers stand, what calls taught, and the distributions that
//! OpenTelemetry's conventions for generative AI name, as Prometheus spells them.
//!
//! Labels are names from the configuration and classes of failures. What was learned of a model
//! survives restarts; what calls took is counted since the process began.

use crate::{Fabric, FailureClass, ProviderStatus, Usage};
use autoos_meter::{Family, Meter, Meters};
use std::time::Duration;

/// Bounds of durations in seconds, and of tokens, as the conventions advise.
const SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS: [f64; 10] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0];
/// Bounds of detection; the same as of what the runtime detects.
const DETECTION_S: [f64; 10] = [0.001, 0.01, 0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 30.0];
/// Every state of a breaker.
const BREAKER: [&str; 3] = ["closed", "half_open", "open"];

/// What the calls of one provider came to.
pub(crate) struct Calls {
    /// By model, and by class where they failed.
    took: Meters<(String, Option<&'static str>)>,
    /// To the first sign of life, by model.
    first: Meters<String>,
    /// By model and direction.
    tokens: Meters<(String, &'static str)>,
    /// From the last sign of life of calls that were ended for silence.
    silence: Meter,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            took: Meters::new(&SECONDS),
            first: Meters::new(&SECONDS),
            tokens: Meters::new(&TOKENS),
            silence: Meter::new(&DETECTION_S),
        }
    }
}

impl Calls {
    /// A call that was made is over.
    pub(crate) fn over(
        &self,
        model: &str,
        result: Result<Usage, FailureClass>,
        took_ms: u64,
        first_ms: Option<u64>,
    ) {
        let class = result.err().map(<&'static str>::from);
        self.took.of((model.to_owned(), class)).took(Duration::from_millis(took_ms));
        if let Some(first_ms) = first_ms {
            self.first.of(model.to_owned()).took(Duration::from_millis(first_ms));
        }
        if let Ok(usage) = result {
            for (direction, tokens) in [("input", usage.input), ("output", usage.output)] {
                self.tokens.of((model.to_owned(), direction)).add(tokens as f64);
            }
        }
    }

    /// A call was ended, since nothing had come for so long.
    pub(crate) fn silent(&self, for_ms: u64) {
        self.silence.took(Duration::from_millis(for_ms));
    }
}

impl Fabric {
    /// How its providers stand and what their calls came to.
    #[must_use]
    pub fn figures(&self) -> Vec<Family> {
        let all = self.status();
        let mut families = of_providers(&all);
        families.extend(of_models(&all));
        families.extend(self.of_calls(&all));
        families
    }

    fn of_calls(&self, all: &[ProviderStatus]) -> [Family; 4] {
        let mut took = Family::histogram(
            "gen_ai_client_operation_duration_seconds",
            "What calls of models took.",
        );
        let mut first = Family::histogram(
            "gen_ai_client_operation_time_to_first_chunk_seconds",
            "From the begin of a call to its first sign of life.",
        );
        let mut tokens =
            Family::histogram("gen_ai_client_token_usage", "Tokens of calls that were answered.");
        let mut silence = Family::histogram(
            "autoos_detection_seconds",
            "From a worker's last sign of life to its fault being known, by fault.",
        );
        for (status, calls) in all.iter().zip(self.calls()) {
            for ((model, failure), taken) in calls.took.read() {
                let [a, b, c] = labels(status, &model);
                took = match failure {
                    None => took.with([a, b, c], taken),
                    Some(class) => took.with([a, b, c, ("error_type", class)], taken),
                };
            }
            for (model, taken) in calls.first.read() {
                first = first.with(labels(status, &model), taken);
            }
            for ((model, direction), used) in calls.tokens.read() {
                let [a, b, c] = labels(status, &model);
                tokens = tokens.with([a, b, c, ("gen_ai_token_type", direction)], used);
            }
            let silent = calls.silence.read();
            if silent.count() > 0 {
                let labels = [("fault", "silence"), ("provider", &*status.name)];
                silence = silence.with(labels, silent);
            }
        }
        [took, first, tokens, silence]
    }
}

/// What the conventions tell calls apart by.
fn labels<'a>(status: &'a ProviderStatus, model: &'a str) -> [(&'static str, &'a str); 3] {
    [
        ("gen_ai_operation_name", "chat"),
        ("gen_ai_provider_name", &status.vendor),
        ("gen_ai_request_model", model),
    ]
}

fn of_providers(all: &[ProviderStatus]) -> Vec<Family> {
    let by = |family: Family, figure: fn(&ProviderStatus) -> u64| {
        family.by("provider", all.iter().map(|p| (&p.name, figure(p))))
    };
    let (counter, gauge) = (Family::counter, Family::gauge);
    let mut breaker =
        gauge("autoos_provider_breaker_state", "1 for the state that a breaker is in.");
    for p in all {
        for state in BREAKER {
            let labels = [("provider", &*p.name), ("state", state)];
            breaker = breaker.with(labels, p.breaker.state == state);
        }
    }
    let restarts = Family::counter(
        "autoos_actor_restarts_total",
        "Actors that died and were started anew, by what they were.",
    );
    let restarted: u64 = all.iter().map(|p| u64::from(p.restarts)).sum();
    vec![
        breaker,
        restarts.with([("actor", "provider")], restarted),
        by(counter("autoos_provider_calls_total", "Calls that began."), |p| p.calls),
        by(counter("autoos_provider_failures_total", "Calls that brought no answer."), |p| {
            p.failures
        }),
        by(
            counter(
                "autoos_provider_refused_total",
                "Calls that were turned away: too many waited, a limit held, or it was out.",
            ),
            |p| p.refused,
        ),
        by(gauge("autoos_provider_in_flight", "Calls that run."), |p| p.in_flight.into()),
        by(gauge("autoos_provider_queued", "Calls that wait to run."), |p| p.queued.into()),
        by(gauge("autoos_provider_places", "Calls that may run at once."), |p| {
            p.limits.max_in_flight.into()
        }),
    ]
}

fn of_models(all: &[ProviderStatus]) -> Vec<Family> {
    let models = || all.iter().flat_map(|p| p.learned.iter());
    let mut errors = Family::counter(
        "autoos_model_errors_total",
        "Calls that brought no answer, by class, since the model was first asked.",
    );
    for model in models() {
        for (class, count) in &model.errors {
            let labels = [("model", &*model.id), ("class", &*class.to_string())];
            errors = errors.with(labels, *count);
        }
    }
    vec![
        errors,
        Family::counter(
            "autoos_model_calls_total",
            "Calls that ended, since the model was first asked.",
        )
        .by("model", models().map(|m| (&m.id, m.calls))),
        Family::counter("autoos_model_cost_usd_total", "Dollars spent on a model.")
            .by("model", models().map(|m| (&m.id, m.cost_microusd as f64 / 1e6))),
        Family::gauge(
            "autoos_model_reliability_ratio",
            "How reliably a model answers: an answer adds 0.01, a failure takes 0.05.",
        )
        .by("model", models().map(|m| (&m.id, m.reliability))),
        Family::gauge(
            "autoos_model_calibration_error_ratio",
            "How far a model's confidence is from how often it is right.",
        )
        .by("model", models().filter_map(|m| Some((&m.id, m.calibration_error?)))),
    ]
}
