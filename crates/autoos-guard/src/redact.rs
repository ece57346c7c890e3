//! Masking of secrets in texts that people read. A net under code that does not print secrets in
//! the first place: it knows shapes, so a secret of no known shape passes.

use regex::{Captures, Regex};
use std::{
    borrow::Cow,
    io::{self, Write},
    sync::LazyLock,
};

/// What stands in a secret's place.
const MASK: &str = "[redacted]";

/// Each alternative keeps its first group, which tells what it was, and masks the rest.
static SHAPES: LazyLock<Regex> = LazyLock::new(|| {
    let shapes = [
        // Our own keys, and any truncated one that still holds some of it.
        r"\b(aos_)[A-Za-z0-9]{8,}",
        // OpenAI, Anthropic, OpenRouter, DeepSeek and others.
        r"\b(sk-(?:ant-|proj-|or-)?)[A-Za-z0-9_-]{16,}",
        // Google.
        r"\b(AIza)[A-Za-z0-9_-]{30,}",
        // Groq, xAI, Hugging Face, Replicate, Perplexity.
        r"\b(gsk_|xai-|hf_|r8_|pplx-)[A-Za-z0-9]{16,}",
        // GitHub, GitLab, Slack, AWS.
        r"\b(gh[pousr]_|github_pat_|glpat-)[A-Za-z0-9_-]{16,}",
        r"\b(xox[abeoprs]-)[A-Za-z0-9-]{10,}",
        r"\b(AKIA|ASIA)[A-Z0-9]{16}\b",
        // JSON web tokens.
        r"\b(eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        // By the place that it stands in: headers, assignments, JSON, query strings.
        r"(?i:\b(bearer )[A-Za-z0-9._~+/=-]{8,})",
        concat!(
            r#"(?i:((?:x-api-key|x-goog-api-key|api[_-]?key|access[_-]?token|client[_-]?secret"#,
            r#"|password)["']?\s*[:=]\s*["']?)[^\s"'&,;}\[\]]{6,})"#
        ),
    ];
    Regex::new(&shapes.join("|")).expect("the shapes are valid patterns")
});

/// `text` with everything that looks like a secret masked; what kind it was stays readable.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    SHAPES.replace_all(text, |found: &Captures<'_>| {
        let kept = found.iter().skip(1).flatten().next().map_or("", |group| group.as_str());
        format!("{kept}{MASK}")
    })
}

/// A writer that masks what goes through it. Each call of `write` is masked by itself, so it is
/// for those who hand over whole lines, as loggers do.
#[derive(Debug)]
pub struct Redacted<W>(pub W);

impl<W: Write> Write for Redacted<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match redact(&String::from_utf8_lossy(line)) {
            // Nothing to mask: the bytes go through as they are, whatever they are.
            Cow::Borrowed(_) => self.0.write_all(line)?,
            Cow::Owned(masked) => self.0.write_all(masked.as_bytes())?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn masks_known_shapes_and_keeps_their_kind() {
        let own = Secret::random();
        let cases = [
            (format!("denied {} of ann", own.expose()), "denied aos_[redacted] of ann"),
            (concat!("sk-ant-", "api03-abcdefghijklmnop").into(), "sk-ant-[redacted]"),
            ("OPENAI sk-proj-abcdefghijklmnop1234.".into(), "OPENAI sk-proj-[redacted]."),
            (format!("AIza{}", "x".repeat(35)), "AIza[redacted]"),
            ("gsk_abcdefghijklmnop1234 failed".into(), "gsk_[redacted] failed"),
            ("token ghp_abcdefghijklmnop1234".into(), "token ghp_[redacted]"),
            ("AKIAABCDEFGHIJKLMNOP".into(), "AKIA[redacted]"),
            ("Authorization: Bearer abc.def-ghi".into(), "Authorization: Bearer [redacted]"),
            ("X-API-Key: dev-key-123".into(), "X-API-Key: [redacted]"),
            (r#"{"api_key": "hunter22x", "n": 1}"#.into(), r#"{"api_key": "[redacted]", "n": 1}"#),
            ("GET /v1?key=a&api_key=s3cr3t99&x=1".into(), "GET /v1?key=a&api_key=[redacted]&x=1"),
            ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl".into(), "eyJ[redacted]"),
        ];
        for (text, masked) in cases {
            assert_eq!(redact(&text), masked);
            // What is masked stays as it is.
            assert_eq!(redact(masked), masked);
        }
    }

    #[test]
    fn leaves_other_texts_alone() {
        for text in [
            "step analyze-logs failed: rate_limit",
            "wf-01980000-0000-7000-8000-000000000000 took 12 ms",
            "task-kind sk-1 of the risk-level",
            "the password was wrong",
            "an API key is needed: send it in the header X-API-Key",
            "aos_ is what keys begin with",
            "",
        ] {
            assert!(matches!(redact(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn a_writer_masks_lines_and_passes_other_bytes() {
        let own = Secret::random();
        let mut out = Redacted(Vec::new());
        writeln!(out, "key={}", own.expose()).unwrap();
        out.write_all(b"\xff raw\n").unwrap();
        out.flush().unwrap();
        assert!(!String::from_utf8_lossy(&out.0).contains(&own.expose()[4..12]));
        assert!(out.0.ends_with(b"\xff raw\n"));
    }
}
