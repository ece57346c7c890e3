//! Of what kind the trouble is that a message tells of, by its wording.
//!
//! Families of phrases, the most telling first; a message that holds none has no kind. Left out:
//! causes, which no wording shows, and how grave it is (`wording`).

/// What kind of trouble a message tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trouble<'a> {
    /// One or two words: `authentication`, `connectivity`, …
    pub(super) kind: &'static str,
    /// The words of the message that say so, as they stand there.
    pub(super) evidence: &'a str,
}

/// Kinds with the phrases that show them, the most telling first.
const KINDS: [(&str, &[&str]); 11] = [
    (
        "resource exhaustion",
        &[
            "out of memory",
            "outofmemory",
            "no space left",
            "disk full",
            "too many open files",
            "quota exceeded",
            "memory exhausted",
            "pool exhausted",
            "exhausted",
            "insufficient",
            "heap space",
            "too many connections",
            "queue full",
            "queue is full",
            "oom",
        ],
    ),
    (
        "crash",
        &[
            "panic",
            "segfault",
            "segmentation fault",
            "core dump",
            "crash",
            "exited abnormally",
            "abnormally",
            "unhandled exception",
            "uncaught exception",
            "uncaught",
            "unhandled",
            "killed",
            "aborted",
        ],
    ),
    (
        "authentication",
        &[
            "authentication fail",
            "auth fail",
            "failed password",
            "invalid user",
            "user unknown",
            "unknown user",
            "invalid credential",
            "invalid password",
            "bad password",
            "wrong password",
            "login fail",
            "failed login",
            "unauthorized",
            "unauthorised",
            "authentication",
            "authenticate",
            "credential",
            "password",
            "invalid token",
            "token expired",
        ],
    ),
    (
        "permission",
        &[
            "permission denied",
            "access denied",
            "not permitted",
            "not allowed",
            "forbidden",
            "privilege",
            "denied",
            "eacces",
        ],
    ),
    ("timeout", &["timed out", "timeout", "time out", "deadline exceeded", "etimedout"]),
    (
        "connectivity",
        &[
            "connection refused",
            "connection reset",
            "reset by peer",
            "broken pipe",
            "unreachable",
            "no route",
            "econnrefused",
            "econnreset",
            "not connected",
            "connection",
            "connect",
            "socket",
            "network",
            "getaddrinfo",
            "resolve",
            "dns",
            "disconnect",
            "refused",
            "upstream",
            "end of stream",
        ],
    ),
    (
        "missing file or object",
        &["no such file", "not found", "does not exist", "no such", "missing", "enoent"],
    ),
    (
        "damaged or invalid data",
        &[
            "corrupt",
            "checksum",
            "malformed",
            "parse error",
            "syntax error",
            "cannot parse",
            "decode",
            "unmarshal",
            "parity",
            "mismatch",
            "schema",
        ],
    ),
    (
        "configuration",
        &[
            "config",
            "unrecognized option",
            "unknown option",
            "invalid option",
            "property",
            "setting",
        ],
    ),
    ("concurrency", &["deadlock", "lock wait", "conflict"]),
    (
        "invalid input",
        &["invalid", "illegal", "unexpected", "out of range", "unsupported", "not supported"],
    ),
];

/// The kind of trouble that an HTTP status stands for, and the status's own words.
pub(super) fn status(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("invalid input", "bad request"),
        401 => ("authentication", "unauthorized"),
        403 => ("permission", "forbidden"),
        404 => ("missing file or object", "not found"),
        408 => ("timeout", "request timeout"),
        429 => ("resource exhaustion", "too many requests"),
        502 => ("connectivity", "bad gateway"),
        503 => ("unavailability", "service unavailable"),
        504 => ("timeout", "gateway timeout"),
        _ if status < 500 => ("invalid input", "client error"),
        _ => ("server failure", "server error"),
    }
}

/// The kind of trouble by the wording, `None` where no phrase shows one.
pub(super) fn trouble(content: &str) -> Option<Trouble<'_>> {
    // Lower case in ASCII alone, so that places are the same in both texts.
    let lower = content.to_ascii_lowercase();
    KINDS.iter().find_map(|(kind, phrases)| {
        let (at, len) = phrases.iter().find_map(|p| place(&lower, p).map(|at| (at, p.len())))?;
        let rest = lower[at + len..].bytes().take_while(u8::is_ascii_alphanumeric).count();
        Some(Trouble { kind, evidence: content.get(at..at + len + rest)? })
    })
}

/// Where `phrase` stands in `text` at the start of a word; long ones also within a joined word.
fn place(text: &str, phrase: &str) -> Option<usize> {
    text.match_indices(phrase)
        .map(|(at, _)| at)
        .find(|at| *at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric() || phrase.len() > 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_the_wording() {
        for (content, kind) in [
            ("Failed password for root", Some("authentication")),
            ("open x: permission denied", Some("permission")),
            ("dial tcp: connection refused", Some("connectivity")),
            ("query timed out after 5 s", Some("timeout")),
            ("java.lang.OutOfMemoryError: heap", Some("resource exhaustion")),
            ("open x: no such file or directory", Some("missing file or object")),
            ("checksum wrong in block", Some("damaged or invalid data")),
            ("it went wrong", None),
            ("a blocked door", None),
        ] {
            assert_eq!(trouble(content).map(|t| t.kind), kind, "{content}");
        }
    }

    #[test]
    fn evidence_is_quoted_as_it_stands() {
        let found = trouble("PAM: Authentication failures for x").expect("a kind");
        assert_eq!(found.evidence, "Authentication failures");
    }
}
