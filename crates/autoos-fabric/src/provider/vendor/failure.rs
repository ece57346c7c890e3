//! What vendors say when they do not answer, as the ladder's classes.
//!
//! | what came | class |
//! |---|---|
//! | 401, 402, 403, a quota that is used up | auth |
//! | 429 | rate limit |
//! | 408 | timeout |
//! | other 4xx, a redirect | bad request |
//! | 5xx, 529 among them | server |
//! | no connection, a broken one | network |
//! | a deadline | timeout |
//! | not the format that was asked for | malformed |
//!
//! Of a body only codes are repeated: its sentences may hold the prompt or the key.

use crate::{FailureClass, provider::Stated};
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;
use std::{
    error::Error as _,
    time::{Duration, SystemTime},
};

/// The longest wait that a vendor may ask for: one hour.
const RETRY_MAX_MS: u64 = 3_600_000;
/// So much of an error's body is looked at.
const BODY_MAX: usize = 64 * 1024;

/// A failure before it is given its model and cleared of secrets.
pub(super) struct Trouble {
    pub(super) class: FailureClass,
    pub(super) detail: String,
    pub(super) retry_after_ms: Option<u64>,
    pub(super) cost_microusd: Option<u64>,
    /// What the vendor said of its limits.
    pub(super) stated: Option<Stated>,
}

impl Trouble {
    /// One whose cost is not known.
    pub(super) fn new(class: FailureClass, detail: impl Into<String>) -> Self {
        Self {
            class,
            detail: detail.into(),
            retry_after_ms: None,
            cost_microusd: None,
            stated: None,
        }
    }

    /// One that came before the vendor did anything that it charges for.
    pub(super) fn before(class: FailureClass, detail: impl Into<String>) -> Self {
        Self { cost_microusd: Some(0), ..Self::new(class, detail) }
    }

    /// What the library met.
    pub(super) fn of(error: &genai::Error) -> Self {
        use genai::{Error as E, webc::Error as W};
        match error {
            E::HttpError { status, body, headers, .. } => Self::status(*status, body, headers),
            E::WebModelCall { webc_error, .. } | E::WebAdapterCall { webc_error, .. } => {
                match webc_error {
                    W::ResponseFailedStatus { status, body, headers } => {
                        Self::status(*status, body, headers)
                    }
                    W::Reqwest(error) => Self::transport(error),
                    W::ResponseFailedNotJson { .. }
                    | W::ResponseFailedInvalidJson { .. }
                    | W::JsonValueExt(_) => Self::unreadable(),
                }
            }
            E::WebStream { error, .. } => {
                if let Some(error) = error.downcast_ref::<E>() {
                    Self::of(error)
                } else if let Some(error) = error.downcast_ref::<reqwest::Error>() {
                    Self::transport(error)
                } else {
                    Self::unreadable()
                }
            }
            E::ChatResponse { body, .. } => Self::event(body),
            E::StreamParse { .. }
            | E::JsonValueExt(_)
            | E::SerdeJson(_)
            | E::NoChatResponse { .. }
            | E::InvalidJsonResponseElement { .. }
            | E::ChatResponseGeneration { .. } => Self::unreadable(),
            E::RequiresApiKey { .. }
            | E::NoAuthResolver { .. }
            | E::NoAuthData { .. }
            | E::Resolver { .. } => Self::before(FailureClass::Auth, "there is no key to send"),
            _ => {
                Self::before(FailureClass::BadRequest, "the request cannot be put for this vendor")
            }
        }
    }

    pub(super) fn unreadable() -> Self {
        Self::new(FailureClass::Malformed, "the reply is not in the vendor's format")
    }

