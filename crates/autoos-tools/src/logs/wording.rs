//! How grave a message is by its wording, where no level says so.
//!
//! General words of trouble with their negations (`no errors`, `failed=0`, `error-free`), not
//! messages of known programs. Left out: levels that the log itself gives (`level`), and of what
//! kind the trouble is (`trouble`).

use super::level::Severity;
use super::piece;

/// The severity that the words of a message suggest, and whether a number beside them decides
/// (`errors=0` against `errors=3`).
pub(super) fn severity(content: &str) -> (Option<Severity>, bool) {
    let words = words(content);
    let mut worst: Option<Severity> = None;
    let mut counted = false;
    for (i, word) in words.iter().enumerate() {
        let Some(severity) = grave(&words, i) else { continue };
        counted |= is_countable(word.lower.as_str()) && near_number(&words, i);
        if !negated(&words, i) {
            worst = worst.max(Some(severity));
        }
    }
    (worst, counted)
}

/// One word of a message: a run of letters, or a run of digits.
struct Word {
    lower: String,
    /// The byte before and after it.
    before: u8,
    after: u8,
    number: bool,
}

const MAX_WORDS: usize = 120;

fn words(content: &str) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::new();
    for token in content.split_ascii_whitespace() {
        if out.len() >= MAX_WORDS {
            break;
        }
        let inner = token.trim_start_matches(['"', '\'', '(', '[', '{', '<']);
        // Files and addresses are named for what they hold; they do not say that it happened.
        if inner.starts_with('/') || inner.contains("://") || inner.contains('\\') {
            continue;
        }
        token_words(token, &mut out);
    }
    out
}

fn token_words(token: &str, out: &mut Vec<Word>) {
    let b = token.as_bytes();
    let mut at = 0;
    while at < b.len() {
        let start = at;
        if b[at].is_ascii_digit() {
            while at < b.len() && (b[at].is_ascii_digit() || b[at] == b'.') {
                at += 1;
            }
            out.push(word(b, start, at, true));
        } else if b[at].is_ascii_alphabetic() {
            while at < b.len() && (b[at].is_ascii_alphanumeric() || matches!(b[at], b'_' | b'\'')) {
                at += 1;
            }
            // `a.b.SomeException` counts by its last name, `error.log` not at all.
            if b.get(at) == Some(&b'.') && b.get(at + 1).is_some_and(u8::is_ascii_alphabetic) {
                at += 1;
                continue;
            }
            if start > 0 && b[start - 1] == b'.' && b[..start - 1].ends_with(b"..") {
                continue;
            }
            out.push(word(b, start, at, false));
        } else {
            at += 1;
        }
    }
}

fn word(b: &[u8], start: usize, end: usize, number: bool) -> Word {
    let text = &b[start..end];
    let text = text.strip_suffix(b"'").unwrap_or(text);
    // The name of an exception class says that there was one; other joined names say nothing,
    // but for what they end with: `connection_refused`.
    let lower =
        if piece::is_exception(text) && text.iter().any(u8::is_ascii_lowercase) && text.len() > 9 {
            "exception".to_owned()
        } else {
            let last = text.rsplit(|c| *c == b'_').next().unwrap_or(text);
            String::from_utf8_lossy(last).to_ascii_lowercase()
        };
    Word {
        lower,
        before: if start > 0 { b[start - 1] } else { b' ' },
        after: b.get(end).copied().unwrap_or(b' '),
        number,
    }
}

