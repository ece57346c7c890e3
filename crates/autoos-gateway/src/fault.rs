//! Every way in which a request can fail, and what that is in gRPC, in HTTP and in words.
//!
//! One table, [`Fault::problem`]: a code that programs match on, a sentence, and what to do about
//! it. REST shows it as `application/problem+json`, gRPC as a `google.rpc.Status` with details.

use crate::nodes::LEADER;
use autoos_guard as guard;
use autoos_journal as journal;
use autoos_kernel::workflow::Rejected;
use autoos_runtime::Refusal;
use autoos_views as views;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    View(#[from] views::Error),
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error(transparent)]
    Keys(#[from] guard::Error),
    /// Something in the request does not fit; the sentence names the field.
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Unauthenticated(String),
    #[error("{0}")]
    Forbidden(String),
    /// A file that clients may not name.
    #[error("{0}")]
    NotServed(String),
    /// A backup that could not be made.
    #[error("no backup was made: {0}")]
    Backup(String),
    #[error("nothing more of the body came for {ms} ms")]
    SlowBody { ms: u64 },
    /// A thing that is not there, as a sentence.
    #[error("{0}")]
    Missing(String),
    /// It does not fit with how things stand.
    #[error("{0}")]
    Conflict(String),
    /// It is there already.
    #[error("{0}")]
    Exists(String),
    #[error("the body has more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("{0}")]
    LargeMessage(String),
    #[error("the body {0}, and JSON in UTF-8 is wanted")]
    MediaType(String),
    #[error("there is nothing at {0}")]
    NoRoute(String),
    #[error("{method} is not for {path}")]
    Method { method: String, path: String },
    #[error("the node is at its limit of {what}")]
    Busy { what: &'static str },
    #[error("no answer within {ms} ms")]
    Timeout { ms: u64 },
    #[error("this node {0}")]
    Unsupported(&'static str),
    #[error("the node is stopping")]
    Stopping,
    #[error("{0}")]
    Internal(String),
}

/// A fault in words and codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) http: StatusCode,
    pub(crate) grpc: Code,
    /// What happened.
    pub(crate) sentence: String,
    /// What to do about it.
    pub(crate) what_to_do: &'static str,
    /// Each thing that is wrong, where there can be several.
    pub(crate) problems: Vec<String>,
    pub(crate) retry_after_ms: Option<u64>,
    /// The node that leads what it is about, where another one does; empty while it is not known.
    pub(crate) leader: Option<String>,
}

const AGAIN_MS: u64 = 1_000;

impl Fault {
    /// The table.
    pub(crate) fn problem(&self) -> Problem {
        use StatusCode as S;
        let (code, http, grpc, what_to_do) = match self {
            Self::Refused(refusal) => of_refusal(refusal),
            Self::View(error) => of_view(error),
            Self::Journal(error) => of_journal(error),
            Self::Keys(error) => of_keys(error),
            Self::Invalid(_) => (
                "invalid",
                S::BAD_REQUEST,
                Code::InvalidArgument,
                "correct the request as the sentence says; GET /docs describes every field",
            ),
            Self::Unauthenticated(_) => (
                "unauthenticated",
                S::UNAUTHORIZED,
                Code::Unauthenticated,
                "send a key that works as X-API-Key; on the node's machine `autoos key create NAME \
                 --data-dir DIR`, by whoever can read that directory, makes one and needs none",
            ),
            Self::Forbidden(_) => (
                "forbidden",
                S::FORBIDDEN,
                Code::PermissionDenied,
                "ask with a key that may do this; those of the tenant default are the operator's",
            ),
            Self::NotServed(_) => (
                "forbidden",
                S::FORBIDDEN,
                Code::PermissionDenied,
                "send the file with PUT /api/v1/uploads/{name} and name the upload as the \
                 context, or have the operator open its folder: `autoos serve --root DIR`",
            ),
            Self::Backup(_) => (
                "backup_failed",
                S::CONFLICT,
                Code::FailedPrecondition,
                "name a folder on the node's machine that is empty or not there yet, that the \
                 node's user may write and that has room; what was begun there is no backup",
            ),
            Self::SlowBody { .. } => (
                "slow_body",
                S::REQUEST_TIMEOUT,
                Code::DeadlineExceeded,
                "nothing took place: send the whole body without a pause, and repeat the request",
            ),
            Self::Missing(_) => (
                "not_found",
                S::NOT_FOUND,
                Code::NotFound,
                "check the id; what belongs to another tenant is not shown",
            ),
            Self::Conflict(_) => (
                "conflict",
                S::CONFLICT,
                Code::FailedPrecondition,
                "read how things stand and decide again",
            ),
            Self::Exists(_) => (
                "exists",
                S::CONFLICT,
                Code::AlreadyExists,
                "choose another name, or end the one that is there",
            ),
            Self::TooLarge { .. } | Self::LargeMessage(_) => (
                "too_large",
                S::PAYLOAD_TOO_LARGE,
                Code::OutOfRange,
                "send long material with PUT /api/v1/uploads/{name} and name the upload as a \
                 context",
            ),
            Self::MediaType(_) => (
                "media_type",
                S::UNSUPPORTED_MEDIA_TYPE,
                Code::InvalidArgument,
                "send Content-Type: application/json",
            ),
            Self::NoRoute(_) => {
                ("no_route", S::NOT_FOUND, Code::Unimplemented, "GET /docs lists every route")
            }
            Self::Method { .. } => (
                "method",
                S::METHOD_NOT_ALLOWED,
                Code::Unimplemented,
                "GET /docs lists every route and its methods",
            ),
            Self::Busy { .. } => (
                "overloaded",
                S::TOO_MANY_REQUESTS,
                Code::ResourceExhausted,
                "wait as long as the retry hint says, then try again with the same idempotency key",
            ),
            Self::Timeout { .. } => (
                "timeout",
                S::GATEWAY_TIMEOUT,
                Code::DeadlineExceeded,
                "whether it took place is unknown: read the workflow, or repeat it with the same \
                 idempotency key",
            ),
            Self::Unsupported(_) => (
                "unsupported",
                S::NOT_IMPLEMENTED,
                Code::Unimplemented,
                "ask the operator to switch it on in the node's configuration",
            ),
            Self::Stopping => stopping(),
            Self::Internal(_) => internal(),
        };
        let problems = match self {
            Self::Refused(Refusal::Invalid(problems)) => problems.clone(),
            _ => Vec::new(),
        };
        let retry_after_ms = match self {
            Self::Refused(Refusal::Overloaded { retry_after_ms, .. }) => Some(*retry_after_ms),
            _ if matches!(http, S::TOO_MANY_REQUESTS | S::SERVICE_UNAVAILABLE) => Some(AGAIN_MS),
            _ => None,
        };
        let sentence = match self {
            Self::Internal(why) => {
                tracing::error!(%why, "a request failed inside");
                "something inside the node failed".to_owned()
            }
            other => other.to_string(),
        };
        let leader = self.leader().map(|leader| leader.cloned().unwrap_or_default());
        Problem { code, http, grpc, sentence, what_to_do, problems, retry_after_ms, leader }
    }

    /// As gRPC has it.
    pub(crate) fn status(&self, request_id: &str) -> Status {
        self.problem().status(request_id)
    }

    /// The leader of what lies elsewhere, if known; none where nothing was refused for that.
    fn leader(&self) -> Option<Option<&String>> {
        match self {
            Self::Refused(Refusal::Elsewhere { leader }) => Some(leader.as_ref()),
            Self::Journal(error)
            | Self::View(views::Error::Journal(error))
            | Self::Keys(guard::Error::Journal(error)) => match error {
                journal::Error::NotLeader { leader, .. } => Some(leader.as_ref()),
                journal::Error::StaleEpoch { .. } => Some(None),
                _ => None,
            },
            _ => None,
        }
    }
}

type Line = (&'static str, StatusCode, Code, &'static str);

fn stopping() -> Line {
    (
        "stopping",
        StatusCode::SERVICE_UNAVAILABLE,
        Code::Unavailable,
        "try again once the node is back; what was acknowledged goes on then",
    )
}

fn elsewhere() -> Line {
    (
        "elsewhere",
        StatusCode::SERVICE_UNAVAILABLE,
        Code::Unavailable,
        "nothing took place: try again, once the nodes agree on who leads its shard",
    )
}

fn not_recorded() -> Line {
    (
        "not_recorded",
        StatusCode::SERVICE_UNAVAILABLE,
        Code::Unavailable,
        "whether it took place is unknown: read the workflow, or repeat it with the same \
         idempotency key",
    )
}

fn internal() -> Line {
    (
        "internal",
        StatusCode::INTERNAL_SERVER_ERROR,
        Code::Internal,
        "give the request id to the operator, whose log says more",
    )
}

fn read_only() -> Line {
    (
        "read_only",
        StatusCode::SERVICE_UNAVAILABLE,
        Code::Unavailable,
        "reading still works; the operator must make room on the node's disk",
    )
}

fn corrupt() -> Line {
    (
        "corrupt",
        StatusCode::INTERNAL_SERVER_ERROR,
        Code::DataLoss,
        "stop the node and restore a backup; `autoos doctor` says what is damaged",
    )
}

fn not_found() -> Line {
    Fault::Missing(String::new()).line()
}

impl Fault {
    fn line(&self) -> Line {
        let problem = self.problem();
        (problem.code, problem.http, problem.grpc, problem.what_to_do)
    }
}

fn of_refusal(refusal: &Refusal) -> Line {
    match refusal {
        Refusal::Overloaded { .. } => Fault::Busy { what: "" }.line(),
        Refusal::Invalid(_) => Fault::Invalid(String::new()).line(),
        // Not 429: waiting a little helps nobody, and clients would try again by themselves.
        Refusal::OverLimit { .. } => (
            "over_limit",
            StatusCode::PAYMENT_REQUIRED,
            Code::ResourceExhausted,
            "ask for a smaller budget, or wait until workflows that run return what they do not \
             spend or the limit begins anew; the operator raises it with `autoos account set`",
        ),
        Refusal::Conflict(_) => (
            "idempotency_conflict",
            StatusCode::CONFLICT,
            Code::AlreadyExists,
            "send a new idempotency key, or read the workflow that has this one",
        ),
        Refusal::Missing(_) | Refusal::Rejected(Rejected::Missing) => not_found(),
        Refusal::Rejected(_) => (
            "rejected",
            StatusCode::CONFLICT,
            Code::FailedPrecondition,
            "read the workflow: it does not stand where this could be done",
        ),
        Refusal::ReadOnly(_) => read_only(),
        Refusal::Quarantined(_) => (
            "quarantined",
            StatusCode::CONFLICT,
            Code::FailedPrecondition,
            "an operator must look at it: the log has the reason, and `autoos doctor` says what is \
             damaged; then resume the workflow, and it is tried again",
        ),
        Refusal::Elsewhere { .. } => elsewhere(),
        Refusal::Stopping => stopping(),
        Refusal::Journal(_) => not_recorded(),
        // The enum is open to additions; a new one is shown rather than guessed at.
        _ => internal(),
    }
}

fn of_view(error: &views::Error) -> Line {
    match error {
        views::Error::Journal(error) => of_journal(error),
        views::Error::Damaged { .. } => corrupt(),
        views::Error::Missing(_) => not_found(),
        views::Error::BadToken => Fault::Invalid(String::new()).line(),
        views::Error::Stopped => stopping(),
        _ => internal(),
    }
}

fn of_keys(error: &guard::Error) -> Line {
    match error {
        guard::Error::Journal(error) => of_journal(error),
        guard::Error::Damaged(_) => corrupt(),
        guard::Error::Invalid(_) => Fault::Invalid(String::new()).line(),
        guard::Error::Missing(_) => not_found(),
        guard::Error::Contended => Fault::Conflict(String::new()).line(),
        guard::Error::Pepper { .. } => internal(),
        _ => internal(),
    }
}

fn of_journal(error: &journal::Error) -> Line {
    match error {
        journal::Error::Invalid(_) => Fault::Invalid(String::new()).line(),
        journal::Error::Conflict(_) | journal::Error::Sequence { .. } => (
            "conflict",
            StatusCode::CONFLICT,
            Code::Aborted,
            "read how things stand and decide again",
        ),
        journal::Error::Erased(_) => (
            "erased",
            StatusCode::GONE,
            Code::NotFound,
            "it was destroyed on request and cannot be read again",
        ),
        journal::Error::ReadOnly(_) => read_only(),
        journal::Error::Corrupt(_) => corrupt(),
        journal::Error::Halted(_) => stopping(),
        journal::Error::NotLeader { .. } | journal::Error::StaleEpoch { .. } => elsewhere(),
        journal::Error::Unconfirmed(_) => not_recorded(),
        journal::Error::Io(_) => internal(),
        _ => internal(),
    }
}

/// A problem as JSON, after RFC 9457.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    what_to_do: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    problems: &'a [String],
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl Problem {
    /// As gRPC has it.
    pub(crate) fn status(&self, request_id: &str) -> Status {
        let mut details = ErrorDetails::new();
        details.set_request_info(request_id, "");
        let what_to_do = [("what_to_do".to_owned(), self.what_to_do.to_owned())];
        details.set_error_info(self.code, "autoos.v1", what_to_do);
        if self.grpc == Code::InvalidArgument {
            if self.problems.is_empty() {
                details.add_bad_request_violation("", &self.sentence);
            }
            for problem in &self.problems {
                details.add_bad_request_violation("", problem);
            }
        }
        if let Some(ms) = self.retry_after_ms {
            details.set_retry_info(Some(Duration::from_millis(ms)));
        }
        let mut status = Status::with_error_details(self.grpc, &self.sentence, details);
        if let Some(leader) = self.leader.as_ref().and_then(|leader| leader.parse().ok()) {
            status.metadata_mut().insert(LEADER.as_str(), leader);
        }
        status
    }

    /// As REST has it.
    pub(crate) fn response(&self, request_id: &str) -> Response {
        let document = Document {
            r#type: format!("urn:autoos:problem:{}", self.code),
            title: self.http.canonical_reason().unwrap_or("Error"),
            status: self.http.as_u16(),
            code: self.code,
            detail: &self.sentence,
            what_to_do: self.what_to_do,
            problems: &self.problems,
            request_id,
            retry_after_ms: self.retry_after_ms,
        };
        let mut response = (self.http, axum::Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(leader) = self.leader.as_ref().and_then(|leader| leader.parse().ok()) {
            headers.insert(LEADER.clone(), leader);
        }
        if let Some(ms) = self.retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
        }
        if self.http == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Fault {
    /// Only marks the response: the layer that knows the request's id writes it.
    fn into_response(self) -> Response {
        let problem = self.problem();
        let mut response = problem.http.into_response();
        response.extensions_mut().insert(problem);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autoos_kernel::{
        account::{Owner, Rejected},
        id::WorkflowId,
        words::WorkflowState,
        workflow,
    };

    fn line(fault: impl Into<Fault>) -> (&'static str, u16, Code) {
        let problem = fault.into().problem();
        (problem.code, problem.http.as_u16(), problem.grpc)
    }

    #[test]
    fn refusals_keep_their_meaning_on_both_sides() {
        let id = WorkflowId(uuid::Uuid::from_u128(7));
        let overloaded = Refusal::Overloaded { limit: 3, retry_after_ms: 1_500 };
        assert_eq!(line(overloaded.clone()), ("overloaded", 429, Code::ResourceExhausted));
        assert_eq!(line(Refusal::Missing(id)), ("not_found", 404, Code::NotFound));
        let conflict = ("idempotency_conflict", 409, Code::AlreadyExists);
        assert_eq!(line(Refusal::Conflict(id)), conflict);
        let ended = Refusal::Rejected(workflow::Rejected::Ended(WorkflowState::Failed));
        assert_eq!(line(ended), ("rejected", 409, Code::FailedPrecondition));
        assert_eq!(line(Refusal::ReadOnly("full".into())), ("read_only", 503, Code::Unavailable));
        let elsewhere = Refusal::Elsewhere { leader: Some("b".into()) };
        assert_eq!(line(elsewhere), ("elsewhere", 503, Code::Unavailable));
        assert_eq!(line(Refusal::Stopping), ("stopping", 503, Code::Unavailable));
        let account = Owner { tenant: "acme".into(), user: Some("ann".into()) };
        let rejected = Rejected { asked_microusd: 2_000_000, left_microusd: 500_000, until: None };
        let over = Refusal::OverLimit { account, rejected };
        assert_eq!(line(over.clone()), ("over_limit", 402, Code::ResourceExhausted));
        let said = "the limit of user ann of tenant acme leaves $0.5, and $2 are asked for";
        assert_eq!(Fault::from(over).problem().sentence, said);
        let invalid = Refusal::Invalid(vec!["a".into(), "b".into()]);
        assert_eq!(line(invalid), ("invalid", 400, Code::InvalidArgument));

        let problem = Fault::from(overloaded).problem();
        assert_eq!(problem.response("r").headers()[header::RETRY_AFTER], "2");
        let details = problem.status("r").get_error_details();
        let retry = details.retry_info().and_then(|info| info.retry_delay);
        assert_eq!(retry, Some(Duration::from_millis(1_500)));
        assert_eq!(details.request_info().map(|info| info.request_id.as_str()), Some("r"));
    }

    #[test]
    fn what_failed_inside_is_not_told_to_the_outside() {
        let problem = Fault::Internal("/secret/path".into()).problem();
        assert!(!problem.sentence.contains("secret"));
        assert_eq!(problem.http, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