    /// A reply that is an error by its status.
    pub(super) fn status(status: StatusCode, body: &str, headers: &HeaderMap) -> Self {
        let body: Value = if body.len() <= BODY_MAX {
            serde_json::from_str(body).unwrap_or(Value::Null)
        } else {
            Value::Null
        };
        // Gemini wraps its error in a list when it streams.
        let body = body.get(0).unwrap_or(&body);
        let code = code(body);
        let used_up = used_up(body);
        let class = match status.as_u16() {
            401..=403 => FailureClass::Auth,
            400 | 429 if used_up => FailureClass::Auth,
            400 if code.as_deref() == Some("API_KEY_INVALID") => FailureClass::Auth,
            429 => FailureClass::RateLimit,
            408 => FailureClass::Timeout,
            500.. => FailureClass::Server,
            _ => FailureClass::BadRequest,
        };
        let mut detail = format!("HTTP {}", status.as_u16());
        if let Some(code) = code {
            detail.push_str(&format!(" {code}"));
        }
        if used_up {
            detail.push_str(": the account is out of credit");
        } else if status.is_redirection() {
            detail
                .push_str(": it redirects, which is not followed; set base_url to where it leads");
        }
        // A server that failed may have charged for what it did before.
        let mut trouble = if status.is_server_error() {
            Self::new(class, detail)
        } else {
            Self::before(class, detail)
        };
        trouble.retry_after_ms = retry_after(headers, SystemTime::now()).or_else(|| hint(body));
        trouble.stated = stated(headers);
        trouble
    }

    /// An error that came as a part of the answer.
    pub(super) fn event(body: &Value) -> Self {
        if body.get("finishReason").is_some() {
            // The library's word for a piece without any candidate.
            return Self::new(FailureClass::Malformed, "the reply holds no candidate");
        }
        let code = code(body);
        let class = match code.as_deref().unwrap_or_default() {
            "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" if !used_up(body) => {
                FailureClass::RateLimit
            }
            "authentication_error"
            | "permission_error"
            | "billing_error"
            | "insufficient_quota"
            | "invalid_api_key"
            | "UNAUTHENTICATED"
            | "PERMISSION_DENIED" => FailureClass::Auth,
            "invalid_request_error"
            | "not_found_error"
            | "request_too_large"
            | "context_length_exceeded"
            | "INVALID_ARGUMENT"
            | "NOT_FOUND" => FailureClass::BadRequest,
            "timeout_error" | "DEADLINE_EXCEEDED" => FailureClass::Timeout,
            _ if used_up(body) => FailureClass::Auth,
            _ => FailureClass::Server,
        };
        let code = code.map(|code| format!(": {code}")).unwrap_or_default();
        Self::new(class, format!("it gave up in the middle{code}"))
    }

    /// A connection that was not made, or broke.
    pub(super) fn transport(error: &reqwest::Error) -> Self {
        let reason = reason(error);
        if error.is_connect() && !error.is_timeout() {
            Self::before(FailureClass::Network, format!("no connection{reason}"))
        } else if error.is_connect() {
            Self::before(FailureClass::Network, "no connection in time")
        } else if error.is_timeout() {
            Self::new(FailureClass::Timeout, "the connection timed out")
        } else if error.is_builder() {
            Self::before(FailureClass::BadRequest, "the request cannot be sent as it is")
        } else {
            Self::new(FailureClass::Network, format!("the connection broke{reason}"))
        }
    }
}

/// The kind of the deepest I/O error; its text may hold anything.
fn reason(error: &reqwest::Error) -> String {
    let mut source = error.source();
    let mut kind = None;
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            kind = Some(io.kind());
        }
        source = error.source();
    }
    kind.map(|kind| format!(": {kind}")).unwrap_or_default()
}

