//! Where spans go, and which: the `[telemetry]` part of the configuration, under the variables of
//! the environment that every OpenTelemetry SDK knows.

use autoos_telemetry::Sampling;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What can be configured; without an endpoint nothing is traced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The collector: `http://127.0.0.1:4318`, or `http://127.0.0.1:4317` for gRPC.
    pub endpoint: Option<String>,
    /// How it is spoken to; by its port where nothing is said.
    pub protocol: Option<Protocol>,
    /// Headers that it wants; their values are `env:NAME`, `file:PATH` or plain text.
    pub headers: BTreeMap<String, String>,
    /// What share of the traces is kept from its beginning.
    pub ratio: f64,
    /// Of those, so many each second at most. What fails or needs a human is kept besides.
    pub traces_per_second: f64,
    /// Whether a client that brings a trace decides over it.
    pub by_parent: bool,
    /// Whether texts of prompts and answers may be in spans.
    pub content: bool,
    /// Spans that wait for the collector at most; the next ones are dropped and counted.
    pub queue: usize,
    /// One delivery may take so long, in milliseconds.
    pub timeout_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            endpoint: None,
            protocol: None,
            headers: BTreeMap::new(),
            ratio: 1.0,
            traces_per_second: 50.0,
            by_parent: true,
            content: false,
            queue: 16_384,
            timeout_ms: 10_000,
        }
    }
}

/// How a collector is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// OTLP over gRPC.
    #[serde(rename = "grpc")]
    Grpc,
    /// OTLP as protobuf over HTTP.
    #[serde(rename = "http/protobuf")]
    Http,
}

/// What follows from the options and the environment.
#[derive(Clone, PartialEq)]
pub struct Settings {
    /// Where spans are sent, whole.
    pub url: String,
    /// How.
    pub protocol: Protocol,
    /// With these headers.
    pub headers: Vec<(String, String)>,
    /// Which.
    pub sampling: Sampling,
    /// Whether texts of prompts and answers may be in them.
    pub content: bool,
    /// How many wait at most.
    pub queue: usize,
    /// How long one delivery may take, in milliseconds.
    pub timeout_ms: u64,
    /// What this service is called.
    pub service: String,
    /// What else is said of it.
    pub resource: Vec<(String, String)>,
}

impl Options {
    /// What they come to under the environment; none when nothing is traced.
    ///
    /// # Errors
    /// What does not fit, and what to write instead.
    pub fn settings(
        &self,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Settings>, String> {
        let env = |name: &str| env(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let disabled = env("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        if disabled || env("OTEL_TRACES_EXPORTER").is_some_and(|v| v == "none") {
            return Ok(None);
        }
        let whole = env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let base = env("OTEL_EXPORTER_OTLP_ENDPOINT").or_else(|| self.endpoint.clone());
        let Some(given) = whole.clone().or(base) else { return Ok(None) };
        let parsed = reqwest::Url::parse(&given)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                format!("the endpoint {given:?} is no URL: write http://127.0.0.1:4318")
            })?;
        let said = env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").or(env("OTEL_EXPORTER_OTLP_PROTOCOL"));
        let protocol = match said.as_deref() {
            Some("grpc") => Protocol::Grpc,
            Some("http/protobuf") => Protocol::Http,
            Some(other) => {
                return Err(format!("the protocol {other:?}: write grpc or http/protobuf"));
            }
            None => self.protocol.unwrap_or(match parsed.port() {
                Some(4317) => Protocol::Grpc,
                _ => Protocol::Http,
            }),
        };
        if protocol == Protocol::Grpc && parsed.scheme() == "https" {
            return Err("gRPC to a collector goes without TLS here: name its HTTP endpoint, or a \
                        collector beside this node"
                .into());
        }
        let url = match (protocol, whole) {
            (Protocol::Http, None) => format!("{}/v1/traces", given.trim_end_matches('/')),
            _ => given,
        };
        let headers =
            match env("OTEL_EXPORTER_OTLP_TRACES_HEADERS").or(env("OTEL_EXPORTER_OTLP_HEADERS")) {
                Some(list) => pairs(&list)?,
                None => self.headers.clone().into_iter().collect(),
            };
        let timeout = env("OTEL_EXPORTER_OTLP_TIMEOUT");
        let timeout_ms = match timeout {
            Some(ms) => ms.parse().map_err(|_| format!("OTEL_EXPORTER_OTLP_TIMEOUT: {ms:?}"))?,
            None => self.timeout_ms,
        };
        let content = env("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")
            .map_or(self.content, |v| !v.eq_ignore_ascii_case("false") && v != "NO_CONTENT");
        Ok(Some(Settings {
            url,
            protocol,
            headers,
            sampling: self.sampling(&env)?,
            content,
            queue: self.queue.max(1),
            timeout_ms,
            service: env("OTEL_SERVICE_NAME").unwrap_or_else(|| "autoos".into()),
            resource: match env("OTEL_RESOURCE_ATTRIBUTES") {
                Some(list) => pairs(&list)?,
                None => Vec::new(),
            },
        }))
    }