/// How grave the word at `i` is in its context, negation aside.
fn grave(words: &[Word], i: usize) -> Option<Severity> {
    let at = |k: usize| words.get(k).map_or("", |w| w.lower.as_str());
    let next = at(i + 1);
    let previous = if i > 0 { at(i - 1) } else { "" };
    let error = Some(Severity::Error);
    match words[i].lower.as_str() {
        "panic" | "fatal" | "segfault" | "oom" | "catastrophic" | "emergency" => {
            // `non-fatal` is handled as a negation.
            Some(Severity::Critical)
        }
        "segmentation" if next == "fault" => Some(Severity::Critical),
        "error" | "errors" | "failure" | "failures" | "exception" | "exceptions" => {
            let harmless =
                matches!(
                    next,
                    "handler"
                        | "handlers"
                        | "handling"
                        | "log"
                        | "logs"
                        | "logging"
                        | "page"
                        | "pages"
                        | "reporting"
                        | "reporter"
                        | "rate"
                        | "count"
                        | "counter"
                        | "counters"
                        | "budget"
                        | "correction"
                        | "threshold"
                        | "detector"
                        | "detection"
                        | "recovery"
                        | "tracking"
                        | "codes"
                ) || matches!((previous, at(i.wrapping_sub(2))), ("of", "case") | ("on" | "if", _));
            (!harmless || words[i].after == b':').then_some(Severity::Error)
        }
        "failed" | "fail" | "fails" | "refused" | "denied" | "invalid" | "unable" | "cannot"
        | "can't" | "cant" | "couldn't" | "couldnt" | "abort" | "aborted" | "aborting"
        | "crash" | "crashed" | "crashes" | "corrupt" | "corrupted" | "corruption"
        | "unreachable" | "forbidden" | "unauthorized" | "unauthorised" | "illegal"
        | "violation" | "rejected" | "exhausted" | "deadlock" | "unavailable" | "unsuccessful"
        | "malformed" | "insufficient" | "unhandled" | "uncaught" | "traceback" | "abnormal"
        | "abnormally" | "missing" | "overflow" | "mismatch" | "disallowed" | "undeliverable"
        | "econnrefused" | "etimedout" | "econnreset" | "enoent" | "eacces" | "enospc" => error,
        "could" | "can" | "did" | "does" if next == "not" => match at(i + 2) {
            "exist" => error,
            _ if previous == "we" || words[i].lower == "could" || words[i].lower == "can" => error,
            _ => Some(Severity::Warning),
        },
        "not" => match next {
            "found" | "permitted" | "allowed" | "authorized" | "accessible" | "reachable"
            | "respond" | "responding" | "available" | "running" | "connected" | "supported"
            | "recognized" => error,
            _ => None,
        },
        "no" => match (next, at(i + 2)) {
            ("such", _) | ("space", "left") | ("route", _) | ("response", _) | ("answer", _) => {
                error
            }
            _ => None,
        },
        "timed" if next == "out" => error,
        "timeout" | "timeouts" => timeout(words, i, previous, next),
        "reset" if next == "by" => error,
        "broken" if next == "pipe" => error,
        "connection" if matches!(next, "lost" | "dropped") => error,
        "too" if matches!(next, "many" | "large" | "long") => error,
        "out"
            if next == "of"
                && matches!(at(i + 2), "memory" | "space" | "disk" | "range" | "bounds") =>
        {
            error
        }
        "break" if next == "in" => error,
        "warning" | "warn" | "retry" | "retrying" | "deprecated" | "slow" | "expired"
        | "exceeded" | "degraded" | "unknown" | "unexpected" | "attack" | "suspicious" => {
            Some(Severity::Warning)
        }
        _ => None,
    }
}

/// A timeout that happened, not one that is set.
fn timeout(words: &[Word], i: usize, previous: &str, next: &str) -> Option<Severity> {
    let happened = matches!(
        next,
        "after"
            | "while"
            | "waiting"
            | "expired"
            | "exceeded"
            | "occurred"
            | "reading"
            | "connecting"
            | "error"
            | "during"
            | "on"
            | "talking"
            | "reached"
    ) || matches!(
        previous,
        "connection"
            | "connect"
            | "read"
            | "write"
            | "request"
            | "gateway"
            | "operation"
            | "lock"
            | "query"
            | "upstream"
            | "a"
            | "to"
            | "by"
    ) || words.len() <= 3;
    let set = matches!(next, "of" | "set" | "is" | "value" | "for" | "to" | "seconds" | "ms")
        || words[i].after == b'='
        || words.get(i + 1).is_some_and(|w| w.number);
    (happened && !set).then_some(Severity::Error)
}

fn is_countable(word: &str) -> bool {
    matches!(
        word,
        "error"
            | "errors"
            | "failure"
            | "failures"
            | "failed"
            | "exception"
            | "exceptions"
            | "timeout"
            | "timeouts"
            | "warning"
            | "warnings"
            | "rejected"
            | "aborted"
            | "denied"
            | "invalid"
            | "missing"
            | "refused"
            | "crashes"
            | "fatal"
            | "unreachable"
            | "retry"
            | "corrupt"
            | "corrupted"
            | "fail"
            | "unknown"
            | "expired"
            | "warn"
    )
}

