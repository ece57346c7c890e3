//! What is known of a request besides its body: who asks, its id, its trace.

use crate::fault::Fault;
use autoos_journal::{Position, Trace};
use autoos_kernel::id::Shard;
use axum::http::{HeaderMap, header};
use std::{sync::Arc, time::Duration};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Whose key it is: what the caller may see.
    pub(crate) tenant: String,
    /// What people call the key; stands for the user where a request names none.
    pub(crate) name: String,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) caller: Caller,
    /// Whether it comes from the node's own machine.
    pub(crate) here: bool,
    pub(crate) request_id: Arc<str>,
    pub(crate) trace: Option<Trace>,
}

/// The client's own id for a request, where it sent one that can be written into a log.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    let fits = (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(id)
}

/// The W3C trace context; one that does not parse is none, as its rules want it.
pub(crate) fn trace(headers: &HeaderMap) -> Option<Trace> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let flags = parts.next()?;
    let hex = |text: &str, len| {
        text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let shaped = hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    if !shaped || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
    let span_id = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
    let sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
    Some(Trace { trace_id, span_id, sampled })
}

/// The position that an answer must not lie before: `SHARD:OFFSET` in `x-autoos-after`, as answers
/// to commands give it.
pub(crate) fn after(headers: &HeaderMap) -> Result<Option<Position>, Fault> {
    let Some(text) = headers.get("x-autoos-after") else { return Ok(None) };
    let parsed = || {
        let (shard, offset) = text.to_str().ok()?.split_once(':')?;
        Some(Position { shard: Shard(shard.parse().ok()?), offset: offset.parse().ok()? })
    };
    let wrong = || Fault::Invalid("x-autoos-after is SHARD:OFFSET, as 3:128 is".into());
    parsed().map(Some).ok_or_else(wrong)
}

/// Whether gRPC is spoken, grpc-web included.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let content = headers.get(header::CONTENT_TYPE);
    content.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// How long a gRPC client is willing to wait.
pub(crate) fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(n * 3_600),
        "M" => Duration::from_secs(n * 60),
        "S" => Duration::from_secs(n),
        "m" => Duration::from_millis(n),
        "u" => Duration::from_micros(n),
        "n" => Duration::from_nanos(n),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            axum::http::HeaderName::from_static(name),
            value.parse().expect("a header"),
        )])
    }

    #[test]
    fn trace_contexts_parse_or_are_left_out() {
        let parse = |text: &str| trace(&headers("traceparent", text));
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = parse(good).expect("parses");
        assert_eq!(trace.span_id, 0xb7ad_6b71_6920_3331);
        assert_eq!(trace.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert!(trace.sampled);
        assert!(!parse(&good.replace("-01", "-00")).expect("parses").sampled);
        let later = format!("01{}-more", &good[2..]);
        assert_eq!(parse(&later), Some(trace));
        for bad in [
            "",
            "00",
            &good[..54],
            &format!("{good}-more"),
            &format!("ff{}", &good[2..]),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn timeouts_of_grpc_parse() {
        let parse = |text: &str| grpc_timeout(&headers("grpc-timeout", text));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("2S"), Some(Duration::from_secs(2)));
        assert_eq!((parse("2"), parse("S"), parse("2x")), (None, None, None));
        assert_eq!(parse("123456789S"), None);
    }

    #[test]
    fn ids_that_would_spoil_a_log_are_not_taken() {
        assert_eq!(request_id(&headers("x-request-id", "req-1")), Some("req-1"));
        assert_eq!(request_id(&headers("x-request-id", "a b")), None);
        assert_eq!(request_id(&headers("x-request-id", &"x".repeat(129))), None);
    }
}