    fn sampling(&self, env: &impl Fn(&str) -> Option<String>) -> Result<Sampling, String> {
        let Self { ratio, traces_per_second: per_second, by_parent, .. } = *self;
        let fits = (0.0..=1.0).contains(&ratio) && per_second > 0.0 && per_second.is_finite();
        if !fits {
            return Err("ratio is within 0 and 1, and traces_per_second above 0".into());
        }
        let configured = Sampling { ratio, per_second, by_parent };
        let Some(name) = env("OTEL_TRACES_SAMPLER") else { return Ok(configured) };
        let share = || match env("OTEL_TRACES_SAMPLER_ARG") {
            None => Ok(1.0),
            Some(text) => {
                text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
                    format!("OTEL_TRACES_SAMPLER_ARG {text:?} is not within 0 and 1")
                })
            }
        };
        let (by_parent, name) = match name.strip_prefix("parentbased_") {
            Some(rest) => (true, rest),
            None => (false, name.as_str()),
        };
        let ratio = match name {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => share()?,
            _ => {
                return Err(format!(
                    "OTEL_TRACES_SAMPLER {name:?}: write always_on, always_off or traceidratio, \
                     with parentbased_ before it where a client's own trace decides"
                ));
            }
        };
        Ok(Sampling { ratio, by_parent, ..configured })
    }
}

/// `a=b,c=d`, values percent-encoded where they need to be.
fn pairs(list: &str) -> Result<Vec<(String, String)>, String> {
    let parts = list.split(',').filter(|part| !part.trim().is_empty());
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').ok_or_else(|| {
            format!("{:?} in a list of the environment is no name=value", part.trim())
        })?;
        Ok((name.trim().to_owned(), decoded(value.trim())))
    };
    parts.map(pair).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(options: &Options, env: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        options.settings(|name| {
            env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn off_without_an_endpoint_and_where_the_environment_says_so() {
        let none = Options::default();
        assert!(of(&none, &[]).expect("fits").is_none());
        let some = Options { endpoint: Some("http://c:4318".into()), ..none };
        assert!(of(&some, &[]).expect("fits").is_some());
        assert!(of(&some, &[("OTEL_SDK_DISABLED", "true")]).expect("fits").is_none());
        assert!(of(&some, &[("OTEL_TRACES_EXPORTER", "none")]).expect("fits").is_none());
    }

    #[test]
    fn the_environment_is_over_the_file() {
        let file = Options { endpoint: Some("http://c:4317".into()), ..Options::default() };
        let settings = of(&file, &[]).expect("fits").expect("on");
        assert_eq!((settings.url.as_str(), settings.protocol), ("http://c:4317", Protocol::Grpc));
        let env = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://d/base/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20abc,x=y"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ];
        let settings = of(&file, &env).expect("fits").expect("on");
        let url = "https://d/base/v1/traces";
        assert_eq!((settings.url.as_str(), settings.protocol), (url, Protocol::Http));
        assert_eq!(settings.headers[0], ("authorization".into(), "Basic abc".into()));
        assert_eq!(settings.sampling.ratio, 0.25);
        assert!(settings.sampling.by_parent);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let file = Options { endpoint: Some("collector:4317".into()), ..Options::default() };
        assert!(of(&file, &[]).is_err_and(|why| why.contains("http://127.0.0.1:4318")));
        let file = Options { endpoint: Some("https://c:4317".into()), ..Options::default() };
        assert!(of(&file, &[]).is_err_and(|why| why.contains("TLS")));
        let file = Options { endpoint: Some("http://c".into()), ..Options::default() };
        assert!(of(&file, &[("OTEL_TRACES_SAMPLER", "jaeger_remote")]).is_err());
    }
}