fn near_number(words: &[Word], i: usize) -> bool {
    let number = |k: Option<usize>| k.and_then(|k| words.get(k)).is_some_and(|w| w.number);
    number(i.checked_sub(1))
        || number(Some(i + 1))
        || number(i.checked_sub(2))
        || number(Some(i + 2))
}

/// Whether the word at `i` is denied: `no errors`, `0 failed`, `errors=0`, `non-fatal`.
fn negated(words: &[Word], i: usize) -> bool {
    let word = &words[i];
    // `not found` and `no such` are grave in themselves.
    if matches!(word.lower.as_str(), "not" | "no" | "could" | "can" | "did" | "does" | "cannot") {
        return false;
    }
    let before = |k: usize| i.checked_sub(k).and_then(|k| words.get(k));
    let denies = |w: &Word| {
        matches!(
            w.lower.as_str(),
            "no" | "not" | "without" | "zero" | "never" | "non" | "nor" | "neither" | "none"
        )
    };
    let zero = |w: &Word| {
        w.number && w.lower.trim_end_matches('.').bytes().all(|c| matches!(c, b'0' | b'.'))
    };
    if before(1).is_some_and(|w| {
        denies(w) || (zero(w) && w.before != b'.' && w.after != b':' && is_countable(&word.lower))
    }) {
        return true;
    }
    if before(2).is_some_and(|w| {
        denies(w)
            || (zero(w)
                && matches!(w.after, b' ')
                && is_countable(&word.lower)
                && before(1).is_some_and(|w| !w.number))
    }) && before(1).is_some_and(|w| !matches!(w.after, b',' | b';' | b':' | b'.'))
    {
        return true;
    }
    if before(1).is_some_and(|w| {
        matches!(w.lower.as_str(), "recovered" | "resolved" | "cleared" | "ignored")
    }) {
        return true;
    }
    let Some(next) = words.get(i + 1) else { return false };
    let assigned = matches!(word.after, b'=' | b':' | b'"');
    if assigned
        && matches!(
            next.lower.as_str(),
            "none" | "null" | "false" | "nil" | "ok" | "success" | "no"
        )
    {
        return true;
    }
    if word.after == b'-' && next.lower == "free" {
        return true;
    }
    let code = |w: &Word| matches!(w.lower.as_str(), "code" | "count" | "status" | "number");
    is_countable(&word.lower)
        && ((zero(next)
            && matches!(word.after, b'=' | b':' | b' ' | b'(')
            && next.after != b'.'
            && next.after != b':')
            || (code(next) && words.get(i + 2).is_some_and(zero)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(content: &str) -> Option<Severity> {
        severity(content).0
    }

    #[test]
    fn trouble_is_heard() {
        for content in [
            "authentication failure; user=x",
            "Connection refused by 10.0.0.1",
            "open /x: no such file or directory",
            "request timed out",
            "read timeout on socket",
            "java.lang.NullPointerException: x",
            "unable to bind",
            "can't get client address",
            "Permission denied (publickey)",
            "exit: connection_refused",
            "3 errors found",
            "failed=2 ok=7",
            "could not open device",
            "ALERT exited abnormally with [1]",
            "error: code 7",
            "Traceback (most recent call last):",
        ] {
            assert!(judged(content) >= Some(Severity::Error), "{content}");
        }
        assert_eq!(judged("kernel panic - not syncing"), Some(Severity::Critical));
        assert_eq!(judged("disk is slow"), Some(Severity::Warning));
    }

    #[test]
    fn denied_and_harmless_trouble_is_not() {
        for content in [
            "no errors found",
            "0 errors, 0 warnings",
            "errors=0 failed=0",
            "finished without any errors",
            "error: none",
            "completed, 0 failed",
            "non-fatal condition",
            "error-free run",
            "wrote /var/log/error.log",
            "loaded ErrorHandler",
            "error handler installed",
            "timeout set to 30",
            "session timeout = 500",
            "negotiated timeout 4000 for client",
            "error code 0",
            "exit error_count=0",
            "no authentication failures",
            "failures: 0",
            "not failed",
            "see https://x.example/failed",
            "all is well",
            "on error, retries later",
        ] {
            assert!(judged(content) < Some(Severity::Error), "{content}: {:?}", judged(content));
        }
    }

    #[test]
    fn numbers_beside_decide() {
        assert_eq!(severity("scan done errors=0"), (None, true));
        assert_eq!(severity("scan done errors=4"), (Some(Severity::Error), true));
        assert!(!severity("scan failed").1);
    }
}