/// The vendor's code for an error, if it looks like one.
fn code(body: &Value) -> Option<String> {
    let error = body.get("error").unwrap_or(body);
    let error = error.get("error").unwrap_or(error);
    // Gemini says more than "invalid argument" only here.
    let reason = error.pointer("/details/0/reason");
    let found = [reason, error.get("code"), error.get("type"), error.get("status")];
    found
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .find(|code| {
            (1..=64).contains(&code.len())
                && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
        .map(str::to_owned)
}

/// Whether this is about money and no waiting helps.
fn used_up(body: &Value) -> bool {
    let error = body.get("error").unwrap_or(body);
    let says = |field: &str, word: &str| {
        error.get(field).and_then(Value::as_str).is_some_and(|text| text.contains(word))
    };
    says("code", "insufficient_quota")
        || says("type", "insufficient_quota")
        || says("type", "billing_error")
        || says("message", "credit balance is too low")
}

/// The header Retry-After: seconds or a date; `retry-after-ms`, which some send, is finer.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()) {
        return millis(ms);
    }
    let value = text("retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        return millis(seconds * 1_000.0);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let wait = date.duration_since(now).unwrap_or(Duration::ZERO);
    millis(wait.as_secs_f64() * 1_000.0)
}

/// The limits per minute that a vendor puts into the headers of its refusals, and of answers, which
/// the library does not show.
pub(super) fn stated(headers: &HeaderMap) -> Option<Stated> {
    let number = |names: [&str; 2]| {
        names.iter().find_map(|name| headers.get(*name)?.to_str().ok()?.trim().parse().ok())
    };
    let requests_per_min =
        number(["x-ratelimit-limit-requests", "anthropic-ratelimit-requests-limit"]);
    let tokens_per_min = number(["x-ratelimit-limit-tokens", "anthropic-ratelimit-tokens-limit"]);
    let any = requests_per_min.is_some() || tokens_per_min.is_some();
    any.then_some(Stated { requests_per_min, tokens_per_min })
}

/// Gemini says it in the body, as seconds with an `s`.
fn hint(body: &Value) -> Option<u64> {
    let details = body.pointer("/error/details")?.as_array()?;
    let delay = details.iter().find_map(|d| d.get("retryDelay")?.as_str())?;
    millis(delay.strip_suffix('s')?.parse::<f64>().ok()? * 1_000.0)
}

/// Whole milliseconds of a wait that makes sense.
fn millis(ms: f64) -> Option<u64> {
    let sensible = ms.is_finite() && ms >= 0.0;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    sensible.then(|| (ms.min(RETRY_MAX_MS as f64).ceil()) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_never_nonsense() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let header = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            retry_after(&headers, now)
        };
        let date = |after| httpdate::fmt_http_date(now + Duration::from_secs(after));
        assert_eq!(header("retry-after", "7"), Some(7_000));
        assert_eq!(header("retry-after", "0.25"), Some(250));
        assert_eq!(header("retry-after-ms", "120"), Some(120));
        assert_eq!(header("retry-after", &date(30)), Some(30_000));
        assert_eq!(header("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(header("retry-after", "1e300"), Some(RETRY_MAX_MS));
        for nonsense in ["NaN", "-1", "inf", "soon", ""] {
            assert_eq!(header("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn stated_limits_are_read_and_nonsense_is_not() {
        let read = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            stated(&headers).map(|s| (s.requests_per_min, s.tokens_per_min))
        };
        let openai = [("x-ratelimit-limit-requests", "60"), ("x-ratelimit-limit-tokens", "9000")];
        assert_eq!(read(&openai), Some((Some(60), Some(9_000))));
        let anthropic = [("anthropic-ratelimit-requests-limit", " 50 ")];
        assert_eq!(read(&anthropic), Some((Some(50), None)));
        assert_eq!(read(&[("x-ratelimit-limit-requests", "many")]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn only_codes_are_repeated() {
        let body = serde_json::json!({"error": {
            "message": "Incorrect API key provided: sk-canary", "type": "invalid request sk-canary",
            "code": "invalid_api_key",
        }});
        assert_eq!(code(&body).as_deref(), Some("invalid_api_key"));
        let trouble =
            Trouble::status(StatusCode::UNAUTHORIZED, &body.to_string(), &HeaderMap::new());
        assert_eq!(trouble.class, FailureClass::Auth);
        assert_eq!(trouble.detail, "HTTP 401 invalid_api_key");
    }
}
