//! Errors as clients of OpenAI's format know them: `{"error": {message, type, param, code}}`.
//!
//! Their libraries tell errors apart by status, and try again by themselves on 408, 409, 429 and
//! 5xx; so money that is used up says that trying again is in vain.

use crate::fault::{Fault, Problem};
use autoos_fabric::{
    Failure, FailureClass,
    chat::{Seen, Wrong},
};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// Why a call brought nothing.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    status: StatusCode,
    sentence: String,
    kind: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
    retry_after_ms: Option<u64>,
    in_vain: bool,
}

/// Marks a response that is written already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written(pub(crate) &'static str);

const WRONG: &str = "invalid_request_error";
const SERVER: &str = "server_error";
const RATE: &str = "rate_limit_error";

impl Refused {
    fn new(status: StatusCode, kind: &'static str, sentence: impl Into<String>) -> Self {
        Self {
            status,
            sentence: sentence.into(),
            kind,
            param: None,
            code: None,
            retry_after_ms: None,
            in_vain: false,
        }
    }

    /// Something in the request is wrong.
    pub(super) fn wrong(param: Option<&'static str>, sentence: impl Into<String>) -> Self {
        Self { param, ..Self::new(StatusCode::BAD_REQUEST, WRONG, sentence) }
    }

    /// There is no such model.
    pub(super) fn no_model(name: &str) -> Self {
        let sentence = format!(
            "there is no model {name:.128?}: GET /v1/models lists them, and autoos/auto chooses one"
        );
        let (param, code) = (Some("model"), Some("model_not_found"));
        Self { param, code, ..Self::new(StatusCode::NOT_FOUND, WRONG, sentence) }
    }

    /// The model cannot do that.
    pub(super) fn cannot(param: &'static str, sentence: String) -> Self {
        let code = Some("unsupported_value");
        Self { code, ..Self::wrong(Some(param), sentence) }
    }

    /// No model takes a call now.
    pub(super) fn later(in_ms: u64, reason: String) -> Self {
        let (code, retry_after_ms) = (Some("no_model_now"), Some(in_ms.max(1)));
        let refused = Self::new(StatusCode::SERVICE_UNAVAILABLE, SERVER, reason);
        Self { code, retry_after_ms, ..refused }
    }

    /// No model will do.
    pub(super) fn nobody(reason: String) -> Self {
        let sentence = format!("{reason}; `autoos provider list` shows who there is");
        let code = Some("no_model");
        Self { code, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, SERVER, sentence) }
    }

    /// Every model that was asked failed; this is how the last one did.
    pub(super) fn failed(failure: &Failure, seen: &Seen) -> Self {
        use FailureClass as C;
        use StatusCode as S;
        let (status, kind, code) = match failure.class {
            C::BadRequest | C::Invalid => {
                let long = failure.detail.contains("context_length_exceeded");
                (S::BAD_REQUEST, WRONG, long.then_some("context_length_exceeded"))
            }
            C::Unable | C::Denied => (S::BAD_REQUEST, WRONG, Some("declined")),
            C::RateLimit => (S::TOO_MANY_REQUESTS, RATE, Some("rate_limit_exceeded")),
            C::Timeout => (S::GATEWAY_TIMEOUT, SERVER, Some("upstream_timeout")),
            C::Auth => (S::BAD_GATEWAY, SERVER, Some("upstream_auth")),
            C::Server | C::Network | C::Malformed | C::Unavailable | C::Crashed => {
                (S::BAD_GATEWAY, SERVER, Some("upstream_failed"))
            }
        };
        let sentence = match seen.said() {
            Some(said) => format!("{}: {said}", failure.model),
            None => failure.to_string(),
        };
        let retry_after_ms = failure.retry_after_ms;
        Self { code, retry_after_ms, ..Self::new(status, kind, sentence) }
    }

    /// A problem of the edge.
    pub(crate) fn of(problem: &Problem) -> Self {
        let sentence = format!("{}: {}", problem.sentence, problem.what_to_do);
        let refused = Self::new(problem.http, WRONG, sentence);
        let retry_after_ms = problem.retry_after_ms;
        match problem.http.as_u16() {
            401 => Self { code: Some("invalid_api_key"), ..refused },
            402 => Self {
                status: StatusCode::TOO_MANY_REQUESTS,
                kind: "insufficient_quota",
                code: Some("insufficient_quota"),
                in_vain: true,
                ..refused
            },
            429 => Self { kind: RATE, code: Some(problem.code), retry_after_ms, ..refused },
            500.. => Self { kind: SERVER, code: Some(problem.code), retry_after_ms, ..refused },
            _ => Self { code: Some(problem.code), ..refused },
        }
    }

    /// As JSON.
    pub(super) fn body(&self) -> Value {
        json!({"error": {
            "message": self.sentence,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }})
    }
}

impl From<Wrong> for Refused {
    fn from(wrong: Wrong) -> Self {
        Self::wrong(wrong.field, wrong.sentence)
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::of(&fault.problem())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if let Some(ms) = self.retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
            headers.insert("retry-after-ms", HeaderValue::from(ms));
        }
        if self.in_vain {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Written(self.code.unwrap_or("invalid")));
        response
    }
}
